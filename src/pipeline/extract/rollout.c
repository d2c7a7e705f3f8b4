/* SPDX-License-Identifier: MIT
 *
 * rollout.c - running rollouts into a job, and what a judge says about them.
 *
 * An answer is stored as soon as it is done; a run that was killed has lost the answers in flight
 * and nothing else. In a session of fixed shape an answer is the same bytes whenever it is asked,
 * so a resumed job ends where an uninterrupted one ends.
 */
#include "pipeline/extract/rollout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipeline/judge/judge_kind.h"

#define MIN_PAIRS 10
#define MIN_KEPT 0.10
#define JUDGED_AT_ONCE 256 /* answers whose texts are in memory together */
#define FLUSH_SECONDS 0.5  /* scores are stored at the latest after that */

/* ---- what is there --------------------------------------------------------------------------- */

typedef struct loading {
    rollouts *x;
    bool *done;
} loading;

static persona_code load_one(void *ud, const job_answer *a, persona_err *e)
{
    loading *l = ud;
    rollouts *x = l->x;
    if ((size_t)a->id >= x->n || (a->n_mean != 0 && a->n_mean != x->n_blocks * x->d)) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: answer %lld does not belong to this job (start it anew with "
                               "--fresh)",
                               job_path(x->job), (long long)a->id);
    }
    rollout *r = &x->r[a->id];
    r->answered = a->answered && a->n_mean > 0;
    r->length = a->n_answer;
    if (a->n_norms > x->max_norms) {
        x->max_norms = a->n_norms;
    }
    if (l->done != NULL) {
        l->done[a->id] = true;
    }
    return PERSONA_OK;
}

static persona_code load(rollouts *x, bool *done, persona_err *e)
{
    loading l = {.x = x, .done = done};
    return job_each_answer(x->job, ROLLOUT_STAGE, JOB_BY_ID, NULL, load_one, &l, e);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static persona_code make_one(void *ud, size_t i, ask *q, persona_err *e)
{
    rollouts *x = ud;
    return x->source.make(x->source.ud, i, q, e);
}

static persona_code store_one(void *ud, size_t i, answer *a, persona_err *e)
{
    rollouts *x = ud;
    const rollout *r = &x->r[i];
    job_answer row = {.stage = ROLLOUT_STAGE,
                      .id = (int64_t)i,
                      .text = a->text,
                      .analysis = a->analysis,
                      .polarity = r->polarity,
                      .pair = r->pair,
                      .question_index = (int)r->question,
                      .rollout = r->repeat,
                      .answered = a->answered,
                      .finish = a->finish,
                      .n_prompt = a->n_prompt,
                      .n_answer = a->n_positions,
                      .n_tokens = a->n_tokens,
                      .mean = a->mean,
                      .norms = a->norms,
                      .n_mean = a->mean != NULL ? x->n_blocks * x->d : 0,
                      .n_norms = a->norms != NULL ? a->n_positions * a->n_blocks : 0};
    job_score label = {.id = (int64_t)i, .trait = NAN, .coherence = NAN, .mass = NAN};
    persona_code rc = x->source.describe(x->source.ud, i, &row, &label, e);
    if (rc == PERSONA_OK) {
        rc = job_put_answers(x->job, &row, 1, e);
    }
    if (rc == PERSONA_OK && !isnan(label.trait)) {
        rc = job_put_scores(x->job, ROLLOUT_STAGE, "labels", &label, 1, e);
    }
    return rc;
}

persona_code rollouts_run(rollouts *x, const char *stage, const persona_hooks *hooks,
                          persona_err *e)
{
    bool *done = mem_calloc(x->n, sizeof *done);
    if (done == NULL) {
        return mem_err(e, "rollouts");
    }
    persona_code rc = load(x, done, e);
    for (size_t i = 0; i < x->n; i++) {
        x->n_resumed += done[i];
    }
    ask_stream stream = {.ud = x, .make = make_one, .done = store_one, .skip = done};
    if (rc == PERSONA_OK) {
        rc = ask_each(x->s, x->n, &stream, stage, hooks, e);
        if (rc != PERSONA_OK && x->source.blame != NULL) {
            rc = x->source.blame(x->source.ud, rc, e);
        }
    }
    if (rc == PERSONA_OK) {
        rc = load(x, NULL, e);
    }
    mem_free(done);
    return rc;
}

/* ---- judging --------------------------------------------------------------------------------- */

typedef struct scoring {
    rollouts *x;
    persona_judge *judge;
    const persona_trait *trait;
    const persona_hooks *hooks;
    char stage[96];
    char *name; /* of the judge, as scores are kept */
    bool *has;
    size_t n_done, n_todo;
    persona_judge_item items[JUDGED_AT_ONCE];
    char *texts[JUDGED_AT_ONCE][2]; /* owned: question, answer */
    int64_t ids[JUDGED_AT_ONCE];
    size_t n;
    job_score got[JUDGED_AT_ONCE];
    size_t n_got;
    double flushed;
} scoring;

static persona_code flush(scoring *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (s->n_got > 0) {
        rc = job_put_scores(s->x->job, ROLLOUT_STAGE, s->name, s->got, s->n_got, e);
    }
    s->n_got = 0;
    s->flushed = clock_now();
    return rc;
}

static persona_code on_score(void *ud, size_t i, const persona_judgement *r, persona_err *e)
{
    scoring *s = ud;
    s->got[s->n_got++] =
        (job_score){s->ids[i], (double)r->trait, (double)r->coherence, (double)r->mass};
    s->n_done++;
    return clock_now() - s->flushed > FLUSH_SECONDS ? flush(s, e) : PERSONA_OK;
}

/* A judge's progress counts its batch; the user's counts all answers. */
static void on_progress(void *ud, const persona_progress *p)
{
    scoring *s = ud;
    persona_progress mine = {
        .stage = s->stage, .done = s->n_done, .total = s->n_todo, .n_tokens = p->n_tokens};
    s->hooks->progress(s->hooks->ud, &mine);
}

static void drop_batch(scoring *s)
{
    for (size_t i = 0; i < s->n; i++) {
        mem_free(s->texts[i][0]);
        mem_free(s->texts[i][1]);
    }
    s->n = 0;
}

static persona_code run_batch(scoring *s, persona_err *e)
{
    persona_hooks h = {.ud = s, .cancel = s->hooks != NULL ? s->hooks->cancel : NULL};
    if (s->hooks != NULL && s->hooks->progress != NULL) {
        h.progress = on_progress;
    }
    persona_code rc = persona_judge_run(s->judge, s->trait, s->items, s->n, &h, on_score, s, e);
    persona_err late = {.code = PERSONA_OK};
    persona_code kept = flush(s, &late); /* also after a failure: what was judged is kept */
    if (rc == PERSONA_OK && kept != PERSONA_OK) {
        rc = persona_err_set(e, kept, "%s", late.msg);
    }
    drop_batch(s);
    return rc;
}

static persona_code collect(void *ud, const job_answer *a, persona_err *e)
{
    scoring *s = ud;
    if (s->has[a->id] || !s->x->r[a->id].answered) {
        return PERSONA_OK;
    }
    size_t i = s->n++;
    s->texts[i][0] = mem_strdup(a->question);
    s->texts[i][1] = mem_strdup(a->text);
    if (s->texts[i][0] == NULL || s->texts[i][1] == NULL) {
        return mem_err(e, "an answer to judge");
    }
    s->ids[i] = a->id;
    s->items[i] = (persona_judge_item){s->texts[i][0], s->texts[i][1], NAN, NAN};
    return s->n == JUDGED_AT_ONCE ? run_batch(s, e) : PERSONA_OK;
}

static persona_code take_score(void *ud, const job_score *g, persona_err *e)
{
    scoring *s = ud;
    (void)e;
    if ((size_t)g->id < s->x->n) {
        s->has[g->id] = true;
        s->x->r[g->id].score = (float)g->trait;
        s->x->r[g->id].coherence = (float)g->coherence;
    }
    return PERSONA_OK;
}

persona_code rollouts_judge(rollouts *x, persona_judge *judge, const persona_trait *trait,
                            const persona_hooks *hooks, persona_err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        x->r[i].score = x->r[i].coherence = NAN;
    }
    if (judge == NULL) {
        return PERSONA_OK;
    }
    scoring *s = mem_calloc(1, sizeof *s);
    bool *has = mem_calloc(x->n, sizeof *has);
    persona_code rc = s != NULL && has != NULL ? PERSONA_OK : mem_err(e, "scores");
    if (rc != PERSONA_OK) {
        goto out;
    }
    *s = (scoring){.x = x, .judge = judge, .trait = trait, .hooks = hooks, .has = has};
    s->flushed = clock_now();
    s->name = judge_score_key(judge, trait);
    if (s->name == NULL) {
        rc = mem_err(e, "scores");
        goto out;
    }
    snprintf(s->stage, sizeof s->stage, "judge %s", trait->name);
    rc = job_each_score(x->job, ROLLOUT_STAGE, s->name, take_score, s, e);
    for (size_t i = 0; i < x->n; i++) {
        s->n_todo += x->r[i].answered;
        s->n_done += has[i];
    }
    if (rc == PERSONA_OK && s->n_done < s->n_todo) {
        rc = job_each_answer(x->job, ROLLOUT_STAGE, JOB_BY_ID, NULL, collect, s, e);
    }
    if (rc == PERSONA_OK && s->n > 0) {
        rc = run_batch(s, e);
    }
    if (rc == PERSONA_OK) {
        rc = job_each_score(x->job, ROLLOUT_STAGE, s->name, take_score, s, e);
    }
    drop_batch(s);
out:
    if (s != NULL) {
        mem_free(s->name);
    }
    mem_free(has);
    mem_free(s);
    return rc;
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* Sums by side: 0 positive, 1 negative. */
typedef struct tally {
    double score[2], coherence[2];
    size_t n[2];
} tally;

static void count(const rollouts *x, bool judged, persona_extract_report *rep)
{
    tally t = {0};
    for (size_t i = 0; i < x->n; i++) {
        const rollout *r = &x->r[i];
        const int side = r->polarity > 0 ? 0 : 1;
        if (r->polarity == 0) {
            continue;
        }
        *(side == 0 ? &rep->n_generated_pos : &rep->n_generated_neg) += 1;
        rep->n_unanswered += !r->answered;
        const bool scored = !isnan(r->score) && !isnan(r->coherence);
        rep->n_unjudged += judged && r->answered && !scored;
        if (scored) {
            t.score[side] += (double)r->score;
            t.coherence[side] += (double)r->coherence;
            t.n[side]++;
        }
    }
    rep->score_pos = t.n[0] > 0 ? t.score[0] / (double)t.n[0] : (double)NAN;
    rep->score_neg = t.n[1] > 0 ? t.score[1] / (double)t.n[1] : (double)NAN;
    rep->coherence_pos = t.n[0] > 0 ? t.coherence[0] / (double)t.n[0] : (double)NAN;
    rep->coherence_neg = t.n[1] > 0 ? t.coherence[1] / (double)t.n[1] : (double)NAN;
}

/* What an answer must be by itself; a score that is not known fails every comparison. */
static bool passes(const rollout *r, bool judged, const persona_extract_opts *o)
{
    if (!r->answered || !judged) {
        return r->answered;
    }
    return r->coherence >= o->min_coherence &&
           (r->polarity > 0 ? r->score >= o->min_trait : r->score < 100 - o->min_trait);
}

persona_code rollouts_filter(rollouts *x, const persona_extract_opts *o, const char *trait,
                             persona_extract_report *rep, persona_err *e)
{
    const bool judged = o->judge != NULL;
    count(x, judged, rep);
    for (size_t i = 0; i < x->n; i++) {
        rollout *r = &x->r[i];
        const bool mine = r->polarity == 0 ? r->answered : passes(r, judged, o);
        r->kept = mine && (r->partner == ROLLOUT_ALONE || passes(&x->r[r->partner], judged, o));
        rep->n_kept_pos += r->kept && r->polarity > 0;
        rep->n_kept_neg += r->kept && r->polarity < 0;
    }
    const size_t kept = rep->n_kept_pos < rep->n_kept_neg ? rep->n_kept_pos : rep->n_kept_neg;
    const size_t all =
        rep->n_generated_pos < rep->n_generated_neg ? rep->n_generated_pos : rep->n_generated_neg;
    const size_t answered = rep->n_generated_pos + rep->n_generated_neg - rep->n_unanswered;
    if (judged && rep->n_unjudged == answered && answered > 0) {
        return persona_err_set(
            e, PERSONA_E_NEGATIVE,
            "trait '%s': the judge '%s' gave no usable score to any of %zu answers "
            "(labels: the texts have none; a model: it does not answer with a "
            "number); use another --judge, or --judge none",
            trait, persona_judge_name(o->judge), answered);
    }
    const size_t need = all < MIN_PAIRS ? 1 : MIN_PAIRS;
    if (kept >= need && (double)kept >= MIN_KEPT * (double)all) {
        return PERSONA_OK;
    }
    return persona_err_set(
        e, PERSONA_E_NEGATIVE,
        "trait '%s': only %zu of %zu pairs show the contrast (mean score %.0f against %.0f, "
        "coherence %.0f and %.0f; %zu never answered, %zu not judged): the model does not follow "
        "these instructions, or the judge does not see it; try more rollouts, other instructions, "
        "another judge, or lower thresholds",
        trait, kept, all, rep->score_pos, rep->score_neg, rep->coherence_pos, rep->coherence_neg,
        rep->n_unanswered, rep->n_unjudged);
}

void rollouts_free(rollouts *x)
{
    if (x->source.free != NULL) {
        x->source.free(x->source.ud);
    }
    mem_free(x->r);
    memset(x, 0, sizeof *x);
}
