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

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/kept.h"
#include "pipeline/share.h"

#define MIN_PAIRS 10
#define MIN_KEPT 0.10
#define JUDGED_AT_ONCE 256 /* answers whose texts are in memory together */

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
    persona_code rc = PERSONA_OK;
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
    TRY(x->source.describe(x->source.ud, i, &row, &label, e));
    TRY(job_put_answers(x->job, &row, 1, e));
    if (!isnan(label.trait)) {
        TRY(job_put_scores(x->job, ROLLOUT_STAGE, "labels", &label, 1, e));
    }
out:
    return rc;
}

persona_code rollouts_run(rollouts *x, const char *stage, const persona_hooks *hooks,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool *done = mem_calloc(x->n, sizeof *done);
    ask_stream stream = {.ud = x, .make = make_one, .done = store_one, .skip = done};
    TRY(done != NULL ? PERSONA_OK : mem_err(e, "rollouts"));
    TRY(load(x, done, e));
    for (size_t i = 0; i < x->n; i++) {
        x->n_resumed += done[i];
    }
    stream.n_others = shard_skip(x->shard, done, x->n, &x->part);
    rc = ask_each(x->s, x->n, &stream, stage, hooks, e);
    if (rc != PERSONA_OK) {
        rc = x->source.blame != NULL ? x->source.blame(x->source.ud, rc, e) : rc;
        goto out;
    }
    TRY(load(x, NULL, e));
    TRY(shard_note(x->shard, x->job, ROLLOUT_STAGE, x->n, e));
out:
    mem_free(done);
    return rc;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Answers without a score, collected until there are enough of them for a run of the judge. */
typedef struct unscored {
    rollouts *x;
    scoring *s;
    bool *has; /* (x->n) */
    persona_judge_item items[JUDGED_AT_ONCE];
    char *texts[JUDGED_AT_ONCE][2]; /* owned: question, answer */
    int64_t ids[JUDGED_AT_ONCE];
    size_t n;
} unscored;

static void drop_batch(unscored *u)
{
    for (size_t i = 0; i < u->n; i++) {
        mem_free(u->texts[i][0]);
        mem_free(u->texts[i][1]);
    }
    u->n = 0;
}

static persona_code score_batch(unscored *u, persona_err *e)
{
    const persona_code rc = scoring_run(u->s, u->items, u->ids, u->n, NULL, e);
    drop_batch(u);
    return rc;
}

static persona_code collect_unscored(void *ud, const job_answer *a, persona_err *e)
{
    unscored *u = ud;
    if (u->has[a->id] || !u->x->r[a->id].answered) {
        return PERSONA_OK;
    }
    const size_t i = u->n++;
    u->texts[i][0] = mem_strdup(a->question);
    u->texts[i][1] = mem_strdup(a->text);
    if (u->texts[i][0] == NULL || u->texts[i][1] == NULL) {
        return mem_err(e, "an answer to judge");
    }
    u->ids[i] = a->id;
    u->items[i] = (persona_judge_item){u->texts[i][0], u->texts[i][1], NAN, NAN};
    return u->n == JUDGED_AT_ONCE ? score_batch(u, e) : PERSONA_OK;
}

static persona_code take_score(void *ud, const job_score *g, persona_err *e)
{
    unscored *u = ud;
    (void)e;
    if ((size_t)g->id < u->x->n) {
        u->has[g->id] = true;
        u->x->r[g->id].score = (float)g->trait;
        u->x->r[g->id].coherence = (float)g->coherence;
    }
    return PERSONA_OK;
}

persona_code rollouts_judge(rollouts *x, persona_judge *judge, const persona_trait *trait,
                            const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept k = {.job = x->job, .stage = ROLLOUT_STAGE, .hooks = hooks};
    scoring s = {.key = NULL};
    unscored *u = NULL;
    for (size_t i = 0; i < x->n; i++) {
        x->r[i].score = x->r[i].coherence = NAN;
    }
    if (judge == NULL) {
        return PERSONA_OK;
    }
    u = mem_calloc(1, sizeof *u);
    TRY(u != NULL ? PERSONA_OK : mem_err(e, "scores"));
    u->x = x;
    u->s = &s;
    u->has = mem_calloc(x->n, sizeof *u->has);
    TRY(u->has != NULL ? PERSONA_OK : mem_err(e, "scores"));
    TRY(scoring_begin(&k, judge, trait, &s, e));
    TRY(job_each_score(x->job, ROLLOUT_STAGE, s.key, take_score, u, e));
    for (size_t i = 0; i < x->n; i++) {
        s.n_todo += x->r[i].answered;
        s.n_done += u->has[i];
    }
    if (s.n_done < s.n_todo) {
        TRY(job_each_answer(x->job, ROLLOUT_STAGE, JOB_BY_ID, NULL, collect_unscored, u, e));
    }
    if (u->n > 0) {
        TRY(score_batch(u, e));
    }
    TRY(job_each_score(x->job, ROLLOUT_STAGE, s.key, take_score, u, e));
out:
    scoring_end(&s);
    if (u != NULL) {
        drop_batch(u);
        mem_free(u->has);
    }
    mem_free(u);
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
    const size_t n_kept = rep->n_kept_pos < rep->n_kept_neg ? rep->n_kept_pos : rep->n_kept_neg;
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
    if (n_kept >= need && (double)n_kept >= MIN_KEPT * (double)all) {
        return PERSONA_OK;
    }
    char scores[96] = "";
    if (!isnan(rep->score_pos) && !isnan(rep->score_neg)) {
        snprintf(scores, sizeof scores, "mean score %.0f against %.0f, coherence %.0f and %.0f; ",
                 rep->score_pos, rep->score_neg, rep->coherence_pos, rep->coherence_neg);
    }
    return persona_err_set(
        e, PERSONA_E_NEGATIVE,
        "trait '%s': only %zu of %zu pairs show the contrast (%s%zu never answered, %zu not "
        "judged): the model does not follow these instructions, or the judge does not see it; try "
        "more rollouts, longer answers, other instructions, another judge, or lower thresholds",
        trait, n_kept, all, scores, rep->n_unanswered, rep->n_unjudged);
}

void rollouts_free(rollouts *x)
{
    if (x->source.free != NULL) {
        x->source.free(x->source.ud);
    }
    mem_free(x->r);
    memset(x, 0, sizeof *x);
}
