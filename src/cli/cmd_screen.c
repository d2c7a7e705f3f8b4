/* SPDX-License-Identifier: MIT
 *
 * cmd_screen.c - `persona screen`: which answers of a data set would move a model along a vector if
 * it were trained on them. Everything is kept in a job: an interrupted screening goes on where it
 * was.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/table.h"

typedef struct screen_args {
    cli_state *c;
    const char *model, *job;
    int top;
    persona_screen_opts opts;
} screen_args;

#define AT(member) offsetof(screen_args, member)

static const opt options[] = {
    {.name = "model",
     .key = 'm',
     .required = true,
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(model),
     .help = "The model (GGUF) that would be trained"},
    OPT_LENGTH("max-tokens", AT(opts.max_tokens), NULL,
               "Length of the model's own answers at most"),
    OPT_TEMPERATURE(AT(opts.temperature)),
    {.name = "samples",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(opts.n_samples),
     .help = "Own answers to each prompt, of which the mean counts; more than one want --temp"},
    {.name = "threshold",
     .type = OPT_REAL,
     .arg = "X",
     .min = 0.01,
     .max = 1000,
     .at = AT(opts.threshold),
     .help = "An answer is flagged so many standard deviations above what neutral answers differ "
             "by, or above the median where those are not known"},
    {.name = "top",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 100000,
     .at = AT(top),
     .help = "Answers to print of each vector; the document has all"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(job),
     .without = "the user's library",
     .help = "Where answers and projections are kept, to be resumed; or none"},
    OPT_FRESH(AT(opts.fresh)),
    OPT_SHARD(AT(opts.shard)),
    {.name = NULL},
};
static const opt_group screen_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const persona_screen_opts *o = &((const screen_args *)p)->opts;
    return o->n_samples > 1 && !(o->temperature > 0)
               ? persona_err_set(e, PERSONA_E_USAGE,
                                 "--samples %d wants --temp above 0: the likeliest answer is "
                                 "always the same",
                                 o->n_samples)
               : PERSONA_OK;
}

static void init(void *p)
{
    screen_args *a = p;
    a->top = 20;
    a->opts = persona_screen_defaults();
}

typedef struct screen_work {
    screen_args *a;
    rig x;
    persona_probes *probes;
    persona_screening *r;
    char *job;
    double seconds;
} screen_work;

/* ---- as a document --------------------------------------------------------------------------- */

static persona_code items_json(cli_json *j, const screen_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out *o = &j->out;
    jo_array(o, "items");
    for (size_t i = 0; i < w->r->n; i++) {
        screen_item_json(o, w->probes, w->r, i);
        TRY(cli_json_flush(w->a->c, j, e));
    }
    jo_end(o);
out:
    return rc;
}

static persona_code print_json(const screen_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_json j;
    json_out *o = cli_json_begin(&j, "screen");
    jo_string(o, "model", w->x.info->path);
    jo_string(o, "texts", w->a->c->words[0]);
    jo_number(o, "threshold", w->a->opts.threshold);
    jo_int(o, "samples", w->a->opts.n_samples);
    screen_vectors_json(o, w->probes, w->r);
    TRY(items_json(&j, w, e));
    jo_int(o, "unread", (long long)w->r->n_unread);
    jo_string(o, "job", w->job);
    jo_int(o, "resumed", (long long)w->r->n_resumed);
    jo_int(o, "seed", (long long)w->a->c->seed);
    jo_number(o, "seconds", w->seconds);
    rc = cli_json_end(w->a->c, &j, e);
    return rc;
out:
    buf_free(&j.text);
    return rc;
}

/* ---- as text --------------------------------------------------------------------------------- */

static void print_vector(const screen_work *w, size_t k)
{
    static const table_column columns[] = {{"rank", TABLE_RIGHT},  {"line", TABLE_RIGHT},
                                           {"delta", TABLE_RIGHT}, {"given", TABLE_RIGHT},
                                           {"own", TABLE_RIGHT},   {"", TABLE_LEFT}};
    const persona_screen_vector *v = &w->r->vectors[k];
    const size_t n = w->r->n, top = (size_t)w->a->top;
    table t;
    printf("%s%s at block %d: mean difference %s [%s, %s]; %zu of %zu flagged (above %s, %s)\n",
           k > 0 ? "\n" : "", w->probes->list[k].name, w->probes->list[k].block,
           cli_number(v->delta.value, 2), cli_number(v->delta.low, 2), cli_number(v->delta.high, 2),
           v->n_flagged, n, cli_number(v->limit, 2),
           v->by_neutral ? "by what neutral answers differ" : "by the median of this data set");
    table_init(&t, columns, 6);
    for (size_t rank = 1; rank <= top && rank <= n; rank++) {
        for (size_t i = 0; i < n; i++) {
            const persona_screen_item *x = &w->r->items[i * w->probes->n + k];
            if (x->rank != rank) {
                continue;
            }
            table_cell(&t, "%zu", rank);
            table_cell(&t, "%zu", w->r->lines[i]);
            table_cell(&t, "%s", cli_number(x->delta, 2));
            table_cell(&t, "%s", cli_number(x->given, 2));
            table_cell(&t, isfinite(x->own_se) ? "%s ± %s" : "%s", cli_number(x->own, 2),
                       cli_number(x->own_se, 2));
            table_cell(&t, "%s", x->flagged ? "flagged" : "");
            table_style(&t, TTY_RED);
        }
    }
    table_print(&t, stdout, 2);
    table_free(&t);
}

/* ---- the command ----------------------------------------------------------------------------- */

static persona_code open_all(screen_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    screen_args *a = w->a;
    char *place = NULL;
    TRY(cli_shard_job(a->job, a->opts.shard, &w->job, e));
    TRY(rig_open_model(&a->c->rig, a->model, true, &w->x, e));
    TRY(probe_add_all(w->x.model, &a->c->along, a->c->along_block, &w->probes, e));
    w->x.whole_texts = true;
    TRY(rig_open_session(&a->c->rig, &w->x, 8, 2048, e));
    a->opts.seed = a->c->seed;
    if (!a->job) {
        TRY(persona_screen_place(w->x.session, a->c->words[0], w->probes, &a->opts, &place, e));
        w->job = cli_strdup(place);
    }
    a->opts.job = w->job;
out:
    free(place);
    return rc;
}

static persona_code run(screen_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_state *c = w->a->c;
    TRY(open_all(w, e));
    const double start = clock_now();
    TRY(persona_screen(w->x.session, c->words[0], w->probes, &w->a->opts, &c->hooks, &w->r, e));
    w->seconds = clock_now() - start;
    tty_progress_clear(&c->progress);
    if (w->a->opts.shard.count > 0) {
        TRY(cli_shard_done(c, "screen", w->job, w->a->opts.shard, &w->r->shard, w->seconds, e));
        goto out;
    }
    if (c->json) {
        TRY(print_json(w, e));
        goto out;
    }
    for (size_t k = 0; k < w->probes->n; k++) {
        print_vector(w, k);
    }
    if (w->r->n_unread > 0) {
        cli_say(c, "note: %zu lines have no answer to compare", w->r->n_unread);
    }
    if (w->r->n_resumed > 0) {
        cli_say(c, "%zu answers were in the job %s", w->r->n_resumed, w->job);
    }
out:
    return rc;
}

static persona_code run_screen(void *p, persona_err *e)
{
    screen_work w = {.a = p};
    const persona_code rc = run(&w, e);
    persona_screening_free(w.r);
    persona_probes_free(w.probes);
    mem_free(w.job);
    rig_close(&w.x);
    return rc;
}

const cli_command command_screen = {
    .name = "screen",
    .summary = "Find the answers of a data set that would move a model along a vector",
    .usage = "--model FILE --vector NAME TEXTS.jsonl",
    .about =
        "Has MODEL answer the prompts of a data set and read the data set's answers, and ranks "
        "these by their projection difference: how much further they lie along the vector than "
        "what the model would have said. The mean predicts where training on the data set "
        "leads; the highest are flagged.",
    .wants = "one file of texts",
    .min = 1,
    .max = 1,
    .groups = {{&screen_options, 0},
               {&opt_group_along, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(screen_args),
    .init = init,
    .check = check,
    .run = run_screen,
};
