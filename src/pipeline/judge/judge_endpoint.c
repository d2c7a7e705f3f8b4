/* SPDX-License-Identifier: MIT
 *
 * judge_endpoint.c - an OpenAI-compatible server as judge.
 *
 * Two questions per answer, trait and coherence, each one request of its own; n_parallel are out at
 * once. A reply that cannot be had now (nobody there, 408, 429, 5xx, nonsense) is asked for again
 * after 0.5, 1, 2, … seconds with jitter from a fixed seed, or when the server says; any other
 * refusal ends the run at once with the server's words. An item reaches the sink as soon as both of
 * its questions are answered, so a server that goes away takes nothing with it that was judged.
 *
 * How to ask is learned (endpoint_manner.c), and kept for as long as the judge lives: a question
 * that this server cannot take is asked again in another manner, any other 400 ends the run.
 *
 * The key goes into one header and nowhere else; if a server repeats it, messages show "***".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/judge/endpoint_manner.h"
#include "pipeline/judge/endpoint_reply.h"
#include "pipeline/judge/judge_kind.h"
#include "store/fetch/fetch.h"

#define BODY_MAX ((size_t)64 << 20) /* of a request */
#define WAIT_FIRST 0.5              /* seconds before the first repetition */
#define WAIT_MAX 30.0
#define ASKED_WAIT_MAX 300.0 /* as long as a Retry-After is believed */
enum { MAX_RETRIES = 100, MAX_PARALLEL = 64, MAX_HEADERS = 2 };

typedef struct endpoint {
    char *url; /* …/chat/completions */
    char *model, *key_env;
    char *authorization; /* header line, or NULL */
    const char *key;     /* inside authorization */
    persona_judge_endpoint_opts o;
    manner manner; /* learned */
    bool whole_numbers;
} endpoint;

/* One request: question 2i is the trait of item i, 2i+1 its coherence. */
typedef struct question {
    char *body; /* while it is out */
    double due;
    int tries;
    bool is_out, done;
    int room;     /* a longer reply for this one, as in manner */
    manner asked; /* how it was put last */
    float score, mass;
} question;

typedef struct run {
    endpoint *p;
    fetch *client;
    const persona_trait *trait;
    const persona_judge_item *items;
    question *q; /* (2 n_items) */
    size_t n_items, first, n_open, n_judged;
    double pause; /* nothing starts before */
    const persona_hooks *hooks;
    persona_judge_sink sink;
    void *ud;
} run;

/* ---- requests -------------------------------------------------------------------------------- */

/* NULL: out of memory, or an answer that is larger than anyone would read. */
static char *request_body(const run *r, size_t i, const manner *m, size_t *len)
{
    const persona_judge_item *item = &r->items[i / 2];
    char *prompt = i % 2 == 0 ? judge_trait_prompt(r->trait, item) : judge_coherence_prompt(item);
    buf b;
    json_out o;
    if (!prompt) {
        return NULL;
    }
    buf_init(&b, BODY_MAX);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_string(&o, "model", r->p->model);
    jo_array(&o, "messages");
    jo_object(&o, NULL);
    jo_string(&o, "role", "user");
    jo_string(&o, "content", prompt);
    jo_end(&o);
    jo_end(&o);
    manner_put(m, &o);
    jo_end(&o);
    mem_free(prompt);
    *len = b.len;
    char *body = buf_take(&b);
    buf_free(&b);
    return body;
}

static persona_code start(run *r, size_t i, persona_err *e)
{
    const char *headers[MAX_HEADERS] = {"Content-Type: application/json", r->p->authorization};
    fetch_request q = {
        .url = r->p->url, .headers = headers, .n_headers = r->p->authorization ? 2 : 1};
    manner *m = &r->q[i].asked;
    *m = r->p->manner;
    m->room = r->q[i].room > m->room ? r->q[i].room : m->room;
    m->room = m->room > m->most_room ? m->most_room : m->room;
    r->q[i].body = request_body(r, i, m, &q.n_body);
    if (!r->q[i].body) {
        return mem_err(e, "a question to the judge");
    }
    q.body = r->q[i].body;
    r->q[i].is_out = true;
    return fetch_start(r->client, &q, i, e);
}

/* Starts what may start now; *next is when more may, at most a second away. */
static persona_code start_due(run *r, double *next, persona_err *e)
{
    const double now = clock_now();
    *next = now + 1;
    if (now < r->pause) {
        *next = fmin(*next, r->pause);
        return PERSONA_OK;
    }
    while (r->first < 2 * r->n_items && r->q[r->first].done) {
        r->first++;
    }
    for (size_t i = r->first; i < 2 * r->n_items && fetch_room(r->client) > 0; i++) {
        if (r->q[i].done || r->q[i].is_out) {
            continue;
        }
        if (r->q[i].due > now) {
            *next = fmin(*next, r->q[i].due);
            continue;
        }
        const persona_code rc = start(r, i, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    return PERSONA_OK;
}

/* ---- replies --------------------------------------------------------------------------------- */

static persona_code settle(run *r, size_t i, const endpoint_reply *reply, persona_err *e)
{
    question *q = &r->q[i];
    q->done = true;
    q->score = reply->score;
    q->mass = reply->mass;
    r->n_open--;
    const question *trait = &r->q[i & ~(size_t)1], *coherence = &r->q[i | 1];
    if (!trait->done || !coherence->done) {
        return PERSONA_OK;
    }
    const persona_judgement result = {
        .trait = trait->score, .coherence = coherence->score, .mass = trait->mass};
    const persona_code rc = r->sink(r->ud, i / 2, &result, e);
    r->n_judged++;
    if (rc == PERSONA_OK && r->hooks && r->hooks->progress) {
        const persona_progress p = {.stage = "judge", .done = r->n_judged, .total = r->n_items};
        r->hooks->progress(r->hooks->ud, &p);
    }
    return rc;
}

/* Puts "***" where a text repeats the key. */
static void hide_key(const endpoint *p, char *text)
{
    const size_t n = p->key ? strlen(p->key) : 0;
    for (char *at = text; n >= 3 && (at = strstr(at, p->key)) != NULL; at += 3) {
        memmove(at + 3, at + n, strlen(at + n) + 1);
        memset(at, '*', 3);
    }
}

/* Either the question is asked again later, or the run ends: the server stays away. */
static persona_code try_later(run *r, size_t i, const fetch_answer *a, const char *why,
                              persona_err *e)
{
    question *q = &r->q[i];
    const double now = clock_now();
    if (q->tries++ >= r->p->o.n_retries) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "%.150s: gave up after %d tries: %s",
                               r->p->url, q->tries, why);
    }
    const double jitter = 0.5 + rng_mix(0, i, (uint64_t)q->tries) / 4294967296.0;
    double wait = fmin(WAIT_FIRST * exp2(fmin(q->tries - 1, 16)), WAIT_MAX) * jitter;
    if (a->retry_after > 0) { /* said to one, meant for all */
        wait = fmax(wait, fmin(a->retry_after, ASKED_WAIT_MAX));
        r->pause = fmax(r->pause, now + fmin(a->retry_after, ASKED_WAIT_MAX));
    }
    q->due = now + wait;
    return PERSONA_OK;
}

static persona_code refused(const run *r, const fetch_answer *a, const char *words, persona_err *e)
{
    const endpoint *p = r->p;
    char hint[200] = "";
    if (a->status == 401 || a->status == 403) {
        snprintf(hint, sizeof hint, p->key ? " (the key is in %.80s)" : " (no key in %.80s)",
                 p->key_env);
    } else if (a->status == 404) {
        snprintf(hint, sizeof hint, " (is the base URL right, and the model '%.80s'?)", p->model);
    }
    return persona_err_set(e, PERSONA_E_UNAVAILABLE, "%.150s: HTTP %d: %s%s", p->url, a->status,
                           words, hint);
}

/* Whether a status may be another one later. */
static bool is_passing(int status)
{
    return status == 0 || status == 408 || status == 409 || status == 429 || status >= 500;
}

static persona_code take_refusal(run *r, size_t i, const fetch_answer *a, persona_err *e)
{
    char words[200];
    endpoint_reply_words(a->body ? a->body : "", a->n_body, words, sizeof words);
    if (words[0] == '\0' || a->why[0] != '\0') {
        snprintf(words, sizeof words, "%s", a->why[0] ? a->why : "no reason given");
    }
    if (manner_learn(&r->p->manner, &r->q[i].asked, a->status, a->body ? a->body : "", a->n_body)) {
        return PERSONA_OK; /* asked again at once, the other way */
    }
    hide_key(r->p, words);
    if (!is_passing(a->status)) {
        return refused(r, a, words, e);
    }
    char why[240];
    if (a->status == 0) {
        snprintf(why, sizeof why, "%s", words);
    } else {
        snprintf(why, sizeof why, "HTTP %d: %s", a->status, words);
    }
    return try_later(r, i, a, why, e);
}

static persona_code take_reply(run *r, size_t i, const fetch_answer *a, persona_err *e)
{
    endpoint *p = r->p;
    question *q = &r->q[i];
    endpoint_reply reply;
    persona_err bad = {.code = PERSONA_OK};
    const persona_code rc = endpoint_reply_read(a->body, a->n_body, p->o.min_mass, &reply, &bad);
    if (rc == PERSONA_E_NOMEM) {
        return mem_err(e, "a judge's reply");
    }
    if (rc != PERSONA_OK) {
        hide_key(p, bad.msg);
        return try_later(r, i, a, bad.msg, e);
    }
    p->whole_numbers = p->whole_numbers || reply.sees_long;
    if ((!reply.has_logprobs || reply.is_split || reply.is_wordy) && p->manner.room == 0) {
        p->manner.room = 1;
    }
    if (q->asked.room == 0 && q->asked.limit != LIMIT_NONE &&
        (!reply.has_logprobs || reply.is_wordy ||
         (reply.is_open && !p->whole_numbers && isfinite(reply.score)))) {
        q->room = 1;
        return PERSONA_OK;
    }
    if (reply.is_cut && q->asked.room > 0 && q->asked.limit != LIMIT_NONE) {
        if (manner_grow(&p->manner, &q->asked)) {
            return PERSONA_OK;
        }
        reply.score = NAN; /* perhaps half a number */
    }
    return settle(r, i, &reply, e);
}

/* ---- running --------------------------------------------------------------------------------- */

static persona_code loop(run *r, persona_err *e)
{
    const persona_cancel *cancel = r->hooks ? r->hooks->cancel : NULL;
    persona_code rc = PERSONA_OK;
    while (r->n_open > 0) {
        double next = 0;
        bool got = false;
        size_t i = 0;
        fetch_answer a = {.body = NULL};
        TRY(start_due(r, &next, e));
        TRY(fetch_wait(r->client, fmax(next - clock_now(), 0), cancel, &got, &i, &a, e));
        if (!got) {
            continue;
        }
        r->q[i].is_out = false;
        if (a.status >= 200 && a.status < 300) {
            rc = take_reply(r, i, &a, e);
        } else {
            rc = take_refusal(r, i, &a, e);
        }
        mem_free(r->q[i].body);
        r->q[i].body = NULL;
        mem_free(a.body);
        TRY(rc);
    }
out:
    return rc;
}

static persona_code endpoint_run(void *self, const persona_trait *trait,
                                 const persona_judge_item *items, size_t n,
                                 const persona_hooks *hooks, persona_judge_sink sink, void *ud,
                                 persona_err *e)
{
    endpoint *p = self;
    run r = {.p = p,
             .trait = trait,
             .items = items,
             .n_items = n,
             .n_open = 2 * n,
             .hooks = hooks,
             .sink = sink,
             .ud = ud};
    fetch_opts f = fetch_defaults();
    f.n_parallel = p->o.n_parallel;
    f.timeout = p->o.timeout;
    persona_code rc = PERSONA_OK;
    if (n > SIZE_MAX / 2) {
        return mem_err(e, "the questions to a judge");
    }
    r.q = mem_calloc(2 * n, sizeof *r.q);
    if (!r.q) {
        return mem_err(e, "the questions to a judge");
    }
    TRY(fetch_new(&f, &r.client, e));
    TRY(loop(&r, e));
out:
    fetch_free(r.client); /* before the bodies that it may still be sending */
    for (size_t i = 0; i < 2 * n; i++) {
        mem_free(r.q[i].body);
    }
    mem_free(r.q);
    return rc;
}

/* ---- the judge ------------------------------------------------------------------------------- */

static void endpoint_free(void *self)
{
    endpoint *p = self;
    if (!p) {
        return;
    }
    mem_free(p->authorization);
    mem_free(p->key_env);
    mem_free(p->model);
    mem_free(p->url);
    mem_free(p);
}

static bool endpoint_knows(const void *self, const char *trait)
{
    (void)self;
    (void)trait;
    return true;
}

static void endpoint_validity(const void *self, const char *trait, bool measured, char *out,
                              size_t size)
{
    const endpoint *p = self;
    if (measured) {
        return;
    }
    snprintf(out, size,
             "what %.80s says about %.60s; not compared with people's labels here (`persona judge "
             "test` does that)",
             p->model, trait);
}

static const judge_kind endpoint_kind = {
    .name = "endpoint",
    .asks = true,
    .free = endpoint_free,
    .knows = endpoint_knows,
    .validity = endpoint_validity,
    .run = endpoint_run,
};

persona_judge_endpoint_opts persona_judge_endpoint_defaults(void)
{
    return (persona_judge_endpoint_opts){.key_env = "OPENAI_API_KEY",
                                         .timeout = 60,
                                         .n_retries = 6,
                                         .n_parallel = 4,
                                         .min_mass = 0.25F};
}

static persona_code check(const persona_judge_endpoint_opts *o, persona_err *e)
{
    if (!o->url || !*o->url) {
        return persona_err_set(e, PERSONA_E_USAGE, "a judging server needs a URL");
    }
    if (!o->model || !*o->model) {
        return persona_err_set(e, PERSONA_E_USAGE, "the judging server %.150s needs a model name",
                               o->url);
    }
    if (o->n_retries < 0 || o->n_retries > MAX_RETRIES) {
        return persona_err_set(e, PERSONA_E_USAGE, "%d retries (expected 0 to %d)", o->n_retries,
                               MAX_RETRIES);
    }
    if (o->n_parallel < 1 || o->n_parallel > MAX_PARALLEL) {
        return persona_err_set(e, PERSONA_E_USAGE, "%d requests at once (expected 1 to %d)",
                               o->n_parallel, MAX_PARALLEL);
    }
    if (!(o->min_mass >= 0 && o->min_mass <= 1)) {
        return persona_err_set(e, PERSONA_E_USAGE, "a least mass of %g (expected 0 to 1)",
                               (double)o->min_mass);
    }
    if (!(o->timeout >= 0.001 && o->timeout <= 86400)) {
        return persona_err_set(e, PERSONA_E_USAGE, "a timeout of %g s (expected 0.001 to 86400)",
                               o->timeout);
    }
    return fetch_check_url(o->url, e);
}

/* "http://host/v1/" -> "http://host/v1/chat/completions" */
static char *full_url(const char *base)
{
    static const char path[] = "/chat/completions";
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    const size_t m = sizeof path - 1;
    if (n >= m && strncmp(base + n - m, path, m) == 0) {
        n -= m;
    }
    return mem_printf("%.*s%s", (int)(n > 4096 ? 4096 : n), base, path);
}

/* The header with the key, if the variable is set. */
static persona_code read_key(endpoint *p, persona_err *e)
{
    const char *key = p->key_env[0] ? getenv(p->key_env) : NULL;
    if (!key || !*key) {
        return PERSONA_OK;
    }
    for (const char *c = key; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "the key in %.80s holds a space, a line break or another "
                                   "character that no key has",
                                   p->key_env);
        }
    }
    p->authorization = mem_printf("Authorization: Bearer %s", key);
    if (!p->authorization) {
        return mem_err(e, "a judging server");
    }
    p->key = strrchr(p->authorization, ' ') + 1;
    return PERSONA_OK;
}

persona_code persona_judge_endpoint(const persona_judge_endpoint_opts *opts, persona_judge **out,
                                    persona_err *e)
{
    char hash[65];
    endpoint *p = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(check(opts, e));
    p = mem_calloc(1, sizeof *p);
    TRY(p ? PERSONA_OK : mem_err(e, "a judging server"));
    p->o = *opts;
    p->manner = manner_first();
    p->url = full_url(opts->url);
    p->model = mem_strdup(opts->model);
    p->key_env = mem_strdup(opts->key_env ? opts->key_env : "");
    p->o.url = p->o.model = p->o.key_env = NULL; /* borrowed for this call only */
    TRY(p->url && p->model && p->key_env ? PERSONA_OK : mem_err(e, "a judging server"));
    TRY(read_key(p, e));
    sha256_hex(p->url, strlen(p->url), hash);
    endpoint *own = p;
    p = NULL; /* judge_new frees it if it fails */
    TRY(judge_new(&endpoint_kind, own, own->model, hash, out, e));
out:
    endpoint_free(p);
    return rc;
}
