/* SPDX-License-Identifier: MIT
 *
 * schema_nodes.c - what the translation stands on: messages with paths, text in a grammar,
 * repetitions, and the parts of a schema as nodes, references followed.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/grammar/jsonschema.h"
#include "core/grammar/schema_parts.h"

#define MAX_HOPS 64

/* ---- words ----------------------------------------------------------------------------------- */

/* Bytes of s to show, at most max, whole letters. */
static int shown(const char *s, int max)
{
    int n = (int)strnlen(s, (size_t)max + 1);
    if (n > max) {
        for (n = max; n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80; n--) {}
    }
    return n;
}

persona_code schema_bad(schema_builder *b, const char *path, const char *key, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *tail = key != NULL ? key : "";
    return persona_err_set(b->e, PERSONA_E_USAGE, "%.*s%s%.*s: %s", shown(path, 200), path,
                           key != NULL ? "." : "", shown(tail, 100), tail, text);
}

char *schema_join(const char *path, const char *key)
{
    return mem_printf("%s.%s", path, key);
}

unsigned schema_share(schema_builder *b, unsigned which)
{
    b->shared |= which;
    return which;
}

persona_code schema_count(schema_builder *b, const json_val *v, const char *path, const char *key,
                          long fallback, long *out)
{
    const json_val *x = json_get(v, key);
    *out = fallback;
    if (x == NULL) {
        return PERSONA_OK;
    }
    const double d = json_number(x, -1);
    if (json_typeof(x) != JSON_NUMBER || !(d >= 0 && d <= SCHEMA_MAX_REPEAT) || floor(d) != d) {
        return schema_bad(b, path, key, "must be a whole number from 0 to %d", SCHEMA_MAX_REPEAT);
    }
    *out = (long)d;
    return PERSONA_OK;
}

persona_code schema_repeat(schema_builder *b, const char *path, const char *key, long min, long max)
{
    if (max >= 0 && min > max) {
        return schema_bad(b, path, key, "%ld is more than the %ld that are allowed", min, max);
    }
    b->n_repeats += (size_t)(max >= 0 ? max : min);
    if (b->n_repeats > SCHEMA_MAX_REPEATS || min > SCHEMA_MAX_REPEAT || max > SCHEMA_MAX_REPEAT) {
        return schema_bad(b, path, key, "too many repetitions (%zu in the whole schema)",
                          SCHEMA_MAX_REPEATS);
    }
    if (max < 0 && min == 0) {
        buf_puts(&b->out, "*");
    } else if (max < 0) {
        buf_printf(&b->out, "{%ld,}", min);
    } else {
        buf_printf(&b->out, "{%ld,%ld}", min, max);
    }
    return PERSONA_OK;
}

/* What stands between quotes in a grammar. */
void schema_quote(buf *out, const char *s, size_t n)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        const char c = s[i];
        if (c == '"' || c == '\\') {
            buf_putc(out, '\\');
        }
        /* parentheses, too: a session counts those of a grammar, wherever they stand */
        if ((unsigned char)c < ' ' || c == 0x7F || c == '(' || c == ')') {
            buf_printf(out, "\\x%02X", (unsigned)(unsigned char)c);
        } else {
            buf_putc(out, c);
        }
    }
    buf_putc(out, '"');
}

void schema_literal(schema_builder *b, const char *s)
{
    json_out o;
    buf text;
    buf_init(&text, JSON_GRAMMAR_MAX);
    jo_init(&o, &text, false);
    jo_string(&o, NULL, s);
    schema_quote(&b->out, buf_str(&text), text.len);
    if (text.failed != PERSONA_OK) {
        b->out.failed = text.failed;
    }
    buf_free(&text);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

persona_code schema_add_node(schema_builder *b, const json_val *v, const char *path, size_t *id)
{
    for (*id = 0; *id < b->n; (*id)++) {
        if (b->nodes[*id].v == v) {
            return PERSONA_OK;
        }
    }
    if (b->n == SCHEMA_MAX_NODES) {
        return schema_bad(b, b->prefix, NULL, "has more than %zu parts", SCHEMA_MAX_NODES);
    }
    if (b->n == b->cap) {
        const size_t cap = b->cap == 0 ? 32 : b->cap * 2;
        schema_node *grown = mem_realloc(b->nodes, cap, sizeof *grown);
        if (grown == NULL) {
            return mem_err(b->e, "a schema");
        }
        b->nodes = grown;
        b->cap = cap;
    }
    char *own = mem_strdup(path);
    if (own == NULL) {
        return mem_err(b->e, "a schema");
    }
    b->nodes[b->n++] = (schema_node){v, own};
    return PERSONA_OK;
}

persona_code schema_add_edge(schema_builder *b, size_t from, size_t to)
{
    if (b->n_edges == b->cap_edges) {
        const size_t cap = b->cap_edges == 0 ? 32 : b->cap_edges * 2;
        schema_edge *grown = mem_realloc(b->edges, cap, sizeof *grown);
        if (grown == NULL) {
            return mem_err(b->e, "a schema");
        }
        b->edges = grown;
        b->cap_edges = cap;
    }
    b->edges[b->n_edges++] = (schema_edge){from, to};
    return PERSONA_OK;
}

/* ---- references ------------------------------------------------------------------------------ */

bool schema_is_note(const char *key)
{
    static const char *const NOTES[] = {
        "title",    "description", "default",  "examples",  "example", "$schema",    "$id",
        "$comment", "deprecated",  "readOnly", "writeOnly", "$defs",   "definitions"};
    for (size_t i = 0; i < sizeof NOTES / sizeof NOTES[0]; i++) {
        if (strcmp(key, NOTES[i]) == 0) {
            return true;
        }
    }
    return false;
}

typedef struct beside {
    const char *self, *also, *found;
} beside;

static bool find_beside(void *ud, const char *key, const json_val *val)
{
    beside *x = ud;
    (void)val;
    if (!schema_is_note(key) && strcmp(key, x->self) != 0 &&
        (x->also == NULL || strcmp(key, x->also) != 0)) {
        x->found = key;
    }
    return x->found == NULL;
}

const char *schema_beside(const json_val *v, const char *keyword, const char *also)
{
    beside x = {keyword, also, NULL};
    json_each(v, find_beside, &x);
    return x.found;
}

persona_code schema_alone(schema_builder *b, const json_val *v, const char *path,
                          const char *keyword, const char *also)
{
    const char *other = schema_beside(v, keyword, also);
    return other == NULL ? PERSONA_OK
                         : schema_bad(b, path, other, "not supported beside %s", keyword);
}

/* One step of a pointer, from *p on: "/name", ~0 and ~1 read. */
static const json_val *step(const json_val *at, const char **p, buf *path)
{
    buf name;
    const json_val *next = NULL;
    buf_init(&name, 4096);
    for ((*p)++; **p != '\0' && **p != '/'; (*p)++) {
        const char c = **p, d = (*p)[1];
        const bool escaped = c == '~' && (d == '0' || d == '1');
        buf_putc(&name, !escaped ? c : d == '0' ? '~' : '/');
        *p += escaped;
    }
    if (json_typeof(at) == JSON_OBJECT) {
        next = json_get(at, buf_str(&name));
        buf_printf(path, ".%s", buf_str(&name));
    } else if (json_typeof(at) == JSON_ARRAY) {
        const bool number =
            name.len > 0 && name.len < 6 && strspn(buf_str(&name), "0123456789") == name.len;
        const size_t i = number ? strtoul(buf_str(&name), NULL, 10) : 0;
        next = number ? json_at(at, i) : NULL;
        buf_printf(path, "[%zu]", i);
    }
    path->failed = name.failed != PERSONA_OK ? name.failed : path->failed;
    buf_free(&name);
    return next;
}

static const json_val *look_up(schema_builder *b, const char *ref, buf *path)
{
    const json_val *at = ref[0] == '#' && (ref[1] == '\0' || ref[1] == '/') ? b->root : NULL;
    const char *p = ref + (ref[0] == '#');
    buf_puts(path, b->prefix);
    while (at != NULL && *p == '/') {
        at = step(at, &p, path);
    }
    return at;
}

persona_code schema_resolve(schema_builder *b, const json_val *v, const char *path,
                            const json_val **out, char **out_path)
{
    persona_code rc = PERSONA_OK;
    char *here = mem_strdup(path);
    const json_val *ref = NULL;
    TRY(here != NULL ? PERSONA_OK : mem_err(b->e, "a schema"));
    for (int hops = 0; (ref = json_get(v, "$ref")) != NULL; hops++) {
        buf there;
        if (json_typeof(v) != JSON_OBJECT) {
            break;
        }
        TRY(schema_alone(b, v, here, "$ref", NULL));
        const char *text = json_string(ref);
        buf_init(&there, 4096);
        const json_val *next = text != NULL ? look_up(b, text, &there) : NULL;
        const bool failed = there.failed != PERSONA_OK;
        if (failed || next == NULL || hops == MAX_HOPS) {
            rc = failed && there.failed == PERSONA_E_NOMEM ? mem_err(b->e, "a schema")
                 : failed       ? schema_bad(b, here, "$ref", "is too long")
                 : next == NULL ? schema_bad(b, here, "$ref",
                                             "leads nowhere in this schema (#, #/$defs/NAME or "
                                             "#/definitions/NAME)")
                                : schema_bad(b, here, "$ref", "leads in a circle");
            buf_free(&there);
            goto out;
        }
        v = next;
        mem_free(here);
        here = buf_take(&there);
        buf_free(&there);
        TRY(here != NULL ? PERSONA_OK : mem_err(b->e, "a schema"));
    }
    *out = v;
    *out_path = here;
    here = NULL;
out:
    mem_free(here);
    return rc;
}

persona_code schema_node_of(schema_builder *b, const json_val *v, const char *path, const char *key,
                            size_t *id)
{
    persona_code rc = PERSONA_OK;
    char *at = schema_join(path, key), *found = NULL;
    const json_val *target = NULL;
    TRY(at != NULL ? PERSONA_OK : mem_err(b->e, "a schema"));
    TRY(schema_resolve(b, v, at, &target, &found));
    TRY(schema_add_node(b, target, found, id));
out:
    mem_free(at);
    mem_free(found);
    return rc;
}
