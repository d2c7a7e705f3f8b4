/* SPDX-License-Identifier: MIT
 *
 * evaluate_seen.c - what there is to see in each answer besides the judge's score: its words, and
 * what a second judge says. What it comes to is witness.c.
 *
 * A second judge that is a classifier scores everything. A model or a server takes seconds for an
 * answer, so it gets a sample, drawn from all conditions alike.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_export.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/judge/judge_kind.h"
#include "pipeline/kept.h"

bool evaluate_second(const persona_judge *judge, const persona_judge *other,
                     const persona_trait *trait)
{
    if (!other || other == judge || !persona_judge_knows(other, trait->name)) {
        return false;
    }
    char *a = judge_score_key(judge, trait), *b = judge_score_key(other, trait);
    const bool differ = a && b && strcmp(a, b) != 0;
    mem_free(a);
    mem_free(b);
    return differ;
}

/* Which of n answers the second judge scores, ascending; *m of them. */
static bool choose(const evaluating *x, const export_answer *all, size_t n, size_t *chosen,
                   size_t *m)
{
    const bool quick = strcmp(persona_judge_kind(x->second), "classifier") == 0;
    size_t *order = mem_calloc(n, sizeof *order);
    bool *take = mem_calloc(n, sizeof *take);
    size_t k = 0;
    *m = 0;
    for (size_t i = 0; order && i < n; i++) {
        if (all[i].answer->answered) {
            order[k++] = i;
        }
    }
    if (order && take) {
        rng r;
        rng_seed(&r, x->o->seed, 0x5ec0);
        rng_shuffle(&r, order, k);
        for (size_t i = 0; i < k && (quick || i < PERSONA_SECOND_MOST); i++) {
            take[order[i]] = true;
        }
        for (size_t i = 0; i < n; i++) {
            if (take[i]) {
                chosen[(*m)++] = i;
            }
        }
    }
    const bool ok = order && take;
    mem_free(take);
    mem_free(order);
    return ok;
}

/* second[i] (n): the second judge's score of answer i; NAN where it was not asked. */
static persona_code ask_second(const evaluating *x, const export_answer *all, size_t n,
                               double *second, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept k = {.job = x->job,
                    .stage = x->stage,
                    .trait = x->trait->name,
                    .title = "second judge",
                    .hooks = x->hooks};
    persona_judge_item *items = mem_calloc(n, sizeof *items);
    persona_judgement *got = mem_calloc(n, sizeof *got);
    int64_t *ids = mem_calloc(n, sizeof *ids);
    size_t *chosen = mem_calloc(n, sizeof *chosen), m = 0;
    TRY(items && got && ids && chosen && choose(x, all, n, chosen, &m)
            ? PERSONA_OK
            : mem_err(e, "a second judge"));
    for (size_t i = 0; i < m; i++) {
        const export_answer *a = &all[chosen[i]];
        items[i] = (persona_judge_item){a->question, a->answer->text, NAN, NAN};
        ids[i] = a->id;
    }
    TRY(kept_judge(&k, x->second, x->trait, items, ids, m, got, e));
    for (size_t i = 0; i < m; i++) {
        second[chosen[i]] = (double)got[i].trait;
    }
out:
    mem_free(chosen);
    mem_free(ids);
    mem_free(got);
    mem_free(items);
    return rc;
}

static persona_code see(const evaluating *x, export_answer *a, double second, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    eval_cell *c = &x->cells[a->cell - x->cells];
    if (!a->answer->answered) {
        return PERSONA_OK;
    }
    cell_seen *s = &c->seen[c->n_seen];
    *s = (cell_seen){
        .score = (double)a->judged->trait, .second = second, .group = a->question_index};
    TRY(persona_panel_read(x->panel, a->answer->text, s->panel, e));
    a->panel = s->panel;
    a->second = second;
    c->n_seen++;
out:
    return rc;
}

persona_code evaluate_see(evaluating *x, export_answer *all, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *second = mem_calloc(n, sizeof *second);
    TRY(second ? PERSONA_OK : mem_err(e, "what answers say"));
    for (size_t i = 0; i < n; i++) {
        second[i] = (double)NAN;
    }
    if (x->second) {
        TRY(ask_second(x, all, n, second, e));
    }
    for (size_t c = 0; c < x->n_cells; c++) {
        x->cells[c].seen = mem_calloc(x->n_each, sizeof *x->cells[c].seen);
        TRY(x->cells[c].seen ? PERSONA_OK : mem_err(e, "what answers say"));
    }
    for (size_t i = 0; i < n; i++) {
        TRY(see(x, &all[i], second[i], e));
    }
out:
    mem_free(second);
    return rc;
}

void evaluate_judges(const evaluating *x, verdict_judges *out)
{
    *out = (verdict_judges){.neutral = persona_judge_neutral(x->judge, x->trait->name)};
    if (x->second) {
        snprintf(out->second, sizeof out->second, "%s", persona_judge_name(x->second));
    }
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        out->counted[d] = x->panel && persona_panel_has(x->panel, d);
    }
}
