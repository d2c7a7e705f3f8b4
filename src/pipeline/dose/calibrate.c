/* SPDX-License-Identifier: MIT
 *
 * calibrate.c - the iso-KL dose (methods 4.2): how much of a vector is one unit, on this model.
 *
 * For a trial multiple alpha: answers of 20 tokens are generated greedily WITH steering, keeping
 * every predicted distribution; the same tokens are then read WITHOUT steering; per token
 * KL(steered || base) = sum p_s (log p_s - log p_b); the statistic is the 95th percentile over all
 * tokens of all questions. Harmony models answer in the final channel at once, so that the tokens
 * are answer tokens.
 *
 * alpha is sought by secant steps in log-log space (KL grows like alpha^2 at first, slower later)
 * inside a bracket that is kept. For many blocks that rough answer will do; they are solved side by
 * side, one batch for all. KL as a function of alpha is rough, since another multiple makes other
 * answers; so the exact dose comes from a line through several multiples around the solution, which
 * averages over their answers, and not from the one that happened to come closest.
 */
#include "pipeline/dose/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "persona/steer.h"
#include "pipeline/ask.h"
#include "pipeline/dose/kl.h"
#include "pipeline/pipeline.h"

#define N_TOKENS 20
#define TARGET_NATS 1.0
#define FIRST_RATIO 0.4 /* ||edit|| / ||h|| of the first trial */
#define MIN_RATIO 0.01
#define MAX_RATIO 8.0
#define MAX_AT_ONCE 512

/* ---- one answer ------------------------------------------------------------------------------ */

typedef struct trial {
    size_t search; /* whose trial it is */
    kl_track track;
    double kl[N_TOKENS];
} trial;

static void keep_steered(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_keep(&((trial *)ud)->track, i, logits, n_vocab);
}

static void compare_base(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    kl_compare(&((trial *)ud)->track, i, logits, n_vocab);
}

/* ---- searches -------------------------------------------------------------------------------- */

/* Where the solution for one block is sought. */
typedef struct search {
    const persona_vector *v;
    const char *tag;
    int block;
    double unit; /* multiple whose ratio is 1 */
    double alpha, kl;
    double lo, hi, kl_lo, kl_hi;
    bool have_lo, have_hi, done, failed;
    double best, best_alpha, best_kl; /* best: |log(kl / target)| */
    persona_plan *plan;
    double *kls; /* (n_questions, N_TOKENS) of the trial being measured */
    size_t n_kls;
} search;

/* Secant in log-log space, kept away from the ends of the bracket. */
static double between(const search *x)
{
    double a = log(x->lo), b = log(x->hi);
    double fa = log(fmax(x->kl_lo, 1e-9) / TARGET_NATS), fb = log(x->kl_hi / TARGET_NATS);
    double t = fb > fa ? -fa / (fb - fa) : 0.5;
    t = fmin(fmax(t, 0.1), 0.9);
    return exp(a + t * (b - a));
}

/* Books the KL of the current multiple and chooses the next one. */
static void advance(search *x, double tolerance)
{
    if (isnan(x->kl)) { /* answers too short to measure on */
        x->failed = x->done = true;
        return;
    }
    const double off = fabs(log(fmax(x->kl, 1e-9) / TARGET_NATS));
    if (off < x->best) {
        x->best = off;
        x->best_alpha = x->alpha;
        x->best_kl = x->kl;
    }
    if (fabs(x->kl - TARGET_NATS) <= tolerance) {
        x->done = true;
        return;
    }
    const bool low = x->kl < TARGET_NATS;
    *(low ? &x->lo : &x->hi) = x->alpha;
    *(low ? &x->kl_lo : &x->kl_hi) = x->kl;
    *(low ? &x->have_lo : &x->have_hi) = true;
    if (x->have_lo && x->have_hi) {
        x->alpha = between(x);
        return;
    }
    const double step = sqrt(TARGET_NATS / fmax(x->kl, 1e-4));
    x->alpha *= fmin(fmax(step, 0.25), 4.0) * (x->have_lo ? 1.1 : 0.9);
    x->failed = x->alpha < MIN_RATIO * x->unit || x->alpha > MAX_RATIO * x->unit;
    x->done = x->failed;
}

/* ---- what the job remembers ------------------------------------------------------------------ */

static void key_of(const calibration *c, const search *x, char *out, size_t size)
{
    snprintf(out, size, "kl/%s/%d/%zu/%.9g", x->tag, x->block, c->n_questions, x->alpha);
}

static persona_code recall(const calibration *c, search *x, bool *found, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char key[160], *text = NULL;
    *found = false;
    if (c->job == NULL) {
        return PERSONA_OK;
    }
    key_of(c, x, key, sizeof key);
    TRY(job_get_value(c->job, key, &text, e));
    if (text != NULL) {
        x->kl = strtod(text, NULL);
        *found = true;
    }
out:
    mem_free(text);
    return rc;
}

static persona_code remember(const calibration *c, const search *x, persona_err *e)
{
    char key[160], text[40];
    if (c->job == NULL) {
        return PERSONA_OK;
    }
    key_of(c, x, key, sizeof key);
    snprintf(text, sizeof text, "%.17g", x->kl);
    return job_put_value(c->job, key, text, e);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Everything that is being measured in one round. */
typedef struct round_of {
    const calibration *c;
    search **x; /* n */
    size_t n, at, n_vocab;
    char stage[96];
} round_of;

/* The next `n` trials, small enough that their distributions fit the memory bound. */
static persona_code run_group(round_of *r, trial *trials, ask *asks, answer *steered, answer *base,
                              size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const calibration *c = r->c;
    for (size_t i = 0; i < n; i++) {
        const size_t at = r->at + i; /* question by question, searches side by side */
        float *logp = trials[i].track.logp;
        trials[i] = (trial){.search = at % r->n};
        trials[i].track = (kl_track){.cap = N_TOKENS, .logp = logp, .kl = trials[i].kl};
        asks[i] = (ask){.question = c->questions[at / r->n],
                        .skip_analysis = true,
                        .plan = r->x[at % r->n]->plan,
                        .sampling = persona_sampling_defaults(),
                        .ud = &trials[i],
                        .on_logits = keep_steered};
        asks[i].sampling.temperature = 0;
        asks[i].sampling.max_tokens = N_TOKENS;
    }
    TRY(ask_all(c->s, asks, n, r->stage, c->hooks, steered, e));
    for (size_t i = 0; i < n; i++) {
        asks[i].plan = NULL;
        asks[i].want_logits = true;
        asks[i].on_logits = compare_base;
        asks[i].forced_tokens = steered[i].tokens;
        asks[i].n_forced_tokens = steered[i].n_tokens;
    }
    TRY(ask_all(c->s, asks, n, r->stage, c->hooks, base, e));
    for (size_t i = 0; i < n; i++) {
        search *x = r->x[trials[i].search];
        const size_t n_base = trials[i].track.n_base;
        const size_t m = n_base < steered[i].n_tokens ? n_base : steered[i].n_tokens;
        memcpy(x->kls + x->n_kls, trials[i].kl, m * sizeof *x->kls);
        x->n_kls += m;
    }
out:
    answers_clear(steered, n);
    answers_clear(base, n);
    return rc;
}

static persona_code run_trials(round_of *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t each = N_TOKENS * r->n_vocab * sizeof(float), total = r->n * r->c->n_questions;
    size_t room = KL_MAX_BYTES / each;
    room = room < 1 ? 1 : room > MAX_AT_ONCE ? MAX_AT_ONCE : room;
    room = room < total ? room : total;
    trial *trials = mem_calloc(room, sizeof *trials);
    ask *asks = mem_calloc(room, sizeof *asks);
    answer *answers = mem_calloc(room * 2, sizeof *answers);
    float *logp = mem_calloc(room, each);
    TRY(trials != NULL && asks != NULL && answers != NULL && logp != NULL
            ? PERSONA_OK
            : mem_err(e, "calibration"));
    for (size_t i = 0; i < room; i++) {
        trials[i].track.logp = logp + i * N_TOKENS * r->n_vocab;
    }
    while (r->at < total) {
        const size_t n = total - r->at < room ? total - r->at : room;
        TRY(run_group(r, trials, asks, answers, answers + room, n, e));
        r->at += n;
    }
out:
    mem_free(trials);
    mem_free(asks);
    mem_free(answers);
    mem_free(logp);
    return rc;
}

static persona_code make_plan(const calibration *c, search *x, persona_err *e)
{
    persona_plan_free(x->plan);
    x->plan = NULL;
    x->n_kls = 0;
    return persona_steer_block(persona_session_model(c->s), x->v, x->block, x->alpha, &x->plan, e);
}

static persona_code conclude(const calibration *c, search *x, persona_err *e)
{
    x->kl = x->n_kls < N_TOKENS ? (double)NAN : stat_quantile(x->kls, x->n_kls, 0.95);
    return remember(c, x, e);
}

/* Measures the current multiple of every open search. */
static persona_code measure_open(const calibration *c, search *all, search **open, size_t n,
                                 persona_err *e)
{
    persona_code rc = PERSONA_OK;
    round_of r = {.c = c, .x = open};
    const persona_model_info *info = persona_model_info_get(persona_session_model(c->s));
    r.n_vocab = (size_t)info->n_vocab;
    stage_name(r.stage, sizeof r.stage, "dose", c->v->from.trait);
    bool known = true;
    for (size_t i = 0; i < n; i++) {
        bool found = true;
        if (!all[i].done) {
            TRY(recall(c, &all[i], &found, e));
        }
        known = known && found;
    }
    /* Whole or not at all, so that the batches of a resumed round are those of the first. */
    for (size_t i = 0; !known && i < n; i++) {
        if (!all[i].done) {
            open[r.n++] = &all[i];
            TRY(make_plan(c, &all[i], e));
        }
    }
    if (r.n > 0) {
        TRY(run_trials(&r, e));
    }
    for (size_t i = 0; i < r.n; i++) {
        TRY(conclude(c, open[i], e));
    }
out:
    return rc;
}

static persona_code begin(const calibration *c, const block_dose *of, search *x, persona_err *e)
{
    const persona_vector *v = of->v != NULL ? of->v : c->v;
    const int block = of->block;
    const persona_vector_layer *l = block >= 0 && block < v->n_layer ? &v->layers[block] : NULL;
    if (l == NULL || !l->present || !(l->norm > 0) || !(l->h_median > 0)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "calibration: the vector has no direction or no ||h|| at block %d",
                               block);
    }
    *x = (search){.v = v,
                  .tag = of->v != NULL ? of->tag : c->tag,
                  .block = block,
                  .unit = (double)l->h_median / (double)l->norm,
                  .best = INFINITY,
                  .best_alpha = NAN,
                  .best_kl = NAN};
    x->alpha = FIRST_RATIO * x->unit;
    x->kls = mem_calloc(c->n_questions * N_TOKENS, sizeof *x->kls);
    return x->kls != NULL ? PERSONA_OK : mem_err(e, "calibration");
}

persona_code calibrate_blocks(const calibration *c, block_dose *doses, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    search *all = mem_calloc(n, sizeof *all), **open = mem_calloc(n, sizeof *open);
    TRY(all != NULL && open != NULL ? PERSONA_OK : mem_err(e, "calibration"));
    for (size_t i = 0; i < n; i++) {
        TRY(begin(c, &doses[i], &all[i], e));
    }
    for (int k = 0; k < c->max_evaluations; k++) {
        TRY(measure_open(c, all, open, n, e));
        for (size_t i = 0; i < n; i++) {
            if (!all[i].done) {
                advance(&all[i], c->tolerance);
            }
        }
    }
out:
    for (size_t i = 0; all != NULL && i < n; i++) {
        doses[i].alpha = all[i].failed ? (double)NAN : all[i].best_alpha;
        doses[i].kl = all[i].failed ? all[i].kl : all[i].best_kl;
        persona_plan_free(all[i].plan);
        mem_free(all[i].kls);
    }
    mem_free(all);
    mem_free(open);
    return rc;
}

/* ---- one block, exactly ---------------------------------------------------------------------- */

#define QUICK_TOLERANCE 0.1
#define QUICK_EVALUATIONS 6
#define MAX_POINTS 16
#define NEAR 2.0  /* a multiple whose KL is within this factor of the target is on the line */
#define STEP 1.14 /* between the multiples of the line */
#define MAX_APPROACHES 10
#define TIGHT 1.02 /* a bracket so narrow is as near as a jump of the KL allows */
#define MAX_REDRAWN 3
#define CLOSE 0.06 /* log of measured over wanted KL at which the solution is taken */
#define DEFAULT_QUESTIONS 40

typedef struct kl_points {
    double alpha[MAX_POINTS], kl[MAX_POINTS];
    size_t n;
} kl_points;

/* Measures one or two multiples in one batch and adds them. */
static persona_code add_points(const calibration *c, int block, const double *alpha, size_t n,
                               kl_points *p, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    search all[2] = {{0}}, *open[2] = {NULL};
    for (size_t i = 0; i < n; i++) {
        TRY(begin(c, &(block_dose){.block = block}, &all[i], e));
        all[i].alpha = alpha[i];
    }
    TRY(measure_open(c, all, open, n, e));
out:
    for (size_t i = 0; i < n; i++) {
        if (rc == PERSONA_OK && p->n < MAX_POINTS) {
            p->alpha[p->n] = all[i].alpha;
            p->kl[p->n++] = all[i].kl;
        }
        persona_plan_free(all[i].plan);
        mem_free(all[i].kls);
    }
    return rc;
}

persona_code calibrate_measure(const calibration *c, block_dose *dose, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    kl_points p = {.n = 0};
    dose->kl = (double)NAN;
    TRY(add_points(c, dose->block, &dose->alpha, 1, &p, e));
    dose->kl = p.kl[0];
out:
    return rc;
}

/* Least squares of log KL on log alpha over the near points, solved for the target. KL grows with
 * alpha at most like its square; a slope out of keeping with that is noise. */
static double solve_line(const kl_points *p)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0, n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double x = log(p->alpha[i]), y = log(fmax(p->kl[i], 1e-9) / TARGET_NATS);
        if (fabs(y) <= log(NEAR)) { /* never true for NAN */
            sx += x, sy += y, sxx += x * x, sxy += x * y, n += 1;
        }
    }
    if (n < 1) {
        return p->alpha[p->n - 1]; /* a jump over all of the target's neighborhood */
    }
    const double spread = sxx - sx * sx / n;
    double slope = spread > 1e-12 ? (sxy - sx * sy / n) / spread : 2;
    slope = fmin(fmax(slope, 0.7), 2.5);
    return exp(sx / n - sy / n / slope);
}

/* The multiple to try after the last point: by the square law, or between the closest ones on both
 * sides of the target, since a KL that jumps would make the square law swing to and fro. *near
 * becomes true where the bracket is tight. */
static double next_approach(const kl_points *p, bool *near)
{
    double low = 0, high = INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        if (p->kl[i] < TARGET_NATS) {
            low = fmax(low, p->alpha[i]);
        } else {
            high = fmin(high, p->alpha[i]);
        }
    }
    if (low > 0 && low < high && isfinite(high)) {
        *near = *near || high / low < TIGHT;
        return sqrt(low * high);
    }
    const double last = p->kl[p->n - 1];
    return p->alpha[p->n - 1] * fmin(fmax(sqrt(TARGET_NATS / fmax(last, 1e-4)), 0.25), 4.0);
}

persona_code calibrate_exactly(const calibration *c, block_dose *dose, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector_layer *l = &c->v->layers[dose->block];
    const double unit = (double)l->h_median / (double)l->norm;
    kl_points p = {.n = 0};
    double alpha = dose->alpha > 0 ? dose->alpha : FIRST_RATIO * unit;
    bool near = false;
    dose->alpha = NAN;
    for (int i = 0; !near && i < MAX_APPROACHES; i++) {
        if (!(alpha >= MIN_RATIO * unit && alpha <= MAX_RATIO * unit)) {
            return PERSONA_OK; /* out of the bracket: no dose */
        }
        TRY(add_points(c, dose->block, &alpha, 1, &p, e));
        dose->kl = p.kl[p.n - 1];
        if (isnan(dose->kl)) {
            return PERSONA_OK; /* answers too short to measure on */
        }
        near = fabs(log(fmax(dose->kl, 1e-9) / TARGET_NATS)) <= log(NEAR) / 2;
        alpha = next_approach(&p, &near);
    }
    if (near) {
        const double around[2] = {alpha / STEP, alpha * STEP};
        TRY(add_points(c, dose->block, around, 2, &p, e));
    }
    /* The measured solution joins the line; where the line did not hold, it is drawn again. */
    for (int i = 0; near && i < MAX_REDRAWN; i++) {
        dose->alpha = solve_line(&p);
        TRY(add_points(c, dose->block, &dose->alpha, 1, &p, e));
        dose->kl = p.kl[p.n - 1];
        near = fabs(log(fmax(dose->kl, 1e-9) / TARGET_NATS)) > CLOSE;
    }
out:
    return rc;
}

persona_code calibrate_dose(const calibration *c, block_dose *dose, persona_err *e)
{
    calibration few = *c;
    few.tolerance = QUICK_TOLERANCE;
    few.max_evaluations = QUICK_EVALUATIONS;
    return c->quick ? calibrate_blocks(&few, dose, 1, e) : calibrate_exactly(c, dose, e);
}

static uint64_t mix_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * UINT64_C(1099511628211);
    }
    return h;
}

void calibrate_tag(const calibration *c, uint32_t seed, char out[CALIBRATE_TAG])
{
    const persona_vector *v = c->v;
    const int shape[2] = {persona_session_opts_get(c->s)->n_slots,
                          persona_session_opts_get(c->s)->n_ctx};
    uint64_t h = UINT64_C(14695981039346656037);
    h = mix_bytes(h, &seed, sizeof seed);
    h = mix_bytes(h, shape, sizeof shape);
    h = mix_bytes(h, v->data, (size_t)v->n_layer * (size_t)v->n_embd * sizeof *v->data);
    for (size_t i = 0; i < c->n_questions; i++) {
        h = mix_bytes(h, c->questions[i], strlen(c->questions[i]) + 1);
    }
    snprintf(out, CALIBRATE_TAG, "%s-%016llx", c->tag, (unsigned long long)h);
}

persona_code calibrate_vector(const calibration *given, persona_vector *v, int block,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char tag[CALIBRATE_TAG];
    calibration c = *given;
    block_dose dose = {.block = block};
    calibrate_tag(given, 0, tag);
    c.tag = tag;
    v->from.dose = v->from.dose_kl = NAN;
    if (block < 0 || block >= v->n_layer || !v->layers[block].present) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "calibration: the vector has no direction at "
                               "block %d",
                               block);
    }
    TRY(calibrate_dose(&c, &dose, e));
    if (isnan(dose.alpha)) {
        return persona_err_set(
            e, PERSONA_E_NUMERIC,
            "calibration: steering block %d by %.2g to %.2g of ||h|| never reaches "
            "%.1f nat (last %.3g)",
            block, MIN_RATIO, MAX_RATIO, TARGET_NATS, dose.kl);
    }
    v->from.dose = (float)dose.alpha;
    v->from.dose_kl = (float)dose.kl;
    v->layers[block].dose = (float)dose.alpha;
out:
    return rc;
}

persona_code persona_calibrate(persona_session *s, persona_vector *v, int block,
                               char *const *questions, size_t n_questions,
                               const persona_hooks *hooks, persona_err *e)
{
    const calibration c = {.s = s,
                           .v = v,
                           .questions = questions,
                           .n_questions =
                               n_questions < DEFAULT_QUESTIONS ? n_questions : DEFAULT_QUESTIONS,
                           .tag = "",
                           .hooks = hooks};
    return calibrate_vector(&c, v, block, e);
}
