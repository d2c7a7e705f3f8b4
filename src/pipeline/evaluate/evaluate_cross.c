/* SPDX-License-Identifier: MIT
 *
 * evaluate_cross.c - what else the transferred vector moves: the same answers, scored for other
 * traits. Nothing is asked again. The own trait stands first, for comparison.
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

/* Scored answers of one cell. */
typedef struct cell_scores {
    double *score; /* (n_each), n of them */
    size_t *group; /* question */
    size_t n;
} cell_scores;

static persona_code score_cell(evaluating *x, const eval_cell *c, const persona_trait *trait,
                               cell_scores *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept k = {.job = x->job, .stage = x->stage, .trait = x->trait->name, .hooks = x->hooks};
    persona_judge_item *items = mem_calloc(x->n_each, sizeof *items);
    persona_judgement *got = mem_calloc(x->n_each, sizeof *got);
    int64_t *ids = mem_calloc(x->n_each, sizeof *ids);
    out->score = mem_calloc(x->n_each, sizeof *out->score);
    out->group = mem_calloc(x->n_each, sizeof *out->group);
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

static persona_code cross(evaluating *x, const persona_trait *trait, persona_cross *out,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cell_scores low = {.n = 0}, high = {.n = 0};
    TRY(score_cell(x, kept_cell(x, -1), trait, &low, e));
    TRY(score_cell(x, kept_cell(x, 1), trait, &high, e));
    TRY(verdict_swing(&(stat_sample){high.score, high.group, high.n},
                      &(stat_sample){low.score, low.group, low.n}, x->n_questions, x->o->seed,
                      &out->swing, e));
out:
    mem_free(low.score);
    mem_free(low.group);
    mem_free(high.score);
    mem_free(high.group);
    return rc;
}

static persona_code add_cross(evaluating *x, const persona_trait *trait, persona_evaluation *out,
                              persona_err *e)
{
    persona_cross *c = &out->crosses[out->n_crosses];
    c->trait = mem_strdup(trait->name);
    if (!c->trait) {
        return mem_err(e, "other traits' scores");
    }
    out->n_crosses++;
    return cross(x, trait, c, e);
}

persona_code evaluate_crosses(evaluating *x, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (!kept_cell(x, -1) || !kept_cell(x, 1)) {
        return PERSONA_OK;
    }
    out->crosses = mem_calloc(1 + x->o->n_others, sizeof *out->crosses);
    TRY(out->crosses ? add_cross(x, x->trait, out, e) : mem_err(e, "other traits' scores"));
    for (size_t i = 0; i < x->o->n_others; i++) {
        const persona_trait *t = x->o->others[i];
        if (strcmp(t->name, x->trait->name) != 0 && persona_judge_knows(x->judge, t->name)) {
            TRY(add_cross(x, t, out, e));
        }
    }
out:
    return rc;
}
