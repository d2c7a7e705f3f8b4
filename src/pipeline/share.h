/* SPDX-License-Identifier: MIT
 *
 * share.h - which answers of a stage belong to a part of the task.
 */
#ifndef PERSONA_PIPELINE_SHARE_H
#define PERSONA_PIPELINE_SHARE_H

#include <stdbool.h>

#include "persona/shard.h"
#include "store/job/job.h"

/* Marks what other parts do: skip[i] of n becomes true; what it says of the part's own answers
 * (they are there) stays and is counted. Adds to r; returns how many are the other parts'.
 * Neighbors stay together, since they share prompts. */
size_t shard_skip(persona_shard s, bool *skip, size_t n, persona_shard_report *r);
/* Notes in the job of a part that it has done its part of a stage of n answers: all parts must have
 * done the same stages. A whole notes nothing. Errors: those of jobs. */
PERSONA_CHECK persona_code shard_note(persona_shard s, job *j, const char *stage, size_t n,
                                      persona_err *e);

#endif
