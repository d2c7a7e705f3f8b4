/* SPDX-License-Identifier: MIT
 *
 * direction.h - from the responses of two poles to one direction: a table of methods.
 */
#ifndef PERSONA_CORE_DIRECTION_H
#define PERSONA_CORE_DIRECTION_H

#include "base/linalg.h"

/* What is known about one block. Borrowed. */
typedef struct direction_data {
    size_t d;
    const float *mean;      /* (d) mean difference over all kept pairs (contrast_direction) */
    mat pos, neg;           /* (n, d): row i of both is a pair; n = 0 for a method without rows */
    const size_t *question; /* (n) */
    double strength;        /* logistic: lambda / rows; 0: chosen by cross-validation */
} direction_data;

/* NAN where a method has no such number. */
typedef struct direction_report {
    double cosine;    /* of v and the mean difference; never negative */
    double explained; /* pca: share of the sum of squares of the pair differences */
    double strength;  /* logistic: the one that was used */
    double loss;      /* logistic: held-out log loss in nats per response; guessing is ln 2 */
} direction_report;

/* Finds u (d), of any norm and sign. */
typedef persona_code direction_finder(const direction_data *data, float *u,
                                      direction_report *report, persona_err *e);

typedef struct direction_method {
    const char *name, *text;
    bool needs_rows; /* all responses of a block at once; else the mean difference will do */
    direction_finder *find;
} direction_method;

/* The default stands first. */
const direction_method *direction_methods(size_t *n);
/* NULL: no such method. */
const direction_method *direction_find(const char *name);

/* v (d): the direction, positive minus negative, its norm the distance of the poles' means along
 * it. v is none of the inputs. Errors: SHAPE, NUMERIC (degenerate data), NOMEM. */
PERSONA_CHECK persona_code direction_make(const direction_method *method,
                                          const direction_data *data, float *v,
                                          direction_report *report, persona_err *e);

#endif
