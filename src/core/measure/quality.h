/* SPDX-License-Identifier: MIT
 *
 * quality.h - what an extraction says about itself, per block, from a second pass over its
 * responses.
 */
#ifndef PERSONA_CORE_QUALITY_H
#define PERSONA_CORE_QUALITY_H

#include <stdint.h>

#include "core/measure/contrast.h"

typedef struct quality_opts {
    size_t n_splits; /* random halves of the questions for the spread */
    uint32_t seed;   /* of the splits */
    double outlier;  /* a dimension is an outlier above this many medians */
} quality_opts;

/* 20 splits, seed 0, 20 medians. */
quality_opts quality_defaults(void);

/* Directions of all blocks, (n_blocks, d) each, copied. half[0] was made from the questions that
 * quality_halves marks, half[1] from the others; both NULL: mean differences from the contrast. */
typedef struct quality_directions {
    const float *v;
    const float *half[2];
} quality_directions;

/* NAN where something cannot be computed, for example with one question. */
typedef struct quality_block {
    double auroc, cohen_d;         /* held out: half of the questions tests the other, both ways */
    double split_cosine, split_sd; /* mean and sd over random splits */
    double icc, n_effective;       /* clustering by question; see quality.c */
    double neutral_mean, neutral_sd; /* <h, v/||v||> of the uninstructed responses */
    double positive_mean, negative_mean;
    double outlier_share; /* of ||v||^2 in outlier dimensions */
    size_t n_outliers;
} quality_block;

typedef struct quality quality;

/* first (n_questions): the questions that both poles have answered, alternating; false for the
 * rest. */
void quality_halves(const contrast *c, bool *first);

/* The contrast is read here, not kept. Second pass: every response that went into the contrast
 * goes through quality_add once, in any order. Errors: SHAPE, NUMERIC, NOMEM. */
PERSONA_CHECK persona_code quality_begin(const contrast *c, const quality_directions *directions,
                                         const quality_opts *opts, quality **out, persona_err *e);
PERSONA_CHECK persona_code quality_add(quality *q, const response *r, persona_err *e);
/* out: (n_blocks). SHAPE when responses are missing. */
PERSONA_CHECK persona_code quality_end(quality *q, quality_block *out, persona_err *e);
void quality_free(quality *q);

#endif
