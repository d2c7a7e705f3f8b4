/* SPDX-License-Identifier: MIT
 *
 * witness.c - what the words of the answers, a second judge and unsteered answers say about the
 * scores (persona/witness.h). Nothing here but arithmetic on what evaluate_seen.c saw, so that
 * evaluations can be pooled.
 */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/agreement.h"
#include "pipeline/evaluate/verdict_scores.h"

#define MIDDLE 50.0

static const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};

/* One of: the judge's score, the second judge's, a dimension of the panel. */
enum { SCORE = -1, SECOND = -2 };

static double value_of(const cell_seen *s, int what)
{
    return what == SCORE ? s->score : what == SECOND ? s->second : s->panel[what];
}

/* Answers with all of what is asked for. */
typedef struct view {
    double *x, *y;
    size_t *group, *cell;
    size_t n;
} view;

static void view_free(view *v)
{
    mem_free(v->x);
    mem_free(v->y);
    mem_free(v->group);
    mem_free(v->cell);
}

static size_t count_seen(const verdict_board *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        n += b->cells[i].n_seen;
    }
    return n;
}

static bool at(const eval_cell *c, const char *condition, double coefficient)
{
    return scores_belong(c, condition, coefficient, -1);
}

/* The first cell of the same condition, coefficient and draw, so that repeats are one cell. */
static size_t cell_of(const verdict_board *b, size_t i)
{
    size_t k = 0;
    while (!at(&b->cells[k], b->cells[i].condition, b->cells[i].coefficient) ||
           b->cells[k].variant != b->cells[i].variant) {
        k++;
    }
    return k;
}

/* x and y of all answers (condition NULL), or those of a condition at a coefficient. */
static persona_code look(const verdict_board *b, const char *condition, double coefficient, int x,
                         int y, view *v, persona_err *e)
{
    const size_t most = count_seen(b);
    *v = (view){.x = mem_calloc(most, sizeof *v->x),
                .y = mem_calloc(most, sizeof *v->y),
                .group = mem_calloc(most, sizeof *v->group),
                .cell = mem_calloc(most, sizeof *v->cell)};
    if (!v->x || !v->y || !v->group || !v->cell) {
        return mem_err(e, "what answers say");
    }
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (condition && !at(c, condition, coefficient)) {
            continue;
        }
        for (size_t k = 0; k < c->n_seen; k++) {
            const double vx = value_of(&c->seen[k], x), vy = value_of(&c->seen[k], y);
            if (isfinite(vx) && isfinite(vy)) {
                v->x[v->n] = vx;
                v->y[v->n] = vy;
                v->group[v->n] = c->seen[k].group;
                v->cell[v->n++] = cell_of(b, i);
            }
        }
    }
    return PERSONA_OK;
}

static stat_draws draws_of(const verdict_board *b)
{
    return (stat_draws){VERDICT_DRAWS, b->n_questions, b->seed};
}

/* ---- the panel ------------------------------------------------------------------------------- */

static persona_code swing_of(const verdict_board *b, const char *condition, int dimension,
                             persona_interval *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    view high = {.n = 0}, low = {.n = 0};
    TRY(look(b, condition, 1, dimension, dimension, &high, e));
    TRY(look(b, condition, -1, dimension, dimension, &low, e));
    TRY(verdict_swing(&(stat_sample){high.x, high.group, high.n},
                      &(stat_sample){low.x, low.group, low.n}, b->n_questions, b->seed, out, e));
out:
    view_free(&high);
    view_free(&low);
    return rc;
}

static persona_code spearman_of(const verdict_board *b, int x, persona_interval *out, size_t *n,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    view v = {.n = 0};
    *out = none;
    TRY(look(b, NULL, 0, x, SCORE, &v, e));
    *n = v.n;
    const stat_pairs p = {.x = v.x, .y = v.y, .group = v.group, .n = v.n};
    TRY(stat_bootstrap_spearman(&p, draws_of(b), out, e));
out:
    view_free(&v);
    return rc;
}

static persona_code panel_of(const verdict_board *b, persona_witness *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        persona_panel_effect *p = &w->panel[d];
        p->counted = b->judges->counted[d];
        if (p->counted) {
            TRY(spearman_of(b, (int)d, &p->spearman, &p->n, e));
            TRY(swing_of(b, "transferred", (int)d, &p->swing, e));
            TRY(swing_of(b, "native", (int)d, &p->of_native, e));
        }
    }
out:
    return rc;
}

/* Mean of every dimension over the answers of a row. Coefficient 0 is one run for all. */
static void row_panel(const verdict_board *b, persona_row *r)
{
    const bool zero = r->coefficient >= 0 && r->coefficient <= 0;
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        double sum = 0;
        size_t n = 0;
        for (size_t i = 0; i < b->n; i++) {
            const eval_cell *c = &b->cells[i];
            for (size_t k = 0;
                 at(c, zero ? "unsteered" : r->condition, r->coefficient) && k < c->n_seen; k++) {
                const double v = c->seen[k].panel[d];
                sum += isfinite(v) ? v : 0;
                n += isfinite(v) ? 1 : 0;
            }
        }
        r->panel[d] = n > 0 ? sum / (double)n : (double)NAN;
    }
}

/* ---- length ---------------------------------------------------------------------------------- */

static bool without_zero(const persona_interval *x)
{
    return x->low > 0 || x->high < 0;
}

static persona_code length_of(const verdict_board *b, persona_witness *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    view v = {.n = 0};
    size_t high = b->n, low = b->n;
    stat_beside got = {none, none};
    for (size_t i = b->n; i-- > 0;) {
        high = at(&b->cells[i], "transferred", 1) ? i : high;
        low = at(&b->cells[i], "transferred", -1) ? i : low;
    }
    TRY(look(b, NULL, 0, PERSONA_PANEL_WORDS, SCORE, &v, e));
    const stat_pairs p = {v.x, v.y, v.group, v.cell, v.n, b->n};
    TRY(stat_swing_beside(&p, high, low, draws_of(b), &got, e));
    w->length = (persona_length_check){.swing = got.plain, .beside = got.beside};
    w->length.explains = fabs(w->panel[PERSONA_PANEL_WORDS].spearman.value) >= PERSONA_LENGTH_RHO &&
                         without_zero(&w->panel[PERSONA_PANEL_WORDS].swing) &&
                         got.beside.low <= PERSONA_LENGTH_LEFT;
out:
    view_free(&v);
    return rc;
}

/* ---- judges ---------------------------------------------------------------------------------- */

static persona_code second_of(const verdict_board *b, persona_witness *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    view v = {.n = 0};
    size_t same = 0;
    persona_second_judge *s = &w->second;
    snprintf(s->name, sizeof s->name, "%s", b->judges->second);
    TRY(look(b, NULL, 0, SECOND, SCORE, &v, e));
    const stat_pairs p = {.x = v.x, .y = v.y, .group = v.group, .n = v.n};
    s->n = v.n;
    for (size_t i = 0; i < v.n; i++) {
        same += (v.x[i] >= MIDDLE) == (v.y[i] >= MIDDLE);
    }
    s->same_side = v.n > 0 ? (double)same / (double)v.n : (double)NAN;
    TRY(stat_bootstrap_spearman(&p, draws_of(b), &s->spearman, e));
    TRY(verdict_swing(&(stat_sample){v.x, v.group, v.n}, &(stat_sample){v.y, v.group, v.n},
                      b->n_questions, b->seed, &s->difference, e));
out:
    view_free(&v);
    return rc;
}

static persona_code shift_of(const verdict_board *b, persona_witness *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    view v = {.n = 0};
    persona_neutral_shift *s = &w->neutral;
    s->neutral = b->judges->neutral;
    TRY(look(b, "unsteered", 0, SCORE, SCORE, &v, e));
    s->n = v.n;
    for (size_t i = 0; i < v.n; i++) {
        v.x[i] -= s->neutral;
    }
    if (v.n > 0) {
        TRY(stat_bootstrap_mean((stat_sample){v.x, v.group, v.n}, draws_of(b), &s->shift, e));
    }
out:
    view_free(&v);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void caution(persona_witness *w)
{
    const persona_interval *rho = &w->panel[PERSONA_PANEL_WORDS].spearman;
    char *to = w->caution;
    size_t n = 0, size = sizeof w->caution;
#define CAUTION(...)                                                                               \
    do {                                                                                           \
        n += (size_t)snprintf(to + n, size - n, "%s", n > 0 ? "; " : "");                          \
        const int m = snprintf(to + n, size - n, __VA_ARGS__);                                     \
        n = m > 0 && (size_t)m < size - n ? n + (size_t)m : size - 1;                              \
    } while (0)
    if (*w->second.name && w->second.spearman.value < PERSONA_SECOND_LOW) {
        CAUTION("the second judge '%.60s' agrees little with the first on these answers: Spearman "
                "%.2f [%.2f, %.2f] on %zu, %.0f %% on the same side of 50",
                w->second.name, w->second.spearman.value, w->second.spearman.low,
                w->second.spearman.high, w->second.n, 100 * w->second.same_side);
    }
    if (fabs(w->neutral.shift.value) > PERSONA_NEUTRAL_FAR) {
        CAUTION("the judge scores unsteered answers of this model at %.0f, %+.0f points [%+.0f, "
                "%+.0f] from the %.0f of an answer without the trait: read scores against the "
                "unsteered row",
                w->neutral.neutral + w->neutral.shift.value, w->neutral.shift.value,
                w->neutral.shift.low, w->neutral.shift.high, w->neutral.neutral);
    }
    if (fabs(rho->value) >= PERSONA_LENGTH_RHO) {
        CAUTION("scores go with the length of answers (Spearman %.2f with words); with words held "
                "equal %.0f %% of the swing are left",
                rho->value, 100 * w->length.beside.value / w->length.swing.value);
    }
#undef CAUTION
}

persona_code witness_fill(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_witness *w = &out->witness;
    *w = (persona_witness){
        .length = {none, none, false},
        .second = {.spearman = none, .same_side = (double)NAN, .difference = none},
        .neutral = {.neutral = (double)NAN, .shift = none}};
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        w->panel[d] = (persona_panel_effect){.spearman = none, .swing = none, .of_native = none};
    }
    for (size_t i = 0; i < out->n_rows; i++) {
        row_panel(b, &out->rows[i]);
    }
    if (!b->judges) {
        return PERSONA_OK;
    }
    TRY(panel_of(b, w, e));
    TRY(length_of(b, w, e));
    TRY(second_of(b, w, e));
    TRY(shift_of(b, w, e));
    caution(w);
out:
    return rc;
}
