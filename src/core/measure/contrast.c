/* SPDX-License-Identifier: MIT
 *
 * contrast.c - the sums from which directions are made, collected one response at a time.
 *
 * Memory does not grow with the number of responses: per question and polarity one sum of the mean
 * activations, per pole the sums of a regression on length. Sums per question give the direction of
 * any subset of questions, and with it every split, without reading a response again. A question
 * nobody has answered costs nothing. Responses without an instruction are only counted.
 *
 * Order: every sum is in double and takes responses in the order of contrast_add; totals take
 * questions in ascending order. So the result depends on the order of the responses within each
 * question and polarity alone (and in the length sums within each pole), in the last bits.
 *
 * Length (methods 1.3): with x = log(1 + answer tokens), analysis of covariance. The slope of h on
 * x is pooled within the poles, for between them length and trait cannot be told apart:
 *     slope = sum_p (sum x h - n_p mean_p(x) mean_p(h)) / sum_p (sum x^2 - n_p mean_p(x)^2)
 *     v_adj = v - slope (mean_pos(x) - mean_neg(x))
 */
#include "core/measure/contrast.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"

#define MAX_QUESTIONS 65536
#define MAX_BLOCKS 1024
#define MAX_WIDTH 131072
/* Squares of x around their mean below this share of the plain squares are rounding. */
#define NO_SPREAD 1e-12

enum { POS, NEG, NEUTRAL, N_POLES };

/* Responses of one polarity to one question. */
typedef struct cell {
    size_t n;
    double *sum; /* (n_blocks, d); NULL until the first response, and for NEUTRAL */
} cell;

struct contrast {
    size_t n_questions, n_blocks, d;
    cell *cells; /* (n_questions, N_POLES) */
    size_t n[N_POLES];
    double *xh[2]; /* (n_blocks, d) sums of x h, POS and NEG */
    double x[2], xx[2];
};

persona_code contrast_new(size_t n_questions, size_t n_blocks, size_t d, contrast **out,
                          persona_err *e)
{
    *out = NULL;
    if (n_questions == 0 || n_questions > MAX_QUESTIONS || n_blocks == 0 || n_blocks > MAX_BLOCKS ||
        d == 0 || d > MAX_WIDTH) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "contrast: %zu questions, %zu blocks, width %zu (at most %d, %d, "
                               "%d; none may be 0)",
                               n_questions, n_blocks, d, MAX_QUESTIONS, MAX_BLOCKS, MAX_WIDTH);
    }
    contrast *c = mem_calloc(1, sizeof *c);
    if (!c) {
        return mem_err(e, "a contrast");
    }
    *c = (contrast){.n_questions = n_questions, .n_blocks = n_blocks, .d = d};
    c->cells = mem_calloc(n_questions * N_POLES, sizeof *c->cells);
    for (int p = 0; p < 2; p++) {
        c->xh[p] = mem_calloc(n_blocks * d, sizeof *c->xh[p]);
    }
    if (!c->cells || !c->xh[POS] || !c->xh[NEG]) {
        contrast_free(c);
        return mem_err(e, "a contrast");
    }
    *out = c;
    return PERSONA_OK;
}

void contrast_free(contrast *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; c->cells && i < c->n_questions * N_POLES; i++) {
        mem_free(c->cells[i].sum);
    }
    mem_free(c->xh[NEG]);
    mem_free(c->xh[POS]);
    mem_free(c->cells);
    mem_free(c);
}

/* N_POLES for what is no polarity. */
static size_t pole_of(int polarity)
{
    return polarity == 1 ? POS : polarity == -1 ? NEG : polarity == 0 ? NEUTRAL : N_POLES;
}

static const char *pole_name(size_t pole)
{
    return pole == POS ? "positive" : "negative";
}

static cell *cell_at(const contrast *c, size_t question, size_t pole)
{
    return &c->cells[question * N_POLES + pole];
}

static persona_code check(const contrast *c, const response *r, persona_err *e)
{
    size_t bad = 0;
    if (pole_of(r->polarity) == N_POLES || r->question >= c->n_questions || r->length == 0) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "response to question %zu of %zu: polarity %d (expected 1, -1 or 0), "
            "%zu answer tokens (expected at least 1)",
            r->question, c->n_questions, r->polarity, r->length);
    }
    if (!vec_finite(r->mean, c->n_blocks * c->d, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "response to question %zu: block %zu, value %zu is not finite",
                               r->question, bad / c->d, bad % c->d);
    }
    return PERSONA_OK;
}

persona_code contrast_add(contrast *c, const response *r, persona_err *e)
{
    persona_code rc = check(c, r, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const size_t pole = pole_of(r->polarity), size = c->n_blocks * c->d;
    cell *to = cell_at(c, r->question, pole);
    if (pole == NEUTRAL) {
        to->n++;
        c->n[pole]++;
        return PERSONA_OK;
    }
    if (!to->sum) {
        to->sum = mem_calloc(size, sizeof *to->sum);
        if (!to->sum) {
            return mem_err(e, "the sums of a question");
        }
    }
    for (size_t i = 0; i < size; i++) {
        to->sum[i] += (double)r->mean[i];
    }
    to->n++;
    c->n[pole]++;
    const double x = log1p((double)r->length);
    double *xh = c->xh[pole];
    for (size_t i = 0; i < size; i++) {
        xh[i] += x * (double)r->mean[i];
    }
    c->x[pole] += x;
    c->xx[pole] += x * x;
    return PERSONA_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

size_t contrast_questions(const contrast *c)
{
    return c->n_questions;
}

size_t contrast_blocks(const contrast *c)
{
    return c->n_blocks;
}

size_t contrast_width(const contrast *c)
{
    return c->d;
}

size_t contrast_count(const contrast *c, int polarity)
{
    const size_t pole = pole_of(polarity);
    return pole < N_POLES ? c->n[pole] : 0;
}

size_t contrast_count_at(const contrast *c, int polarity, size_t question)
{
    const size_t pole = pole_of(polarity);
    return pole < N_POLES && question < c->n_questions ? cell_at(c, question, pole)->n : 0;
}

bool contrast_usable(const contrast *c, size_t question)
{
    return contrast_count_at(c, 1, question) > 0 && contrast_count_at(c, -1, question) > 0;
}

/* total (d) = sum over the questions of the subset; returns how many responses that was. */
static size_t total_of(const contrast *c, size_t block, size_t pole, const bool *subset,
                       double *total)
{
    size_t n = 0;
    memset(total, 0, c->d * sizeof *total);
    for (size_t q = 0; q < c->n_questions; q++) {
        const cell *from = cell_at(c, q, pole);
        if (from->n == 0 || (subset && !subset[q])) {
            continue;
        }
        const double *sum = from->sum + block * c->d;
        for (size_t k = 0; k < c->d; k++) {
            total[k] += sum[k];
        }
        n += from->n;
    }
    return n;
}

/* Of POS or NEG: mean (d), in double. */
static persona_code pole_mean(const contrast *c, size_t block, size_t pole, const bool *subset,
                              double *mean, persona_err *e)
{
    if (block >= c->n_blocks) {
        return persona_err_set(e, PERSONA_E_SHAPE, "contrast: block %zu (expected less than %zu)",
                               block, c->n_blocks);
    }
    const size_t n = total_of(c, block, pole, subset, mean);
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "contrast: no %s response%s", pole_name(pole),
                               subset ? " to these questions" : "");
    }
    for (size_t k = 0; k < c->d; k++) {
        mean[k] /= (double)n;
    }
    return PERSONA_OK;
}

persona_code contrast_direction(const contrast *c, size_t block, const bool *subset, float *v,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *pos = mem_calloc(c->d, sizeof *pos), *neg = mem_calloc(c->d, sizeof *neg);
    if (!pos || !neg) {
        rc = mem_err(e, "a mean difference");
        goto out;
    }
    TRY(pole_mean(c, block, POS, subset, pos, e));
    TRY(pole_mean(c, block, NEG, subset, neg, e));
    for (size_t k = 0; k < c->d; k++) {
        v[k] = (float)(pos[k] - neg[k]);
    }
out:
    mem_free(neg);
    mem_free(pos);
    return rc;
}

/* ---- length --------------------------------------------------------------------------------- */

/* v_adj (d) and the report from both means, in double. */
static persona_code adjust(const contrast *c, size_t block, const double *pos, const double *neg,
                           float *v_adj, contrast_length *report, persona_err *e)
{
    const double n_pos = (double)c->n[POS], n_neg = (double)c->n[NEG];
    const double x_pos = c->x[POS] / n_pos, x_neg = c->x[NEG] / n_neg, gap = x_pos - x_neg;
    const double spread = c->xx[POS] - c->x[POS] * x_pos + c->xx[NEG] - c->x[NEG] * x_neg;
    if (!(spread > NO_SPREAD * (c->xx[POS] + c->xx[NEG]))) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "contrast: within the poles all responses have the same length; the "
                               "effect of length cannot be estimated");
    }
    double before = 0, after = 0, both = 0, change = 0;
    for (size_t k = 0; k < c->d; k++) {
        const size_t i = block * c->d + k;
        const double with = c->xh[POS][i] - c->x[POS] * pos[k] + c->xh[NEG][i] - c->x[NEG] * neg[k];
        const double v = pos[k] - neg[k], step = with / spread * gap, adjusted = v - step;
        v_adj[k] = (float)adjusted;
        before += v * v;
        after += adjusted * adjusted;
        both += v * adjusted;
        change += step * step;
    }
    const double norms = sqrt(before) * sqrt(after);
    *report = (contrast_length){
        .gap = gap,
        .moved = before > 0 ? sqrt(change / before) : (double)NAN,
        .cosine = norms > 0 ? fmax(-1, fmin(1, both / norms)) : (double)NAN,
    };
    return PERSONA_OK;
}

persona_code contrast_adjusted(const contrast *c, size_t block, float *v_adj,
                               contrast_length *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *pos = mem_calloc(c->d, sizeof *pos), *neg = mem_calloc(c->d, sizeof *neg);
    if (!pos || !neg) {
        rc = mem_err(e, "an adjusted mean difference");
        goto out;
    }
    TRY(pole_mean(c, block, POS, NULL, pos, e));
    TRY(pole_mean(c, block, NEG, NULL, neg, e));
    TRY(adjust(c, block, pos, neg, v_adj, report, e));
out:
    mem_free(neg);
    mem_free(pos);
    return rc;
}
