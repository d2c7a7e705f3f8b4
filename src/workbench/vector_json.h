/* SPDX-License-Identifier: MIT
 *
 * vector_json.h - vectors as JSON, whether several can be compared, and sums of them.
 */
#ifndef PERSONA_WORKBENCH_VECTOR_JSON_H
#define PERSONA_WORKBENCH_VECTOR_JSON_H

#include "base/json.h"
#include "persona/lens.h"
#include "persona/vector.h"

/* Members of the object that is open: sizes, origin, and "layers" with what is known of each. */
void vector_json(json_out *o, const persona_vector *v);
/* The same of what a vector promotes and suppresses; best: its best block. */
PERSONA_CHECK persona_code lens_json(json_out *o, const persona_model *m, const persona_lens *x,
                                     int best, persona_err *e);

/* Blocks that both could have; whether both have this one: then its cosine is a number or, where
 * one is of zeros, unknown. */
int vectors_depth(const persona_vector *a, const persona_vector *b);
bool vectors_share(const persona_vector *a, const persona_vector *b, int block);
/* SHAPE: of different widths, or without a common block. */
PERSONA_CHECK persona_code vectors_comparable(const persona_vector *a, const char *name_a,
                                              const persona_vector *b, const char *name_b,
                                              persona_err *e);
/* "layers": [{layer, cosine}] */
void cosines_json(json_out *o, const persona_vector *a, const persona_vector *b);

/* Where vector_sum has its vectors from; *out becomes its own. */
typedef persona_code (*vector_opener)(void *ud, const char *name, persona_vector **out,
                                      persona_err *e);
/* "silly + 0.5*poetic@3-5" as one vector. Coefficients multiply the values as they are. Errors:
 * USAGE (what belongs to steering only), those of open and of persona_vector_combine. */
PERSONA_CHECK persona_code vector_sum(const char *expression, vector_opener open, void *ud,
                                      persona_vector **out, persona_err *e);

#endif
