/* SPDX-License-Identifier: MIT
 *
 * evaluate_rows.c - the table of an evaluation: one row per condition and coefficient, all draws
 * and all repeats of it together.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "pipeline/evaluate/evaluate_figures.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/evaluate/verdict_scores.h"

static bool same_row(const eval_cell *a, const eval_cell *b)
{
    return strcmp(a->condition, b->condition) == 0 && a->coefficient >= b->coefficient &&
           a->coefficient <= b->coefficient;
}

/* All values of a row. */
typedef struct row_values {
    double *score, *coherence;
    size_t *group, n, n_coherence;
} row_values;

static void values_free(row_values *v)
{
    mem_free(v->score);
    mem_free(v->coherence);
    mem_free(v->group);
}

static persona_code gather(const verdict_board *b, const eval_cell *first, row_values *v,
                           persona_err *e)
{
    size_t n = 0, n_coherence = 0;
    for (size_t i = 0; i < b->n; i++) {
        n += same_row(first, &b->cells[i]) ? b->cells[i].n : 0;
        n_coherence += same_row(first, &b->cells[i]) ? b->cells[i].n_coherence : 0;
    }
    *v = (row_values){.score = mem_calloc(n, sizeof *v->score),
                      .coherence = mem_calloc(n_coherence, sizeof *v->coherence),
                      .group = mem_calloc(n, sizeof *v->group)};
    if (!v->score || !v->coherence || !v->group) {
        return mem_err(e, "rows");
    }
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (!same_row(first, c)) {
            continue;
        }
        memcpy(v->score + v->n, c->score, c->n * sizeof *c->score);
        memcpy(v->group + v->n, c->group, c->n * sizeof *c->group);
        memcpy(v->coherence + v->n_coherence, c->coherence, c->n_coherence * sizeof *c->coherence);
        v->n += c->n;
        v->n_coherence += c->n_coherence;
    }
    return PERSONA_OK;
}

/* Everything like cell `first`, which is the first of its row. */
static persona_code fill_row(const verdict_board *b, const eval_cell *first, persona_row *r,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    row_values v = {.n = 0};
    cell_lengths lengths = {0};
    *r = (persona_row){.condition = first->condition,
                       .coefficient = first->coefficient,
                       .score = {(double)NAN, (double)NAN, (double)NAN}};
    TRY(gather(b, first, &v, e));
    for (size_t i = 0; i < b->n; i++) {
        if (same_row(first, &b->cells[i])) {
            r->n_unanswered += b->cells[i].n_unanswered;
            r->n_unjudged += b->cells[i].n_unjudged;
            lengths_pool(&lengths, &b->cells[i].lengths);
        }
    }
    if (scores_repeated(b, first->condition, -1)) {
        const scores_term all = {first->condition, first->coefficient, -1, 1};
        stat_crossed x;
        TRY(scores_crossed(b, &all, 1, &x, e));
        r->score = stat_crossed_interval(x);
    } else if (v.n > 0) {
        TRY(stat_bootstrap_mean((stat_sample){v.score, v.group, v.n},
                                (stat_draws){VERDICT_DRAWS, b->n_questions, b->seed}, &r->score,
                                e));
    }
    r->coherence = stat_mean(v.coherence, v.n_coherence);
    r->coherence_sd = stat_sd(v.coherence, v.n_coherence);
    lengths_row(&lengths, r);
    r->n = v.n;
    r->sample = first->sample ? mem_strdup(first->sample) : NULL;
    TRY(r->sample || !first->sample ? PERSONA_OK : mem_err(e, "rows"));
out:
    values_free(&v);
    return rc;
}

persona_code evaluate_rows(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    out->rows = mem_calloc(b->n, sizeof *out->rows);
    TRY(out->rows ? PERSONA_OK : mem_err(e, "rows"));
    for (size_t c = 0; c < b->n; c++) {
        bool first = !b->cells[c].hidden;
        for (size_t i = 0; i < c; i++) {
            first = first && !same_row(&b->cells[i], &b->cells[c]);
        }
        if (first) {
            TRY(fill_row(b, &b->cells[c], &out->rows[out->n_rows++], e));
        }
    }
    TRY(evaluate_bests(out, e));
    out->coherence_validity = evaluate_coherence_validity(b->judge_kind);
out:
    return rc;
}
