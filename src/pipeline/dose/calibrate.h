/* SPDX-License-Identifier: MIT
 *
 * calibrate.h - how much of a vector is one dose: 1 nat of KL at the 95th percentile (methods 4.2).
 */
#ifndef PERSONA_PIPELINE_CALIBRATE_H
#define PERSONA_PIPELINE_CALIBRATE_H

#include "persona/extract.h"
#include "store/job/job.h"

typedef struct calibration {
    persona_session *s;
    const persona_vector *v; /* with ||h|| medians */
    char *const *questions;
    size_t n_questions;
    bool quick;          /* see calibrate_dose */
    double tolerance;    /* calibrate_blocks: in nats around 1 */
    int max_evaluations; /* and per block */
    job *job;            /* measured points are kept there; NULL: nowhere */
    const char *tag;     /* names the vector among others of the job */
    const persona_hooks *hooks;
} calibration;

/* One block's answer. alpha NAN: no multiple in the bracket reaches 1 nat (kl is the last one
 * seen). */
typedef struct block_dose {
    int block;
    double alpha, kl;
    const persona_vector
        *v; /* another vector than the calibration's, and its completed tag; NULL */
    const char *tag;
} block_dose;

/* Solves for all blocks (and vectors) in lockstep, so that one batch serves them all.
 * doses[i].block is given.
 * Errors: SHAPE (no direction, no ||h||), NUMERIC (too few tokens), those of sessions. */
PERSONA_CHECK persona_code calibrate_blocks(const calibration *c, block_dose *doses, size_t n,
                                            persona_err *e);
/* The same for one block, as well as the questions allow (tolerance and max_evaluations are not
 * used). dose->alpha may hold a first guess; kl is what was measured at the solution. */
PERSONA_CHECK persona_code calibrate_exactly(const calibration *c, block_dose *dose,
                                             persona_err *e);
/* As calibrate_exactly, or, with c->quick, within a tenth of a nat in few measurements: for vectors
 * that are compared with many others. */
PERSONA_CHECK persona_code calibrate_dose(const calibration *c, block_dose *dose, persona_err *e);
/* c->tag with a digest of what steered answers depend on besides block and multiple: directions,
 * questions, seed, shape of the batch. It is part of every name under which they are kept. */
enum { CALIBRATE_TAG = 64 };
void calibrate_tag(const calibration *c, uint32_t seed, char out[CALIBRATE_TAG]);

/* Sets dose and dose_kl of v (c's), as persona_calibrate does; the tag is completed here. */
PERSONA_CHECK persona_code calibrate_vector(const calibration *c, persona_vector *v, int block,
                                            persona_err *e);
/* dose->kl of the given block and multiple, and nothing else. */
PERSONA_CHECK persona_code calibrate_measure(const calibration *c, block_dose *dose,
                                             persona_err *e);

#endif
