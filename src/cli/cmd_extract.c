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
#include "cli/cli.h"
#include "cli/extract_print.h"
#include "pipeline/pipeline.h"

enum {
    KEY_ROLLOUTS = 0x2000,
    KEY_MAX_TOKENS,
    KEY_TEMP,
    KEY_MIN_TRAIT,
    KEY_MIN_COHERENCE,
    KEY_NO_CALIBRATE,
    KEY_METHOD,
    KEY_RESPONSES,
    KEY_POSITIVE,
    KEY_NEGATIVE,
    KEY_JOB,
    KEY_FRESH
};

typedef struct extract_args {
    cli_state *c;
    const char *model, *trait, *output;
    const char *job; /* NULL: the user's library; "none" */
    persona_extract_opts opts;
} extract_args;

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "The model (GGUF)", 0},
    {"trait", 't', "NAME|FILE", 0, "The trait pack; see 'persona traits list'", 0},
    {"output", 'o', "FILE", 0, "Where the vector goes (default: the user's library)", 0},
    {"rollouts", KEY_ROLLOUTS, "N", 0, "Answers per question, instruction and pole (default 1)", 0},
    {"max-tokens", KEY_MAX_TOKENS, "N", 0, "Length of an answer at most (default 128)", 0},
    {"temp", KEY_TEMP, "X", 0, "Sampling temperature (default 1)", 0},
    {"min-trait", KEY_MIN_TRAIT, "X", 0,
     "Positive answers must score this, negative ones less "
     "(default 50)",
     0},
    {"min-coherence", KEY_MIN_COHERENCE, "X", 0, "Answers must be this coherent (default 50)", 0},
    {"no-calibrate", KEY_NO_CALIBRATE, NULL, 0, "Do not measure the dose", 0},
    {"method", KEY_METHOD, "NAME", 0,
     "mean (default), pca, logistic, or all: beside each other on the same answers", 0},
    {"responses", KEY_RESPONSES, "FILE", 0,
     "Read these responses (JSON lines) instead of writing answers", 1},
    {"positive-file", KEY_POSITIVE, "FILE", 0,
     "Read these texts: published CSV, or llama.cpp's prompts, one a line", 1},
    {"negative-file", KEY_NEGATIVE, "FILE", 0, "Their counterparts, row by row", 1},
    {"job", KEY_JOB, "FILE", 0,
     "Where answers and scores are kept, to be resumed (default: the user's library; none)", 2},
    {"fresh", KEY_FRESH, NULL, 0, "Forget what the job holds and start anew", 2},
    {0},
};

static error_t parse_real(struct argp_state *state, const char *name, const char *arg, double max,
                          float *out)
{
    double x = 0;
    const error_t failed = cli_real(state, name, arg, 0, max, &x);
    if (!failed) {
        *out = (float)x;
    }
    return failed;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    extract_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'm':
        a->model = arg;
        return 0;
    case 't':
        a->trait = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case KEY_ROLLOUTS:
        return cli_int(state, "--rollouts", arg, 1, 1000, &a->opts.n_rollouts);
    case KEY_MAX_TOKENS:
        return cli_int(state, "--max-tokens", arg, 1, 1 << 16, &a->opts.max_tokens);
    case KEY_TEMP:
        return parse_real(state, "--temp", arg, 10, &a->opts.temperature);
    case KEY_MIN_TRAIT:
        return parse_real(state, "--min-trait", arg, 100, &a->opts.min_trait);
    case KEY_MIN_COHERENCE:
        return parse_real(state, "--min-coherence", arg, 100, &a->opts.min_coherence);
    case KEY_NO_CALIBRATE:
        a->opts.calibrate = false;
        return 0;
    case KEY_METHOD:
        a->opts.method = arg;
        return 0;
    case KEY_RESPONSES:
        a->opts.responses = arg;
        return 0;
    case KEY_POSITIVE:
        a->opts.positive_file = arg;
        return 0;
    case KEY_NEGATIVE:
        a->opts.negative_file = arg;
        return 0;
    case KEY_JOB:
        a->job = arg;
        return 0;
    case KEY_FRESH:
        a->opts.fresh = true;
        return 0;
    case ARGP_KEY_END:
        if (a->c->help || (a->model && a->trait)) {
            return 0;
        }
        return cli_usage(state, "%s is missing", a->model ? "--trait" : "--model");
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    CLI_CHILD_JUDGE, CLI_CHILD_ENGINE, CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    NULL,
    "Has MODEL answer questions under opposed instructions, keeps the pairs of answers that a "
    "judge "
    "finds to differ, and writes the mean difference of what the model computed while answering.",
    children,
    NULL,
    NULL,
};

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
    persona_code rc = find_trait(a, &w->trait, e);
    if (rc == PERSONA_OK) {
        rc = rig_open_model(a->model, true, &w->x, e);
    }
    if (rc == PERSONA_OK) {
        rc = cli_open_judge(a->c, &w->x, e);
    }
    *questions = w->x.questions;
    if (rc == PERSONA_OK && w->trait->n_questions > 0) {
        rc = rig_questions_for(&w->x, w->trait, &w->own, questions, e);
    }
    w->x.whole_texts = reads;
    if (rc == PERSONA_OK) { /* room for the prompt */
        rc = rig_open_session(&a->c->rig, &w->x, reads ? 4 : 32,
                              reads ? 4096 : a->opts.max_tokens + 384, e);
    }
    return rc;
}

static persona_code run(extract_args *a, extract_work *w, persona_err *e)
{
    const persona_questions *questions = NULL;
    persona_code rc = open_all(a, w, &questions, e);
    if (rc == PERSONA_OK) {
        rc = output_vector_path(w->x.model, w->trait->name, a->output, &w->path, e);
    }
    const char *const inputs[] = {w->x.info ? w->x.info->path : NULL,
                                  a->opts.responses,
                                  a->opts.positive_file,
                                  a->opts.negative_file,
                                  a->c->rig.judge,
                                  a->job};
    if (rc == PERSONA_OK) {
        rc = output_distinct(w->path, inputs, sizeof inputs / sizeof *inputs, e);
    }
    if (rc == PERSONA_OK) {
        rc = output_writable(w->path, e);
    }
    if (rc != PERSONA_OK) {
        return rc;
    }
    a->opts.judge = w->x.judge;
    a->opts.n_questions = w->x.n_questions;
    a->opts.seed = a->c->seed;
    if (a->job && strcmp(a->job, "none") != 0) {
        w->job = cli_strdup(a->job);
    } else if (!a->job) {
        rc = persona_extract_place(w->x.session, w->trait, questions, &a->opts, &w->job, e);
    }
    a->opts.job = w->job;
    if (rc == PERSONA_OK) {
        rc = persona_extract(w->x.session, w->trait, questions, &a->opts, &a->c->hooks, &w->v,
                             &w->report, e);
    }
    return rc == PERSONA_OK ? persona_vector_write(w->v, w->path, e) : rc;
}

persona_code cmd_extract(cli_state *c, int argc, char **argv, persona_err *e)
{
    extract_args a = {.c = c, .opts = persona_extract_defaults()};
    extract_work w = {0};
    bool go = false;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go) {
        return rc;
    }
    rc = run(&a, &w, e);
    tty_progress_clear(&c->progress);
    const extract_result result = {&w.x, w.v, &w.report, w.path, w.job};
    if (rc == PERSONA_OK && c->json) {
        cli_json j;
        extract_json(cli_json_begin(&j, "extract"), &result);
        rc = cli_json_end(c, &j, e);
    } else if (rc == PERSONA_OK) {
        extract_print(c, &result);
    }
    persona_extract_report_clear(&w.report);
    mem_free(w.path);
    mem_free(w.job);
    persona_vector_free(w.v);
    persona_questions_free(w.own);
    persona_trait_free(w.trait);
    rig_close(&w.x);
    return rc;
}
