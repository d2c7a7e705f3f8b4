/* SPDX-License-Identifier: MIT
 *
 * measure.h - from kept rollouts to directions and what they are worth.
 */
#ifndef PERSONA_PIPELINE_MEASURE_H
#define PERSONA_PIPELINE_MEASURE_H

#include "core/measure/contrast.h"
#include "core/measure/direction.h"
#include "pipeline/extract/rollout.h"

/* First pass over the kept answers: sums for every direction, and the sizes of h. */
typedef struct measure {
    const rollouts *x;
    contrast *sums;
    float *agreement; /* (n_blocks) of pairs; NAN: fewer than two */
    float *h_median;  /* (n_blocks) over answer tokens of all answers */
    float *room_mean, *room_norms;
} measure;

PERSONA_CHECK persona_code measure_begin(const rollouts *x, measure *m, persona_err *e);
/* Directions of all blocks by one method into v (fresh), with every statistic of
 * persona_vector_layer that needs no steering. Errors: NUMERIC, those of jobs. */
PERSONA_CHECK persona_code measure_vector(measure *m, const direction_method *method, uint32_t seed,
                                          persona_vector *v, persona_err *e);
/* Hands every answer that came to o->on_answer. Errors: those of it and of jobs. */
PERSONA_CHECK persona_code measure_answers(measure *m, const persona_extract_opts *o,
                                           persona_err *e);
void measure_end(measure *m);

#endif
