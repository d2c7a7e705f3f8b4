/* SPDX-License-Identifier: MIT
 *
 * kinds.c - the kinds of jobs.
 */
#include "server/jobs/job_queue.h"

extern const job_kind job_kind_extract, job_kind_transfer, job_kind_sweep, job_kind_screen,
    job_kind_pull;

const job_kind *const JOB_KINDS[] = {&job_kind_extract, &job_kind_transfer, &job_kind_sweep,
                                     &job_kind_screen,  &job_kind_pull,     NULL};
