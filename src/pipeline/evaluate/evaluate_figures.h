/* SPDX-License-Identifier: MIT
 *
 * evaluate_figures.h - what stands beside the scores: how long answers are, and what a condition
 * can do while answers stay coherent.
 */
#ifndef PERSONA_PIPELINE_EVALUATE_FIGURES_H
#define PERSONA_PIPELINE_EVALUATE_FIGURES_H

#include "pipeline/ask.h"
#include "pipeline/evaluate/verdict.h"

/* One more answer, whether one came or not. */
void lengths_add(cell_lengths *to, const answer *a);
/* Those of another cell. */
void lengths_pool(cell_lengths *to, const cell_lengths *from);
/* tokens, tokens_sd and cut of a row. */
void lengths_row(const cell_lengths *l, persona_row *r);

/* Fills bests from the rows. Errors: NOMEM. */
PERSONA_CHECK persona_code evaluate_bests(persona_evaluation *x, persona_err *e);
/* What the coherence of a kind of judge (NULL: any) is worth, in a few words. */
const char *evaluate_coherence_validity(const char *kind);

#endif
