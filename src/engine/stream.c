/* SPDX-License-Identifier: MIT
 *
 * stream.c - what is known to be in one sequence of the KV cache: its tokens, and which steering
 * wrote which span of their keys and values. A row depends on all rows before it, so a prefix may
 * only be taken over as far as every one of its rows was computed under the steering that the new
 * request would give it.
 *
 * A plan may be replaced between tokens, so there can be many spans. If there are more than fit,
 * the last one is of a mixture, which equals nothing.
 */
#include <string.h>

#include "engine/engine.h"

#define MIXED UINT64_MAX

void stream_add(stream *st, persona_token t, uint64_t id)
{
    st->tokens[st->n++] = t;
    stream_span *last = st->n_spans > 0 ? &st->spans[st->n_spans - 1] : NULL;
    if (last != NULL && last->id == id) {
        last->end = st->n;
    } else if (st->n_spans < STREAM_SPANS) {
        st->spans[st->n_spans++] = (stream_span){st->n, id};
    } else {
        *last = (stream_span){st->n, MIXED};
    }
}

void stream_cut(stream *st, size_t n)
{
    st->n = n < st->n ? n : st->n;
    st->n_prompt = st->n_prompt < st->n ? st->n_prompt : st->n;
    while (st->n_spans > 1 && st->spans[st->n_spans - 2].end >= st->n) {
        st->n_spans--;
    }
    if (st->n == 0) {
        st->n_spans = 0;
    } else if (st->spans[st->n_spans - 1].end > st->n) {
        st->spans[st->n_spans - 1].end = st->n;
    }
}

void stream_take(stream *dst, const stream *src, size_t n)
{
    const stream kept = *dst;
    memcpy(kept.tokens, src->tokens, src->n * sizeof *kept.tokens);
    *dst = *src;
    dst->tokens = kept.tokens;
    dst->used = kept.used;
    dst->n_hole = kept.n_hole;
    stream_cut(dst, n);
}

size_t stream_shared(const stream *st, const persona_request *r, size_t limit)
{
    const size_t end = limit < st->n ? limit : st->n;
    size_t k = 0;
    for (size_t i = 0; k < end && i < st->n_spans; i++) {
        for (; k < end && k < st->spans[i].end; k++) {
            const token_at at = {.pos = k, .n_prompt = r->n_prompt, .class = TOKEN_TEMPLATE};
            const uint64_t wanted = plan_id(r->plan, phase_of(at));
            if (st->tokens[k] != r->prompt[k] || st->spans[i].id != wanted ||
                wanted == PLAN_ALONE) {
                return k;
            }
        }
    }
    return k;
}
