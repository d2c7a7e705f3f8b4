/* SPDX-License-Identifier: MIT
 *
 * classifier_train.c - logistic regression on n-gram shares, one axis.
 *
 *   x_tg  = S count of g in t / words of t          S: mean number of words, so that x is near a
 *         count
 *   s_t   = b + sum_g w_g x_tg
 *   loss  = sum_t c_t (log(1 + exp s_t) - y_t s_t) / sum_t c_t + l2/2 |w|^2        y = label / 100
 *
 * c_t weighs the two sides of 50 equally, so that 50 stays the border where one side is rare;
 * texts at
 * 50 weigh 1. The bias is not penalized. l2 is chosen by cross-validation on half decades; folds
 * are made of whole questions, because answers to one question share its words and would tell each
 * other's label. The held-out scores of the chosen l2 are what the report is about; it is slightly
 * too good, since the choice saw them, by the little that one number of a dozen can learn.
 *
 * Everything is sums in one order and a seeded shuffle: same input, same bytes.
 */
#include "core/classify/classifier_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/classify/folds.h"
#include "core/classify/lbfgs.h"
#include "core/measure/stats.h"
#include "core/text/ngrams.h"

enum { MIN_SIDE = 5, MAX_ITERATIONS = 300, N_L2 = 13 };
#define TOLERANCE 1e-5
#define L2_FIRST 1.0 /* strongest; then by half decades */
#define DECIMALS 1e3 /* of a weight */
#define BORDER 50.0
static const size_t ALL = SIZE_MAX; /* no fold is held out */

typedef struct trainer {
    const train_text *texts;
    size_t n;
    const train_opts *o;
    const persona_hooks *hooks;
    size_t *group, *fold; /* (n) */
    size_t n_groups, n_folds;
    ngrams grams;
    double *x;     /* like grams.count, scaled */
    double scale;  /* S */
    double *score; /* (n) held-out s_t */
    double *best;  /* (n) those of the best l2 */
    double l2;
} trainer;

train_opts train_defaults(void)
{
    return (train_opts){.orders = {1, 2},
                        .n_orders = 2,
                        .n_folds = 5,
                        .min_texts = 3,
                        .max_grams = 50000,
                        .n_keep = 4000};
}

/* 1: above 50, -1: below, 0: neither. */
static int side_of(const train_text *t)
{
    return (t->label > BORDER) - (t->label < BORDER);
}

/* ---- one fit --------------------------------------------------------------------------------- */

typedef struct fit {
    const trainer *t;
    size_t held;           /* fold left out, or ALL */
    double l2, c[3];       /* c[1 + side]; they sum to 1 over the texts */
    const uint32_t *place; /* column -> place among the parameters, or NULL: all columns */
    size_t n_columns;
} fit;

static double score_of(const trainer *t, size_t i, const double *p, const uint32_t *place)
{
    double s = p[0];
    for (size_t k = t->grams.row[i]; k < t->grams.row[i + 1]; k++) {
        const size_t c = place ? place[t->grams.col[k]] : t->grams.col[k];
        if (c != UINT32_MAX) {
            s += t->x[k] * p[1 + c];
        }
    }
    return s;
}

/* log(1 + exp s) without overflow. */
static double softplus(double s)
{
    return s > 0 ? s + log1p(exp(-s)) : log1p(exp(s));
}

static double text_loss(const train_text *t, double s)
{
    return softplus(s) - t->label / 100 * s;
}

static double sigmoid(double s)
{
    return s > 0 ? 1 / (1 + exp(-s)) : exp(s) / (1 + exp(s));
}

/* p: bias, then weights. */
static double objective(void *ud, const double *p, double *g)
{
    const fit *f = ud;
    const trainer *t = f->t;
    double loss = 0;
    g[0] = 0;
    for (size_t c = 0; c < f->n_columns; c++) {
        g[1 + c] = f->l2 * p[1 + c];
        loss += f->l2 / 2 * p[1 + c] * p[1 + c];
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->fold[i] == f->held) {
            continue;
        }
        const double s = score_of(t, i, p, f->place);
        const double weight = f->c[1 + side_of(&t->texts[i])];
        const double d = weight * (sigmoid(s) - t->texts[i].label / 100);
        loss += weight * text_loss(&t->texts[i], s);
        g[0] += d;
        for (size_t k = t->grams.row[i]; k < t->grams.row[i + 1]; k++) {
            const size_t c = f->place ? f->place[t->grams.col[k]] : t->grams.col[k];
            if (c != UINT32_MAX) {
                g[1 + c] += d * t->x[k];
            }
        }
    }
    return loss;
}

static fit make_fit(const trainer *t, size_t held, double l2)
{
    size_t n[3] = {0, 0, 0}; /* low, at 50, high */
    fit f = {.t = t, .held = held, .l2 = l2, .n_columns = t->grams.n};
    for (size_t i = 0; i < t->n; i++) {
        n[1 + side_of(&t->texts[i])] += t->fold[i] != held;
    }
    const double all = (double)(n[0] + n[1] + n[2]), half = (double)(n[0] + n[2]) / 2 / all;
    f.c[0] = half / (double)n[0];
    f.c[1] = 1 / all;
    f.c[2] = half / (double)n[2];
    return f;
}

static persona_code run_fit(fit *f, double *p, persona_err *e)
{
    lbfgs_result ignored;
    const lbfgs_task task = {.fn = objective,
                             .ud = f,
                             .tolerance = TOLERANCE,
                             .max_iterations = MAX_ITERATIONS,
                             .cancel = f->t->hooks ? f->t->hooks->cancel : NULL};
    return lbfgs(&task, p, 1 + f->n_columns, &ignored, e);
}

/* ---- choosing l2 ----------------------------------------------------------------------------- */

/* The loss of the held-out scores, weighted as in a fit. */
static double held_out_loss(const trainer *t)
{
    const fit all = make_fit(t, ALL, 0);
    double loss = 0;
    for (size_t i = 0; i < t->n; i++) {
        loss += all.c[1 + side_of(&t->texts[i])] * text_loss(&t->texts[i], t->score[i]);
    }
    return loss;
}

static void report_progress(const trainer *t, size_t done)
{
    const persona_progress p = {.stage = "train", .done = done, .total = N_L2 * t->n_folds + 1};
    if (t->hooks && t->hooks->progress) {
        t->hooks->progress(t->hooks->ud, &p);
    }
}

/* From strong to weak, each fold going on from where it was; ends when two in a row were worse. */
static persona_code choose_l2(trainer *t, persona_err *e)
{
    const size_t n_p = 1 + t->grams.n;
    double *p = mem_calloc(t->n_folds * n_p, sizeof *p), best = INFINITY;
    persona_code rc = p ? PERSONA_OK : mem_err(e, "the weights of a classifier");
    int worse = 0;
    for (size_t k = 0; rc == PERSONA_OK && k < N_L2 && worse < 2; k++) {
        const double l2 = L2_FIRST * pow(10, -0.5 * (double)k);
        for (size_t f = 0; rc == PERSONA_OK && f < t->n_folds; f++) {
            fit x = make_fit(t, f, l2);
            rc = run_fit(&x, p + f * n_p, e);
            for (size_t i = 0; i < t->n; i++) {
                if (t->fold[i] == f) {
                    t->score[i] = score_of(t, i, p + f * n_p, NULL);
                }
            }
            report_progress(t, k * t->n_folds + f + 1);
        }
        const double loss = held_out_loss(t);
        worse = loss < best ? 0 : worse + 1;
        if (rc == PERSONA_OK && loss < best) {
            best = loss;
            t->l2 = l2;
            memcpy(t->best, t->score, t->n * sizeof *t->best);
        }
    }
    mem_free(p);
    return rc;
}

/* ---- the classifier -------------------------------------------------------------------------- */

typedef struct heavy {
    double weight;
    uint32_t column;
} heavy;

static int by_weight(const void *a, const void *b)
{
    const heavy *x = a, *y = b;
    if (x->weight < y->weight || x->weight > y->weight) {
        return x->weight < y->weight ? 1 : -1;
    }
    return (x->column > y->column) - (x->column < y->column);
}

/* place[c]: where column c goes among the n_keep that move scores most, or UINT32_MAX. */
static bool choose_columns(const trainer *t, const double *p, uint32_t *place, size_t *n)
{
    heavy *list = mem_calloc(t->grams.n, sizeof *list);
    if (!list) {
        return false;
    }
    for (size_t c = 0; c < t->grams.n; c++) {
        list[c] = (heavy){fabs(p[1 + c]) * sqrt((double)t->grams.grams[c].n_texts), (uint32_t)c};
        place[c] = UINT32_MAX;
    }
    qsort(list, t->grams.n, sizeof *list, by_weight);
    *n = t->grams.n < t->o->n_keep ? t->grams.n : t->o->n_keep;
    for (size_t k = 0; k < *n; k++) {
        place[list[k].column] = 0;
    }
    uint32_t next = 0;
    for (size_t c = 0; c < t->grams.n; c++) {
        if (place[c] == 0) {
            place[c] = next++;
        }
    }
    mem_free(list);
    return true;
}

static double rounded(double x)
{
    return round(x * DECIMALS) / DECIMALS;
}

/* Weights per share of words, as classifier.c wants them; those that round to nothing are left
 * out. */
static bool take_weights(const trainer *t, const double *p, const uint32_t *place, size_t n,
                         trained_axis *out)
{
    out->grams = mem_calloc(n, sizeof *out->grams);
    out->weights = mem_calloc(n, sizeof *out->weights);
    if (!out->grams || !out->weights) {
        return false;
    }
    out->bias = rounded(p[0]);
    for (size_t c = 0; c < t->grams.n; c++) {
        const double w = place[c] != UINT32_MAX ? rounded(p[1 + place[c]] * t->scale) : 0;
        if (!(fabs(w) > 0)) {
            continue;
        }
        out->grams[out->n] = mem_strndup(t->grams.grams[c].p, t->grams.grams[c].len);
        if (!out->grams[out->n]) {
            return false;
        }
        out->weights[out->n++] = w;
    }
    return true;
}

static persona_code fit_all(trainer *t, trained_axis *out, persona_err *e)
{
    double *p = mem_calloc(1 + t->grams.n, sizeof *p);
    uint32_t *place = mem_calloc(t->grams.n, sizeof *place);
    size_t n = 0;
    fit f = make_fit(t, ALL, t->l2);
    persona_code rc = PERSONA_OK;
    TRY(p && place ? PERSONA_OK : mem_err(e, "the weights of a classifier"));
    TRY(run_fit(&f, p, e));
    if (!choose_columns(t, p, place, &n)) {
        rc = mem_err(e, "the weights of a classifier");
        goto out;
    }
    if (n < t->grams.n) {
        f.place = place;
        f.n_columns = n;
        for (size_t c = 0; c < t->grams.n; c++) { /* places ascend with columns */
            if (place[c] != UINT32_MAX) {
                p[1 + place[c]] = p[1 + c];
            }
        }
        TRY(run_fit(&f, p, e));
    }
    if (!take_weights(t, p, place, n, out)) {
        rc = mem_err(e, "the weights of a classifier");
        goto out;
    }
out:
    report_progress(t, N_L2 * t->n_folds + 1);
    mem_free(place);
    mem_free(p);
    return rc;
}

/* ---- the report ------------------------------------------------------------------------------ */

static persona_code fill_report(const trainer *t, trained_axis *out, persona_err *e)
{
    axis_report *r = &out->report;
    double *label = mem_calloc(t->n, sizeof *label), *side = mem_calloc(t->n, sizeof *side);
    size_t n_high = 0, n_low = 0, agree = 0;
    double error = 0;
    if (!label || !side) {
        mem_free(side);
        mem_free(label);
        return mem_err(e, "the report of a training");
    }
    for (size_t i = 0; i < t->n; i++) {
        const double score = 100 * sigmoid(t->best[i]);
        const int where = side_of(&t->texts[i]);
        label[i] = t->texts[i].label;
        error += fabs(score - label[i]);
        if (where > 0) {
            side[n_high++] = score;
        } else if (where < 0) {
            side[t->n - ++n_low] = score;
        }
        agree += where > 0 ? score >= BORDER : where < 0 && score < BORDER;
    }
    r->n = t->n;
    r->n_high = n_high;
    r->n_low = n_low;
    r->n_groups = t->n_groups;
    r->n_folds = t->n_folds;
    r->n_candidates = t->grams.n;
    r->n_weights = out->n;
    r->l2 = t->l2;
    r->auroc = stat_auroc(side, n_high, side + (t->n - n_low), n_low);
    r->spearman = stat_spearman(label, t->best, t->n);
    r->by_question =
        stat_spearman_within(label, t->best, t->group, t->n, t->n_groups, &r->n_by_question);
    r->accuracy = (double)agree / (double)(n_high + n_low);
    r->mae = error / (double)t->n;
    mem_free(side);
    mem_free(label);
    return PERSONA_OK;
}

/* ---- training -------------------------------------------------------------------------------- */

static persona_code check(const train_text *texts, size_t n, const train_opts *o, persona_err *e)
{
    size_t count[3] = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        count[1 + side_of(&texts[i])]++;
    }
    if (o->n_folds < 2 || o->n_folds > MAX_FOLDS) {
        return persona_err_set(e, PERSONA_E_USAGE, "%zu folds (expected 2 to %d)", o->n_folds,
                               MAX_FOLDS);
    }
    for (size_t k = 0; k < o->n_orders; k++) {
        if (o->orders[k] < 1 || o->orders[k] > CLASSIFIER_MAX_ORDER) {
            return persona_err_set(e, PERSONA_E_USAGE, "n-gram length %d (expected 1 to %d)",
                                   o->orders[k], CLASSIFIER_MAX_ORDER);
        }
    }
    if (count[0] < MIN_SIDE || count[2] < MIN_SIDE) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%zu answers with a label above 50, and %zu below (at least %d of "
                               "each are needed)",
                               count[2], count[0], MIN_SIDE);
    }
    return PERSONA_OK;
}

/* Groups and folds. */
static persona_code deal(trainer *t, const char **strings, persona_err *e)
{
    signed char *side = mem_calloc(t->n, sizeof *side);
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < t->n; i++) {
        strings[i] = t->texts[i].question;
    }
    if (!side || (t->n_groups = folds_group(strings, t->n, t->group)) == 0) {
        rc = mem_err(e, "the folds of a training");
        goto out;
    }
    for (size_t i = 0; i < t->n; i++) {
        side[i] = (signed char)side_of(&t->texts[i]);
    }
    t->n_folds = t->o->n_folds < t->n_groups ? t->o->n_folds : t->n_groups;
    rc = folds_deal(t->group, t->n_groups, side, t->n, t->n_folds, t->o->seed, t->fold, e);
out:
    mem_free(side);
    return rc;
}

/* The matrix. A text without words keeps a row of none. */
static persona_code count_words(trainer *t, const char **strings, persona_err *e)
{
    size_t total = 0;
    for (size_t i = 0; i < t->n; i++) {
        strings[i] = t->texts[i].text;
    }
    const persona_code rc = ngrams_build(strings, t->n, t->o->orders, t->o->n_orders,
                                         t->o->min_texts, t->o->max_grams, &t->grams, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->n; i++) {
        total += t->grams.texts[i].n;
    }
    t->scale = fmax(1, (double)total / (double)t->n);
    t->x = mem_calloc(t->grams.row[t->n], sizeof *t->x);
    if (!t->x) {
        return mem_err(e, "the texts of a training");
    }
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = t->grams.row[i]; k < t->grams.row[i + 1]; k++) {
            t->x[k] = t->scale * (double)t->grams.count[k] / (double)t->grams.texts[i].n;
        }
    }
    return PERSONA_OK;
}

static persona_code prepare(trainer *t, persona_err *e)
{
    const char **strings = mem_calloc(t->n, sizeof *strings);
    t->group = mem_calloc(t->n, sizeof *t->group);
    t->fold = mem_calloc(t->n, sizeof *t->fold);
    t->score = mem_calloc(t->n, sizeof *t->score);
    t->best = mem_calloc(t->n, sizeof *t->best);
    persona_code rc = PERSONA_OK;
    if (!strings || !t->group || !t->fold || !t->score || !t->best) {
        rc = mem_err(e, "the texts of a training");
        goto out;
    }
    TRY(deal(t, strings, e));
    TRY(count_words(t, strings, e));
out:
    mem_free(strings);
    return rc;
}

persona_code train_axis(const train_text *texts, size_t n, const train_opts *o,
                        const persona_hooks *hooks, trained_axis *out, persona_err *e)
{
    trainer t = {.texts = texts, .n = n, .o = o, .hooks = hooks};
    *out = (trained_axis){0};
    persona_code rc = PERSONA_OK;
    TRY(check(texts, n, o, e));
    TRY(prepare(&t, e));
    TRY(choose_l2(&t, e));
    TRY(fit_all(&t, out, e));
    TRY(fill_report(&t, out, e));
out:
    mem_free(t.best);
    mem_free(t.score);
    mem_free(t.x);
    mem_free(t.fold);
    mem_free(t.group);
    ngrams_clear(&t.grams);
    return rc;
}

void trained_axis_clear(trained_axis *a)
{
    for (size_t i = 0; i < a->n; i++) {
        mem_free(a->grams[i]);
    }
    mem_free(a->grams);
    mem_free(a->weights);
    *a = (trained_axis){0};
}
