/* SPDX-License-Identifier: MIT
 *
 * screen.c - the projection difference of a data set (methods 7): its answers against the model's
 * own to the same prompts.
 *
 * Two stages of one job: `own`, answers that the model writes, with their projections, and `given`,
 * projections of the answers that it reads. Either is kept answer by answer, so the same command
 * goes on where an interrupted one was, and ends with the same bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "persona/monitor.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"
#include "pipeline/monitor/turns.h"
#include "pipeline/share.h"
#include "store/job/job.h"

#define MAX_MANIFEST ((size_t)1 << 20)
#define MAD_TO_SD 1.4826
#define N_DRAWS 2000

typedef struct screening {
    persona_session *s;
    const persona_probes *p;
    const persona_screen_opts *o;
    persona_tap tap;
    turns texts;
    job *job;
    const char *stage; /* at work */
    bool *done;        /* (texts.n, own: times n_samples) in it, or not to be done */
    size_t n_others;   /* of these: other parts' */
    size_t n_samples;
    float *mean;     /* (p->n) */
    double *samples; /* (p->n, n_samples) */
    persona_screening *x;
} screening;

persona_screen_opts persona_screen_defaults(void)
{
    return (persona_screen_opts){.max_tokens = 128, .n_samples = 1, .threshold = 3};
}

/* ---- the job --------------------------------------------------------------------------------- */

static persona_code put_manifest(persona_session *s, const char *texts, const persona_probes *p,
                                 const persona_screen_opts *o, buf *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out out;
    char hex[65];
    jo_init(&out, b, false);
    jo_object(&out, NULL);
    jo_string(&out, "command", "screen");
    jo_string(&out, "trait", p->n > 0 ? p->list[0].name : "");
    TRY(manifest_model(&out, persona_session_model(s), e));
    TRY(sha256_file(&texts, 1, NULL, hex, e));
    jo_string(&out, "texts", hex);
    sha256_hex(p->directions, p->n * (size_t)p->n_embd * sizeof *p->directions, hex);
    jo_string(&out, "directions", hex);
    jo_array(&out, "blocks");
    for (size_t k = 0; k < p->n; k++) {
        jo_int(&out, NULL, p->blocks[k]);
    }
    jo_end(&out);
    jo_int(&out, "max_tokens", o->max_tokens);
    if (o->n_samples > 1) { /* jobs of one sample stay what they were */
        jo_int(&out, "samples", o->n_samples);
    }
    jo_number(&out, "temperature", (double)o->temperature);
    jo_int(&out, "seed", o->seed);
    manifest_shape(&out, s);
    jo_end(&out);
    TRY(buf_ok(b, "a manifest", e));
out:
    return rc;
}

persona_code persona_screen_place(persona_session *s, const char *texts, const persona_probes *p,
                                  const persona_screen_opts *o, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    *path = NULL;
    TRY(put_manifest(s, texts, p, o, &b, e));
    TRY(job_place(b.p, path, e));
out:
    buf_free(&b);
    return rc;
}

static persona_code open_job(screening *w, const char *texts, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    TRY(put_manifest(w->s, texts, w->p, w->o, &b, e));
    TRY(job_open_shard(w->o->job, b.p, w->o->shard, w->o->fresh, &w->job, e));
out:
    buf_free(&b);
    return rc;
}

/* ---- both stages ----------------------------------------------------------------------------- */

static void taps(void *ud, size_t i, ask *q)
{
    (void)i;
    q->tap = &((screening *)ud)->tap;
}

/* Keeps an answer with its mean projections: of text i, as number id of the stage. */
static persona_code keep(screening *w, size_t i, size_t id, const answer *a, persona_err *e)
{
    const size_t n = w->p->n, n_tokens = a->mean != NULL ? a->n_positions : 0;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t j = 0; j < n_tokens; j++) {
            sum += (double)a->mean[j * n + k];
        }
        w->mean[k] = n_tokens > 0 ? (float)(sum / (double)n_tokens) : NAN;
    }
    const job_answer row = {.stage = w->stage,
                            .id = (int64_t)id,
                            .text = a->text,
                            .pair = -1,
                            .question_index = (int)i,
                            .rollout = -1,
                            .seed = w->o->seed,
                            .answered = a->answered,
                            .finish = a->finish,
                            .n_prompt = a->n_prompt,
                            .n_answer = a->n_answer,
                            .n_tokens = a->n_tokens,
                            .mean = w->mean,
                            .n_mean = n};
    return job_put_answers(w->job, &row, 1, e);
}

static persona_code take_given(void *ud, size_t i, const answer *a, persona_err *e)
{
    return keep(ud, i, i, a, e);
}

/* Answer k of all: sample k mod n_samples to text k / n_samples. */
static persona_code make_own(void *ud, size_t k, ask *q, persona_err *e)
{
    screening *w = ud;
    persona_code rc = PERSONA_OK;
    TRY(turns_ask(&w->texts, k / w->n_samples, q, e));
    q->forced = NULL;
    q->skip_analysis = true; /* as the given answer is read */
    q->tap = &w->tap;
    q->sampling.temperature = w->o->temperature;
    q->sampling.max_tokens = w->o->max_tokens;
    q->sampling.seed = w->o->seed + (uint32_t)k;
out:
    return rc;
}

static persona_code done_own(void *ud, size_t k, answer *a, persona_err *e)
{
    return keep(ud, k / ((screening *)ud)->n_samples, k, a, e);
}

static persona_code blame_own(void *ud, size_t k, persona_code rc, persona_err *e)
{
    const screening *w = ud;
    return turns_blame(&w->texts, k / w->n_samples, rc, e);
}

/* What the job has; lines without an answer count as done. */
static persona_code begin_stage(screening *w, const char *stage, size_t each, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n_done = 0;
    w->stage = stage;
    memset(w->done, 0, w->texts.n * each * sizeof *w->done);
    TRY(job_done(w->job, stage, w->done, w->texts.n * each, &n_done, e));
    w->x->n_resumed += n_done;
    w->n_others = shard_skip(w->o->shard, w->done, w->texts.n * each, &w->x->shard);
    for (size_t k = 0; k < w->texts.n * each; k++) {
        w->done[k] = w->done[k] || w->texts.list[k / each].of == 0;
    }
    TRY(turns_rewind(&w->texts, e));
out:
    return rc;
}

static persona_code run_stages(screening *w, const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->texts.n, n_own = n * w->n_samples;
    ask_stream own = {
        .ud = w, .make = make_own, .done = done_own, .skip = w->done, .blame = blame_own};
    turns_reader given = {.ud = w, .taps = taps, .take = take_given, .skip = w->done};
    kept_tell(hooks, w->o->job);
    TRY(begin_stage(w, "given", 1, e));
    given.n_others = w->n_others;
    TRY(turns_read(&w->texts, w->s, &given, "read the data set", hooks, e));
    TRY(shard_note(w->o->shard, w->job, "given", n, e));
    TRY(begin_stage(w, "own", w->n_samples, e));
    own.n_others = w->n_others;
    TRY(ask_each(w->s, n_own, &own, "own answers", hooks, e));
    TRY(shard_note(w->o->shard, w->job, "own", n_own, e));
    TRY(job_put_value(w->job, JOB_STATE, JOB_DONE, e));
out:
    return rc;
}

/* ---- what it comes to ------------------------------------------------------------------------ */

/* Means over the samples that have a token. */
static persona_code load_own(screening *w, size_t i, persona_screen_item *item, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->p->n, n_samples = w->n_samples;
    for (size_t j = 0; j < n_samples; j++) {
        const int64_t id = (int64_t)(i * n_samples + j);
        TRY(job_read_mean(w->job, "own", id, 0, n, w->mean, e));
        for (size_t k = 0; k < n; k++) {
            w->samples[k * n_samples + j] = (double)w->mean[k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        double *x = w->samples + k * n_samples;
        size_t m = 0;
        for (size_t j = 0; j < n_samples; j++) {
            if (isfinite(x[j])) {
                x[m++] = x[j];
            }
        }
        item[k].own = m > 0 ? stat_mean(x, m) : (double)NAN;
        item[k].own_se = m > 1 ? stat_sd(x, m) / sqrt((double)m) : (double)NAN;
        item[k].delta = item[k].given - item[k].own;
    }
out:
    return rc;
}

static persona_code load(screening *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->p->n;
    for (size_t i = 0; i < w->texts.n; i++) {
        persona_screen_item *item = w->x->items + i * n;
        w->x->lines[i] = w->texts.list[i].line;
        for (size_t k = 0; k < n; k++) {
            const double no = (double)NAN;
            item[k] = (persona_screen_item){no, no, no, no, false, 0};
        }
        if (w->texts.list[i].of == 0) {
            w->x->n_unread++;
            continue;
        }
        TRY(job_read_mean(w->job, "given", (int64_t)i, 0, n, w->mean, e));
        for (size_t k = 0; k < n; k++) {
            item[k].given = (double)w->mean[k];
        }
        TRY(load_own(w, i, item, e));
        w->x->n_unread += isfinite(item[0].delta) ? 0 : 1;
    }
out:
    return rc;
}

typedef struct ranked {
    double delta;
    size_t i;
} ranked;

static int by_falling_delta(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->delta != y->delta) {
        return x->delta > y->delta ? -1 : 1;
    }
    return (x->i > y->i) - (x->i < y->i);
}

static double limit_of(const persona_screen_opts *o, const persona_probe *p, const double *delta,
                       size_t n, double *room)
{
    if (p->sd > 0) {
        return o->threshold * sqrt(1 + 1.0 / o->n_samples) * p->sd;
    }
    const double median = stat_median(delta, n);
    for (size_t i = 0; i < n; i++) {
        room[i] = fabs(delta[i] - median);
    }
    /* more than half of them alike: the deviation is not 0 for the others */
    const double spread = MAD_TO_SD * stat_median(room, n);
    return median + o->threshold * (spread > 0 ? spread : stat_sd(delta, n));
}

/* room: 2 n doubles; order: n. */
static persona_code rank(const screening *w, size_t k, double *room, ranked *order, size_t *group,
                         persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_screening *x = w->x;
    persona_screen_vector *v = &x->vectors[k];
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        const double delta = x->items[i * x->n_probes + k].delta;
        if (isfinite(delta)) {
            order[n] = (ranked){delta, i};
            group[n] = n;
            room[n++] = delta;
        }
    }
    v->by_neutral = w->p->list[k].sd > 0;
    v->limit = limit_of(w->o, &w->p->list[k], room, n, room + x->n);
    const stat_sample sample = {room, group, n};
    const stat_draws draws = {N_DRAWS, n, w->o->seed};
    v->delta = (persona_interval){(double)NAN, (double)NAN, (double)NAN};
    TRY(n > 0 ? stat_bootstrap_mean(sample, draws, &v->delta, e) : PERSONA_OK);
    qsort(order, n, sizeof *order, by_falling_delta);
    for (size_t r = 0; r < n; r++) {
        persona_screen_item *item = &x->items[order[r].i * x->n_probes + k];
        item->rank = r + 1;
        item->flagged = item->delta > v->limit;
        v->n_flagged += item->flagged;
    }
out:
    return rc;
}

static persona_code conclude(screening *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->x->n;
    double *room = mem_calloc(2 * n, sizeof *room);
    ranked *order = mem_calloc(n, sizeof *order);
    size_t *group = mem_calloc(n, sizeof *group);
    TRY(room != NULL && order != NULL && group != NULL ? PERSONA_OK : mem_err(e, "a ranking"));
    TRY(load(w, e));
    for (size_t k = 0; k < w->p->n; k++) {
        TRY(rank(w, k, room, order, group, e));
    }
out:
    mem_free(room);
    mem_free(order);
    mem_free(group);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static persona_code begin(screening *w, const char *texts, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n_probes = w->p->n;
    if (n_probes == 0 || !(w->o->threshold > 0) || w->o->max_tokens < 1) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "screening wants a vector, a threshold above 0 and answers of at "
                             "least one token");
        goto out;
    }
    if (w->o->n_samples < 1 || (w->o->n_samples > 1 && !(w->o->temperature > 0))) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "several own answers to a prompt want a temperature above 0: the "
                             "likeliest answer is always the same");
        goto out;
    }
    w->n_samples = (size_t)w->o->n_samples;
    w->tap = persona_probes_tap(w->p, PERSONA_SPAN_RESPONSE, false);
    TRY(turns_open(&w->texts, texts, false, e));
    TRY(open_job(w, texts, e));
    const size_t n = w->texts.n;
    w->done = mem_calloc(n, w->n_samples * sizeof *w->done);
    w->samples = mem_calloc(n_probes, w->n_samples * sizeof *w->samples);
    w->mean = mem_calloc(n_probes, sizeof *w->mean);
    *w->x = (persona_screening){.n = n,
                                .n_probes = n_probes,
                                .lines = mem_calloc(n, sizeof(size_t)),
                                .items = mem_calloc(n * n_probes, sizeof(persona_screen_item)),
                                .vectors = mem_calloc(n_probes, sizeof(persona_screen_vector))};
    TRY(w->done && w->mean && w->samples && w->x->lines && w->x->items && w->x->vectors
            ? PERSONA_OK
            : mem_err(e, "a data set"));
out:
    return rc;
}

persona_code persona_screen(persona_session *s, const char *texts, const persona_probes *p,
                            const persona_screen_opts *o, const persona_hooks *hooks,
                            persona_screening **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_screen_opts usual = persona_screen_defaults();
    screening w = {.s = s, .p = p, .o = o != NULL ? o : &usual};
    *out = NULL;
    w.x = mem_calloc(1, sizeof *w.x);
    if (w.x == NULL) {
        return mem_err(e, "a data set");
    }
    TRY(begin(&w, texts, e));
    TRY(run_stages(&w, hooks, e));
    if (w.o->shard.count > 0) {
        w.x->n = 0;
    } else {
        TRY(conclude(&w, e));
    }
    *out = w.x;
    w.x = NULL;
out:
    if (rc == PERSONA_E_CANCELED && w.o->job != NULL) {
        persona_err_wrap(e, "what was computed is kept; the same command goes on from there");
    }
    persona_screening_free(w.x);
    job_close(w.job);
    turns_close(&w.texts);
    mem_free(w.done);
    mem_free(w.mean);
    mem_free(w.samples);
    return rc;
}

void persona_screening_free(persona_screening *x)
{
    if (x != NULL) {
        mem_free(x->lines);
        mem_free(x->items);
        mem_free(x->vectors);
        mem_free(x);
    }
}
