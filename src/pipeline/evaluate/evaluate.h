/* SPDX-License-Identifier: MIT
 *
 * evaluate.h - what the files of an evaluation share.
 */
#ifndef PERSONA_PIPELINE_EVALUATE_H
#define PERSONA_PIPELINE_EVALUATE_H

#include "pipeline/evaluate/verdict.h"

typedef struct evaluating {
    persona_session *s;
    persona_model *m;
    const persona_trait *trait;
    persona_judge *judge;
    const persona_questions *questions;
    const persona_evaluate_opts *o;
    const persona_hooks *hooks;
    size_t n_questions, n_rollouts, n_each; /* n_each: answers per cell */
    eval_cell *cells;
    size_t n_cells;
    char **systems; /* pair * 2 + negative */
    persona_vector *random[CELL_PLANS];
    size_t n_random;
} evaluating;

/* evaluate_cells.c: every condition at every coefficient, before anything is asked. */
PERSONA_CHECK persona_code evaluate_cells(evaluating *x, const persona_arm *arms, size_t n_arms,
                                          persona_err *e);
void evaluate_cells_free(evaluating *x);
/* evaluate_cross.c: the transferred answers at -1 and +1, scored for other traits. */
PERSONA_CHECK persona_code evaluate_crosses(evaluating *x, persona_evaluation *out, persona_err *e);

#endif
