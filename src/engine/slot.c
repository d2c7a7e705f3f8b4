/* SPDX-License-Identifier: MIT
 *
 * slot.c - the life of one request: opened, fed token by token, closed with a result.
 *
 * A slot that generates begins with the last prompt token as the next one to feed. Reply tokens
 * are booked when they are known (sampled or forced), but their activations exist only once they
 * have been fed. So a reply cut by length feeds its last token once more for the tap
 * (draining): a mean then covers exactly the tokens of the text, as a second pass over it would.
 *
 * Text goes on in whole code points. What a slot has gathered outlives it: slot_end moves all of it
 * into the job, and slot_deliver makes the result of it, perhaps in another thread.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "engine/engine.h"

#define MAX_PIECE ((size_t)4096)
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

persona_code plan_fits(const persona_model *m, bool raw, const persona_plan *p, persona_err *e)
{
    if (p != NULL && (p->n_layer != m->info.n_layer || p->n_embd != m->info.n_embd)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "plan is for %d blocks of width %d, the model has %d of width %d",
                               p->n_layer, p->n_embd, m->info.n_layer, m->info.n_embd);
    }
    if ((raw || m->channels == CHANNELS_PLAIN || m->channels == CHANNELS_FRAME) &&
        plan_needs_channels(p)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "request: the plan steers the phase analysis, and this reply has no "
                               "channels (%s)",
                               raw ? "it is raw" : "nor has the model");
    }
    return PERSONA_OK;
}

static persona_code check_request(const persona_session *s, const persona_request *r,
                                  persona_err *e)
{
    size_t n_ctx = (size_t)s->opts.n_ctx;
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
    persona_code rc = PERSONA_OK;
    TRY(check_tokens(s, r->prompt, r->n_prompt, e));
    if (r->forced != NULL) {
        TRY(check_tokens(s, r->forced, r->n_forced, e));
    }
    TRY(plan_fits(s->model, r->raw, r->plan, e));
out:
    return rc;
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

plan_token slot_token_at(const slot *sl, token_at at)
{
    plan_token t = {.phase = phase_of(at), .replied = at.pos >= at.n_prompt};
    t.code = t.replied && (syntax_inside(&sl->syntax) || channel_in_call(&sl->channel));
    memcpy(t.before, sl->n_fed, sizeof t.before);
    return t;
}

persona_code slot_set_plan(slot *sl, persona_plan *p, persona_err *e)
{
    persona_plan *const old = sl->req.plan;
    plan_memory_free(sl->memory);
    sl->memory = NULL;
    sl->req.plan = p != NULL && p->n > 0 ? persona_plan_ref(p) : NULL;
    persona_plan_free(old);
    if (sl->req.plan != NULL) {
        sl->memory = plan_memory_new(sl->req.plan);
    }
    return sl->req.plan != NULL && sl->memory == NULL ? mem_err(e, "a steering plan") : PERSONA_OK;
}

persona_code slot_add_row(persona_session *s, slot *sl, token_at at, persona_token t, bool output,
                          persona_err *e)
{
    const eval_row row = {.token = t,
                          .pos = at.pos,
                          .seq = sl->stream,
                          .plan = sl->req.plan,
                          .at = slot_token_at(sl, at),
                          .memory = sl->memory,
                          .tally = &sl->tally,
                          .output = output};
    if (sl->memory != NULL && row.at.phase != PHASE_PROMPT) {
        plan_memory_next(sl->memory, sl->req.plan);
    }
    if (row.at.replied) {
        sl->n_fed[row.at.phase]++;
    }
    return eval_add(&s->eval, &row, at, sl->taps, sl->n_taps, e);
}

/* The guard has found a row that moves too far. */
persona_code slot_check_guard(const slot *sl, persona_err *e)
{
    const edit_tally *t = &sl->tally;
    if (!t->rejected) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_NUMERIC,
                           "steering rejected: at block %d the edit is %.2f times as long as the "
                           "row that it edits, the limit is %g (use a smaller coefficient, or "
                           "another guard)",
                           t->rejected_block, t->rejected_ratio, (double)sl->req.plan->guard.ratio);
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

static persona_code open_sampler(persona_session *s, slot *sl, persona_err *e)
{
    const compute_ops *ops = s->compute->ops;
    const persona_request *r = &sl->req;
    const persona_code rc = ops->sampler_new(s->compute, &r->sampling, &sl->sampler, e);
    for (size_t i = 0; rc == PERSONA_OK && i < r->n_prompt; i++) {
        if (r->sampling.repetition_penalty != 1.0F) {
            ops->sampler_accept(s->compute, sl->sampler, r->prompt[i]);
        }
    }
    return rc;
}

static persona_code open_channel(persona_session *s, slot *sl, persona_err *e)
{
    const persona_request *r = &sl->req;
    /* a text that is read is all answer, whatever it says */
    const bool whole = r->forced != NULL && s->model->channels == CHANNELS_FRAME;
    channel_init(&sl->channel, s->model, r->raw || whole);
    for (size_t i = 0; i < r->n_prompt; i++) {
        channel_feed(&sl->channel, r->prompt[i]);
    }
    channel_reply(&sl->channel);
    if (r->forced == NULL && r->sampling.grammar != NULL && !channel_answered(&sl->channel)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "request: a grammar wants a prompt in which the answer has begun "
                               "(skip_analysis)");
    }
    sl->answered = channel_answered(&sl->channel);
    return PERSONA_OK;
}

persona_code slot_open(persona_session *s, slot *sl, job *j, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_request *r = &j->req;
    const int seq = sl->stream;
    memset(sl, 0, sizeof *sl);
    sl->stream = seq;
    sl->active = true;
    sl->prefilling = true;
    sl->job = j;
    sl->req = *r;
    sl->req.plan = NULL;
    sl->t_start = clock_now();
    buf_init(&sl->text, MAX_REPLY);
    buf_init(&sl->analysis, MAX_REPLY);
    TRY(check_request(s, r, e));
    TRY(slot_set_plan(sl, r->plan, e));
    TRY(open_channel(s, sl, e));
    sl->pending = r->prompt[r->n_prompt - 1];
    sl->pending_class = TOKEN_TEMPLATE;
    const size_t room = (size_t)s->opts.n_ctx - r->n_prompt;
    const size_t wish = r->sampling.max_tokens > 0 ? (size_t)r->sampling.max_tokens : 0;
    sl->max_answer = wish;
    sl->max_thought = r->sampling.max_analysis > 0 ? (size_t)r->sampling.max_analysis : 0;
    const size_t both = wish + sl->max_thought;
    sl->max_out = r->forced != NULL ? r->n_forced : both < room ? both : room;
    sl->out = mem_calloc(sl->max_out + 1, sizeof *sl->out);
    if (sl->out == NULL) {
        TRY(mem_err(e, "a reply"));
    }
    if (r->forced == NULL) {
        TRY(open_sampler(s, sl, e));
    }
    TRY(open_taps(s, sl, e));
out:
    return rc;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* An event for the reader, its text for the result. False: stop. */
static bool post(slot *sl, persona_token t, token_class kind, buf *text)
{
    buf *to = kind == TOKEN_ANSWER ? &sl->text : kind == TOKEN_ANALYSIS ? &sl->analysis : NULL;
    if (to != NULL) {
        buf_add(to, text->p, text->len);
    }
    if (sl->req.on_token == NULL) {
        return true;
    }
    const persona_token_event ev = {.token = t,
                                    .kind = kind,
                                    .text = buf_str(text),
                                    .len = text->len,
                                    .index = t < 0 ? sl->n_out : sl->n_out - 1};
    return feed_post(sl->job, &ev);
}

/* What was held back will not be completed. */
static bool flush_held(slot *sl)
{
    bool go_on = true;
    if (sl->n_held > 0) {
        buf to;
        buf_init(&to, 64);
        utf8_repair(&to, sl->held, sl->n_held);
        sl->n_held = 0;
        go_on = post(sl, -1, sl->held_class, &to);
        buf_free(&to);
    }
    return go_on;
}

/* Bytes of one kind: whole code points are posted, the rest waits for more. */
static bool deliver(slot *sl, persona_token t, token_class kind, const buf *bytes)
{
    buf piece, whole;
    bool go_on = kind == sl->held_class || flush_held(sl);
    if (t >= 0) {
        sl->out[sl->n_out++] = t;
    }
    buf_init(&piece, MAX_PIECE);
    buf_init(&whole, MAX_PIECE * 3);
    buf_add(&piece, sl->held, sl->n_held);
    buf_add(&piece, bytes->p, bytes->len);
    sl->n_held = utf8_unfinished(piece.p, piece.len);
    utf8_repair(&whole, piece.p, piece.len - sl->n_held);
    if (sl->n_held > 0) {
        memcpy(sl->held, piece.p + piece.len - sl->n_held, sl->n_held);
    }
    sl->held_class = kind;
    go_on = post(sl, t, kind, &whole) && go_on;
    buf_free(&piece);
    buf_free(&whole);
    return go_on;
}

bool slot_token(slot *sl, persona_token t)
{
    bool go_on = true;
    buf thought, said, piece;
    buf_init(&thought, MAX_PIECE);
    buf_init(&said, MAX_PIECE);
    buf_init(&piece, MAX_PIECE);
    const token_class c = channel_step(&sl->channel, t, &thought, &said);
    model_piece(sl->channel.model, t, true, &piece);
    syntax_feed(&sl->syntax, buf_str(&piece), piece.len);
    buf_free(&piece);
    sl->pending = t;
    sl->pending_class = c;
    if (sl->req.pace > 0) { /* late tokens are not made up for */
        const double now = clock_now();
        sl->due = (sl->due > now ? sl->due : now) + 1 / sl->req.pace;
    }
    sl->answered =
        channel_answered(&sl->channel) || (sl->answered && sl->channel.channels != CHANNELS_THINK);
    sl->n_thought += !sl->answered;
    sl->n_answer += c == TOKEN_ANSWER;
    if (c == TOKEN_ANSWER && thought.len > 0) {
        go_on = deliver(sl, -1, TOKEN_ANALYSIS, &thought);
    } else if (c != TOKEN_ANSWER && c != TOKEN_ANALYSIS && sl->channel.channels != CHANNELS_THINK &&
               sl->channel.channels != CHANNELS_FRAME) {
        model_piece(sl->channel.model, t, false, &said);
    }
    go_on = deliver(sl, t, c, c == TOKEN_ANALYSIS ? &thought : &said) && go_on;
    buf_free(&thought);
    buf_free(&said);
    return go_on;
}

/* The reply is over: what might have become more is text. */
static void finish_text(slot *sl)
{
    buf thought, said;
    buf_init(&thought, 64);
    buf_init(&said, 64);
    channel_end(&sl->channel, &thought, &said);
    if (thought.len > 0) {
        (void)deliver(sl, -1, TOKEN_ANALYSIS, &thought);
    }
    if (said.len > 0) {
        (void)deliver(sl, -1, TOKEN_ANSWER, &said);
    }
    (void)flush_held(sl);
    buf_free(&thought);
    buf_free(&said);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* Whether the reply has used up what it may. */
static bool used_up(const slot *sl)
{
    if (sl->n_out >= sl->max_out || sl->max_thought == 0) {
        return sl->n_out >= sl->max_out;
    }
    return sl->answered ? sl->n_out - sl->n_thought >= sl->max_answer
                        : sl->n_thought >= sl->max_thought;
}

bool slot_sample(persona_session *s, slot *sl, size_t at)
{
    const compute_ops *ops = s->compute->ops;
    const size_t n_vocab = (size_t)s->model->info.n_vocab;
    if (used_up(sl)) {
        sl->finish = PERSONA_FINISH_LENGTH;
        return false;
    }
    const float *logits = ops->logits(s->compute, at);
    if (logits_broken(logits, n_vocab)) {
        sl->broken = true;
        return false;
    }
    if (sl->req.on_logits != NULL) {
        sl->req.on_logits(sl->req.ud, sl->n_out, logits, n_vocab);
    }
    persona_token t = ops->sample(s->compute, sl->sampler, at);
    if (sl->req.on_choice != NULL) {
        sl->req.on_choice(sl->req.ud, sl->n_out, t, logits, n_vocab);
    }
    if (!sl->req.sampling.ignore_eos && model_is_end(s->model, t)) {
        sl->finish = PERSONA_FINISH_STOP;
        return false;
    }
    bool go_on = slot_token(sl, t);
    if (sl->channel.ended && !sl->req.sampling.ignore_eos) {
        sl->finish = PERSONA_FINISH_STOP;
        return false;
    }
    if (go_on && !used_up(sl)) {
        return true;
    }
    sl->finish = go_on ? PERSONA_FINISH_LENGTH : PERSONA_FINISH_SINK;
    sl->draining = reads_response(sl) && sl->pending_class == TOKEN_ANSWER &&
                   s->streams[sl->stream].n < (size_t)s->opts.n_ctx;
    return sl->draining;
}

/* ---- the end --------------------------------------------------------------------------------- */

void slot_fail(slot *sl, persona_code code, const char *message)
{
    sl->finish = code == PERSONA_E_CANCELED ? PERSONA_FINISH_CANCELED : PERSONA_FINISH_FAILED;
    sl->code = code;
    snprintf(sl->message, sizeof sl->message, "%s", message);
}

void slot_end(persona_session *s, slot *sl)
{
    finish_text(sl);
    if (sl->sampler != NULL) {
        s->compute->ops->sampler_free(s->compute, sl->sampler);
        sl->sampler = NULL;
    }
    sl->seconds = clock_now() - sl->t_start;
    sl->active = false;
    s->stats.n_requests++;
    job *j = sl->job;
    j->ended = *sl;
    feed_ended(j);
}

/* What a tap has read must be numbers, else the request has failed. */
static void check_acts(slot *sl, const persona_acts *acts)
{
    size_t bad = 0;
    if (sl->code == PERSONA_OK && acts->n_rows > 0 &&
        !vec_finite(acts->data, acts->n_rows * acts->n_blocks * acts->width, &bad)) {
        char text[MESSAGE_MAX];
        snprintf(text, sizeof text,
                 "the activations read at block %d are not finite (a coefficient too large, or a "
                 "damaged weight)",
                 acts->blocks[bad / acts->width % acts->n_blocks]);
        slot_fail(sl, PERSONA_E_NUMERIC, text);
    }
}

persona_code slot_deliver(slot *sl, persona_err *e)
{
    static const persona_token nothing = 0;
    for (size_t i = 0; i < sl->n_taps; i++) {
        sl->acts[i] = tap_acts(&sl->taps[i]);
        check_acts(sl, &sl->acts[i]);
    }
    persona_steered steered;
    plan_memory_report(sl->req.plan, sl->memory, &sl->tally, &steered);
    const persona_result r = {.finish = sl->finish,
                              .code = sl->code,
                              .message = sl->message,
                              .tokens = sl->out != NULL ? sl->out : &nothing,
                              .n_prompt = sl->req.n_prompt,
                              .n_reused = sl->n_reused,
                              .n_tokens = sl->n_out,
                              .text = buf_str(&sl->text),
                              .analysis = buf_str(&sl->analysis),
                              .answered = sl->answered,
                              .n_answer = sl->n_answer,
                              .n_steered = sl->tally.n,
                              .moved = sl->tally.moved,
                              .steered = steered,
                              .acts = sl->acts,
                              .n_acts = sl->n_taps,
                              .seconds = sl->seconds};
    if (sl->req.on_done != NULL) {
        sl->req.on_done(sl->req.ud, &r);
    }
    for (size_t i = 0; i < sl->n_taps; i++) {
        tap_end(&sl->taps[i]);
    }
    mem_free(sl->taps);
    mem_free(sl->acts);
    persona_plan_free(sl->req.plan);
    plan_memory_free(sl->memory);
    mem_free(sl->out);
    buf_free(&sl->text);
    buf_free(&sl->analysis);
    return sl->code != PERSONA_OK ? persona_err_set(e, sl->code, "%s", sl->message) : PERSONA_OK;
}

const char *persona_finish_name(int finish)
{
    static const char *const names[] = {
        [PERSONA_FINISH_STOP] = "stop",         [PERSONA_FINISH_LENGTH] = "length",
        [PERSONA_FINISH_FORCED] = "forced",     [PERSONA_FINISH_SINK] = "sink",
        [PERSONA_FINISH_CANCELED] = "canceled", [PERSONA_FINISH_FAILED] = "failed",
    };
    return finish >= 0 && (size_t)finish < sizeof names / sizeof *names ? names[finish] : NULL;
}
