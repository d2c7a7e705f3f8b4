/* SPDX-License-Identifier: MIT
 *
 * kept.c - asking and judging into a job.
 *
 * An answer is stored as soon as it is done, a score at the latest half a second after it is known:
 * whoever kills a run loses what was in flight and nothing else.
 */
#include "pipeline/kept.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/judge/judge_kind.h"
#include "pipeline/share.h"

enum { STORED_AT_ONCE = 64 };
#define FLUSH_SECONDS 0.5

/* ---- asking ---------------------------------------------------------------------------------- */

typedef struct keeping {
    const kept *k;
    const ask *asks;
    const job_answer *rows;
    answer *answers;
    bool *there; /* (n) */
    size_t n, n_found;
} keeping;

static persona_code make_kept(void *ud, size_t i, ask *q, persona_err *e)
{
    (void)e;
    *q = ((keeping *)ud)->asks[i];
    return PERSONA_OK;
}

static persona_code store_kept(void *ud, size_t i, answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const keeping *x = ud;
    job_answer row = x->rows[i];
    row.stage = x->k->stage;
    row.id = (int64_t)i;
    row.text = a->text;
    row.analysis = a->analysis;
    row.answered = a->answered;
    row.finish = a->finish;
    row.n_prompt = a->n_prompt;
    row.n_answer = a->n_answer;
    row.n_tokens = a->n_tokens;
    TRY(x->k->job != NULL ? job_put_answers(x->k->job, &row, 1, e) : PERSONA_OK);
    x->answers[i] = *a;
    memset(a, 0, sizeof *a);
out:
    return rc;
}

static persona_code recall_answer(void *ud, const job_answer *a, persona_err *e)
{
    keeping *x = ud;
    if ((size_t)a->id >= x->n) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: answer %lld of stage %s does not belong (start the job anew "
                               "with --fresh)",
                               job_path(x->k->job), (long long)a->id, x->k->stage);
    }
    answer *out = &x->answers[a->id];
    *out = (answer){.text = mem_strdup(a->text),
                    .analysis = mem_strdup(a->analysis),
                    .answered = a->answered,
                    .finish = a->finish,
                    .n_prompt = a->n_prompt,
                    .n_answer = a->n_answer,
                    .n_tokens = a->n_tokens};
    x->there[a->id] = true;
    x->n_found++;
    return out->text != NULL && out->analysis != NULL ? PERSONA_OK : mem_err(e, "an answer");
}

/* What is not asked at all counts as there, and is nobody's. */
static size_t share_out(keeping *x)
{
    persona_shard_report unseen = {0}, *part = x->k->part != NULL ? x->k->part : &unseen;
    const size_t n_others = shard_skip(x->k->shard, x->there, x->n, part);
    for (size_t i = 0; i < x->n; i++) {
        if (x->asks[i].question == NULL) {
            part->n_mine -= x->k->shard.count > 0 && !x->there[i];
            part->n_all -= x->k->shard.count > 0;
            x->there[i] = true;
        }
    }
    return n_others;
}

persona_code kept_ask(const kept *k, persona_session *s, const ask *asks, const job_answer *rows,
                      size_t n, answer *answers, size_t *n_found, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    keeping x = {.k = k, .asks = asks, .rows = rows, .answers = answers, .n = n};
    memset(answers, 0, n * sizeof *answers);
    x.there = mem_calloc(n, sizeof *x.there);
    ask_stream stream = {.ud = &x, .make = make_kept, .done = store_kept, .skip = x.there};
    TRY(x.there != NULL ? PERSONA_OK : mem_err(e, "answers"));
    if (k->job != NULL) {
        TRY(job_each_answer(k->job, k->stage, JOB_BY_ID, NULL, recall_answer, &x, e));
    }
    stream.n_others = share_out(&x);
    TRY(ask_each(s, n, &stream, k->title, k->hooks, e));
    TRY(shard_note(k->shard, k->job, k->stage, n, e));
out:
    if (n_found != NULL) {
        *n_found = x.n_found;
    }
    mem_free(x.there);
    return rc;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* One run of the judge. */
typedef struct judging_run {
    scoring *s;
    const int64_t *ids;
    persona_judgement *got;
    job_score waiting[STORED_AT_ONCE]; /* n_waiting */
    size_t n_waiting;
    double stored; /* when */
    char title[96];
} judging_run;

static persona_code store_scores(judging_run *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const kept *k = r->s->k;
    if (r->n_waiting > 0 && k->job != NULL) {
        rc = job_put_scores(k->job, k->stage, r->s->key, r->waiting, r->n_waiting, e);
    }
    r->n_waiting = 0;
    r->stored = clock_now();
    return rc;
}

static persona_code take_judgement(void *ud, size_t i, const persona_judgement *j, persona_err *e)
{
    judging_run *r = ud;
    r->waiting[r->n_waiting++] =
        (job_score){r->ids != NULL ? r->ids[i] : (int64_t)i, (double)j->trait, (double)j->coherence,
                    (double)j->mass};
    if (r->got != NULL) {
        r->got[i] = *j;
    }
    r->s->n_done++;
    const bool now = r->n_waiting == STORED_AT_ONCE || clock_now() - r->stored > FLUSH_SECONDS;
    return now ? store_scores(r, e) : PERSONA_OK;
}

/* A judge's progress counts its batch; the user's counts all answers. */
static void report_scores(void *ud, const persona_progress *p)
{
    const judging_run *r = ud;
    const persona_hooks *hooks = r->s->k->hooks;
    const persona_progress mine = {
        .stage = r->title, .done = r->s->n_done, .total = r->s->n_todo, .n_tokens = p->n_tokens};
    hooks->progress(hooks->ud, &mine);
}

persona_code scoring_begin(const kept *k, persona_judge *judge, const persona_trait *trait,
                           scoring *out, persona_err *e)
{
    const bool own = k->trait == NULL || strcmp(k->trait, trait->name) == 0;
    char *key = judge_score_key(judge, trait);
    *out = (scoring){.k = k, .judge = judge, .trait = trait, .key = key};
    if (key != NULL && !own) {
        out->key = mem_printf("%s/%s", key, trait->name);
        mem_free(key);
    }
    return out->key != NULL ? PERSONA_OK : mem_err(e, "scores");
}

void scoring_end(scoring *s)
{
    mem_free(s->key);
    *s = (scoring){.key = NULL};
}

persona_code scoring_run(scoring *s, const persona_judge_item *items, const int64_t *ids, size_t n,
                         persona_judgement *got, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_hooks *hooks = s->k->hooks;
    judging_run r = {.s = s, .ids = ids, .got = got, .stored = clock_now()};
    persona_hooks h = {.ud = &r, .cancel = hooks != NULL ? hooks->cancel : NULL};
    persona_err ignored;
    if (hooks != NULL && hooks->progress != NULL) {
        h.progress = report_scores;
    }
    snprintf(r.title, sizeof r.title, "judge %s", s->trait->name);
    const persona_code judged =
        persona_judge_run(s->judge, s->trait, items, n, &h, take_judgement, &r, e);
    /* also after a failure: what was judged is kept */
    const persona_code stored = store_scores(&r, judged == PERSONA_OK ? e : &ignored);
    TRY(judged);
    TRY(stored);
out:
    return rc;
}

/* What is known about items, by the place of each answer in the stage. */
typedef struct known_scores {
    persona_judgement *got;
    bool *has;          /* (n) */
    const int64_t *ids; /* ascending; NULL: i */
    size_t n;
} known_scores;

static persona_code recall_score(void *ud, const job_score *g, persona_err *e)
{
    known_scores *x = ud;
    size_t low = 0, high = x->n;
    (void)e;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if ((x->ids != NULL ? x->ids[mid] : (int64_t)mid) < g->id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low < x->n && (x->ids != NULL ? x->ids[low] : (int64_t)low) == g->id) {
        x->has[low] = true;
        x->got[low] = (persona_judgement){(float)g->trait, (float)g->coherence, (float)g->mass};
    }
    return PERSONA_OK;
}

persona_code kept_judge(const kept *k, persona_judge *judge, const persona_trait *trait,
                        const persona_judge_item *items, const int64_t *ids, size_t n,
                        persona_judgement *got, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scoring s = {.key = NULL};
    size_t m = 0;
    known_scores known = {.got = got, .ids = ids, .n = n};
    persona_judge_item *left = mem_calloc(n, sizeof *left);
    persona_judgement *said = mem_calloc(n, sizeof *said);
    int64_t *places = mem_calloc(n, sizeof *places);
    size_t *at = mem_calloc(n, sizeof *at);
    known.has = mem_calloc(n, sizeof *known.has);
    for (size_t i = 0; i < n; i++) {
        got[i] = (persona_judgement){.trait = NAN, .coherence = NAN};
    }
    TRY(left && said && places && at && known.has ? PERSONA_OK : mem_err(e, "answers to judge"));
    TRY(scoring_begin(k, judge, trait, &s, e));
    if (k->job != NULL) {
        TRY(job_each_score(k->job, k->stage, s.key, recall_score, &known, e));
    }
    for (size_t i = 0; i < n; i++) {
        s.n_todo += items[i].answer != NULL;
        s.n_done += items[i].answer != NULL && known.has[i];
        if (items[i].answer != NULL && !known.has[i]) {
            left[m] = items[i];
            places[m] = ids != NULL ? ids[i] : (int64_t)i;
            said[m] = got[i];
            at[m++] = i;
        }
    }
    TRY(scoring_run(&s, left, places, m, said, e));
    for (size_t i = 0; i < m; i++) {
        got[at[i]] = said[i];
    }
out:
    scoring_end(&s);
    mem_free(left);
    mem_free(said);
    mem_free(places);
    mem_free(at);
    mem_free(known.has);
    return rc;
}

void kept_tell(const persona_hooks *hooks, const char *path)
{
    if (hooks != NULL && hooks->keeps != NULL && path != NULL) {
        hooks->keeps(hooks->ud, path);
    }
}
