/* SPDX-License-Identifier: MIT
 *
 * scheduler.c - the continuous batch: pull requests into free slots, prefill them, decode all
 * active slots together one token each, until the source has no more.
 *
 * Order decides bytes, so everything here is deterministic: the lowest free stream is taken, rows
 * are in stream order, and active streams are kept consecutive from 0 (a finished one in the
 * middle is refilled, or else the highest moves down), because libllama splits a batch at gaps.
 */
#include <string.h>

#include "engine/engine.h"

static bool canceled(const persona_hooks *h)
{
    return h != NULL && persona_canceled(h->cancel);
}

static void report(const persona_session *s, const persona_hooks *h, size_t done)
{
    if (h != NULL && h->progress != NULL) {
        persona_progress p = {.done = done,
                              .n_tokens = s->stats.n_tokens_decoded + s->stats.n_tokens_prefilled};
        h->progress(h->ud, &p);
    }
}

static slot *slot_of_stream(persona_session *s, int seq)
{
    for (int i = 0; i < s->opts.n_slots; i++) {
        if (s->slots[i].active && s->slots[i].stream == seq) {
            return &s->slots[i];
        }
    }
    return NULL;
}

static int n_active(const persona_session *s)
{
    int n = 0;
    for (int i = 0; i < s->opts.n_slots; i++) {
        n += s->slots[i].active;
    }
    return n;
}

/* The plan that every active slot shares (NULL included), if they do and none of them has to see
 * its rows before the edits, which the adapter does not show. */
static bool shared_plan(const persona_session *s, const persona_plan **plan)
{
    bool first = true;
    for (int i = 0; i < s->opts.n_slots; i++) {
        const slot *sl = &s->slots[i];
        if (!sl->active) {
            continue;
        }
        if (slot_reads_before(sl)) {
            return false;
        }
        if (first) {
            *plan = sl->req.plan;
            first = false;
            continue;
        }
        if (!plan_same(*plan, sl->req.plan)) {
            return false;
        }
    }
    return !first;
}

static bool choose_path(persona_session *s)
{
    const persona_plan *plan = NULL;
    return session_use_cvec(s, shared_plan(s, &plan) ? plan : NULL);
}

/* Opens one request in a free slot on the lowest free stream. */
static persona_code admit(persona_session *s, const persona_request *r, persona_err *e)
{
    int seq = 0, i = 0;
    while (slot_of_stream(s, seq) != NULL) {
        seq++;
    }
    while (s->slots[i].active) {
        i++;
    }
    slot *sl = &s->slots[i];
    sl->stream = seq;
    persona_code rc = slot_open(s, sl, r, e);
    if (rc == PERSONA_OK) {
        rc = prefill_run(s, sl, choose_path(s), e);
    }
    if (rc != PERSONA_OK) {
        sl->finish = PERSONA_FINISH_CANCELED;
        if (sl->active) {
            slot_close(s, sl);
        }
        return rc;
    }
    if (r->forced != NULL) {
        sl->finish = PERSONA_FINISH_FORCED;
        slot_close(s, sl);
    }
    return PERSONA_OK;
}

/* Keeps active streams consecutive from 0. The vacated stream keeps its (still valid) content. */
static void compact(persona_session *s)
{
    int n = n_active(s);
    for (int hole = 0; hole < n; hole++) {
        if (slot_of_stream(s, hole) != NULL) {
            continue;
        }
        int from = s->opts.n_slots - 1;
        slot *sl;
        while ((sl = slot_of_stream(s, from)) == NULL) {
            from--;
        }
        llama_memory_seq_cp(llama_get_memory(s->ctx), from, hole, -1, -1);
        stream *a = &s->streams[from], *b = &s->streams[hole];
        llama_token *tokens = b->tokens;
        memcpy(tokens, a->tokens, a->n * sizeof *tokens);
        *b = *a;
        b->tokens = tokens;
        sl->stream = hole;
    }
}

static persona_code add_slot_row(persona_session *s, slot *sl, persona_err *e)
{
    stream *st = &s->streams[sl->stream];
    const token_at at = {.pos = st->n, .n_prompt = sl->req.n_prompt, .class = sl->pending_class};
    const bool output = !sl->draining || s->opts.fixed_shape;
    persona_code rc = slot_add_row(s, sl, at, output, e);
    if (rc == PERSONA_OK) {
        session_batch_add(s, sl->pending, (llama_pos)st->n, sl->stream, output);
        st->tokens[st->n++] = sl->pending;
    }
    return rc;
}

/* A row on an idle stream, which forgets it afterwards (drop_padding). */
static void add_padding(persona_session *s, int seq)
{
    stream *st = &s->streams[seq];
    if (st->n == (size_t)s->opts.n_ctx) {
        llama_memory_seq_rm(llama_get_memory(s->ctx), seq, (llama_pos)--st->n, -1);
    }
    s->eval.rows[s->eval.n_rows++] = (eval_row){.output = true}; /* wants nothing */
    session_batch_add(s, 0, (llama_pos)st->n, seq, true);
}

static void drop_padding(persona_session *s)
{
    for (int i = 0; i < s->batch.n_tokens; i++) {
        int seq = s->batch.seq_id[i][0];
        if (slot_of_stream(s, seq) == NULL) {
            llama_memory_seq_rm(llama_get_memory(s->ctx), seq, (llama_pos)s->streams[seq].n, -1);
        }
    }
}

/* One row per slot: the active ones, or, with fixed_shape, all. */
static persona_code make_batch(persona_session *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int n = s->opts.fixed_shape ? s->n_rows : n_active(s);
    s->batch.n_tokens = 0;
    eval_clear(&s->eval);
    for (int i = 0; rc == PERSONA_OK && i < n; i++) {
        slot *sl = slot_of_stream(s, i);
        if (sl != NULL) {
            rc = add_slot_row(s, sl, e);
        } else {
            add_padding(s, i);
        }
    }
    return rc;
}

/* One token for every active slot. */
static persona_code step(persona_session *s, persona_err *e)
{
    if (!s->opts.fixed_shape) {
        compact(s);
    }
    bool cvec = choose_path(s);
    persona_code rc = make_batch(s, e);
    if (rc == PERSONA_OK) {
        rc = session_decode(s, cvec, e);
    }
    if (rc != PERSONA_OK) {
        return rc;
    }
    drop_padding(s);
    s->stats.n_decode++;
    s->stats.n_tokens_decoded += (size_t)n_active(s);
    for (int i = 0; i < s->batch.n_tokens; i++) {
        slot *sl = slot_of_stream(s, i);
        if (sl != NULL) {
            slot_give_reads(sl);
        }
        if (sl != NULL && (sl->draining || !slot_sample(s, sl, i))) {
            slot_close(s, sl);
        }
    }
    return PERSONA_OK;
}

static void close_all(persona_session *s)
{
    for (int i = 0; i < s->opts.n_slots; i++) {
        if (s->slots[i].active) {
            s->slots[i].finish = PERSONA_FINISH_CANCELED;
            slot_close(s, &s->slots[i]);
        }
    }
}

/* Fills free slots. *more: the source may have further requests. */
static persona_code fill(persona_session *s, persona_source next, void *ud, bool *more, size_t base,
                         const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    while (rc == PERSONA_OK && *more && n_active(s) < s->n_rows && !canceled(hooks)) {
        persona_request r = {.sampling = persona_sampling_defaults()};
        persona_next got = next(ud, &r);
        *more = got != PERSONA_NEXT_END;
        if (got != PERSONA_NEXT_REQUEST) {
            break;
        }
        rc = admit(s, &r, e);
        report(s, hooks, s->stats.n_requests - base);
    }
    return rc;
}

persona_code persona_session_run(persona_session *s, persona_source next, void *ud,
                                 const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool more = true;
    size_t base = s->stats.n_requests;
    int64_t t0 = llama_time_us();
    while (rc == PERSONA_OK) {
        if (canceled(hooks)) {
            rc = persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
            break;
        }
        rc = fill(s, next, ud, &more, base, hooks, e);
        if (rc == PERSONA_OK && n_active(s) == 0 && !canceled(hooks)) {
            break; /* finished, or nothing to do for now */
        }
        if (rc == PERSONA_OK && n_active(s) > 0) {
            rc = step(s, e);
        }
        report(s, hooks, s->stats.n_requests - base);
    }
    close_all(s);
    s->stats.seconds += (double)(llama_time_us() - t0) * 1e-6;
    return rc;
}

typedef struct array_source {
    const persona_request *r;
    size_t n, at;
} array_source;

static persona_next next_of_array(void *ud, persona_request *r)
{
    array_source *a = ud;
    if (a->at == a->n) {
        return PERSONA_NEXT_END;
    }
    *r = a->r[a->at++];
    return PERSONA_NEXT_REQUEST;
}

persona_code persona_session_run_all(persona_session *s, const persona_request *r, size_t n,
                                     const persona_hooks *hooks, persona_err *e)
{
    array_source a = {.r = r, .n = n};
    return persona_session_run(s, next_of_array, &a, hooks, e);
}
