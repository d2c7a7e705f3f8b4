/* SPDX-License-Identifier: MIT
 *
 * test_jsonschema.c - what a JSON schema may not say, by its path; the form of grammars; their
 * limits; failing allocations. What texts grammars let through is tests/engine/test_schema_texts.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/grammar/jsonschema.h"

static persona_code translate(const char *schema, char **g, persona_err *e)
{
    json_doc *d = NULL;
    persona_err bad = {0};
    *g = NULL;
    if (json_parse(schema, strlen(schema), "schema", &d, &bad) != PERSONA_OK) {
        fail_msg("%s: %s", schema, bad.msg);
    }
    const persona_code rc = json_schema_grammar(json_root(d), "f.schema", g, e);
    json_free(d);
    return rc;
}

static const struct {
    const char *schema, *start; /* of the message, behind "f.schema" */
} REFUSED[] = {
    {"{\"properties\":{\"age\":{\"multipleOf\":2}}}", ".properties.age.multipleOf: not supported"},
    {"{\"items\":{\"uniqueItems\":true}}", ".items.uniqueItems: not supported"},
    {"{\"patternProperties\":{}}", ".patternProperties: not supported"},
    {"{\"not\":{}}", ".not: not supported"},
    {"{\"if\":{}}", ".if: not supported"},
    {"{\"minProperties\":1}", ".minProperties: not supported"},
    {"{\"anyOf\":[{},{\"prefixItems\":[true,{\"contains\":{}}]}]}",
     ".anyOf[1].prefixItems[1].contains: not supported"},
    {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"dependentRequired\":{}}}}",
     ".$defs.a.dependentRequired: not supported"},
    {"{\"additionalProperties\":{\"foo\":1}}", ".additionalProperties.foo: not supported"},
    {"false", ": allows nothing"},
    {"{\"properties\":{\"a\":false}}", ".properties.a: allows nothing"},
    {"3", ": must be a schema"},
    {"{\"items\":null}", ".items: must be a schema"},
    {"{\"items\":[{}]}", ".items: a list is not supported"},
    {"{\"type\":\"text\"}", ".type: must be null"},
    {"{\"type\":[]}", ".type: must be null"},
    {"{\"type\":[\"string\",\"text\"]}", ".type: must be null"},
    {"{\"type\":7}", ".type: must be null"},
    {"{\"properties\":[]}", ".properties: must be an object"},
    {"{\"required\":\"a\"}", ".required: must be a list of names"},
    {"{\"required\":[1]}", ".required: must be a list of names"},
    {"{\"required\":[\"a\"],\"additionalProperties\":false}", ".a: required, but no property"},
    {"{\"properties\":{\"a\":{},\"a\":{}}}", ".a: a property that is there twice"},
    {"{\"additionalProperties\":3}", ".additionalProperties: must be true, false or a schema"},
    {"{\"properties\":{\"\xC3\xA9\":{}},\"additionalProperties\":true}",
     ".additionalProperties: supported only beside names"},
    {"{\"enum\":[]}", ".enum: must be a list of values"},
    {"{\"enum\":\"a\"}", ".enum: must be a list of values"},
    {"{\"enum\":[[1]]}", ".enum: arrays and objects"},
    {"{\"const\":{}}", ".const: arrays and objects"},
    {"{\"const\":1e300}", ".const: a number is too large"},
    {"{\"type\":\"string\",\"enum\":[1,2]}", ".enum: no value has the type"},
    {"{\"enum\":[1],\"minimum\":0}", ".minimum: not supported beside enum"},
    {"{\"anyOf\":[]}", ".anyOf: must be a list of schemas"},
    {"{\"anyOf\":[{}],\"type\":\"object\"}", ".type: not supported beside anyOf"},
    {"{\"oneOf\":[{}],\"anyOf\":[{}]}", ".oneOf: not supported beside anyOf"},
    {"{\"allOf\":[]}", ".allOf: must be a list of schemas"},
    {"{\"allOf\":[{\"type\":\"integer\"},{\"type\":\"integer\"}]}",
     ".allOf[0].type: not supported in"},
    {"{\"allOf\":[{\"properties\":{}},{\"additionalProperties\":false}]}",
     ".allOf[1].additionalProperties: not supported in allOf"},
    {"{\"allOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"a\":{}}}]}",
     ".allOf[1].a: a property that is there twice"},
    {"{\"allOf\":[true,{}]}", ".allOf[0]: must be the schema of an object"},
    {"{\"$ref\":\"#/$defs/none\"}", ".$ref: leads nowhere"},
    {"{\"$ref\":\"http://a/b\"}", ".$ref: leads nowhere"},
    {"{\"$ref\":\"#a\"}", ".$ref: leads nowhere"},
    {"{\"$ref\":3}", ".$ref: leads nowhere"},
    {"{\"$ref\":\"#\",\"$defs\":{}}", ".$ref: leads in a circle"},
    {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":"
     "\"#/$defs/a\"}}}",
     ".$defs.b.$ref: leads in a circle"},
    {"{\"$ref\":\"#/$defs/a\",\"type\":\"string\",\"$defs\":{\"a\":{}}}",
     ".type: not supported beside $ref"},
    {"{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#\"}]}", ": is one of its own alternatives"},
    {"{\"items\":{\"anyOf\":[{\"anyOf\":[{\"$ref\":\"#/items\"}]}]}}",
     ".items: is one of its own alternatives"},
    {"{\"minItems\":-1}", ".minItems: must be a whole number"},
    {"{\"minItems\":1.5}", ".minItems: must be a whole number"},
    {"{\"maxItems\":\"2\"}", ".maxItems: must be a whole number"},
    {"{\"maxLength\":2001}", ".maxLength: must be a whole number from 0 to 2000"},
    {"{\"minItems\":3,\"maxItems\":2}", ".minItems: 3 is more than the 2"},
    {"{\"minLength\":3,\"maxLength\":2}", ".minLength: 3 is more than the 2"},
    {"{\"prefixItems\":[{}],\"items\":false,\"minItems\":2}", ".minItems: 2 is more than the 1"},
    {"{\"prefixItems\":[]}", ".prefixItems: must be a list of schemas"},
    {"{\"type\":\"number\",\"maximum\":1}", ".maximum: supported only for the type integer"},
    {"{\"minimum\":1}", ".minimum: supported only for the type integer"},
    {"{\"type\":\"integer\",\"minimum\":\"1\"}", ".minimum: must be a number"},
    {"{\"type\":\"integer\",\"exclusiveMaximum\":true}", ".exclusiveMaximum: must be a number"},
    {"{\"type\":\"integer\",\"minimum\":1e16}", ".minimum: must be a number within"},
    {"{\"type\":\"integer\",\"minimum\":1.2,\"maximum\":1.8}", ": no whole number is within"},
    {"{\"format\":\"email\"}", ".format: only date"},
    {"{\"format\":\"date\",\"minLength\":3}", ".minLength: not supported beside format"},
    {"{\"format\":\"date\",\"pattern\":\"^a$\"}", ".format: not supported beside pattern"},
    {"{\"pattern\":\"a\"}", ".pattern: must begin with ^"},
    {"{\"pattern\":\"^a\\\\$\"}", ".pattern: must begin with ^"},
    {"{\"pattern\":3}", ".pattern: must begin with ^"},
    {"{\"pattern\":\"^a|b$\"}", ".pattern: alternatives must stand in a group"},
    {"{\"pattern\":\"^(a$\"}", ".pattern: a group is not closed"},
    {"{\"pattern\":\"^a)$\"}", ".pattern: a group is closed that is not open"},
    {"{\"pattern\":\"^(?=a)$\"}", ".pattern: groups that look around"},
    {"{\"pattern\":\"^(a*)*$\"}", ".pattern: a repetition of something that may be empty"},
    {"{\"pattern\":\"^(a|)+$\"}", ".pattern: a repetition of something that may be empty"},
    {"{\"pattern\":\"^(a?b*){2}$\"}", ".pattern: a repetition of something that may be empty"},
    {"{\"pattern\":\"^a**$\"}", ".pattern: a repetition of a repetition"},
    {"{\"pattern\":\"^*$\"}", ".pattern: only ^ in front"},
    {"{\"pattern\":\"^a^$\"}", ".pattern: only ^ in front"},
    {"{\"pattern\":\"^\\\\bx$\"}", ".pattern: an escape is not supported"},
    {"{\"pattern\":\"^[\\\\S]$\"}", ".pattern: an escape in a class"},
    {"{\"pattern\":\"^[a$\"}", ".pattern: a class is not closed"},
    {"{\"pattern\":\"^[]$\"}", ".pattern: a class allows no letter"},
    {"{\"pattern\":\"^[\\\"]$\"}", ".pattern: a class allows no letter"},
    {"{\"pattern\":\"^[z-a]$\"}", ".pattern: a range in a class"},
    {"{\"pattern\":\"^a{,3}$\"}", ".pattern: a repetition is not"},
    {"{\"pattern\":\"^a{0}$\"}", ".pattern: a repetition is not"},
    {"{\"pattern\":\"^a{3,2}$\"}", ".pattern: 3 is more than the 2"},
    {"{\"pattern\":\"^a{1,3000}$\"}", ".pattern: too many repetitions"},
    {"{\"const\":\"a\\u0000b\"}", ": contains U+0000"},
    {"{\"properties\":{\"a\\u0000\":{}}}", ": contains U+0000"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        persona_err e = {0};
        char *g = NULL;
        const persona_code rc = translate(REFUSED[i].schema, &g, &e);
        const char *rest = strncmp(e.msg, "f.schema", 8) == 0 ? e.msg + 8 : "";
        if (rc != PERSONA_E_USAGE || g != NULL ||
            strncmp(rest, REFUSED[i].start, strlen(REFUSED[i].start)) != 0) {
            fail_msg("%s\nwanted f.schema%s\ngot    %s", REFUSED[i].schema, REFUSED[i].start,
                     e.msg);
        }
    }
}

/* Notes change nothing, nor do keywords of another type. */
static void notes(void **state)
{
    (void)state;
    char *a = NULL, *b = NULL;
    persona_err e = {0};
    assert_int_equal(translate("{\"type\":\"integer\"}", &a, &e), PERSONA_OK);
    assert_int_equal(translate("{\"$schema\":\"x\",\"$id\":\"y\",\"title\":\"t\",\"description\":1,"
                               "\"default\":{},\"examples\":[],\"$comment\":\"c\",\"deprecated\":1,"
                               "\"readOnly\":true,\"writeOnly\":true,\"$defs\":{\"z\":{\"not\":1}},"
                               "\"definitions\":{},\"type\":\"integer\",\"maxLength\":2,"
                               "\"uniqueItems\":false}",
                               &b, &e),
                     PERSONA_OK);
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
}

static void form(void **state)
{
    (void)state;
    char *g = NULL;
    persona_err e = {0};
    assert_int_equal(
        translate("{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"const\":\"(\"}},"
                  "\"required\":[\"a\"]}",
                  &g, &e),
        PERSONA_OK);
    assert_string_equal(g, "root ::= n0\n"
                           "n0 ::= \"{\" ws n0-a0 ws \"}\"\n"
                           "n0-a0 ::= \"\\\"a\\\"\" \":\" ws n1 n0-b1\n"
                           "n0-b0 ::= \",\" ws \"\\\"a\\\"\" \":\" ws n1 n0-b1\n"
                           "n0-b1 ::= \",\" ws \"\\\"b\\\"\" \":\" ws n2 n0-b2 | n0-b2\n"
                           "n0-b2 ::= \"\"\n"
                           "n0-a2 ::= \"\"\n"
                           "n1 ::= integer\n"
                           "n2 ::= \"\\\"\\x28\\\"\"\n"
                           "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"
                           "ws ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n");
    mem_free(g);
}

/* A schema with n properties of their own schemas. */
static char *wide(size_t n, const char *each)
{
    buf b;
    buf_init(&b, (size_t)1 << 20);
    buf_puts(&b, "{\"properties\":{");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s\"p%zu\":%s", i > 0 ? "," : "", i, each);
    }
    buf_puts(&b, "}}");
    return buf_take(&b);
}

static void limits(void **state)
{
    (void)state;
    const struct {
        size_t n;
        const char *each, *word; /* NULL: it is fine */
    } CASES[] = {
        {100, "{\"type\":\"string\"}", NULL},
        {10, "{\"maxLength\":2000}", NULL},
        {11, "{\"maxLength\":2000}", "too many repetitions"},
        {1500, "true", "too large"},
        {2040, "true", "parts"},
        {5000, "true", "too many properties"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char *schema = wide(CASES[i].n, CASES[i].each), *g = NULL;
        persona_err e = {0};
        const persona_code rc = translate(schema, &g, &e);
        if (rc != (CASES[i].word == NULL ? PERSONA_OK : PERSONA_E_USAGE) ||
            (CASES[i].word != NULL && strstr(e.msg, CASES[i].word) == NULL)) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        assert_true(g == NULL || strlen(g) <= JSON_GRAMMAR_MAX);
        mem_free(g);
        mem_free(schema);
    }
}

/* Ten thousand schemas in each other: no stack is used up. */
static void deep(void **state)
{
    (void)state;
    buf b;
    persona_err e = {0};
    char *g = NULL;
    for (size_t n = 500; n <= 10000; n += 9500) {
        buf_init(&b, (size_t)1 << 20);
        for (size_t i = 0; i < n; i++) {
            buf_puts(&b, "{\"items\":");
        }
        buf_puts(&b, "{\"type\":\"null\"}");
        for (size_t i = 0; i < n; i++) {
            buf_putc(&b, '}');
        }
        assert_int_equal(translate(buf_str(&b), &g, &e), n == 500 ? PERSONA_OK : PERSONA_E_USAGE);
        mem_free(g);
        buf_free(&b);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    static const char SCHEMA[] =
        "{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"properties\":{\"b\":{\"pattern\":\"^(a|b)+$\"}}}],"
        "\"$defs\":{\"a\":{\"properties\":{\"x\":{\"enum\":[1,\"y\",null]},\"z\":{\"properties\":{"
        "\"q\":{\"anyOf\":[{\"type\":\"array\",\"prefixItems\":[{},{\"type\":\"integer\","
        "\"minimum\":4}]}]}},\"additionalProperties\":{\"type\":\"string\",\"maxLength\":3}}}}}}";
    json_doc *d = NULL;
    persona_err e = {0};
    bool done = false;
    assert_int_equal(json_parse(SCHEMA, strlen(SCHEMA), "schema", &d, &e), PERSONA_OK);
    for (size_t k = 1; !done; k++) {
        char *g = NULL;
        persona_mem_fail_at(k);
        const persona_code rc = json_schema_grammar(json_root(d), "s", &g, &e);
        persona_mem_fail_at(0);
        done = rc == PERSONA_OK;
        if (!done && (rc != PERSONA_E_NOMEM || g != NULL || k > 10000)) {
            fail_msg("allocation %zu: %s: %s", k, persona_code_name(rc), e.msg);
        }
        assert_true(!done || k > 20);
        mem_free(g);
    }
    json_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused), cmocka_unit_test(notes), cmocka_unit_test(form),
        cmocka_unit_test(limits),  cmocka_unit_test(deep),  cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
