/* SPDX-License-Identifier: MIT
 *
 * lean.h - private: what texts show of a trait, with the scores kept in a job.
 */
#ifndef PERSONA_PIPELINE_LEAN_H
#define PERSONA_PIPELINE_LEAN_H

#include "pipeline/transfer/pairs_parts.h"
#include "store/job/job.h"

#define LEAN_STAGE "texts" /* of the job: the texts of a map, and what judges say about them */

/* As persona_pairs_lean. j: NULL, nothing is kept. */
PERSONA_CHECK persona_code pairs_lean(const persona_pairs *p, persona_judge *judge,
                                      const persona_trait *trait, job *j,
                                      const persona_hooks *hooks, persona_lean **out,
                                      persona_err *e);

#endif
