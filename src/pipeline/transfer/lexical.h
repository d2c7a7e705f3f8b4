/* SPDX-License-Identifier: MIT
 *
 * lexical.h - private: a trait carried over by word counts, without the source model.
 */
#ifndef PERSONA_PIPELINE_LEXICAL_H
#define PERSONA_PIPELINE_LEXICAL_H

#include "pipeline/transfer/pairs_parts.h"

/* What a map from word counts of the same texts (left out as o says) makes of the trait's texts at
 * the target blocks of `like`, at the norms that it has there. Errors: NEGATIVE (no texts of both
 * poles), those of maps. */
PERSONA_CHECK persona_code lexical_carry(const persona_pairs *p, const persona_fit_opts *o,
                                         int trait, const persona_vector *like,
                                         persona_vector **out, persona_err *e);

#endif
