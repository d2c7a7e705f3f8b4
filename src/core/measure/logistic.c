/* SPDX-License-Identifier: MIT
 *
 * logistic.c - L2 logistic regression between two sets of activations.
 *
 * Rows x_i are all positive and all negative responses minus their common mean, divided by one
 * number that makes their mean square norm 1. Dimensions are not scaled one by one: that would
 * change what "the same size of edit" means. Minimized is, with targets t in {0, 1},
 *     sum_i log(1 + exp(-(2 t_i - 1) f_i)) + lambda/2 ||w||^2,    f = X w + b,  lambda = strength n
 * The intercept b is not penalized, so the common mean matters to rounding only.
 *
 * With no more rows than dimensions everything happens in the span of the rows, w = X^T a, and only
 * their Gram matrix K is needed (f = K a + b, ||w||^2 = a^T K a, n^3 per step); else in w itself. A
 * Newton step (iteratively reweighted least squares) solves, with W = diag(p (1 - p)) and the
 * working response z = f + W^-1 (t - p),
 *     dual    (K + lambda W^-1) a + b 1 = z,  1^T a = 0
 *     primal  (X^T W X + lambda I) w = X^T W (z - b 1),  1^T W (z - f) = 0
 * and is halved until the objective falls: the problem is convex, so this always arrives. Nothing
 * is random.
 *
 * The strength is chosen from 1e1 .. 1e-5 by the log loss on held-out questions (up to 5 folds;
 * whole questions, for answers to one question resemble each other; the two answers of a pair stay
 * together). Equal losses go to the stronger one, which is nearer to the mean difference. With
 * answers to a single question nothing can be held out, and the strength is 0.1.
 */
#include "core/measure/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

#define MAX_FOLDS 5
#define FIXED_STRENGTH 0.1
#define MAX_STEPS 100
#define MAX_HALVINGS 40
#define CONVERGED 1e-12   /* relative fall of the objective */
#define CLOSE_ENOUGH 1e-7 /* for comparing strengths */
#define LEAST_WEIGHT 1e-10

static const double strengths[] = {1e1, 1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5};
enum { N_STRENGTHS = sizeof strengths / sizeof strengths[0] };

/* All responses: positive rows first. */
typedef struct space {
    bool dual;
    size_t n, d, k; /* rows, width, columns of m */
    float *x;       /* (n, d) centered and scaled */
    double *m;      /* (n, k) dual: Gram matrix, k == n; primal: x in double, k == d */
    size_t *fold;   /* (n) */
    size_t n_folds;
} space;

/* The rows that one fit sees, and its state. */
typedef struct problem {
    bool dual;
    size_t n, k;
    double lambda;
    double *m, *t; /* (n, k), (n) targets */
    double *a, b;  /* (k) coefficients, intercept */
    double *f;     /* (n) m a + b */
    double *a_new, *f_new, b_new;
    double *w, *wz;            /* (n) weights, weights times working response */
    double *square;            /* (k, k) */
    double *rhs;               /* (k, 2) */
    double *across, *weighted; /* (k, n) m transposed, (n, k) W m: primal only */
} problem;

/* ---- one Newton step ------------------------------------------------------------------------ */

static void multiply(const problem *p, const double *a, double b, double *f)
{
    linalg_gemm(p->m, a, f, p->n, p->k, 1);
    for (size_t i = 0; i < p->n; i++) {
        f[i] += b;
    }
}

static void weigh(problem *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const double share = 1 / (1 + exp(-p->f[i]));
        p->w[i] = fmax(share * (1 - share), LEAST_WEIGHT);
        p->wz[i] = p->w[i] * p->f[i] + p->t[i] - share;
    }
}

/* a = W^1/2 (x1 - b x2) with (W^1/2 K W^1/2 + lambda I) x = W^1/2 (z, 1). */
static persona_code dual_step(problem *p, persona_err *e)
{
    const size_t n = p->n;
    double top = 0, bottom = 0, *root = p->f_new; /* which is due to be overwritten */
    for (size_t i = 0; i < n; i++) {
        root[i] = sqrt(p->w[i]);
        p->rhs[2 * i] = p->wz[i] / root[i];
        p->rhs[2 * i + 1] = root[i];
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            p->square[i * n + j] = root[i] * p->m[i * n + j] * root[j];
        }
    }
    persona_code rc = PERSONA_OK;
    TRY(linalg_solve_spd(p->square, n, p->lambda, p->rhs, 2, e));
    for (size_t i = 0; i < n; i++) {
        top += root[i] * p->rhs[2 * i];
        bottom += root[i] * p->rhs[2 * i + 1];
    }
    p->b_new = top / bottom;
    for (size_t i = 0; i < n; i++) {
        p->a_new[i] = root[i] * (p->rhs[2 * i] - p->b_new * p->rhs[2 * i + 1]);
    }
out:
    return rc;
}

/* w = g1 - b g2 with (X^T W X + lambda I) g = X^T W (z, 1). */
static persona_code primal_step(problem *p, persona_err *e)
{
    const size_t n = p->n, k = p->k;
    double top = 0, bottom = 0;
    memset(p->rhs, 0, 2 * k * sizeof *p->rhs);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < k; j++) {
            const double x = p->m[i * k + j];
            p->weighted[i * k + j] = p->w[i] * x;
            p->rhs[2 * j] += x * p->wz[i];
            p->rhs[2 * j + 1] += x * p->w[i];
        }
    }
    linalg_gemm(p->across, p->weighted, p->square, k, n, k);
    persona_code rc = PERSONA_OK;
    TRY(linalg_solve_spd(p->square, k, p->lambda, p->rhs, 2, e));
    for (size_t i = 0; i < n; i++) {
        double g1 = 0, g2 = 0;
        for (size_t j = 0; j < k; j++) {
            g1 += p->m[i * k + j] * p->rhs[2 * j];
            g2 += p->m[i * k + j] * p->rhs[2 * j + 1];
        }
        top += p->wz[i] - p->w[i] * g1;
        bottom += p->w[i] * (1 - g2);
    }
    p->b_new = top / bottom;
    for (size_t j = 0; j < k; j++) {
        p->a_new[j] = p->rhs[2 * j] - p->b_new * p->rhs[2 * j + 1];
    }
out:
    return rc;
}

static double log_loss(double f, double t)
{
    const double margin = t > 0 ? f : -f;
    return margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
}

/* The objective at a + s (a_new - a), likewise b and f. */
static double objective(const problem *p, double s)
{
    double loss = 0, squares = 0;
    const double b = p->b + s * (p->b_new - p->b);
    for (size_t i = 0; i < p->n; i++) {
        loss += log_loss(p->f[i] + s * (p->f_new[i] - p->f[i]), p->t[i]);
    }
    for (size_t j = 0; j < p->k; j++) {
        const double a = p->a[j] + s * (p->a_new[j] - p->a[j]);
        squares += a * (p->dual ? p->f[j] + s * (p->f_new[j] - p->f[j]) - b : a);
    }
    return loss + p->lambda / 2 * squares;
}

/* From where it stands to the minimum for p->lambda. */
static persona_code minimize(problem *p, double converged, persona_err *e)
{
    for (int step = 0; step < MAX_STEPS; step++) {
        weigh(p);
        persona_code rc = p->dual ? dual_step(p, e) : primal_step(p, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
        multiply(p, p->a_new, p->b_new, p->f_new);
        const double before = objective(p, 0);
        double s = 1, after = objective(p, 1);
        for (int h = 0; !(after <= before) && h < MAX_HALVINGS; h++) {
            after = objective(p, s /= 2);
        }
        if (!(after <= before)) { /* no smaller value can be told from this one any more */
            return PERSONA_OK;
        }
        for (size_t j = 0; j < p->k; j++) {
            p->a[j] += s * (p->a_new[j] - p->a[j]);
        }
        p->b += s * (p->b_new - p->b);
        multiply(p, p->a, p->b, p->f);
        if (before - after <= converged * before) {
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_NUMERIC,
                           "logistic regression: no minimum after %d steps at lambda %g", MAX_STEPS,
                           p->lambda);
}

/* ---- which rows a fit sees ------------------------------------------------------------------ */

static void problem_free(problem *p)
{
    double *const all[] = {p->m, p->t,  p->a,      p->f,   p->a_new,  p->f_new,
                           p->w, p->wz, p->square, p->rhs, p->across, p->weighted};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        mem_free(all[i]);
    }
}

/* All rows but those of one fold (leave out n_folds: all rows); rows (n) lists them. */
static persona_code problem_make(problem *p, const space *s, size_t leave_out, size_t *rows,
                                 persona_err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->fold[i] != leave_out) {
            rows[n++] = i;
        }
    }
    const size_t k = s->dual ? n : s->d, size = sizeof(double);
    *p = (problem){.dual = s->dual, .n = n, .k = k};
    p->m = mem_calloc(n, k * size);
    p->square = mem_calloc(k, k * size);
    p->rhs = mem_calloc(k, 2 * size);
    p->across = mem_calloc(s->dual ? 0 : n, k * size);
    p->weighted = mem_calloc(s->dual ? 0 : n, k * size);
    p->a = mem_calloc(k, size);
    p->a_new = mem_calloc(k, size);
    double **const columns[] = {&p->t, &p->f, &p->f_new, &p->w, &p->wz};
    bool full = p->m && p->square && p->rhs && p->across && p->weighted && p->a && p->a_new;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        full = (*columns[i] = mem_calloc(n, size)) && full;
    }
    if (!full) {
        return mem_err(e, "a logistic regression");
    }
    for (size_t i = 0; i < n; i++) {
        const double *from = s->m + rows[i] * s->k;
        p->t[i] = rows[i] < s->n / 2 ? 1 : 0;
        for (size_t j = 0; j < k; j++) {
            p->m[i * k + j] = s->dual ? from[rows[j]] : from[j];
        }
        for (size_t j = 0; !s->dual && j < k; j++) {
            p->across[j * n + i] = from[j];
        }
    }
    return PERSONA_OK;
}

/* Sum of the log losses over the fold that p has not seen. */
static double loss_on(const problem *p, const space *s, size_t fold, const size_t *rows)
{
    double loss = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->fold[i] != fold) {
            continue;
        }
        const double *row = s->m + i * s->k;
        double f = p->b;
        for (size_t j = 0; j < p->k; j++) {
            f += p->a[j] * (s->dual ? row[rows[j]] : row[j]);
        }
        loss += log_loss(f, i < s->n / 2 ? 1 : 0);
    }
    return loss;
}

/* losses (N_STRENGTHS) += those on one fold; a strength that cannot be fitted loses everything. */
static persona_code try_fold(const space *s, size_t fold, size_t *rows, double *losses,
                             persona_err *e)
{
    problem p = {0};
    persona_code rc = PERSONA_OK;
    TRY(problem_make(&p, s, fold, rows, e));
    for (size_t i = 0; i < N_STRENGTHS; i++) {
        p.lambda = strengths[i] * (double)p.n;
        rc = minimize(&p, CLOSE_ENOUGH, e);
        losses[i] += rc == PERSONA_OK ? loss_on(&p, s, fold, rows) : (double)INFINITY;
        TRY(rc == PERSONA_E_NUMERIC ? PERSONA_OK : rc);
    }
out:
    problem_free(&p);
    return rc;
}

static persona_code choose_strength(const space *s, size_t *rows, logistic_report *report,
                                    persona_err *e)
{
    double losses[N_STRENGTHS] = {0};
    size_t best = 0;
    persona_code rc = PERSONA_OK;
    for (size_t fold = 0; fold < s->n_folds; fold++) {
        TRY(try_fold(s, fold, rows, losses, e));
    }
    for (size_t i = 1; i < N_STRENGTHS; i++) {
        if (losses[i] < losses[best]) {
            best = i;
        }
    }
    report->strength = strengths[best];
    report->loss = losses[best] / (double)s->n;
    report->n_folds = s->n_folds;
out:
    return rc;
}

/* ---- the rows ------------------------------------------------------------------------------- */

static void space_free(space *s)
{
    mem_free(s->fold);
    mem_free(s->m);
    mem_free(s->x);
}

static int by_size(const void *a, const void *b)
{
    size_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Questions in ascending order take turns over the folds. */
static persona_code make_folds(space *s, const size_t *question, persona_err *e)
{
    const size_t n = s->n / 2;
    size_t n_distinct = 0;
    size_t *distinct = mem_calloc(n, sizeof *distinct);
    s->fold = mem_calloc(s->n, sizeof *s->fold);
    if (!distinct || !s->fold) {
        mem_free(distinct);
        return mem_err(e, "the folds of a logistic regression");
    }
    memcpy(distinct, question, n * sizeof *distinct);
    qsort(distinct, n, sizeof *distinct, by_size);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || distinct[i] != distinct[i - 1]) {
            distinct[n_distinct++] = distinct[i];
        }
    }
    s->n_folds = n_distinct < MAX_FOLDS ? n_distinct : MAX_FOLDS;
    for (size_t i = 0; i < n; i++) {
        const size_t *at = bsearch(&question[i], distinct, n_distinct, sizeof *distinct, by_size);
        s->fold[i] = s->fold[n + i] = (size_t)(at - distinct) % s->n_folds;
    }
    mem_free(distinct);
    return PERSONA_OK;
}

/* s->x: both sets minus their common mean, of mean square norm 1. */
static persona_code fill_rows(space *s, mat pos, mat neg, persona_err *e)
{
    double squares = 0;
    double *mean = mem_calloc(s->d, sizeof *mean);
    if (!mean) {
        return mem_err(e, "the rows of a logistic regression");
    }
    for (size_t i = 0; i < s->n; i++) {
        const float *row = i < pos.n ? pos.p + i * s->d : neg.p + (i - pos.n) * s->d;
        for (size_t j = 0; j < s->d; j++) {
            mean[j] += (double)row[j] / (double)s->n;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        const float *row = i < pos.n ? pos.p + i * s->d : neg.p + (i - pos.n) * s->d;
        for (size_t j = 0; j < s->d; j++) {
            s->x[i * s->d + j] = (float)((double)row[j] - mean[j]);
        }
        squares += vec_dot(s->x + i * s->d, s->x + i * s->d, s->d);
    }
    mem_free(mean);
    if (!(squares > 0) || !isfinite(squares)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "logistic regression: all %zu responses are the same", s->n);
    }
    vec_scale(s->x, sqrt((double)s->n / squares), s->n * s->d);
    return PERSONA_OK;
}

static persona_code space_make(space *s, mat pos, mat neg, const size_t *question, persona_err *e)
{
    s->n = 2 * pos.n;
    s->d = pos.d;
    s->dual = s->n <= s->d;
    s->k = s->dual ? s->n : s->d;
    s->x = mem_calloc(s->n, s->d * sizeof *s->x);
    s->m = mem_calloc(s->n, s->k * sizeof *s->m);
    if (!s->x || !s->m) {
        return mem_err(e, "the rows of a logistic regression");
    }
    persona_code rc = PERSONA_OK;
    TRY(fill_rows(s, pos, neg, e));
    TRY(make_folds(s, question, e));
    if (s->dual) {
        TRY(linalg_gram((mat){s->x, s->n, s->d}, s->m, e));
    }
    for (size_t i = 0; !s->dual && i < s->n * s->d; i++) {
        s->m[i] = (double)s->x[i];
    }
out:
    return rc;
}

persona_code logistic_fit(mat pos, mat neg, const size_t *question, double strength, float *w,
                          logistic_report *report, persona_err *e)
{
    space s = {0};
    problem p = {0};
    *report = (logistic_report){.strength = strength > 0 ? strength : FIXED_STRENGTH,
                                .loss = (double)NAN};
    size_t *rows = mem_calloc(2 * pos.n, sizeof *rows);
    persona_code rc = PERSONA_OK;
    TRY(rows ? space_make(&s, pos, neg, question, e)
             : mem_err(e, "the rows of a logistic regression"));
    if (!(strength > 0) && s.n_folds > 1) {
        TRY(choose_strength(&s, rows, report, e));
    }
    TRY(problem_make(&p, &s, s.n_folds, rows, e));
    p.lambda = report->strength * (double)p.n;
    TRY(minimize(&p, CONVERGED, e));
    if (s.dual) {
        linalg_tmul((mat){s.x, s.n, s.d}, p.a, w);
    }
    for (size_t j = 0; !s.dual && j < s.d; j++) {
        w[j] = (float)p.a[j];
    }
    if (e) {
        *e = (persona_err){0};
    }
out:
    problem_free(&p);
    space_free(&s);
    mem_free(rows);
    return rc;
}
