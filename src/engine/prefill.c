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
#include "base/try.h"
#include "engine/engine.h"

/* The last block that a text is read up to: a gate there steers the tokens behind. -1: all. */
static int last_wanted(const slot *sl)
{
    const int tapped = slot_last_tapped(sl), gate = plan_last_gate(sl->req.plan);
    return tapped >= 0 && gate > tapped ? gate : tapped;
}

prefill_need prefill_need_of(const persona_session *s, const slot *sl)
{
    const persona_request *r = &sl->req;
    bool generate = r->forced == NULL;
    prefill_need n = {.n_prompt = r->n_prompt,
                      .n_total = generate ? r->n_prompt - 1 : r->n_prompt + r->n_forced};
    n.logits = !generate && r->want_logits;
    n.depth = s->model->info.n_layer;
    n.stop_block = -1;
    n.first_read = n.n_prompt - 1;
    if (!generate && !n.logits) {
        n.first_read = n.n_prompt;
        n.stop_block = last_wanted(sl);
        n.depth = n.stop_block < 0 ? n.depth : n.stop_block + 1;
    }
    for (size_t i = 0; i < sl->n_taps; i++) {
        const size_t first = tap_first_read(&sl->taps[i], n.n_prompt);
        n.first_read = first < n.first_read ? first : n.first_read;
    }
    if (plan_last_gate(r->plan) >= 0 && n.first_read >= n.n_prompt) {
        n.first_read = n.n_prompt - 1; /* conditions read from the last prompt token on */
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

size_t prefill_reusable(const persona_session *s, const stream *st, const persona_request *r,
                        const prefill_need *need)
{
    if (st->depth < need->depth) {
        return 0;
    }
    const size_t k = stream_shared(st, r, need->first_read);
    return s->opts.fixed_shape ? same_calls(st, r, need, k) : k;
}

/* Puts the longest shared prefix into the slot's stream; returns its length. */
static size_t take_prefix(persona_session *s, slot *sl, const prefill_need *need)
{
    const compute_ops *ops = s->compute->ops;
    stream *dst = &s->streams[sl->stream];
    size_t best = s->opts.no_reuse ? 0 : prefill_reusable(s, dst, &sl->req, need);
    int src = sl->stream;
    for (int i = 0; !s->opts.no_reuse && i < s->opts.n_slots; i++) {
        size_t k = prefill_reusable(s, &s->streams[i], &sl->req, need);
        if (k > best && k >= PREFILL_MIN_SHARED) {
            best = k;
            src = i;
        }
    }
    if (src != sl->stream) {
        ops->copy(s->compute, src, sl->stream);
        stream_take(dst, &s->streams[src], best);
    }
    stream_cut(dst, best);
    ops->trim(s->compute, sl->stream, best);
    return best;
}

void prefill_begin(persona_session *s, slot *sl)
{
    stream *st = &s->streams[sl->stream];
    sl->need = prefill_need_of(s, sl);
    sl->pos = take_prefix(s, sl, &sl->need);
    sl->begun = true;
    sl->n_reused = sl->pos;
    s->stats.n_tokens_reused += sl->pos;
    st->n_prompt = sl->pos;
    st->n_prefix = s->opts.fixed_shape ? sl->req.n_prefix : 0;
    st->forced = sl->req.forced != NULL;
    st->depth = sl->need.depth;
}

/* Adds position pos to the call and describes its row. */
static persona_code add_row(persona_session *s, slot *sl, size_t pos, persona_err *e)
{
    const prefill_need *need = &sl->need;
    const persona_request *r = &sl->req;
    bool forced = pos >= need->n_prompt;
    persona_token t = forced ? r->forced[pos - need->n_prompt] : r->prompt[pos];
    token_class c = TOKEN_TEMPLATE;
    if (forced) {
        slot_token(sl, t);
        c = sl->pending_class;
    }
    const token_at at = {.pos = pos, .n_prompt = need->n_prompt, .class = c};
    const bool output = need->logits && pos + 1 >= need->n_prompt && pos + 1 < need->n_total;
    return slot_add_row(s, sl, at, t, output, e);
}

/* Hands out the distributions of a decoded call. */
static persona_code give_logits(persona_session *s, slot *sl, size_t n, persona_err *e)
{
    const size_t n_vocab = (size_t)s->model->info.n_vocab;
    for (size_t i = 0; i < n; i++) {
        if (!s->eval.rows[i].output) {
            continue;
        }
        const size_t token = s->eval.rows[i].pos + 1 - sl->need.n_prompt;
        const float *logits = s->compute->ops->logits(s->compute, i);
        if (logits_broken(logits, n_vocab)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "reading: the distribution of response token %zu is not finite "
                                   "(a coefficient too large, or a damaged weight)",
                                   token);
        }
        if (sl->req.on_logits != NULL) {
            sl->req.on_logits(sl->req.ud, token, logits, n_vocab);
        }
    }
    return PERSONA_OK;
}

/* Where the call that begins at `from` ends at the latest. */
static size_t call_end(const persona_session *s, const slot *sl, size_t from)
{
    size_t end = from + (size_t)s->opts.n_batch;
    const size_t steered = sl->need.n_prompt - 1; /* a gate's verdict needs the token before */
    if (sl->req.forced != NULL && plan_last_gate(sl->req.plan) >= 0 && end > steered) {
        end = from < steered ? steered : from + 1;
    }
    size_t limit =
        s->opts.fixed_shape && from < sl->req.n_prefix ? sl->req.n_prefix : sl->need.n_total;
    return end < limit ? end : limit;
}

size_t prefill_size(const persona_session *s, const slot *sl)
{
    return sl->pos < sl->need.n_total ? call_end(s, sl, sl->pos) - sl->pos : 0;
}

persona_code prefill_chunk(persona_session *s, slot *sl, bool cvec, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    stream *st = &s->streams[sl->stream];
    const size_t from = sl->pos, end = call_end(s, sl, from);
    size_t n = 0, n_out = 0;
    eval_clear(&s->eval);
    s->eval.stop_block = sl->need.stop_block;
    for (; from + n < end && n_out < ENGINE_MIN_OUTPUTS; n++) {
        TRY(add_row(s, sl, from + n, e));
        n_out += s->eval.rows[n].output;
    }
    const compute_call call = {.x = &s->eval, .adapter = cvec};
    rc = s->compute->ops->decode(s->compute, &call, e);
    if (rc != PERSONA_OK) {
        s->compute->ops->trim(s->compute, sl->stream, from);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const eval_row *row = &s->eval.rows[i];
        stream_add(st, row->token, plan_id(sl->req.plan, row->at.phase));
        sl->tally.n_tokens += row->edited;
    }
    sl->pos += n;
    st->n_prompt = sl->pos < sl->need.n_prompt - 1 ? sl->pos : sl->need.n_prompt - 1;
    s->stats.n_prefill++;
    s->stats.n_tokens_prefilled += n;
    slot_give_reads(sl);
    TRY(slot_check_guard(sl, e));
    TRY(give_logits(s, sl, n, e));
out:
    s->eval.stop_block = -1;
    return rc;
}
