/* SPDX-License-Identifier: MIT
 *
 * shard_spec.h - which part of a task is to be done, as people and job systems say it.
 */
#ifndef PERSONA_WORKBENCH_SHARD_SPEC_H
#define PERSONA_WORKBENCH_SHARD_SPEC_H

#include "persona/error.h"
#include "persona/shard.h"

/* "I/N", I from 0. "auto": from the environment of a Slurm array (SLURM_ARRAY_TASK_ID minus _MIN,
 * of _COUNT) or of Open MPI (OMPI_COMM_WORLD_RANK of _SIZE); "auto/N" also of an indexed Job of
 * Kubernetes (JOB_COMPLETION_INDEX), which does not say how many there are. Only auto looks there.
 * Errors: USAGE (no such form, out of range, nothing there, or two that contradict each other). */
PERSONA_CHECK persona_code shard_spec_parse(const char *text, persona_shard *out, persona_err *e);

/* The file of a part: each %i becomes its number. mem_free it; NULL: no memory. */
char *shard_spec_file(const char *name, persona_shard s);

#endif
