/* SPDX-License-Identifier: MIT
 *
 * settle.c - where to steer and how much, by behavior and not by separability, which predicts
 * steering badly (methods 4.3).
 *
 *   prune      of many blocks only a few candidates are tried: those that the cheap statistics like
 *              best, spread over the middle of the model
 *   dose       a rough iso-KL dose for every candidate, so that blocks are compared at equal
 *              effect on the predictions, never at equal raw multiples
 *   sweep      every candidate at +1 and -1 dose (at +-2 if no block answers) on a few questions;
 *              the judge scores; the largest swing leads, reduced where answers stop being coherent
 *   refine     in deep models the neighbors of the leader are tried, too
 *   decide     the best two on 20 questions (trials.c)
 *   measure    the exact dose of the winner on all questions
 *   curve      the response to coefficients -3 .. 3: safe range and recommended coefficients
 *
 * Evaluation questions are never used here. Without a judge the statistics decide; without a chat
 * template nothing can be asked, and the vector stays uncalibrated.
 */
#include "pipeline/dose/settle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "persona/dose.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/dose/neutral.h"
#include "pipeline/dose/steered.h"
#include "pipeline/dose/trials.h"
#include "pipeline/pipeline.h"

#define N_REFINE 2           /* neighbors on each side */
#define ROUGH_QUESTIONS 6    /* for candidates' doses */
#define ROUGH_TOLERANCE 0.25 /* nats */
#define ROUGH_EVALUATIONS 5
#define ALL_QUESTIONS 40 /* for the exact dose */
#define QUICK_QUESTIONS 12
#define ENOUGH 20.0 /* points of swing below which a larger step is tried */

/* ---- candidates ------------------------------------------------------------------------------ */

/* How good a block looks without steering; NAN statistics (mapped vectors) count as neutral. */
static double promise(const persona_vector_layer *l)
{
    const double auroc = isfinite(l->auroc) ? (double)l->auroc : 0.5;
    const double d = isfinite(l->cohen_d) ? fmax((double)l->cohen_d, 0) : 1;
    const double split = isfinite(l->split_half) ? fmax((double)l->split_half, 0) : 1;
    return auroc * split * d / (d + 1);
}

static bool usable(const persona_vector *v, int b)
{
    const persona_vector_layer *l = &v->layers[b];
    return b > 0 && b < v->n_layer - 1 && l->present && l->norm > 0 && l->h_median > 0;
}

/* Every usable block, or the most promising one of each of SETTLE_CANDIDATES slices of the middle.
 * */
size_t settle_candidates(const persona_vector *v, int *out)
{
    size_t n = 0, usable_n = 0;
    for (int b = 0; b < v->n_layer; b++) {
        usable_n += usable(v, b);
    }
    if (usable_n <= SETTLE_CANDIDATES) {
        for (int b = 0; b < v->n_layer; b++) {
            if (usable(v, b)) {
                out[n++] = b;
            }
        }
        return n;
    }
    const int first = v->n_layer / 5, last = v->n_layer * 9 / 10;
    for (int s = 0; s < SETTLE_CANDIDATES; s++) {
        const int a = first + (last - first) * s / SETTLE_CANDIDATES;
        const int z = first + (last - first) * (s + 1) / SETTLE_CANDIDATES;
        int best = -1;
        for (int b = a; b < z; b++) {
            if (usable(v, b) && (best < 0 || promise(&v->layers[b]) > promise(&v->layers[best]))) {
                best = b;
            }
        }
        if (best >= 0) {
            out[n++] = best;
        }
    }
    return n;
}

static int by_statistics(const persona_vector *v)
{
    int best = -1;
    for (int b = v->n_layer / 4; b <= v->n_layer * 7 / 8 && b < v->n_layer; b++) {
        if (usable(v, b) && isfinite(v->layers[b].auroc) &&
            (best < 0 || promise(&v->layers[b]) > promise(&v->layers[best]))) {
            best = b;
        }
    }
    for (int b = v->n_layer * 3 / 4; best < 0 && b > 0; b--) {
        best = v->layers[b].present ? b : -1;
    }
    for (int b = v->n_layer - 1; best < 0 && b > 0; b--) {
        best = v->layers[b].present ? b : -1;
    }
    return best;
}

/* ---- doses ----------------------------------------------------------------------------------- */

/* Rough doses of the candidates that have none; without calibration a fixed ratio. */
static persona_code rough_doses(const settling *x, const int *blocks, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    block_dose *doses = mem_calloc(n, sizeof *doses);
    size_t m = 0;
    TRY(doses != NULL ? PERSONA_OK : mem_err(e, "doses"));
    for (size_t i = 0; i < n; i++) {
        persona_vector_layer *l = &x->v->layers[blocks[i]];
        if (!x->calibrate || x->quick) {
            l->dose = (float)(SETTLE_RATIO * (double)l->h_median / (double)l->norm);
        } else if (isnan(l->dose)) {
            doses[m++].block = blocks[i];
        }
    }
    if (m > 0) {
        const size_t n_q = x->questions->n_extraction;
        const calibration c = {.s = x->s,
                               .v = x->v,
                               .questions = x->questions->extraction,
                               .n_questions = n_q < ROUGH_QUESTIONS ? n_q : ROUGH_QUESTIONS,
                               .tolerance = ROUGH_TOLERANCE,
                               .max_evaluations = ROUGH_EVALUATIONS,
                               .job = x->job,
                               .tag = x->tag,
                               .hooks = x->hooks};
        TRY(calibrate_blocks(&c, doses, m, e));
    }
    for (size_t i = 0; i < m; i++) {
        x->v->layers[doses[i].block].dose = (float)doses[i].alpha;
    }
out:
    mem_free(doses);
    return rc;
}

static persona_code exact_dose(const settling *x, settle_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t most = x->quick ? QUICK_QUESTIONS : ALL_QUESTIONS;
    const size_t n_q = x->questions->n_extraction;
    const calibration c = {.s = x->s,
                           .v = x->v,
                           .questions = x->questions->extraction,
                           .n_questions = n_q < most ? n_q : most,
                           .quick = x->quick,
                           .job = x->job,
                           .tag = x->tag,
                           .hooks = x->hooks};
    block_dose dose = {.block = x->v->from.best_layer};
    dose.alpha = (double)x->v->layers[dose.block].dose; /* a first guess, or NAN */
    TRY(calibrate_dose(&c, &dose, e));
    if (isnan(dose.alpha)) {
        report->note = isnan(dose.kl) ? "not calibrated: the answers are too short to measure on"
                                      : "not calibrated: no multiple of the vector reaches 1 nat";
        x->v->layers[dose.block].dose = NAN;
        return PERSONA_OK;
    }
    x->v->from.dose = (float)dose.alpha;
    x->v->from.dose_kl = (float)dose.kl;
    x->v->layers[dose.block].dose = (float)dose.alpha;
out:
    return rc;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

/* All trials of one vector. */
typedef struct trying {
    trial trials[2 * SETTLE_CANDIDATES + 2 * N_REFINE];
    size_t n;
} trying;

/* Tries blocks at both signs of a step; the best of all so far leads. */
static persona_code try_blocks(const settling *x, const int *blocks, size_t n, double step,
                               trying *t, settle_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trial *now[2 * SETTLE_CANDIDATES + 2 * N_REFINE];
    const trial *best = NULL;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const persona_vector_layer *l = &x->v->layers[blocks[i]];
        if (isfinite(l->dose)) {
            now[m++] = &t->trials[t->n];
            t->trials[t->n++] = (trial){.block = blocks[i], .alpha = step * (double)l->dose};
        }
    }
    TRY(trials_ask(x, now, m, x->n_questions > 0 ? x->n_questions : STEERED_QUESTIONS, e));
    for (size_t i = 0; i < t->n; i++) {
        if (!best || trial_value(&t->trials[i]) > trial_value(best)) {
            best = &t->trials[i];
        }
    }
    if (best) {
        x->v->from.best_layer = best->block;
        report->swing = trial_swing(best);
    }
out:
    return rc;
}

/* Neighbors of the winner that were not tried. */
static size_t neighbors(const persona_vector *v, const int *tried, size_t n, int *out)
{
    size_t m = 0;
    for (int b = v->from.best_layer - N_REFINE; b <= v->from.best_layer + N_REFINE; b++) {
        bool known = b <= 0 || b >= v->n_layer - 1 || !usable(v, b);
        for (size_t i = 0; i < n; i++) {
            known = known || tried[i] == b;
        }
        if (!known) {
            out[m++] = b;
        }
    }
    return m;
}

static persona_code by_behavior(const settling *x, settle_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    static const double STEPS[] = {1, 2}; /* doses, or multiples of the equal ratio */
    int blocks[SETTLE_CANDIDATES], more[2 * N_REFINE];
    const size_t n = settle_candidates(x->v, blocks);
    trying t = {.n = 0};
    const trial *winner = NULL;
    double step = 0;
    TRY(rough_doses(x, blocks, n, e));
    for (size_t k = 0; k < 2 && !(report->swing >= ENOUGH); k++) {
        step = STEPS[k];
        TRY(try_blocks(x, blocks, n, step, &t, report, e));
    }
    if (x->v->from.best_layer > 0 && n == SETTLE_CANDIDATES) {
        const size_t m = neighbors(x->v, blocks, n, more);
        TRY(rough_doses(x, more, m, e));
        TRY(try_blocks(x, more, m, step, &t, report, e));
    }
    TRY(trials_decide(x, t.trials, t.n, 1, &winner, e));
    if (winner) {
        x->v->from.best_layer = winner->block;
        report->swing = trial_swing(winner);
    }
out:
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

persona_code settle(const settling *given, settle_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char tag[CALIBRATE_TAG];
    settling mine = *given;
    const settling *x = &mine;
    const calibration named = {.s = given->s,
                               .v = given->v,
                               .questions = given->questions ? given->questions->extraction : NULL,
                               .n_questions = given->questions ? given->questions->n_extraction : 0,
                               .tag = given->tag};
    calibrate_tag(&named, given->seed, tag);
    mine.tag = tag;
    persona_vector *v = x->v;
    const persona_model_info *info = persona_model_info_get(persona_session_model(x->s));
    const bool asks =
        x->questions != NULL && x->questions->n_extraction > 0 && info->chat != PERSONA_CHAT_NONE;
    const bool judged = asks && x->judge != NULL && persona_judge_knows(x->judge, x->trait->name) &&
                        strcmp(persona_judge_kind(x->judge), "labels") != 0;
    *report = (settle_report){.how = "steering sweep", .swing = NAN, .note = ""};
    v->from.best_layer = -1;
    v->from.dose = v->from.dose_kl = NAN;
    for (int b = 0; b < v->n_layer; b++) {
        v->layers[b].dose = NAN;
    }
    TRY(judged ? by_behavior(x, report, e) : PERSONA_OK);
    if (v->from.best_layer < 1) {
        report->how = "statistics";
        v->from.best_layer = by_statistics(v);
    }
    if (v->from.best_layer < 1) {
        TRY(persona_err_set(e, PERSONA_E_SHAPE, "trait '%s': the vector has no usable block",
                            x->trait->name));
    }
    if (x->calibrate && asks && usable(v, v->from.best_layer)) {
        TRY(exact_dose(x, report, e));
    } else if (x->calibrate) {
        report->note =
            asks ? "not calibrated: the size of the activations at the block is not known"
                 : "not calibrated: nothing can be asked without questions and a chat template";
    }
    if (x->neutral && asks) {
        const neutral traffic = {.s = x->s,
                                 .questions = x->questions->extraction,
                                 .n_questions = x->questions->n_extraction,
                                 .seed = x->seed,
                                 .job = x->job,
                                 .tag = x->tag,
                                 .hooks = x->hooks};
        TRY(neutral_measure(&traffic, v, e));
    }
    if (x->curve != NULL && judged && isfinite(v->from.dose)) {
        TRY(steered_curve(x, e));
    }
out:
    for (int b = 0; b < v->n_layer && (!x->calibrate || x->quick); b++) {
        v->layers[b].dose =
            b == v->from.best_layer ? v->from.dose : NAN; /* the others are ratios */
    }
    return rc;
}

settling settle_quickly(persona_session *s, persona_vector *v)
{
    return (settling){.s = s,
                      .v = v,
                      .calibrate = true,
                      .quick = true,
                      .n_questions = SETTLE_FEW,
                      .n_decide = SETTLE_DECIDE,
                      .tag = ""};
}

persona_code persona_settle(const persona_subject *who, persona_vector *v, uint32_t seed,
                            const persona_hooks *hooks, double *swing, persona_err *e)
{
    settling x = settle_quickly(who->session, v);
    x.trait = who->trait;
    x.questions = who->questions;
    x.judge = who->judge;
    x.seed = seed;
    x.hooks = hooks;
    settle_report report;
    persona_code rc = settle(&x, &report, e);
    if (swing != NULL) {
        *swing = report.swing;
    }
    return rc;
}
