/* SPDX-License-Identifier: MIT
 *
 * schema_object.c - objects and arrays.
 *
 * Properties come in the schema's order, each of them at most once. Two chains of rules say what
 * may follow: nID-aI before property I when nothing has been written yet, nID-bI when something
 * has, and a comma is due. So the rules grow with the number of properties, not with that of
 * their subsets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/grammar/jsonschema.h"
#include "core/grammar/schema_parts.h"

typedef struct member {
    const char *key;
    const json_val *v; /* NULL: any value */
    char *path;        /* of the object that has it, with ".properties" */
    bool required;
} member;

typedef struct members {
    schema_builder *b;
    const char *path;     /* of the part that is being read */
    const json_val *rest; /* additionalProperties, if it is a schema */
    member *all;
    size_t n, cap;
    persona_code rc;
} members;

/* ---- members --------------------------------------------------------------------------------- */

static member *find(const members *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->all[i].key, key) == 0) {
            return &m->all[i];
        }
    }
    return NULL;
}

static persona_code add(members *m, const char *key, const json_val *v, bool required)
{
    if (m->n == m->cap) {
        const size_t cap = m->cap == 0 ? 16 : m->cap * 2;
        member *grown =
            cap <= SCHEMA_MAX_NODES * 2 ? mem_realloc(m->all, cap, sizeof *grown) : NULL;
        if (grown == NULL) {
            return cap <= SCHEMA_MAX_NODES * 2
                       ? mem_err(m->b->e, "a schema")
                       : schema_bad(m->b, m->path, NULL, "has too many properties");
        }
        m->all = grown;
        m->cap = cap;
    }
    char *path = schema_join(m->path, "properties");
    if (path == NULL) {
        return mem_err(m->b->e, "a schema");
    }
    m->all[m->n++] = (member){key, v, path, required};
    return PERSONA_OK;
}

static bool add_property(void *ud, const char *key, const json_val *val)
{
    members *m = ud;
    m->rc = find(m, key) == NULL ? add(m, key, val, false)
                                 : schema_bad(m->b, m->path, key, "a property that is there twice");
    return m->rc == PERSONA_OK;
}

/* What one schema says of properties. */
static persona_code gather(members *m, const json_val *v, const char *path)
{
    const json_val *properties = json_get(v, "properties"), *required = json_get(v, "required");
    persona_code rc = PERSONA_OK;
    m->path = path;
    if (properties != NULL && json_typeof(properties) != JSON_OBJECT) {
        return schema_bad(m->b, path, "properties", "must be an object");
    }
    if (required != NULL && json_typeof(required) != JSON_ARRAY) {
        return schema_bad(m->b, path, "required", "must be a list of names");
    }
    json_each(properties, add_property, m);
    TRY(m->rc);
    for (size_t i = 0; i < json_len(required); i++) {
        const char *key = json_string(json_at(required, i));
        if (key == NULL) {
            rc = schema_bad(m->b, path, "required", "must be a list of names");
            goto out;
        }
        member *x = find(m, key);
        if (x != NULL) {
            x->required = true;
        } else {
            TRY(add(m, key, NULL, true));
        }
    }
out:
    return rc;
}

static void forget(members *m)
{
    for (size_t i = 0; i < m->n; i++) {
        mem_free(m->all[i].path);
    }
    mem_free(m->all);
}

/* ---- other names ----------------------------------------------------------------------------- */

#define PLAIN_CHAR "[^\"\\\\\\x00-\\x1F\\x7F]"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first n bytes of x; a failure of x is one of out. */
static void append(buf *out, const buf *x, size_t n)
{
    if (x->failed != PERSONA_OK && out->failed == PERSONA_OK) {
        out->failed = x->failed;
    }
    buf_add(out, x->p, n);
}

typedef struct tree {
    buf *rules;
    size_t id, n; /* n: rules so far */
} tree;

/* The rest of a name that begins as names[0..n) do, up to `depth`, and is none of them. Calls
 * itself for every letter, and ends when the rules are too long. */
static void put_rest(tree *t, const char **names, size_t n, size_t depth)
{
    buf others, rule;
    buf_init(&others, 4096);
    buf_init(&rule, JSON_GRAMMAR_MAX);
    const size_t self = t->n++;
    bool ends = false;
    buf_printf(&rule, "n%zu-k%zu ::= ", t->id, self);
    for (size_t from = 0, to = 0; from < n && t->rules->failed == PERSONA_OK; from = to) {
        const char c = names[from][depth];
        while (to < n && names[to][depth] == c) {
            to++;
        }
        if (c == '\0') {
            ends = true;
            continue;
        }
        buf_printf(&rule, "[\\x%02X] n%zu-k%zu | ", (unsigned)(unsigned char)c, t->id, t->n);
        buf_printf(&others, "\\x%02X", (unsigned)(unsigned char)c);
        put_rest(t, names + from, to - from, depth + 1);
    }
    buf_printf(&rule, "[^\"\\\\\\x00-\\x1F\\x7F%s] " PLAIN_CHAR "* \"\\\"\"%s\n", buf_str(&others),
               ends ? "" : " | \"\\\"\"");
    append(t->rules, &others, 0);
    append(t->rules, &rule, rule.len);
    buf_free(&others);
    buf_free(&rule);
}

static bool is_plain(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\') {
            return false;
        }
    }
    return true;
}

/* nID-k: a name that is none of the members'. */
static persona_code put_other_names(const members *m, size_t id, buf *rules)
{
    persona_code rc = PERSONA_OK;
    const char **names = mem_calloc(m->n + 1, sizeof *names);
    if (names == NULL) {
        return mem_err(m->b->e, "a schema");
    }
    for (size_t i = 0; i < m->n; i++) {
        names[i] = m->all[i].key;
        if (!is_plain(names[i])) {
            rc = schema_bad(m->b, m->path, "additionalProperties",
                            "supported only beside names of plain ASCII letters");
            goto out;
        }
    }
    qsort(names, m->n, sizeof *names, by_name);
    tree t = {rules, id, 0};
    buf_printf(rules, "n%zu-k ::= \"\\\"\" n%zu-k0\n", id, id);
    put_rest(&t, names, m->n, 0);
out:
    mem_free(names);
    return rc;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* "KEY": VALUE of member i, with a comma or not. */
static persona_code put_member(const members *m, size_t i, buf *out)
{
    const member *x = &m->all[i];
    schema_builder *b = m->b;
    persona_code rc = PERSONA_OK;
    size_t to = 0;
    const size_t at = b->out.len;
    schema_literal(b, x->key); /* there and back: literals are written to the builder */
    buf_add(out, b->out.p + at, b->out.len - at);
    b->out.len = at;
    if (x->v == NULL && m->rest != NULL) {
        TRY(schema_node_of(b, m->rest, m->path, "additionalProperties", &to));
        buf_printf(out, " \":\" ws n%zu", to);
    } else if (x->v == NULL) {
        (void)schema_share(b, SHARE_VALUE);
        buf_puts(out, " \":\" ws value");
    } else {
        TRY(schema_node_of(b, x->v, x->path, x->key, &to));
        buf_printf(out, " \":\" ws n%zu", to);
    }
out:
    return rc;
}

/* The chains; others: whether nID-x may follow. */
static persona_code put_chains(const members *m, size_t id, bool others, buf *rules)
{
    persona_code rc = PERSONA_OK;
    bool fresh = true; /* whether a reply can reach i with nothing written */
    for (size_t i = 0; i < m->n; i++) {
        buf one;
        buf_init(&one, JSON_GRAMMAR_MAX);
        rc = put_member(m, i, &one);
        const char *text = buf_str(&one);
        const bool must = m->all[i].required;
        for (int comma = 0; comma < 2 && rc == PERSONA_OK; comma++) {
            const char c = comma ? 'b' : 'a';
            if (comma || fresh) {
                buf_printf(rules, "n%zu-%c%zu ::= %s%s n%zu-b%zu", id, c, i,
                           comma ? "\",\" ws " : "", text, id, i + 1);
                if (!must) {
                    buf_printf(rules, " | n%zu-%c%zu", id, c, i + 1);
                }
                buf_putc(rules, '\n');
            }
        }
        fresh = fresh && !must;
        append(rules, &one, 0);
        buf_free(&one);
        TRY(rc);
    }
    if (others) {
        buf_printf(rules, "n%zu-b%zu ::= (\",\" ws n%zu-x)*\n", id, m->n, id);
        buf_printf(rules, "n%zu-a%zu ::= (n%zu-x (\",\" ws n%zu-x)*)?\n", id, m->n, id, id);
    } else {
        buf_printf(rules, "n%zu-b%zu ::= \"\"\nn%zu-a%zu ::= \"\"\n", id, m->n, id, m->n);
    }
out:
    return rc;
}

static persona_code put_object(const members *m, size_t id, bool others, buf *rules)
{
    schema_builder *b = m->b;
    persona_code rc = PERSONA_OK;
    buf_printf(&b->out, "\"{\" ws n%zu-a0 ws \"}\"", id);
    TRY(put_chains(m, id, others, rules));
    if (others) {
        TRY(put_other_names(m, id, rules));
        buf_printf(rules, "n%zu-x ::= n%zu-k \":\" ws ", id, id);
        if (m->rest != NULL) {
            size_t to = 0;
            TRY(schema_node_of(b, m->rest, b->nodes[id].path, "additionalProperties", &to));
            buf_printf(rules, "n%zu\n", to);
        } else {
            (void)schema_share(b, SHARE_VALUE);
            buf_puts(rules, "value\n");
        }
    }
out:
    return rc;
}

persona_code schema_object(schema_builder *b, size_t id, buf *rules)
{
    const json_val *v = b->nodes[id].v, *rest = json_get(v, "additionalProperties");
    members m = {.b = b};
    persona_code rc = PERSONA_OK;
    const json_type t = json_typeof(rest);
    const bool closed = t == JSON_BOOL && !json_bool(rest, true);
    TRY(gather(&m, v, b->nodes[id].path));
    if (rest != NULL && t != JSON_BOOL && t != JSON_OBJECT) {
        rc = schema_bad(b, m.path, "additionalProperties", "must be true, false or a schema");
        goto out;
    }
    for (size_t i = 0; i < m.n && closed; i++) {
        if (m.all[i].v == NULL) {
            rc = schema_bad(b, m.path, m.all[i].key,
                            "required, but no property, and no other is allowed");
            goto out;
        }
    }
    if (m.n == 0 && !closed && t != JSON_OBJECT) {
        (void)schema_share(b, SHARE_OBJECT);
        buf_puts(&b->out, "object");
        goto out;
    }
    const bool others = t == JSON_OBJECT || (t == JSON_BOOL && !closed);
    m.rest = t == JSON_OBJECT ? rest : NULL;
    TRY(put_object(&m, id, others, rules));
out:
    forget(&m);
    return rc;
}

/* ---- allOf ----------------------------------------------------------------------------------- */

typedef struct part_check {
    schema_builder *b;
    const char *path;
    bool whole; /* the schema that has the parts */
    persona_code rc;
} part_check;

static bool check_part(void *ud, const char *key, const json_val *val)
{
    static const char *const FINE[] = {"properties", "required",    "title",      "description",
                                       "default",    "examples",    "example",    "$schema",
                                       "$id",        "$comment",    "deprecated", "readOnly",
                                       "writeOnly",  "definitions", "$defs"};
    part_check *x = ud;
    for (size_t i = 0; i < sizeof FINE / sizeof FINE[0]; i++) {
        if (strcmp(key, FINE[i]) == 0) {
            return true;
        }
    }
    const char *type = json_string(val);
    if ((strcmp(key, "type") == 0 && type != NULL && strcmp(type, "object") == 0) ||
        (x->whole && strcmp(key, "allOf") == 0)) {
        return true;
    }
    x->rc = schema_bad(x->b, x->path, key,
                       "not supported in allOf, which joins properties and required of objects");
    return false;
}

persona_code schema_all_of(schema_builder *b, size_t id, buf *rules)
{
    const json_val *v = b->nodes[id].v, *list = json_get(v, "allOf");
    members m = {.b = b};
    persona_code rc = PERSONA_OK;
    char *found = NULL, *at = NULL;
    part_check x = {b, b->nodes[id].path, true, PERSONA_OK};
    json_each(v, check_part, &x);
    TRY(x.rc);
    for (size_t i = 0; i < json_len(list); i++) {
        char sub[48];
        const json_val *part = NULL;
        snprintf(sub, sizeof sub, "allOf[%zu]", i);
        mem_free(at);
        mem_free(found);
        found = NULL;
        at = schema_join(b->nodes[id].path, sub);
        TRY(at != NULL ? PERSONA_OK : mem_err(b->e, "a schema"));
        TRY(schema_resolve(b, json_at(list, i), at, &part, &found));
        if (json_typeof(part) != JSON_OBJECT) {
            rc = schema_bad(b, found, NULL, "must be the schema of an object");
            goto out;
        }
        x = (part_check){b, found, false, PERSONA_OK};
        json_each(part, check_part, &x);
        TRY(x.rc);
        TRY(gather(&m, part, found));
    }
    TRY(gather(&m, v, b->nodes[id].path));
    TRY(put_object(&m, id, false, rules));
out:
    mem_free(at);
    mem_free(found);
    forget(&m);
    return rc;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* The elements behind those that have a schema each; the rule that is *rest, "" if none may be. */
static persona_code item_rule(schema_builder *b, size_t id, char *rule, size_t size)
{
    const json_val *items = json_get(b->nodes[id].v, "items");
    persona_code rc = PERSONA_OK;
    size_t to = 0;
    if (json_typeof(items) == JSON_ARRAY) {
        return schema_bad(b, b->nodes[id].path, "items", "a list is not supported: prefixItems");
    }
    if (items == NULL || (json_typeof(items) == JSON_BOOL && json_bool(items, false))) {
        (void)schema_share(b, SHARE_VALUE);
        snprintf(rule, size, "value");
    } else if (json_typeof(items) == JSON_BOOL) {
        rule[0] = '\0';
    } else {
        TRY(schema_node_of(b, items, b->nodes[id].path, "items", &to));
        snprintf(rule, size, "n%zu", to);
    }
out:
    return rc;
}

/* [ a, b, c, rest... ]: nID-tI is element I and what follows it, with its comma. */
static persona_code put_tuple(schema_builder *b, size_t id, const char *item, long min, long max,
                              buf *rules)
{
    const json_val *prefix = json_get(b->nodes[id].v, "prefixItems");
    const long n = (long)json_len(prefix);
    persona_code rc = PERSONA_OK;
    buf_printf(&b->out, "\"[\" ws %sn%zu-t0%s ws \"]\"", min > 0 ? "" : "(", id,
               min > 0 ? "" : ")?");
    for (long i = 0; i < n; i++) {
        size_t to = 0;
        char sub[48];
        snprintf(sub, sizeof sub, "prefixItems[%ld]", i);
        TRY(schema_node_of(b, json_at(prefix, (size_t)i), b->nodes[id].path, sub, &to));
        const bool last = max >= 0 && i + 1 >= max, more = min > i + 1;
        buf_printf(rules, "n%zu-t%ld ::= %sn%zu", id, i, i > 0 ? "\",\" ws " : "", to);
        if (!last) {
            buf_printf(rules, " n%zu-t%ld%s", id, i + 1, more ? "" : "?");
        }
        buf_putc(rules, '\n');
        if (last) {
            return rc;
        }
    }
    if (item[0] == '\0') {
        buf_printf(rules, "n%zu-t%ld ::= \"\"\n", id, n);
        return rc;
    }
    buf_printf(rules, "n%zu-t%ld ::= (\",\" ws %s)", id, n, item);
    const size_t at = b->out.len;
    TRY(schema_repeat(b, b->nodes[id].path, "minItems", min > n ? min - n : 0,
                      max >= 0 ? max - n : -1));
    buf_add(rules, b->out.p + at, b->out.len - at);
    b->out.len = at;
    buf_putc(rules, '\n');
out:
    return rc;
}

persona_code schema_array(schema_builder *b, size_t id, buf *rules)
{
    const json_val *v = b->nodes[id].v, *prefix = json_get(v, "prefixItems");
    const char *path = b->nodes[id].path;
    long min = 0, max = -1;
    char item[32] = "";
    persona_code rc = PERSONA_OK;
    TRY(schema_count(b, v, path, "minItems", 0, &min));
    TRY(schema_count(b, v, path, "maxItems", -1, &max));
    if (prefix != NULL && (json_typeof(prefix) != JSON_ARRAY || json_len(prefix) == 0)) {
        rc = schema_bad(b, path, "prefixItems", "must be a list of schemas");
        goto out;
    }
    TRY(item_rule(b, id, item, sizeof item));
    const long n = (long)json_len(prefix);
    if (item[0] == '\0' && (max < 0 || max > n)) {
        max = n;
    }
    if (max >= 0 && min > max) {
        rc = schema_bad(b, path, "minItems", "%ld is more than the %ld that are allowed", min, max);
        goto out;
    }
    if (max == 0) {
        buf_puts(&b->out, "\"[\" ws \"]\"");
    } else if (n > 0) {
        TRY(put_tuple(b, id, item, min, max, rules));
    } else if (max == 1) {
        buf_printf(&b->out, "\"[\" ws (%s ws)%s \"]\"", item, min > 0 ? "" : "?");
    } else {
        buf_printf(&b->out, "\"[\" ws (%s (\",\" ws %s)", item, item);
        TRY(schema_repeat(b, path, "minItems", min > 1 ? min - 1 : 0, max >= 0 ? max - 1 : -1));
        buf_printf(&b->out, " ws)%s \"]\"", min > 0 ? "" : "?");
    }
out:
    return rc;
}
