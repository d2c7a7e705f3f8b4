/* SPDX-License-Identifier: MIT
 *
 * kl.c - two readings of one text, steered and not, compared token by token (kl.h).
 *
 * The distributions of the first reading are held until the second has been made, so texts are read
 * in groups that fit KL_MAX_BYTES.
 */
#include "pipeline/dose/kl.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"

void kl_keep(kl_track *t, size_t i, const float *logits, size_t n_vocab)
{
    if (i >= t->cap) {
        return;
    }
    const double shift = stat_log_sum(logits, n_vocab);
    for (size_t k = 0; k < n_vocab; k++) {
        t->logp[i * n_vocab + k] = (float)((double)logits[k] - shift);
    }
    t->n_steered = i + 1;
}

void kl_compare(kl_track *t, size_t i, const float *logits, size_t n_vocab)
{
    if (i >= t->n_steered) {
        return;
    }
    const float *ps = t->logp + i * n_vocab;
    const double shift = stat_log_sum(logits, n_vocab);
    double kl = 0;
    for (size_t k = 0; k < n_vocab; k++) {
        const double p = exp((double)ps[k]);
        kl += p > 0 ? p * ((double)ps[k] - ((double)logits[k] - shift)) : 0;
    }
    t->kl[i] = isnan(kl) ? (double)INFINITY : fmax(kl, 0); /* numbers that overflow are too much */
    t->n_base = i + 1;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* One text that is being read. */
typedef struct kl_reading {
    kl_track track;
    const persona_token *tokens; /* of the answer; they live while it is read */
    size_t n_tokens;
    double nll;
} kl_reading;

static persona_code take_tokens(void *ud, const persona_tokens *t, persona_err *e)
{
    kl_reading *r = ud;
    (void)e;
    r->tokens = t->ids;
    r->n_tokens = t->n;
    return PERSONA_OK;
}

static void read_steered(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_reading *r = ud;
    if (i < r->n_tokens) {
        kl_keep(&r->track, i, logits, n_vocab);
    }
}

static void read_base(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_reading *r = ud;
    kl_compare(&r->track, i, logits, n_vocab);
    if (i < r->track.n_base) {
        r->nll += stat_log_sum(logits, n_vocab) - (double)logits[r->tokens[i]];
    }
}

/* Everything that is being read. */
typedef struct kl_group {
    persona_session *s;
    const char *stage;
    const persona_hooks *hooks;
    ask *asks; /* (room) */
    kl_reading *readings;
    answer *answers;
    size_t room;
} kl_group;

static persona_code read_group(const kl_group *g, const ask *asks, const char *const *texts,
                               const size_t *at, size_t n, kl_text *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        kl_reading *r = &g->readings[i];
        const kl_track track = {.cap = KL_TOKENS, .logp = r->track.logp, .kl = out[at[i]].kl};
        *r = (kl_reading){.track = track};
        g->asks[i] = asks[at[i]];
        g->asks[i].sampling = persona_sampling_defaults();
        g->asks[i].tap = NULL;
        g->asks[i].skip_analysis = true;
        g->asks[i].forced = texts[at[i]];
        g->asks[i].take_forced = take_tokens;
        g->asks[i].want_logits = true;
        g->asks[i].ud = r;
        g->asks[i].on_logits = read_steered;
    }
    TRY(ask_all(g->s, g->asks, n, g->stage, g->hooks, g->answers, e));
    answers_clear(g->answers, n);
    for (size_t i = 0; i < n; i++) {
        g->asks[i].plan = NULL;
        g->asks[i].on_logits = read_base;
    }
    TRY(ask_all(g->s, g->asks, n, g->stage, g->hooks, g->answers, e));
    for (size_t i = 0; i < n; i++) {
        const kl_reading *r = &g->readings[i];
        out[at[i]].n = r->track.n_base;
        out[at[i]].nll = r->track.n_base > 0 ? r->nll / (double)r->track.n_base : (double)NAN;
    }
out:
    answers_clear(g->answers, n);
    return rc;
}

static persona_code group_new(kl_group *g, size_t n, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(g->s));
    const size_t each = KL_TOKENS * (size_t)info->n_vocab;
    g->room = KL_MAX_BYTES / (each * sizeof(float));
    g->room = g->room < 1 ? 1 : g->room < n ? g->room : n;
    g->asks = mem_calloc(g->room, sizeof *g->asks);
    g->readings = mem_calloc(g->room, sizeof *g->readings);
    g->answers = mem_calloc(g->room, sizeof *g->answers);
    float *logp = mem_calloc(g->room * KL_TOKENS, (size_t)info->n_vocab * sizeof *logp);
    if (g->asks == NULL || g->readings == NULL || g->answers == NULL || logp == NULL) {
        mem_free(logp);
        return mem_err(e, "texts to read");
    }
    for (size_t i = 0; i < g->room; i++) {
        g->readings[i].track.logp = logp + i * each;
    }
    return PERSONA_OK;
}

persona_code kl_measure(persona_session *s, const ask *asks, const char *const *answers, size_t n,
                        const char *stage, const persona_hooks *hooks, kl_text *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    kl_group g = {.s = s, .stage = stage, .hooks = hooks};
    size_t *at = mem_calloc(n, sizeof *at), m = 0;
    float *logp = NULL;
    TRY(at != NULL ? PERSONA_OK : mem_err(e, "texts to read"));
    for (size_t i = 0; i < n; i++) {
        out[i] = (kl_text){.nll = (double)NAN};
        if (answers[i] != NULL && answers[i][0] != '\0') {
            at[m++] = i;
        }
    }
    TRY(group_new(&g, m, e));
    logp = g.room > 0 ? g.readings[0].track.logp : NULL;
    for (size_t i = 0; i < m; i += g.room) {
        const size_t k = m - i < g.room ? m - i : g.room;
        TRY(read_group(&g, asks, answers, at + i, k, out, e));
    }
out:
    mem_free(logp);
    mem_free(g.asks);
    mem_free(g.readings);
    mem_free(g.answers);
    mem_free(at);
    return rc;
}

/* ---- a reply --------------------------------------------------------------------------------- */

static void keep_reply(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_keep(ud, i, logits, n_vocab);
}

static void compare_reply(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_compare(ud, i, logits, n_vocab);
}

persona_code kl_of_reply(persona_session *s, const persona_request *r, const persona_token *reply,
                         size_t n, const persona_hooks *hooks, double *kl, size_t *n_kl,
                         persona_err *e)
{
    const size_t width = (size_t)persona_model_info_get(persona_session_model(s))->n_vocab;
    const size_t most = KL_REPLY_BYTES / (width * sizeof(float));
    kl_track t = {.cap = n < most ? n : most, .kl = kl};
    persona_code rc = PERSONA_OK;
    *n_kl = 0;
    if (t.cap == 0) {
        return PERSONA_OK;
    }
    t.logp = mem_calloc(t.cap, width * sizeof *t.logp);
    TRY(t.logp != NULL ? PERSONA_OK : mem_err(e, "the distributions of a reply"));
    persona_request q = {.prompt = r->prompt,
                         .n_prompt = r->n_prompt,
                         .forced = reply,
                         .n_forced = t.cap,
                         .raw = r->raw,
                         .want_logits = true,
                         .sampling = persona_sampling_defaults(),
                         .plan = r->plan,
                         .ud = &t,
                         .on_logits = keep_reply};
    TRY(persona_session_run_all(s, &q, 1, hooks, e));
    q.plan = NULL;
    q.on_logits = compare_reply;
    TRY(persona_session_run_all(s, &q, 1, hooks, e));
    *n_kl = t.n_base;
out:
    mem_free(t.logp);
    return rc;
}
