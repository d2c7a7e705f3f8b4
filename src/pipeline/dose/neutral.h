/* SPDX-License-Identifier: MIT
 *
 * neutral.h - what a vector meets in neutral traffic: the projections of single tokens of unsteered
 * answers, at every block.
 */
#ifndef PERSONA_PIPELINE_NEUTRAL_H
#define PERSONA_PIPELINE_NEUTRAL_H

#include "persona/extract.h"
#include "store/job/job.h"

typedef struct neutral {
    persona_session *s;
    char *const *questions;
    size_t n_questions; /* no more than NEUTRAL_QUESTIONS are asked */
    uint32_t seed;
    job *job;        /* the result is kept there; NULL: nowhere */
    const char *tag; /* names the vector among others of the job */
    const persona_hooks *hooks;
} neutral;

enum { NEUTRAL_QUESTIONS = 16, NEUTRAL_TOKENS = 48 };

/* Sets token_mean, token_sd and quantiles of every block that can be read, and h_median where it is
 * not known. A job that was finished without them stays as it was, and nothing is asked. Errors:
 * NUMERIC (no answer), those of sessions and jobs. */
PERSONA_CHECK persona_code neutral_measure(const neutral *x, persona_vector *v, persona_err *e);

#endif
