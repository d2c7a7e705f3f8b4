/* SPDX-License-Identifier: MIT
 *
 * cmd_sweep.c - `persona sweep`: the response of a model to a vector, over coefficients, blocks and
 * operators, beside the unsteered answers and an instruction in the prompt.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/sweep_print.h"
#include "pipeline/report/sweep_svg.h"

enum { MAX_COEFFICIENTS = 101, ROOM_FOR_PROMPT = 384, SLOTS = 32, SLOTS_BEHIND = 8 };

typedef struct sweep_args {
    cli_state *c;
    const char *model, *trait, *vector, *blocks, *operators, *phases;
    const char *csv, *svg, *html;
    const char *job; /* NULL: the user's library; "none" */
    double coefficients[MAX_COEFFICIENTS];
    persona_sweep_opts opts;
} sweep_args;

/* ---- options --------------------------------------------------------------------------------- */

#define AT(member) offsetof(sweep_args, member)

static persona_code set_coefficients(const opt_call *x, persona_err *e)
{
    sweep_args *a = x->base;
    a->opts.coefficients = a->coefficients;
    return cli_coefficients(x->typed, x->value, MAX_COEFFICIENTS, a->coefficients,
                            &a->opts.n_coefficients, e);
}

static const char *const units[] = {"dose", "raw", "ratio", NULL};

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "trait",
     .key = 't',
     .type = OPT_TEXT,
     .arg = "NAME|FILE",
     .at = AT(trait),
     .without = "the vector's",
     .help = "The trait that is judged; its vector is extracted where the library has none"},
    {.name = "vector",
     .type = OPT_FILE,
     .arg = "NAME|FILE",
     .at = AT(vector),
     .without = "the trait's",
     .help = "The vector to steer with"},
    {.name = "coefficients",
     .type = OPT_OWN,
     .set = set_coefficients,
     .arg = "A:B:N",
     .without = "-2:2:9",
     .help = "N coefficients from A to B, or a list such as -1,0,1"},
    {.name = "blocks",
     .type = OPT_TEXT,
     .arg = "A-B,C",
     .at = AT(blocks),
     .without = "the vector's best",
     .help = "A curve for each of these blocks"},
    {.name = "operators",
     .type = OPT_NAMES,
     .arg = "NAME,...",
     .at = AT(operators),
     .without = "add",
     .help = "A curve for each of these operators"},
    {.name = "phases",
     .type = OPT_NAMES,
     .arg = "NAME,...",
     .at = AT(phases),
     .without = "response",
     .help = "A curve for each part of the reply that is steered: response, analysis, final"},
    {.name = "thoughts",
     .type = OPT_ON,
     .at = AT(opts.thoughts),
     .help = "Also judge what the model thinks before it answers"},
    {.name = "unit",
     .type = OPT_WORD,
     .arg = "UNIT",
     .words = units,
     .at = AT(opts.unit),
     .help = "What coefficients count"},
    {.name = "answers",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(opts.n_answers),
     .help = "Answers per question"},
    OPT_LENGTH("max-tokens", AT(opts.max_tokens), NULL, "Length of an answer at most"),
    OPT_TEMPERATURE(AT(opts.temperature)),
    {.name = "no-prompt",
     .type = OPT_OFF,
     .at = AT(opts.prompt),
     .help = "Do not also try instructions in the prompt"},
    {.name = "no-kl",
     .type = OPT_OFF,
     .at = AT(opts.kl),
     .help = "Do not measure KL and likelihood"},
    {.name = "behind",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 1 << 20,
     .at = AT(opts.behind),
     .help = "Ask again behind a neutral conversation of N tokens; 0: do not"},
    {.name = "csv", .type = OPT_FILE, .arg = "FILE", .at = AT(csv), .help = "Also write a table"},
    {.name = "svg", .type = OPT_FILE, .arg = "FILE", .at = AT(svg), .help = "Also draw it"},
    {.name = "html",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(html),
     .help = "Also write a page with everything"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(job),
     .without = "the user's library",
     .help = "Where answers and scores are kept, to be resumed; or none"},
    OPT_FRESH(AT(opts.fresh)),
    {.name = NULL},
};
static const opt_group sweep_options = {NULL, false, options};

static void init(void *p)
{
    sweep_args *a = p;
    a->opts = persona_sweep_defaults();
}

static persona_code check(void *p, persona_err *e)
{
    const sweep_args *a = p;
    return a->trait || a->vector
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "--trait or --vector is missing");
}

/* ---- the command ----------------------------------------------------------------------------- */

typedef struct sweep_work {
    rig x;
    persona_vector *v;
    persona_trait *trait;
    persona_questions *own;
    const persona_questions *questions;
    char *path; /* of a vector that was extracted here */
    int *blocks;
    char **operators, **phases;
    size_t n_operators, n_phases;
    persona_sweep *result;
} sweep_work;

static void work_free(sweep_work *w)
{
    persona_sweep_free(w->result);
    persona_names_free(w->operators, w->n_operators);
    persona_names_free(w->phases, w->n_phases);
    mem_free(w->blocks);
    mem_free(w->path);
    persona_questions_free(w->own);
    persona_trait_free(w->trait);
    persona_vector_free(w->v);
    rig_close(&w->x);
}

/* The library's vector of the trait, or a new one that goes there. */
static persona_code extract(sweep_args *a, sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_extract_report report = {0};
    persona_extract_opts o = persona_extract_defaults();
    char *job = NULL;
    o.judge = w->x.judge;
    o.n_questions = w->x.n_questions;
    o.seed = a->c->seed;
    cli_say(a->c, "no vector '%s' for %s yet: extracting one", w->trait->name, w->x.info->name);
    TRY(persona_vector_place(w->x.model, w->trait->name, &w->path, e));
    TRY(persona_extract_place(w->x.session, w->trait, w->questions, &o, &job, e));
    o.job = job;
    TRY(persona_extract(w->x.session, w->trait, w->questions, &o, &a->c->hooks, &w->v, &report, e));
    TRY(persona_vector_write(w->v, w->path, e));
    persona_vector_free(w->v);
    w->v = NULL; /* as it will be found the next time, so that the sweep's job is the same */
    TRY(persona_vector_read(w->path, &w->v, e));
out:
    persona_extract_report_clear(&report);
    mem_free(job);
    return rc;
}

/* A vector that is named must be there; the trait's may be made. */
static persona_code find_vector(const sweep_args *a, sweep_work *w, bool *missing, persona_err *e)
{
    const persona_code rc =
        persona_vector_find(w->x.model, a->vector ? a->vector : w->trait->name, &w->v, e);
    *missing = rc == PERSONA_E_NOTFOUND && !a->vector;
    return *missing ? PERSONA_OK : rc;
}

/* The pack that is judged; a vector of a trait without one can be swept without a judge. */
static persona_code find_trait(const sweep_args *a, sweep_work *w, persona_err *e)
{
    const char *name = a->trait ? a->trait : w->v->from.trait;
    const persona_code rc = persona_trait_find(name, &w->trait, e);
    const bool judged = !a->c->rig.judge || strcmp(a->c->rig.judge, "none") != 0;
    if (rc != PERSONA_E_NOTFOUND || a->trait || judged) {
        return rc;
    }
    w->trait = cli_alloc(1, sizeof *w->trait);
    w->trait->name = cli_strdup(name[0] ? name : "vector");
    return PERSONA_OK;
}

static persona_code check_outputs(const sweep_args *a, const sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *const outputs[] = {a->csv, a->svg, a->html};
    const char *const inputs[] = {w->x.info->path, a->vector, a->c->rig.judge, a->job};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        if (outputs[i]) {
            TRY(output_distinct(outputs[i], inputs, sizeof inputs / sizeof *inputs, e));
            TRY(output_writable(outputs[i], e));
        }
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < i; k++) {
            if (outputs[i] && outputs[k] && strcmp(outputs[i], outputs[k]) == 0) {
                TRY(persona_err_set(e, PERSONA_E_USAGE, "two outputs go to %s", outputs[i]));
            }
        }
    }
out:
    return rc;
}

/* The words of a list must all be known. */
static persona_code check_words(const char *option, char *const *words, size_t n,
                                const char *(*known)(size_t i), persona_err *e)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (known(k) && strcmp(known(k), words[i]) != 0) {
            k++;
        }
        if (!known(k)) {
            return persona_err_set(e, PERSONA_E_USAGE, "%s: '%.100s' is none that can be swept",
                                   option, words[i]);
        }
    }
    return PERSONA_OK;
}

/* Everything that can be wrong is found before anything is computed. */
static persona_code prepare(sweep_args *a, sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (a->blocks) {
        TRY(cli_blocks(a->blocks, w->x.info->n_layer, &w->blocks, &a->opts.n_blocks, e));
        a->opts.blocks = w->blocks;
    }
    if (a->operators) {
        cli_split(a->operators, &w->operators, &w->n_operators);
        a->opts.operators = (const char *const *)w->operators;
        a->opts.n_operators = w->n_operators;
    }
    if (a->phases) {
        cli_split(a->phases, &w->phases, &w->n_phases);
        a->opts.phases = (const char *const *)w->phases;
        a->opts.n_phases = w->n_phases;
    }
    TRY(check_words("--operators", w->operators, w->n_operators, persona_sweep_operator, e));
    TRY(check_words("--phases", w->phases, w->n_phases, persona_sweep_phase, e));
    TRY(check_outputs(a, w, e));
out:
    return rc;
}

static persona_code open_all(sweep_args *a, sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool missing = false;
    const bool behind = a->opts.behind > 0;
    TRY(rig_open_model(&a->c->rig, a->model, true, &w->x, e));
    TRY(prepare(a, w, e));
    if (a->vector) {
        TRY(find_vector(a, w, &missing, e));
    }
    TRY(find_trait(a, w, e));
    if (!a->vector) {
        TRY(find_vector(a, w, &missing, e));
    }
    TRY(cli_open_judge(a->c, &w->x, e));
    TRY(rig_judge_measured(&a->c->rig, &w->x, w->trait, e));
    TRY(persona_questions_for(w->x.questions, w->trait, &w->own, &w->questions, e));
    TRY(rig_open_session(&a->c->rig, &w->x, behind ? SLOTS_BEHIND : SLOTS,
                         persona_sweep_room(&a->opts) + ROOM_FOR_PROMPT, e));
    if (missing) {
        TRY(extract(a, w, e));
    }
out:
    return rc;
}

static persona_code write_files(const sweep_args *a, const sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const sweep_origin from = {w->x.info, a->vector ? a->vector : w->trait->name,
                               w->x.judge ? persona_judge_name(w->x.judge) : NULL, a->c->seed};
    TRY(a->csv ? sweep_csv_write(w->result, a->csv, e) : PERSONA_OK);
    TRY(a->svg ? sweep_svg_write(w->result, a->svg, e) : PERSONA_OK);
    TRY(a->html ? sweep_page_write(w->result, &from, a->html, e) : PERSONA_OK);
out:
    return rc;
}

static persona_code sweep(sweep_args *a, sweep_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(open_all(a, w, e));
    a->opts.n_questions = w->x.n_questions;
    a->opts.seed = a->c->seed;
    a->opts.keep_job = !a->job;
    a->opts.job = a->job && strcmp(a->job, "none") != 0 ? a->job : NULL;
    const persona_subject who = {w->x.session, w->trait, w->questions, w->x.judge};
    TRY(persona_sweep_run(&who, w->v, &a->opts, &a->c->hooks, &w->result, e));
    TRY(write_files(a, w, e));
out:
    return rc;
}

static persona_code print_json(const sweep_args *a, const sweep_work *w, persona_err *e)
{
    char validity[256];
    cli_json j;
    json_out *o = cli_json_begin(&j, "sweep");
    model_json(o, "model", w->x.info);
    jo_string(o, "vector", a->vector ? a->vector : w->trait->name);
    sweep_json(o, w->result);
    jo_string(o, "judge", w->x.judge ? persona_judge_name(w->x.judge) : NULL);
    jo_string(o, "judge_validity",
              w->x.judge
                  ? persona_judge_validity(w->x.judge, w->trait->name, validity, sizeof validity)
                  : NULL);
    jo_int(o, "seed", (long long)a->c->seed);
    jo_string(o, "job", w->result->job);
    jo_number(o, "seconds", w->result->seconds);
    return cli_json_end(a->c, &j, e);
}

static persona_code run_sweep(void *p, persona_err *e)
{
    sweep_args *a = p;
    sweep_work w = {0};
    persona_code rc = sweep(a, &w, e);
    tty_progress_clear(&a->c->progress);
    TRY(rc);
    if (a->c->json) {
        TRY(print_json(a, &w, e));
    } else {
        sweep_print(w.result);
    }
out:
    work_free(&w);
    return rc;
}

const cli_command command_sweep = {
    .name = "sweep",
    .summary = "Steer at many coefficients, blocks or operators, and judge the answers",
    .usage = "--model FILE --trait NAME\n--model FILE --vector V --coefficients -2:2:9",
    .about = "Asks the same questions with the same seeds at every coefficient, judges the "
             "answers, and says how far one may steer: score with intervals, coherence, KL from "
             "the unsteered model, the share of questions that move the wrong way, beside the "
             "unsteered answers and an instruction in the prompt.",
    .groups = {{&sweep_options, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(sweep_args),
    .init = init,
    .check = check,
    .run = run_sweep,
};
