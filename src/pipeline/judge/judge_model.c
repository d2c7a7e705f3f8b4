/* SPDX-License-Identifier: MIT
 *
 * judge_model.c - a language model as judge: it reads the question about an answer, and its score
 * is the expectation over the probabilities of the numbers that it could reply with. Nothing is
 * sampled, and the model is never steered: it has a session of its own.
 *
 * Each question is one request whose only product is the distribution of the first token of the
 * reply. Where a number takes several tokens (judge_numbers.c), each likely beginning is one more
 * request: the same prompt and the beginning. These find the prompt in a stream of the session, but
 * only as long as no other prompt has taken that stream: so there, one question is finished before
 * the next one begins. Questions come in blocks, all about the trait, then all about coherence,
 * since neighbors share what stands before the answer.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "persona/session.h"
#include "pipeline/judge/judge_kind.h"
#include "pipeline/judge/judge_numbers.h"

#define BLOCK ((size_t)32) /* items whose trait questions come before their coherence questions */
#define NEGLIGIBLE 1e-4    /* of the mass on numbers: such beginnings are not followed */

typedef struct judge_model {
    persona_model *m;
    persona_session *s;
    float min_mass;
    numbers numbers;
} judge_model;

/* One question about one item. */
typedef struct reading {
    bool busy;
    bool lost; /* a request ended without its distribution */
    size_t item;
    bool coherence;
    persona_tokens prompt;
    number_sum sum;
    double negligible;
    number_branch open[NUMBERS_MAX]; /* beginnings still to be asked */
    size_t n_open, n_running;
} reading;

typedef struct judging judging;

/* One request. */
typedef struct flight {
    judging *all; /* NULL: free */
    reading *r;
    number_branch at;
    number_sum sum; /* from the thread that computes; on_done adds it to the reading */
    number_branch open[NUMBERS_MAX];
    size_t n_open;
    persona_token *tokens; /* prompt and beginning; NULL: the prompt alone */
    bool read;
} flight;

struct judging {
    judge_model *j;
    const persona_trait *trait;
    const persona_judge_item *items;
    size_t n, at; /* at: questions begun, of 2 n */
    size_t n_done;
    persona_judgement *out; /* n */
    unsigned char *left;    /* n: questions not answered yet */
    reading *readings;
    size_t n_readings; /* questions asked at once */
    flight *flights;
    size_t n_flights; /* one per slot, and as many made ahead for a model thread */
    char stage[96];
    const persona_hooks *hooks;
    persona_judge_sink sink;
    void *ud;
    persona_code rc; /* first failure in a callback */
    persona_err *e;
};

/* ---- results --------------------------------------------------------------------------------- */

static void finish(judging *x, reading *r)
{
    persona_judgement *out = &x->out[r->item];
    const double mass = r->sum.mass;
    const float score =
        mass > 0 && mass >= (double)x->j->min_mass ? (float)(r->sum.weighted / mass) : NAN;
    if (r->coherence) {
        out->coherence = score;
    } else {
        out->trait = score;
        out->mass = (float)mass;
    }
    persona_tokens_free(&r->prompt);
    r->busy = false;
    if (r->lost || --x->left[r->item] > 0) {
        return;
    }
    x->n_done++;
    if (x->rc == PERSONA_OK) {
        x->rc = x->sink(x->ud, r->item, out, x->e);
    }
}

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    flight *f = ud;
    if (i == 0) {
        f->read = true;
        f->n_open = numbers_read(&f->all->j->numbers, f->at, logits, n_vocab, &f->sum, f->open);
    }
}

/* Adds what a flight has read to its reading. */
static void take_in(reading *r, const flight *f)
{
    r->sum.mass += f->sum.mass;
    r->sum.weighted += f->sum.weighted;
    if (f->at.node == 0) {
        double total = r->sum.mass;
        for (size_t k = 0; k < f->n_open; k++) {
            total += f->open[k].p;
        }
        r->negligible = NEGLIGIBLE * total;
    }
    for (size_t k = 0; k < f->n_open; k++) {
        if (f->open[k].p > r->negligible) {
            r->open[r->n_open++] = f->open[k];
        }
    }
}

static void on_done(void *ud, const persona_result *result)
{
    flight *f = ud;
    judging *x = f->all;
    reading *r = f->r;
    if (result->finish == PERSONA_FINISH_FAILED && x->rc == PERSONA_OK) {
        x->rc = persona_err_set(x->e, result->code, "%s", result->message);
    }
    take_in(r, f);
    r->lost = r->lost || !f->read;
    r->n_running--;
    mem_free(f->tokens);
    *f = (flight){0};
    if (r->n_running == 0 && (r->n_open == 0 || r->lost)) {
        finish(x, r);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Question q of 2 n: within a block of items, first those about the trait. */
static void locate(const judging *x, size_t q, size_t *item, bool *coherence)
{
    const size_t first = q / (2 * BLOCK) * BLOCK, k = q - 2 * first;
    const size_t size = x->n - first < BLOCK ? x->n - first : BLOCK;
    *coherence = k >= size;
    *item = first + (*coherence ? k - size : k);
}

static persona_code begin(judging *x, reading *r, size_t q)
{
    *r = (reading){.busy = true};
    locate(x, q, &r->item, &r->coherence);
    const persona_judge_item *it = &x->items[r->item];
    char *text = r->coherence ? judge_coherence_prompt(it) : judge_trait_prompt(x->trait, it);
    if (!text) {
        return mem_err(x->e, "a question to the judge");
    }
    const persona_message message = {"user", text};
    const persona_chat_opts chat = {.skip_analysis = true};
    const persona_code rc = persona_chat_tokens(x->j->m, &message, 1, &chat, &r->prompt, x->e);
    mem_free(text);
    return rc;
}

/* Fills in the request for what the answer begins with at `at`. */
static persona_code ask_for(judging *x, reading *r, number_branch at, persona_request *out)
{
    flight *f = x->flights;
    persona_token path[NUMBERS_DEPTH];
    const size_t n = numbers_path(&x->j->numbers, at.node, path);
    while (f->all) { /* next has seen a free one */
        f++;
    }
    *f = (flight){.all = x, .r = r, .at = at};
    if (n > 0) {
        f->tokens = mem_calloc(r->prompt.n + n, sizeof *f->tokens);
        if (!f->tokens) {
            return mem_err(x->e, "a question to the judge");
        }
        memcpy(f->tokens, r->prompt.ids, r->prompt.n * sizeof *f->tokens);
        memcpy(f->tokens + r->prompt.n, path, n * sizeof *f->tokens);
    }
    *out = (persona_request){.prompt = f->tokens ? f->tokens : r->prompt.ids,
                             .n_prompt = r->prompt.n + n,
                             .sampling = persona_sampling_defaults(),
                             .ud = f,
                             .on_logits = on_logits,
                             .on_done = on_done};
    out->sampling.temperature = 0;
    out->sampling.max_tokens = 1; /* the token itself is thrown away */
    r->n_running++;
    return PERSONA_OK;
}

static reading *find(judging *x, bool waiting)
{
    for (size_t i = 0; i < x->n_readings; i++) {
        reading *r = &x->readings[i];
        if (waiting ? r->busy && r->n_open > 0 && !r->lost : !r->busy) {
            return r;
        }
    }
    return NULL;
}

static bool any_free(const judging *x)
{
    for (size_t i = 0; i < x->n_flights; i++) {
        if (!x->flights[i].all) {
            return true;
        }
    }
    return false;
}

static bool any_busy(const judging *x)
{
    for (size_t i = 0; i < x->n_readings; i++) {
        if (x->readings[i].busy) {
            return true;
        }
    }
    return false;
}

/* A question that does not fit the context stays unanswered; the others go on. */
static bool fits(const judging *x, const reading *r)
{
    const int n_ctx = persona_session_opts_get(x->j->s)->n_ctx;
    return r->prompt.n + NUMBERS_DEPTH + 1 <= (size_t)n_ctx;
}

static persona_next next(void *ud, persona_request *out)
{
    judging *x = ud;
    if (!any_free(x)) {
        return PERSONA_NEXT_LATER;
    }
    reading *r = find(x, true);
    if (x->rc == PERSONA_OK && r) {
        x->rc = ask_for(x, r, r->open[--r->n_open], out);
        return x->rc == PERSONA_OK ? PERSONA_NEXT_REQUEST : PERSONA_NEXT_END;
    }
    while (x->rc == PERSONA_OK && x->at < 2 * x->n && (r = find(x, false))) {
        x->rc = begin(x, r, x->at++);
        if (x->rc != PERSONA_OK) {
            break;
        }
        if (!fits(x, r)) {
            finish(x, r);
            continue;
        }
        x->rc = ask_for(x, r, (number_branch){0, 1}, out);
        return x->rc == PERSONA_OK ? PERSONA_NEXT_REQUEST : PERSONA_NEXT_END;
    }
    return x->rc == PERSONA_OK && any_busy(x) ? PERSONA_NEXT_LATER : PERSONA_NEXT_END;
}

/* The session counts requests; the caller counts answers. */
static void on_progress(void *ud, const persona_progress *p)
{
    judging *x = ud;
    const persona_progress mine = {
        .stage = x->stage, .done = x->n_done, .total = x->n, .n_tokens = p->n_tokens};
    x->hooks->progress(x->hooks->ud, &mine);
}

/* ---- the judge ------------------------------------------------------------------------------- */

static persona_code prepare(judging *x, persona_err *e)
{
    if (x->n > SIZE_MAX / 2) {
        return mem_err(e, "answers to judge");
    }
    const size_t n_slots = (size_t)persona_session_opts_get(x->j->s)->n_slots;
    x->n_flights = 2 * n_slots;
    x->n_readings = x->j->numbers.deep ? 1 : n_slots;
    x->out = mem_calloc(x->n, sizeof *x->out);
    x->left = mem_calloc(x->n, sizeof *x->left);
    x->readings = mem_calloc(x->n_readings, sizeof *x->readings);
    x->flights = mem_calloc(x->n_flights, sizeof *x->flights);
    if (!x->out || !x->left || !x->readings || !x->flights) {
        return mem_err(e, "answers to judge");
    }
    memset(x->left, 2, x->n);
    snprintf(x->stage, sizeof x->stage, "judge %s", x->trait->name);
    return PERSONA_OK;
}

static void clean_up(judging *x)
{
    for (size_t i = 0; x->flights && i < x->n_flights; i++) {
        mem_free(x->flights[i].tokens);
    }
    for (size_t i = 0; x->readings && i < x->n_readings; i++) {
        persona_tokens_free(&x->readings[i].prompt);
    }
    mem_free(x->flights);
    mem_free(x->readings);
    mem_free(x->left);
    mem_free(x->out);
}

static persona_code run(void *self, const persona_trait *trait, const persona_judge_item *items,
                        size_t n, const persona_hooks *hooks, persona_judge_sink sink, void *ud,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    judging x = {.j = self,
                 .trait = trait,
                 .items = items,
                 .n = n,
                 .hooks = hooks,
                 .sink = sink,
                 .ud = ud,
                 .e = e};
    persona_hooks h = {.ud = &x, .cancel = hooks ? hooks->cancel : NULL};
    if (hooks && hooks->progress) {
        h.progress = on_progress;
    }
    TRY(prepare(&x, e));
    TRY(persona_session_run(x.j->s, next, &x, &h, e));
    TRY(x.rc);
out:
    clean_up(&x);
    return rc;
}

static void free_self(void *self)
{
    judge_model *j = self;
    if (j) {
        persona_session_free(j->s);
    }
    mem_free(j);
}

static bool knows(const void *self, const char *trait)
{
    (void)self;
    (void)trait;
    return true;
}

static void validity(const void *self, const char *trait, bool measured, char *out, size_t size)
{
    const judge_model *j = self;
    if (measured) {
        return;
    }
    snprintf(
        out, size,
        "model '%s': expectation over %s, uncalibrated on '%s': compare it with labels ('persona "
        "judge test') before trusting its scores",
        persona_model_info_get(j->m)->name,
        j->numbers.deep ? "the digits of 0 to 100" : "the tokens 0 to 100", trait);
}

static const judge_kind MODEL = {.name = "model",
                                 .asks = true,
                                 .free = free_self,
                                 .knows = knows,
                                 .validity = validity,
                                 .run = run};

persona_session *judge_model_session(const persona_judge *j)
{
    const judge_model *x = judge_self(j, &MODEL);
    return x != NULL ? x->s : NULL;
}

persona_judge_model_opts persona_judge_model_defaults(void)
{
    return (persona_judge_model_opts){.n_slots = 8, .n_ctx = 4096, .min_mass = 0.25F};
}

static persona_code open_session(judge_model *j, const persona_judge_model_opts *o, persona_err *e)
{
    const int limit = persona_model_info_get(j->m)->n_ctx_train;
    persona_session_opts s = persona_session_defaults();
    s.n_slots = o->n_slots > 0 ? o->n_slots : persona_judge_model_defaults().n_slots;
    s.n_ctx = o->n_ctx > 0 ? o->n_ctx : persona_judge_model_defaults().n_ctx;
    if (limit > 0 && s.n_ctx > limit) {
        s.n_ctx = limit;
    }
    if (o->n_threads > 0) {
        s.n_threads = o->n_threads;
    }
    return persona_session_new(j->m, &s, &j->s, e);
}

persona_code persona_judge_model(persona_model *m, const persona_judge_model_opts *opts,
                                 persona_judge **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_judge_model_opts o = opts ? *opts : persona_judge_model_defaults();
    const persona_model_info *info = persona_model_info_get(m);
    const char *hash = NULL;
    judge_model *j = NULL;
    *out = NULL;
    if (info->chat == PERSONA_CHAT_NONE || info->chat == PERSONA_CHAT_PLAIN) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "%.200s cannot judge: it has no chat template that is known here",
                               info->path);
    }
    j = mem_calloc(1, sizeof *j);
    if (!j) {
        return mem_err(e, "a judge");
    }
    j->m = m;
    j->min_mass = o.min_mass;
    TRY(numbers_of(m, &j->numbers, e));
    TRY(open_session(j, &o, e));
    TRY(persona_model_sha256(m, &hash, e));
    return judge_new(&MODEL, j, info->name, hash, out, e);
out:
    free_self(j);
    return rc;
}
