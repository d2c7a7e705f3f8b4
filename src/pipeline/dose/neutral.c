/* SPDX-License-Identifier: MIT
 *
 * neutral.c - percentiles of neutral traffic (methods 3: caps are set at one).
 *
 * A few questions are answered without steering and without an instruction, at temperature 1. Every
 * token of the answers is projected on the unit direction of every block while it is written, so
 * there is no second pass. Operators act on single tokens; hence their distribution, which is wider
 * than that of answers' means.
 */
#include "pipeline/dose/neutral.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "persona/dose.h"
#include "pipeline/ask.h"
#include "pipeline/pipeline.h"

/* What is kept of a block. */
enum { N_NUMBERS = 3 + PERSONA_N_QUANTILES };

typedef struct reading_of {
    const neutral *x;
    persona_vector *v;
    int *blocks; /* (n_blocks) that have a direction and can be read */
    size_t n_blocks;
    float *directions; /* (n_blocks, n_embd) of unit length */
    float *numbers;    /* (n_blocks, N_NUMBERS) */
    answer *answers;   /* (n) */
    size_t n, n_tokens;
    double *column; /* (n_tokens) */
} reading_of;

/* ---- what the job remembers ------------------------------------------------------------------ */

static void key_of(const reading_of *r, char *out, size_t size)
{
    snprintf(out, size, "neutral/%s", r->x->tag);
}

static persona_code recall(reading_of *r, bool *found, bool *over, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char key[160], *text = NULL, *state = NULL;
    *found = *over = false;
    if (!r->x->job) {
        return PERSONA_OK;
    }
    TRY(job_get_value(r->x->job, JOB_STATE, &state, e));
    *over = state && strcmp(state, JOB_DONE) == 0;
    key_of(r, key, sizeof key);
    TRY(job_get_value(r->x->job, key, &text, e));
    const char *at = text;
    size_t i = 0;
    for (; at && i < r->n_blocks * N_NUMBERS; i++) {
        char *end = NULL;
        r->numbers[i] = strtof(at, &end);
        at = end > at ? end : NULL;
    }
    *found = at != NULL && i == r->n_blocks * N_NUMBERS;
out:
    mem_free(state);
    mem_free(text);
    return rc;
}

static persona_code remember(const reading_of *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char key[160];
    buf text;
    buf_init(&text, (size_t)1 << 22);
    if (!r->x->job) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < r->n_blocks * N_NUMBERS; i++) {
        buf_printf(&text, "%s%.9g", i > 0 ? " " : "", (double)r->numbers[i]);
    }
    TRY(buf_ok(&text, "statistics of neutral answers", e));
    key_of(r, key, sizeof key);
    TRY(job_put_value(r->x->job, key, buf_str(&text), e));
out:
    buf_free(&text);
    return rc;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static persona_code find_blocks(reading_of *r, persona_err *e)
{
    const persona_vector *v = r->v;
    const int n_layer = persona_model_info_get(persona_session_model(r->x->s))->n_layer;
    const size_t d = (size_t)v->n_embd;
    r->blocks = mem_calloc((size_t)v->n_layer, sizeof *r->blocks);
    r->directions = mem_calloc((size_t)v->n_layer * d, sizeof *r->directions);
    r->numbers = mem_calloc((size_t)v->n_layer * N_NUMBERS, sizeof *r->numbers);
    if (!r->blocks || !r->directions || !r->numbers) {
        return mem_err(e, "statistics of neutral answers");
    }
    for (int b = 0; b < v->n_layer && b < n_layer - 1; b++) {
        float *row = r->directions + r->n_blocks * d;
        if (v->layers[b].present && v->layers[b].norm > 0) {
            memcpy(row, persona_vector_row(v, b), d * sizeof *row);
            vec_scale(row, 1 / vec_norm(row, d), d);
            r->blocks[r->n_blocks++] = b;
        }
    }
    return PERSONA_OK;
}

static persona_code ask_questions(reading_of *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char stage[96];
    const persona_tap norms = {
        .mode = PERSONA_TAP_MEAN, .blocks = r->blocks, .n_blocks = r->n_blocks};
    const persona_tap tap = {.mode = PERSONA_TAP_PROJECT,
                             .blocks = r->blocks,
                             .n_blocks = r->n_blocks,
                             .directions = r->directions};
    ask *asks = NULL;
    r->n = r->x->n_questions < NEUTRAL_QUESTIONS ? r->x->n_questions : NEUTRAL_QUESTIONS;
    asks = mem_calloc(r->n, sizeof *asks);
    r->answers = mem_calloc(r->n, sizeof *r->answers);
    TRY(asks && r->answers ? PERSONA_OK : mem_err(e, "statistics of neutral answers"));
    for (size_t i = 0; i < r->n; i++) {
        asks[i] = (ask){.question = r->x->questions[i],
                        .skip_analysis = true,
                        .sampling = persona_sampling_defaults(),
                        .tap = &norms,
                        .also = &tap};
        asks[i].sampling.temperature = 1;
        asks[i].sampling.max_tokens = NEUTRAL_TOKENS;
        asks[i].sampling.seed = r->x->seed + (uint32_t)i;
    }
    stage_name(stage, sizeof stage, "neutral", r->v->from.trait);
    TRY(ask_all(r->x->s, asks, r->n, stage, r->x->hooks, r->answers, e));
    for (size_t i = 0; i < r->n; i++) {
        r->n_tokens += r->answers[i].n_also / r->n_blocks;
    }
    TRY(r->n_tokens > 1 ? PERSONA_OK
                        : persona_err_set(e, PERSONA_E_NUMERIC,
                                          "no neutral answer has any text: nothing is known of "
                                          "neutral traffic"));
out:
    mem_free(asks);
    return rc;
}

/* Mean, sd and percentiles of a block's projections, then the median of its ||h||. */
static void measure_block(const reading_of *r, size_t k)
{
    float *to = r->numbers + k * N_NUMBERS;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const answer *a = &r->answers[i];
        for (size_t t = 0; t < a->n_also / r->n_blocks; t++) {
            r->column[n++] = (double)a->also[t * r->n_blocks + k];
        }
    }
    to[0] = (float)stat_mean(r->column, n);
    to[1] = (float)stat_sd(r->column, n);
    for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
        to[3 + i] = (float)stat_quantile(r->column, n, persona_quantile_percent(i) / 100.0);
    }
    n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const answer *a = &r->answers[i];
        for (size_t t = 0; a->norms && t < a->n_positions && n < r->n_tokens; t++) {
            r->column[n++] = (double)a->norms[t * r->n_blocks + k];
        }
    }
    to[2] = (float)stat_median(r->column, n);
}

static void fill_in(const reading_of *r)
{
    for (size_t k = 0; k < r->n_blocks; k++) {
        const float *from = r->numbers + k * N_NUMBERS;
        persona_vector_layer *l = &r->v->layers[r->blocks[k]];
        l->token_mean = from[0];
        l->token_sd = from[1];
        l->h_median = isnan(l->h_median) ? from[2] : l->h_median;
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            l->quantiles[i] = from[3 + i];
        }
    }
}

persona_code neutral_measure(const neutral *x, persona_vector *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    reading_of r = {.x = x, .v = v};
    bool found = false, over = false;
    TRY(find_blocks(&r, e));
    if (r.n_blocks == 0) {
        goto out;
    }
    TRY(recall(&r, &found, &over, e));
    if (over && !found) {
        goto out;
    }
    if (!found) {
        TRY(ask_questions(&r, e));
        r.column = mem_calloc(r.n_tokens, sizeof *r.column);
        TRY(r.column ? PERSONA_OK : mem_err(e, "statistics of neutral answers"));
        for (size_t k = 0; k < r.n_blocks; k++) {
            measure_block(&r, k);
        }
        TRY(remember(&r, e));
    }
    fill_in(&r);
out:
    if (r.answers) {
        answers_clear(r.answers, r.n);
    }
    mem_free(r.answers);
    mem_free(r.column);
    mem_free(r.blocks);
    mem_free(r.directions);
    mem_free(r.numbers);
    return rc;
}

persona_code persona_neutral(persona_session *s, persona_vector *v, char *const *questions,
                             size_t n_questions, uint32_t seed, const persona_hooks *hooks,
                             persona_err *e)
{
    const neutral x = {.s = s,
                       .questions = questions,
                       .n_questions = n_questions,
                       .seed = seed,
                       .tag = "",
                       .hooks = hooks};
    return neutral_measure(&x, v, e);
}
