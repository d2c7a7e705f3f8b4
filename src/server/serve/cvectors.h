/* SPDX-License-Identifier: MIT
 *
 * cvectors.h - what clients of ik_llama.cpp's routes have set for everybody: control vectors of a
 * model, each with a scale and a range of blocks. They steer the requests that say nothing.
 *
 * Threads: any number.
 */
#ifndef PERSONA_SERVER_CVECTORS_H
#define PERSONA_SERVER_CVECTORS_H

#include "server/serve/registry.h"

enum { CVECTORS_MAX = 64, CVECTOR_NAME_MAX = 128 };

typedef struct cvector {
    char model[SERVED_ID_MAX], name[CVECTOR_NAME_MAX];
    double scale;
    int first, last; /* blocks, both included */
} cvector;

typedef struct cvectors cvectors;
PERSONA_CHECK persona_code cvectors_new(cvectors **out, persona_err *e);
void cvectors_free(cvectors *x);

/* A copy of those of a model, in the order of their ids, which count from 0; at most CVECTORS_MAX.
 * Returns how many. */
size_t cvectors_of(cvectors *x, const char *model, cvector *out);
/* Puts these in the place of all of the model's. Errors: USAGE (more than CVECTORS_MAX of all
 * models). */
PERSONA_CHECK persona_code cvectors_set(cvectors *x, const char *model, const cvector *list,
                                        size_t n, persona_err *e);
/* The same as an expression: mem_free it; *out NULL: none, or every scale is 0. */
PERSONA_CHECK persona_code cvectors_expression(const cvector *list, size_t n, char **out,
                                               persona_err *e);

#endif
