/* SPDX-License-Identifier: MIT
 *
 * fake_compute.c - a small deterministic stand-in behind compute.h. A position holds one number,
 * made of its token, the numbers before it and the steering of its row (the plan is applied to a
 * real row of FAKE_EMBD floats at every block); the next token is drawn from it.
 */
#include "fake_compute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- vocabulary ------------------------------------------------------------------------------ */

static bool is_end(const persona_model *m, llama_token t)
{
    (void)m;
    return t == FAKE_END;
}

static void piece(const persona_model *m, llama_token t, bool special, buf *out)
{
    (void)m;
    (void)special;
    if (t == FAKE_HALF || t == FAKE_REST) {
        buf_putc(out, t == FAKE_HALF ? (char)0xC3 : (char)0xA9);
    } else {
        buf_putc(out, t == FAKE_LINE ? '\n' : (char)(32 + t));
    }
}

static const model_words WORDS = {is_end, piece};

persona_model *fake_model(void)
{
    persona_model *m = mem_calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    m->words = &WORDS;
    m->info.n_vocab = FAKE_VOCAB;
    m->info.n_embd = FAKE_EMBD;
    m->info.n_layer = FAKE_LAYERS;
    m->info.chat = PERSONA_CHAT_NONE;
    return m;
}

void fake_model_free(persona_model *m)
{
    mem_free(m);
}

/* ---- computing ------------------------------------------------------------------------------- */

static void read_row(const eval_state *x, const eval_row *row, int block, bool before,
                     const float *h)
{
    for (size_t i = 0; i < row->n_reads; i++) {
        const eval_read *read = &x->reads[row->first_read + i];
        if (read->tap->tap.before_edits == before) {
            tap_row(read->tap, block, read->row, h);
        }
    }
}

/* One row through all blocks; returns what its position holds. */
static float row_value(const eval_state *x, eval_row *row, float past, bool adapter)
{
    float h[FAKE_EMBD] = {(float)row->token / 16.0F, past, 1, 0};
    for (int b = 0; b < FAKE_LAYERS; b++) {
        if (row->token == FAKE_NAN && b == 1) {
            h[0] = NAN;
        }
        read_row(x, row, b, true, h);
        if (row->plan != NULL && !adapter) {
            row->edited |= plan_apply(row->plan, b, &row->at, row->memory, row->tally, h);
        }
        read_row(x, row, b, false, h);
        h[0] = h[0] + 0.37F * h[1] + 0.11F * h[3];
        h[1] = fabsf(h[0]) < FAKE_HUGE ? sinf(h[0] * 3.1F + h[2]) : NAN;
    }
    return h[1];
}

static void fill_logits(float *logits, float value)
{
    for (int t = 0; t < FAKE_VOCAB; t++) {
        logits[t] = sinf(value * 40.0F + (float)t * 1.7F);
    }
    logits[FAKE_POISON] = logits[FAKE_NAN] = logits[FAKE_HALF] = logits[FAKE_REST] = -9;
    logits[FAKE_LINE] = -9;
    logits[FAKE_END] -= 1;
}

/* As compute.h says: one sequence alone, or a row each of neighbors. */
static bool rows_are_neighbors(const eval_state *x)
{
    bool same = true, next = true;
    for (size_t i = 1; i < x->n_rows; i++) {
        same = same && x->rows[i].seq == x->rows[i - 1].seq;
        next = next && x->rows[i].seq == x->rows[i - 1].seq + 1;
    }
    return same || next;
}

static persona_code fake_decode(compute *base, const compute_call *call, persona_err *e)
{
    fake_compute *f = (fake_compute *)base;
    const eval_state *x = call->x;
    if (f->n_calls < 1024) {
        f->orders[f->n_calls] = x->rows[0].seq;
    }
    f->n_calls++;
    f->n_rows += x->n_rows;
    if (f->call_us > 0) {
        usleep((useconds_t)f->call_us);
    }
    if (!rows_are_neighbors(x)) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "fake: sequences with a gap");
    }
    const bool fails = f->n_calls == f->fail_call;
    if (fails && !f->fail_late) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "fake: told to fail");
    }
    for (size_t i = 0; i < x->n_rows; i++) {
        if (x->rows[i].token == FAKE_POISON) {
            return persona_err_set(e, PERSONA_E_INTERNAL, "fake: poison in sequence %d",
                                   x->rows[i].seq);
        }
    }
    for (size_t i = 0; i < x->n_rows; i++) {
        eval_row *row = &x->rows[i];
        float *h = f->h[row->seq];
        const float past = row->pos > 0 ? h[row->pos - 1] : 0;
        if (row->pos >= (size_t)f->n_ctx) {
            return persona_err_set(e, PERSONA_E_INTERNAL, "fake: position %zu", row->pos);
        }
        h[row->pos] = row_value(x, row, past, call->adapter);
        fill_logits(f->logits + i * FAKE_VOCAB, h[row->pos]);
    }
    if (fails) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "fake: told to fail late");
    }
    return PERSONA_OK;
}

static const float *fake_logits(compute *base, size_t row)
{
    return ((fake_compute *)base)->logits + row * FAKE_VOCAB;
}

static void fake_copy(compute *base, int from, int to)
{
    fake_compute *f = (fake_compute *)base;
    memcpy(f->h[to], f->h[from], (size_t)f->n_ctx * sizeof(float));
    f->n_copies++;
}

static void fake_trim(compute *base, int seq, size_t first)
{
    fake_compute *f = (fake_compute *)base;
    for (size_t i = first; i < (size_t)f->n_ctx; i++) {
        f->h[seq][i] = 77; /* whoever builds on what was forgotten says something else */
    }
}

static bool fake_load_plan(compute *base, const persona_plan *plan)
{
    (void)base;
    return plan == NULL;
}

/* ---- sampling -------------------------------------------------------------------------------- */

static persona_code fake_sampler_new(compute *base, const persona_sampling *s, void **out,
                                     persona_err *e)
{
    (void)base;
    *out = mem_calloc(1, sizeof s->seed);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a fake sampler");
}

static persona_token fake_sample(compute *base, void *sampler, size_t row)
{
    const float *logits = fake_logits(base, row);
    persona_token best = 0;
    (void)sampler;
    for (persona_token t = 1; t < FAKE_VOCAB; t++) {
        best = logits[t] > logits[best] ? t : best;
    }
    return best;
}

static void fake_accept(compute *base, void *sampler, persona_token t)
{
    (void)base;
    (void)sampler;
    (void)t;
}

static void fake_sampler_free(compute *base, void *sampler)
{
    (void)base;
    mem_free(sampler);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void fake_free(compute *base)
{
    fake_compute *f = (fake_compute *)base;
    for (int i = 0; i < f->n_slots; i++) {
        mem_free(f->h[i]);
    }
    mem_free(f->h);
    mem_free(f->logits);
    mem_free(f);
}

static const compute_ops FAKE = {
    .decode = fake_decode,
    .logits = fake_logits,
    .copy = fake_copy,
    .trim = fake_trim,
    .load_plan = fake_load_plan,
    .sampler_new = fake_sampler_new,
    .sample = fake_sample,
    .sampler_accept = fake_accept,
    .sampler_free = fake_sampler_free,
    .free = fake_free,
};

fake_compute *fake_new(const persona_session_opts *opts)
{
    fake_compute *f = mem_calloc(1, sizeof *f);
    const size_t n = (size_t)opts->n_slots;
    const size_t rows = (size_t)opts->n_batch > n ? (size_t)opts->n_batch : n;
    if (f == NULL) {
        abort();
    }
    f->base.ops = &FAKE;
    f->n_slots = opts->n_slots;
    f->n_ctx = opts->n_ctx;
    f->h = mem_calloc(n, sizeof *f->h);
    f->logits = mem_calloc(rows, FAKE_VOCAB * sizeof *f->logits);
    for (size_t i = 0; f->h != NULL && i < n; i++) {
        f->h[i] = mem_calloc((size_t)f->n_ctx, sizeof **f->h);
    }
    return f;
}

persona_session *fake_session(persona_model *m, int n_slots, int n_ctx, int n_batch,
                              fake_compute **f)
{
    const persona_session_opts opts = {
        .n_slots = n_slots, .n_ctx = n_ctx, .n_batch = n_batch, .n_threads = 1};
    persona_session *s = NULL;
    fake_compute *made = fake_new(&opts);
    if (f != NULL) {
        *f = made;
    }
    if (session_new_over(m, &opts, &made->base, &s, NULL) != PERSONA_OK) {
        abort();
    }
    return s;
}
