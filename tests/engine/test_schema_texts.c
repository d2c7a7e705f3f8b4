/* SPDX-License-Identifier: MIT
 *
 * test_schema_texts.c - grammars made of JSON schemas, in libllama's hands: what texts they let
 * through, letter by letter, and that what a model writes under them is what the schema allows.
 */
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "core/grammar/jsonschema.h"
#include "engine/engine.h"
#include "models.h"

static char *grammar_of(const char *schema)
{
    json_doc *d = NULL;
    persona_err e = {0};
    char *g = NULL;
    must(json_parse(schema, strlen(schema), "schema", &d, &e), &e);
    must(json_schema_grammar(json_root(d), "s", &g, &e), &e);
    json_free(d);
    return g;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool allowed(struct llama_sampler *g, llama_token t)
{
    llama_token_data one = {.id = t, .logit = 1.0F};
    llama_token_data_array cur = {.data = &one, .size = 1, .selected = -1};
    llama_sampler_apply(g, &cur);
    return one.logit > -INFINITY;
}

/* Whether the whole text is one of the grammar's. */
static bool accepts(const persona_model *m, const char *grammar, const char *text)
{
    persona_tokens t;
    persona_err e = {0};
    struct llama_sampler *g = llama_sampler_init_grammar(m->vocab, grammar, "root");
    if (g == NULL) {
        fail_msg("libllama does not read: %s", grammar);
    }
    must(persona_tokenize(m, text, false, &t, &e), &e);
    bool ok = true;
    for (size_t i = 0; i < t.n && ok; i++) {
        ok = allowed(g, t.ids[i]);
        if (ok) {
            llama_sampler_accept(g, t.ids[i]);
        }
    }
    ok = ok && allowed(g, llama_vocab_eos(m->vocab));
    persona_tokens_free(&t);
    llama_sampler_free(g);
    return ok;
}

#define MANY 12

static const struct {
    const char *schema, *good[MANY], *bad[MANY];
} TEXTS[] = {
    {"{\"type\":\"null\"}", {"null"}, {"", "nul", "\"null\"", " null", "null "}},
    {"{\"type\":\"boolean\"}", {"true", "false"}, {"True", "1"}},
    {"{\"type\":\"integer\"}",
     {"0", "-0", "12", "-9999999999999999"},
     {"01", "1.0", "1e3", "+1", "-", "99999999999999999"}},
    {"{\"type\":\"number\"}",
     {"0", "-1.5", "2e10", "1.25E-7"},
     {".5", "1.", "00", "1e", "1e400", "NaN", "0x1"}},
    {"{\"type\":\"string\"}",
     {"\"\"", "\"a\"", "\"\\\"\"", "\"\\u00e9\"", "\"caf\xC3\xA9 \xF0\x9F\x8D\xB2\"",
      "\"\\uD7ff\""},
     {"\"", "a", "\"a\nb\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"a\"b\""}},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
     {"\"ab\"", "\"abc\"", "\"\xC3\xA9\xC3\xA9\xC3\xA9\"", "\"\\n\\n\""},
     {"\"\"", "\"a\"", "\"abcd\""}},
    {"{\"type\":\"string\",\"maxLength\":0}", {"\"\""}, {"\"a\""}},
    {"{\"minLength\":1}", {"\"a\"", "\"abcdefgh\""}, {"\"\"", "1"}},
    {"{\"type\":[\"string\",\"null\"]}", {"\"x\"", "null"}, {"1", "true"}},
    {"{\"type\":\"integer\",\"nullable\":true}", {"3", "null"}, {"true"}},
    {"{\"enum\":[\"a\\\"(b\",1,-2.5,true,null]}",
     {"\"a\\\"(b\"", "1", "-2.5", "true", "null"},
     {"\"a\"", "2", "false", "1.0"}},
    {"{\"type\":\"string\",\"enum\":[\"x\",1]}", {"\"x\""}, {"1"}},
    {"{\"const\":\"caf\xC3\xA9\"}", {"\"caf\xC3\xA9\""}, {"\"cafe\""}},
    {"{\"type\":\"integer\",\"minimum\":0,\"maximum\":9}", {"0", "9"}, {"10", "-1", "00"}},
    {"{\"type\":\"integer\",\"minimum\":18}",
     {"18", "19", "99", "100", "9999999999999999"},
     {"17", "9", "0", "-20", "018"}},
    {"{\"type\":\"integer\",\"maximum\":-5}", {"-5", "-6", "-10", "-123456"}, {"-4", "0", "5"}},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":-3.5,\"exclusiveMaximum\":2}",
     {"-3", "-1", "0", "1"},
     {"-4", "2", "-0", "10"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
     {"[]", "[1]", "[1,2]", "[1, 2, 3]", "[\n  1,\n  2\n]"},
     {"[1,]", "[,1]", "[1 2]", "[\"a\"]", "[1"}},
    {"{\"items\":{\"type\":\"null\"},\"minItems\":2,\"maxItems\":3}",
     {"[null,null]", "[null,null,null]"},
     {"[]", "[null]", "[null,null,null,null]"}},
    {"{\"items\":{\"type\":\"null\"},\"maxItems\":1}", {"[]", "[null]"}, {"[null,null]"}},
    {"{\"items\":{\"type\":\"null\"},\"minItems\":1}", {"[null]", "[null,null]"}, {"[]"}},
    {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
    {"{\"prefixItems\":[{\"type\":\"null\"},{\"type\":\"boolean\"}],\"items\":false,\"minItems\":"
     "1}",
     {"[null]", "[null,true]"},
     {"[]", "[true]", "[null,true,1]"}},
    {"{\"prefixItems\":[{\"type\":\"null\"}],\"items\":{\"type\":\"boolean\"},\"minItems\":2,"
     "\"maxItems\":3}",
     {"[null,true]", "[null,true,false]"},
     {"[null]", "[null,null]", "[null,true,true,true]"}},
    {"{\"type\":\"object\"}",
     {"{}", "{ }", "{\"a\":1}", "{\"a\": {\"b\": [1, \"x\", null]}, \"c\": 2}"},
     {"[]", "{a:1}", "{\"a\":1,}"}},
    {"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"null\"},"
     "\"c\":{\"type\":\"boolean\"}},\"required\":[\"b\"]}",
     {"{\"b\":null}", "{\"a\":1,\"b\":null}", "{\"b\":null,\"c\":true}",
      "{ \"a\": 1, \"b\": null, \"c\": true }"},
     {"{}", "{\"a\":1}", "{\"b\":null,\"a\":1}", "{\"b\":null,\"d\":1}", "{\"b\":null,}",
      "{\"a\":1,\"c\":true}", "{,\"b\":null}"}},
    {"{\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}}}",
     {"{}", "{\"a\":null}", "{\"b\":null}", "{\"a\":null,\"b\":null}"},
     {"{\"a\":null,\"a\":null}", "{\"b\":null,}"}},
    {"{\"type\":\"object\",\"additionalProperties\":false}", {"{}"}, {"{\"a\":1}"}},
    {"{\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"},\"\":{\"const\":1}},"
     "\"additionalProperties\":{\"type\":\"integer\"}}",
     {"{}", "{\"ab\":null}", "{\"a\":1}", "{\"ab\":null,\"abc\":1,\"b\":2}", "{\"ad\":1}",
      "{\"\":1}", "{\"x\":1,\"y\":2}"},
     {"{\"ab\":1}", "{\"ac\":1}", "{\"\":2}", "{\"b\":null}", "{\"\\u0061b\":1}"}},
    {"{\"additionalProperties\":{\"type\":\"integer\"},\"required\":[\"k\"]}",
     {"{\"k\":1}", "{\"k\":1,\"z\":2}"},
     {"{}", "{\"k\":null}", "{\"k\":1,\"k\":2}"}},
    {"{\"required\":[\"x\"],\"properties\":{\"x\":true},\"additionalProperties\":true}",
     {"{\"x\":[1]}", "{\"x\":1,\"y\":{}}"},
     {"{}", "{\"y\":1}"}},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}",
     {"1", "[]", "[1,[2,[3]]]"},
     {"[true]", "\"1\""}},
    {"{\"oneOf\":[{\"const\":\"a\"},{\"const\":\"b\"}],\"nullable\":true}",
     {"\"a\"", "\"b\"", "null"},
     {"\"c\""}},
    {"{\"$ref\":\"#/$defs/tree~1x\",\"$defs\":{\"tree/"
     "x\":{\"type\":\"object\",\"properties\":{\"n\":"
     "{\"type\":\"integer\"},\"next\":{\"$ref\":\"#/$defs/tree~1x\"}},\"required\":[\"n\"]}}}",
     {"{\"n\":1}", "{\"n\":1,\"next\":{\"n\":2,\"next\":{\"n\":3}}}"},
     {"{\"next\":{\"n\":1}}", "{\"n\":1,\"next\":1}"}},
    {"{\"properties\":{\"x\":{\"$ref\":\"#/definitions/y\"}},\"required\":[\"x\"],"
     "\"definitions\":{\"y\":{\"type\":\"null\"}}}",
     {"{\"x\":null}"},
     {"{\"x\":1}"}},
    {"{\"allOf\":[{\"type\":\"integer\",\"minimum\":3}]}", {"3"}, {"2"}},
    {"{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"properties\":{\"b\":{\"type\":\"null\"}}}],"
     "\"properties\":{\"c\":{\"type\":\"null\"}},\"required\":[\"b\"],"
     "\"$defs\":{\"a\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}}}}",
     {"{\"b\":null}", "{\"a\":null,\"b\":null,\"c\":null}"},
     {"{}", "{\"a\":null}"}},
    {"{}", {"1", "null", "{\"a\":[true]}", "\"x\""}, {"x", ""}},
    {"true", {"1", "[]"}, {"tru"}},
    {"{\"type\":\"string\",\"format\":\"date\"}",
     {"\"2024-02-28\"", "\"1999-12-31\"", "\"2024-04-30\""},
     {"\"2024-02-30\"", "\"2024-04-31\"", "\"2024-13-01\"", "\"2024-00-10\"", "\"24-01-01\""}},
    {"{\"type\":\"string\",\"format\":\"date-time\"}",
     {"\"2024-02-28T23:59:59Z\"", "\"2024-02-28T00:00:00.123+05:30\""},
     {"\"2024-02-28\"", "\"2024-02-28T24:00:00Z\"", "\"2024-02-28T00:00:00\""}},
    {"{\"type\":\"string\",\"format\":\"time\"}", {"\"10:20:30Z\""}, {"\"10:20Z\""}},
    {"{\"type\":\"string\",\"format\":\"uuid\"}",
     {"\"123e4567-e89b-12d3-a456-426614174000\""},
     {"\"123e4567-e89b-12d3-a456-42661417400\"", "\"123e4567e89b12d3a456426614174000\""}},
    {"{\"pattern\":\"^[a-z]{2,3}-(\\\\d+|x)?$\"}",
     {"\"ab-\"", "\"abc-12\"", "\"ab-x\""},
     {"\"a-\"", "\"abcd-\"", "\"ab-1x\"", "\"AB-\""}},
    {"{\"pattern\":\"^(a|b|)[^a-c\\\\]]\\\\.\\\\\\\\.$\"}",
     {"\"ad.\\\\x\"", "\"d.\\\\\xC3\xA9\""},
     {"\"aa.\\\\x\"", "\"ad,\\\\x\"", "\"a].\\\\x\"", "\"ad.x\""}},
    {"{\"pattern\":\"^[ -~]+?$\"}", {"\"a (b) ~\""}, {"\"\"", "\"\\\\\"", "\"\xC3\xA9\""}},
    {"{\"pattern\":\"^[\xC3\xA0-\xC3\xBF_]*\xF0\x9F\x8D\xB2{2}$\"}",
     {"\"\xC3\xA9_\xF0\x9F\x8D\xB2\xF0\x9F\x8D\xB2\""},
     {"\"e\xF0\x9F\x8D\xB2\xF0\x9F\x8D\xB2\"", "\"\xF0\x9F\x8D\xB2\""}},
    {"{\"pattern\":\"^$\"}", {"\"\""}, {"\"a\""}},
};

static void texts(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        char *g = grammar_of(TEXTS[i].schema);
        for (size_t k = 0; k < MANY && TEXTS[i].good[k] != NULL; k++) {
            if (!accepts(m, g, TEXTS[i].good[k])) {
                print_message("%s\n refuses %s\n%s\n", TEXTS[i].schema, TEXTS[i].good[k], g);
                wrong++;
            }
        }
        for (size_t k = 0; k < MANY && TEXTS[i].bad[k] != NULL; k++) {
            if (accepts(m, g, TEXTS[i].bad[k])) {
                print_message("%s\n lets through %s\n%s\n", TEXTS[i].schema, TEXTS[i].bad[k], g);
                wrong++;
            }
        }
        mem_free(g);
    }
    assert_int_equal(wrong, 0);
    persona_model_free(m);
}

static void any_object(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_err e = {0};
    char *g = NULL;
    must(json_object_grammar(&g, &e), &e);
    assert_true(accepts(m, g, "{\"a\": [1, {\"b\": null}], \"c\": \"\\n\"}"));
    assert_true(accepts(m, g, "{}"));
    assert_false(accepts(m, g, "[1]"));
    assert_false(accepts(m, g, "{}\n"));
    mem_free(g);
    persona_model_free(m);
}

/* Ranges of whole numbers, every one against the numbers themselves. */
static void ranges(void **state)
{
    (void)state;
    static const int LIMITS[][2] = {{0, 0},    {1, 1},     {0, 100},  {-7, 13},   {95, 105},
                                    {19, 301}, {-120, -9}, {99, 100}, {110, 119}, {-1, 0}};
    persona_model *m = open_model(0);
    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++) {
        char schema[128], text[16];
        snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}",
                 LIMITS[i][0], LIMITS[i][1]);
        char *g = grammar_of(schema);
        for (int n = -125; n <= 310; n++) {
            snprintf(text, sizeof text, "%d", n);
            const bool in = n >= LIMITS[i][0] && n <= LIMITS[i][1];
            if (accepts(m, g, text) != in) {
                fail_msg("%s: %d: %s", schema, n, g);
            }
        }
        mem_free(g);
    }
    persona_model_free(m);
}

/* ---- what a model writes --------------------------------------------------------------------- */

static size_t letters(const char *s)
{
    size_t n = 0;
    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xC0) != 0x80;
    }
    return n;
}

static bool has_type(const char *type, const json_val *x)
{
    const double d = json_number(x, 0.5);
    switch (json_typeof(x)) {
    case JSON_NULL:
        return strcmp(type, "null") == 0;
    case JSON_BOOL:
        return strcmp(type, "boolean") == 0;
    case JSON_NUMBER:
        return strcmp(type, "number") == 0 || (strcmp(type, "integer") == 0 && floor(d) == d);
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    }
    return false;
}

static bool same(const json_val *a, const json_val *b)
{
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    return json_typeof(a) == JSON_STRING ? strcmp(json_string(a), json_string(b)) == 0
                                         : json_number(a, 0) == json_number(b, 0);
}

typedef struct each {
    const json_val *root, *schema;
    bool ok;
} each;

static bool valid(const json_val *root, const json_val *s, const json_val *x);

static bool valid_member(void *ud, const char *key, const json_val *val)
{
    each *c = ud;
    const json_val *s = json_get(json_get(c->schema, "properties"), key);
    const json_val *rest = json_get(c->schema, "additionalProperties");
    c->ok = c->ok && (s != NULL                          ? valid(c->root, s, val)
                      : json_typeof(rest) == JSON_OBJECT ? valid(c->root, rest, val)
                                                         : json_bool(rest, true));
    return c->ok;
}

static bool valid_lists(const json_val *root, const json_val *s, const json_val *x)
{
    const json_val *required = json_get(s, "required"), *any = json_get(s, "anyOf");
    const json_val *values = json_get(s, "enum"), *types = json_get(s, "type");
    bool ok = true, one = values == NULL && any == NULL, typed = types == NULL;
    for (size_t i = 0; i < json_len(required) && json_typeof(x) == JSON_OBJECT; i++) {
        ok = ok && json_get(x, json_string(json_at(required, i))) != NULL;
    }
    for (size_t i = 0; i < json_len(values); i++) {
        one = one || same(json_at(values, i), x);
    }
    for (size_t i = 0; i < json_len(any); i++) {
        one = one || valid(root, json_at(any, i), x);
    }
    for (size_t i = 0; i < json_len(types); i++) {
        typed = typed || has_type(json_string(json_at(types, i)), x);
    }
    typed = typed || (json_string(types) != NULL && has_type(json_string(types), x));
    return ok && one && typed;
}

/* The keywords of the schemas below, straight from the standard. */
static bool valid(const json_val *root, const json_val *s, const json_val *x)
{
    const char *ref = json_string(json_get(s, "$ref"));
    if (ref != NULL) {
        return valid(root,
                     strcmp(ref, "#") == 0 ? root : json_get(json_get(root, "$defs"), ref + 8), x);
    }
    each c = {root, s, valid_lists(root, s, x)};
    const double n = (double)json_len(x);
    if (json_typeof(x) == JSON_OBJECT) {
        json_each(x, valid_member, &c);
    } else if (json_typeof(x) == JSON_ARRAY) {
        c.ok = c.ok && n >= json_number(json_get(s, "minItems"), 0) &&
               n <= json_number(json_get(s, "maxItems"), 1e9);
        for (size_t i = 0; i < json_len(x) && json_get(s, "items") != NULL; i++) {
            c.ok = c.ok && valid(root, json_get(s, "items"), json_at(x, i));
        }
    } else if (json_typeof(x) == JSON_STRING) {
        const double len = (double)letters(json_string(x));
        c.ok = c.ok && len >= json_number(json_get(s, "minLength"), 0) &&
               len <= json_number(json_get(s, "maxLength"), 1e9);
    } else if (json_typeof(x) == JSON_NUMBER) {
        c.ok = c.ok && json_number(x, 0) >= json_number(json_get(s, "minimum"), -1e300) &&
               json_number(x, 0) <= json_number(json_get(s, "maximum"), 1e300);
    }
    return c.ok;
}

typedef struct reply {
    char text[4096];
    persona_finish finish;
} reply;

static void keep(void *ud, const persona_result *r)
{
    reply *x = ud;
    snprintf(x->text, sizeof x->text, "%s", r->text);
    x->finish = r->finish;
}

/* Texts that end by themselves: nothing in these schemas may go on for ever. */
static const char *const WRITTEN[] = {
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":12},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},\"tags\":{"
    "\"type\":\"array\",\"items\":{\"enum\":[\"hot\",\"cold\",7]},\"minItems\":1,\"maxItems\":3},"
    "\"note\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\",\"maxLength\":5}]}},"
    "\"required\":[\"name\",\"tags\"],\"additionalProperties\":false}",
    "{\"type\":\"array\",\"minItems\":2,\"maxItems\":4,\"items\":{\"type\":[\"integer\","
    "\"boolean\","
    "\"null\"],\"minimum\":-20,\"maximum\":20}}",
    "{\"$ref\":\"#/$defs/pair\",\"$defs\":{\"pair\":{\"type\":\"object\",\"properties\":{\"a\":{"
    "\"type\":\"number\"},\"b\":{\"$ref\":\"#/$defs/word\"}},\"required\":[\"a\",\"b\"]},\"word\":{"
    "\"type\":\"string\",\"maxLength\":8}}}",
};

static void written(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session_opts o = small(8);
        o.n_ctx = 512;
        persona_session *s = session(m, o);
        persona_tokens t = chat(m, NULL, "Name a soup.");
        for (size_t k = 0; k < sizeof WRITTEN / sizeof WRITTEN[0]; k++) {
            reply replies[16];
            persona_request q[16];
            json_doc *schema = NULL;
            persona_err e = {0};
            char *g = grammar_of(WRITTEN[k]);
            must(json_parse(WRITTEN[k], strlen(WRITTEN[k]), "schema", &schema, &e), &e);
            for (size_t r = 0; r < 16; r++) {
                q[r] = (persona_request){.prompt = t.ids,
                                         .n_prompt = t.n,
                                         .sampling = persona_sampling_defaults(),
                                         .ud = &replies[r],
                                         .on_done = keep};
                q[r].sampling.grammar = g;
                q[r].sampling.seed = (uint32_t)r;
                q[r].sampling.temperature = r % 4 == 0 ? 0.0F : 3.0F;
                q[r].sampling.max_tokens = 400;
            }
            run(s, q, 16);
            for (size_t r = 0; r < 16; r++) {
                json_doc *d = NULL;
                assert_int_equal(replies[r].finish, PERSONA_FINISH_STOP);
                must(json_parse(replies[r].text, strlen(replies[r].text), "reply", &d, &e), &e);
                if (!valid(json_root(schema), json_root(schema), json_root(d))) {
                    fail_msg("model %zu, schema %zu: %s", i, k, replies[r].text);
                }
                json_free(d);
            }
            json_free(schema);
            mem_free(g);
        }
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(any_object),
                                       cmocka_unit_test(ranges), cmocka_unit_test(written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
