/* SPDX-License-Identifier: MIT
 *
 * calibrate.c - the iso-KL dose (methods 4.2): how much of a vector is one unit, on this model.
 *
 * For a trial multiple alpha: answers of 20 tokens are generated greedily WITH steering, keeping every
 * predicted distribution; the same tokens are then read WITHOUT steering; per token
 * KL(steered || base) = sum p_s (log p_s - log p_b); the statistic is the 95th percentile over all
 * tokens of all questions. alpha is solved for 1 nat by secant steps in log-log space (KL grows like
 * alpha^2 at first, slower later) inside a bracket that is kept; the dose is the measured multiple
 * nearest to the target, and dose_kl what was measured there. Harmony models answer in the final
 * channel at once, so that the tokens are answer tokens.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/stats.h"
#include "pipeline/ask.h"
#include "pipeline/pipeline.h"

#define N_TOKENS 20
#define MAX_QUESTIONS 12
#define TARGET_NATS 1.0
#define TOLERANCE 0.05
#define MAX_EVALUATIONS 12
#define MIN_RATIO 0.01 /* bracket of ||edit|| / ||h|| */
#define MAX_RATIO 8.0
#define MAX_KEPT_BYTES ((size_t)64 << 20) /* distributions held at once */

/* Distributions of one question's steered answer, and the KL of each of its tokens. */
typedef struct trial {
    float *logp; /* (N_TOKENS, n_vocab), log-probabilities under steering */
    double kl[N_TOKENS];
    size_t n_steered, n_base;
} trial;

static void log_softmax(const float *logits, size_t n, float *out)
{
    float top = logits[0];
    for (size_t i = 1; i < n; i++) {
        top = logits[i] > top ? logits[i] : top;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)(logits[i] - top));
    }
    double shift = (double)top + log(sum);
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)((double)logits[i] - shift);
    }
}

static void keep_steered(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    trial *t = ud;
    if (i < N_TOKENS) {
        log_softmax(logits, n_vocab, t->logp + i * n_vocab);
        t->n_steered = i + 1;
    }
}

/* Replaces nothing: sums KL directly against the kept distribution. */
static void compare_base(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    trial *t = ud;
    if (i >= t->n_steered) {
        return;
    }
    const float *ps = t->logp + i * n_vocab;
    float top = logits[0];
    for (size_t k = 1; k < n_vocab; k++) {
        top = logits[k] > top ? logits[k] : top;
    }
    double sum = 0, kl = 0;
    for (size_t k = 0; k < n_vocab; k++) {
        sum += exp((double)(logits[k] - top));
    }
    double shift = (double)top + log(sum);
    for (size_t k = 0; k < n_vocab; k++) {
        kl += exp((double)ps[k]) * ((double)ps[k] - ((double)logits[k] - shift));
    }
    t->kl[i] = kl > 0 ? kl : 0;
    t->n_base = i + 1;
}

/* One group of questions, small enough that its distributions fit the memory bound. */
static persona_code run_group(persona_session *s, const persona_plan *plan, char *const *questions,
                              size_t n, const char *stage, const persona_hooks *hooks, double *kl,
                              size_t *n_kl, persona_err *e)
{
    size_t n_vocab = (size_t)persona_model_info_get(persona_session_model(s))->n_vocab;
    trial trials[MAX_QUESTIONS] = {0};
    ask asks[MAX_QUESTIONS] = {0};
    answer steered[MAX_QUESTIONS] = {0}, base[MAX_QUESTIONS] = {0};
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        trials[i].logp = mem_calloc((size_t)N_TOKENS * n_vocab, sizeof(float));
        if (trials[i].logp == NULL) {
            rc = mem_err(e, "calibration");
            goto out;
        }
        asks[i] = (ask){.question = questions[i],
                        .skip_analysis = true,
                        .plan = plan,
                        .sampling = persona_sampling_defaults(),
                        .ud = &trials[i],
                        .on_logits = keep_steered};
        asks[i].sampling.temperature = 0;
        asks[i].sampling.max_tokens = N_TOKENS;
    }
    rc = ask_all(s, asks, n, stage, hooks, steered, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        asks[i].plan = NULL;
        asks[i].want_logits = true;
        asks[i].on_logits = compare_base;
        asks[i].forced_tokens = steered[i].tokens;
        asks[i].n_forced_tokens = steered[i].n_tokens;
    }
    rc = ask_all(s, asks, n, stage, hooks, base, e);
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        size_t m = trials[i].n_base < steered[i].n_tokens ? trials[i].n_base : steered[i].n_tokens;
        memcpy(kl + *n_kl, trials[i].kl, m * sizeof *kl);
        *n_kl += m;
    }
out:
    for (size_t i = 0; i < n; i++) {
        mem_free(trials[i].logp);
    }
    answers_clear(steered, n);
    answers_clear(base, n);
    return rc;
}

typedef struct calibration {
    persona_session *s;
    const persona_vector *v;
    int block;
    char *const *questions;
    size_t n_questions;
    const char *stage;
    const persona_hooks *hooks;
} calibration;

/* The 95th percentile of the per-token KL at one multiple. */
static persona_code kl_at(const calibration *c, double alpha, double *out, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(c->s));
    persona_edit edit = {.op = PERSONA_OP_ADD,
                         .block = c->block,
                         .phases = PERSONA_PHASE_RESPONSE,
                         .alpha = (float)alpha,
                         .v = persona_vector_row(c->v, c->block)};
    double kl[MAX_QUESTIONS * N_TOKENS];
    size_t n_kl = 0, at = 0;
    persona_plan *plan = NULL;
    size_t group = MAX_KEPT_BYTES / ((size_t)N_TOKENS * (size_t)info->n_vocab * sizeof(float));
    group = group < 1 ? 1 : group > MAX_QUESTIONS ? MAX_QUESTIONS : group;
    persona_code rc = persona_plan_new(info->n_layer, info->n_embd, &edit, 1, &plan, e);
    while (rc == PERSONA_OK && at < c->n_questions) {
        size_t n = c->n_questions - at < group ? c->n_questions - at : group;
        rc = run_group(c->s, plan, c->questions + at, n, c->stage, c->hooks, kl, &n_kl, e);
        at += n;
    }
    if (rc == PERSONA_OK && n_kl < N_TOKENS) {
        rc = persona_err_set(
            e, PERSONA_E_NUMERIC,
            "calibration: only %zu answer tokens to measure on (ask more questions)", n_kl);
    }
    if (rc == PERSONA_OK) {
        *out = stat_quantile(kl, n_kl, 0.95);
    }
    persona_plan_free(plan);
    return rc;
}

/* Next multiple to try between lo (KL below the target) and hi (above): the secant in log-log space,
 * kept off the ends so that a curved response cannot stall it. */
static double next_alpha(double lo, double kl_lo, double hi, double kl_hi)
{
    double a = log(lo), b = log(hi);
    double fa = log(fmax(kl_lo, 1e-9) / TARGET_NATS), fb = log(fmax(kl_hi, 1e-9) / TARGET_NATS);
    double t = fb > fa ? -fa / (fb - fa) : 0.5;
    t = fmin(fmax(t, 0.1), 0.9);
    return exp(a + t * (b - a));
}

persona_code persona_calibrate(persona_session *s, persona_vector *v, int block,
                               char *const *questions, size_t n_questions,
                               const persona_hooks *hooks, persona_err *e)
{
    char stage[96];
    calibration c = {.s = s,
                     .v = v,
                     .block = block,
                     .questions = questions,
                     .n_questions = n_questions < MAX_QUESTIONS ? n_questions : MAX_QUESTIONS,
                     .stage = stage_name(stage, sizeof stage, "dose", v->from.trait),
                     .hooks = hooks};
    const persona_vector_layer *l = block >= 0 && block < v->n_layer ? &v->layers[block] : NULL;
    v->from.dose = NAN;
    v->from.dose_kl = NAN;
    if (l == NULL || !l->present || !(l->norm > 0) || !(l->h_median > 0)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "calibration: the vector has no direction or no ||h|| at block %d",
                               block);
    }
    double unit = (double)l->h_median / (double)l->norm; /* multiple whose ratio is 1 */
    double lo = MIN_RATIO * unit, hi = MAX_RATIO * unit, alpha = 0.4 * unit, kl = 0;
    double kl_lo = 0, kl_hi = 0, best = INFINITY;
    bool have_lo = false, have_hi = false;
    for (int i = 0; i < MAX_EVALUATIONS; i++) {
        persona_code rc = kl_at(&c, alpha, &kl, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
        if (fabs(log(fmax(kl, 1e-9) / TARGET_NATS)) < best) {
            best = fabs(log(fmax(kl, 1e-9) / TARGET_NATS));
            v->from.dose = (float)alpha;
            v->from.dose_kl = (float)kl;
        }
        if (fabs(kl - TARGET_NATS) <= TOLERANCE) {
            break;
        }
        if (kl < TARGET_NATS) {
            lo = alpha;
            kl_lo = kl;
            have_lo = true;
        } else {
            hi = alpha;
            kl_hi = kl;
            have_hi = true;
        }
        if (have_lo && have_hi) {
            alpha = next_alpha(lo, kl_lo, hi, kl_hi);
        } else {
            double step = sqrt(TARGET_NATS / fmax(kl, 1e-4));
            alpha *= fmin(fmax(step, 0.25), 4.0) * (have_lo ? 1.1 : 0.9);
        }
        if (alpha < MIN_RATIO * unit || alpha > MAX_RATIO * unit) {
            v->from.dose = v->from.dose_kl = NAN;
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "calibration: steering block %d by %.2g to %.2g of ||h|| never "
                                   "reaches %.1f nat (last %.3g)",
                                   block, MIN_RATIO, MAX_RATIO, TARGET_NATS, kl);
        }
    }
    return PERSONA_OK;
}
