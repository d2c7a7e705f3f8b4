/* SPDX-License-Identifier: MIT
 *
 * activations_job.h - what was read of texts, kept in a job until all of it can be written.
 */
#ifndef PERSONA_PIPELINE_ACTIVATIONS_JOB_H
#define PERSONA_PIPELINE_ACTIVATIONS_JOB_H

#include "persona/monitor.h"
#include "store/job/job.h"

#define ACTS_STAGE "read"

/* What was read of text i. */
typedef struct acts_item {
    size_t i;
    const float *rows; /* (n_floats) NULL: no token to read */
    size_t n_floats, n_positions;
    /* of all tokens (mode ALL), each (n_positions); else NULL */
    const size_t *positions;
    const persona_token *ids;
} acts_item;

/* Opens o's job for these blocks of the session's model. Errors: those of jobs and of hashing. */
PERSONA_CHECK persona_code acts_job_open(persona_session *s, const char *texts,
                                         const persona_activations_opts *o, const int *blocks,
                                         size_t n_blocks, job **out, persona_err *e);
PERSONA_CHECK persona_code acts_job_put(job *j, const acts_item *x, persona_err *e);
/* Hands over all items by rising i; each lives for the call. Errors: FORMAT, those of jobs and of
 * fn. */
typedef persona_code (*acts_item_fn)(void *ud, const acts_item *x, persona_err *e);
PERSONA_CHECK persona_code acts_job_each(job *j, acts_item_fn fn, void *ud, persona_err *e);

#endif
