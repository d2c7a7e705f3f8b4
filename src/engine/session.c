/* SPDX-License-Identifier: MIT
 *
 * session.c - what a session is made of: options, streams, slots, and what computes for it. Which
 * of the two ways a plan takes is decided here: the adapter, if every active slot has the same
 * additive plan, else the edits inside the graph.
 */
#include <string.h>

#include "base/cond.h"
#include "base/mem.h"
#include "base/try.h"
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

static persona_code alloc_buffers(persona_session *s, persona_err *e)
{
    const size_t n = (size_t)s->opts.n_slots, n_batch = (size_t)s->opts.n_batch;
    s->streams = mem_calloc(n, sizeof *s->streams);
    s->slots = mem_calloc(n, sizeof *s->slots);
    s->row_slots = mem_calloc(n, sizeof(slot *));
    if (s->streams == NULL || s->slots == NULL || s->row_slots == NULL) {
        return mem_err(e, "a session");
    }
    for (size_t i = 0; i < n; i++) {
        s->streams[i].tokens = mem_calloc((size_t)s->opts.n_ctx, sizeof(persona_token));
        if (s->streams[i].tokens == NULL) {
            return mem_err(e, "a session's slots");
        }
    }
    const persona_model_info *info = &s->model->info;
    const persona_code rc =
        eval_init(&s->eval, info->n_layer, info->n_embd, n_batch > n ? n_batch : n, e);
    s->eval.no_host = s->opts.no_host;
    return rc;
}

persona_code session_new_over(persona_model *m, const persona_session_opts *opts, compute *c,
                              persona_session **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    persona_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL) {
        c->ops->free(c);
        return mem_err(e, "a session");
    }
    s->model = m;
    s->compute = c;
    s->opts = *opts;
    s->n_rows = s->opts.n_slots;
    pthread_mutex_init(&s->lock, NULL);
    cond_init(&s->work);
    TRY(alloc_buffers(s, e));
out:
    if (rc == PERSONA_OK) {
        *out = s;
    } else {
        persona_session_free(s);
    }
    return rc;
}

persona_code persona_session_new(persona_model *m, const persona_session_opts *opts,
                                 persona_session **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_session_opts o = opts != NULL ? *opts : persona_session_defaults();
    compute *c = NULL;
    *out = NULL;
    if (o.n_ctx > m->info.n_ctx_train && m->info.n_ctx_train > 0) {
        o.n_ctx = m->info.n_ctx_train;
    }
    TRY(check_opts(&o, e));
    TRY(compute_llama_new(m, &o, &c, e));
    TRY(session_new_over(m, &o, c, out, e));
out:
    return rc;
}

void persona_session_free(persona_session *s)
{
    if (s == NULL) {
        return;
    }
    persona_session_stop(s);
    s->compute->ops->free(s->compute);
    for (int i = 0; s->streams != NULL && i < s->opts.n_slots; i++) {
        mem_free(s->streams[i].tokens);
    }
    mem_free(s->streams);
    mem_free(s->slots);
    eval_free(&s->eval);
    mem_free(s->row_slots);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
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

persona_session_stats persona_session_stats_get(persona_session *s)
{
    pthread_mutex_lock(&s->lock);
    const persona_session_stats seen = s->stats_seen;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

void persona_session_shape(persona_session *s, int n_rows)
{
    int n = n_rows < 1 ? 1 : n_rows;
    if (s->opts.fixed_shape && !runner_is_on(s)) {
        s->n_rows = n < s->opts.n_slots ? n : s->opts.n_slots;
    }
}

static bool load_plan(persona_session *s, const persona_plan *plan)
{
    s->stats.n_cvec_switches++;
    const bool loaded = s->compute->ops->load_plan(s->compute, plan);
    s->cvec_id = loaded && plan != NULL ? plan_id(plan, PHASE_RESPONSE) : 0;
    return loaded;
}

bool session_use_cvec(persona_session *s, const persona_plan *plan)
{
    if (s->opts.no_cvec || plan == NULL || !plan->cvec) {
        if (s->cvec_id != 0) {
            load_plan(s, NULL);
        }
        return false;
    }
    return s->cvec_id == plan_id(plan, PHASE_RESPONSE) || load_plan(s, plan);
}
