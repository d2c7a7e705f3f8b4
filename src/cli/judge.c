/* SPDX-License-Identifier: MIT
 *
 * judge.c - what --judge can say, and the judge that comes of it.
 *
 *   auto          the classifier that the model's file names (persona.judge), or none
 *   none          nobody
 *   labels        scores that came with the input
 *   self          the model at hand, unsteered
 *   http(s)://…   an OpenAI-compatible server
 *   FILE.gguf     another model, opened here and closed with the engine
 *   FILE          a classifier
 *
 * A named judge that is missing is an error, never a silent switch to another way of scoring. What
 * does not depend on the model at hand is opened once for a pair of models.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

typedef persona_code (*opener)(const cli_state *c, cli_engine *x, persona_err *e);

static persona_code open_classifier(const char *path, cli_engine *x, persona_err *e)
{
    return persona_judge_read(path, &x->judge, e);
}

static persona_code open_auto(const cli_state *c, cli_engine *x, persona_err *e)
{
    (void)c;
    if (!x->info->judge) {
        return PERSONA_OK;
    }
    char *path = cli_beside(x->info->path, x->info->judge);
    const persona_code rc = open_classifier(path, x, e);
    mem_free(path);
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "judge named by %s", x->info->path);
    }
    return rc;
}

static persona_code open_none(const cli_state *c, cli_engine *x, persona_err *e)
{
    (void)c;
    (void)x;
    (void)e;
    return PERSONA_OK;
}

static persona_code open_labels(const cli_state *c, cli_engine *x, persona_err *e)
{
    (void)c;
    return persona_judge_labels(&x->judge, e);
}

static persona_code open_model(const cli_state *c, persona_model *m, cli_engine *x, persona_err *e)
{
    persona_judge_model_opts o = persona_judge_model_defaults();
    o.n_threads = c->n_threads;
    return persona_judge_model(m, &o, &x->judge, e);
}

static persona_code open_self(const cli_state *c, cli_engine *x, persona_err *e)
{
    cli_say(c,
            "warning: %s judges itself; that is weak evidence: a second model (--judge FILE.gguf) "
            "does not share its blind spots",
            x->info->name);
    return open_model(c, x->model, x, e);
}

static persona_code open_file_model(const cli_state *c, cli_engine *x, persona_err *e)
{
    const persona_model_opts opts = persona_model_defaults();
    char *path = cli_model_path(c->judge);
    persona_code rc = persona_model_open(path, &opts, &x->judge_model, e);
    mem_free(path);
    if (rc == PERSONA_OK) {
        rc = open_model(c, x->judge_model, x, e);
    }
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "--judge");
    }
    return rc;
}

static persona_code open_endpoint(const cli_state *c, cli_engine *x, persona_err *e)
{
    persona_judge_endpoint_opts o = persona_judge_endpoint_defaults();
    o.url = c->judge;
    if (!c->judge_model) {
        return persona_err_set(e, PERSONA_E_USAGE, "--judge %.200s also wants --judge-model NAME",
                               c->judge);
    }
    o.model = c->judge_model;
    if (c->judge_key_env) {
        o.key_env = c->judge_key_env;
    }
    if (c->judge_timeout > 0) {
        o.timeout = c->judge_timeout;
    }
    return persona_judge_endpoint(&o, &x->judge, e);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool ends_in(const char *s, const char *end)
{
    const size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

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
    return ends_in(judge, ".gguf") ? open_file_model : NULL;
}

persona_code cli_judge_open(const cli_state *c, const cli_engine *other, cli_engine *x,
                            persona_err *e)
{
    bool shared = false;
    const opener open = opener_of(c->judge, &shared);
    if (open != open_endpoint && (c->judge_model || c->judge_key_env || c->judge_timeout > 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--judge-model, --judge-key-env and --judge-timeout belong to a "
                               "--judge http://… or https://…, not to '%.200s'",
                               c->judge);
    }
    if (shared && other && other->judge) {
        x->judge = other->judge;
        x->judge_borrowed = true;
        return PERSONA_OK;
    }
    return open ? open(c, x, e) : open_classifier(c->judge, x, e);
}

void cli_judge_close(cli_engine *x)
{
    if (!x->judge_borrowed) {
        persona_judge_free(x->judge);
    }
    persona_model_free(x->judge_model);
    x->judge = NULL;
    x->judge_model = NULL;
}
