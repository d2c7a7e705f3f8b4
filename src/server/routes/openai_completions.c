/* SPDX-License-Identifier: MIT
 *
 * openai_completions.c - POST /v1/completions: text goes on without a chat template. With `echo`
 * and `logprobs` the prompt is scored, too, which is what lm-eval asks for.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/score.h"
#include "server/routes/routes.h"
#include "server/text/keep.h"
#include "server/text/logprobs.h"
#include "server/text/text_stream.h"

enum { PROMPTS_MAX = 64 };

typedef struct completion_args {
    ask ask; /* first: ASK_FIELDS */
    const json_val *prompt;
    int wanted, top; /* max_tokens, -1: not said; logprobs, -1: none */
    bool echo;
    const char *suffix;
    int best_of;
} completion_args;

static void init(void *args)
{
    completion_args *a = args;
    ask_init(args);
    a->wanted = -1;
    a->top = -1;
}

static const field fields[] = {
    {.name = "prompt",
     .type = FIELD_ANY,
     .required = true,
     .at = offsetof(completion_args, prompt),
     .schema = "string | string[] | number[] | number[][]",
     .help = "Text or tokens, or up to 64 of them; control tokens are read, BOS is put in front "
             "where the model wants one"},
    ASK_FIELDS,
    {.name = "max_tokens",
     .type = FIELD_INT,
     .max = 1 << 20,
     .at = offsetof(completion_args, wanted),
     .help = "Tokens to write at most. Default 16; 0 only with echo"},
    {.name = "echo",
     .type = FIELD_BOOL,
     .at = offsetof(completion_args, echo),
     .help = "The prompt stands before the answer, with logprobs also theirs"},
    {.name = "logprobs",
     .type = FIELD_INT,
     .max = TOP_LOGITS_MAX,
     .at = offsetof(completion_args, top),
     .help = "Log-probabilities of the tokens and of so many likeliest at their places"},
    {.name = "suffix",
     .type = FIELD_STRING,
     .at = offsetof(completion_args, suffix),
     .help = "Only empty: not supported"},
    {.name = "best_of",
     .type = FIELD_INT,
     .min = 1,
     .max = ANSWER_CHOICES_MAX,
     .at = offsetof(completion_args, best_of),
     .help = "Only as n has it: choosing is not supported"},
    FIELD_LAST,
};

/* ---- prompts --------------------------------------------------------------------------------- */

typedef struct prompts {
    persona_tokens *list; /* (n) */
    char **texts;         /* (n) what echo shows */
    score *scores;        /* (n) with echo and logprobs; else NULL */
    size_t n;
} prompts;

static void prompts_free(prompts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        persona_tokens_free(&p->list[i]);
        mem_free(p->texts[i]);
        if (p->scores != NULL) {
            score_clear(&p->scores[i]);
        }
    }
    mem_free(p->list);
    mem_free(p->texts);
    mem_free(p->scores);
}

static persona_code ids_of(const served *m, const json_val *v, size_t i, persona_tokens *out,
                           persona_err *e)
{
    const size_t n = json_len(v);
    out->ids = mem_calloc(n + 1, sizeof *out->ids);
    if (out->ids == NULL) {
        return mem_err(e, "a prompt");
    }
    for (size_t k = 0; k < n; k++) {
        const double x = json_number(json_at(v, k), -1);
        if (!(x >= 0 && x < m->info->n_vocab) || x != (double)(persona_token)x) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "prompt[%zu][%zu]: wants the number of a token below %d", i, k,
                                   m->info->n_vocab);
        }
        out->ids[out->n++] = (persona_token)x;
    }
    return PERSONA_OK;
}

static persona_code one_prompt(const served *m, const json_val *v, size_t i, prompts *p,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_tokens *t = &p->list[i];
    const char *text = json_string(v);
    if (text != NULL && strlen(text) == json_string_len(v)) {
        TRY(persona_raw_tokens(m->model, text, false, t, e));
    } else if (json_typeof(v) == JSON_ARRAY) {
        TRY(ids_of(m, v, i, t, e));
    } else {
        rc = persona_err_set(e, PERSONA_E_USAGE, "prompt[%zu]: wants text or tokens", i);
        goto out;
    }
    if (t->n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "prompt[%zu]: is empty", i);
        goto out;
    }
    TRY(persona_detokenize(m->model, t->ids, t->n, false, &p->texts[i], e));
out:
    return rc;
}

/* A list of numbers is one prompt, a list of anything else several. */
static bool is_one(const json_val *v)
{
    return json_typeof(v) != JSON_ARRAY || json_typeof(json_at(v, 0)) == JSON_NUMBER;
}

static persona_code read_prompts(const served *m, const json_val *v, prompts *p, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool one = is_one(v);
    const size_t n = one ? 1 : json_len(v);
    if (n == 0 || n > PROMPTS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "prompt: wants 1 to %d prompts, not %zu",
                               PROMPTS_MAX, n);
    }
    p->list = mem_calloc(n, sizeof *p->list);
    p->texts = mem_calloc(n, sizeof *p->texts);
    if (p->list == NULL || p->texts == NULL) {
        return mem_err(e, "prompts");
    }
    p->n = n;
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        rc = one_prompt(m, one ? v : json_at(v, i), i, p, e);
    }
    return rc;
}

static persona_code score_prompts(const completion_args *a, const asked *x, prompts *p,
                                  persona_err *e)
{
    persona_code rc = PERSONA_OK;
    score_text *texts = mem_calloc(p->n, sizeof *texts);
    size_t *which = mem_calloc(p->n, sizeof *which), n = 0;
    score *got = mem_calloc(p->n, sizeof *got);
    p->scores = mem_calloc(p->n, sizeof *p->scores);
    TRY(texts != NULL && which != NULL && got != NULL && p->scores != NULL ? PERSONA_OK
                                                                           : mem_err(e, "scores"));
    for (size_t i = 0; i < p->n; i++) {
        if (p->list[i].n > 1) { /* of one token nothing is known */
            which[n] = i;
            texts[n++] = (score_text){.tokens = p->list[i].ids,
                                      .n = p->list[i].n,
                                      .raw = true,
                                      .top = (size_t)a->top,
                                      .plan = x->spec.steering.plan};
        }
    }
    if (n > 0) {
        TRY(score_texts(x->spec.model->session, texts, n, PERSONA_PRIORITY_INTERACTIVE, NULL, got,
                        e));
    }
    for (size_t i = 0; i < n; i++) {
        p->scores[which[i]] = got[i];
    }
out:
    mem_free(texts);
    mem_free(which);
    mem_free(got);
    return rc;
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* Several answers, one for each prompt. */
typedef struct completions {
    const completion_args *a;
    const prompts *p;
    collected *got;      /* (p->n); a NULL: nothing was to be written */
    const served *model; /* held */
    char id[ANSWER_ID_MAX];
    int64_t created;
    uint32_t seed;
} completions;

/* Scores of the prompt, then those of the answer. */
static void both_logprobs(json_out *o, const completions *x, const collected *got, size_t i,
                          int choice)
{
    const collected_choice *c = &got->choices[choice];
    const score *s = x->a->echo && x->p->scores != NULL ? &x->p->scores[i] : NULL;
    const size_t before = s != NULL ? 1 + s->n : 0;
    top_logits *all = mem_calloc(before + c->n_logprobs + 1, sizeof *all);
    if (x->a->top < 0 || all == NULL) {
        jo_null(o, "logprobs");
        mem_free(all);
        return;
    }
    if (s != NULL) {
        all[0].chosen.token = x->p->list[i].ids[0];
        memcpy(all + 1, s->tokens, s->n * sizeof *all);
    }
    if (c->n_logprobs > 0) {
        memcpy(all + before, c->logprobs, c->n_logprobs * sizeof *all);
    }
    const long long offset = s != NULL || !x->a->echo ? 0 : (long long)strlen(x->p->texts[i]);
    logprobs_legacy_json(o, x->model->model, all, before + c->n_logprobs, offset, s != NULL);
    mem_free(all);
}

static void choice_json(json_out *o, const completions *x, size_t i, int choice, int index)
{
    const collected *got = &x->got[i];
    const answer_choice *c = got->a != NULL ? answer_choice_of(got->a, choice) : NULL;
    buf text;
    buf_init(&text, (size_t)128 << 20);
    if (x->a->echo) {
        buf_puts(&text, x->p->texts[i]);
    }
    if (c != NULL) {
        buf_puts(&text, buf_str(&got->choices[choice].text));
    }
    jo_object(o, NULL);
    jo_string(o, "text", buf_str(&text));
    jo_int(o, "index", index);
    both_logprobs(o, x, got, i, choice);
    jo_string(o, "finish_reason", c != NULL ? finish_reason(c) : "length");
    if (c != NULL) {
        answer_steering_json(got->a, o, choice);
        probes_json(o, got, choice);
        token_ids_json(o, c);
    }
    jo_end(o);
    buf_free(&text);
}

static void usage_of_all(json_out *o, const completions *x)
{
    size_t prompt = 0, written = 0;
    for (size_t i = 0; i < x->p->n; i++) {
        prompt += x->p->list[i].n;
        for (int k = 0; x->got[i].a != NULL && k < x->a->ask.n; k++) {
            written += answer_choice_of(x->got[i].a, k)->n_tokens;
        }
    }
    jo_object(o, "usage");
    jo_int(o, "prompt_tokens", (long long)prompt);
    jo_int(o, "completion_tokens", (long long)written);
    jo_int(o, "total_tokens", (long long)prompt + (long long)written);
    jo_end(o);
}

static void write_reply(json_out *o, const completions *x)
{
    jo_object(o, NULL);
    jo_string(o, "id", x->id);
    jo_string(o, "object", "text_completion");
    jo_int(o, "created", x->created);
    jo_string(o, "model", x->model->id);
    jo_int(o, "seed", x->seed);
    jo_array(o, "choices");
    for (size_t i = 0; i < x->p->n; i++) {
        for (int k = 0; k < x->a->ask.n; k++) {
            choice_json(o, x, i, k, (int)i * x->a->ask.n + k);
        }
    }
    jo_end(o);
    usage_of_all(o, x);
    if (x->got[0].a != NULL) {
        answer_steering_json(x->got[0].a, o, 0);
    }
    jo_end(o);
}

/* ---- as a stream: one prompt ----------------------------------------------------------------- */

static void piece_begin(json_out *o, buf *out, const collected *x)
{
    buf_puts(out, "data: ");
    jo_init(o, out, false);
    jo_object(o, NULL);
    jo_string(o, "id", answer_id(x->a));
    jo_string(o, "object", "text_completion");
    jo_int(o, "created", answer_created(x->a));
    jo_string(o, "model", answer_spec_of(x->a)->model->id);
    jo_int(o, "seed", x->seed);
    jo_array(o, "choices");
}

static void piece_end(json_out *o, buf *out)
{
    jo_end(o);
    buf_puts(out, "\n\n");
}

static void begin(collected *x, buf *out)
{
    (void)x;
    (void)out;
}

static void event_choice(json_out *o, const collected *x, const answer_event *event)
{
    const bool ended = event->kind == ANSWER_ENDED;
    jo_object(o, NULL);
    jo_int(o, "index", event->choice);
    jo_string(o, "text", event->text != NULL ? event->text : "");
    if (event->logprob != NULL) {
        logprobs_legacy_json(o, answer_spec_of(x->a)->model->model, event->logprob, 1, 0, false);
    } else {
        jo_null(o, "logprobs");
    }
    jo_string(o, "finish_reason",
              ended ? finish_reason(answer_choice_of(x->a, event->choice)) : NULL);
    if (event->kind == ANSWER_PROBED) {
        probed_piece_json(o, x, event);
    } else if (ended) {
        answer_steering_json(x->a, o, event->choice);
        probes_json(o, x, event->choice);
        token_ids_json(o, answer_choice_of(x->a, event->choice));
    }
    jo_end(o);
}

static void event(collected *x, const answer_event *event, buf *out)
{
    json_out o;
    if (event->kind == ANSWER_TEXT && event->text[0] == '\0' && event->logprob == NULL) {
        return;
    }
    piece_begin(&o, out, x);
    event_choice(&o, x, event);
    jo_end(&o);
    if (event->kind == ANSWER_ENDED) {
        answer_steering_json(x->a, &o, event->choice);
    }
    piece_end(&o, out);
}

static void end(collected *x, bool usage, buf *out)
{
    if (usage) {
        json_out o;
        piece_begin(&o, out, x);
        jo_end(&o);
        usage_json(&o, x);
        piece_end(&o, out);
    }
    buf_puts(out, "data: [DONE]\n\n");
}

static void failed(collected *x, const persona_err *e, buf *out)
{
    (void)x;
    stream_error(e, out);
}

static const stream_shape shape = {.type = "text/event-stream",
                                   .keep_alive = ": waiting\n\n",
                                   .begin = begin,
                                   .event = event,
                                   .end = end,
                                   .failed = failed};

/* ---- the handler ----------------------------------------------------------------------------- */

static persona_code check(const completion_args *a, persona_err *e)
{
    if (a->suffix != NULL && *a->suffix != '\0') {
        return persona_err_set(e, PERSONA_E_USAGE, "suffix: not supported");
    }
    if (a->best_of > 0 && a->best_of != a->ask.n) {
        return persona_err_set(e, PERSONA_E_USAGE, "best_of: must be n");
    }
    if (a->wanted == 0 && !a->echo) {
        return persona_err_set(e, PERSONA_E_USAGE, "max_tokens: 0 writes nothing without echo");
    }
    if (a->ask.stream && (a->echo || !is_one(a->prompt))) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "stream: goes with one prompt that is not echoed");
    }
    return PERSONA_OK;
}

/* The prompt is copied: echo still shows it. */
static persona_code start_one(call *c, const completion_args *a, const persona_tokens *prompt,
                              asked *x, answer **out, persona_err *e)
{
    persona_tokens *copy = &x->spec.prompt;
    copy->ids = mem_calloc(prompt->n, sizeof *copy->ids);
    if (copy->ids == NULL) {
        asked_clear(x);
        return mem_err(e, "a prompt");
    }
    memcpy(copy->ids, prompt->ids, prompt->n * sizeof *copy->ids);
    copy->n = prompt->n;
    x->spec.raw = true;
    x->spec.logprobs = a->top >= 0;
    x->spec.n_top = a->top > 0 ? (size_t)a->top : 0;
    return ask_start(c, &a->ask, x, a->wanted > 0 ? a->wanted : 16, out, e);
}

/* All prompts run at once; x is the first one's, the others open their own. */
static persona_code write_all(call *c, const completion_args *a, asked *x, completions *all,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = all->p->n;
    answer **running = mem_calloc(n, sizeof *running);
    TRY(running != NULL ? PERSONA_OK : mem_err(e, "answers"));
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            TRY(ask_open(c, &a->ask, "cmpl", x, e));
            x->spec.sampling.seed = all->seed;
        }
        TRY(start_one(c, a, &all->p->list[i], x, &running[i], e));
    }
    snprintf(all->id, sizeof all->id, "%s", answer_id(running[0]));
    all->created = answer_created(running[0]);
    for (size_t i = 0; i < n; i++) {
        answer *one = running[i];
        running[i] = NULL;
        TRY(collect(c, one, all->seed, &all->got[i], e));
        if (a->ask.store) {
            keep_run(c->s, c->request, c->request->body, &all->got[i]);
        }
    }
out:
    for (size_t i = 0; running != NULL && i < n; i++) {
        answer_free(running[i]);
    }
    mem_free(running);
    return rc;
}

static persona_code reply_whole(call *c, const completion_args *a, asked *x, prompts *p,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    completions all = {.a = a, .p = p, .model = x->spec.model, .seed = x->seed};
    served *held = x->spec.model;
    registry_hold(c->s->models, held);
    all.created = (int64_t)time(NULL);
    snprintf(all.id, sizeof all.id, "cmpl-score");
    all.got = mem_calloc(p->n, sizeof *all.got);
    TRY(all.got != NULL ? PERSONA_OK : mem_err(e, "answers"));
    if (a->wanted != 0) {
        TRY(write_all(c, a, x, &all, e));
    }
    write_reply(&c->out, &all);
out:
    for (size_t i = 0; all.got != NULL && i < p->n; i++) {
        collected_free(&all.got[i]);
    }
    mem_free(all.got);
    registry_release(c->s->models, held);
    return rc;
}

static persona_code run(call *c, persona_err *e)
{
    const completion_args *a = c->args;
    persona_code rc = PERSONA_OK;
    asked x = {.seed = 0};
    prompts p = {.n = 0};
    answer *running = NULL;
    TRY(check(a, e));
    TRY(ask_open(c, &a->ask, "cmpl", &x, e));
    TRY(read_prompts(x.spec.model, a->prompt, &p, e));
    if (a->echo && a->top >= 0) {
        TRY(score_prompts(a, &x, &p, e));
    }
    if (a->ask.stream) {
        const uint32_t seed = x.seed;
        TRY(start_one(c, a, &p.list[0], &x, &running, e));
        TRY(stream_reply(c, &a->ask, running, seed, &shape, e));
    } else {
        TRY(reply_whole(c, a, &x, &p, e));
    }
out:
    asked_clear(&x);
    prompts_free(&p);
    return rc;
}

const route routes_openai_completions[] = {
    {.method = "POST",
     .path = "/v1/completions",
     .errors = ERRORS_OPENAI,
     .body = fields,
     .args_size = sizeof(completion_args),
     .init = init,
     .run = run,
     .tag = "OpenAI",
     .summary = "Goes on with a text, without a chat template"},
    {.method = NULL},
};
