/* SPDX-License-Identifier: MIT
 *
 * extract.c - from a trait to a vector: rollouts, scores, filter, directions, block and dose; each
 * step finds in the job what an earlier run has done.
 *
 * The answers of a job do not depend on the judge, the thresholds or the method, so a second run
 * with another judge or method on the same job asks nothing again.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "pipeline/dose/settle.h"
#include "pipeline/extract/measure.h"
#include "pipeline/extract/rollout.h"
#include "pipeline/kept.h"
#include "pipeline/pipeline.h"

persona_extract_opts persona_extract_defaults(void)
{
    return (persona_extract_opts){.method = "mean",
                                  .n_rollouts = 1,
                                  .max_tokens = 128,
                                  .temperature = 1.0F,
                                  .min_trait = 50.0F,
                                  .min_coherence = 50.0F,
                                  .choose_layer = true,
                                  .calibrate = true,
                                  .response_curve = true};
}

const char *stage_name(char *out, size_t size, const char *verb, const char *trait)
{
    snprintf(out, size, "%s %s", verb, trait);
    return out;
}

const char *persona_extract_method_name(size_t i)
{
    size_t n;
    const direction_method *m = direction_methods(&n);
    return i < n ? m[i].name : NULL;
}

void persona_extract_report_clear(persona_extract_report *r)
{
    for (size_t i = 0; i < r->n_methods; i++) {
        persona_vector_free(r->methods[i].vector);
    }
    memset(r, 0, sizeof *r);
}

/* ---- provenance ------------------------------------------------------------------------------ */

persona_code vector_label_model(persona_vector *v, persona_model *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_model_info *info = persona_model_info_get(m);
    persona_provenance *f = &v->from;
    const char *sha;
    TRY(persona_model_sha256(m, &sha, e));
    const struct {
        char **field;
        const char *value;
    } labels[] = {
        {&f->model_name, info->name},
        {&f->model_arch, info->arch},
        {&f->model_hash, sha},
        {&f->template_hash, info->chat_hash},
        {&f->library, persona_engine_version()},
    };
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        TRY(persona_vector_label(labels[i].field, labels[i].value, e));
    }
out:
    return rc;
}

typedef struct extraction {
    persona_session *s;
    const persona_trait *trait;
    const persona_questions *questions;
    const persona_extract_opts *o;
    const persona_hooks *hooks;
    rollouts rolls;
    measure sums;
    char *texts; /* hashes of the kept answers */
    persona_extract_report *report;
} extraction;

static persona_code label(const extraction *x, const char *method, persona_vector *v,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_judge *judge = x->o->judge;
    const bool mean = strcmp(method, "mean") == 0;
    TRY(vector_label_model(v, persona_session_model(x->s), e));
    TRY(persona_vector_label(&v->from.trait, x->trait->name, e));
    TRY(persona_vector_label(&v->from.method, mean ? "mean_difference" : method, e));
    if (!mean) {
        TRY(persona_vector_label(&v->from.unit, "separation of the poles' means along it", e));
    }
    TRY(persona_vector_label(&v->from.judge, judge != NULL ? persona_judge_name(judge) : "none",
                             e));
    v->from.seed = x->o->seed;
    v->from.n_generated_pos = (int)x->report->n_generated_pos;
    v->from.n_generated_neg = (int)x->report->n_generated_neg;
    v->from.n_kept_pos = (int)x->report->n_kept_pos;
    v->from.n_kept_neg = (int)x->report->n_kept_neg;
out:
    return rc;
}

/* ---- which texts it was made from ------------------------------------------------------------ */

typedef struct hashing {
    const rollouts *x;
    uint64_t *h; /* (x->n) */
    size_t n;
} hashing;

static persona_code hash_kept(void *ud, const job_answer *a, persona_err *e)
{
    hashing *x = ud;
    (void)e;
    if (a->id >= 0 && (size_t)a->id < x->x->n && x->x->r[a->id].kept) {
        x->h[x->n++] = textset_hash(a->text);
    }
    return PERSONA_OK;
}

/* texts: the kept answers as a set of hashes; mem_free it. */
static persona_code kept_texts(const rollouts *r, char **texts, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    hashing x = {.x = r, .h = mem_calloc(r->n, sizeof *x.h)};
    TRY(x.h ? job_each_answer(r->job, ROLLOUT_STAGE, JOB_BY_ID, NULL, hash_kept, &x, e)
            : mem_err(e, "the hashes of texts"));
    TRY(textset_format(x.h, textset_sort(x.h, x.n), texts, e));
out:
    mem_free(x.h);
    return rc;
}

/* ---- one method ------------------------------------------------------------------------------ */

/* How many questions decide between the best two blocks. A job that was finished before there was
 * such a decision stays as it was, and nothing is asked. */
static persona_code questions_to_decide(const extraction *x, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *state = NULL, *decided = NULL;
    *n = x->o->n_settle > 0 ? (size_t)x->o->n_settle : SETTLE_DECIDE;
    TRY(job_get_value(x->rolls.job, JOB_STATE, &state, e));
    TRY(job_get_value(x->rolls.job, JOB_DECIDED, &decided, e));
    if (state && strcmp(state, JOB_DONE) == 0 && !decided) {
        *n = 0;
    } else {
        TRY(job_put_value(x->rolls.job, JOB_DECIDED, "yes", e));
    }
out:
    mem_free(decided);
    mem_free(state);
    return rc;
}

static persona_code find_block(extraction *x, persona_extract_method *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n_decide = 0;
    settle_report report;
    TRY(questions_to_decide(x, &n_decide, e));
    const settling s = {.s = x->s,
                        .v = m->vector,
                        .trait = x->trait,
                        .questions = x->questions,
                        .judge = x->o->judge,
                        .calibrate = x->o->calibrate,
                        .neutral = true,
                        .quick = x->o->quick,
                        .n_questions = x->o->quick ? SETTLE_FEW : 0,
                        .n_decide = n_decide,
                        .curve = x->o->response_curve ? &m->curve : NULL,
                        .seed = x->o->seed,
                        .job = x->rolls.job,
                        .tag = m->name,
                        .hooks = x->hooks};
    TRY(settle(&s, &report, e));
    m->layer_choice = report.how;
    m->swing = report.swing;
    snprintf(m->note, sizeof m->note, "%s", report.note);
out:
    return rc;
}

static persona_code run_method(extraction *x, const direction_method *method, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_model_info *info = persona_model_info_get(persona_session_model(x->s));
    persona_extract_method *m = &x->report->methods[x->report->n_methods++];
    *m = (persona_extract_method){
        .name = method->name, .layer_choice = "none", .swing = NAN, .cosine = NAN};
    TRY(persona_vector_new(info->n_layer, info->n_embd, &m->vector, e));
    TRY(measure_vector(&x->sums, method, x->o->seed, m->vector, e));
    TRY(label(x, method->name, m->vector, e));
    TRY(persona_vector_label(&m->vector->from.texts, x->texts, e));
    if (x->o->choose_layer) {
        TRY(find_block(x, m, e));
    }
    if (m->vector->from.best_layer >= 0) {
        const int b = m->vector->from.best_layer;
        m->cosine =
            vec_cos(persona_vector_row(m->vector, b),
                    persona_vector_row(x->report->methods[0].vector, b), (size_t)info->n_embd);
    }
out:
    return rc;
}

/* "all": a method that the data are too degenerate for is reported, not fatal. */
static persona_code run_methods(extraction *x, persona_err *e)
{
    size_t n;
    const direction_method *table = direction_methods(&n);
    if (strcmp(x->o->method, "all") != 0) {
        const direction_method *only = direction_find(x->o->method);
        return run_method(x, only, e);
    }
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < n && i < PERSONA_MAX_METHODS; i++) {
        persona_err why = {.code = PERSONA_OK};
        rc = run_method(x, &table[i], &why);
        persona_extract_method *m = &x->report->methods[i];
        if (rc != PERSONA_OK && i > 0 && (rc == PERSONA_E_NUMERIC || rc == PERSONA_E_SHAPE)) {
            snprintf(m->note, sizeof m->note, "%s", why.msg);
            persona_vector_free(m->vector);
            m->vector = NULL;
            rc = PERSONA_OK;
        } else if (rc != PERSONA_OK) {
            persona_err_set(e, rc, "%s", why.msg);
        }
    }
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

size_t extract_questions(const persona_questions *q, const persona_extract_opts *o)
{
    const size_t n = q->n_extraction;
    return o->n_questions > 0 && (size_t)o->n_questions < n ? (size_t)o->n_questions : n;
}

static persona_code plan(extraction *x, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(x->s));
    rollouts *r = &x->rolls;
    r->s = x->s;
    r->shard = x->o->shard;
    r->n_blocks = (size_t)info->n_layer - 1;
    r->d = (size_t)info->n_embd;
    if (extract_reads(x->o)) {
        return rollouts_read(r, x->trait, x->o, e);
    }
    return rollouts_write(r, x->trait, x->questions, extract_questions(x->questions, x->o), x->o,
                          e);
}

static persona_code open_job(extraction *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *manifest = NULL;
    TRY(persona_extract_manifest(x->s, x->trait, x->questions, x->o, &manifest, e));
    TRY(job_open_shard(x->o->job, manifest, x->o->shard, x->o->fresh, &x->rolls.job, e));
    kept_tell(x->hooks, x->o->job);
out:
    mem_free(manifest);
    return rc;
}

/* Says where an interrupted job stands. */
static persona_code how_to_resume(const extraction *x, persona_code rc, persona_err *e)
{
    if (rc != PERSONA_E_CANCELED || x->o->job == NULL || x->rolls.job == NULL) {
        return rc;
    }
    size_t n = 0;
    bool *done = mem_calloc(x->rolls.n, sizeof *done);
    if (done != NULL &&
        job_done(x->rolls.job, ROLLOUT_STAGE, done, x->rolls.n, &n, NULL) == PERSONA_OK) {
        persona_err_set(e, rc,
                        "interrupted: %zu of %zu answers are kept in %s; the same command goes on "
                        "from there",
                        n, x->o->shard.count > 0 ? x->rolls.part.n_mine : x->rolls.n, x->o->job);
    }
    mem_free(done);
    return rc;
}

/* What wants all answers. */
static persona_code conclude(extraction *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(rollouts_judge(&x->rolls, x->o->judge, x->trait, x->hooks, e));
    TRY(rollouts_filter(&x->rolls, x->o, x->trait->name, x->report, e));
    TRY(kept_texts(&x->rolls, &x->texts, e));
    TRY(measure_begin(&x->rolls, &x->sums, e));
    TRY(run_methods(x, e));
    TRY(x->o->on_answer ? measure_answers(&x->sums, x->o, e) : PERSONA_OK);
out:
    return rc;
}

static persona_code work(extraction *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char stage[96];
    const char *verb = extract_reads(x->o) ? "read" : "extract";
    TRY(plan(x, e));
    TRY(open_job(x, e));
    TRY(rollouts_run(&x->rolls, stage_name(stage, sizeof stage, verb, x->trait->name), x->hooks,
                     e));
    if (x->o->shard.count == 0) {
        TRY(conclude(x, e));
    }
    TRY(job_put_value(x->rolls.job, JOB_STATE, JOB_DONE, e));
out:
    x->report->n_resumed = x->rolls.n_resumed;
    x->report->shard = x->rolls.part;
    return how_to_resume(x, rc, e);
}

static size_t tokens_of(persona_session *s)
{
    persona_session_stats st = persona_session_stats_get(s);
    return st.n_tokens_decoded + st.n_tokens_prefilled;
}

persona_code persona_extract(persona_session *s, const persona_trait *trait,
                             const persona_questions *questions, const persona_extract_opts *opts,
                             const persona_hooks *hooks, persona_vector **out,
                             persona_extract_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_extract_opts o = opts != NULL ? *opts : persona_extract_defaults();
    persona_extract_report mine = {0}, *rep = report != NULL ? report : &mine;
    extraction x = {
        .s = s, .trait = trait, .questions = questions, .o = &o, .hooks = hooks, .report = rep};
    const double t0 = clock_now();
    const size_t tokens = tokens_of(s);
    *out = NULL;
    *rep = (persona_extract_report){0};
    if (o.judge != NULL) {
        persona_judge_validity(o.judge, trait->name, rep->judge_validity,
                               sizeof rep->judge_validity);
    }
    TRY(extract_check(trait, questions, &o, e));
    TRY(work(&x, e));
    if (o.shard.count == 0) {
        TRY(persona_vector_clone(rep->methods[0].vector, out, e));
    }
out:
    mem_free(x.texts);
    measure_end(&x.sums);
    job_close(x.rolls.job);
    rollouts_free(&x.rolls);
    rep->seconds = clock_now() - t0;
    rep->n_tokens = tokens_of(s) - tokens;
    if (report == NULL) {
        persona_extract_report_clear(&mine);
    }
    return rc;
}
