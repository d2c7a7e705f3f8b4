/* SPDX-License-Identifier: MIT
 *
 * evaluate_kept.c - the scores behind an evaluation, answer by answer. Cells lose what answers were
 * made with (plans) and for (texts); what tables, intervals and verdicts are made of stays.
 */
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_parts.h"

persona_code evaluate_keep(evaluating *x, persona_evaluation *out, persona_err *e)
{
    persona_evaluation_kept *k = mem_calloc(1, sizeof *k);
    if (!k) {
        return mem_err(e, "the scores of an evaluation");
    }
    for (size_t i = 0; i < x->n_cells; i++) {
        evaluate_cell_spend(&x->cells[i], x->n_each);
    }
    evaluate_judges(x, &k->judges);
    k->cells = x->cells;
    k->board = (verdict_board){.cells = k->cells,
                               .n = x->n_cells,
                               .n_questions = x->n_questions,
                               .n_repeats = 1,
                               .judge_kind = persona_judge_kind(x->judge),
                               .judges = &k->judges,
                               .seed = x->o->seed};
    x->cells = NULL;
    x->n_cells = 0;
    out->kept = k;
    return PERSONA_OK;
}

void evaluate_kept_free(persona_evaluation_kept *k)
{
    for (size_t i = 0; k && i < k->board.n; i++) {
        evaluate_cell_free(&k->cells[i]);
    }
    mem_free(k ? k->cells : NULL);
    mem_free(k);
}
