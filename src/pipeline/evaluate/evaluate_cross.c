/* SPDX-License-Identifier: MIT
 *
 * evaluate_cross.c - what else the transferred vector moves: the same answers, scored for other
 * traits. Nothing is asked again. The own trait stands first, for comparison. Their scores are
 * hidden cells, of which verdict.c makes swings like of all others.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/kept.h"

static const eval_cell *kept_cell(const evaluating *x, double coefficient)
{
    for (size_t i = 0; i < x->n_cells; i++) {
        if (x->cells[i].keep_texts && x->cells[i].texts &&
            (x->cells[i].coefficient > 0) == (coefficient > 0)) {
            return &x->cells[i];
        }
    }
    return NULL;
}

/* Scores one cell's answers for another trait; they become a cell of their own. */
static persona_code score_cell(evaluating *x, const eval_cell *c, const persona_trait *trait,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept k = {.job = x->job, .stage = x->stage, .trait = x->trait->name, .hooks = x->hooks};
    persona_judge_item *items = mem_calloc(x->n_each, sizeof *items);
    persona_judgement *got = mem_calloc(x->n_each, sizeof *got);
    int64_t *ids = mem_calloc(x->n_each, sizeof *ids);
    eval_cell *out = &x->cells[x->n_cells++];
    *out = (eval_cell){.condition = EVALUATE_CROSS,
                       .note = trait->name,
                       .coefficient = c->coefficient,
                       .variant = -1,
                       .same_as = -1,
                       .hidden = true,
                       .score = mem_calloc(x->n_each, sizeof *out->score),
                       .group = mem_calloc(x->n_each, sizeof *out->group)};
    TRY(items && got && ids && out->score && out->group ? PERSONA_OK
                                                        : mem_err(e, "other traits' scores"));
    for (size_t i = 0; i < x->n_each; i++) {
        items[i] = (persona_judge_item){x->questions->evaluation[i / x->n_rollouts], c->texts[i],
                                        NAN, NAN};
        ids[i] = (int64_t)(i * x->n_run + c->at);
    }
    TRY(kept_judge(&k, x->judge, trait, items, ids, x->n_each, got, e));
    for (size_t i = 0; i < x->n_each; i++) {
        if (c->texts[i] && !isnan(got[i].trait)) {
            out->group[out->n] = i / x->n_rollouts;
            out->score[out->n++] = (double)got[i].trait;
        }
    }
out:
    mem_free(ids);
    mem_free(got);
    mem_free(items);
    return rc;
}

persona_code evaluate_crosses(evaluating *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const eval_cell *low = kept_cell(x, -1), *high = kept_cell(x, 1);
    if (!low || !high) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i <= x->o->n_others; i++) {
        const persona_trait *t = i == 0 ? x->trait : x->o->others[i - 1];
        if (i == 0 ||
            (strcmp(t->name, x->trait->name) != 0 && persona_judge_knows(x->judge, t->name))) {
            TRY(score_cell(x, low, t, e));
            TRY(score_cell(x, high, t, e));
        }
    }
out:
    return rc;
}
