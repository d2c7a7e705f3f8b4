/* SPDX-License-Identifier: MIT
 *
 * field.c - tables of members against documents (field.h).
 */
#include "server/api/field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text/names.h"

enum { STRING_MAX = 64 << 10, ARRAY_MAX = 4096, PATH_MAX_BYTES = 160 };

static persona_code bad(persona_err *e, const char *path, const char *text)
{
    return persona_err_set(e, PERSONA_E_USAGE, "%s: %s", path, text);
}

static const char *const TYPE_NAMES[] = {
    [FIELD_STRING] = "a string", [FIELD_INT] = "an integer",     [FIELD_SEED] = "an integer",
    [FIELD_NUMBER] = "a number", [FIELD_BOOL] = "true or false", [FIELD_OBJECT] = "an object",
    [FIELD_ARRAY] = "an array",  [FIELD_ANY] = "a value",        [FIELD_IGNORED] = "a value"};

static bool fits(field_type want, const json_val *v)
{
    switch (want) {
    case FIELD_STRING:
        return json_typeof(v) == JSON_STRING;
    case FIELD_INT:
    case FIELD_SEED:
        return json_typeof(v) == JSON_NUMBER && json_number(v, 0.5) == floor(json_number(v, 0.5));
    case FIELD_NUMBER:
        return json_typeof(v) == JSON_NUMBER;
    case FIELD_BOOL:
        return json_typeof(v) == JSON_BOOL;
    case FIELD_OBJECT:
        return json_typeof(v) == JSON_OBJECT;
    case FIELD_ARRAY:
        return json_typeof(v) == JSON_ARRAY;
    case FIELD_ANY:
    case FIELD_IGNORED:
        return true;
    case FIELD_END:
        break;
    }
    return false;
}

static persona_code one_of(const field *f, const char *s, const char *path, persona_err *e)
{
    char names[200] = "";
    size_t n = 0;
    for (const char *const *p = f->of_names; *p != NULL; p++) {
        if (strcmp(*p, s) == 0) {
            return PERSONA_OK;
        }
        if (n < sizeof names) {
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? ", " : "", *p);
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE, "%s: wants one of %s, not '%.40s'", path, names, s);
}

static persona_code within(const field *f, double x, const char *what, const char *path,
                           persona_err *e)
{
    double min = f->min, max = f->max;
    if (min == 0 && max == 0 && f->type == FIELD_STRING) {
        max = STRING_MAX;
    } else if (min == 0 && max == 0 && f->type == FIELD_ARRAY) {
        max = ARRAY_MAX;
    } else if (min == 0 && max == 0) {
        return isfinite(x) ? PERSONA_OK : bad(e, path, "is not a finite number");
    }
    return x >= min && x <= max
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "%s: %.9g%s is not within %.9g and %.9g", path,
                                 x, what, min, max);
}

static persona_code read_value(const field *f, const json_val *v, const char *path, void *into,
                               persona_err *e);

static persona_code read_elements(const field *f, const json_val *v, const char *path,
                                  persona_err *e)
{
    persona_code rc = within(f, (double)json_len(v), " elements", path, e);
    for (size_t i = 0; rc == PERSONA_OK && f->of != NULL && i < json_len(v); i++) {
        char at[PATH_MAX_BYTES];
        snprintf(at, sizeof at, "%s[%zu]", path, i);
        rc = read_value(&f->of[0], json_at(v, i), at, NULL, e);
    }
    return rc;
}

/* uint32_t as both common ways to say it have it: -1 is the largest. */
uint32_t field_seed(double x)
{
    const double m = fmod(x, 4294967296.0);
    return (uint32_t)(m < 0 ? m + 4294967296.0 : m);
}

/* The destination is of the type that the record says; memcpy, since it is known as bytes only. */
static void put(const field *f, const json_val *v, void *into)
{
    char *const at = (char *)into + f->at;
    const char *text = json_string(v);
    const double number = json_number(v, 0);
    const int whole = (int)number;
    const uint32_t seed = field_seed(number);
    const bool yes = json_bool(v, false);
    const struct {
        const void *from;
        size_t size;
    } KINDS[] = {[FIELD_STRING] = {&text, sizeof text},
                 [FIELD_INT] = {&whole, sizeof whole},
                 [FIELD_SEED] = {&seed, sizeof seed},
                 [FIELD_NUMBER] = {&number, sizeof number},
                 [FIELD_BOOL] = {&yes, sizeof yes},
                 [FIELD_OBJECT] = {&v, sizeof v},
                 [FIELD_ARRAY] = {&v, sizeof v},
                 [FIELD_ANY] = {&v, sizeof v},
                 [FIELD_IGNORED] = {&v, 0}};
    const void *from = KINDS[f->type].from;
    if (from != NULL) {
        memcpy(at, from, KINDS[f->type].size);
    }
}

static persona_code check_string(const field *f, const json_val *v, const char *path,
                                 persona_err *e)
{
    const char *s = json_string(v);
    const size_t n = json_string_len(v);
    if (strlen(s) != n) {
        return bad(e, path, "holds the character U+0000");
    }
    const persona_code rc = within(f, (double)n, " bytes", path, e);
    return rc != PERSONA_OK || f->of_names == NULL ? rc : one_of(f, s, path, e);
}

static persona_code read_value(const field *f, const json_val *v, const char *path, void *into,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (!fits(f->type, v)) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s: wants %s", path, TYPE_NAMES[f->type]);
    }
    switch (f->type) {
    case FIELD_STRING:
        rc = check_string(f, v, path, e);
        break;
    case FIELD_INT:
    case FIELD_NUMBER:
        rc = within(f, json_number(v, 0), "", path, e);
        break;
    case FIELD_OBJECT:
        rc = f->of != NULL ? fields_read(f->of, v, path, NULL, e) : PERSONA_OK;
        break;
    case FIELD_ARRAY:
        rc = read_elements(f, v, path, e);
        break;
    case FIELD_SEED:
    case FIELD_BOOL:
    case FIELD_ANY:
    case FIELD_IGNORED:
    case FIELD_END:
        break;
    }
    if (rc == PERSONA_OK && into != NULL && f->at != FIELD_NOWHERE) {
        put(f, v, into);
    }
    return rc;
}

typedef struct walk {
    const field *table;
    const char *path;
    persona_code rc;
    persona_err *e;
} walk;

static bool known_member(void *ud, const char *key, const json_val *v)
{
    walk *w = ud;
    const char *names[64];
    size_t n = 0;
    (void)v;
    for (const field *f = w->table; f->type != FIELD_END; f++) {
        if (strcmp(f->name, key) == 0) {
            return true;
        }
        if (n < sizeof names / sizeof *names) {
            names[n++] = f->name;
        }
    }
    const char *near = name_nearest(names, n, key);
    w->rc = near != NULL ? persona_err_set(w->e, PERSONA_E_USAGE,
                                           "%s%s%.60s: unknown field; did you mean '%s'?", w->path,
                                           *w->path != '\0' ? "." : "", key, near)
                         : persona_err_set(w->e, PERSONA_E_USAGE, "%s%s%.60s: unknown field",
                                           w->path, *w->path != '\0' ? "." : "", key);
    return false;
}

persona_code fields_read(const field *table, const json_val *obj, const char *path, void *into,
                         persona_err *e)
{
    if (json_typeof(obj) != JSON_OBJECT) {
        return bad(e, *path != '\0' ? path : "body", "wants an object");
    }
    walk w = {table, path, PERSONA_OK, e};
    json_each(obj, known_member, &w);
    for (const field *f = table; w.rc == PERSONA_OK && f->type != FIELD_END; f++) {
        char at[PATH_MAX_BYTES];
        const json_val *v = json_get(obj, f->name);
        snprintf(at, sizeof at, "%s%s%s", path, *path != '\0' ? "." : "", f->name);
        if (v == NULL || (json_typeof(v) == JSON_NULL && f->type != FIELD_ANY && !f->required)) {
            if (f->required) {
                w.rc = bad(e, at, "is missing");
            }
            continue;
        }
        w.rc = read_value(f, v, at, into, e);
    }
    return w.rc;
}

void field_param(const char *message, char *out, size_t n)
{
    const char *colon = strstr(message, ": ");
    const size_t len = colon != NULL ? (size_t)(colon - message) : 0;
    const bool plain = len > 0 && len < n && strcspn(message, " '\"/") >= len;
    snprintf(out, n, "%.*s", plain ? (int)len : 0, message);
}

/* ---- the same as a schema -------------------------------------------------------------------- */

static const char *const SCHEMA_TYPES[] = {
    [FIELD_STRING] = "string", [FIELD_INT] = "integer",  [FIELD_SEED] = "integer",
    [FIELD_NUMBER] = "number", [FIELD_BOOL] = "boolean", [FIELD_OBJECT] = "object",
    [FIELD_ARRAY] = "array",   [FIELD_IGNORED] = NULL};

static void limits(json_out *o, const field *f)
{
    static const struct {
        field_type type;
        const char *min, *max;
    } NAMES[] = {{FIELD_STRING, "minLength", "maxLength"},
                 {FIELD_ARRAY, "minItems", "maxItems"},
                 {FIELD_INT, "minimum", "maximum"},
                 {FIELD_NUMBER, "minimum", "maximum"}};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].type == f->type && (f->min != 0 || f->max != 0)) {
            jo_double(o, NAMES[i].min, f->min);
            jo_double(o, NAMES[i].max, f->max);
        }
    }
}

static void schema_of(json_out *o, const char *key, const field *f)
{
    jo_object(o, key);
    if (f->type < FIELD_IGNORED && f->type != FIELD_ANY) {
        jo_string(o, "type", SCHEMA_TYPES[f->type]);
    } else if (f->type == FIELD_ANY && f->schema != NULL) {
        jo_string(o, "x-persona-type", f->schema);
    }
    if (f->help != NULL) {
        jo_string(o, "description", f->help);
    }
    limits(o, f);
    if (f->of_names != NULL) {
        jo_array(o, "enum");
        for (const char *const *p = f->of_names; *p != NULL; p++) {
            jo_string(o, NULL, *p);
        }
        jo_end(o);
    }
    if (f->type == FIELD_ARRAY && f->of != NULL) {
        schema_of(o, "items", &f->of[0]);
    } else if (f->type == FIELD_OBJECT && f->of != NULL) {
        fields_schema(o, f->of);
    }
    jo_end(o);
}

void fields_schema(json_out *o, const field *table)
{
    bool any = false;
    jo_object(o, "properties");
    for (const field *f = table; f->type != FIELD_END; f++) {
        schema_of(o, f->name, f);
        any = any || f->required;
    }
    jo_end(o);
    if (any) {
        jo_array(o, "required");
        for (const field *f = table; f->type != FIELD_END; f++) {
            if (f->required) {
                jo_string(o, NULL, f->name);
            }
        }
        jo_end(o);
    }
    jo_bool(o, "additionalProperties", false);
}
