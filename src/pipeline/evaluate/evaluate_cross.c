/* SPDX-License-Identifier: MIT
 *
 * evaluate_cross.c - what else the transferred vector moves: the same answers, scored for other
 * traits. Nothing is asked again. The own trait stands first, for comparison.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/evaluate/evaluate.h"

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

/* Scores of one trait for the answers of a cell: x (n_each), group; *n of them. */
static persona_code score_cell(evaluating *x, const eval_cell *c, const persona_trait *trait,
                               double *score, size_t *group, size_t *n, persona_err *e)
{
    persona_judge_item *items = mem_calloc(x->n_each, sizeof *items);
    persona_judgement *got = mem_calloc(x->n_each, sizeof *got);
    size_t *question = mem_calloc(x->n_each, sizeof *question), n_items = 0;
    persona_code rc = items && got && question ? PERSONA_OK : mem_err(e, "answers to judge");
    for (size_t i = 0; rc == PERSONA_OK && i < x->n_each; i++) {
        if (!c->texts[i]) {
            continue;
        }
        question[n_items] = i / x->n_rollouts;
        items[n_items++] = (persona_judge_item){x->questions->evaluation[i / x->n_rollouts],
                                                c->texts[i], NAN, NAN};
    }
    if (rc == PERSONA_OK) {
        rc = persona_judge_all(x->judge, trait, items, n_items, x->hooks, got, e);
    }
    *n = 0;
    for (size_t i = 0; rc == PERSONA_OK && i < n_items; i++) {
        if (isnan(got[i].trait)) {
            continue;
        }
        group[*n] = question[i];
        score[(*n)++] = (double)got[i].trait;
    }
    mem_free(question);
    mem_free(got);
    mem_free(items);
    return rc;
}

static persona_code cross(evaluating *x, const persona_trait *trait, persona_cross *out,
                          persona_err *e)
{
    const eval_cell *cells[2] = {kept_cell(x, -1), kept_cell(x, 1)};
    double *score[2];
    size_t *group[2], n[2] = {0, 0};
    persona_code rc = PERSONA_OK;
    for (int i = 0; i < 2; i++) {
        score[i] = mem_calloc(x->n_each, sizeof *score[i]);
        group[i] = mem_calloc(x->n_each, sizeof *group[i]);
        if (!score[i] || !group[i]) {
            rc = mem_err(e, "other traits' scores");
        }
    }
    for (int i = 0; rc == PERSONA_OK && i < 2; i++) {
        rc = score_cell(x, cells[i], trait, score[i], group[i], &n[i], e);
    }
    if (rc == PERSONA_OK) {
        rc = verdict_swing(score[1], group[1], n[1], score[0], group[0], n[0], x->n_questions,
                           x->o->seed, &out->swing, e);
    }
    for (int i = 0; i < 2; i++) {
        mem_free(group[i]);
        mem_free(score[i]);
    }
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
    if (!kept_cell(x, -1) || !kept_cell(x, 1)) {
        return PERSONA_OK;
    }
    out->crosses = mem_calloc(1 + x->o->n_others, sizeof *out->crosses);
    persona_code rc =
        out->crosses ? add_cross(x, x->trait, out, e) : mem_err(e, "other traits' scores");
    for (size_t i = 0; rc == PERSONA_OK && i < x->o->n_others; i++) {
        const persona_trait *t = x->o->others[i];
        if (strcmp(t->name, x->trait->name) != 0 && persona_judge_knows(x->judge, t->name)) {
            rc = add_cross(x, t, out, e);
        }
    }
    return rc;
}
