/* SPDX-License-Identifier: MIT
 *
 * cmd_extract.c - `persona extract`: a persona vector from one model.
 *
 * The vector is written only when everything went well: a run that was interrupted, or that found
 * too little contrast, leaves no vector behind, but its answers are in the job, from which the same
 * command goes on.
 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/extract_print.h"
#include "pipeline/pipeline.h"

typedef struct extract_args {
    cli_state *c;
    const char *model, *trait, *output;
    const char *job; /* NULL: the user's library; "none" */
    persona_extract_opts opts;
} extract_args;

#define AT(member) offsetof(extract_args, member)

static const char *extract_method(size_t i)
{
    const char *name = persona_extract_method_name(i);
    return name ? name : i > 0 && persona_extract_method_name(i - 1) ? "all" : NULL;
}

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "trait",
     .key = 't',
     .required = true,
     .type = OPT_TEXT,
     .arg = "NAME|FILE",
     .at = AT(trait),
     .help = "The trait pack; see 'persona traits list'"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(output),
     .without = "the user's library",
     .help = "Where the vector goes"},
    OPT_ROLLOUTS(AT(opts.n_rollouts)),
    OPT_LENGTH("max-tokens", AT(opts.max_tokens), NULL, "Length of an answer at most"),
    {.name = "temp",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 10,
     .at = AT(opts.temperature),
     .help = "Sampling temperature"},
    {.name = "min-trait",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 100,
     .at = AT(opts.min_trait),
     .help = "Positive answers must score this, negative ones less"},
    {.name = "min-coherence",
     .type = OPT_FLOAT,
     .arg = "X",
     .min = 0,
     .max = 100,
     .at = AT(opts.min_coherence),
     .help = "Answers must be this coherent"},
    {.name = "no-calibrate",
     .type = OPT_OFF,
     .at = AT(opts.calibrate),
     .help = "Do not measure the dose"},
    {.name = "method",
     .type = OPT_WORD,
     .arg = "NAME",
     .word_at = extract_method,
     .at = AT(opts.method),
     .help = "How a direction comes of the answers; all: beside each other on the same answers"},
    {.name = "responses",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(opts.responses),
     .help = "Read these responses (JSON lines) instead of writing answers"},
    {.name = "positive-file",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(opts.positive_file),
     .help = "Read these texts: published CSV, or llama.cpp's prompts, one a line"},
    {.name = "negative-file",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(opts.negative_file),
     .help = "Their counterparts, row by row"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(job),
     .without = "the user's library",
     .help = "Where answers and scores are kept, to be resumed; or none"},
    OPT_FRESH(AT(opts.fresh)),
    OPT_SHARD(AT(opts.shard)),
    {.name = NULL},
};
static const opt_group extract_options = {NULL, false, options};

static void init(void *p)
{
    extract_args *a = p;
    a->opts = persona_extract_defaults();
}

/* ---- the command ----------------------------------------------------------------------------- */

typedef struct extract_work {
    rig x;
    persona_trait *trait;
    persona_questions *own;
    persona_vector *v;
    persona_extract_report report;
    char *path, *job;
} extract_work;

/* Texts that are read need no pack: a name is enough. */
static persona_code find_trait(const extract_args *a, persona_trait **out, persona_err *e)
{
    persona_code rc = persona_trait_find(a->trait, out, e);
    if (rc != PERSONA_E_NOTFOUND || !extract_reads(&a->opts)) {
        return rc;
    }
    bool name = a->trait[0] != '\0';
    for (const char *s = a->trait; *s; s++) {
        name = name &&
               (islower((unsigned char)*s) || isdigit((unsigned char)*s) || *s == '_' || *s == '-');
    }
    if (!name) {
        return rc;
    }
    *out = cli_alloc(1, sizeof **out);
    (*out)->name = cli_strdup(a->trait);
    return PERSONA_OK;
}

static persona_code open_all(extract_args *a, extract_work *w, const persona_questions **questions,
                             persona_err *e)
{
    const bool reads = extract_reads(&a->opts);
    if (reads && strcmp(a->c->rig.judge, "auto") == 0) {
        a->c->rig.judge = "none"; /* what was given is what is wanted, unless a judge is named */
    }
    if (a->opts.shard.count > 0) {
        a->c->rig.judge = "none"; /* judging is for whoever has all answers */
    }
    persona_code rc = PERSONA_OK;
    TRY(find_trait(a, &w->trait, e));
    TRY(rig_open_model(&a->c->rig, a->model, true, &w->x, e));
    TRY(cli_open_judge(a->c, &w->x, e));
    TRY(rig_judge_measured(&a->c->rig, &w->x, w->trait, e));
    *questions = w->x.questions;
    if (w->trait->n_questions > 0) {
        TRY(persona_questions_for(w->x.questions, w->trait, &w->own, questions, e));
    }
    w->x.whole_texts = reads;
    /* 384: room for the prompt */
    TRY(rig_open_session(&a->c->rig, &w->x, reads ? 4 : 32, reads ? 4096 : a->opts.max_tokens + 384,
                         e));
out:
    return rc;
}

/* A part of an extraction makes no vector. */
static persona_code choose_output(const extract_args *a, extract_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *const inputs[] = {w->x.info ? w->x.info->path : NULL,
                                  a->opts.responses,
                                  a->opts.positive_file,
                                  a->opts.negative_file,
                                  a->c->rig.judge,
                                  a->job};
    if (a->opts.shard.count > 0) {
        return PERSONA_OK;
    }
    TRY(output_vector_path(w->x.model, w->trait->name, a->output, &w->path, e));
    TRY(output_distinct(w->path, inputs, sizeof inputs / sizeof *inputs, e));
    TRY(output_writable(w->path, e));
out:
    return rc;
}

static persona_code run(extract_args *a, extract_work *w, persona_err *e)
{
    const persona_questions *questions = NULL;
    persona_code rc = PERSONA_OK;
    TRY(cli_shard_job(a->job, a->opts.shard, &w->job, e));
    TRY(open_all(a, w, &questions, e));
    TRY(choose_output(a, w, e));
    a->opts.judge = w->x.judge;
    a->opts.n_questions = w->x.n_questions;
    a->opts.seed = a->c->seed;
    if (!a->job) {
        TRY(persona_extract_place(w->x.session, w->trait, questions, &a->opts, &w->job, e));
    }
    a->opts.job = w->job;
    TRY(persona_extract(w->x.session, w->trait, questions, &a->opts, &a->c->hooks, &w->v,
                        &w->report, e));
    TRY(w->v ? persona_vector_write(w->v, w->path, e) : PERSONA_OK);
out:
    return rc;
}

static persona_code run_extract(void *p, persona_err *e)
{
    extract_args *a = p;
    cli_state *c = a->c;
    extract_work w = {0};
    persona_code rc = run(a, &w, e);
    tty_progress_clear(&c->progress);
    TRY(rc);
    if (a->opts.shard.count > 0) {
        TRY(cli_shard_done(c, "extract", w.job, a->opts.shard, &w.report.shard, w.report.seconds,
                           e));
        goto out;
    }
    const extract_result result = {&w.x, w.v, &w.report, w.path, w.job};
    if (c->json) {
        cli_json j;
        extract_json(cli_json_begin(&j, "extract"), &result);
        rc = cli_json_end(c, &j, e);
    } else {
        extract_print(c, &result);
    }
out:
    persona_extract_report_clear(&w.report);
    mem_free(w.path);
    mem_free(w.job);
    persona_vector_free(w.v);
    persona_questions_free(w.own);
    persona_trait_free(w.trait);
    rig_close(&w.x);
    return rc;
}

const cli_command command_extract = {
    .name = "extract",
    .summary = "Extract a persona vector from a model",
    .usage = "--model FILE --trait NAME",
    .about =
        "Has MODEL answer questions under opposed instructions, keeps the pairs of answers that "
        "a judge finds to differ, and writes the mean difference of what the model computed "
        "while answering.",
    .groups = {{&extract_options, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(extract_args),
    .init = init,
    .run = run_extract,
};
