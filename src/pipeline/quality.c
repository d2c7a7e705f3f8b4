/* SPDX-License-Identifier: MIT
 *
 * quality.c - what an extraction says about itself, per block.
 *
 * Held out means: the questions are split in halves (even and odd); a direction from one half is
 * tested on the responses of the other, both ways. AUROC and Cohen's d are averages of the two; the
 * split-half cosine compares the two directions. The neutral projection is <h, v/||v||> of answers
 * given without any instruction. ||h|| is the median over answer tokens (position 0 is a template
 * token and never among them).
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "core/stats.h"
#include "pipeline/pipeline.h"

typedef struct measuring {
    const rollout *rolls;
    const answer *answers;
    size_t n, d;
    double *a, *b; /* n each: scratch */
    float *half[2];
} measuring;

static bool usable(const measuring *m, size_t i, int block, int polarity)
{
    return m->rolls[i].polarity == polarity && m->rolls[i].kept && m->answers[i].mean != NULL &&
           (size_t)block < m->answers[i].n_blocks;
}

static const float *row(const measuring *m, size_t i, int block)
{
    return m->answers[i].mean + (size_t)block * m->d;
}

/* Direction from the questions of one parity; false when a side is empty. */
static bool half_direction(measuring *m, int block, size_t parity, float *out)
{
    size_t count[2] = {0, 0};
    memset(out, 0, m->d * sizeof *out);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < m->n; i++) {
            if (usable(m, i, block, side == 0 ? 1 : -1) && m->rolls[i].question % 2 == parity) {
                count[side]++;
            }
        }
    }
    if (count[0] == 0 || count[1] == 0) {
        return false;
    }
    for (size_t i = 0; i < m->n; i++) {
        int p = m->rolls[i].polarity;
        if (p != 0 && usable(m, i, block, p) && m->rolls[i].question % 2 == parity) {
            vec_axpy(out, p > 0 ? 1.0 / (double)count[0] : -1.0 / (double)count[1],
                     row(m, i, block), m->d);
        }
    }
    return true;
}

/* Projections of one polarity's responses of one parity (2: both) on v. */
static size_t project(const measuring *m, int block, int polarity, size_t parity, const float *v,
                      double *out)
{
    size_t k = 0;
    double norm = vec_norm(v, m->d);
    for (size_t i = 0; norm > 0 && i < m->n; i++) {
        if (usable(m, i, block, polarity) && (parity == 2 || m->rolls[i].question % 2 == parity)) {
            out[k++] = vec_dot(row(m, i, block), v, m->d) / norm;
        }
    }
    return k;
}

static void held_out(measuring *m, int block, persona_vector_layer *l)
{
    double auroc = 0, d = 0;
    if (!half_direction(m, block, 0, m->half[0]) || !half_direction(m, block, 1, m->half[1])) {
        return;
    }
    for (size_t parity = 0; parity < 2; parity++) {
        size_t n_pos = project(m, block, 1, 1 - parity, m->half[parity], m->a);
        size_t n_neg = project(m, block, -1, 1 - parity, m->half[parity], m->b);
        auroc += stat_auroc(m->a, n_pos, m->b, n_neg) / 2;
        d += stat_cohen_d(m->a, n_pos, m->b, n_neg) / 2;
    }
    l->auroc = (float)auroc;
    l->cohen_d = (float)d;
    l->split_half = (float)vec_cos(m->half[0], m->half[1], m->d);
}

static persona_code median_norm(const measuring *m, int block, float *out, persona_err *e)
{
    size_t total = 0, k = 0;
    for (size_t i = 0; i < m->n; i++) {
        total += m->answers[i].norms != NULL ? m->answers[i].n_positions : 0;
    }
    double *x = mem_calloc(total, sizeof *x);
    if (x == NULL) {
        return mem_err(e, "norms");
    }
    for (size_t i = 0; i < m->n; i++) {
        const answer *a = &m->answers[i];
        for (size_t t = 0; a->norms != NULL && t < a->n_positions; t++) {
            x[k++] = (double)a->norms[t * a->n_blocks + (size_t)block];
        }
    }
    *out = (float)stat_median(x, k);
    mem_free(x);
    return PERSONA_OK;
}

persona_code quality_measure(persona_vector *v, const rollout *rolls, const answer *answers,
                             size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    measuring m = {.rolls = rolls, .answers = answers, .n = n, .d = (size_t)v->n_embd};
    m.a = mem_calloc(n, sizeof *m.a);
    m.b = mem_calloc(n, sizeof *m.b);
    m.half[0] = mem_calloc(m.d, sizeof(float));
    m.half[1] = mem_calloc(m.d, sizeof(float));
    if (m.a == NULL || m.b == NULL || m.half[0] == NULL || m.half[1] == NULL) {
        rc = mem_err(e, "statistics");
    }
    for (int b = 0; rc == PERSONA_OK && b < v->n_layer; b++) {
        persona_vector_layer *l = &v->layers[b];
        if (!l->present) {
            continue;
        }
        held_out(&m, b, l);
        size_t k = project(&m, b, 0, 2, persona_vector_row(v, b), m.a);
        l->neutral_mean = (float)stat_mean(m.a, k);
        l->neutral_sd = (float)stat_sd(m.a, k);
        rc = median_norm(&m, b, &l->h_median, e);
    }
    mem_free(m.a);
    mem_free(m.b);
    mem_free(m.half[0]);
    mem_free(m.half[1]);
    return rc;
}
