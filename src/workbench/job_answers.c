/* SPDX-License-Identifier: MIT
 *
 * job_answers.c - answers of jobs as texts (job_answers.h).
 */
#include "workbench/job_answers.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

/* ---- which answers --------------------------------------------------------------------------- */

/* What is wanted of a job with several stages if nobody says otherwise. */
static bool is_usual(const char *stage)
{
    return strcmp(stage, "rollout") == 0 || strncmp(stage, "evaluate/", 9) == 0;
}

/* The stage that was asked for, the answers of the extraction or the evaluation, or the only
 * one. */
static persona_code choose_stage(const job_info *info, const char *wanted, const char **out,
                                 persona_err *e)
{
    size_t n = 0, n_usual = 0;
    for (size_t i = 0; i < info->n_counts; i++) {
        const job_count *c = &info->counts[i];
        if (c->judge || (wanted && strcmp(wanted, c->stage) != 0)) {
            continue;
        }
        if (n_usual == 0) {
            *out = c->stage;
        }
        n_usual += is_usual(c->stage);
        n++;
    }
    if (n == 1 || n_usual == 1) {
        return PERSONA_OK;
    }
    if (wanted) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s: no stage '%s' (`persona jobs show %s` lists them)", info->path,
                               wanted, info->id);
    }
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no answers yet", info->path);
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "%s has %zu stages: choose one with --stage (`persona jobs show %s` "
                           "lists them)",
                           info->path, n, info->id);
}

/* Whether `judge` are the same judge's scores for another trait: JUDGE/TRAIT. Names are sorted. */
static bool is_other_trait(const char *own, const char *judge)
{
    const size_t n = strlen(own);
    return strncmp(own, judge, n) == 0 && judge[n] == '/';
}

/* The judge that was asked for, or the only one; NULL if there is none. */
static persona_code choose_judge(const job_info *info, const char *stage, const char *wanted,
                                 const char **out, persona_err *e)
{
    size_t n = 0, n_other = 0;
    *out = NULL;
    if (wanted && strcmp(wanted, "none") == 0) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < info->n_counts; i++) {
        const job_count *c = &info->counts[i];
        if (!c->judge || strcmp(stage, c->stage) != 0 ||
            (wanted && strcmp(wanted, c->judge) != 0)) {
            continue;
        }
        if (*out && is_other_trait(*out, c->judge)) {
            n_other++;
        } else {
            *out = c->judge;
        }
        n++;
    }
    n -= n_other;
    if (wanted && n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s: no scores by '%s' in stage '%s' (`persona jobs show %s` lists "
                               "the judges)",
                               info->path, wanted, stage, info->id);
    }
    if (n > 1) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s has scores by %zu judges: choose one with --scores-of, or none",
                               info->path, n);
    }
    return PERSONA_OK;
}

/* An evaluation and a sweep say in a value what their answers are. */
static persona_code read_cells(job_answers *x, persona_err *e)
{
    char *key = mem_printf("cells/%s", x->stage), *text = NULL;
    persona_code rc = PERSONA_OK;
    TRY(key != NULL ? PERSONA_OK : mem_err(e, "a key"));
    TRY(job_get_value(x->j, key, &text, e));
    if (text) {
        TRY(json_parse(text, strlen(text), job_path(x->j), &x->cells, e));
    }
out:
    mem_free(text);
    mem_free(key);
    return rc;
}

persona_code job_answers_open(const char *path, const char *stage, const char *judge,
                              job_answers *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = (job_answers){.j = NULL};
    TRY(job_info_read(path, &out->info, e));
    TRY(choose_stage(&out->info, stage, &out->stage, e));
    TRY(choose_judge(&out->info, out->stage, judge, &out->judge, e));
    TRY(job_read(path, &out->j, e));
    TRY(read_cells(out, e));
    out->trait = *out->info.trait ? out->info.trait : NULL;
out:
    if (rc != PERSONA_OK) {
        job_answers_close(out);
    }
    return rc;
}

void job_answers_close(job_answers *x)
{
    json_free(x->cells);
    job_close(x->j);
    job_info_free(&x->info);
    *x = (job_answers){.j = NULL};
}

/* ---- one after the other --------------------------------------------------------------------- */

typedef struct walking {
    job_answers *x;
    const job_answers_opts *o;
    job_answers_fn fn;
    void *ud;
    size_t n, n_left_out;
    bool enough;
} walking;

const json_val *job_answers_cell(const job_answers *x, const job_answer *a)
{
    const json_val *all = x->cells ? json_root(x->cells) : NULL;
    return json_len(all) > 0 ? json_at(all, (size_t)a->id % json_len(all)) : NULL;
}

/* Items own what they hold; their type has no const. */
enum { COPIES = 7 };
static persona_code copy_all(const char *const from[COPIES], char *to[COPIES], persona_err *e)
{
    for (size_t i = 0; i < COPIES; i++) {
        to[i] = from[i] ? mem_strdup(from[i]) : NULL;
        if (from[i] && !to[i]) {
            return mem_err(e, "an answer");
        }
    }
    return PERSONA_OK;
}

static persona_code hand_over(walking *w, const job_answer *a, const job_score *score,
                              persona_err *e)
{
    const json_val *cell = job_answers_cell(w->x, a);
    const char *const from[COPIES] = {
        "system", "user", a->system ? a->system : "", a->question, a->text, a->prompt, w->x->trait};
    char *all[COPIES] = {NULL};
    persona_code rc = PERSONA_OK;
    TRY(copy_all(from, all, e));
    text_message messages[2] = {{all[0], all[2]}, {all[1], all[3]}};
    text_item item = text_item_defaults();
    if (all[5] && (w->o->prompts || !*a->question)) {
        item.prompt = all[5];
    } else {
        item.messages = a->system ? messages : messages + 1;
        item.n_messages = a->system ? 2 : 1;
    }
    item.response = all[4];
    item.polarity = a->polarity;
    item.label_trait = score->trait;
    item.label_coherence = score->coherence;
    item.trait = all[6];
    item.question = all[3];
    item.question_index = a->question_index;
    item.pair_index = a->pair;
    item.rollout_index = a->rollout;
    item.condition = json_string(json_get(cell, "condition"));
    item.coefficient = json_number(json_get(cell, "coefficient"), (double)NAN);
    rc = w->fn(w->ud, &item, a, e);
out:
    for (size_t i = 0; i < COPIES; i++) {
        mem_free(all[i]);
    }
    return rc;
}

static persona_code walk_one(void *ud, const job_answer *a, persona_err *e)
{
    walking *w = ud;
    job_score score = {.trait = NAN, .coherence = NAN};
    bool has = false;
    persona_code rc = PERSONA_OK;
    if (a->polarity == 0 && !job_answers_cell(w->x, a) && !w->o->all) {
        w->n_left_out++; /* whoever reads the texts takes a side from them */
        return PERSONA_OK;
    }
    const size_t at = w->n++;
    if (at < w->o->offset) {
        return PERSONA_OK;
    }
    if (w->o->limit > 0 && at - w->o->offset >= w->o->limit) {
        w->enough = true;
        return PERSONA_E_CANCELED;
    }
    if (w->x->judge) {
        TRY(job_get_score(w->x->j, w->x->stage, w->x->judge, a->id, &score, &has, e));
    }
    TRY(hand_over(w, a, &score, e));
out:
    return rc;
}

persona_code job_answers_each(job_answers *x, const job_answers_opts *o, job_answers_fn fn,
                              void *ud, size_t *n_left_out, persona_err *e)
{
    walking w = {.x = x, .o = o, .fn = fn, .ud = ud};
    const persona_code rc = job_each_answer(x->j, x->stage, o->order, NULL, walk_one, &w, e);
    if (n_left_out) {
        *n_left_out = w.n_left_out;
    }
    return w.enough ? PERSONA_OK : rc;
}
