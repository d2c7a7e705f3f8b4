/* SPDX-License-Identifier: MIT
 *
 * broken.c - numbers that are none. A distribution of NaN or of one value everywhere (what is left
 * of an overflow behind a norm) would be sampled as token 0 for ever; instead the answer ends with
 * an error. Which block is to blame is found by feeding the last row once more, reading all blocks.
 */
#include <math.h>
#include <stdio.h>

#include "base/linalg.h"
#include "engine/engine.h"

#define LANES 8

/* A sum is finite if all of its members are; lanes, because one sum would wait for itself. -inf
 * alone is a forbidden token. */
bool logits_broken(const float *logits, size_t n)
{
    float sum[LANES] = {0};
    size_t i = 0, k = 1;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            sum[j] += logits[i + j];
        }
    }
    for (; i < n; i++) {
        sum[0] += logits[i];
    }
    for (size_t j = 1; j < LANES; j++) {
        sum[0] += sum[j];
    }
    while (k < n && logits[k] == logits[0]) {
        k++;
    }
    return isnan(sum[0]) || (isinf(sum[0]) && sum[0] > 0) || (n > 1 && k == n);
}

/* The row in hand once more, under the conditions and counts that it had the first time. */
static plan_token same_again(const slot *sl, token_at at)
{
    plan_token t = slot_token_at(sl, at);
    if (t.replied) {
        t.before[t.phase]--; /* slot_add_row has counted it */
    }
    if (sl->memory != NULL) {
        plan_memory_undo(sl->memory);
    }
    return t;
}

/* First block whose row is not finite; -1: none, or unknown. */
static int first_broken(persona_session *s, slot *sl, bool cvec)
{
    const persona_tap all = {.mode = PERSONA_TAP_LAST, .span = PERSONA_SPAN_LAST_PROMPT};
    stream *st = &s->streams[sl->stream];
    const size_t pos = st->n - 1, d = (size_t)s->model->info.n_embd;
    const token_at at = {.pos = pos, .n_prompt = sl->req.n_prompt, .class = sl->pending_class};
    tap_state tap = {0};
    edit_tally ignored = {0};
    size_t bad = 0;
    int found = -1;
    const eval_row row = {.token = st->tokens[pos],
                          .pos = pos,
                          .seq = sl->stream,
                          .plan = sl->req.plan,
                          .at = same_again(sl, at),
                          .memory = sl->memory,
                          .tally = &ignored,
                          .output = true};
    const compute_call call = {.x = &s->eval, .adapter = cvec};
    const token_at last = {.pos = 0, .n_prompt = 1, .class = TOKEN_TEMPLATE}; /* is read */
    eval_clear(&s->eval);
    if (tap_begin(&tap, &all, s->model->info.n_layer, s->model->info.n_embd, NULL) != PERSONA_OK ||
        eval_add(&s->eval, &row, last, &tap, 1, NULL) != PERSONA_OK) {
        goto out;
    }
    s->compute->ops->trim(s->compute, sl->stream, pos);
    if (s->compute->ops->decode(s->compute, &call, NULL) == PERSONA_OK) {
        const persona_acts acts = tap_acts(&tap);
        if (acts.n_rows > 0 && !vec_finite(acts.data, acts.n_blocks * d, &bad)) {
            found = acts.blocks[bad / d];
        }
    }
out:
    tap_end(&tap);
    return found;
}

void broken_explain(persona_session *s, slot *sl, bool cvec, char *out, size_t size)
{
    const int block = first_broken(s, sl, cvec);
    const persona_plan *p = sl->req.plan;
    int edited = -1;
    for (size_t i = 0; p != NULL && i < p->n; i++) {
        edited = block < 0 || p->steps[i].block <= block ? p->steps[i].block : edited;
    }
    char where[64] = "the last block or the output weights";
    if (block >= 0) {
        snprintf(where, sizeof where, "block %d", block);
    }
    if (edited >= 0) {
        snprintf(out, size,
                 "the activations are not finite from %s on; the steering edits block %d: use a "
                 "smaller coefficient",
                 where, edited);
    } else {
        snprintf(out, size,
                 "the activations are not finite from %s on: a weight of %s is damaged, or the "
                 "model does not suit this backend",
                 where, s->model->path != NULL ? s->model->path : "the model");
    }
}
