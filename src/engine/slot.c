/* SPDX-License-Identifier: MIT
 *
 * slot.c - the life of one request: opened, fed token by token, closed with a result.
 *
 * A slot that generates begins with the last prompt token as the next one to feed. Reply tokens
 * are booked when they are known (sampled or forced), but their activations exist only once they
 * have been fed. So a reply cut by length feeds its last token once more for the tap
 * (draining): a mean then covers exactly the tokens of the text, as a second pass over it would.
 */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"

#define MAX_REPLY ((size_t)16 << 20)

static persona_code check_tokens(const persona_session *s, const persona_token *t, size_t n,
                                 persona_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (t[i] < 0 || t[i] >= s->model->info.n_vocab) {
            return persona_err_set(e, PERSONA_E_USAGE, "request: token %d is outside 0..%d", t[i],
                                   s->model->info.n_vocab - 1);
        }
    }
    return PERSONA_OK;
}

static persona_code check_request(const persona_session *s, const persona_request *r,
                                  persona_err *e)
{
    size_t n_ctx = (size_t)s->opts.n_ctx;
    const persona_plan *p = r->plan;
    if (r->prompt == NULL || r->n_prompt == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "request: the prompt is empty");
    }
    if (r->n_prefix >= r->n_prompt) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "request: a prefix of %zu tokens is not shorter than the prompt's %zu", r->n_prefix,
            r->n_prompt);
    }
    if (r->n_prompt + r->n_forced + (r->forced == NULL) > n_ctx) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "request: %zu prompt and %zu response tokens do not fit the %zu tokens "
            "of a slot (raise the context or shorten the text)",
            r->n_prompt, r->n_forced, n_ctx);
    }
    persona_code rc = check_tokens(s, r->prompt, r->n_prompt, e);
    if (rc == PERSONA_OK && r->forced != NULL) {
        rc = check_tokens(s, r->forced, r->n_forced, e);
    }
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (p != NULL && (p->n_layer != s->model->info.n_layer || p->n_embd != s->model->info.n_embd)) {
        return persona_err_set(
            e, PERSONA_E_SHAPE, "plan is for %d blocks of width %d, the model has %d of width %d",
            p->n_layer, p->n_embd, s->model->info.n_layer, s->model->info.n_embd);
    }
    return PERSONA_OK;
}

static persona_code open_taps(const persona_session *s, slot *sl, persona_err *e)
{
    const persona_request *r = &sl->req;
    const persona_model_info *info = &s->model->info;
    persona_code rc = PERSONA_OK;
    if (r->n_taps == 0) {
        return PERSONA_OK;
    }
    sl->taps = mem_calloc(r->n_taps, sizeof *sl->taps);
    sl->acts = mem_calloc(r->n_taps, sizeof *sl->acts);
    if (sl->taps == NULL || sl->acts == NULL) {
        return mem_err(e, "a request's taps");
    }
    for (size_t i = 0; rc == PERSONA_OK && i < r->n_taps; i++) {
        sl->n_taps = i + 1;
        rc = tap_begin(&sl->taps[i], &r->taps[i], info->n_layer, info->n_embd, e);
    }
    return rc;
}

int slot_last_tapped(const slot *sl)
{
    int last = -1;
    for (size_t i = 0; i < sl->n_taps; i++) {
        last = sl->taps[i].last_block > last ? sl->taps[i].last_block : last;
    }
    return last;
}

bool slot_reads_before(const slot *sl)
{
    bool before = false;
    for (size_t i = 0; i < sl->n_taps; i++) {
        before = before || sl->taps[i].tap.before_edits;
    }
    return before;
}

static bool reads_response(const slot *sl)
{
    bool reads = false;
    for (size_t i = 0; i < sl->n_taps; i++) {
        reads = reads || sl->taps[i].tap.span == PERSONA_SPAN_RESPONSE;
    }
    return reads;
}

persona_code slot_add_row(persona_session *s, slot *sl, token_at at, bool output, persona_err *e)
{
    const eval_row row = {
        .plan = sl->req.plan, .phase = phase_of(at), .tally = &sl->tally, .output = output};
    return eval_add(&s->eval, &row, at, sl->taps, sl->n_taps, e);
}

void slot_give_reads(slot *sl)
{
    for (size_t i = 0; sl->req.on_read != NULL && i < sl->n_taps; i++) {
        tap_state *t = &sl->taps[i];
        const size_t n = t->at != NULL ? t->n_positions : 0;
        for (; t->n_given < n; t->n_given++) {
            const persona_read x = {.tap = i,
                                    .position = t->at[t->n_given],
                                    .data = t->rows + t->n_given * t->tap.n_blocks * t->width,
                                    .n_blocks = t->tap.n_blocks,
                                    .width = t->width};
            sl->req.on_read(sl->req.ud, &x);
        }
    }
}

persona_code slot_open(persona_session *s, slot *sl, const persona_request *r, persona_err *e)
{
    int seq = sl->stream;
    persona_code rc = check_request(s, r, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    memset(sl, 0, sizeof *sl);
    sl->stream = seq;
    sl->active = true;
    sl->req = *r;
    sl->t_start = llama_time_us();
    sl->req.plan = r->plan != NULL && r->plan->n > 0 ? persona_plan_ref(r->plan) : NULL;
    buf_init(&sl->text, MAX_REPLY);
    buf_init(&sl->analysis, MAX_REPLY);
    channel_init(&sl->channel, s->model, r->raw);
    for (size_t i = 0; i < r->n_prompt; i++) {
        channel_feed(&sl->channel, r->prompt[i]);
    }
    if (sl->channel.plain && plan_needs_channels(sl->req.plan)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "request: the plan steers the phase analysis, and this reply has no "
                               "channels (%s)",
                               r->raw ? "it is raw" : "nor has the model");
    }
    if (r->forced == NULL && r->sampling.grammar != NULL && !sl->channel.plain &&
        !(sl->channel.where == CHANNEL_BODY && sl->channel.kind == TOKEN_ANSWER)) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "request: a grammar on a harmony model wants a prompt that has opened "
            "the final channel (skip_analysis)");
    }
    sl->answered = sl->channel.plain;
    sl->pending = r->prompt[r->n_prompt - 1];
    sl->pending_class = TOKEN_TEMPLATE;
    size_t room = (size_t)s->opts.n_ctx - r->n_prompt;
    size_t wish = r->sampling.max_tokens > 0 ? (size_t)r->sampling.max_tokens : 0;
    sl->max_out = r->forced != NULL ? r->n_forced : wish < room ? wish : room;
    sl->out = mem_calloc(sl->max_out + 1, sizeof *sl->out);
    if (sl->out == NULL) {
        rc = mem_err(e, "a reply");
    }
    if (rc == PERSONA_OK && r->forced == NULL) {
        rc = sampler_new(s->model, &r->sampling, &sl->sampler, e);
    }
    for (size_t i = 0; rc == PERSONA_OK && sl->sampler != NULL && i < r->n_prompt; i++) {
        if (r->sampling.repetition_penalty != 1.0F) {
            llama_sampler_accept(sl->sampler, r->prompt[i]);
        }
    }
    return rc == PERSONA_OK ? open_taps(s, sl, e) : rc;
}

bool slot_token(slot *sl, llama_token t)
{
    token_class c = channel_feed(&sl->channel, t);
    sl->pending = t;
    sl->pending_class = c;
    sl->out[sl->n_out++] = t;
    if (sl->channel.where == CHANNEL_BODY && sl->channel.kind == TOKEN_ANSWER) {
        sl->answered = true;
    }
    buf *to = c == TOKEN_ANSWER ? &sl->text : c == TOKEN_ANALYSIS ? &sl->analysis : NULL;
    sl->n_answer += c == TOKEN_ANSWER;
    buf piece;
    buf_init(&piece, 4096);
    model_piece(sl->channel.model, t, false, &piece);
    if (to != NULL) {
        buf_add(to, piece.p, piece.len);
    }
    bool go_on = true;
    if (sl->req.on_token != NULL) {
        go_on = sl->req.on_token(sl->req.ud, t, buf_str(&piece), piece.len);
    }
    buf_free(&piece);
    return go_on;
}

bool slot_sample(persona_session *s, slot *sl, int at)
{
    if (sl->n_out == sl->max_out) {
        sl->finish = PERSONA_FINISH_LENGTH;
        return false;
    }
    if (sl->req.on_logits != NULL) {
        sl->req.on_logits(sl->req.ud, sl->n_out, llama_get_logits_ith(s->ctx, at),
                          (size_t)s->model->info.n_vocab);
    }
    llama_token t = llama_sampler_sample(sl->sampler, s->ctx, at);
    if (!sl->req.sampling.ignore_eos && model_is_end(s->model, t)) {
        sl->finish = PERSONA_FINISH_STOP;
        return false;
    }
    bool go_on = slot_token(sl, t);
    if (go_on && sl->n_out < sl->max_out) {
        return true;
    }
    sl->finish = go_on ? PERSONA_FINISH_LENGTH : PERSONA_FINISH_SINK;
    sl->draining = reads_response(sl) && sl->pending_class == TOKEN_ANSWER &&
                   s->streams[sl->stream].n < (size_t)s->opts.n_ctx;
    return sl->draining;
}

/* Cut replies can end inside a code point; broken bytes become U+FFFD so that text is always
 * UTF-8. */
static void sanitize(buf *b)
{
    buf out;
    buf_init(&out, b->max);
    const unsigned char *p = (const unsigned char *)buf_str(b);
    size_t i = 0;
    while (i < b->len) {
        size_t n = p[i] < 0x80                   ? 1
                   : p[i] >= 0xF0 && p[i] < 0xF5 ? 4
                   : p[i] >= 0xE0                ? 3
                   : p[i] >= 0xC2                ? 2
                                                 : 0;
        bool ok = n > 0 && p[i] < 0xF5 && i + n <= b->len;
        for (size_t k = 1; ok && k < n; k++) {
            ok = (p[i + k] & 0xC0) == 0x80;
        }
        ok = ok && !(p[i] == 0xE0 && p[i + 1] < 0xA0) && !(p[i] == 0xED && p[i + 1] > 0x9F) &&
             !(p[i] == 0xF0 && p[i + 1] < 0x90) && !(p[i] == 0xF4 && p[i + 1] > 0x8F);
        if (ok) {
            buf_add(&out, p + i, n);
            i += n;
        } else {
            buf_puts(&out, "\xEF\xBF\xBD");
            i++;
        }
    }
    buf_free(b);
    *b = out;
}

void slot_close(persona_session *s, slot *sl)
{
    sanitize(&sl->text);
    sanitize(&sl->analysis);
    persona_result r = {.finish = sl->finish,
                        .tokens = sl->out,
                        .n_prompt = sl->req.n_prompt,
                        .n_reused = sl->n_reused,
                        .n_tokens = sl->n_out,
                        .text = buf_str(&sl->text),
                        .analysis = buf_str(&sl->analysis),
                        .answered = sl->answered,
                        .n_answer = sl->n_answer,
                        .n_steered = sl->tally.n,
                        .moved = sl->tally.moved,
                        .acts = sl->acts,
                        .n_acts = sl->n_taps,
                        .seconds = (double)(llama_time_us() - sl->t_start) * 1e-6};
    for (size_t i = 0; i < sl->n_taps; i++) {
        sl->acts[i] = tap_acts(&sl->taps[i]);
    }
    if (sl->req.on_done != NULL) {
        sl->req.on_done(sl->req.ud, &r);
    }
    if (sl->sampler != NULL) {
        llama_sampler_free(sl->sampler);
    }
    for (size_t i = 0; i < sl->n_taps; i++) {
        tap_end(&sl->taps[i]);
    }
    mem_free(sl->taps);
    mem_free(sl->acts);
    persona_plan_free(sl->req.plan);
    mem_free(sl->out);
    buf_free(&sl->text);
    buf_free(&sl->analysis);
    sl->out = NULL;
    sl->sampler = NULL;
    sl->active = false;
    s->stats.n_requests++;
}
