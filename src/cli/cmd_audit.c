/* SPDX-License-Identifier: MIT
 *
 * cmd_audit.c - `persona audit`: all vectors of a library over a model's answers to neutral
 * questions: what it leans to. With --base the vectors and what is neutral are those of another
 * model, from which this one was made.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/neutral_set.h"
#include "cli/probe.h"
#include "cli/table.h"

typedef struct audit_args {
    cli_state *c;
    const char *model, *base, *system;
} audit_args;

#define AT(member) offsetof(audit_args, member)

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "base",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(base),
     .without = "the model itself",
     .help = "The model that it was made from: its vectors are read, and its answers are neutral"},
    {.name = "system",
     .type = OPT_TEXT,
     .arg = "TEXT",
     .at = AT(system),
     .help = "System message (gpt-oss: developer message): what does it make the model lean to?"},
    {.name = NULL},
};
static const opt_group audit_options = {NULL, false, options};

/* One vector's result. */
typedef struct leaning {
    const persona_probe *probe;
    persona_interval mean, forecast;
    persona_interval z; /* NAN: neutral statistics are not known */
} leaning;

typedef struct audit_work {
    audit_args *a;
    rig x, base;
    neutral_questions questions;
    persona_probes *probes;
    double *mean, *forecast; /* (n_questions, n_probes) */
    leaning *list;           /* (n_probes), the strongest first */
    double seconds;
} audit_work;

/* ---- the work -------------------------------------------------------------------------------- */

/* Every vector in the library of m that can be read. */
static persona_code add_library(audit_work *w, persona_model *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *place = NULL, *folder = NULL, **paths = NULL;
    size_t n = 0;
    TRY(persona_probes_new(m, &w->probes, e));
    TRY(persona_vector_place(m, "x", &place, e));
    folder = path_dir(place);
    TRY(file_list(folder, ".gguf", &paths, &n, e));
    for (size_t i = 0; i < n; i++) {
        char *name = cli_strdup(path_base(paths[i]));
        name[strlen(name) - strlen(".gguf")] = '\0';
        persona_err why = {.code = PERSONA_OK};
        const persona_code added = probe_add(w->probes, m, name, -1, &why);
        mem_free(name);
        if (added != PERSONA_OK) {
            cli_say(w->a->c, "note: left out: %s", why.msg);
        }
    }
    if (w->probes->n == 0) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "%s: no vector to audit by ('persona extract' puts them there)",
                             folder);
    }
out:
    mem_free_list(paths, n);
    mem_free(folder);
    free(place);
    return rc;
}

static persona_code open_all(audit_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    audit_args *a = w->a;
    if (a->base) {
        TRY(rig_open_model(&a->c->rig, a->base, false, &w->base, e));
        TRY(add_library(w, w->base.model, e));
        rig_close(&w->base);
    }
    TRY(rig_open_model(&a->c->rig, a->model, true, &w->x, e));
    if (!a->base) {
        TRY(add_library(w, w->x.model, e));
    } else if (w->x.info->n_embd != w->probes->n_embd ||
               w->probes->blocks[w->probes->n - 1] > w->x.info->n_layer - 2) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "%s and %s are not of one shape", a->base,
                             a->model);
        goto out;
    }
    TRY(neutral_open(a->c, &w->x, &w->questions, e));
    TRY(rig_open_session(&a->c->rig, &w->x, 16, 384 + a->c->neutral_tokens, e));
out:
    return rc;
}

static double strength(const leaning *l)
{
    return isfinite(l->z.value) ? fabs(l->z.value) : -1;
}

static int by_strength(const void *a, const void *b)
{
    const double x = strength(a), y = strength(b);
    return (x < y) - (x > y);
}

static persona_code measure(audit_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->questions.n, k = w->probes->n;
    const uint32_t seed = w->a->c->seed;
    w->mean = cli_alloc(n * k, sizeof *w->mean);
    w->forecast = cli_alloc(n * k, sizeof *w->forecast);
    w->list = cli_alloc(k, sizeof *w->list);
    const persona_leaning_asks asks = {w->questions.list, n, w->a->system, w->a->c->neutral_tokens};
    TRY(persona_leanings(w->x.session, &asks, w->probes, &w->a->c->hooks, w->mean, w->forecast, e));
    for (size_t i = 0; i < k; i++) {
        const persona_probe *p = &w->probes->list[i];
        leaning *l = &w->list[i];
        l->probe = p;
        TRY(neutral_mean(w->mean, NULL, n, k, i, seed, &l->mean, e));
        TRY(neutral_mean(w->forecast, NULL, n, k, i, seed, &l->forecast, e));
        l->z = (persona_interval){probe_z(l->mean.value, p->mean, p->sd),
                                  probe_z(l->mean.low, p->mean, p->sd),
                                  probe_z(l->mean.high, p->mean, p->sd)};
    }
    qsort(w->list, k, sizeof *w->list, by_strength);
out:
    return rc;
}

/* Half a standard deviation, and surely not 0. */
static const char *leans(const leaning *l)
{
    if (!isfinite(l->z.value)) {
        return NULL;
    }
    if (fabs(l->z.value) < 0.5 || (l->z.low <= 0 && l->z.high >= 0)) {
        return "neutral";
    }
    return l->z.value > 0 ? "more" : "less";
}

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code print_json(const audit_work *w, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "audit");
    jo_string(o, "model", w->x.info->path);
    jo_string(o, "base", w->a->base);
    jo_string(o, "system", w->a->system);
    jo_int(o, "n_questions", (long long)w->questions.n);
    jo_array(o, "vectors");
    for (size_t i = 0; i < w->probes->n; i++) {
        const leaning *l = &w->list[i];
        jo_object(o, NULL);
        jo_string(o, "vector", l->probe->name);
        jo_int(o, "block", l->probe->block);
        interval_json(o, "projection", &l->mean);
        interval_json(o, "z", &l->z);
        interval_json(o, "forecast", &l->forecast);
        jo_number(o, "neutral_mean", l->probe->mean);
        jo_number(o, "neutral_sd", l->probe->sd);
        jo_string(o, "leans", leans(l));
        jo_end(o);
    }
    jo_end(o);
    jo_int(o, "seed", (long long)w->a->c->seed);
    jo_number(o, "seconds", w->seconds);
    return cli_json_end(w->a->c, &j, e);
}

static void print_text(const audit_work *w)
{
    static const table_column columns[] = {{"vector", TABLE_LEFT},
                                           {"block", TABLE_RIGHT},
                                           {"z", TABLE_LEFT},
                                           {"projection", TABLE_LEFT},
                                           {"leans", TABLE_LEFT}};
    table t;
    table_init(&t, columns, 5);
    for (size_t i = 0; i < w->probes->n; i++) {
        const leaning *l = &w->list[i];
        table_cell(&t, "%s", l->probe->name);
        table_cell(&t, "%d", l->probe->block);
        table_cell(&t, "%s [%s, %s]", cli_number(l->z.value, 2), cli_number(l->z.low, 2),
                   cli_number(l->z.high, 2));
        table_cell(&t, "%s [%s, %s]", cli_number(l->mean.value, 2), cli_number(l->mean.low, 2),
                   cli_number(l->mean.high, 2));
        const char *word = leans(l);
        table_cell(&t, "%s", word ? word : "not known: no neutral statistics");
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static persona_code run(audit_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_state *c = w->a->c;
    const double start = clock_now();
    TRY(open_all(w, e));
    TRY(measure(w, e));
    w->seconds = clock_now() - start;
    tty_progress_clear(&c->progress);
    if (c->json) {
        TRY(print_json(w, e));
    } else {
        print_text(w);
        cli_say(c, "%zu neutral questions, the likeliest answer of each", w->questions.n);
    }
out:
    return rc;
}

static persona_code run_audit(void *p, persona_err *e)
{
    audit_work w = {.a = p};
    const persona_code rc = run(&w, e);
    mem_free(w.list);
    mem_free(w.mean);
    mem_free(w.forecast);
    neutral_close(&w.questions);
    persona_probes_free(w.probes);
    rig_close(&w.base);
    rig_close(&w.x);
    return rc;
}

const cli_command command_audit = {
    .name = "audit",
    .summary = "See what a model leans to, along all vectors of a library",
    .usage = "--model FILE [--base FILE] [--system TEXT]",
    .about = "Has MODEL answer neutral questions and projects the answers on every vector of the "
             "library: how many standard deviations they lie from what was neutral when the vector "
             "was extracted. A finetuned model is audited with the vectors of its --base.",
    .groups = {{&audit_options, 0},
               {&opt_group_neutral, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(audit_args),
    .run = run_audit,
};
