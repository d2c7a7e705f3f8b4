/* SPDX-License-Identifier: MIT
 *
 * scheduler.c - the continuous batch, step by step: obey what other threads asked for, prefill at
 * most one budget of prompt tokens, decode one token for every running slot.
 *
 * Order decides bytes, so everything here is deterministic: rows are in stream order, and the
 * streams of one call are neighbors, because libllama splits a batch at gaps. A stream between them
 * that has no token to feed (nobody has it, its slot is still prefilling, or its reader is slow) is
 * padded: it gets a row that is forgotten at once. Wider gaps make two calls of one. Which streams
 * requests get is decided in seat.c.
 *
 * A step prefills for interactive requests first, then in the order of admission. While nobody is
 * in the middle of an answer, decoding waits until the other slots are filled, too, so that a batch
 * begins together.
 */
#include "base/clock.h"
#include "engine/engine.h"

#define HOLD_STEPS 8 /* per slot: how long a new answer waits for others to be prefilled */
#define PAD_MAX 2    /* a further call costs about as much as so many rows */

/* ---- slots ----------------------------------------------------------------------------------- */

static int n_active(const persona_session *s)
{
    int n = 0;
    for (int i = 0; i < s->opts.n_slots; i++) {
        n += s->slots[i].active;
    }
    return n;
}

static bool runs(const slot *sl)
{
    return sl->active && !sl->prefilling && !sl->stalled;
}

static bool is_interactive(const slot *sl)
{
    return sl->job->feed->source.priority == PERSONA_PRIORITY_INTERACTIVE;
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

static void end_failed(persona_session *s, slot *sl, persona_code code, const char *message)
{
    slot_fail(sl, code, message);
    slot_end(s, sl);
}

/* ---- what other threads asked for ------------------------------------------------------------ */

/* Takes the new plan out of the job; the lock is held. */
static persona_plan *new_plan(job *j)
{
    persona_plan *p = j->plan;
    j->plan = NULL;
    j->replanned = false;
    return p;
}

/* Wants the lock. */
static bool is_paced(const slot *sl)
{
    return sl->job->mail != NULL && clock_now() < sl->due;
}

/* Which slots may not go on now. True: something was asked for. */
static bool look_at_jobs(persona_session *s)
{
    bool any = false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->opts.n_slots; i++) {
        slot *sl = &s->slots[i];
        if (sl->active) {
            const job *j = sl->job;
            sl->stalled = mail_is_full(j) || is_paced(sl);
            any = any || j->canceled || j->stopped || j->replanned;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return any;
}

/* Runs between two tokens, and between two chunks of a prompt. */
static void obey(persona_session *s)
{
    feeds_drop_canceled(s);
    if (!look_at_jobs(s)) {
        return;
    }
    for (int i = 0; i < s->opts.n_slots; i++) {
        slot *sl = &s->slots[i];
        if (!sl->active) {
            continue;
        }
        pthread_mutex_lock(&s->lock);
        job *j = sl->job;
        const bool canceled = j->canceled, stopped = j->stopped, replanned = j->replanned;
        persona_plan *plan = replanned ? new_plan(j) : NULL;
        persona_err e = {.code = PERSONA_OK};
        pthread_mutex_unlock(&s->lock);
        const persona_code rc = replanned ? slot_set_plan(sl, plan, &e) : PERSONA_OK;
        persona_plan_free(plan);
        if (rc != PERSONA_OK) {
            end_failed(s, sl, rc, e.msg);
        } else if (canceled) {
            end_failed(s, sl, PERSONA_E_CANCELED, "interrupted");
        } else if (stopped) {
            sl->finish = PERSONA_FINISH_SINK;
            slot_end(s, sl);
        }
    }
}

/* A signal handler cannot wake anybody, so the flags of all sources are looked at here. */
static void look_at_flags(persona_session *s)
{
    pthread_mutex_lock(&s->lock);
    for (feed *f = s->feeds; f != NULL; f = f->next) {
        if (!f->canceled && f->hooks != NULL && persona_canceled(f->hooks->cancel)) {
            feed_cancel(f);
            pthread_cond_signal(&f->news);
        }
    }
    pthread_mutex_unlock(&s->lock);
    obey(s);
}

/* ---- prefill --------------------------------------------------------------------------------- */

/* Opens the next request of this priority in a free slot. False: there is none, or no room. */
static bool admit(persona_session *s, persona_priority priority)
{
    if (n_active(s) >= s->n_rows) {
        return false;
    }
    job *j = feeds_pull(s, priority);
    if (j == NULL) {
        return false;
    }
    int i = 0;
    while (s->slots[i].active) {
        i++;
    }
    slot *sl = &s->slots[i];
    persona_err e = {.code = PERSONA_OK};
    sl->stream = -1;
    const persona_code rc = slot_open(s, sl, j, &e);
    sl->order = s->n_admitted++;
    if (rc != PERSONA_OK) {
        end_failed(s, sl, rc, e.msg);
        return true;
    }
    sl->stream = seat_for(s, sl);
    s->streams[sl->stream].used = s->n_admitted;
    return true;
}

/* Whose prompt is next: interactive first, then the oldest. */
static slot *to_prefill(persona_session *s)
{
    slot *best = NULL;
    for (int i = 0; i < s->opts.n_slots; i++) {
        slot *sl = &s->slots[i];
        if (!sl->active || !sl->prefilling || sl->stalled) {
            continue;
        }
        if (best == NULL || (is_interactive(sl) && !is_interactive(best)) ||
            (is_interactive(sl) == is_interactive(best) && sl->order < best->order)) {
            best = sl;
        }
    }
    return best;
}

/* One call for one prompt; returns its tokens. */
static size_t prefill_one(persona_session *s, slot *sl)
{
    persona_err e = {.code = PERSONA_OK};
    persona_code rc = PERSONA_OK;
    const size_t n = prefill_size(s, sl);
    if (n > 0) {
        rc = prefill_chunk(s, sl, choose_path(s), &e);
    }
    sl->prefilling = sl->pos < sl->need.n_total;
    if (rc != PERSONA_OK) {
        end_failed(s, sl, rc, e.msg);
    } else if (!sl->prefilling && sl->req.forced != NULL) {
        sl->finish = PERSONA_FINISH_FORCED;
        slot_end(s, sl);
    }
    return n;
}

/* Fills free slots and prefills, at most one budget. True: there is more to prefill. */
static bool prefill_some(persona_session *s, bool *did)
{
    const size_t budget = (size_t)s->opts.n_batch;
    size_t spent = 0;
    for (;;) {
        look_at_flags(s);
        while (admit(s, PERSONA_PRIORITY_INTERACTIVE)) {
            *did = true;
        }
        slot *sl = to_prefill(s);
        if (sl == NULL) {
            if (!admit(s, PERSONA_PRIORITY_BATCH)) {
                return false;
            }
            *did = true;
            spent++; /* a source of nothing but refused requests, too, lets others have a turn */
            if (spent > budget) {
                return true;
            }
            continue;
        }
        if (!sl->begun) {
            prefill_begin(s, sl);
        }
        if (spent > 0 && spent + prefill_size(s, sl) > budget + (size_t)s->opts.n_slots) {
            return true;
        }
        spent += prefill_one(s, sl);
        *did = true;
    }
}

/* ---- decode ---------------------------------------------------------------------------------- */

static persona_code add_row(persona_session *s, slot *sl, persona_err *e)
{
    const token_at at = {
        .pos = s->streams[sl->stream].n, .n_prompt = sl->req.n_prompt, .class = sl->pending_class};
    const bool output = !sl->draining || s->opts.fixed_shape;
    const persona_code rc = slot_add_row(s, sl, at, sl->pending, output, e);
    sl->tally_before = sl->tally;
    if (sl->memory != NULL) {
        plan_memory_keep(sl->memory);
    }
    return rc;
}

/* A row on a stream that has nothing to feed, forgotten afterwards (trim_padding). */
static eval_row padding(persona_session *s, int seq)
{
    stream *st = &s->streams[seq];
    if (st->n == (size_t)s->opts.n_ctx) {
        stream_cut(st, st->n - 1);
        s->compute->ops->trim(s->compute, seq, st->n);
    }
    return (eval_row){.pos = st->n, .seq = seq, .output = true};
}

static void trim_padding(persona_session *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s->row_slots[i] == NULL) {
            s->compute->ops->trim(s->compute, s->eval.rows[i].seq, s->eval.rows[i].pos);
        }
    }
}

/* The streams *first .. end-1 of the next call: with fixed_shape all that there are; else from the
 * first that runs on, as far as not more than PAD_MAX in a row have to be padded. False: none. */
static bool next_run(persona_session *s, int *first, int *end)
{
    const int n = s->opts.fixed_shape ? s->n_rows : s->opts.n_slots;
    int from = *end;
    bool any = false;
    for (int i = from; i < n && (!any || i - *end <= PAD_MAX || s->opts.fixed_shape); i++) {
        const slot *sl = slot_of_stream(s, i);
        if (sl != NULL && runs(sl)) {
            from = any ? from : i;
            any = true;
            *end = i + 1;
        }
    }
    *first = s->opts.fixed_shape ? 0 : from;
    *end = s->opts.fixed_shape ? n : *end;
    return any;
}

/* One row per stream. */
static size_t make_rows(persona_session *s, int first, int end)
{
    eval_clear(&s->eval);
    for (int i = first; i < end; i++) {
        slot *sl = slot_of_stream(s, i);
        slot **of_row = &s->row_slots[i - first];
        persona_err e = {.code = PERSONA_OK};
        *of_row = NULL;
        if (sl != NULL && runs(sl)) {
            const persona_code rc = add_row(s, sl, &e);
            if (rc == PERSONA_OK) {
                *of_row = sl;
                continue;
            }
            end_failed(s, sl, rc, e.msg);
        }
        s->eval.rows[s->eval.n_rows++] = padding(s, i); /* wants nothing */
    }
    return s->eval.n_rows;
}

/* What a decoded row means for its slot. at: its place in the call. */
static void use_row(persona_session *s, slot *sl, const eval_row *row, size_t at)
{
    persona_err e = {.code = PERSONA_OK};
    stream_add(&s->streams[sl->stream], row->token, plan_id(sl->req.plan, row->at.phase));
    s->stats.n_tokens_decoded++;
    sl->tally.n_tokens += row->edited;
    slot_give_reads(sl);
    const persona_code rc = slot_check_guard(sl, &e);
    if (rc != PERSONA_OK) {
        end_failed(s, sl, rc, e.msg);
        return;
    }
    if (sl->draining || (!slot_sample(s, sl, at) && !sl->broken)) {
        slot_end(s, sl);
    }
}

/* The common call has failed: each row alone, so that only the guilty request fails. What the call
 * has done to it before counts for nothing: the tally is that before the call, and a tap takes the
 * row once (tap_row). */
static void decode_alone(persona_session *s, size_t n, bool cvec)
{
    const compute_ops *ops = s->compute->ops;
    for (size_t i = 0; i < n; i++) {
        ops->trim(s->compute, s->eval.rows[i].seq, s->eval.rows[i].pos);
    }
    for (size_t i = 0; i < n; i++) {
        slot *sl = s->row_slots[i];
        persona_err e = {.code = PERSONA_OK};
        if (sl == NULL) {
            continue;
        }
        eval_state alone = s->eval; /* one row of it */
        alone.rows = &s->eval.rows[i];
        alone.rows->plan = sl->req.plan; /* eval_prepare takes it out */
        alone.rows->edited = false;
        sl->tally = sl->tally_before;
        if (sl->memory != NULL) {
            plan_memory_undo(sl->memory);
        }
        alone.n_rows = 1;
        const compute_call one = {.x = &alone, .adapter = cvec};
        const persona_code rc = ops->decode(s->compute, &one, &e);
        s->eval.scratch = alone.scratch; /* it may have grown */
        s->eval.scratch_n = alone.scratch_n;
        s->stats.n_decode++;
        if (rc == PERSONA_OK) {
            use_row(s, sl, &s->eval.rows[i], 0);
        } else {
            ops->trim(s->compute, s->eval.rows[i].seq, s->eval.rows[i].pos);
            end_failed(s, sl, rc, e.msg);
        }
    }
}

/* After everybody has sampled: finding the block costs the logits of the call. */
static void end_broken(persona_session *s, bool cvec)
{
    for (int i = 0; i < s->opts.n_slots; i++) {
        slot *sl = &s->slots[i];
        if (sl->active && sl->broken) {
            char text[MESSAGE_MAX];
            broken_explain(s, sl, cvec, text, sizeof text);
            end_failed(s, sl, PERSONA_E_NUMERIC, text);
        }
    }
}

/* One call: a token for every slot that runs among these streams. */
static void decode_run(persona_session *s, int first, int end, bool cvec)
{
    const size_t n = make_rows(s, first, end);
    const compute_call call = {.x = &s->eval, .adapter = cvec};
    if (s->compute->ops->decode(s->compute, &call, NULL) != PERSONA_OK) {
        decode_alone(s, n, cvec);
    } else {
        trim_padding(s, n);
        s->stats.n_decode++;
        for (size_t i = 0; i < n; i++) {
            if (s->row_slots[i] != NULL) {
                use_row(s, s->row_slots[i], &s->eval.rows[i], i);
            }
        }
    }
    end_broken(s, cvec);
}

/* One token for every slot that runs. */
static void decode_all(persona_session *s)
{
    if (!s->opts.fixed_shape) {
        seats_close_holes(s);
    }
    const bool cvec = choose_path(s);
    int first = 0, end = 0;
    while (next_run(s, &first, &end)) {
        decode_run(s, first, end, cvec);
        if (s->opts.fixed_shape) {
            return;
        }
    }
}

/* Whether to decode now, or to fill the batch first. */
static bool should_decode(persona_session *s, bool more_to_prefill)
{
    bool any = false, now = !more_to_prefill;
    for (int i = 0; i < s->opts.n_slots; i++) {
        const slot *sl = &s->slots[i];
        if (runs(sl)) {
            any = true;
            now = now || sl->n_out > 0 || is_interactive(sl);
        }
    }
    now = now || s->n_held >= HOLD_STEPS * s->opts.n_slots;
    s->n_held = any && !now ? s->n_held + 1 : 0;
    return any && now;
}

bool scheduler_step(persona_session *s)
{
    bool did = false;
    s->n_steps++;
    const bool more = prefill_some(s, &did);
    if (should_decode(s, more)) {
        decode_all(s);
        did = true;
    }
    s->stats.edit_seconds = s->eval.seconds;
    pthread_mutex_lock(&s->lock);
    s->stats_seen = s->stats;
    pthread_mutex_unlock(&s->lock);
    feeds_tell(s);
    return did || more;
}

void scheduler_end(persona_session *s)
{
    for (int i = 0; i < s->opts.n_slots; i++) {
        if (s->slots[i].active) {
            end_failed(s, &s->slots[i], PERSONA_E_CANCELED, "interrupted");
        }
    }
}

double scheduler_pause(const persona_session *s)
{
    double least = -1;
    const double now = clock_now();
    for (int i = 0; i < s->opts.n_slots; i++) {
        const slot *sl = &s->slots[i];
        if (sl->active && is_paced(sl) && !mail_is_full(sl->job)) {
            const double left = sl->due > now ? sl->due - now : 0;
            least = least < 0 || left < least ? left : least;
        }
    }
    return least;
}

bool scheduler_has_work(const persona_session *s)
{
    const bool room = n_active(s) < s->n_rows;
    for (int i = 0; i < s->opts.n_slots; i++) {
        const slot *sl = &s->slots[i];
        if (sl->active &&
            ((!mail_is_full(sl->job) && !is_paced(sl)) || sl->job->canceled || sl->job->stopped)) {
            return true;
        }
    }
    for (const feed *f = s->feeds; f != NULL; f = f->next) {
        for (const job *j = f->ready; j != NULL; j = j->next_ready) {
            if (j->canceled ||
                (room && (f->source.max_slots <= 0 || f->n_slots < f->source.max_slots))) {
                return true;
            }
        }
    }
    return false;
}
