/* SPDX-License-Identifier: MIT
 *
 * object.c - expressions as JSON objects, {"terms": [...]}, both ways (FORMATS.md, "Steering
 * objects").
 *
 * Every field but "vector" has a default and is left out where it has that. Fields that nobody
 * knows are errors by their path, since a misspelt "phase" would otherwise steer something else
 * without a word. What values may be is steer_fault's business; types are ours.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/steer/parts.h"

typedef struct reader {
    const json_doc *d;
    persona_err *e;
} reader;

/* ---- fields ---------------------------------------------------------------------------------- */

enum { KEYS_MAX = 16 };
typedef struct known_keys {
    const char *const *keys; /* ends with NULL */
    bool met[KEYS_MAX];
    const char *unknown, *twice;
} known_keys;

static bool meet_key(void *ud, const char *key, const json_val *val)
{
    known_keys *k = ud;
    size_t i = 0;
    (void)val;
    while (k->keys[i] && strcmp(k->keys[i], key) != 0) {
        i++;
    }
    if (!k->keys[i]) {
        k->unknown = key;
    } else if (k->met[i]) {
        k->twice = key;
    } else {
        k->met[i] = true;
    }
    return !k->unknown && !k->twice;
}

/* An object with no other fields, none of them twice. */
static persona_code only(const reader *r, const json_val *obj, const char *const *keys)
{
    known_keys k = {.keys = keys};
    buf list;
    if (json_typeof(obj) != JSON_OBJECT) {
        return json_bad(r->d, obj, NULL, r->e, "is not an object");
    }
    json_each(obj, meet_key, &k);
    if (k.twice) {
        return json_bad(r->d, obj, k.twice, r->e, "is there twice");
    }
    if (!k.unknown) {
        return PERSONA_OK;
    }
    buf_init(&list, 256);
    for (size_t i = 0; keys[i]; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", keys[i]);
    }
    const persona_code rc =
        json_bad(r->d, obj, k.unknown, r->e, "is not known (expected %s)", buf_str(&list));
    buf_free(&list);
    return rc;
}

static persona_code take_number(const reader *r, const json_val *obj, const char *key, double *out)
{
    return json_get(obj, key) ? json_need_number(r->d, obj, key, -INFINITY, INFINITY, out, r->e)
                              : PERSONA_OK;
}

static persona_code whole(const reader *r, const json_val *obj, const char *key, double x,
                          double min, double max, int *out)
{
    if (!(x >= min && x <= max && x <= floor(x))) {
        return json_bad(r->d, obj, key, r->e, "is %.9g (expected a whole number from %.0f to %.0f)",
                        x, min, max);
    }
    *out = (int)x;
    return PERSONA_OK;
}

static persona_code take_whole(const reader *r, const json_val *obj, const char *key, double min,
                               double max, int *out)
{
    double x = 0;
    persona_code rc = PERSONA_OK;
    if (!json_get(obj, key)) {
        return PERSONA_OK;
    }
    TRY(json_need_number(r->d, obj, key, -INFINITY, INFINITY, &x, r->e));
    TRY(whole(r, obj, key, x, min, max, out));
out:
    return rc;
}

static persona_code take_name(const reader *r, const json_val *obj, const char *key, char **out)
{
    const char *text = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_need_string(r->d, obj, key, &text, r->e));
    *out = mem_strdup(text);
    TRY(*out ? PERSONA_OK : mem_err(r->e, "a steering expression"));
out:
    return rc;
}

/* An array of at most max items; NULL if it is not there. */
static persona_code take_array(const reader *r, const json_val *obj, const char *key, size_t max,
                               const json_val **out)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    if (!json_get(obj, key)) {
        return PERSONA_OK;
    }
    TRY(json_need(r->d, obj, key, JSON_ARRAY, out, r->e));
    if (json_len(*out) > max) {
        rc = json_bad(r->d, obj, key, r->e, "holds %zu values (expected at most %zu)",
                      json_len(*out), max);
    }
out:
    return rc;
}

/* Numbers of an array. */
static persona_code take_numbers(const reader *r, const json_val *obj, const char *key, size_t max,
                                 double *out, size_t *n)
{
    const json_val *a = NULL;
    persona_code rc = PERSONA_OK;
    *n = 0;
    TRY(take_array(r, obj, key, max, &a));
    for (; *n < json_len(a); ++*n) {
        const json_val *item = json_at(a, *n);
        if (json_typeof(item) != JSON_NUMBER) {
            rc = json_bad(r->d, obj, key, r->e, "holds something else than numbers");
            goto out;
        }
        out[*n] = json_number(item, 0);
    }
out:
    return rc;
}

/* ---- parts of a term ------------------------------------------------------------------------- */

static persona_code read_direction(const reader *r, const json_val *obj, const char *key,
                                   const json_val *v, int depth, steer_direction *out);

/* The two items of "along" or "without". */
static persona_code read_two(const reader *r, const json_val *v, const char *key, int depth,
                             steer_direction *out)
{
    steer_direction **const parts[] = {&out->a, &out->b};
    const json_val *pair = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_need(r->d, v, key, JSON_ARRAY, &pair, r->e));
    if (json_len(pair) != 2 || depth == STEER_DIRECTIONS_MAX) {
        return json_bad(r->d, v, key, r->e, "does not hold two vectors, at most 8 deep");
    }
    for (size_t i = 0; i < 2; i++) {
        *parts[i] = mem_calloc(1, sizeof **parts[i]);
        TRY(*parts[i] ? PERSONA_OK : mem_err(r->e, "a steering expression"));
        TRY(read_direction(r, v, key, json_at(pair, i), depth + 1, *parts[i]));
    }
out:
    return rc;
}

/* v: obj's field `key`, or an item of it. */
static persona_code read_direction(const reader *r, const json_val *obj, const char *key,
                                   const json_val *v, int depth, steer_direction *out)
{
    static const char *const keys[] = {"along", "without", NULL};
    persona_code rc = PERSONA_OK;
    *out = (steer_direction){.kind = STEER_NAMED};
    const char *name = json_string(v);
    if (name) {
        out->name = mem_strdup(name); /* up to a NUL, which no name has */
        return out->name ? PERSONA_OK : mem_err(r->e, "a steering expression");
    }
    if (json_typeof(v) != JSON_OBJECT || json_len(v) != 1) {
        /* the name, so that what is half made can be compared and freed */
        out->name = mem_strdup("");
        return json_bad(r->d, obj, key, r->e,
                        "is no vector (expected a name, {\"along\": [A, B]} or {\"without\": [A, "
                        "B]})");
    }
    TRY(only(r, v, keys));
    out->kind = json_get(v, "along") ? STEER_ALONG : STEER_WITHOUT;
    TRY(read_two(r, v, out->kind == STEER_ALONG ? "along" : "without", depth, out));
out:
    return rc;
}

static persona_code read_op(const reader *r, const json_val *obj, steer_op *out)
{
    const char *text = "add";
    persona_code rc = PERSONA_OK;
    if (json_get(obj, "op")) {
        TRY(json_need_string(r->d, obj, "op", &text, r->e));
    }
    for (size_t i = 0; i < STEER_N_OPS; i++) {
        if (strcmp(text, steer_ops[i].name) == 0) {
            *out = (steer_op)i;
            return PERSONA_OK;
        }
    }
    rc = json_bad(
        r->d, obj, "op", r->e,
        "is \"%.40s\" (expected add, ablate, cap, floor, clamp, rotate, keepnorm or hold)", text);
out:
    return rc;
}

static persona_code read_unit(const reader *r, const json_val *obj, steer_unit *out)
{
    const char *text = "dose";
    persona_code rc = PERSONA_OK;
    if (json_get(obj, "unit")) {
        TRY(json_need_string(r->d, obj, "unit", &text, r->e));
    }
    for (steer_unit u = STEER_DOSE; u <= STEER_RATIO; u++) {
        if (strcmp(text, steer_unit_name(u)) == 0) {
            *out = u;
            return PERSONA_OK;
        }
    }
    rc = json_bad(r->d, obj, "unit", r->e, "is \"%.40s\" (expected dose, raw or ratio)", text);
out:
    return rc;
}

static persona_code read_blocks(const reader *r, const json_val *obj, steer_term *t)
{
    double blocks[2] = {-1, -1};
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    t->block_a = t->block_b = -1;
    TRY(take_numbers(r, obj, "blocks", 2, blocks, &n));
    if (!json_get(obj, "blocks")) {
        return PERSONA_OK;
    }
    if (n != 2) {
        return json_bad(r->d, obj, "blocks", r->e,
                        "does not hold two numbers, the first and the last block");
    }
    TRY(whole(r, obj, "blocks", blocks[0], 0, STEER_BLOCK_MAX, &t->block_a));
    TRY(whole(r, obj, "blocks", blocks[1], 0, STEER_BLOCK_MAX, &t->block_b));
out:
    return rc;
}

static persona_code read_phases(const reader *r, const json_val *obj, unsigned *out)
{
    const json_val *a = NULL;
    persona_code rc = PERSONA_OK;
    TRY(take_array(r, obj, "phases", STEER_N_PHASES, &a));
    for (size_t i = 0; i < json_len(a); i++) {
        const char *text = json_string(json_at(a, i));
        unsigned bit = 0;
        for (size_t k = 0; text && k < STEER_N_PHASES; k++) {
            bit |= strcmp(text, steer_phases[k].name) == 0 ? steer_phases[k].bit : 0;
        }
        if (bit == 0 || (*out & bit) != 0) {
            return json_bad(r->d, obj, "phases", r->e,
                            "holds something else than prompt, response, analysis and final, each "
                            "once");
        }
        *out |= bit;
    }
out:
    return rc;
}

static persona_code read_manner(const reader *r, const json_val *obj, steer_term *t)
{
    persona_code rc = PERSONA_OK;
    TRY(read_phases(r, obj, &t->phases));
    TRY(take_whole(r, obj, "first", 1, STEER_WINDOW_MAX, &t->first));
    TRY(take_whole(r, obj, "after", 0, STEER_WINDOW_MAX, &t->after));
    if (json_get(obj, "syntax")) {
        const json_val *v = NULL;
        TRY(json_need(r->d, obj, "syntax", JSON_BOOL, &v, r->e));
        t->syntax_off = !json_bool(v, true);
    }
out:
    return rc;
}

static persona_code read_arguments(const reader *r, const json_val *obj, steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    memcpy(t->arguments, op->without, sizeof t->arguments);
    TRY(take_numbers(r, obj, "arguments", op->n_arguments, t->arguments, &n));
    if (n < op->n_needed) {
        rc = json_bad(r->d, obj, "arguments", r->e, "holds %zu numbers (expected %s)", n,
                      op->wants[n]);
    }
out:
    return rc;
}

static persona_code read_comparison(const reader *r, const json_val *obj, steer_comparison *c)
{
    static const char *const keys[] = {"probe", "block", "above", "below", "until", NULL};
    persona_code rc = PERSONA_OK;
    TRY(only(r, obj, keys));
    TRY(take_name(r, obj, "probe", &c->probe));
    c->block = -1;
    TRY(take_whole(r, obj, "block", 0, STEER_BLOCK_MAX, &c->block));
    c->above = json_get(obj, "above") != NULL;
    if (c->above == (json_get(obj, "below") != NULL)) {
        return json_bad(r->d, obj, NULL, r->e, "wants \"above\" or \"below\", one of them");
    }
    TRY(take_number(r, obj, c->above ? "above" : "below", &c->open));
    c->close = c->open;
    TRY(take_number(r, obj, "until", &c->close));
out:
    return rc;
}

static persona_code add_comparison(const reader *r, const json_val *obj, steer_term *t)
{
    steer_comparison c = {0};
    persona_code rc = PERSONA_OK;
    TRY(read_comparison(r, obj, &c));
    TRY(steer_add_when(t, &c, 1, r->e));
out:
    mem_free(c.probe);
    return rc;
}

static persona_code read_when(const reader *r, const json_val *obj, steer_term *t)
{
    const json_val *a = NULL;
    persona_code rc = PERSONA_OK;
    TRY(take_array(r, obj, "when", STEER_COMPARISONS_MAX, &a));
    for (size_t i = 0; i < json_len(a); i++) {
        TRY(add_comparison(r, json_at(a, i), t));
    }
out:
    return rc;
}

static persona_code read_joint(const reader *r, const json_val *obj, steer_term *t)
{
    static const char *const keys[] = {"group", "budget", NULL};
    const json_val *joint = json_get(obj, "joint");
    int group = 0;
    persona_code rc = PERSONA_OK;
    if (!joint) {
        return PERSONA_OK;
    }
    TRY(only(r, joint, keys));
    if (!json_get(joint, "group")) {
        return json_bad(r->d, joint, "group", r->e, "is missing (expected a number)");
    }
    TRY(take_whole(r, joint, "group", 1, STEER_TERMS_MAX, &group));
    t->joint = (size_t)group;
    if (json_get(joint, "budget")) {
        TRY(take_number(r, joint, "budget", &t->budget));
        if (!(t->budget > 0)) {
            rc = json_bad(r->d, joint, "budget", r->e, "is %.9g (expected more than 0)", t->budget);
        }
    }
out:
    return rc;
}

static persona_code read_term(const reader *r, const json_val *obj, steer_term *t)
{
    static const char *const keys[] = {"op",     "vector", "coefficient", "unit",   "blocks",
                                       "phases", "first",  "after",       "syntax", "arguments",
                                       "when",   "joint",  NULL};
    persona_code rc = PERSONA_OK;
    TRY(only(r, obj, keys));
    TRY(read_op(r, obj, &t->op));
    if (!json_get(obj, "vector")) {
        return json_bad(r->d, obj, "vector", r->e, "is missing (expected a vector)");
    }
    TRY(read_direction(r, obj, "vector", json_get(obj, "vector"), 0, &t->v));
    t->coefficient = 1;
    TRY(take_number(r, obj, "coefficient", &t->coefficient));
    TRY(read_unit(r, obj, &t->unit));
    TRY(read_blocks(r, obj, t));
    TRY(read_manner(r, obj, t));
    TRY(read_arguments(r, obj, t));
    TRY(read_when(r, obj, t));
    TRY(read_joint(r, obj, t));
out:
    return rc;
}

static persona_code add_term(const reader *r, const json_val *obj, steer_expr *x)
{
    steer_term t = {0};
    persona_code rc = PERSONA_OK;
    TRY(read_term(r, obj, &t));
    TRY(steer_add_term(x, &t, r->e));
out:
    steer_term_free(&t);
    return rc;
}

static persona_code read_terms(const reader *r, steer_expr *x)
{
    static const char *const keys[] = {"terms", NULL};
    const json_val *root = json_root(r->d), *terms = NULL;
    persona_code rc = PERSONA_OK;
    TRY(only(r, root, keys));
    TRY(take_array(r, root, "terms", STEER_TERMS_MAX, &terms));
    if (json_len(terms) == 0) {
        return json_bad(r->d, root, "terms", r->e,
                        terms ? "is empty (expected something to do)"
                              : "is missing (expected an array)");
    }
    for (size_t i = 0; i < json_len(terms); i++) {
        TRY(add_term(r, json_at(terms, i), x));
    }
out:
    return rc;
}

persona_code steer_parse_object(const char *text, steer_expr *out, persona_err *e)
{
    json_doc *d = NULL;
    const size_t n = strlen(text);
    persona_code rc = PERSONA_OK;
    *out = (steer_expr){0};
    if (n > STEER_OBJECT_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "steering object: longer than %d bytes",
                               STEER_OBJECT_MAX);
    }
    TRY(json_parse(text, n, "steering object", &d, e));
    const reader r = {.d = d, .e = e};
    TRY(read_terms(&r, out));
    TRY(steer_check(out, e));
    steer_number_joints(out);
out:
    json_free(d);
    if (rc != PERSONA_OK) {
        steer_expr_free(out);
    }
    if (rc == PERSONA_E_FORMAT) { /* an expression is an argument, not a file */
        rc = PERSONA_E_USAGE;
        if (e) {
            e->code = rc;
        }
    }
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_direction(json_out *o, const char *key, const steer_direction *v)
{
    if (v->kind == STEER_NAMED) {
        jo_string(o, key, v->name);
        return;
    }
    jo_object(o, key);
    jo_array(o, v->kind == STEER_ALONG ? "along" : "without");
    put_direction(o, NULL, v->a);
    put_direction(o, NULL, v->b);
    jo_end(o);
    jo_end(o);
}

static void put_manner(json_out *o, const steer_term *t)
{
    if (t->phases != 0) {
        jo_array(o, "phases");
        for (size_t i = 0; i < STEER_N_PHASES; i++) {
            if ((t->phases & steer_phases[i].bit) != 0) {
                jo_string(o, NULL, steer_phases[i].name);
            }
        }
        jo_end(o);
    }
    if (t->first > 0) {
        jo_int(o, "first", t->first);
    }
    if (t->after > 0) {
        jo_int(o, "after", t->after);
    }
    if (t->syntax_off) {
        jo_bool(o, "syntax", false);
    }
}

static void put_when(json_out *o, const steer_term *t)
{
    if (t->n_when == 0) {
        return;
    }
    jo_array(o, "when");
    for (size_t i = 0; i < t->n_when; i++) {
        const steer_comparison *c = &t->when[i];
        jo_object(o, NULL);
        jo_string(o, "probe", c->probe);
        if (c->block >= 0) {
            jo_int(o, "block", c->block);
        }
        jo_double(o, c->above ? "above" : "below", c->open);
        if (c->close < c->open || c->close > c->open) {
            jo_double(o, "until", c->close);
        }
        jo_end(o);
    }
    jo_end(o);
}

static void put_term(json_out *o, const steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    jo_object(o, NULL);
    jo_string(o, "op", op->name);
    put_direction(o, "vector", &t->v);
    jo_double(o, "coefficient", t->coefficient + 0.0);
    if (op->unit) {
        jo_string(o, "unit", steer_unit_name(t->unit));
    }
    if (op->n_arguments > 0) {
        jo_array(o, "arguments");
        for (size_t i = 0; i < op->n_arguments; i++) {
            jo_double(o, NULL, t->arguments[i]);
        }
        jo_end(o);
    }
    if (t->block_a >= 0) {
        jo_array(o, "blocks");
        jo_int(o, NULL, t->block_a);
        jo_int(o, NULL, t->block_b);
        jo_end(o);
    }
    put_manner(o, t);
    put_when(o, t);
    if (t->joint > 0) {
        jo_object(o, "joint");
        jo_int(o, "group", (long long)t->joint);
        if (t->budget > 0) {
            jo_double(o, "budget", t->budget);
        }
        jo_end(o);
    }
    jo_end(o);
}

void steer_print_object(const steer_expr *x, buf *out)
{
    json_out o;
    jo_init(&o, out, false);
    jo_object(&o, NULL);
    jo_array(&o, "terms");
    for (size_t i = 0; i < x->n; i++) {
        put_term(&o, &x->terms[i]);
    }
    jo_end(&o);
    jo_end(&o);
}
