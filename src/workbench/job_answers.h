/* SPDX-License-Identifier: MIT
 *
 * job_answers.h - the answers of one stage of a job, with the scores of one judge: what
 * `persona jobs export` writes into files and the server shows while a job runs. Job files may be
 * read while they are written.
 */
#ifndef PERSONA_WORKBENCH_JOB_ANSWERS_H
#define PERSONA_WORKBENCH_JOB_ANSWERS_H

#include "base/json.h"
#include "store/job/job.h"
#include "store/text/textfile.h"

typedef struct job_answers {
    job_info info;
    const char *stage, *judge, *trait; /* of info; judge NULL: no scores; trait NULL: not known */
    job *j;
    json_doc
        *cells; /* of an evaluation or a sweep: what answer i modulo their number is; NULL: none */
} job_answers;

/* stage NULL: the usual one, or the only one; judge NULL: the only one, "none": no scores. Errors:
 * NOTFOUND (file, stage, judge), USAGE (which stage, which judge?), those of job_read. */
PERSONA_CHECK persona_code job_answers_open(const char *path, const char *stage, const char *judge,
                                            job_answers *out, persona_err *e);
void job_answers_close(job_answers *x);
/* What is known of how an answer was steered: an element of `cells`; NULL: nothing. */
const json_val *job_answers_cell(const job_answers *x, const job_answer *a);

/* How answers become texts. */
typedef struct job_answers_opts {
    bool prompts; /* those that keep their prompt give it instead of messages */
    bool all;     /* also those that take no side */
    job_order order;
    size_t offset, limit; /* of those that count; limit 0: all */
} job_answers_opts;
typedef persona_code (*job_answers_fn)(void *ud, const text_item *item, const job_answer *a,
                                       persona_err *e);
/* Calls fn for every answer in order; *n_left_out (may be NULL) counts those without a side.
 * Errors: those of fn and of reading. */
PERSONA_CHECK persona_code job_answers_each(job_answers *x, const job_answers_opts *o,
                                            job_answers_fn fn, void *ud, size_t *n_left_out,
                                            persona_err *e);

#endif
