/* SPDX-License-Identifier: MIT
 *
 * replan.h - a plan that is replaced in the middle of an answer, on any model: what came before is
 * the answer without it, what comes after is that of a fresh request under the new plan, and what a
 * later request may reuse ends where the plan began. Used by test_replan.c (the embedded pair) and
 * real/test_real_replan.c.
 */
#ifndef TESTS_REPLAN_H
#define TESTS_REPLAN_H

#include <math.h>

#include "engine/engine.h"
#include "engine/models.h"

enum { REPLAN_AT = 11, REPLAN_ANSWER = 32, REPLAN_MOST = 160 };

/* An answer with all of its distributions. */
typedef struct spoken {
    persona_session *s;
    persona_plan *to; /* replaces the plan at token REPLAN_AT; NULL: never */
    persona_token tokens[REPLAN_MOST];
    size_t n, n_reused, n_vocab, n_logits;
    float *logits; /* (n_logits, n_vocab) */
} spoken;

static inline bool spoken_token(void *ud, const persona_token_event *ev)
{
    spoken *x = ud;
    persona_err e = {0};
    if (x->to != NULL && ev->token >= 0 && ev->index == REPLAN_AT) {
        must(persona_session_replan(x->s, 1, x->to, &e), &e);
    }
    return true;
}

static inline void spoken_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    spoken *x = ud;
    x->n_vocab = n_vocab;
    x->n_logits = i + 1;
    x->logits = realloc(x->logits, x->n_logits * n_vocab * sizeof *x->logits);
    assert_non_null(x->logits);
    memcpy(x->logits + i * n_vocab, logits, n_vocab * sizeof *logits);
}

static inline void spoken_done(void *ud, const persona_result *r)
{
    spoken *x = ud;
    assert_int_equal(r->code, PERSONA_OK);
    x->n = r->n_tokens;
    x->n_reused = r->n_reused;
    assert_true(r->n_tokens <= REPLAN_MOST);
    memcpy(x->tokens, r->tokens, r->n_tokens * sizeof *r->tokens);
}

/* The greedy answer to n tokens; `to` replaces the plan on the way. */
static inline spoken speak(persona_session *s, const persona_token *prompt, size_t n, int most,
                           persona_plan *plan, persona_plan *to)
{
    spoken x = {.s = s, .to = to};
    persona_request q = {.id = 1,
                         .prompt = prompt,
                         .n_prompt = n,
                         .raw = true,
                         .sampling = persona_sampling_defaults(),
                         .plan = plan,
                         .ud = &x,
                         .on_token = spoken_token,
                         .on_logits = spoken_logits,
                         .on_done = spoken_done};
    q.sampling.temperature = 0;
    q.sampling.max_tokens = most;
    q.sampling.ignore_eos = true;
    run(s, &q, 1);
    assert_int_equal(x.n, most);
    return x;
}

/* The most that a logit of distribution i of a is from that of k of b. */
static inline double apart(const spoken *a, size_t i, const spoken *b, size_t k)
{
    double most = 0;
    for (size_t t = 0; t < a->n_vocab; t++) {
        most = fmax(most, fabs((double)a->logits[i * a->n_vocab + t] -
                               (double)b->logits[k * a->n_vocab + t]));
    }
    return most;
}

/* Both answers are one, but for ties: where they part, the tokens that they chose are closer than
 * what another batch shape moves logits there. Returns the equal tokens. */
static inline size_t same_but_for_ties(const spoken *a, const spoken *b)
{
    size_t i = 0;
    while (i < a->n && i < b->n && a->tokens[i] == b->tokens[i]) {
        i++;
    }
    if (i < a->n && i < b->n) {
        const float *row = a->logits + i * a->n_vocab;
        const double gap = (double)row[a->tokens[i]] - (double)row[b->tokens[i]];
        assert_true(gap <= 2 * apart(a, i, b, i));
    }
    return i;
}

/* One edit of the middle block that moves a row by about `strength` times its length. */
static inline persona_plan *replan_plan(persona_session *s, const persona_token *prompt, size_t n,
                                        persona_op op, double strength)
{
    persona_model *m = persona_session_model(s);
    const persona_model_info *info = persona_model_info_get(m);
    const int block = info->n_layer / 2, d = info->n_embd;
    const persona_tap tap = {.mode = PERSONA_TAP_LAST,
                             .span = PERSONA_SPAN_LAST_PROMPT,
                             .blocks = &block,
                             .n_blocks = 1};
    const persona_tokens t = {(persona_token *)(uintptr_t)prompt, n};
    record r;
    persona_request q = request(&t, &r, 1);
    persona_plan *p = NULL;
    persona_err e = {0};
    double h = 0, length = 0;
    float *v = malloc((size_t)d * sizeof *v);
    assert_non_null(v);
    q.raw = true;
    q.taps = &tap;
    q.n_taps = 1;
    run(s, &q, 1);
    noise(v, d, 5, 1.0F);
    for (int k = 0; k < d; k++) {
        h += (double)r.acts[k] * (double)r.acts[k];
        length += (double)v[k] * (double)v[k];
    }
    free(r.acts);
    const bool adds = op == PERSONA_OP_ADD || op == PERSONA_OP_KEEPNORM;
    const double alpha = adds ? strength * sqrt(h / length) : op == PERSONA_OP_ROTATE ? 70 : 1;
    const double x = (op == PERSONA_OP_CAP ? -1 : 1) * strength * sqrt(h);
    const persona_edit edit = {.op = op,
                               .block = block,
                               .phases = PERSONA_PHASE_RESPONSE,
                               .alpha = (float)alpha,
                               .v = v,
                               .x = (float)x};
    must(persona_plan_new(info->n_layer, d, &edit, 1, &p, &e), &e);
    free(v);
    return p;
}

static inline persona_session *replan_session(persona_model *m, bool no_reuse)
{
    persona_session_opts o = small(1);
    o.no_reuse = no_reuse;
    o.n_threads = 2;
    return session(m, o);
}

static inline void check_replan(persona_model *m, const char *text, persona_op op, double strength)
{
    persona_err e = {0};
    persona_tokens t;
    persona_token longer[REPLAN_MOST];
    must(persona_raw_tokens(m, text, false, &t, &e), &e);
    const size_t n = t.n, k = REPLAN_AT;
    assert_true(n + REPLAN_ANSWER < REPLAN_MOST);
    persona_session *s = replan_session(m, false), *fresh = replan_session(m, true);
    persona_plan *p = replan_plan(s, t.ids, n, op, strength);
    spoken none = speak(s, t.ids, n, REPLAN_ANSWER, NULL, NULL);
    spoken mixed = speak(s, t.ids, n, REPLAN_ANSWER, NULL, p);
    assert_memory_equal(none.tokens, mixed.tokens, (k + 1) * sizeof *mixed.tokens);
    for (size_t i = 0; i <= k; i++) {
        assert_true(apart(&none, i, &mixed, i) == 0);
    }
    assert_memory_not_equal(none.tokens, mixed.tokens, REPLAN_ANSWER * sizeof *mixed.tokens);

    /* A fresh request goes on from there under the new plan: it takes over the very rows that were
     * computed without one, no more, and then says the same, bit for bit. */
    memcpy(longer, t.ids, n * sizeof *longer);
    memcpy(longer + n, mixed.tokens, REPLAN_ANSWER * sizeof *longer);
    const int rest = REPLAN_ANSWER - (int)k - 1;
    spoken after = speak(s, longer, n + k + 1, rest, p, NULL);
    assert_int_equal(after.n_reused, n + k);
    assert_memory_equal(after.tokens, mixed.tokens + k + 1, (size_t)rest * sizeof *longer);
    for (size_t i = 0; i < (size_t)rest; i++) {
        assert_true(apart(&after, i, &mixed, k + 1 + i) == 0);
    }
    /* with nothing to take over, in other batch shapes: the same but for ties */
    spoken again = speak(fresh, longer, n + k + 1, rest, p, NULL);
    assert_int_equal(again.n_reused, 0);
    const size_t n_same = same_but_for_ties(&again, &after);

    /* The whole transcript, unsteered. In the stream stand rows that were steered: who took them
     * for unsteered ones would say something else. */
    spoken right = speak(fresh, longer, n + REPLAN_ANSWER, REPLAN_ANSWER, NULL, NULL);
    free(mixed.logits);
    mixed = speak(s, t.ids, n, REPLAN_ANSWER, NULL, p);
    spoken reused = speak(s, longer, n + REPLAN_ANSWER, REPLAN_ANSWER, NULL, NULL);
    assert_int_equal(reused.n_reused, n + k);
    (void)same_but_for_ties(&right, &reused);
    free(mixed.logits);
    mixed = speak(s, t.ids, n, REPLAN_ANSWER, NULL, p);
    for (size_t i = 0; i < s->streams[0].n_spans; i++) {
        s->streams[0].spans[i].id = 0; /* a lie */
    }
    spoken wrong = speak(s, longer, n + REPLAN_ANSWER, REPLAN_ANSWER, NULL, NULL);
    assert_true(wrong.n_reused > n + k);
    const double shape = apart(&right, 0, &reused, 0), lie = apart(&right, 0, &wrong, 0);
    print_message("%s, operator %d: %zu of %d tokens equal without reuse; logits move by %.3g with "
                  "the shape, "
                  "by %.3g if spans are ignored\n",
                  persona_model_info_get(m)->name, (int)op, n_same, rest, shape, lie);
    assert_true(lie > 5 * shape && lie > 0);
    assert_memory_not_equal(wrong.tokens, right.tokens, REPLAN_ANSWER * sizeof *longer);
    spoken *const all[] = {&none, &mixed, &after, &again, &right, &reused, &wrong};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]->logits);
    }
    persona_plan_free(p);
    persona_session_free(s);
    persona_session_free(fresh);
    persona_tokens_free(&t);
}

#endif
