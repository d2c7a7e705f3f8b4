/* SPDX-License-Identifier: MIT
 *
 * study.c - one trait from the source model to the target, with every control beside it.
 *
 *   source:  extract ------> v_s --map--> v_t --settle-->  transferred  \
 *   target:  extract --------------------------------->    native        >  evaluate --> verdict
 *            controls (study_controls.c)  ------------>    the others   /
 *
 * The map has not seen the trait's texts, nor any that a judge sees it in; if it has (a map from a
 * file), the result is called in-sample and cannot pass (study_void.c). Evaluation questions are
 * used by the evaluation only.
 */
#include "persona/study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/mapobject.h"
#include "pipeline/dose/settle.h"
#include "pipeline/evaluate/evaluate_export.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/lean.h"

persona_study_opts persona_study_defaults(void)
{
    return (persona_study_opts){.n_rollouts = 1,
                                .evaluate = true,
                                .all_controls = true,
                                .own_blocks = true,
                                .fit = persona_fit_defaults()};
}

persona_judge *study_select(const persona_study_side *side, const persona_trait *trait)
{
    persona_judge *j = side->select ? side->select : side->judge;
    return j && persona_judge_knows(j, trait->name) ? j : NULL;
}

persona_code study_add_arm(studying *s, const char *condition, persona_vector *v, const char *note,
                           persona_err *e)
{
    persona_study *x = s->x;
    persona_study_arm *grown = mem_realloc(x->arms, x->n_arms + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "vectors to evaluate");
    }
    x->arms = grown;
    x->arms[x->n_arms] =
        (persona_study_arm){.condition = condition, .vector = v, .cosine = (double)NAN};
    snprintf(x->arms[x->n_arms++].note, sizeof x->arms->note, "%s", note ? note : "");
    return PERSONA_OK;
}

void study_note(persona_study *x, const char *what, const char *why)
{
    const size_t n = strlen(x->note);
    snprintf(x->note + n, sizeof x->note - n, "%s%s: %s", n > 0 ? "; " : "", what, why);
}

/* ---- steps ----------------------------------------------------------------------------------- */

persona_code study_extract(const studying *s, bool target, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_study_side *side = target ? s->to : s->from;
    persona_extract_opts x = persona_extract_defaults();
    persona_extract_report *report = target ? &s->x->native_report : &s->x->source_report;
    persona_questions *own = NULL;
    const persona_questions *questions = NULL;
    char *place = NULL;
    x.judge = study_select(side, s->trait);
    x.n_questions = s->o->n_questions;
    x.n_rollouts = s->o->n_rollouts;
    x.seed = s->o->seed;
    x.response_curve = false; /* the evaluation shows it on other questions */
    x.choose_layer = target;  /* the source's block is found with the target's */
    x.calibrate = target;
    x.quick = true; /* as vectors that are carried over */
    x.n_settle = s->o->n_settle;
    if (target) {
        s->own->block = s->x->transferred->from.best_layer;
        s->own->d = (size_t)s->x->transferred->n_embd;
        x.on_answer = study_take_own;
        x.on_answer_ud = s->own;
    }
    x.fresh = s->o->fresh;
    if (s->o->extract_tokens > 0) {
        x.max_tokens = s->o->extract_tokens;
    }
    TRY(persona_questions_for(side->questions, s->trait, &own, &questions, e));
    if (s->o->shard.count > 0) { /* several may run at once, and one job has one process */
        place = mem_printf("%s.%s", s->o->job, target ? "native" : "source");
        TRY(place ? PERSONA_OK : mem_err(e, s->o->job));
    } else if (s->o->keep_jobs) {
        TRY(persona_extract_place(side->session, s->trait, questions, &x, &place, e));
    }
    x.job = place;
    TRY(persona_extract(side->session, s->trait, questions, &x, s->hooks, out, report, e));
out:
    s->x->extract_jobs[target] = place;
    persona_questions_free(own);
    return rc;
}

static void describe_map(const persona_map *m, int to, persona_study_map *out)
{
    const persona_map_block *b = persona_map_to(m, to);
    *out = (persona_study_map){.layer_from = -1, .layer_to = to};
    if (!b) {
        return;
    }
    snprintf(out->method, sizeof out->method, "%s", m->method);
    snprintf(out->pairing, sizeof out->pairing, "%s", m->pairing);
    out->layer_from = b->from;
    out->rank = b->rank;
    out->n_texts = m->n_texts;
    out->n_rows = m->n_rows;
    out->n_contrasts = m->n_contrasts;
    out->n_candidates = m->n_blocks;
    out->lambda = b->lambda;
    out->r2_heldout = b->r2_heldout;
    out->r2_contrast = b->r2_contrast;
    out->r2_shuffled = b->r2_shuffled;
    out->r2_shuffled_max = b->r2_shuffled_max;
    out->by_trait = b->by_trait;
    out->by_both = b->by_both;
}

settling study_settling(const studying *s, persona_vector *v, const char *condition)
{
    settling x = settle_quickly(s->to->session, v);
    if (s->o->n_settle > 0) {
        x.n_decide = (size_t)s->o->n_settle;
    }
    x.trait = s->trait;
    x.questions = s->questions;
    x.judge = study_select(s->to, s->trait);
    x.seed = s->o->seed;
    x.job = s->job;
    x.tag = condition;
    x.hooks = s->hooks;
    return x;
}

persona_code study_settle(const studying *s, persona_vector *v, const char *condition,
                          double *swing, persona_err *e)
{
    settling x = study_settling(s, v, condition);
    settle_report report;
    x.neutral = v == s->x->transferred;
    const persona_code rc = settle(&x, &report, e);
    if (swing) {
        *swing = report.swing;
    }
    return rc;
}

/* Maps the source vector and finds block and dose on the target. */
static persona_code carry(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    TRY(persona_map_apply(s->map, x->source, NULL, &x->transferred, e));
    TRY(study_settle(s, x->transferred, "transferred", &x->swing_settled, e));
    map_stamp(s->map, x->transferred->from.best_layer, x->transferred);
    describe_map(s->map, x->transferred->from.best_layer, &x->map);
    const bool in_sample = strcmp(x->transferred->from.sample, PERSONA_SAMPLE_IN_SAMPLE) == 0;
    if (!in_sample && s->lean && !x->left.decidable) {
        TRY(persona_vector_label(&x->transferred->from.sample, PERSONA_SAMPLE_UNDECIDABLE, e));
    }
    TRY(study_add_arm(s, in_sample ? "in-sample" : "transferred", x->transferred, NULL, e));
out:
    return rc;
}

/* FOLDER/TRAIT, and for what follows the first repeat a folder in it. */
static persona_code export_folder(const studying *s, char **out, persona_err *e)
{
    const char *to = s->o->export_to, *trait = s->trait->name;
    *out = !to ? NULL
           : s->shared->repeat == 0
               ? mem_printf("%s/%s", to, trait)
               : mem_printf("%s/%s/repeat-%zu", to, trait, s->shared->repeat + 1);
    return *out || !to ? PERSONA_OK : mem_err(e, "an export");
}

static persona_code evaluate(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    persona_evaluate_opts o = study_evaluation(s);
    persona_arm *arms = mem_calloc(x->n_arms, sizeof *arms);
    evaluating run = {
        .s = s->to->session,
        .trait = s->trait,
        .judge = s->to->judge,
        .second = evaluate_second(s->to->judge, s->to->select, s->trait) ? s->to->select : NULL,
        .questions = s->questions,
        .o = &o,
        .hooks = s->hooks,
        .job = s->job,
        .shard = s->o->shard};
    char *folder = NULL;
    TRY(export_folder(s, &folder, e));
    TRY(arms ? study_void(s, e) : mem_err(e, "vectors to evaluate"));
    o.export_to = folder;
    TRY(folder && s->pairs && s->o->shard.count == 0 ? export_texts(folder, s->pairs, &s->fit, e)
                                                     : PERSONA_OK);
    o.void_reason = s->void_reason[0] ? s->void_reason : NULL;
    for (size_t i = 0; i < x->n_arms; i++) {
        arms[i] = (persona_arm){.condition = x->arms[i].condition,
                                .vector = x->arms[i].vector,
                                .note = x->arms[i].note[0] ? x->arms[i].note : NULL};
    }
    TRY(evaluate_run(&run, arms, x->n_arms, &x->evaluation, e));
    x->shard = run.part;
    if (x->evaluation) {
        TRY(persona_vector_label(&x->transferred->from.verdict, persona_study_verdict(x), e));
    }
out:
    mem_free(folder);
    mem_free(arms);
    return rc;
}

/* ---- the study ------------------------------------------------------------------------------- */

static persona_code check_judge(const persona_study_side *to, const persona_trait *trait,
                                persona_err *e)
{
    const char *arch = persona_model_info_get(persona_session_model(to->session))->path;
    if (!to->judge) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "no judge for %s: evaluation needs one that scores '%s'", arch,
                               trait->name);
    }
    if (!persona_judge_knows(to->judge, trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "judge %s cannot score '%s'",
                               persona_judge_name(to->judge), trait->name);
    }
    return PERSONA_OK;
}

/* From a model to itself everything would pass. */
static persona_code check_models(const persona_map *m, const persona_pairs *p, persona_err *e)
{
    const char *from = m ? m->from.hash : p->from.hash, *to = m ? m->to.hash : p->to.hash;
    return strcmp(from, to) != 0
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "source and target are one model, %.100s (sha256 %.12s): nothing "
                                 "would be carried over; map to another one",
                                 m ? m->from.name : p->from.name, from);
}

static persona_code work(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    persona_map *fitted = NULL;
    persona_questions *questions = NULL;
    study_own own = {.block = -1};
    const bool whole = s->o->shard.count == 0;
    s->own = &own;
    if (persona_model_info_get(persona_session_model(s->to->session))->chat == PERSONA_CHAT_PLAIN) {
        study_note(x, "raw prompts",
                   "the target has no chat template, so it is asked in a plain "
                   "frame and knows no system text but as the line above it");
    }
    linalg_threads(1); /* as after a fit: the last bits of a sum depend on it */
    TRY(persona_questions_for(s->to->questions, s->trait, &questions, &s->questions, e));
    if (!s->pairs && s->map->readings) {
        TRY(pairs_of_map(s->map, &s->of_map, e));
        s->pairs = s->of_map;
    }
    const persona_vector *given = s->shared->first ? s->shared->first->source : s->o->given;
    TRY(given ? persona_vector_clone(given, &x->source, e)
              : study_extract(s, false, &x->source, e));
    TRY(study_no_overlap(s, e));
    TRY(study_open_job(s, e));
    TRY(study_leave(s, e));
    if (!s->map) {
        TRY(persona_map_fit(s->pairs, &s->fit, s->hooks, &fitted, e));
        s->map = fitted;
    }
    TRY(carry(s, e));
    if (s->o->evaluate) {
        TRY(study_controls(s, e));
        TRY(whole ? study_cosines(s, e) : PERSONA_OK);
        TRY(whole && !s->shared->first ? study_auroc(s, e) : PERSONA_OK);
        TRY(evaluate(s, e));
    }
    TRY(whole && !s->shared->first ? study_ask_samples(s, e) : PERSONA_OK);
    TRY(job_put_value(s->job, JOB_STATE, JOB_DONE, e));
out:
    rc = study_how_to_resume(s, rc, e);
    job_close(s->job);
    study_own_free(&own);
    if (s->lean != s->shared->lean) {
        persona_lean_free(s->lean);
    }
    persona_pairs_free(s->of_map);
    persona_map_free(fitted);
    persona_questions_free(questions);
    return rc;
}

persona_code study_once(const study_task *task, study_shared *shared, persona_study **out,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const double start = clock_now();
    studying s = {.from = task->from,
                  .to = task->to,
                  .pairs = task->pairs,
                  .map = task->o->map,
                  .trait = task->trait,
                  .o = task->o,
                  .hooks = task->hooks,
                  .shared = shared};
    persona_study *x = NULL;
    *out = NULL;
    TRY(check_models(task->o->map, task->pairs, e));
    TRY(task->o->evaluate ? check_judge(task->to, task->trait, e) : PERSONA_OK);
    x = s.x = mem_calloc(1, sizeof *x);
    TRY(x ? PERSONA_OK : mem_err(e, "a study"));
    x->swing_settled = x->null_cosine = x->null_cosine_max = (double)NAN;
    x->auroc.null_mean = x->auroc.null_sd = x->auroc.null_max = x->auroc.p = (double)NAN;
    x->auroc.area = (persona_interval){(double)NAN, (double)NAN, (double)NAN};
    x->trait = mem_strdup(task->trait->name);
    TRY(x->trait ? work(&s, e) : mem_err(e, "a study"));
    if (s.void_reason[0] && !shared->void_reason[0]) {
        memcpy(shared->void_reason, s.void_reason, sizeof shared->void_reason);
    }
    x->seconds = clock_now() - start;
    *out = x;
    x = NULL;
out:
    persona_study_free(x);
    return rc;
}

void persona_study_free(persona_study *x)
{
    if (!x) {
        return;
    }
    for (size_t i = 0; i < x->n_samples; i++) {
        mem_free(x->samples[i].text);
    }
    mem_free(x->samples);
    mem_free(x->question);
    persona_evaluation_free(x->evaluation);
    persona_extract_report_clear(&x->source_report);
    persona_extract_report_clear(&x->native_report);
    for (size_t i = 0; i < x->n_arms; i++) {
        persona_vector_free(x->arms[i].vector);
    }
    if (x->n_arms == 0) {
        persona_vector_free(x->transferred);
    }
    persona_vector_free(x->source);
    mem_free(x->arms);
    mem_free(x->left.judge);
    mem_free(x->job);
    mem_free(x->extract_jobs[0]);
    mem_free(x->extract_jobs[1]);
    study_repeats_free(x);
    mem_free(x->trait);
    mem_free(x);
}

const persona_vector *persona_study_vector(const persona_study *x, const char *condition)
{
    for (size_t i = 0; i < x->n_arms; i++) {
        if (strcmp(x->arms[i].condition, condition) == 0) {
            return x->arms[i].vector;
        }
    }
    return NULL;
}

size_t persona_study_kept(const persona_study *x)
{
    const int n = x->source ? x->source->from.n_kept_pos : 0;
    return n > 0 ? (size_t)n : 0;
}

int persona_study_layer_from(const persona_study *x)
{
    if (x->transferred && x->transferred->from.layer_from >= 0) {
        return x->transferred->from.layer_from;
    }
    return x->source ? x->source->from.best_layer : -1;
}

int persona_study_layer_to(const persona_study *x)
{
    return x->transferred ? x->transferred->from.best_layer : -1;
}

const char *persona_study_verdict(const persona_study *x)
{
    return !x->evaluation ? NULL : x->evaluation->pass ? "PASS" : "FAIL";
}
