/* SPDX-License-Identifier: MIT
 *
 * verify_answer.c - a short greedy answer, kept with all of its distributions (verifier.h).
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/verify/verifier.h"

persona_code said_init(said *x, const persona_model_info *info, persona_err *e)
{
    *x = (said){.n_vocab = (size_t)info->n_vocab, .n_embd = (size_t)info->n_embd};
    x->logits = mem_calloc(VERIFY_TOKENS * x->n_vocab, sizeof *x->logits);
    x->before = mem_calloc(VERIFY_TOKENS * x->n_embd, sizeof *x->before);
    x->after = mem_calloc(VERIFY_TOKENS * x->n_embd, sizeof *x->after);
    return x->logits != NULL && x->before != NULL && x->after != NULL ? PERSONA_OK
                                                                      : mem_err(e, "an answer");
}

void said_free(said *x)
{
    mem_free(x->logits);
    mem_free(x->before);
    mem_free(x->after);
}

void said_clear(said *x)
{
    *x = (said){.n_vocab = x->n_vocab,
                .n_embd = x->n_embd,
                .logits = x->logits,
                .before = x->before,
                .after = x->after};
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void take_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    said *x = ud;
    if (i < VERIFY_TOKENS) {
        memcpy(x->logits + i * n_vocab, logits, n_vocab * sizeof *logits);
        x->n_logits = i + 1;
    }
}

static bool take_token(void *ud, const persona_token_event *ev)
{
    const said *x = ud;
    if (x->to != NULL && ev->token >= 0 && ev->index == VERIFY_SWITCH) {
        return persona_session_replan(x->session, 1, x->to, NULL) == PERSONA_OK;
    }
    return true;
}

static void take_rows(said *x, const persona_acts *a, float *to)
{
    x->n_rows = a->n_rows < VERIFY_TOKENS ? a->n_rows : VERIFY_TOKENS;
    memcpy(to, a->data, x->n_rows * x->n_embd * sizeof *to);
}

static void take_result(void *ud, const persona_result *r)
{
    said *x = ud;
    x->n = r->n_tokens < VERIFY_TOKENS ? r->n_tokens : VERIFY_TOKENS;
    memcpy(x->tokens, r->tokens, x->n * sizeof *x->tokens);
    x->n_reused = r->n_reused;
    x->n_steered = r->n_steered;
    if (r->steered.n_steps > 0) {
        x->step = r->steered.steps[0];
    }
    if (r->n_acts == 2) {
        take_rows(x, &r->acts[0], x->before);
        take_rows(x, &r->acts[1], x->after);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

persona_code verify_session(const verifier *x, int n_slots, bool exact, bool no_cvec,
                            persona_session **out, persona_err *e)
{
    persona_session_opts o = persona_session_defaults();
    const int wanted = (int)x->prompt.n + 2 * VERIFY_TOKENS + 8;
    o.n_slots = n_slots;
    o.n_ctx = wanted > 64 ? wanted : 64;
    o.n_threads = x->opts.n_threads > 0 ? x->opts.n_threads : o.n_threads;
    o.fixed_shape = exact;
    o.no_reuse = exact;
    o.no_cvec = no_cvec;
    return persona_session_new(x->m, &o, out, e);
}

persona_request verify_request(const verifier *x, persona_plan *plan, said *to)
{
    said_clear(to);
    persona_request r = {.id = 1,
                         .prompt = x->prompt.ids,
                         .n_prompt = x->prompt.n,
                         .raw = true,
                         .sampling = persona_sampling_defaults(),
                         .plan = plan,
                         .ud = to,
                         .on_token = take_token,
                         .on_logits = take_logits,
                         .on_done = take_result};
    r.sampling.temperature = 0;
    r.sampling.max_tokens = VERIFY_TOKENS;
    r.sampling.ignore_eos = true;
    return r;
}

void verify_read_rows(verifier *x, persona_request *r)
{
    for (int after = 0; after < 2; after++) {
        x->taps[after] = (persona_tap){.mode = PERSONA_TAP_ALL,
                                       .span = PERSONA_SPAN_RESPONSE,
                                       .blocks = &x->block,
                                       .n_blocks = 1,
                                       .before_edits = after == 0};
    }
    r->taps = x->taps;
    r->n_taps = 2;
}

persona_code verify_run(const verifier *x, persona_session *s, persona_request *r, size_t n,
                        persona_err *e)
{
    const persona_hooks hooks = {.cancel = x->hooks != NULL ? x->hooks->cancel : NULL};
    for (size_t i = 0; i < n; i++) {
        ((said *)r[i].ud)->session = s;
    }
    return persona_session_run_all(s, r, n, &hooks, e);
}

double said_apart(const said *a, size_t i, const said *b, size_t k, size_t n)
{
    double most = 0;
    if (i + n > a->n_logits || k + n > b->n_logits) {
        return (double)INFINITY;
    }
    const float *p = a->logits + i * a->n_vocab, *q = b->logits + k * b->n_vocab;
    for (size_t t = 0; t < n * a->n_vocab; t++) {
        const double d = fabs((double)p[t] - (double)q[t]);
        most = d > most || isnan(d) ? d : most;
    }
    return isnan(most) ? (double)INFINITY : most;
}
