/* SPDX-License-Identifier: MIT
 *
 * collect.c - a running answer as one reply, and the parts that replies have in common.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/text/text_stream.h"
#include "workbench/probe_spec.h"

#define WAIT_S 0.25 /* between looks at the client's socket */
#define TEXT_MAX ((size_t)64 << 20)

static size_t n_probes(const collected *x)
{
    const persona_probes *p = answer_spec_of(x->a)->probes;
    return p != NULL ? p->n : 0;
}

static persona_code keep_values(collected *x, const answer_event *event, persona_err *e)
{
    const size_t n = n_probes(x);
    collected_choice *c = &x->choices[event->choice];
    if ((c->n_values & (c->n_values - 1)) == 0) { /* at powers of two */
        const size_t cap = c->n_values > 0 ? 2 * c->n_values : 1;
        float *more = mem_realloc(c->values, cap * n, sizeof *more);
        if (more == NULL) {
            return mem_err(e, "readings of probes");
        }
        c->values = more;
    }
    memcpy(c->values + c->n_values++ * n, event->values, n * sizeof *c->values);
    return PERSONA_OK;
}

static persona_code keep_logprob(collected *x, const answer_event *event, persona_err *e)
{
    collected_choice *c = &x->choices[event->choice];
    if ((c->n_logprobs & (c->n_logprobs - 1)) == 0) { /* at powers of two */
        top_logits *more =
            mem_realloc(c->logprobs, c->n_logprobs > 0 ? 2 * c->n_logprobs : 1, sizeof *more);
        if (more == NULL) {
            return mem_err(e, "log-probabilities");
        }
        c->logprobs = more;
    }
    c->logprobs[c->n_logprobs++] = *event->logprob;
    return PERSONA_OK;
}

static persona_code keep_text(collected *x, const answer_event *event, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    collected_choice *c = &x->choices[event->choice];
    buf *to = event->analysis ? &c->analysis : &c->text;
    buf_puts(to, event->text);
    c->n_reasoning += event->analysis && event->token >= 0;
    TRY(buf_ok(to, "an answer", e));
    if (event->logprob != NULL && !event->analysis) {
        TRY(keep_logprob(x, event, e));
    }
out:
    return rc;
}

void collected_init(collected *x, answer *a, uint32_t seed)
{
    *x = (collected){.a = a, .seed = seed};
    for (size_t i = 0; i < ANSWER_CHOICES_MAX; i++) {
        buf_init(&x->choices[i].text, TEXT_MAX);
        buf_init(&x->choices[i].analysis, TEXT_MAX);
    }
}

persona_code collect_event(collected *x, answer_event *event, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (event->kind == ANSWER_PROBED) {
        rc = keep_values(x, event, e);
    } else if (event->kind == ANSWER_TEXT) {
        rc = keep_text(x, event, e);
    }
    answer_event_free(event);
    return rc;
}

persona_code collected_failure(const collected *x, persona_err *e)
{
    for (int i = 0; i < answer_spec_of(x->a)->n_choices; i++) {
        const answer_choice *c = answer_choice_of(x->a, i);
        if (c->code != PERSONA_OK) {
            return persona_err_set(e, c->code, "%s",
                                   c->message[0] != '\0' ? c->message : "the answer was canceled");
        }
    }
    return PERSONA_OK;
}

persona_code collect(call *c, answer *a, uint32_t seed, collected *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool closed = false;
    collected_init(out, a, seed);
    while (!closed) {
        answer_event x;
        answer_next(a, WAIT_S, &x);
        closed = x.kind == ANSWER_CLOSED;
        if (x.kind == ANSWER_NOTHING && http_gone(c->request)) {
            c->status = 499;
            rc = persona_err_set(e, PERSONA_E_CANCELED, "the client has gone");
            goto out;
        }
        TRY(collect_event(out, &x, e));
    }
    TRY(collected_failure(out, e));
out:
    if (rc != PERSONA_OK) {
        collected_free(out);
    }
    return rc;
}

void collected_free(collected *x)
{
    answer_free(x->a);
    for (size_t i = 0; i < ANSWER_CHOICES_MAX; i++) {
        buf_free(&x->choices[i].text);
        buf_free(&x->choices[i].analysis);
        mem_free(x->choices[i].values);
        mem_free(x->choices[i].logprobs);
    }
    *x = (collected){.a = NULL};
}

/* ---- parts of replies ------------------------------------------------------------------------ */

void usage_json(json_out *o, const collected *x)
{
    size_t prompt = 0, reused = 0, written = 0, reasoning = 0;
    for (int i = 0; i < answer_spec_of(x->a)->n_choices; i++) {
        const answer_choice *c = answer_choice_of(x->a, i);
        prompt = c->n_prompt > prompt ? c->n_prompt : prompt;
        reused = c->n_reused > reused ? c->n_reused : reused;
        written += c->n_tokens;
        reasoning += x->choices[i].n_reasoning;
    }
    jo_object(o, "usage");
    jo_int(o, "prompt_tokens", (long long)prompt);
    jo_int(o, "completion_tokens", (long long)written);
    jo_int(o, "total_tokens", (long long)prompt + (long long)written);
    jo_object(o, "prompt_tokens_details");
    jo_int(o, "cached_tokens", (long long)reused);
    jo_end(o);
    jo_object(o, "completion_tokens_details");
    jo_int(o, "reasoning_tokens", (long long)reasoning);
    jo_end(o);
    jo_end(o);
}

void token_ids_json(json_out *o, const answer_choice *c)
{
    if (c->ids != NULL) {
        jo_array(o, "token_ids");
        for (size_t i = 0; i < c->n_tokens; i++) {
            jo_int(o, NULL, c->ids[i]);
        }
        jo_end(o);
    }
}

const char *finish_reason(const answer_choice *c)
{
    if (!c->ended) {
        return NULL;
    }
    switch (c->finish) {
    case PERSONA_FINISH_LENGTH:
        return "length";
    case PERSONA_FINISH_STOP:
    case PERSONA_FINISH_FORCED:
    case PERSONA_FINISH_SINK:
        return "stop";
    case PERSONA_FINISH_CANCELED:
    case PERSONA_FINISH_FAILED:
        break;
    }
    return "error";
}

static void one_probe(json_out *o, const persona_probe *p, const collected_choice *c, size_t n,
                      size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < c->n_values; i++) {
        sum += (double)c->values[i * n + k];
    }
    const double mean = c->n_values > 0 ? sum / (double)c->n_values : (double)NAN;
    jo_object(o, NULL);
    jo_string(o, "vector", p->name);
    jo_int(o, "block", p->block);
    jo_number(o, "projection", mean);
    jo_number(o, "z", probe_z(mean, p->mean, p->sd));
    jo_array(o, "per_token");
    for (size_t i = 0; i < c->n_values; i++) {
        jo_number(o, NULL, (double)c->values[i * n + k]);
    }
    jo_end(o);
    jo_array(o, "z_per_token");
    for (size_t i = 0; i < c->n_values; i++) {
        jo_number(o, NULL, probe_z((double)c->values[i * n + k], p->token_mean, p->token_sd));
    }
    jo_end(o);
    jo_end(o);
}

void probes_json(json_out *o, const collected *x, int choice)
{
    const persona_probes *p = answer_spec_of(x->a)->probes;
    if (p == NULL) {
        return;
    }
    jo_array(o, "probes");
    for (size_t k = 0; k < p->n; k++) {
        one_probe(o, &p->list[k], &x->choices[choice], p->n, k);
    }
    jo_end(o);
}

void probed_piece_json(json_out *o, const collected *x, const answer_event *event)
{
    const persona_probes *p = answer_spec_of(x->a)->probes;
    jo_object(o, "probes");
    jo_int(o, "index", (long long)event->index);
    jo_array(o, "values");
    for (size_t k = 0; k < p->n; k++) {
        jo_number(o, NULL, (double)event->values[k]);
    }
    jo_end(o);
    jo_array(o, "z");
    for (size_t k = 0; k < p->n; k++) {
        jo_number(o, NULL,
                  probe_z((double)event->values[k], p->list[k].token_mean, p->list[k].token_sd));
    }
    jo_end(o);
    jo_end(o);
}
