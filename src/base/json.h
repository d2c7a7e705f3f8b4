/* SPDX-License-Identifier: MIT
 *
 * json.h - JSON in and out; json.c is the only file that includes yyjson.
 *
 * Reading: a document, and typed getters that name the file, the path of the field
 * ("axes.silly.bias"), what was found and what was expected. Writing: a streaming writer onto a
 * buf, which places commas and escapes, so that output order is exactly the order of calls.
 * Non-finite numbers become null.
 */
#ifndef PERSONA_BASE_JSON_H
#define PERSONA_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "persona/error.h"

typedef struct json_doc json_doc;
typedef struct json_val json_val; /* borrowed from its document */

/* A byte order mark is passed over. name is used in messages (a path or "line 12 of F"). Errors:
 * FORMAT with byte position. */
PERSONA_CHECK persona_code json_parse(const char *text, size_t len, const char *name,
                                      json_doc **out, persona_err *e);
PERSONA_CHECK persona_code json_read(const char *path, size_t max, json_doc **out, persona_err *e);
void json_free(json_doc *d);
const json_val *json_root(const json_doc *d);

typedef enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
} json_type;
/* Every getter accepts NULL, the result of a missing member (type JSON_NULL). */
json_type json_typeof(const json_val *v);
size_t json_len(const json_val *v);                           /* array or object; else 0 */
const json_val *json_at(const json_val *v, size_t i);         /* array element or NULL */
const json_val *json_get(const json_val *v, const char *key); /* member or NULL */
/* Walks an object: calls fn(ud, key, value) until it returns false. */
void json_each(const json_val *v, bool (*fn)(void *ud, const char *key, const json_val *val),
               void *ud);
bool json_bool(const json_val *v, bool fallback);
const char *json_string(const json_val *v); /* NULL if not a string */
size_t json_string_len(const json_val *v);  /* bytes; a string may contain U+0000 */
double json_number(const json_val *v, double fallback);
/* Whether a string or a key in v, however deep, has U+0000, where json_string would end it. */
bool json_has_nul(const json_val *v);

/* FORMAT with "NAME: field 'PATH.key' TEXT"; obj must be of d. key NULL: about obj itself. */
persona_code json_bad(const json_doc *d, const json_val *obj, const char *key, persona_err *e,
                      const char *fmt, ...) PERSONA_PRINTF(5, 6);
/* Required members with their type checked; the message names doc and field. Strings that contain
 * U+0000 are refused; empty ones are not. */
PERSONA_CHECK persona_code json_need(const json_doc *d, const json_val *obj, const char *key,
                                     json_type type, const json_val **out, persona_err *e);
PERSONA_CHECK persona_code json_need_string(const json_doc *d, const json_val *obj, const char *key,
                                            const char **out, persona_err *e);
PERSONA_CHECK persona_code json_need_number(const json_doc *d, const json_val *obj, const char *key,
                                            double min, double max, double *out, persona_err *e);

/* ---- writer ------------------------------------------------------------------------------- */
typedef struct json_out {
    buf *b;
    bool pretty;
    int depth; /* open containers; more than 31 are a programming error */
    bool first[32], broken[32];
    char close[32];
} json_out;
/* pretty: two spaces a level, numbers of an array on one line. No final newline either way. */
void jo_init(json_out *o, buf *b, bool pretty);
void jo_object(json_out *o, const char *key); /* key NULL inside arrays and at the root */
void jo_array(json_out *o, const char *key);
void jo_end(json_out *o); /* closes the innermost object or array */
void jo_string(json_out *o, const char *key, const char *s); /* NULL -> null */
/* The shortest text that reads back as the same float if x is one, else as the same double. */
void jo_number(json_out *o, const char *key, double x);
/* The shortest text that reads back as the same double, whatever it is. */
void jo_double(json_out *o, const char *key, double x);
void jo_int(json_out *o, const char *key, long long x);
void jo_bool(json_out *o, const char *key, bool x);
void jo_null(json_out *o, const char *key);
/* A value of a document as it is, compact. NULL -> null. */
void jo_value(json_out *o, const char *key, const json_val *v);

#endif
