/* SPDX-License-Identifier: MIT
 *
 * rig_judge.c - what --judge can say, and the judge that comes of it.
 *
 *   auto          the classifier that the model's file names (persona.judge), or none
 *   none          nobody
 *   labels        scores that came with the input
 *   self          the model at hand, unsteered
 *   http(s)://…   an OpenAI-compatible server
 *   FILE.gguf     another model, opened here and closed with the rig
 *   FILE          a classifier
 *
 * --judge-select and --judge-score take its place for one of two uses each: choosing (the filter of
 * an extraction, blocks, leaning texts) and what is reported. A claim needs two different ones.
 *
 * A named judge that is missing is an error, never a silent switch to another way of scoring. What
 * does not depend on the model at hand is opened once for a pair of models.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "workbench/find.h"
#include "workbench/model_hash.h"
#include "workbench/rig.h"

typedef persona_code (*opener)(const rig_opts *o, rig *x, persona_err *e);

static persona_code open_classifier(const char *path, rig *x, persona_err *e)
{
    return persona_judge_read(path, &x->judge, e);
}

static persona_code open_auto(const rig_opts *o, rig *x, persona_err *e)
{
    (void)o;
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    if (x->info->judge == NULL) {
        return PERSONA_OK;
    }
    TRY(find_beside(x->info->path, x->info->judge, &path, e));
    rc = open_classifier(path, x, e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "judge named by %s", x->info->path);
    }
out:
    mem_free(path);
    return rc;
}

static persona_code open_none(const rig_opts *o, rig *x, persona_err *e)
{
    (void)o;
    (void)x;
    (void)e;
    return PERSONA_OK;
}

static persona_code open_labels(const rig_opts *o, rig *x, persona_err *e)
{
    (void)o;
    return persona_judge_labels(&x->judge, e);
}

static persona_code open_model(const rig_opts *o, persona_model *m, rig *x, persona_err *e)
{
    persona_judge_model_opts opts = persona_judge_model_defaults();
    opts.n_threads = o->n_threads;
    return persona_judge_model(m, &opts, &x->judge, e);
}

static persona_code open_self(const rig_opts *o, rig *x, persona_err *e)
{
    x->judges_itself = true;
    return open_model(o, x->model, x, e);
}

static persona_code open_file_model(const rig_opts *o, rig *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    persona_model_opts opts = o->model;
    opts.chat_template = NULL; /* that is the steered model's */
    opts.raw_prompts = false;
    opts.hash = model_hash_file;
    TRY(find_model(o->judge, &path, e));
    TRY(persona_model_open(path, &opts, &x->judge_model, e));
    TRY(open_model(o, x->judge_model, x, e));
out:
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "--judge");
    }
    mem_free(path);
    return rc;
}

static persona_code open_endpoint(const rig_opts *o, rig *x, persona_err *e)
{
    persona_judge_endpoint_opts opts = persona_judge_endpoint_defaults();
    opts.url = o->judge;
    if (o->judge_model == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE, "--judge %.200s also wants --judge-model NAME",
                               o->judge);
    }
    opts.model = o->judge_model;
    if (o->judge_key_env != NULL) {
        opts.key_env = o->judge_key_env;
    }
    if (o->judge_timeout > 0) {
        opts.timeout = o->judge_timeout;
    }
    return persona_judge_endpoint(&opts, &x->judge, e);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* NULL: a classifier file. *shared: the same judge for every model. */
static opener opener_of(const char *judge, bool *shared)
{
    static const struct {
        const char *word;
        opener open;
        bool shared;
    } words[] = {
        {"auto", open_auto, false},
        {"none", open_none, false},
        {"labels", open_labels, true},
        {"self", open_self, false},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *shared = words[i].shared;
        if (strcmp(judge, words[i].word) == 0) {
            return words[i].open;
        }
    }
    *shared = true;
    if (strncmp(judge, "http://", 7) == 0 || strncmp(judge, "https://", 8) == 0) {
        return open_endpoint;
    }
    return path_ends(judge, ".gguf") ? open_file_model : NULL;
}

static bool is_server(const char *judge)
{
    bool shared = false;
    return judge != NULL && opener_of(judge, &shared) == open_endpoint;
}

/* What o->judge says, as x->judge; the same as the other side's where it is shared. */
static persona_code open_as(const rig_opts *o, const rig *other, rig *x, persona_err *e)
{
    const char *who = o->judge != NULL ? o->judge : "auto";
    bool shared = false;
    const opener open = opener_of(who, &shared);
    if (shared && other != NULL && other->judge != NULL) {
        x->judge = other->judge;
        x->judge_borrowed = true;
        return PERSONA_OK;
    }
    return open != NULL ? open(o, x, e) : open_classifier(who, x, e);
}

static persona_code open_select(const rig_opts *o, const rig *other, rig *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    rig mine = *x, theirs = other != NULL ? *other : (rig){0};
    rig_opts named = *o;
    named.judge = o->judge_select;
    mine.judge = NULL;
    mine.judge_model = NULL;
    mine.judge_borrowed = false;
    theirs.judge = theirs.select;
    TRY(open_as(&named, &theirs, &mine, e));
out:
    x->select = mine.judge;
    x->select_model = mine.judge_model;
    x->select_borrowed = mine.judge_borrowed;
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "--judge-select");
    }
    return rc;
}

persona_code rig_judge_open(const rig_opts *o, const rig *other, rig *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    rig_opts named = *o;
    if (o->judge_score != NULL) {
        named.judge = o->judge_score;
    }
    if (!is_server(named.judge) && !is_server(o->judge_select) &&
        (o->judge_model != NULL || o->judge_key_env != NULL || o->judge_timeout > 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--judge-model, --judge-key-env and --judge-timeout belong to a "
                               "--judge http://… or https://…, not to '%.200s'",
                               named.judge != NULL ? named.judge : "auto");
    }
    TRY(open_as(&named, other, x, e));
    if (o->judge_select != NULL) {
        TRY(open_select(o, other, x, e));
    }
out:
    return rc;
}

persona_code rig_judge_measured(const rig_opts *o, const rig *x, const persona_trait *trait,
                                persona_err *e)
{
    if (o->judge_validity == NULL) {
        return PERSONA_OK;
    }
    if (x->judge == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--judge-validity belongs to a judge: name it with "
                               "--judge");
    }
    return persona_judge_read_validity(x->judge, trait, o->judge_validity, e);
}

void rig_judge_close(rig *x)
{
    if (!x->judge_borrowed) {
        persona_judge_free(x->judge);
    }
    if (!x->select_borrowed) {
        persona_judge_free(x->select);
    }
    persona_model_free(x->judge_model);
    persona_model_free(x->select_model);
    x->judge = x->select = NULL;
    x->judge_model = x->select_model = NULL;
}
