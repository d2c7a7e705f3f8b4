/* SPDX-License-Identifier: MIT
 *
 * session.c - one llama context with its streams and slots, and the two ways a plan can reach the
 * graph: through the control-vector adapter (free of callbacks, but one additive plan for every row
 * of both phases) or through eval.c (any plan per row and phase). Both give the same bits, so the
 * choice is only about speed.
 *
 * Every stream has its own KV buffer (kv_unified off): attention then costs what one sequence
 * costs, not the sum of all. The price is that libllama puts a batch into one micro-batch only
 * when its sequence numbers are consecutive, which the scheduler therefore guarantees.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"

#define MAX_SLOTS 256
#define MAX_CTX (1 << 20)

persona_session_opts persona_session_defaults(void)
{
    int cores = backend_physical_cores();
    return (persona_session_opts){
        .n_slots = 16, .n_ctx = 1024, .n_batch = 512, .n_threads = cores > 8 ? 8 : cores};
}

static persona_code check_opts(const persona_session_opts *o, persona_err *e)
{
    const struct {
        const char *name;
        int value, min, max;
    } limits[] = {
        {"slots", o->n_slots, 1, MAX_SLOTS},
        {"context per slot", o->n_ctx, 16, MAX_CTX},
        {"batch", o->n_batch, 16, 1 << 16},
        {"threads", o->n_threads, 1, 512},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max) {
            return persona_err_set(e, PERSONA_E_USAGE, "session: %s = %d is outside %d..%d",
                                   limits[i].name, limits[i].value, limits[i].min, limits[i].max);
        }
    }
    return PERSONA_OK;
}

static struct llama_context_params context_params(persona_session *s)
{
    const persona_session_opts *o = &s->opts;
    int n_batch = o->n_batch > o->n_slots ? o->n_batch : o->n_slots;
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)o->n_ctx * (uint32_t)o->n_slots;
    p.n_seq_max = (uint32_t)o->n_slots;
    p.n_batch = (uint32_t)n_batch;
    p.n_ubatch = (uint32_t)n_batch;
    p.n_outputs_max = (uint32_t)(o->n_slots > ENGINE_MIN_OUTPUTS ? o->n_slots : ENGINE_MIN_OUTPUTS);
    p.n_threads = o->n_threads;
    p.n_threads_batch = o->n_threads;
    p.cb_eval = eval_callback;
    p.cb_eval_user_data = &s->eval;
    p.kv_unified = false;
    p.swa_full = true; /* prefixes are shared and trimmed, which a pruned window cache cannot do */
    p.no_perf = true;
    if (o->kv_f32) {
        p.type_k = GGML_TYPE_F32;
        p.type_v = GGML_TYPE_F32;
    }
    return p;
}

static persona_code alloc_buffers(persona_session *s, persona_err *e)
{
    size_t n = (size_t)s->opts.n_slots;
    int n_layer = s->model->info.n_layer, n_embd = s->model->info.n_embd;
    int n_batch = s->opts.n_batch > s->opts.n_slots ? s->opts.n_batch : s->opts.n_slots;
    s->streams = mem_calloc(n, sizeof *s->streams);
    s->slots = mem_calloc(n, sizeof *s->slots);
    s->cvec_data = mem_calloc((size_t)n_layer * (size_t)n_embd, sizeof *s->cvec_data);
    s->batch = llama_batch_init(n_batch, 0, 1);
    if (s->streams == NULL || s->slots == NULL || s->cvec_data == NULL || s->batch.token == NULL) {
        return mem_err(e, "a session");
    }
    for (size_t i = 0; i < n; i++) {
        s->streams[i].tokens = mem_calloc((size_t)s->opts.n_ctx, sizeof(llama_token));
        if (s->streams[i].tokens == NULL) {
            return mem_err(e, "a session's slots");
        }
    }
    persona_code rc = eval_init(&s->eval, n_layer, n_embd, (size_t)n_batch, e);
    s->eval.no_host = s->opts.no_host;
    return rc;
}

persona_code persona_session_new(persona_model *m, const persona_session_opts *opts,
                                 persona_session **out, persona_err *e)
{
    *out = NULL;
    persona_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL) {
        return mem_err(e, "a session");
    }
    s->model = m;
    s->opts = opts != NULL ? *opts : persona_session_defaults();
    if (s->opts.n_ctx > m->info.n_ctx_train && m->info.n_ctx_train > 0) {
        s->opts.n_ctx = m->info.n_ctx_train;
    }
    s->n_rows = s->opts.n_slots;
    pace_init(&s->pace, s->opts.n_threads, 0, 0);
    persona_code rc = check_opts(&s->opts, e);
    if (rc == PERSONA_OK) {
        rc = alloc_buffers(s, e);
    }
    if (rc != PERSONA_OK) {
        goto out;
    }
    backend_log_reset();
    s->ctx = llama_init_from_model(m->lm, context_params(s));
    if (s->ctx == NULL) {
        rc = persona_err_set(
            e, PERSONA_E_NOMEM,
            "%s: libllama cannot make a context of %d slots with %d tokens (%s); use "
            "fewer or shorter slots",
            m->path, s->opts.n_slots, s->opts.n_ctx, backend_log_last());
    }
out:
    if (rc == PERSONA_OK) {
        *out = s;
    } else {
        persona_session_free(s);
    }
    return rc;
}

void persona_session_free(persona_session *s)
{
    if (s == NULL) {
        return;
    }
    if (s->ctx != NULL) {
        llama_free(s->ctx);
    }
    if (s->batch.token != NULL) {
        llama_batch_free(s->batch);
    }
    for (int i = 0; s->streams != NULL && i < s->opts.n_slots; i++) {
        mem_free(s->streams[i].tokens);
    }
    mem_free(s->streams);
    mem_free(s->slots);
    mem_free(s->cvec_data);
    eval_free(&s->eval);
    mem_free(s);
}

persona_model *persona_session_model(const persona_session *s)
{
    return s->model;
}

const persona_session_opts *persona_session_opts_get(const persona_session *s)
{
    return &s->opts;
}

persona_session_stats persona_session_stats_get(const persona_session *s)
{
    return s->stats;
}

void persona_session_shape(persona_session *s, int n_rows)
{
    int n = n_rows < 1 ? 1 : n_rows;
    if (s->opts.fixed_shape) {
        s->n_rows = n < s->opts.n_slots ? n : s->opts.n_slots;
    }
}

/* Loads plan (NULL: nothing) into the adapter. */
static bool load_cvec(persona_session *s, const persona_plan *plan)
{
    int n_embd = s->model->info.n_embd, n_layer = s->model->info.n_layer;
    size_t d = (size_t)n_embd, len = d * (size_t)(n_layer - 1);
    s->stats.n_cvec_switches++;
    s->cvec_id = 0;
    if (plan == NULL) {
        return llama_set_adapter_cvec(s->ctx, NULL, 0, n_embd, 0, 0) == 0;
    }
    memset(s->cvec_data, 0, len * sizeof *s->cvec_data);
    for (size_t i = 0; i < plan->n; i++) {
        const plan_step *st = &plan->steps[i];
        memcpy(s->cvec_data + d * (size_t)(st->block - 1), st->data, d * sizeof *st->data);
    }
    if (llama_set_adapter_cvec(s->ctx, s->cvec_data, len, n_embd, plan->steps[0].block,
                               plan->steps[plan->n - 1].block) != 0) {
        return false;
    }
    s->cvec_id = plan_id(plan, PHASE_RESPONSE);
    return true;
}

bool session_use_cvec(persona_session *s, const persona_plan *plan)
{
    if (s->opts.no_cvec || plan == NULL || !plan->cvec) {
        if (s->cvec_id != 0) {
            load_cvec(s, NULL);
        }
        return false;
    }
    return s->cvec_id == plan_id(plan, PHASE_RESPONSE) || load_cvec(s, plan);
}

void session_batch_add(persona_session *s, llama_token t, llama_pos pos, llama_seq_id seq,
                       bool logits)
{
    struct llama_batch *b = &s->batch;
    int32_t i = b->n_tokens++;
    b->token[i] = t;
    b->pos[i] = pos;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = seq;
    b->logits[i] = logits;
}

/* A single row with a long past is the one case in which ggml's attention splits its sum among the
 * threads: there their number stays, since it would change the last bits. */
#define SPLIT_FROM 256

static int thread_count(const persona_session *s)
{
    const struct llama_batch *b = &s->batch;
    const bool split = b->n_tokens == 1 && b->pos[0] >= SPLIT_FROM - 1;
    return split ? s->opts.n_threads : s->pace.threads;
}

static void set_threads(persona_session *s, int n)
{
    if (n != s->n_threads) {
        llama_set_n_threads(s->ctx, n, n);
        s->n_threads = n;
    }
}

/* What was half computed is forgotten: later requests must not build on it. */
static void forget_batch(persona_session *s)
{
    for (int32_t i = 0; i < s->batch.n_tokens; i++) {
        const llama_seq_id seq = s->batch.seq_id[i][0];
        llama_memory_seq_rm(llama_get_memory(s->ctx), seq, -1, -1);
        s->streams[seq].n = 0;
    }
}

persona_code session_decode(persona_session *s, bool cvec, persona_err *e)
{
    eval_prepare(&s->eval, cvec);
    backend_log_reset();
    set_threads(s, thread_count(s));
    const double wall = clock_now(), cpu = clock_cpu();
    int32_t rc = llama_decode(s->ctx, s->batch);
    s->wall += clock_now() - wall;
    s->cpu += clock_cpu() - cpu;
    pace_update(&s->pace, s->wall, s->cpu);
    if (s->eval.err.code != PERSONA_OK || rc != 0) {
        forget_batch(s);
    }
    if (s->eval.err.code != PERSONA_OK) {
        return persona_err_set(e, s->eval.err.code, "%s", s->eval.err.msg);
    }
    if (rc != 0) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "%s: llama_decode failed with %d (%s)",
                               s->model->path, rc, backend_log_last());
    }
    return PERSONA_OK;
}
