/* SPDX-License-Identifier: MIT
 *
 * quality.c - what an extraction says about itself, per block, from a second pass over its
 * responses.
 *
 * Of a response only its projections are kept, two numbers per block: on the direction, and on the
 * one that was made without its question. Order of the responses changes sums of |h| in the last
 * bits, and nothing else.
 *
 *   auroc, cohen_d  halves of the questions; a direction from one half is tested on the other's
 *                   responses, and the average of both ways is given. Questions that only one pole
 *                   has answered are in no direction and are not tested
 *   split_cosine    cosine between the mean differences of two random halves of the questions, mean
 *                   and sd over the splits. The halves carry half the data: the full direction is
 *                   steadier than this says
 *   icc             share of the variance of <h, v/||v||> within a pole that lies between
 *                   questions:
 *                   one-way analysis of variance, clusters (pole, question), the poles' means taken
 *                   out, the classical estimator for unequal sizes,
 *                       MSB = sum m_i (mean_i - mean_pole)^2 / (k - poles)    MSW = within / (N -
 *                       k)
 *                       m0 = (N - sum_pole sum m_i^2 / N_pole) / (k - poles)
 *                       icc = (MSB - MSW) / (MSB + (m0 - 1) MSW)
 *   n_effective     N / (1 + (m - 1) max(icc, 0)), m = sum m_i^2 / N (Kish): how many independent
 *                   responses of both poles would say as much. One response per cluster: N
 *   outliers        dimensions whose mean |h_k| over the responses exceeds `outlier` times the
 *                   median of that over dimensions (mean and not median: medians over responses do
 *                   not come in flat memory, and a massive dimension is massive in every response)
 */
#include "core/measure/quality.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/measure/stats.h"

#define MAX_SPLITS 10000

enum { NO_HALF = 2 }; /* of a question that is in neither half */

typedef struct kept {
    int polarity;
    size_t question;
} kept;

struct quality {
    size_t n_questions, n_blocks, d, n, n_expected;
    double outlier;
    float *v, *half[2];      /* (n_blocks, d) each, unit rows */
    double *squares;         /* (n_blocks, d) share of each dimension in ||v||^2 */
    double *absolute;        /* (n_blocks, d) sums of |h| */
    unsigned char *which;    /* (n_questions) 0, 1 or NO_HALF */
    kept *responses;         /* (n_expected) */
    double *on_v, *on_other; /* (n_blocks, n_expected) projections */
    quality_block *blocks;   /* (n_blocks) what quality_begin knows already */
};

quality_opts quality_defaults(void)
{
    return (quality_opts){.n_splits = 20, .seed = 0, .outlier = 20};
}

void quality_free(quality *q)
{
    if (!q) {
        return;
    }
    void *const all[] = {q->v,     q->half[0],   q->half[1], q->squares,  q->absolute,
                         q->which, q->responses, q->on_v,    q->on_other, q->blocks};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        mem_free(all[i]);
    }
    mem_free(q);
}

/* ---- halves and splits ---------------------------------------------------------------------- */

void quality_halves(const contrast *c, bool *first)
{
    size_t n = 0;
    for (size_t i = 0; i < contrast_questions(c); i++) {
        first[i] = contrast_usable(c, i) && n++ % 2 == 0;
    }
}

/* Cosine of the mean differences of both halves of order (n usable questions) in every block. */
static persona_code split_cosines(const contrast *c, const size_t *order, size_t n, bool *mask,
                                  float *pair, double *cosine, persona_err *e)
{
    const size_t d = contrast_width(c);
    persona_code rc = PERSONA_OK;
    for (size_t b = 0; b < contrast_blocks(c); b++) {
        for (size_t side = 0; side < 2; side++) {
            memset(mask, 0, contrast_questions(c) * sizeof *mask);
            for (size_t i = 0; i < n; i++) {
                mask[order[i]] = (i < n / 2) == (side == 0);
            }
            TRY(contrast_direction(c, b, mask, pair + side * d, e));
        }
        cosine[b] = vec_cos(pair, pair + d, d);
    }
out:
    return rc;
}

/* Mean and sd over splits into q->blocks; NAN with fewer than two usable questions. */
static persona_code measure_spread(quality *q, const contrast *c, const quality_opts *o,
                                   persona_err *e)
{
    const size_t n_blocks = q->n_blocks;
    size_t n = 0;
    rng r;
    persona_code rc = PERSONA_OK;
    size_t *order = mem_calloc(q->n_questions, sizeof *order);
    bool *mask = mem_calloc(q->n_questions, sizeof *mask);
    float *pair = mem_calloc(q->d, 2 * sizeof *pair);
    double *cosines = mem_calloc(n_blocks, (o->n_splits + 1) * sizeof *cosines);
    if (!order || !mask || !pair || !cosines) {
        rc = mem_err(e, "the splits of an extraction");
        goto out;
    }
    for (size_t i = 0; i < q->n_questions; i++) {
        if (contrast_usable(c, i)) {
            order[n++] = i;
        }
    }
    rng_seed(&r, o->seed, 0x73706c6974);
    double *one = cosines + n_blocks * o->n_splits;
    for (size_t s = 0; n >= 2 && s < o->n_splits; s++) {
        rng_shuffle(&r, order, n);
        TRY(split_cosines(c, order, n, mask, pair, one, e));
        for (size_t b = 0; b < n_blocks; b++) {
            cosines[b * o->n_splits + s] = one[b];
        }
    }
    for (size_t b = 0; b < n_blocks; b++) {
        const double *x = cosines + b * o->n_splits;
        q->blocks[b].split_cosine = n >= 2 ? stat_mean(x, o->n_splits) : (double)NAN;
        q->blocks[b].split_sd = n >= 2 ? stat_sd(x, o->n_splits) : (double)NAN;
    }
out:
    mem_free(cosines);
    mem_free(pair);
    mem_free(mask);
    mem_free(order);
    return rc;
}

/* ---- the first pass is over ----------------------------------------------------------------- */

static void unit_row(float *row, size_t d)
{
    const double norm = vec_norm(row, d);
    if (norm > 0) {
        vec_scale(row, 1 / norm, d);
    }
}

/* The directions of both halves, given or from the contrast; all zero when a half is empty. */
static persona_code take_halves(quality *q, const contrast *c, const quality_directions *given,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool *mask = mem_calloc(q->n_questions, sizeof *mask);
    if (!mask) {
        return mem_err(e, "the halves of an extraction");
    }
    for (size_t side = 0; side < 2; side++) {
        size_t n = 0;
        quality_halves(c, mask);
        for (size_t i = 0; i < q->n_questions; i++) {
            mask[i] = contrast_usable(c, i) && mask[i] == (side == 0);
            n += mask[i];
            if (mask[i]) {
                q->which[i] = (unsigned char)side;
            }
        }
        for (size_t b = 0; b < q->n_blocks && n > 0; b++) {
            float *row = q->half[side] + b * q->d;
            if (given->half[side]) {
                memcpy(row, given->half[side] + b * q->d, q->d * sizeof *row);
            } else {
                TRY(contrast_direction(c, b, mask, row, e));
            }
            unit_row(row, q->d);
        }
    }
out:
    mem_free(mask);
    return rc;
}

static persona_code check_begin(const contrast *c, const quality_directions *g,
                                const quality_opts *o, persona_err *e)
{
    size_t bad = 0;
    const size_t d = contrast_width(c), size = contrast_blocks(c) * d;
    const float *const all[] = {g->v, g->half[0], g->half[1]};
    if (o->n_splits > MAX_SPLITS || !(o->outlier > 0)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "quality: %zu splits (at most %d), outliers above %g medians "
                               "(expected a positive number)",
                               o->n_splits, MAX_SPLITS, o->outlier);
    }
    if (!g->half[0] != !g->half[1]) {
        return persona_err_set(e, PERSONA_E_SHAPE, "quality: only one half's directions");
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] && !vec_finite(all[i], size, &bad)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "quality: direction of block %zu, value %zu is not finite",
                                   bad / d, bad % d);
        }
    }
    return PERSONA_OK;
}

static persona_code allocate(quality *q, persona_err *e)
{
    const size_t size = q->n_blocks * q->d, n = q->n_expected;
    q->v = mem_calloc(size, sizeof *q->v);
    q->half[0] = mem_calloc(size, sizeof *q->half[0]);
    q->half[1] = mem_calloc(size, sizeof *q->half[1]);
    q->squares = mem_calloc(size, sizeof *q->squares);
    q->absolute = mem_calloc(size, sizeof *q->absolute);
    q->which = mem_calloc(q->n_questions, 1);
    q->responses = mem_calloc(n, sizeof *q->responses);
    q->on_v = mem_calloc(n, q->n_blocks * sizeof *q->on_v);
    q->on_other = mem_calloc(n, q->n_blocks * sizeof *q->on_other);
    q->blocks = mem_calloc(q->n_blocks, sizeof *q->blocks);
    if (!q->v || !q->half[0] || !q->half[1] || !q->squares || !q->absolute || !q->which ||
        !q->responses || !q->on_v || !q->on_other || !q->blocks) {
        return mem_err(e, "the statistics of an extraction");
    }
    return PERSONA_OK;
}

persona_code quality_begin(const contrast *c, const quality_directions *directions,
                           const quality_opts *opts, quality **out, persona_err *e)
{
    const quality_opts o = opts ? *opts : quality_defaults();
    *out = NULL;
    quality *q = NULL;
    persona_code rc = PERSONA_OK;
    TRY(check_begin(c, directions, &o, e));
    q = mem_calloc(1, sizeof *q);
    if (!q) {
        rc = mem_err(e, "the statistics of an extraction");
        goto out;
    }
    *q = (quality){
        .n_questions = contrast_questions(c),
        .n_blocks = contrast_blocks(c),
        .d = contrast_width(c),
        .n_expected = contrast_count(c, 1) + contrast_count(c, -1) + contrast_count(c, 0),
        .outlier = o.outlier,
    };
    TRY(allocate(q, e));
    memset(q->which, NO_HALF, q->n_questions);
    memcpy(q->v, directions->v, q->n_blocks * q->d * sizeof *q->v);
    for (size_t b = 0; b < q->n_blocks; b++) {
        unit_row(q->v + b * q->d, q->d);
    }
    for (size_t i = 0; i < q->n_blocks * q->d; i++) {
        q->squares[i] = (double)q->v[i] * (double)q->v[i];
    }
    TRY(take_halves(q, c, directions, e));
    TRY(measure_spread(q, c, &o, e));
    *out = q;
    q = NULL;
out:
    quality_free(q);
    return rc;
}

/* ---- the second pass ------------------------------------------------------------------------ */

persona_code quality_add(quality *q, const response *r, persona_err *e)
{
    size_t bad = 0;
    if (r->question >= q->n_questions || r->polarity < -1 || r->polarity > 1 ||
        q->n == q->n_expected) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "quality: response %zu of %zu, polarity %d, question %zu of %zu is not "
            "in the contrast",
            q->n + 1, q->n_expected, r->polarity, r->question, q->n_questions);
    }
    if (!vec_finite(r->mean, q->n_blocks * q->d, &bad)) {
        return persona_err_set(
            e, PERSONA_E_NUMERIC,
            "quality: response to question %zu: block %zu, value %zu is not finite", r->question,
            bad / q->d, bad % q->d);
    }
    const unsigned char half = q->which[r->question];
    for (size_t b = 0; b < q->n_blocks; b++) {
        const size_t at = b * q->n_expected + q->n;
        const float *h = r->mean + b * q->d;
        double *absolute = q->absolute + b * q->d;
        q->on_v[at] = vec_dot(h, q->v + b * q->d, q->d);
        q->on_other[at] = half == NO_HALF || r->polarity == 0
                              ? (double)NAN
                              : vec_dot(h, q->half[1 - half] + b * q->d, q->d);
        for (size_t k = 0; k < q->d; k++) {
            absolute[k] += fabs((double)h[k]);
        }
    }
    q->responses[q->n++] = (kept){r->polarity, r->question};
    return PERSONA_OK;
}

/* ---- results -------------------------------------------------------------------------------- */

/* Scratch of one block. */
typedef struct scratch {
    double *a, *b;       /* (n) */
    double *sum, *count; /* (2 n_questions) clusters: positive, then negative */
    double *level;       /* (d) */
} scratch;

/* Projections x (n) of one polarity, of one half or (NO_HALF) all; returns how many. */
static size_t select_rows(const quality *q, const double *x, int polarity, unsigned char half,
                          double *out)
{
    size_t k = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (q->responses[i].polarity == polarity &&
            (half == NO_HALF || q->which[q->responses[i].question] == half)) {
            out[k++] = x[i];
        }
    }
    return k;
}

static void held_out(const quality *q, size_t b, scratch *s, quality_block *out)
{
    const double *x = q->on_other + b * q->n_expected;
    out->auroc = out->cohen_d = 0;
    for (unsigned char half = 0; half < 2; half++) {
        const size_t n_pos = select_rows(q, x, 1, half, s->a);
        const size_t n_neg = select_rows(q, x, -1, half, s->b);
        out->auroc += stat_auroc(s->a, n_pos, s->b, n_neg) / 2; /* an empty half makes it NAN */
        out->cohen_d += stat_cohen_d(s->a, n_pos, s->b, n_neg) / 2;
    }
}

/* One-way analysis of variance inside the poles; [2]: positive, negative. */
typedef struct anova {
    double n[2], square_sizes[2]; /* responses; sum of squared cluster sizes */
    double clusters, between, within;
} anova;

/* The cluster of a response; 2 n_questions for an uninstructed one. */
static size_t cluster_of(const quality *q, kept r)
{
    if (r.polarity == 0) {
        return 2 * q->n_questions;
    }
    return r.polarity > 0 ? r.question : q->n_questions + r.question;
}

static anova analyze(const quality *q, const double *x, const double *pole_mean, scratch *s)
{
    const size_t n_q = q->n_questions, none = 2 * n_q;
    anova a = {0};
    memset(s->sum, 0, none * sizeof *s->sum);
    memset(s->count, 0, none * sizeof *s->count);
    for (size_t i = 0; i < q->n; i++) {
        const size_t at = cluster_of(q, q->responses[i]);
        if (at == none) {
            continue;
        }
        s->sum[at] += x[i] - pole_mean[at / n_q];
        s->count[at] += 1;
    }
    for (size_t i = 0; i < none; i++) {
        const double m = s->count[i];
        if (m == 0) {
            continue;
        }
        a.n[i / n_q] += m;
        a.square_sizes[i / n_q] += m * m;
        a.clusters += 1;
        a.between += s->sum[i] * s->sum[i] / m;
    }
    for (size_t i = 0; i < q->n; i++) {
        const size_t at = cluster_of(q, q->responses[i]);
        if (at == none) {
            continue;
        }
        const double off = x[i] - pole_mean[at / n_q] - s->sum[at] / s->count[at];
        a.within += off * off;
    }
    return a;
}

/* See the top of the file. */
static void clustering(const quality *q, size_t b, scratch *s, quality_block *out)
{
    const double pole_mean[2] = {out->positive_mean, out->negative_mean};
    const anova a = analyze(q, q->on_v + b * q->n_expected, pole_mean, s);
    const double total = a.n[0] + a.n[1];
    double m0 = total, poles = 0;
    for (size_t pole = 0; pole < 2; pole++) {
        if (a.n[pole] == 0) {
            continue;
        }
        poles += 1;
        m0 -= a.square_sizes[pole] / a.n[pole];
    }
    m0 /= a.clusters - poles;
    const double msb = a.between / (a.clusters - poles), msw = a.within / (total - a.clusters);
    const double size = (a.square_sizes[0] + a.square_sizes[1]) / total;
    const bool known = a.clusters > poles && total > a.clusters;
    out->icc = known ? (msb - msw) / (msb + (m0 - 1) * msw) : (double)NAN;
    out->n_effective = total / (1 + (size - 1) * (out->icc < 0 ? 0 : out->icc));
    if (total == a.clusters) { /* nothing is clustered */
        out->n_effective = total;
    }
}

static void outliers(const quality *q, size_t b, scratch *s, quality_block *out)
{
    for (size_t k = 0; k < q->d; k++) {
        s->level[k] = q->absolute[b * q->d + k] / (double)q->n;
    }
    const double limit = q->outlier * stat_median(s->level, q->d);
    out->n_outliers = 0;
    out->outlier_share = isnan(limit) ? (double)NAN : 0;
    for (size_t k = 0; k < q->d; k++) {
        if (!(s->level[k] > limit)) {
            continue;
        }
        out->n_outliers++;
        out->outlier_share += q->squares[b * q->d + k];
    }
}

static void measure_block(const quality *q, size_t b, scratch *s, quality_block *out)
{
    const double *x = q->on_v + b * q->n_expected;
    size_t n = select_rows(q, x, 0, NO_HALF, s->a);
    out->neutral_mean = stat_mean(s->a, n);
    out->neutral_sd = stat_sd(s->a, n);
    n = select_rows(q, x, 1, NO_HALF, s->a);
    out->positive_mean = stat_mean(s->a, n);
    n = select_rows(q, x, -1, NO_HALF, s->a);
    out->negative_mean = stat_mean(s->a, n);
    held_out(q, b, s, out);
    clustering(q, b, s, out);
    outliers(q, b, s, out);
}

persona_code quality_end(quality *q, quality_block *out, persona_err *e)
{
    if (q->n != q->n_expected) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "quality: %zu responses in the second pass, %zu in the first", q->n,
                               q->n_expected);
    }
    persona_code rc = PERSONA_OK;
    scratch s = {
        .a = mem_calloc(q->n, sizeof *s.a),
        .b = mem_calloc(q->n, sizeof *s.b),
        .sum = mem_calloc(q->n_questions, 2 * sizeof *s.sum),
        .count = mem_calloc(q->n_questions, 2 * sizeof *s.count),
        .level = mem_calloc(q->d, sizeof *s.level),
    };
    if (!s.a || !s.b || !s.sum || !s.count || !s.level) {
        rc = mem_err(e, "the statistics of an extraction");
        goto out;
    }
    for (size_t b = 0; b < q->n_blocks; b++) {
        out[b] = q->blocks[b];
        measure_block(q, b, &s, &out[b]);
    }
out:
    mem_free(s.level);
    mem_free(s.count);
    mem_free(s.sum);
    mem_free(s.b);
    mem_free(s.a);
    return rc;
}
