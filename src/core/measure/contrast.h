/* SPDX-License-Identifier: MIT
 *
 * contrast.h - the sums from which directions are made, collected one response at a time.
 */
#ifndef PERSONA_CORE_CONTRAST_H
#define PERSONA_CORE_CONTRAST_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

/* One kept response as the statistics see it; everything is borrowed for the call. */
typedef struct response {
    int polarity;      /* +1, -1; 0: written without an instruction */
    size_t question;   /* 0 .. n_questions - 1 */
    size_t length;     /* answer tokens, at least 1 */
    const float *mean; /* (n_blocks, d) mean activations over its answer tokens */
} response;

typedef struct contrast contrast;

PERSONA_CHECK persona_code contrast_new(size_t n_questions, size_t n_blocks, size_t d,
                                        contrast **out, persona_err *e);
void contrast_free(contrast *c);
/* Responses of polarity 0 are checked and counted, no more. One that is refused leaves the sums as
 * they were. Errors: SHAPE (polarity, question, length), NUMERIC (not finite), NOMEM. */
PERSONA_CHECK persona_code contrast_add(contrast *c, const response *r, persona_err *e);

size_t contrast_questions(const contrast *c);
size_t contrast_blocks(const contrast *c);
size_t contrast_width(const contrast *c);
/* Responses of one polarity, over all questions or to one. */
size_t contrast_count(const contrast *c, int polarity);
size_t contrast_count_at(const contrast *c, int polarity, size_t question);
/* Both poles have answered this question. */
bool contrast_usable(const contrast *c, size_t question);

/* subset: (n_questions) which questions count; NULL: all. v: (d). Every response weighs the same.
 * NUMERIC when a pole has no response in the subset. */
PERSONA_CHECK persona_code contrast_direction(const contrast *c, size_t block, const bool *subset,
                                              float *v, persona_err *e);

typedef struct contrast_length {
    double gap;    /* mean log(1 + length) of the positive responses minus that of the negative */
    double moved;  /* ||v - v_adj|| / ||v|| */
    double cosine; /* of v and v_adj; NAN when one of them is zero */
} contrast_length;

/* The mean difference at equal length: v_adj = v - slope * gap, the slope pooled within the poles.
 * NUMERIC when lengths do not vary within the poles, for then nothing tells length from trait. */
PERSONA_CHECK persona_code contrast_adjusted(const contrast *c, size_t block, float *v_adj,
                                             contrast_length *report, persona_err *e);

#endif
