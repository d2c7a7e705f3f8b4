/* SPDX-License-Identifier: MIT
 *
 * measure.c - statistics of an extraction in passes over the job's answers, one answer in memory
 * at a time: the first collects sums (core/contrast) and the sizes of h (core/histogram), the
 * second projects every answer on the finished directions (core/quality). Only methods that need
 * all rows of a block at once (direction_method.needs_rows) read one block of all pairs into
 * memory.
 *
 * Held-out numbers of such a method are those of its own halves: each half of the questions makes
 * its direction by the same method.
 */
#include "pipeline/extract/measure.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/histogram.h"
#include "core/measure/paircos.h"
#include "core/measure/quality.h"

typedef persona_code (*visit_fn)(void *ud, const response *r, const job_answer *a, persona_err *e);

typedef struct visiting {
    const measure *m;
    visit_fn fn;
    void *ud;
    bool all; /* also answers that were not kept */
} visiting;

static persona_code visit_one(void *ud, const job_answer *a, persona_err *e)
{
    const visiting *v = ud;
    const rollout *r = &v->m->x->r[a->id];
    if (!(r->kept || (v->all && r->answered)) || a->mean == NULL) {
        return PERSONA_OK;
    }
    const response one = {.polarity = r->polarity,
                          .question = r->question,
                          .length = r->length > 0 ? r->length : 1,
                          .mean = a->mean};
    return v->fn(v->ud, &one, a, e);
}

static persona_code visit(const measure *m, bool all, bool norms, visit_fn fn, void *ud,
                          persona_err *e)
{
    visiting v = {.m = m, .fn = fn, .ud = ud, .all = all};
    const job_room room = {.mean = m->room_mean,
                           .norms = norms ? m->room_norms : NULL,
                           .n_mean = m->x->n_blocks * m->x->d,
                           .n_norms = norms ? m->x->max_norms : 0};
    return job_each_answer(m->x->job, ROLLOUT_STAGE, JOB_BY_ID, &room, visit_one, &v, e);
}

static persona_code measure_agreement(measure *m, persona_err *e);

/* ---- first pass ------------------------------------------------------------------------------ */

typedef struct first_pass {
    measure *m;
    histogram *sizes; /* (n_blocks) */
} first_pass;

static persona_code add_sums(void *ud, const response *r, const job_answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    first_pass *p = ud;
    const size_t n_blocks = p->m->x->n_blocks;
    if (p->m->x->r[a->id].kept) {
        TRY(contrast_add(p->m->sums, r, e));
    }
    for (size_t i = 0; a->norms != NULL && i < a->n_norms; i++) {
        TRY(histogram_add(&p->sizes[i % n_blocks], a->norms[i], e));
    }
out:
    return rc;
}

persona_code measure_begin(const rollouts *x, measure *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *m = (measure){.x = x};
    first_pass p = {.m = m, .sizes = mem_calloc(x->n_blocks, sizeof(histogram))};
    m->h_median = mem_calloc(x->n_blocks, sizeof *m->h_median);
    m->room_mean = mem_calloc(x->n_blocks * x->d, sizeof *m->room_mean);
    m->room_norms = mem_calloc(x->max_norms, sizeof *m->room_norms);
    TRY(contrast_new(x->n_questions, x->n_blocks, x->d, &m->sums, e));
    if (p.sizes == NULL || m->h_median == NULL || m->room_mean == NULL || m->room_norms == NULL) {
        TRY(mem_err(e, "statistics"));
    }
    TRY(visit(m, true, true, add_sums, &p, e));
    TRY(measure_agreement(m, e));
out:
    for (size_t b = 0; p.sizes != NULL && b < x->n_blocks; b++) {
        if (rc == PERSONA_OK) {
            m->h_median[b] = (float)histogram_median(&p.sizes[b]);
        }
        histogram_free(&p.sizes[b]);
    }
    mem_free(p.sizes);
    if (rc != PERSONA_OK) {
        measure_end(m);
    }
    return rc;
}

/* Who asked for answers, and what is known of them. */
typedef struct handing {
    const rollouts *x;
    const persona_extract_opts *o;
} handing;

static persona_code hand_over(void *ud, const response *r, const job_answer *a, persona_err *e)
{
    const handing *h = ud;
    const rollout *known = &h->x->r[a->id];
    const persona_extract_answer one = {.polarity = r->polarity,
                                        .question = r->question,
                                        .kept = known->kept,
                                        .score = known->score,
                                        .mean = r->mean};
    return h->o->on_answer(h->o->on_answer_ud, &one, e);
}

persona_code measure_answers(measure *m, const persona_extract_opts *o, persona_err *e)
{
    handing h = {m->x, o};
    return visit(m, true, false, hand_over, &h, e);
}

void measure_end(measure *m)
{
    contrast_free(m->sums);
    mem_free(m->h_median);
    mem_free(m->agreement);
    mem_free(m->room_mean);
    mem_free(m->room_norms);
    memset(m, 0, sizeof *m);
}

/* ---- directions ------------------------------------------------------------------------------ */

/* Kept pairs: the positive member's number and its partner's. */
typedef struct pair_list {
    size_t *pos, *neg, *question;
    size_t n;
} pair_list;

static void pairs_free(pair_list *p)
{
    mem_free(p->pos);
    mem_free(p->neg);
    mem_free(p->question);
    *p = (pair_list){0};
}

/* subset (n_questions): NULL: all. Texts without a mate are in no pair. */
static persona_code pairs_find(const rollouts *x, const bool *subset, pair_list *out,
                               persona_err *e)
{
    *out = (pair_list){.pos = mem_calloc(x->n, sizeof *out->pos),
                       .neg = mem_calloc(x->n, sizeof *out->neg),
                       .question = mem_calloc(x->n, sizeof *out->question)};
    if (out->pos == NULL || out->neg == NULL || out->question == NULL) {
        return mem_err(e, "pairs");
    }
    for (size_t i = 0; i < x->n; i++) {
        const rollout *r = &x->r[i];
        const bool whole = r->kept && r->mate != ROLLOUT_ALONE && x->r[r->mate].kept;
        if (whole && r->polarity > 0 && (subset == NULL || subset[r->question])) {
            out->pos[out->n] = i;
            out->neg[out->n] = r->mate;
            out->question[out->n++] = r->question;
        }
    }
    return PERSONA_OK;
}

/* One pair in memory at a time, all its blocks. */
static persona_code measure_agreement(measure *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const rollouts *x = m->x;
    const size_t n = x->n_blocks * x->d;
    pair_list pairs = {0};
    double *sum = mem_calloc(n, sizeof *sum);
    float *both = mem_calloc(2 * n, sizeof *both);
    m->agreement = mem_calloc(x->n_blocks, sizeof *m->agreement);
    TRY(sum != NULL && both != NULL && m->agreement != NULL ? PERSONA_OK : mem_err(e, "pairs"));
    TRY(pairs_find(x, NULL, &pairs, e));
    for (size_t i = 0; i < pairs.n; i++) {
        TRY(job_read_mean(x->job, ROLLOUT_STAGE, (int64_t)pairs.pos[i], 0, n, both, e));
        TRY(job_read_mean(x->job, ROLLOUT_STAGE, (int64_t)pairs.neg[i], 0, n, both + n, e));
        for (size_t b = 0; b < x->n_blocks; b++) {
            paircos_add(both + b * x->d, both + n + b * x->d, x->d, sum + b * x->d);
        }
    }
    for (size_t b = 0; b < x->n_blocks; b++) {
        m->agreement[b] = (float)paircos_mean(sum + b * x->d, x->d, pairs.n);
    }
out:
    pairs_free(&pairs);
    mem_free(sum);
    mem_free(both);
    return rc;
}

static persona_code read_rows(const rollouts *x, const pair_list *p, size_t block, mat pos, mat neg,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < p->n; i++) {
        TRY(job_read_mean(x->job, ROLLOUT_STAGE, (int64_t)p->pos[i], block * x->d, x->d,
                          pos.p + i * x->d, e));
        TRY(job_read_mean(x->job, ROLLOUT_STAGE, (int64_t)p->neg[i], block * x->d, x->d,
                          neg.p + i * x->d, e));
    }
out:
    return rc;
}

/* Directions of every block from the questions of a subset, into v (n_blocks, d). */
static persona_code make_directions(const measure *m, const direction_method *method,
                                    const bool *subset, float *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const rollouts *x = m->x;
    const size_t d = x->d;
    pair_list pairs = {0};
    float *mean = mem_calloc(d, sizeof *mean), *rows = NULL;
    size_t b = 0;
    TRY(mean != NULL ? PERSONA_OK : mem_err(e, "a direction"));
    if (method->needs_rows) {
        TRY(pairs_find(x, subset, &pairs, e));
        rows = mem_calloc(pairs.n * 2 * d, sizeof *rows);
        TRY(rows != NULL ? PERSONA_OK : mem_err(e, "rows of a block"));
    }
    for (; b < x->n_blocks; b++) {
        direction_data data = {.d = d, .mean = mean, .question = pairs.question};
        direction_report report;
        TRY(contrast_direction(m->sums, b, subset, mean, e));
        if (method->needs_rows) {
            data.pos = (mat){rows, pairs.n, d};
            data.neg = (mat){rows + pairs.n * d, pairs.n, d};
            TRY(read_rows(x, &pairs, b, data.pos, data.neg, e));
        }
        TRY(direction_make(method, &data, v + b * d, &report, e));
    }
out:
    if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
        persona_err_wrap(e, "block %zu", b);
    }
    pairs_free(&pairs);
    mem_free(rows);
    mem_free(mean);
    return rc;
}

/* ---- second pass ----------------------------------------------------------------------------- */

static persona_code add_quality(void *ud, const response *r, const job_answer *a, persona_err *e)
{
    (void)a;
    return quality_add(ud, r, e);
}

static void fill_layer(const measure *m, size_t b, const quality_block *q, float *scratch,
                       persona_vector_layer *l)
{
    contrast_length length;
    l->h_median = m->h_median[b];
    l->auroc = (float)q->auroc;
    l->cohen_d = (float)q->cohen_d;
    l->agreement = m->agreement[b];
    l->split_half = (float)q->split_cosine;
    l->split_half_sd = (float)q->split_sd;
    l->n_effective = (float)q->n_effective;
    l->neutral_mean = (float)q->neutral_mean;
    l->neutral_sd = (float)q->neutral_sd;
    l->outlier_share = (float)q->outlier_share;
    l->length_cosine = contrast_adjusted(m->sums, b, scratch, &length, NULL) == PERSONA_OK
                           ? (float)length.cosine
                           : NAN;
}

static persona_code fill_quality(const measure *m, const float *v, const float *const half[2],
                                 uint32_t seed, persona_vector *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    quality_opts opts = quality_defaults();
    const quality_directions directions = {.v = v, .half = {half[0], half[1]}};
    quality *q = NULL;
    opts.seed = seed;
    quality_block *blocks = mem_calloc(m->x->n_blocks, sizeof *blocks);
    float *scratch = mem_calloc(m->x->d, sizeof *scratch);
    TRY(blocks != NULL && scratch != NULL ? PERSONA_OK : mem_err(e, "statistics"));
    TRY(quality_begin(m->sums, &directions, &opts, &q, e));
    TRY(visit(m, false, false, add_quality, q, e));
    TRY(quality_end(q, blocks, e));
    for (size_t b = 0; b < m->x->n_blocks; b++) {
        fill_layer(m, b, &blocks[b], scratch, &out->layers[b]);
    }
out:
    quality_free(q);
    mem_free(blocks);
    mem_free(scratch);
    return rc;
}

/* Halves by the method itself; a half that it cannot do (one question, degenerate rows) leaves the
 * held-out numbers to the mean difference. */
static persona_code make_halves(const measure *m, const direction_method *method, float *half[2],
                                bool *ok, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = m->x->n_questions;
    persona_err why = {.code = PERSONA_OK};
    bool *subset = mem_calloc(n, sizeof *subset);
    *ok = false;
    TRY(subset != NULL ? PERSONA_OK : mem_err(e, "halves of the questions"));
    *ok = true;
    for (int side = 0; *ok && side < 2; side++) {
        quality_halves(m->sums, subset);
        for (size_t q = 0; side == 1 && q < n; q++) {
            subset[q] = contrast_usable(m->sums, q) && !subset[q];
        }
        const persona_code made = make_directions(m, method, subset, half[side], &why);
        *ok = made == PERSONA_OK;
        if (!*ok && made != PERSONA_E_NUMERIC && made != PERSONA_E_SHAPE) {
            rc = persona_err_set(e, made, "%s", why.msg);
        }
    }
out:
    mem_free(subset);
    return rc;
}

persona_code measure_vector(measure *m, const direction_method *method, uint32_t seed,
                            persona_vector *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = m->x->n_blocks * m->x->d;
    float *all = mem_calloc(n, sizeof *all);
    float *half[2] = {NULL, NULL};
    bool halves = false;
    TRY(all != NULL ? PERSONA_OK : mem_err(e, "directions"));
    TRY(make_directions(m, method, NULL, all, e));
    if (method->needs_rows) {
        half[0] = mem_calloc(n, sizeof *all);
        half[1] = mem_calloc(n, sizeof *all);
        TRY(half[0] != NULL && half[1] != NULL ? make_halves(m, method, half, &halves, e)
                                               : mem_err(e, "directions"));
    }
    for (size_t b = 0; b < m->x->n_blocks; b++) {
        TRY(persona_vector_set(v, (int)b, all + b * m->x->d, e));
    }
    const float *const given[2] = {halves ? half[0] : NULL, halves ? half[1] : NULL};
    TRY(fill_quality(m, all, given, seed, v, e));
out:
    mem_free(all);
    mem_free(half[0]);
    mem_free(half[1]);
    return rc;
}
