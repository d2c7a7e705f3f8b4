/* SPDX-License-Identifier: MIT
 *
 * sweep_ask.c - the answers of a sweep, question by question with all points side by side, so that
 * neighbors share the prompt; then what judges, the unsteered model and counting say of them.
 *
 * Answers, scores and KLs are kept in the job as they are made. The stage's name holds what the
 * answers depend on besides the manifest.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "core/text/fluency.h"
#include "pipeline/dose/kl.h"
#include "pipeline/pipeline.h"
#include "pipeline/sweep/sweep_parts.h"

#define SEED_SWEEP 0x73776570
enum { MAX_CELLS = 4 << 20 };

/* One run over some of the points. */
typedef struct sweep_batch {
    sweeping *x;
    sweep_point **points; /* (n_points) */
    size_t n_points, n;   /* n: answers in all */
    ask *asks;            /* (n) */
    job_answer *rows;
    answer *answers;
    persona_message *messages; /* (n, n_history + 1) */
    char stage[32], title[96];
} sweep_batch;

static ask ask_of(const sweep_batch *b, const sweep_point *p, size_t q, size_t k)
{
    const sweeping *x = b->x;
    ask a = {.question = x->questions->evaluation[q],
             .sampling = persona_sampling_defaults(),
             .plan = p->plan};
    a.sampling.temperature = x->o->temperature;
    a.sampling.max_tokens = x->o->max_tokens;
    a.sampling.max_analysis = ASK_THOUGHT * x->o->max_tokens;
    a.sampling.seed = rng_mix(x->o->seed, SEED_SWEEP, q * x->n_answers + k);
    if (p->instructed) {
        a.system = x->systems[q % x->trait->n_pairs * 2 + (p->negative ? 1 : 0)];
    }
    return a;
}

/* The question of ask i behind the conversation. */
static void put_behind(const sweep_batch *b, size_t i)
{
    const sweeping *x = b->x;
    persona_message *at = b->messages + i * (x->n_history + 1);
    memcpy(at, x->history, x->n_history * sizeof *at);
    at[x->n_history] = (persona_message){"user", b->asks[i].question};
    b->asks[i].messages = at;
    b->asks[i].n_messages = x->n_history + 1;
}

static persona_code batch_new(sweep_batch *b, sweeping *x, bool behind, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *b = (sweep_batch){.x = x};
    b->points = mem_calloc(x->n_points, sizeof *b->points);
    TRY(b->points != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    for (size_t i = 0; i < x->n_points; i++) {
        if (x->points[i].behind == behind && !x->points[i].same_as_base) {
            b->points[b->n_points++] = &x->points[i];
        }
    }
    b->n = b->n_points * x->n_each;
    b->asks = mem_calloc(b->n, sizeof *b->asks);
    b->rows = mem_calloc(b->n, sizeof *b->rows);
    b->answers = mem_calloc(b->n, sizeof *b->answers);
    b->messages = behind ? mem_calloc(b->n * (x->n_history + 1), sizeof *b->messages) : NULL;
    TRY(b->asks != NULL && b->rows != NULL && b->answers != NULL && (b->messages != NULL || !behind)
            ? PERSONA_OK
            : mem_err(e, "a sweep"));
    snprintf(b->stage, sizeof b->stage, behind ? "sweep/behind" : "sweep/answers");
    stage_name(b->title, sizeof b->title, behind ? "sweep, long context" : "sweep", x->trait->name);
    for (size_t i = 0; i < b->n; i++) {
        const size_t each = i / b->n_points, q = each / x->n_answers;
        b->asks[i] = ask_of(b, b->points[i % b->n_points], q, each % x->n_answers);
        b->rows[i] = (job_answer){.question = b->asks[i].question,
                                  .system = b->asks[i].system,
                                  .pair = -1,
                                  .question_index = (int)q,
                                  .rollout = (int)(each % x->n_answers),
                                  .seed = b->asks[i].sampling.seed};
        if (behind) {
            put_behind(b, i);
        }
    }
out:
    return rc;
}

static void batch_free(sweep_batch *b)
{
    if (b->answers != NULL) {
        answers_clear(b->answers, b->n);
    }
    mem_free(b->points);
    mem_free(b->asks);
    mem_free(b->rows);
    mem_free(b->answers);
    mem_free(b->messages);
}

static const char *text_of(const answer *a)
{
    return a->answered ? a->text : NULL;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static persona_code judge_batch(const sweep_batch *b, const kept *k, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    sweeping *x = b->x;
    persona_judge_item *items = mem_calloc(b->n, sizeof *items);
    persona_judgement *got = mem_calloc(b->n, sizeof *got);
    TRY(items != NULL && got != NULL ? PERSONA_OK : mem_err(e, "answers to judge"));
    for (size_t i = 0; i < b->n; i++) {
        items[i] = (persona_judge_item){b->asks[i].question, text_of(&b->answers[i]), NAN, NAN};
        got[i] = (persona_judgement){.trait = NAN, .coherence = NAN};
    }
    if (x->judge != NULL) {
        TRY(kept_judge(k, x->judge, x->trait, items, NULL, b->n, got, e));
    }
    for (size_t i = 0; i < b->n; i++) {
        sweep_point *p = b->points[i % b->n_points];
        const bool there = b->answers[i].answered;
        p->score[i / b->n_points] = there ? (double)got[i].trait : (double)NAN;
        p->coherence[i / b->n_points] = !there && x->judge != NULL ? 0.0 : (double)got[i].coherence;
        p->n_unanswered += !there;
        p->n_unjudged += x->judge != NULL && there && isnan(got[i].trait);
    }
out:
    mem_free(items);
    mem_free(got);
    return rc;
}

/* What was thought before the answers, by the same judge. These scores are made again when a job is
 * resumed: the job keeps one score of an answer. */
static persona_code judge_thoughts(const sweep_batch *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const sweeping *x = b->x;
    persona_judge_item *items = mem_calloc(b->n, sizeof *items);
    persona_judgement *got = mem_calloc(b->n, sizeof *got);
    size_t *at = mem_calloc(b->n, sizeof *at), n = 0;
    TRY(items != NULL && got != NULL && at != NULL ? PERSONA_OK : mem_err(e, "thoughts"));
    for (size_t i = 0; i < b->n; i++) {
        const char *text = b->answers[i].analysis;
        b->points[i % b->n_points]->thoughts[i / b->n_points] = (double)NAN;
        if (text != NULL && text[0] != '\0') {
            items[n] = (persona_judge_item){b->asks[i].question, text, NAN, NAN};
            at[n++] = i;
        }
    }
    TRY(persona_judge_all(x->judge, x->trait, items, n, x->hooks, got, e));
    for (size_t k = 0; k < n; k++) {
        b->points[at[k] % b->n_points]->thoughts[at[k] / b->n_points] = (double)got[k].trait;
    }
out:
    mem_free(items);
    mem_free(got);
    mem_free(at);
    return rc;
}

/* ---- without a judge ------------------------------------------------------------------------- */

static persona_code count_words(const sweep_batch *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t c = 0; c < b->n_points; c++) {
        sweep_point *p = b->points[c];
        double repeated = 0, tokens = 0;
        size_t n_words = 0;
        for (size_t i = c; i < b->n; i += b->n_points) {
            const answer *a = &b->answers[i];
            fluency f = {.distinct2 = (double)NAN};
            TRY(fluency_measure(text_of(a) != NULL ? a->text : "", &f, e));
            repeated += isnan(f.distinct2) ? 0 : 1 - f.distinct2;
            n_words += isnan(f.distinct2) ? 0 : 1;
            tokens += (double)a->n_answer / (double)b->x->n_each;
            p->n_prompt = a->n_prompt > p->n_prompt ? a->n_prompt : p->n_prompt;
        }
        p->repetition = n_words > 0 ? repeated / (double)n_words : (double)NAN;
        p->tokens = tokens;
    }
out:
    return rc;
}

/* ---- KL -------------------------------------------------------------------------------------- */

/* What the texts of one point come to. */
static persona_code conclude_kl(sweep_point *p, const kl_text *texts, size_t n, persona_err *e)
{
    double nll = 0, *all = mem_calloc(n * KL_TOKENS, sizeof *all);
    size_t m = 0, n_read = 0;
    if (all == NULL) {
        return mem_err(e, "KL");
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(all + m, texts[i].kl, texts[i].n * sizeof *all);
        m += texts[i].n;
        nll += texts[i].n > 0 ? texts[i].nll : 0;
        n_read += texts[i].n > 0;
    }
    p->nll = n_read > 0 ? nll / (double)n_read : (double)NAN;
    p->kl = stat_mean(all, m);
    p->kl_p95 = m > 0 ? stat_quantile(all, m, 0.95) : (double)NAN;
    mem_free(all);
    return PERSONA_OK;
}

static void kl_key(const sweep_batch *b, size_t c, char *out, size_t size)
{
    snprintf(out, size, "kl/%s/%zu", b->stage, c);
}

static persona_code recall_kl(const sweep_batch *b, size_t c, bool *found, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    sweep_point *p = b->points[c];
    char key[64], *text = NULL, *rest;
    kl_key(b, c, key, sizeof key);
    TRY(job_get_value(b->x->job, key, &text, e));
    *found = text != NULL;
    if (text != NULL) {
        p->kl = strtod(text, &rest);
        p->kl_p95 = strtod(rest, &rest);
        p->nll = strtod(rest, NULL);
    }
out:
    mem_free(text);
    return rc;
}

static persona_code remember_kl(const sweep_batch *b, size_t c, persona_err *e)
{
    const sweep_point *p = b->points[c];
    char key[64], text[96];
    kl_key(b, c, key, sizeof key);
    snprintf(text, sizeof text, "%.17g %.17g %.17g", p->kl, p->kl_p95, p->nll);
    return job_put_value(b->x->job, key, text, e);
}

/* One point's answers. Points are read one after the other, so that one that is killed loses one
 * point at most. */
static persona_code measure_kl(const sweep_batch *b, size_t c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = b->x->n_each;
    ask *asks = mem_calloc(n, sizeof *asks);
    const char **texts = mem_calloc(n, sizeof *texts);
    kl_text *out = mem_calloc(n, sizeof *out);
    char title[96];
    TRY(asks != NULL && texts != NULL && out != NULL ? PERSONA_OK : mem_err(e, "KL"));
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * b->n_points + c;
        /* without an instruction: what the answer is to the model as it is */
        asks[i] = (ask){.question = b->asks[at].question, .plan = b->points[c]->plan};
        texts[i] = text_of(&b->answers[at]);
    }
    stage_name(title, sizeof title, "sweep, KL", b->x->trait->name);
    TRY(kl_measure(b->x->s, asks, texts, n, title, b->x->hooks, out, e));
    TRY(conclude_kl(b->points[c], out, n, e));
    TRY(remember_kl(b, c, e));
out:
    mem_free(asks);
    mem_free(texts);
    mem_free(out);
    return rc;
}

static persona_code measure_kls(const sweep_batch *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t c = 0; c < b->n_points; c++) {
        bool found = false;
        TRY(recall_kl(b, c, &found, e));
        if (!found) {
            TRY(measure_kl(b, c, e));
        }
        sweep_point *p = b->points[c];
        if (p->plan == NULL) { /* not steered; under an instruction the prompts differ, too */
            p->kl = p->kl_p95 = p->instructed ? (double)NAN : 0;
        }
    }
out:
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What answer i modulo their number is, for who reads the job. */
static persona_code note_cells(const sweep_batch *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char key[64];
    json_out o;
    buf out;
    buf_init(&out, MAX_CELLS);
    jo_init(&o, &out, false);
    jo_array(&o, NULL);
    for (size_t c = 0; c < b->n_points; c++) {
        const sweep_point *p = b->points[c];
        jo_object(&o, NULL);
        jo_string(&o, "condition", p->condition);
        jo_number(&o, "coefficient", p->coefficient);
        if (p->op != NULL) {
            jo_string(&o, "operator", p->op->name);
            jo_string(&o, "phase", p->phase);
            jo_int(&o, "layer", p->block);
        }
        jo_end(&o);
    }
    jo_end(&o);
    TRY(buf_ok(&out, "the points of a sweep", e));
    snprintf(key, sizeof key, "cells/%s", b->stage);
    TRY(job_put_value(b->x->job, key, out.p, e));
out:
    buf_free(&out);
    return rc;
}

persona_code sweep_ask(sweeping *x, bool behind, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    sweep_batch b;
    size_t n_found = 0;
    TRY(batch_new(&b, x, behind, e));
    const kept k = {.job = x->job,
                    .stage = b.stage,
                    .trait = x->trait->name,
                    .title = b.title,
                    .hooks = x->hooks};
    TRY(note_cells(&b, e));
    TRY(kept_ask(&k, x->s, b.asks, b.rows, b.n, b.answers, &n_found, e));
    x->n_found += n_found;
    TRY(judge_batch(&b, &k, e));
    if (x->o->thoughts && x->judge != NULL) {
        TRY(judge_thoughts(&b, e));
    }
    TRY(count_words(&b, e));
    if (x->o->kl && !behind) {
        TRY(measure_kls(&b, e));
    }
    for (size_t c = 0; c < b.n_points; c++) {
        b.points[c]->sample = b.answers[c].text;
        b.answers[c].text = NULL;
    }
out:
    batch_free(&b);
    return rc;
}
