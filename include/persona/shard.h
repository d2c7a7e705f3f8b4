/* SPDX-License-Identifier: MIT
 *
 * shard.h - one part of a long task, so that several machines do it together.
 *
 * A task's answers are numbered; part I of N has the answers from n*I/N up to n*(I+1)/N, keeps them
 * in a job file of its own and makes no result. `persona jobs merge` puts the files of all parts
 * into one job, with which the same call without a shard goes on. In a session of fixed shape an
 * answer is the same bytes in whichever part it is asked, so N parts end with the bytes of one run.
 */
#ifndef PERSONA_SHARD_H
#define PERSONA_SHARD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PERSONA_SHARDS_MAX 65536

typedef struct persona_shard {
    int index; /* from 0 */
    int count; /* 0: the whole task, no part of it */
} persona_shard;

/* What a part has done; all 0 for a whole task. */
typedef struct persona_shard_report {
    size_t n_mine;    /* answers of this part */
    size_t n_all;     /* of the whole task */
    size_t n_resumed; /* of this part's, found in the job */
} persona_shard_report;

#ifdef __cplusplus
}
#endif
#endif
