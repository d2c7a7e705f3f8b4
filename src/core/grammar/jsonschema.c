/* SPDX-License-Identifier: MIT
 *
 * jsonschema.c - the frame of the translation: keywords, types, literal values, alternatives, and
 * the rules that all share.
 *
 * Two things would make libllama's parser refuse or suffer: rules that begin with themselves, which
 * circular references give (edges are followed until none is left, or a circle is), and large
 * repetitions, which it unrolls (they are counted).
 */
#include "core/grammar/jsonschema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/grammar/schema_parts.h"

#define MAX_SAFE 9007199254740992.0 /* 2^53 */

/* ---- keywords -------------------------------------------------------------------------------- */

typedef struct keyword_check {
    schema_builder *b;
    const char *path;
    persona_code rc;
} keyword_check;

static bool check_keyword(void *ud, const char *key, const json_val *val)
{
    static const char *const KNOWN[] = {"type",
                                        "properties",
                                        "required",
                                        "additionalProperties",
                                        "enum",
                                        "const",
                                        "items",
                                        "prefixItems",
                                        "minItems",
                                        "maxItems",
                                        "minLength",
                                        "maxLength",
                                        "pattern",
                                        "format",
                                        "minimum",
                                        "maximum",
                                        "exclusiveMinimum",
                                        "exclusiveMaximum",
                                        "anyOf",
                                        "oneOf",
                                        "allOf",
                                        "nullable"};
    keyword_check *x = ud;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strcmp(key, KNOWN[i]) == 0) {
            return true;
        }
    }
    if (schema_is_note(key) || (strcmp(key, "uniqueItems") == 0 && !json_bool(val, true))) {
        return true;
    }
    x->rc = schema_bad(x->b, x->path, key, "not supported");
    return false;
}

/* ---- types ----------------------------------------------------------------------------------- */

enum {
    T_NULL = 1,
    T_BOOLEAN = 2,
    T_INTEGER = 4,
    T_NUMBER = 8,
    T_STRING = 16,
    T_ARRAY = 32,
    T_OBJECT = 64,
    T_ALL = 127,
};

static unsigned type_named(const char *name)
{
    static const char *const NAMES[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    for (size_t i = 0; name != NULL && i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

static bool has(const json_val *v, const char *const *keys, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        found = found || json_get(v, keys[i]) != NULL;
    }
    return found;
}

/* Of a schema without a type: what its keywords speak of; 0: nothing. */
static unsigned type_implied(const json_val *v)
{
    static const char *const OBJECT[] = {"properties", "required", "additionalProperties"};
    static const char *const ARRAY[] = {"items", "prefixItems", "minItems", "maxItems"};
    static const char *const STRING[] = {"minLength", "maxLength", "pattern", "format"};
    static const char *const NUMBER[] = {"minimum", "maximum", "exclusiveMinimum",
                                         "exclusiveMaximum"};
    return (has(v, OBJECT, 3) ? T_OBJECT : 0U) | (has(v, ARRAY, 4) ? T_ARRAY : 0U) |
           (has(v, STRING, 4) ? T_STRING : 0U) | (has(v, NUMBER, 4) ? T_NUMBER : 0U);
}

/* *types: 0 if the schema says nothing about it. */
static persona_code types_of(schema_builder *b, const json_val *v, const char *path,
                             unsigned *types)
{
    const json_val *t = json_get(v, "type");
    *types = 0;
    if (json_typeof(t) == JSON_STRING) {
        *types = type_named(json_string(t));
    }
    for (size_t i = 0; i < json_len(t) && json_typeof(t) == JSON_ARRAY; i++) {
        const unsigned one = type_named(json_string(json_at(t, i)));
        *types = one == 0 ? 0 : *types | one;
        if (one == 0) {
            break;
        }
    }
    if (t != NULL && *types == 0) {
        return schema_bad(b, path, "type",
                          "must be null, boolean, integer, number, string, array or object, or a "
                          "list of these");
    }
    *types = t == NULL ? type_implied(v) : *types;
    if (*types != 0 && json_bool(json_get(v, "nullable"), false)) {
        *types |= T_NULL;
    }
    return PERSONA_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static unsigned type_of_value(const json_val *x)
{
    const double d = json_number(x, 0);
    switch (json_typeof(x)) {
    case JSON_NULL:
        return T_NULL;
    case JSON_BOOL:
        return T_BOOLEAN;
    case JSON_NUMBER:
        return floor(d) == d ? T_INTEGER | T_NUMBER : T_NUMBER;
    case JSON_STRING:
        return T_STRING;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return 0;
}

static persona_code put_value(schema_builder *b, const json_val *x, const char *path,
                              const char *key)
{
    json_out o;
    buf text;
    if (type_of_value(x) == 0) {
        return schema_bad(b, path, key, "arrays and objects are not supported as values");
    }
    if (fabs(json_number(x, 0)) > MAX_SAFE) {
        return schema_bad(b, path, key, "a number is too large");
    }
    if (json_typeof(x) == JSON_STRING) {
        schema_literal(b, json_string(x));
        return PERSONA_OK;
    }
    buf_init(&text, 64);
    jo_init(&o, &text, false);
    if (json_typeof(x) == JSON_NUMBER) {
        jo_double(&o, NULL, json_number(x, 0));
    } else if (json_typeof(x) == JSON_BOOL) {
        jo_bool(&o, NULL, json_bool(x, false));
    } else {
        jo_null(&o, NULL);
    }
    schema_quote(&b->out, buf_str(&text), text.len);
    const persona_code rc = buf_ok(&text, "a schema", b->e);
    buf_free(&text);
    return rc;
}

static persona_code put_values(schema_builder *b, const json_val *v, const char *path)
{
    const json_val *one = json_get(v, "const"), *list = json_get(v, "enum");
    const char *key = one != NULL ? "const" : "enum";
    persona_code rc = PERSONA_OK;
    unsigned types = 0;
    size_t n = 0;
    TRY(schema_alone(b, v, path, key, "type"));
    TRY(types_of(b, v, path, &types));
    if (one == NULL && (json_typeof(list) != JSON_ARRAY || json_len(list) == 0)) {
        rc = schema_bad(b, path, key, "must be a list of values");
        goto out;
    }
    for (size_t i = 0; i < (one != NULL ? 1 : json_len(list)); i++) {
        const json_val *x = one != NULL ? one : json_at(list, i);
        if (types == 0 || type_of_value(x) == 0 || (type_of_value(x) & types) != 0) {
            buf_puts(&b->out, n++ > 0 ? " | " : "");
            TRY(put_value(b, x, path, key));
        }
    }
    if (n == 0) {
        rc = schema_bad(b, path, key, "no value has the type of the schema");
    }
out:
    return rc;
}

/* ---- alternatives ---------------------------------------------------------------------------- */

static persona_code put_any_of(schema_builder *b, size_t id, const char *key)
{
    const json_val *v = b->nodes[id].v, *list = json_get(v, key);
    const char *path = b->nodes[id].path;
    char sub[64];
    persona_code rc = PERSONA_OK;
    TRY(schema_alone(b, v, path, key, "nullable"));
    if (json_typeof(list) != JSON_ARRAY || json_len(list) == 0) {
        rc = schema_bad(b, path, key, "must be a list of schemas");
        goto out;
    }
    for (size_t i = 0; i < json_len(list); i++) {
        size_t to = 0;
        snprintf(sub, sizeof sub, "%s[%zu]", key, i);
        TRY(schema_node_of(b, json_at(list, i), path, sub, &to));
        TRY(schema_add_edge(b, id, to));
        buf_printf(&b->out, "%sn%zu", i > 0 ? " | " : "", to);
    }
    buf_puts(&b->out, json_bool(json_get(v, "nullable"), false) ? " | \"null\"" : "");
out:
    return rc;
}

/* One part, or several objects that become one. */
static persona_code put_all_of(schema_builder *b, size_t id, buf *rules)
{
    const json_val *v = b->nodes[id].v, *list = json_get(v, "allOf");
    const char *path = b->nodes[id].path;
    if (json_typeof(list) != JSON_ARRAY || json_len(list) == 0) {
        return schema_bad(b, path, "allOf", "must be a list of schemas");
    }
    if (json_len(list) > 1 || schema_beside(v, "allOf", NULL) != NULL) {
        return schema_all_of(b, id, rules);
    }
    size_t to = 0;
    persona_code rc = PERSONA_OK;
    TRY(schema_node_of(b, json_at(list, 0), path, "allOf[0]", &to));
    TRY(schema_add_edge(b, id, to));
    buf_printf(&b->out, "n%zu", to);
out:
    return rc;
}

static persona_code put_types(schema_builder *b, size_t id, buf *rules)
{
    const json_val *v = b->nodes[id].v;
    unsigned types = 0;
    bool first = true;
    persona_code rc = PERSONA_OK;
    TRY(types_of(b, v, b->nodes[id].path, &types));
    if (types == 0) {
        (void)schema_share(b, SHARE_VALUE);
        buf_puts(&b->out, "value");
        return PERSONA_OK;
    }
    if ((types & T_NUMBER) != 0) {
        types &= ~(unsigned)T_INTEGER;
    }
    for (unsigned t = 1; t <= T_OBJECT; t <<= 1) {
        if ((types & t) == 0) {
            continue;
        }
        buf_puts(&b->out, first ? "" : " | ");
        first = false;
        switch (t) {
        case T_NULL:
            buf_puts(&b->out, "\"null\"");
            break;
        case T_BOOLEAN:
            buf_puts(&b->out, "\"true\" | \"false\"");
            break;
        case T_INTEGER:
            TRY(schema_integer(b, id));
            break;
        case T_NUMBER:
            if ((type_implied(v) & T_NUMBER) != 0) {
                static const char *const LIMITS[] = {"minimum", "maximum", "exclusiveMinimum",
                                                     "exclusiveMaximum"};
                size_t i = 0;
                while (json_get(v, LIMITS[i]) == NULL) {
                    i++;
                }
                rc = schema_bad(b, b->nodes[id].path, LIMITS[i],
                                "supported only for the type integer");
                goto out;
            }
            (void)schema_share(b, SHARE_NUMBER);
            buf_puts(&b->out, "number");
            break;
        case T_STRING:
            TRY(schema_string(b, id));
            break;
        case T_ARRAY:
            TRY(schema_array(b, id, rules));
            break;
        default:
            TRY(schema_object(b, id, rules));
            break;
        }
    }
out:
    return rc;
}

static persona_code put_node(schema_builder *b, size_t id)
{
    const json_val *v = b->nodes[id].v;
    const char *path = b->nodes[id].path;
    persona_code rc = PERSONA_OK;
    buf rules;
    buf_init(&rules, JSON_GRAMMAR_MAX);
    buf_printf(&b->out, "n%zu ::= ", id);
    if (json_typeof(v) == JSON_BOOL && json_bool(v, false)) {
        (void)schema_share(b, SHARE_VALUE);
        buf_puts(&b->out, "value\n");
        goto out;
    }
    if (json_typeof(v) != JSON_OBJECT) {
        rc = schema_bad(b, path, NULL,
                        json_typeof(v) == JSON_BOOL ? "allows nothing" : "must be a schema");
        goto out;
    }
    keyword_check x = {b, path, PERSONA_OK};
    json_each(v, check_keyword, &x);
    TRY(x.rc);
    if (json_get(v, "const") != NULL || json_get(v, "enum") != NULL) {
        TRY(put_values(b, v, path));
    } else if (json_get(v, "anyOf") != NULL || json_get(v, "oneOf") != NULL) {
        TRY(put_any_of(b, id, json_get(v, "anyOf") != NULL ? "anyOf" : "oneOf"));
    } else if (json_get(v, "allOf") != NULL) {
        TRY(put_all_of(b, id, &rules));
    } else {
        TRY(put_types(b, id, &rules));
    }
    buf_putc(&b->out, '\n');
    buf_add(&b->out, rules.p, rules.len);
    if (rules.failed != PERSONA_OK) {
        b->out.failed = rules.failed;
    }
out:
    buf_free(&rules);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void put_shared(buf *out, unsigned shared)
{
    static const struct {
        unsigned bit, needs;
        const char *text;
    } RULES[] = {
        {SHARE_VALUE, SHARE_OBJECT | SHARE_ARRAY | SHARE_STRING | SHARE_NUMBER,
         "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"},
        {SHARE_OBJECT, SHARE_VALUE | SHARE_STRING,
         "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)* ws)? "
         "\"}\"\n"},
        {SHARE_ARRAY, SHARE_VALUE, "array ::= \"[\" ws (value (\",\" ws value)* ws)? \"]\"\n"},
        {SHARE_STRING, SHARE_CHAR, "string ::= \"\\\"\" char* \"\\\"\"\n"},
        /* one code point each: half a surrogate pair is none */
        {SHARE_CHAR, 0,
         "char ::= [^\"\\\\\\x00-\\x1F\\x7F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" "
         "([0-9A-Ca-cE-Fe-f] hex hex hex | [Dd] [0-7] hex hex))\nhex ::= [0-9A-Fa-f]\n"},
        {SHARE_INTEGER, 0, "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"},
        {SHARE_NUMBER, SHARE_INTEGER,
         "number ::= integer (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"},
    };
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
            shared |= (shared & RULES[i].bit) != 0 ? RULES[i].needs : 0;
        }
    }
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        buf_puts(out, (shared & RULES[i].bit) != 0 ? RULES[i].text : "");
    }
    buf_puts(out, "ws ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n");
}

/* Edges into nodes without edges out are taken away until none is left, or only circles are. */
static persona_code check_circles(schema_builder *b)
{
    size_t *n_out = mem_calloc(b->n + 1, sizeof *n_out);
    if (n_out == NULL) {
        return mem_err(b->e, "a schema");
    }
    for (size_t i = 0; i < b->n_edges; i++) {
        n_out[b->edges[i].from]++;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < b->n_edges;) {
            if (n_out[b->edges[i].to] > 0) {
                i++;
                continue;
            }
            n_out[b->edges[i].from]--;
            b->edges[i] = b->edges[--b->n_edges];
            changed = true;
        }
    }
    mem_free(n_out);
    return b->n_edges == 0 ? PERSONA_OK
                           : schema_bad(b, b->nodes[b->edges[0].from].path, NULL,
                                        "is one of its own alternatives");
}

static persona_code build(schema_builder *b)
{
    persona_code rc = PERSONA_OK;
    size_t root = 0;
    char *path = NULL;
    const json_val *v = NULL;
    if (json_has_nul(b->root)) {
        return schema_bad(b, b->prefix, NULL, "contains U+0000");
    }
    TRY(schema_resolve(b, b->root, b->prefix, &v, &path));
    TRY(schema_add_node(b, v, path, &root));
    buf_printf(&b->out, "root ::= n%zu\n", root);
    for (size_t id = 0; id < b->n && b->out.failed == PERSONA_OK; id++) {
        TRY(put_node(b, id));
    }
    TRY(check_circles(b));
    put_shared(&b->out, b->shared);
    if (b->out.failed == PERSONA_E_SHAPE) {
        rc = schema_bad(b, b->prefix, NULL, "is too large: its grammar has more than %zu bytes",
                        JSON_GRAMMAR_MAX);
    } else {
        rc = buf_ok(&b->out, "a grammar", b->e);
    }
out:
    mem_free(path);
    return rc;
}

persona_code json_schema_grammar(const json_val *schema, const char *path, char **gbnf,
                                 persona_err *e)
{
    schema_builder b = {.root = schema, .prefix = path, .e = e};
    buf_init(&b.out, JSON_GRAMMAR_MAX);
    *gbnf = NULL;
    persona_code rc = build(&b);
    if (rc == PERSONA_OK) {
        *gbnf = buf_take(&b.out);
    }
    for (size_t i = 0; i < b.n; i++) {
        mem_free(b.nodes[i].path);
    }
    mem_free(b.nodes);
    mem_free(b.edges);
    buf_free(&b.out);
    return rc;
}

persona_code json_object_grammar(char **gbnf, persona_err *e)
{
    buf out;
    buf_init(&out, JSON_GRAMMAR_MAX);
    buf_puts(&out, "root ::= object\n");
    put_shared(&out, SHARE_OBJECT);
    const persona_code rc = buf_ok(&out, "a grammar", e);
    *gbnf = rc == PERSONA_OK ? buf_take(&out) : NULL;
    buf_free(&out);
    return rc;
}
