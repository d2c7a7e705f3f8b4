/* SPDX-License-Identifier: MIT
 *
 * compute_llama.c - the real side of compute.h: one libllama context, and the two ways a plan can
 * reach its graph: through the control-vector adapter (free of callbacks, but one additive plan for
 * every row of both phases) or through eval.c (any plan per row and phase). Both give the same
 * bits, so the choice is only about speed.
 *
 * Every sequence has its own KV buffer (kv_unified off): attention then costs what one sequence
 * costs, not the sum of all. The price is that libllama puts a batch into one micro-batch only
 * when its sequence numbers are consecutive, which the scheduler therefore guarantees.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"

typedef struct compute_llama {
    compute base;
    persona_model *model;
    persona_session_opts opts;
    struct llama_context *ctx;
    struct llama_batch batch;
    eval_state *x;    /* of the call that is being computed */
    float *cvec_data; /* (n_layer - 1, n_embd) */
    pace pace;
    double wall, cpu; /* spent in computations, for the pace */
    int n_threads;    /* that libllama was told; 0: its own */
} compute_llama;

static bool inside_graph(struct ggml_tensor *t, bool ask, void *ud)
{
    return eval_callback(t, ask, ((compute_llama *)ud)->x);
}

static struct llama_context_params context_params(compute_llama *c)
{
    const persona_session_opts *o = &c->opts;
    int n_batch = o->n_batch > o->n_slots ? o->n_batch : o->n_slots;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)o->n_ctx * (uint32_t)o->n_slots;
    p.n_seq_max = (uint32_t)o->n_slots;
    p.n_batch = (uint32_t)n_batch;
    p.n_ubatch = (uint32_t)n_batch;
    p.n_outputs_max = (uint32_t)(o->n_slots > ENGINE_MIN_OUTPUTS ? o->n_slots : ENGINE_MIN_OUTPUTS);
    p.n_threads = o->n_threads;
    p.n_threads_batch = o->n_threads;
    p.cb_eval = inside_graph;
    p.cb_eval_user_data = c;
    p.kv_unified = false;
    p.swa_full = true; /* prefixes are shared and trimmed, which a pruned window cache cannot do */
    p.no_perf = true;
    if (o->kv_f32) {
        p.type_k = GGML_TYPE_F32;
        p.type_v = GGML_TYPE_F32;
    }
    return p;
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* A single row with a long past is the one case in which ggml's attention splits its sum among the
 * threads: there their number stays, since it would change the last bits. */
#define SPLIT_FROM 256

static void set_threads(compute_llama *c)
{
    const struct llama_batch *b = &c->batch;
    const bool split = b->n_tokens == 1 && b->pos[0] >= SPLIT_FROM - 1;
    const int n = split ? c->opts.n_threads : c->pace.threads;
    if (n != c->n_threads) {
        llama_set_n_threads(c->ctx, n, n);
        c->n_threads = n;
    }
}

static void fill_batch(compute_llama *c, const eval_state *x)
{
    struct llama_batch *b = &c->batch;
    b->n_tokens = (int32_t)x->n_rows;
    for (size_t i = 0; i < x->n_rows; i++) {
        const eval_row *row = &x->rows[i];
        b->token[i] = row->token;
        b->pos[i] = (llama_pos)row->pos;
        b->n_seq_id[i] = 1;
        b->seq_id[i][0] = row->seq;
        b->logits[i] = row->output;
    }
}

static persona_code llama_side_decode(compute *base, const compute_call *call, persona_err *e)
{
    compute_llama *c = (compute_llama *)base;
    c->x = call->x;
    fill_batch(c, call->x);
    eval_prepare(call->x, call->adapter);
    backend_log_reset();
    set_threads(c);
    const double wall = clock_now(), cpu = clock_cpu();
    const int32_t rc = llama_decode(c->ctx, c->batch);
    c->wall += clock_now() - wall;
    c->cpu += clock_cpu() - cpu;
    pace_update(&c->pace, c->wall, c->cpu, call->x->n_rows);
    if (!mapped_intact(c->model->files)) { /* whatever came of it */
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "%s: the model's file was written to while it was in use; it has to "
                               "be loaded anew",
                               c->model->path);
    }
    if (c->x->err.code != PERSONA_OK) {
        return persona_err_set(e, c->x->err.code, "%s", c->x->err.msg);
    }
    if (rc != 0) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "%s: llama_decode failed with %d (%s)",
                               c->model->path, rc, backend_log_last());
    }
    return PERSONA_OK;
}

static const float *llama_side_logits(compute *base, size_t row)
{
    return llama_get_logits_ith(((compute_llama *)base)->ctx, (int32_t)row);
}

static void llama_side_copy(compute *base, int from, int to)
{
    llama_memory_seq_cp(llama_get_memory(((compute_llama *)base)->ctx), from, to, -1, -1);
}

static void llama_side_trim(compute *base, int seq, size_t first)
{
    llama_memory_seq_rm(llama_get_memory(((compute_llama *)base)->ctx), seq, (llama_pos)first, -1);
}

static bool llama_side_load_plan(compute *base, const persona_plan *plan)
{
    compute_llama *c = (compute_llama *)base;
    const int n_embd = c->model->info.n_embd, n_layer = c->model->info.n_layer;
    const size_t d = (size_t)n_embd, len = d * (size_t)(n_layer - 1);
    if (plan == NULL) {
        return llama_set_adapter_cvec(c->ctx, NULL, 0, n_embd, 0, 0) == 0;
    }
    memset(c->cvec_data, 0, len * sizeof *c->cvec_data);
    for (size_t i = 0; i < plan->n; i++) {
        const plan_step *st = &plan->steps[i];
        memcpy(c->cvec_data + d * (size_t)(st->block - 1), st->data, d * sizeof *st->data);
    }
    return llama_set_adapter_cvec(c->ctx, c->cvec_data, len, n_embd, plan->steps[0].block,
                                  plan->steps[plan->n - 1].block) == 0;
}

/* ---- samplers -------------------------------------------------------------------------------- */

static persona_code llama_side_sampler_new(compute *base, const persona_sampling *s, void **out,
                                           persona_err *e)
{
    struct llama_sampler *chain = NULL;
    const persona_code rc = sampler_new(((compute_llama *)base)->model, s, &chain, e);
    *out = chain;
    return rc;
}

static persona_token llama_side_sample(compute *base, void *sampler, size_t row)
{
    return llama_sampler_sample(sampler, ((compute_llama *)base)->ctx, (int32_t)row);
}

static void llama_side_accept(compute *base, void *sampler, persona_token t)
{
    (void)base;
    llama_sampler_accept(sampler, t);
}

static void llama_side_sampler_free(compute *base, void *sampler)
{
    (void)base;
    llama_sampler_free(sampler);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void llama_side_free(compute *base)
{
    compute_llama *c = (compute_llama *)base;
    if (c->ctx != NULL) {
        llama_free(c->ctx);
    }
    if (c->batch.token != NULL) {
        llama_batch_free(c->batch);
    }
    mem_free(c->cvec_data);
    mem_free(c);
}

static const compute_ops LLAMA_SIDE = {
    .decode = llama_side_decode,
    .logits = llama_side_logits,
    .copy = llama_side_copy,
    .trim = llama_side_trim,
    .load_plan = llama_side_load_plan,
    .sampler_new = llama_side_sampler_new,
    .sample = llama_side_sample,
    .sampler_accept = llama_side_accept,
    .sampler_free = llama_side_sampler_free,
    .free = llama_side_free,
};

static persona_code alloc(compute_llama *c, persona_err *e)
{
    const persona_session_opts *o = &c->opts;
    const int n_batch = o->n_batch > o->n_slots ? o->n_batch : o->n_slots;
    const int n_layer = c->model->info.n_layer, n_embd = c->model->info.n_embd;
    c->cvec_data = mem_calloc((size_t)n_layer * (size_t)n_embd, sizeof *c->cvec_data);
    c->batch = llama_batch_init(n_batch, 0, 1);
    if (c->cvec_data == NULL || c->batch.token == NULL) {
        return mem_err(e, "a session");
    }
    return PERSONA_OK;
}

persona_code compute_llama_new(persona_model *m, const persona_session_opts *opts, compute **out,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    compute_llama *c = mem_calloc(1, sizeof *c);
    if (c == NULL) {
        return mem_err(e, "a session");
    }
    c->base.ops = &LLAMA_SIDE;
    c->model = m;
    c->opts = *opts;
    pace_init(&c->pace, opts->n_threads, 0, 0);
    TRY(alloc(c, e));
    backend_log_reset();
    c->ctx = llama_init_from_model(m->lm, context_params(c));
    if (c->ctx == NULL) {
        rc = persona_err_set(
            e, PERSONA_E_NOMEM,
            "%s: libllama cannot make a context of %d slots with %d tokens (%s); use "
            "fewer or shorter slots",
            m->path, opts->n_slots, opts->n_ctx, backend_log_last());
    }
out:
    if (rc == PERSONA_OK) {
        *out = &c->base;
    } else {
        llama_side_free(&c->base);
    }
    return rc;
}
