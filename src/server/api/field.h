/* SPDX-License-Identifier: MIT
 *
 * field.h - the members of a JSON object as a table: one record each, from which come the reading
 * of a request into a struct, the messages about what is wrong with it ("messages[2].role: wants
 * one of system, user, ..."), and its schema in /openapi.json.
 *
 * A member that no record names is refused: a misspelt parameter never counts for nothing. What a
 * client may send although we do nothing with it has a record that says so (FIELD_IGNORED).
 */
#ifndef PERSONA_SERVER_FIELD_H
#define PERSONA_SERVER_FIELD_H

#include "base/json.h"

typedef enum field_type {
    FIELD_END,
    FIELD_STRING,  /* const char *: borrowed from the document */
    FIELD_INT,     /* int */
    FIELD_SEED,    /* uint32_t: any integer; taken modulo 2^32 */
    FIELD_NUMBER,  /* double */
    FIELD_BOOL,    /* bool */
    FIELD_OBJECT,  /* const json_val *; members as `of` says */
    FIELD_ARRAY,   /* const json_val *; elements as `of[0]` says */
    FIELD_ANY,     /* const json_val *; the handler looks at it itself */
    FIELD_IGNORED, /* accepted, without effect */
} field_type;

typedef struct field {
    const char *name;
    field_type type;
    bool required;   /* else null stands for absent */
    double min, max; /* of numbers; of strings and arrays the least and most elements; both
                                0: strings up to 64 KiB, arrays up to 4096 */
    const char *const *of_names; /* a string is one of these; NULL-terminated */
    const struct field *of;      /* members of an object, or the element of an array */
    size_t at;                   /* offsetof the destination; FIELD_NOWHERE: only checked */
    const char *help;
    const char *schema; /* FIELD_ANY: what to say in OpenAPI instead of {} */
} field;

#define FIELD_NOWHERE ((size_t)-1)
#define FIELD_LAST                                                                                 \
    {                                                                                              \
        .name = NULL, .type = FIELD_END                                                            \
    }

/* Reads obj's members into *into, which holds the defaults. Errors: USAGE, with e->msg
 * "PATH: text"; path is "" for the root. */
PERSONA_CHECK persona_code fields_read(const field *table, const json_val *obj, const char *path,
                                       void *into, persona_err *e);
/* The path in front of a message of fields_read; "" if there is none. */
void field_param(const char *message, char *out, size_t n);

/* An integer as a seed: modulo 2^32, so that -1 is the largest. */
uint32_t field_seed(double x);

/* {"type": "object", "properties": ...} as the members of the object that is open. */
void fields_schema(json_out *o, const field *table);

#endif
