/* SPDX-License-Identifier: MIT
 *
 * prefill.c - loading a prompt (and a forced response) into a stream: one sequence per call, so
 * that row j of the graph is token j of the chunk.
 *
 * A prefix that some stream already holds is copied instead of computed, if it was computed under
 * the same steering and deep enough (a capture that stopped the graph early leaves the later blocks
 * without keys and values). Never reused: the last prompt token (its logits are needed) and any
 * position that a tap wants to read.
 *
 * The last prompt token of a generated reply is not decoded here but with the batch of all slots:
 * the calls here are the prompt phase, those of the scheduler the response phase.
 *
 * With fixed_shape the calls that compute a token depend on its own request alone: [0, n_prefix),
 * then the rest; and a prefix is taken over only where it was computed by the same calls.
 */
#include <string.h>

#include "engine/engine.h"

#define MIN_SHARED 8 /* copying a stream costs about as much as a few tokens */

/* What a request needs from its prefill. */
typedef struct prefill_need {
    size_t n_prompt, n_total;
    size_t first_read; /* nothing from here on may be reused */
    uint64_t prompt_id, reply_id;
    int depth;      /* blocks that must be computed */
    int stop_block; /* -1: whole graph */
    bool logits;    /* some logits are wanted */
} prefill_need;

static prefill_need need_of(const persona_session *s, const slot *sl)
{
    const persona_request *r = &sl->req;
    bool generate = r->forced == NULL;
    prefill_need n = {.n_prompt = r->n_prompt,
                      .n_total = generate ? r->n_prompt - 1 : r->n_prompt + r->n_forced};
    n.prompt_id = plan_id(r->plan, PHASE_PROMPT);
    n.reply_id = plan_reply_id(r->plan);
    n.logits = !generate && r->want_logits;
    n.depth = s->model->info.n_layer;
    n.stop_block = -1;
    n.first_read = n.n_prompt - 1;
    if (!generate && !n.logits) {
        /* the last prompt token has the phase of a response */
        if (n.prompt_id == plan_id(r->plan, PHASE_RESPONSE)) {
            n.first_read = n.n_prompt;
        }
        n.stop_block = slot_last_tapped(sl);
        n.depth = n.stop_block < 0 ? n.depth : n.stop_block + 1;
    }
    for (size_t i = 0; i < sl->n_taps; i++) {
        const size_t first = tap_first_read(&sl->taps[i], n.n_prompt);
        n.first_read = first < n.first_read ? first : n.first_read;
    }
    return n;
}

/* fixed_shape: of k shared tokens, those that the same calls have computed. */
static size_t same_calls(const stream *st, const persona_request *r, const prefill_need *need,
                         size_t k)
{
    if (st->n_prefix != r->n_prefix) {
        return 0;
    }
    bool whole = r->forced == NULL && !st->forced && st->n_prompt == need->n_total;
    if (whole && k >= need->n_total) {
        return need->n_total;
    }
    return k >= r->n_prefix ? r->n_prefix : 0;
}

/* Leading tokens of st that a request may take over. */
static size_t reusable(const persona_session *s, const stream *st, const persona_request *r,
                       const prefill_need *need)
{
    if (st->depth < need->depth || st->prompt_id != need->prompt_id) {
        return 0;
    }
    /* past its prompt region the stream was computed as a response */
    size_t valid = st->reply_id == need->prompt_id ? st->n : st->n_prompt;
    size_t limit = valid < st->n ? valid : st->n;
    if (limit > need->first_read) {
        limit = need->first_read;
    }
    size_t k = 0;
    while (k < limit && st->tokens[k] == r->prompt[k]) {
        k++;
    }
    return s->opts.fixed_shape ? same_calls(st, r, need, k) : k;
}

/* Puts the longest shared prefix into the slot's stream; returns its length. */
static size_t take_prefix(persona_session *s, slot *sl, const prefill_need *need)
{
    llama_memory_t mem = llama_get_memory(s->ctx);
    stream *dst = &s->streams[sl->stream];
    size_t best = s->opts.no_reuse ? 0 : reusable(s, dst, &sl->req, need);
    int src = sl->stream;
    for (int i = 0; !s->opts.no_reuse && i < s->opts.n_slots; i++) {
        size_t k = reusable(s, &s->streams[i], &sl->req, need);
        if (k > best && k >= MIN_SHARED) {
            best = k;
            src = i;
        }
    }
    if (src != sl->stream) {
        llama_memory_seq_cp(mem, src, sl->stream, -1, -1);
        memcpy(dst->tokens, s->streams[src].tokens, best * sizeof *dst->tokens);
    }
    llama_memory_seq_rm(mem, sl->stream, (llama_pos)best, -1);
    return best;
}

/* Adds position pos to the batch and describes its row. */
static persona_code add_row(persona_session *s, slot *sl, const prefill_need *need, size_t pos,
                            persona_err *e)
{
    persona_request *r = &sl->req;
    bool forced = pos >= need->n_prompt;
    llama_token t = forced ? r->forced[pos - need->n_prompt] : r->prompt[pos];
    token_class c = TOKEN_TEMPLATE;
    if (forced) {
        slot_token(sl, t);
        c = sl->pending_class;
    }
    bool logits = need->logits && pos + 1 >= need->n_prompt && pos + 1 < need->n_total;
    const token_at at = {.pos = pos, .n_prompt = need->n_prompt, .class = c};
    persona_code rc = slot_add_row(s, sl, at, logits, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    s->streams[sl->stream].tokens[pos] = t;
    session_batch_add(s, t, (llama_pos)pos, sl->stream, logits);
    return PERSONA_OK;
}

/* Hands out the distributions of a decoded chunk that started at position `from`. */
static void give_logits(persona_session *s, slot *sl, const prefill_need *need, size_t from)
{
    if (sl->req.forced == NULL || !sl->req.want_logits || sl->req.on_logits == NULL) {
        return;
    }
    for (int32_t i = 0; i < s->batch.n_tokens; i++) {
        size_t pos = from + (size_t)i;
        if (s->batch.logits[i]) {
            sl->req.on_logits(sl->req.ud, pos + 1 - need->n_prompt, llama_get_logits_ith(s->ctx, i),
                              (size_t)s->model->info.n_vocab);
        }
    }
}

/* Where the call that begins at `from` ends at the latest. */
static size_t call_end(const persona_session *s, const slot *sl, const prefill_need *need,
                       size_t from)
{
    size_t end = from + (size_t)s->opts.n_batch;
    size_t limit =
        s->opts.fixed_shape && from < sl->req.n_prefix ? sl->req.n_prefix : need->n_total;
    return end < limit ? end : limit;
}

persona_code prefill_run(persona_session *s, slot *sl, bool cvec, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    prefill_need need = need_of(s, sl);
    stream *st = &s->streams[sl->stream];
    size_t pos = take_prefix(s, sl, &need);
    sl->n_reused = pos;
    s->stats.n_tokens_reused += pos;
    st->n = 0; /* nothing is valid if a decode fails half-way */
    s->eval.stop_block = need.stop_block;
    while (rc == PERSONA_OK && pos < need.n_total) {
        size_t from = pos;
        s->batch.n_tokens = 0;
        eval_clear(&s->eval);
        size_t n_out = 0, end = call_end(s, sl, &need, from);
        while (rc == PERSONA_OK && pos < end && n_out < ENGINE_MIN_OUTPUTS) {
            rc = add_row(s, sl, &need, pos, e);
            if (rc == PERSONA_OK) {
                n_out += s->batch.logits[s->batch.n_tokens - 1] != 0;
                pos++;
            }
        }
        if (rc == PERSONA_OK) {
            rc = session_decode(s, cvec, e);
        }
        if (rc == PERSONA_OK) {
            s->stats.n_prefill++;
            s->stats.n_tokens_prefilled += pos - from;
            slot_give_reads(sl);
            give_logits(s, sl, &need, from);
        }
    }
    s->eval.stop_block = -1;
    if (rc == PERSONA_OK) {
        st->n = need.n_total;
        st->n_prompt = need.n_prompt - 1;
        st->n_prefix = s->opts.fixed_shape ? sl->req.n_prefix : 0;
        st->forced = sl->req.forced != NULL;
        st->prompt_id = need.prompt_id;
        st->reply_id = need.reply_id;
        st->depth = need.depth;
    }
    return rc;
}
