/* SPDX-License-Identifier: MIT
 *
 * lean.c - what the texts of a map show of a trait (pairs.h): a judge scores every one, and those
 * that lean are left out of the trait's map. How much leaning is too much is core/map/leaning.c.
 *
 * Scores of a judge that costs something are kept in the study's job, with the texts.
 */
#include "pipeline/transfer/lean.h"

#include <math.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/kept.h"

static job_answer row_of(const pair_text *t, size_t i, const char *stage)
{
    return (job_answer){.stage = stage,
                        .id = (int64_t)i,
                        .text = t->text,
                        .question = t->question,
                        .polarity = t->polarity,
                        .pair = -1,
                        .question_index = (int)t->group,
                        .answered = true};
}

/* Scores in a job belong to answers: the texts go there first. */
static persona_code keep_texts(const persona_pairs *p, job *j, const char *stage, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool has = false;
    for (size_t i = 0; i < p->n; i++) {
        const job_answer row = row_of(&p->texts[i], i, stage);
        if (p->texts[i].usable) {
            TRY(job_has(j, stage, row.id, &has, e));
            TRY(has ? PERSONA_OK : job_put_answers(j, &row, 1, e));
        }
    }
out:
    return rc;
}

persona_code pairs_lean(const persona_pairs *p, persona_judge *judge, const persona_trait *trait,
                        job *j, const persona_hooks *hooks, persona_lean **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept k = {.job = j,
                    .stage = LEAN_STAGE,
                    .trait = trait->name,
                    .title = "judge texts",
                    .hooks = hooks};
    persona_judge_item *items = mem_calloc(p->n, sizeof *items);
    persona_judgement *got = mem_calloc(p->n, sizeof *got);
    persona_lean *x = mem_calloc(1, sizeof *x);
    *out = NULL;
    TRY(items && got && x ? PERSONA_OK : mem_err(e, "scores of texts"));
    x->score = mem_calloc(p->n, sizeof *x->score);
    x->judge = mem_strdup(persona_judge_name(judge));
    TRY(x->score && x->judge ? PERSONA_OK : mem_err(e, "scores of texts"));
    x->n = p->n;
    x->neutral = persona_judge_neutral(judge, trait->name);
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        items[i] = (persona_judge_item){t->question, t->usable ? t->text : NULL, NAN, NAN};
    }
    TRY(j ? keep_texts(p, j, LEAN_STAGE, e) : PERSONA_OK);
    TRY(kept_judge(&k, judge, trait, items, NULL, p->n, got, e));
    for (size_t i = 0; i < p->n; i++) {
        x->score[i] = (double)got[i].trait;
    }
    *out = x;
    x = NULL;
out:
    persona_lean_free(x);
    mem_free(got);
    mem_free(items);
    return rc;
}

/* Of each text the score that is farther from neutral; one that is open counts as far. */
static persona_code merge(persona_lean *x, const persona_lean *y, persona_err *e)
{
    if (x->neutral < y->neutral || x->neutral > y->neutral) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "traits whose scales have their neutral at %g and %g cannot be left "
                               "out together",
                               x->neutral, y->neutral);
    }
    for (size_t i = 0; i < x->n; i++) {
        const double a = fabs(x->score[i] - x->neutral), b = fabs(y->score[i] - y->neutral);
        x->score[i] = a >= b || isnan(a) ? x->score[i] : y->score[i];
    }
    return PERSONA_OK;
}

persona_code persona_pairs_lean(const persona_pairs *p, persona_judge *judge,
                                const persona_trait *const *traits, size_t n,
                                const persona_hooks *hooks, persona_lean **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_lean *all = NULL, *one = NULL;
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        TRY(pairs_lean(p, judge, traits[i], NULL, hooks, &one, e));
        if (!all) {
            all = one;
        } else {
            TRY(merge(all, one, e));
            persona_lean_free(one);
        }
        one = NULL;
    }
    *out = all;
    all = NULL;
out:
    persona_lean_free(one);
    persona_lean_free(all);
    return rc;
}
