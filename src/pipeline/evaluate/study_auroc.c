/* SPDX-License-Identifier: MIT
 *
 * study_auroc.c - does the carried direction tell the target's own answers apart, without steering
 * anything? Those that show the trait should lie farther along it, at the block that is steered,
 * than those that do not.
 *
 * The answers are those that native extraction has the target write under both instructions; which
 * of them show the trait the judge says (score 50 or more, the limit of the extraction's filter),
 * without a judge the instruction. Where the target's rollouts show no contrast, native is a
 * reading of texts, and so is this: the target's activations on the trait's texts, which the map
 * has not seen. The null are directions that maps of shuffled pairs make of the same source vector.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/auroc.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/pairs_parts.h"

enum { MIN_CLASS = 10, MIN_QUESTIONS = 4, DRAWS = 2000 };
#define SHOWS 50.0

/* ---- answers --------------------------------------------------------------------------------- */

static persona_code grow(study_own *own, persona_err *e)
{
    const size_t room = own->room > 0 ? 2 * own->room : 256;
    float *rows = mem_realloc(own->rows, room, own->d * sizeof *rows);
    own->rows = rows ? rows : own->rows;
    double *score = rows ? mem_realloc(own->score, room, sizeof *score) : NULL;
    own->score = score ? score : own->score;
    size_t *group = score ? mem_realloc(own->group, room, sizeof *group) : NULL;
    own->group = group ? group : own->group;
    int *pole = group ? mem_realloc(own->polarity, room, sizeof *pole) : NULL;
    own->polarity = pole ? pole : own->polarity;
    if (!pole) {
        return mem_err(e, "answers of the target");
    }
    own->room = room;
    return PERSONA_OK;
}

static persona_code add(study_own *own, const float *row, double score, int polarity, size_t group,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(own->n == own->room ? grow(own, e) : PERSONA_OK);
    memcpy(own->rows + own->n * own->d, row, own->d * sizeof *row);
    own->score[own->n] = score;
    own->polarity[own->n] = polarity;
    own->group[own->n] = group;
    own->n_groups = group >= own->n_groups ? group + 1 : own->n_groups;
    own->n++;
out:
    return rc;
}

persona_code study_take_own(void *ud, const persona_extract_answer *a, persona_err *e)
{
    study_own *own = ud;
    if (a->polarity == 0 || own->block < 0) {
        return PERSONA_OK;
    }
    return add(own, a->mean + (size_t)own->block * own->d, (double)a->score, a->polarity,
               a->question, e);
}

void study_own_free(study_own *own)
{
    mem_free(own->rows);
    mem_free(own->score);
    mem_free(own->group);
    mem_free(own->polarity);
    mem_free(own->null);
    *own = (study_own){.n = 0};
}

persona_code study_keep_null(const studying *s, const persona_vector *v, persona_err *e)
{
    study_own *own = s->own;
    const size_t d = (size_t)v->n_embd;
    float *null = mem_realloc(own->null, own->n_null + 1, d * sizeof *null);
    if (!null) {
        return mem_err(e, "directions of shuffled maps");
    }
    own->null = null;
    memcpy(null + own->n_null++ * d, persona_vector_row(v, s->x->map.layer_to), d * sizeof *null);
    return PERSONA_OK;
}

/* The trait's texts, as the target reads them. */
static persona_code read_texts(const studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = s->pairs;
    const int trait = p ? pairs_trait(p, s->trait->name) : -1;
    float *row = NULL;
    if (trait < 0) {
        return PERSONA_OK;
    }
    s->own->d = (size_t)p->to.d;
    row = mem_calloc(s->own->d, sizeof *row);
    TRY(row ? PERSONA_OK : mem_err(e, "texts of the trait"));
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        const pair_row at = {i, -1};
        if (!t->usable || t->trait != trait || t->polarity == 0) {
            continue;
        }
        TRY(pairs_rows(p, true, s->x->map.layer_to, &at, 1, row, e));
        TRY(add(s->own, row, s->lean ? s->lean->score[i] : (double)NAN, t->polarity, t->group, e));
    }
out:
    mem_free(row);
    return rc;
}

/* ---- classes --------------------------------------------------------------------------------- */

/* Projections of the two classes on one direction. */
typedef struct classes {
    double *x[2]; /* those that do not show the trait, those that do */
    size_t *group[2], n[2];
    size_t n_questions; /* in which any answer is */
} classes;

static persona_code classes_new(const study_own *own, classes *c, persona_err *e)
{
    *c = (classes){.n_questions = 0};
    for (size_t k = 0; k < 2; k++) {
        c->x[k] = mem_calloc(own->n, sizeof *c->x[k]);
        c->group[k] = mem_calloc(own->n, sizeof *c->group[k]);
    }
    return c->x[0] && c->x[1] && c->group[0] && c->group[1] ? PERSONA_OK : mem_err(e, "an AUROC");
}

static void classes_free(classes *c)
{
    for (size_t k = 0; k < 2; k++) {
        mem_free(c->x[k]);
        mem_free(c->group[k]);
    }
}

static bool judged(const study_own *own)
{
    for (size_t i = 0; i < own->n; i++) {
        if (isfinite(own->score[i])) {
            return true;
        }
    }
    return false;
}

static void project(const study_own *own, const float *direction, classes *c)
{
    const bool by_judge = judged(own);
    c->n[0] = c->n[1] = 0;
    for (size_t i = 0; i < own->n; i++) {
        if (by_judge && !isfinite(own->score[i])) {
            continue; /* left open */
        }
        const size_t k = by_judge ? own->score[i] >= SHOWS : own->polarity[i] > 0;
        c->x[k][c->n[k]] = vec_dot(own->rows + i * own->d, direction, own->d);
        c->group[k][c->n[k]++] = own->group[i];
    }
}

static persona_code count_questions(const study_own *own, classes *c, persona_err *e)
{
    bool *seen = mem_calloc(own->n_groups, sizeof *seen);
    if (!seen) {
        return mem_err(e, "an AUROC");
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < c->n[k]; i++) {
            c->n_questions += !seen[c->group[k][i]];
            seen[c->group[k][i]] = true;
        }
    }
    mem_free(seen);
    return PERSONA_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Where the true direction stands among those of shuffled maps. */
static void compare(const study_own *own, classes *c, persona_study_auroc *out)
{
    double sum = 0, squares = 0;
    size_t reaching = 0;
    out->n_null = own->n_null;
    for (size_t k = 0; k < own->n_null; k++) {
        project(own, own->null + k * own->d, c);
        const double a = stat_auroc(c->x[1], c->n[1], c->x[0], c->n[0]);
        sum += a;
        squares += a * a;
        reaching += a >= out->area.value;
        out->null_max = fmax(out->null_max, a); /* fmax skips NAN */
    }
    const double n = (double)own->n_null;
    if (own->n_null > 1) {
        out->null_mean = sum / n;
        out->null_sd = sqrt(fmax(squares - sum * sum / n, 0) / (n - 1));
        out->p = ((double)reaching + 1) / (n + 1);
    }
}

persona_code study_auroc(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study_auroc *out = &s->x->auroc;
    const persona_vector *v = s->x->transferred;
    study_own *own = s->own;
    classes c = {.n_questions = 0};
    out->of = own->n > 0 ? "own answers" : "the trait's texts, as it reads them";
    if (own->n == 0) {
        TRY(read_texts(s, e));
    }
    out->by = judged(own) ? "judge" : "instruction";
    TRY(classes_new(own, &c, e));
    if (own->n > 0 && own->d == (size_t)v->n_embd && v->from.best_layer >= 0) {
        project(own, persona_vector_row(v, v->from.best_layer), &c);
        TRY(count_questions(own, &c, e));
    }
    out->n_shown = c.n[1];
    out->n_not = c.n[0];
    out->n_questions = c.n_questions;
    if (c.n[0] < MIN_CLASS || c.n[1] < MIN_CLASS || c.n_questions < MIN_QUESTIONS) {
        snprintf(out->reason, sizeof out->reason,
                 "%zu answers show the trait and %zu do not, to %zu questions (at least %d, %d "
                 "and %d)",
                 c.n[1], c.n[0], c.n_questions, MIN_CLASS, MIN_CLASS, MIN_QUESTIONS);
        goto out;
    }
    const stat_sample shown = {c.x[1], c.group[1], c.n[1]}, not = {c.x[0], c.group[0], c.n[0]};
    TRY(stat_bootstrap_auroc(shown, not, (stat_draws){DRAWS, own->n_groups, s->o->seed}, &out->area,
                             e));
    compare(own, &c, out);
out:
    classes_free(&c);
    return rc;
}
