/* SPDX-License-Identifier: MIT
 *
 * dynamics.h - requests over the fake engine, and which of their tokens a plan edited: what the
 * tests of edits that depend on the request share.
 */
#ifndef PERSONA_TEST_DYNAMICS_H
#define PERSONA_TEST_DYNAMICS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/syntax.h"
#include "support/fake_compute.h"

enum { MOST = 64, N_PROMPT = 12 };

static const float ALONG[FAKE_EMBD] = {1, 0, 0, 0};

/* One request: which of its tokens were edited, as '1' and '0': the last prompt token, then the
 * reply. */
typedef struct seen {
    char acts[MOST + 2];
    char text[256], message[512];
    persona_token tokens[MOST];
    size_t n_tokens, n_reused, n_steered, n_touched, n_over;
    size_t gate_read, gate_open;
    double ratio_most;
    persona_step_done step;
    persona_code code;
    persona_session *s;
    persona_plan *replan_to;
    size_t replan_at;
} seen;

static inline void mark(char *acts, const persona_acts *before, const persona_acts *after)
{
    for (size_t i = 0; i < after->n_rows; i++) {
        const size_t at = after->positions[i] + 1 - N_PROMPT;
        const size_t size = after->width * sizeof *after->data;
        assert_int_equal(after->positions[i], before->positions[i]);
        acts[at] =
            memcmp(before->data + i * after->width, after->data + i * after->width, size) != 0
                ? '1'
                : '0';
    }
}

static inline void on_done(void *ud, const persona_result *r)
{
    seen *x = ud;
    x->code = r->code;
    snprintf(x->message, sizeof x->message, "%s", r->message);
    snprintf(x->text, sizeof x->text, "%s", r->text);
    x->n_tokens = r->n_tokens;
    memcpy(x->tokens, r->tokens, r->n_tokens * sizeof *r->tokens);
    x->n_reused = r->n_reused;
    x->n_steered = r->n_steered;
    x->n_touched = r->steered.n_tokens;
    x->n_over = r->steered.n_over;
    x->ratio_most = r->steered.ratio_most;
    if (r->steered.n_gates > 0) {
        x->gate_read = r->steered.gates[0].n_read;
        x->gate_open = r->steered.gates[0].n_open;
    }
    if (r->steered.n_steps > 0) {
        x->step = r->steered.steps[0];
    }
    mark(x->acts, &r->acts[0], &r->acts[1]);
    mark(x->acts, &r->acts[2], &r->acts[3]);
}

static inline bool on_token(void *ud, const persona_token_event *ev)
{
    seen *x = ud;
    if (x->replan_to != NULL && ev->index == x->replan_at) {
        assert_int_equal(persona_session_replan(x->s, 1, x->replan_to, NULL), PERSONA_OK);
    }
    return true;
}

static const int BLOCK = 1;
static const persona_tap TAPS[4] = {
    {PERSONA_TAP_ALL, PERSONA_SPAN_LAST_PROMPT, &BLOCK, 1, true, NULL, NULL, 0},
    {PERSONA_TAP_ALL, PERSONA_SPAN_LAST_PROMPT, &BLOCK, 1, false, NULL, NULL, 0},
    {PERSONA_TAP_ALL, PERSONA_SPAN_RESPONSE, &BLOCK, 1, true, NULL, NULL, 0},
    {PERSONA_TAP_ALL, PERSONA_SPAN_RESPONSE, &BLOCK, 1, false, NULL, NULL, 0},
};

static inline persona_request ask(const persona_token *prompt, size_t n, int max_tokens, seen *x)
{
    persona_request r = {.id = 1,
                         .prompt = prompt,
                         .n_prompt = n,
                         .taps = TAPS,
                         .n_taps = 4,
                         .sampling = persona_sampling_defaults(),
                         .ud = x,
                         .on_token = on_token,
                         .on_done = on_done};
    r.sampling.max_tokens = max_tokens;
    r.sampling.ignore_eos = true;
    return r;
}

static inline void fill(persona_token *t, size_t n, int seed)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = 2 + (persona_token)((size_t)seed * 7 + i * 3) % 80;
    }
}

static inline persona_plan *plan_of(const persona_edit *edits, size_t n)
{
    persona_plan *p = NULL;
    persona_err e = {0};
    if (persona_plan_new(FAKE_LAYERS, FAKE_EMBD, edits, n, &p, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return p;
}

/* Moves block 1 on the reply; the caller says when. */
static inline persona_edit adding(double alpha)
{
    return (persona_edit){
        .block = BLOCK, .phases = PERSONA_PHASE_RESPONSE, .alpha = (float)alpha, .v = ALONG};
}

/* Opens where the token's number over 16 is above `open`, which is its state at block 0. */
static inline persona_gate gate(double open, double close)
{
    return (persona_gate){
        .block = 0, .v = ALONG, .sd = 1, .above = true, .open = (float)open, .close = (float)close};
}

static inline seen one(persona_request r, seen x)
{
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 32, NULL);
    x.s = s;
    r.ud = &x;
    assert_int_equal(persona_session_run_all(s, &r, 1, NULL, NULL), x.code);
    persona_session_free(s);
    fake_model_free(m);
    return x;
}

/* A forced reply of n tokens under the edits. */
static inline seen read_text(const persona_token *reply, size_t n, const persona_edit *edits,
                             size_t n_edits)
{
    persona_token prompt[N_PROMPT];
    persona_plan *p = plan_of(edits, n_edits);
    fill(prompt, N_PROMPT, 1);
    persona_request r = ask(prompt, N_PROMPT, 0, NULL);
    r.forced = reply;
    r.n_forced = n;
    r.plan = p;
    const seen x = one(r, (seen){.n_tokens = 0});
    assert_int_equal(x.code, PERSONA_OK);
    persona_plan_free(p);
    return x;
}

static inline persona_edit holding(double aim, double band, double limit)
{
    return (persona_edit){.op = PERSONA_OP_HOLD,
                          .phases = PERSONA_PHASE_RESPONSE,
                          .alpha = 1,
                          .v = ALONG,
                          .x = (float)aim,
                          .band = (float)band,
                          .limit = (float)limit};
}

#endif
