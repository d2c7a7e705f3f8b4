/* SPDX-License-Identifier: MIT
 *
 * vector_parts.h - what the routes of vectors have in common.
 */
#ifndef PERSONA_SERVER_VECTOR_PARTS_H
#define PERSONA_SERVER_VECTOR_PARTS_H

#include "persona/vector.h"
#include "server/routes/call_parts.h"

/* A vector of the library, read anew: by the id of a model or of a shelf. Errors: NOTFOUND, those
 * of persona_vector_read. */
PERSONA_CHECK persona_code read_vector(call *c, const char *model, const char *name,
                                       persona_vector **out, persona_err *e);
/* Writes v as the model's vector of that name and replies with its entry. Errors: USAGE, with 409
 * where there is one and replace is false. */
PERSONA_CHECK persona_code keep_vector(call *c, const char *model, const char *name,
                                       const persona_vector *v, bool replace, persona_err *e);

/* Members of an entry of the list. */
PERSONA_CHECK persona_code vector_entry(call *c, const char *shelf, const char *name,
                                        const persona_vector *v, persona_err *e);
/* "norms": by block from 0, null where there is no direction; and a number of it. */
void norms_json(json_out *o, const persona_vector *v);
extern const field norm_element[];
/* What keep_vector replies. */
extern const field vector_kept_fields[];

#endif
