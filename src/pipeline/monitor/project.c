/* SPDX-License-Identifier: MIT
 *
 * project.c - how far answers lie along probes: every answer of a file in one pass, nothing but
 * coordinates leaves the graph. What neutral answers teach about z-scores and alarms.
 *
 * Alarms are about runs of answers. Where the neutral lines are conversations, a run is a
 * conversation as it is; single answers have no order that means anything, so runs of RUN answers
 * are drawn from them. Tokens have an order and depend on their neighbors: of them a run is an
 * answer as it is. Either chart gets half of the wanted rate.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/alarm.h"
#include "core/measure/stats.h"
#include "persona/monitor.h"
#include "pipeline/monitor/turns.h"

enum { RUN = 20, N_RUNS = 2000, ANSWERS_LEAST = 8 };

typedef struct projecting {
    const persona_probes *p;
    const persona_project_sink *sink;
    persona_tap response, forecast;
    turns texts;
    double *mean, *last; /* (p->n) */
} projecting;

/* ---- answers --------------------------------------------------------------------------------- */

static void taps(void *ud, size_t i, ask *q)
{
    const projecting *w = ud;
    (void)i;
    q->tap = &w->response;
    q->also = &w->forecast;
}

static persona_code take(void *ud, size_t i, const answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    projecting *w = ud;
    const turn *t = &w->texts.list[i];
    const size_t n = w->p->n, n_tokens = a->mean != NULL ? a->n_positions : 0;
    persona_token *tokens = NULL;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t j = 0; j < n_tokens; j++) {
            sum += (double)a->mean[j * n + k];
        }
        w->mean[k] = n_tokens > 0 ? sum / (double)n_tokens : (double)NAN;
        w->last[k] = a->n_also == n ? (double)a->also[k] : (double)NAN;
    }
    if (n_tokens > 0) {
        TRY(turns_tokens(a, &tokens, e));
    }
    const persona_projection x = {.index = i,
                                  .n_answers = w->texts.n,
                                  .line = t->line,
                                  .turn = t->at,
                                  .n_turns = t->of,
                                  .n_tokens = n_tokens,
                                  .mean = w->mean,
                                  .forecast = w->last,
                                  .per_token = a->mean,
                                  .tokens = tokens};
    TRY(w->sink->take(w->sink->ud, &x, e));
out:
    mem_free(tokens);
    return rc;
}

persona_code persona_project(persona_session *s, const char *texts, const persona_probes *p,
                             const persona_project_sink *sink, const persona_hooks *hooks,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    projecting w = {.p = p,
                    .sink = sink,
                    .response = persona_probes_tap(p, PERSONA_SPAN_RESPONSE, false),
                    .forecast = persona_probes_tap(p, PERSONA_SPAN_LAST_PROMPT, false),
                    .mean = mem_calloc(p->n, sizeof(double)),
                    .last = mem_calloc(p->n, sizeof(double))};
    const turns_reader reader = {.ud = &w, .taps = taps, .take = take};
    TRY(w.mean != NULL && w.last != NULL ? PERSONA_OK : mem_err(e, "projections"));
    if (p->n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "no vector to project on");
        goto out;
    }
    TRY(turns_open(&w.texts, texts, true, e));
    TRY(turns_read(&w.texts, s, &reader, "read texts", hooks, e));
out:
    turns_close(&w.texts);
    mem_free(w.mean);
    mem_free(w.last);
    return rc;
}

/* ---- neutral answers ------------------------------------------------------------------------- */

/* One answer's numbers: value, forecast (n_probes each). */
typedef struct neutral {
    size_t n_probes, n, cap;
    double *x, *forecast; /* (cap, n_probes) */
    size_t *line;         /* (cap) number of the line it comes from, from 0 */
    size_t n_lines, last_line;
    float *tokens; /* (n_tokens, n_probes), answer after answer */
    size_t *first; /* (cap) which token an answer begins with */
    size_t n_tokens, cap_tokens;
} neutral;

static persona_code keep_tokens(neutral *w, const persona_projection *x, persona_err *e)
{
    const size_t n = w->n_tokens + x->n_tokens;
    if (n > w->cap_tokens) {
        const size_t cap = n > 2 * w->cap_tokens ? n : 2 * w->cap_tokens;
        float *grown = mem_realloc(w->tokens, cap * w->n_probes, sizeof *grown);
        if (grown == NULL) {
            return mem_err(e, "neutral tokens");
        }
        w->tokens = grown;
        w->cap_tokens = cap;
    }
    memcpy(w->tokens + w->n_tokens * w->n_probes, x->per_token,
           x->n_tokens * w->n_probes * sizeof *w->tokens);
    w->n_tokens = n;
    return PERSONA_OK;
}

static persona_code keep(void *ud, const persona_projection *x, persona_err *e)
{
    neutral *w = ud;
    if (x->n_tokens == 0) {
        return PERSONA_OK;
    }
    if (w->n == w->cap) {
        const size_t cap = w->cap > 0 ? 2 * w->cap : 64;
        double *a = mem_realloc(w->x, cap * w->n_probes, sizeof *a);
        w->x = a != NULL ? a : w->x;
        double *b = mem_realloc(w->forecast, cap * w->n_probes, sizeof *b);
        w->forecast = b != NULL ? b : w->forecast;
        size_t *c = mem_realloc(w->line, cap, sizeof *c);
        w->line = c != NULL ? c : w->line;
        size_t *d = mem_realloc(w->first, cap, sizeof *d);
        w->first = d != NULL ? d : w->first;
        if (a == NULL || b == NULL || c == NULL || d == NULL) {
            return mem_err(e, "neutral answers");
        }
        w->cap = cap;
    }
    if (w->n == 0 || x->line != w->last_line) {
        w->last_line = x->line;
        w->n_lines++;
    }
    memcpy(w->x + w->n * w->n_probes, x->mean, w->n_probes * sizeof *w->x);
    memcpy(w->forecast + w->n * w->n_probes, x->forecast, w->n_probes * sizeof *w->x);
    w->first[w->n] = w->n_tokens;
    w->line[w->n++] = w->n_lines - 1;
    return keep_tokens(w, x, e);
}

/* The values of probe k of one half (0, 1: lines of that parity; 2: all); line of each. */
static size_t select_half(const neutral *w, const double *from, size_t k, size_t half, double *out,
                          size_t *line)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (half == 2 || w->line[i] % 2 == half) {
            line[n] = w->line[i];
            out[n++] = from[i * w->n_probes + k];
        }
    }
    return n;
}

/* Peaks of the runs of one half: conversations, or runs drawn from single answers. */
static persona_code peaks_of(const double *z, const size_t *line, size_t n, bool drawn,
                             uint32_t seed, alarm_peaks *out, size_t *n_out, persona_err *e)
{
    if (drawn) {
        *n_out = N_RUNS;
        return alarm_draw(z, n, RUN, N_RUNS, seed, out, e);
    }
    *n_out = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && line[end] == line[i]) {
            end++;
        }
        out[(*n_out)++] = alarm_peaks_of(z + i, end - i);
        i = end;
    }
    return PERSONA_OK;
}

typedef struct halves {
    double *z;          /* (n) */
    size_t *line;       /* (n) */
    alarm_peaks *peaks; /* (max(n, N_RUNS)) */
    double *one;        /* likewise */
} halves;

static void count_alarms(const alarm_peaks *peaks, size_t n, persona_watch *w)
{
    size_t ewma = 0, cusum = 0, either = 0;
    for (size_t i = 0; i < n; i++) {
        const bool a = peaks[i].ewma > w->ewma, b = peaks[i].cusum > w->cusum;
        ewma += a;
        cusum += b;
        either += a || b;
    }
    w->false_ewma = (double)ewma / (double)n;
    w->false_cusum = (double)cusum / (double)n;
    w->false_alarms = (double)either / (double)n;
}

static persona_code learn_thresholds(const neutral *x, size_t k, const halves *h, persona_watch *w,
                                     persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool drawn = x->n < 2 * x->n_lines; /* fewer than two answers a line */
    size_t n_runs = 0;
    w->run = drawn ? RUN : 0;
    for (size_t half = 0; half < 2; half++) {
        const size_t n = select_half(x, x->x, k, half, h->z, h->line);
        for (size_t i = 0; i < n; i++) {
            h->z[i] = (h->z[i] - w->mean) / w->sd;
        }
        TRY(peaks_of(h->z, h->line, n, drawn, (uint32_t)half, h->peaks, &n_runs, e));
        if (half == 1) {
            w->n_measured = n;
            w->n_runs = n_runs;
            count_alarms(h->peaks, n_runs, w);
            break;
        }
        w->n_chosen = n;
        for (size_t i = 0; i < n_runs; i++) {
            h->one[i] = h->peaks[i].ewma;
        }
        w->ewma = alarm_threshold(h->one, n_runs, w->rate / 2);
        for (size_t i = 0; i < n_runs; i++) {
            h->one[i] = h->peaks[i].cusum;
        }
        w->cusum = alarm_threshold(h->one, n_runs, w->rate / 2);
    }
out:
    return rc;
}

static size_t length_of(const neutral *x, size_t i)
{
    return (i + 1 < x->n ? x->first[i + 1] : x->n_tokens) - x->first[i];
}

/* Tokens of probe k of the answers of one half, one behind the other. */
static size_t select_tokens(const neutral *x, size_t k, size_t half, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        for (size_t j = 0; x->line[i] % 2 == half && j < length_of(x, i); j++) {
            out[n++] = (double)x->tokens[(x->first[i] + j) * x->n_probes + k];
        }
    }
    return n;
}

/* Peaks of the answers of one half; z: their tokens. */
static size_t token_peaks(const neutral *x, size_t half, const double *z, alarm_peaks *out)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->line[i] % 2 == half) {
            out[n++] = alarm_peaks_of(z + at, length_of(x, i));
            at += length_of(x, i);
        }
    }
    return n;
}

static persona_code learn_tokens(const neutral *x, size_t k, const halves *h, persona_watch *w,
                                 persona_err *e)
{
    size_t n_above = 0, n_runs = 0;
    double *z = mem_calloc(x->n_tokens, sizeof *z);
    if (z == NULL) {
        return mem_err(e, "neutral tokens");
    }
    for (size_t half = 0; half < 2; half++) {
        const size_t n = select_tokens(x, k, half, z);
        if (half == 0) {
            w->token_mean = stat_mean(z, n);
            w->token_sd = stat_sd(z, n);
        }
        for (size_t i = 0; i < n; i++) {
            z[i] = (z[i] - w->token_mean) / w->token_sd;
        }
        n_runs = token_peaks(x, half, z, h->peaks);
        for (size_t i = 0; half == 0 && i < n_runs; i++) {
            h->one[i] = h->peaks[i].ewma;
            h->z[i] = h->peaks[i].cusum;
        }
        w->token_ewma = half == 0 ? alarm_threshold(h->one, n_runs, w->rate / 2) : w->token_ewma;
        w->token_cusum = half == 0 ? alarm_threshold(h->z, n_runs, w->rate / 2) : w->token_cusum;
    }
    for (size_t i = 0; i < n_runs; i++) {
        n_above += h->peaks[i].ewma > w->token_ewma || h->peaks[i].cusum > w->token_cusum;
    }
    w->token_false_alarms = (double)n_above / (double)n_runs;
    for (size_t i = 0; i < x->n; i++) {
        h->z[i] = (double)length_of(x, i);
    }
    w->token_length = (size_t)stat_median(h->z, x->n);
    mem_free(z);
    return PERSONA_OK;
}

static persona_code learn_one(const neutral *x, size_t k, const halves *h, persona_watch *w,
                              const char *name, persona_err *e)
{
    const size_t half = w->rate > 0 ? 0 : 2;
    size_t n = select_half(x, x->forecast, k, half, h->z, h->line);
    w->forecast_mean = stat_mean(h->z, n);
    w->forecast_sd = stat_sd(h->z, n);
    n = select_half(x, x->x, k, half, h->z, h->line);
    w->mean = stat_mean(h->z, n);
    w->sd = stat_sd(h->z, n);
    w->n_chosen = n;
    w->ewma = w->cusum = (double)INFINITY;
    w->false_alarms = w->false_ewma = w->false_cusum = (double)NAN;
    w->token_ewma = w->token_cusum = (double)INFINITY;
    w->token_mean = w->token_sd = w->token_false_alarms = (double)NAN;
    if (!(w->sd > 0)) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: all neutral answers project alike", name);
    }
    if (!(w->rate > 0)) {
        return PERSONA_OK;
    }
    const persona_code rc = learn_tokens(x, k, h, w, e);
    return rc == PERSONA_OK ? learn_thresholds(x, k, h, w, e) : rc;
}

persona_code persona_watch_learn(persona_session *s, const char *file, const persona_probes *p,
                                 double rate, const persona_hooks *hooks, persona_watch *out,
                                 persona_err *e)
{
    persona_code rc = PERSONA_OK;
    neutral x = {.n_probes = p->n};
    halves h = {NULL, NULL, NULL, NULL};
    const persona_project_sink sink = {&x, keep};
    TRY(persona_project(s, file, p, &sink, hooks, e));
    const size_t least = rate > 0 ? 2 * ANSWERS_LEAST : ANSWERS_LEAST;
    if (x.n < least || x.n_lines < 4) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: %zu answers on %zu lines are too few to know what is neutral "
                             "(at least %zu on 4 lines, 50 and more are better)",
                             file, x.n, x.n_lines, least);
        goto out;
    }
    const size_t most = x.n > N_RUNS ? x.n : N_RUNS;
    h = (halves){mem_calloc(x.n, sizeof *h.z), mem_calloc(x.n, sizeof *h.line),
                 mem_calloc(most, sizeof *h.peaks), mem_calloc(most, sizeof *h.one)};
    TRY(h.z && h.line && h.peaks && h.one ? PERSONA_OK : mem_err(e, "neutral answers"));
    for (size_t k = 0; k < p->n; k++) {
        out[k] = (persona_watch){.rate = rate};
        TRY(learn_one(&x, k, &h, &out[k], p->list[k].name, e));
    }
out:
    mem_free(h.z);
    mem_free(h.line);
    mem_free(h.peaks);
    mem_free(h.one);
    mem_free(x.x);
    mem_free(x.forecast);
    mem_free(x.line);
    mem_free(x.first);
    mem_free(x.tokens);
    return rc;
}

static void step(double ewma, double cusum, persona_chart *c, double z)
{
    alarm_state s = {c->smooth, c->high, c->low};
    alarm_step(&s, z, &c->ewma, &c->cusum);
    c->alarm = c->ewma > ewma || c->cusum > cusum;
    c->smooth = c->alarm ? 0 : s.smooth;
    c->high = c->alarm ? 0 : s.high;
    c->low = c->alarm ? 0 : s.low;
}

void persona_watch_step(const persona_watch *w, persona_chart *c, double z)
{
    step(w->ewma, w->cusum, c, z);
}

void persona_watch_token(const persona_watch *w, persona_chart *c, double z)
{
    step(w->token_ewma, w->token_cusum, c, z);
}
