/* SPDX-License-Identifier: MIT
 *
 * job_plan.h - what a job would do, before it starts: how many answers of what length each model
 * would write, and how fast it writes.
 *
 * Counts are those of the request; what is found out under way (which blocks have to be settled,
 * which answers are kept from before) can only make them less. Reading texts and judging come on
 * top.
 */
#ifndef PERSONA_SERVER_JOB_PLAN_H
#define PERSONA_SERVER_JOB_PLAN_H

#include "server/jobs/job_queue.h"

/* n answers of at most max_tokens; n 0: nothing. model NULL: the default one. */
void job_plan_add(job_plan *p, const char *what, const char *model, size_t n, int max_tokens);

typedef struct job_plan_counts {
    char model[SERVED_ID_MAX];
    size_t n_pairs, n_extract, n_evaluate; /* of the trait; questions of the two halves */
    size_t n_blocks;                       /* of the model that can be steered */
} job_plan_counts;
/* Loads the model, which may bring questions of its own; limit: questions of a half, 0: all.
 * Errors: those of job_trait and job_side_open. */
PERSONA_CHECK persona_code job_plan_size(const job_context *c, const char *model, const char *trait,
                                         int limit, job_plan_counts *out, persona_err *e);

/* The answers of an extraction. */
void job_plan_extract(job_plan *p, const char *what, const job_plan_counts *n, int n_rollouts,
                      int max_tokens);

/* Times a few answers, beside whatever else the model does now. Errors: those of sessions. */
PERSONA_CHECK persona_code job_plan_rate(served *m, double *tokens_per_second, persona_err *e);

#endif
