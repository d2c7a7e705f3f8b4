/* SPDX-License-Identifier: MIT
 *
 * seat.c - which stream a request gets, and keeping the streams of those that run side by side.
 *
 * What a stream held when its request ended stays there, and the next turn of the conversation, or
 * the same question again, finds its prompt computed. So a request goes to the free stream that
 * holds the most of its prompt, if it does not cost another conversation much; else to one that has
 * been unused for long, which takes over what any stream holds of the prompt.
 *
 * libllama computes a call in one piece only if its streams are neighbors. A hole between them is
 * padded, or else the call is made in parts (scheduler.c). That is right for a moment, since the
 * next request may want just this stream; a hole that stays is closed by copying.
 *
 * With fixed_shape all streams are rows of every call, and the lowest free one is taken.
 */
#include "engine/engine.h"

#define LOSS_MAX 16  /* tokens of something else that may be overwritten for a shorter prompt */
#define HOLE_STEPS 8 /* decodes after which a hole is closed: a copy costs as much as a few rows */

slot *slot_of_stream(persona_session *s, int seq)
{
    for (int i = 0; i < s->opts.n_slots; i++) {
        if (s->slots[i].active && s->slots[i].stream == seq) {
            return &s->slots[i];
        }
    }
    return NULL;
}

/* ---- a seat for a request -------------------------------------------------------------------- */

/* Whether a request that finds k tokens in the stream may go on there. */
static bool may_overwrite(const stream *st, size_t k, const prefill_need *need)
{
    const size_t lost = st->n - k;
    return k >= need->first_read || lost <= k || lost <= LOSS_MAX;
}

/* The free stream that holds the most of the prompt; -1: none holds enough. */
static int seat_of_prefix(persona_session *s, const slot *sl, const prefill_need *need)
{
    size_t most = 0, best = 0;
    int found = -1;
    for (int i = 0; i < s->opts.n_slots; i++) {
        const stream *st = &s->streams[i];
        const size_t k = prefill_reusable(s, st, &sl->req, need);
        most = k > most ? k : most;
        if (k > best && slot_of_stream(s, i) == NULL && may_overwrite(st, k, need)) {
            best = k;
            found = i;
        }
    }
    return best + PREFILL_MIN_SHARED > most ? found : -1; /* else copying is cheaper */
}

static bool beside_active(persona_session *s, int seq)
{
    return (seq > 0 && slot_of_stream(s, seq - 1) != NULL) ||
           (seq + 1 < s->opts.n_slots && slot_of_stream(s, seq + 1) != NULL);
}

/* The free stream that is the longest unused, if possible among the neighbors of active ones. */
static int seat_of_oldest(persona_session *s)
{
    int found = -1;
    bool beside = false;
    for (int i = 0; i < s->opts.n_slots; i++) {
        if (slot_of_stream(s, i) != NULL) {
            continue;
        }
        const bool near = beside_active(s, i);
        if (found < 0 || (near && !beside) ||
            (near == beside && s->streams[i].used < s->streams[found].used)) {
            found = i;
            beside = near;
        }
    }
    return found;
}

static int lowest_free(persona_session *s)
{
    int seq = 0;
    while (slot_of_stream(s, seq) != NULL) {
        seq++;
    }
    return seq;
}

int seat_for(persona_session *s, const slot *sl)
{
    if (s->opts.fixed_shape || s->opts.no_reuse) {
        return lowest_free(s);
    }
    const prefill_need need = prefill_need_of(s, sl);
    const int same = seat_of_prefix(s, sl, &need);
    return same >= 0 ? same : seat_of_oldest(s);
}

/* ---- side by side ---------------------------------------------------------------------------- */

/* Active streams outside of the n from `first` on. */
static int n_outside(persona_session *s, int first, int n)
{
    int outside = 0;
    for (int i = 0; i < s->opts.n_slots; i++) {
        outside +=
            s->slots[i].active && (s->slots[i].stream < first || s->slots[i].stream >= first + n);
    }
    return outside;
}

/* The vacated stream keeps its (still valid) content. */
static void move(persona_session *s, slot *sl, int to)
{
    const int from = sl->stream;
    s->compute->ops->copy(s->compute, from, to);
    stream_take(&s->streams[to], &s->streams[from], s->streams[from].n);
    sl->stream = to;
}

/* Moves the n active streams together where that needs the fewest copies. */
static void move_together(persona_session *s, int n)
{
    int first = 0;
    for (int i = 1; i + n <= s->opts.n_slots; i++) {
        first = n_outside(s, i, n) < n_outside(s, first, n) ? i : first;
    }
    for (int i = 0, to = first; i < s->opts.n_slots; i++) {
        slot *sl = &s->slots[i];
        if (sl->active && (sl->stream < first || sl->stream >= first + n)) {
            while (slot_of_stream(s, to) != NULL) {
                to++;
            }
            move(s, sl, to);
        }
    }
}

void seats_close_holes(persona_session *s)
{
    int lowest = s->opts.n_slots, highest = -1, n = 0;
    bool old = false;
    for (int i = 0; i < s->opts.n_slots; i++) {
        const slot *sl = &s->slots[i];
        if (sl->active) {
            lowest = sl->stream < lowest ? sl->stream : lowest;
            highest = sl->stream > highest ? sl->stream : highest;
            n++;
        }
    }
    for (int i = 0; i < s->opts.n_slots; i++) {
        stream *st = &s->streams[i];
        const bool hole = i > lowest && i < highest && slot_of_stream(s, i) == NULL;
        st->n_hole = hole ? st->n_hole + 1 : 0;
        old = old || st->n_hole > HOLE_STEPS;
    }
    if (old) {
        move_together(s, n);
    }
}
