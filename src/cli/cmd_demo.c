/* SPDX-License-Identifier: MIT
 *
 * cmd_demo.c - `persona demo`: the whole story on the two models that ship with persona.
 *
 * For each trait: extract from the source, carry to the target, steer there, and measure it beside
 * every control; then one page, report.html. All trait packs teach the map, so the pairs of texts
 * are made once. A trait that the models cannot show is reported as such and does not end the demo.
 */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/study_print.h"
#include "pipeline/report/report.h"

static const char default_from[] = "models/persona-qwen2.gguf";
static const char default_to[] = "models/persona-gpt-oss.gguf";

typedef struct demo_args {
    cli_state *c;
    const char *out, *traits, *from, *to;
    persona_study_opts opts;
} demo_args;

#define AT(member) offsetof(demo_args, member)

static const opt options[] = {
    {.name = "out",
     .type = OPT_FOLDER,
     .arg = "FOLDER",
     .at = AT(out),
     .help = "Where report.html goes"},
    {.name = "traits", .type = OPT_NAMES, .arg = "A,B,C", .at = AT(traits), .help = "Which traits"},
    {.name = "from",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(from),
     .without = default_from,
     .help = "Another source model"},
    {.name = "to",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(to),
     .without = default_to,
     .help = "Another target model"},
    {.name = "rollouts",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(opts.n_rollouts),
     .help = "Answers per question, instruction and pole"},
    {.name = "max-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(opts.max_tokens),
     .help = "Length at most of whatever a model writes: answers and texts to map by"},
    {.name = NULL},
};
static const opt_group demo_options = {NULL, false, options};

/* ---- work ------------------------------------------------------------------------------------ */

typedef struct work {
    rig from, to;
    trait_set packs;
    persona_pairs *pairs;
    char **names;
    size_t n;
    persona_trait **traits; /* n */
    report_trait *chapters; /* n */
    char (*failures)[512];  /* n */
    char *report_path;
    double start, seconds;
} work;

static persona_code open_model(const cli_state *c, const char *given, const char *shipped,
                               const rig *other, rig *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *found = given ? cli_strdup(given) : NULL;
    if (!found) {
        TRY(find_data(shipped, &found, e));
    }
    if (!found) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "%s is in none of the folders searched ('persona doctor' lists "
                             "them); set PERSONA_DATA or name a model",
                             shipped);
        goto out;
    }
    TRY(cli_open_side(c, found, other, x, e));
out:
    mem_free(found);
    return rc;
}

static persona_code open_all(const demo_args *a, work *w, persona_err *e)
{
    cli_split(a->traits, &w->names, &w->n);
    w->traits = cli_alloc(w->n, sizeof *w->traits);
    w->chapters = cli_alloc(w->n, sizeof *w->chapters);
    w->failures = cli_alloc(w->n, sizeof *w->failures);
    w->report_path = cli_format("%s/report.html", a->out);
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < w->n && rc == PERSONA_OK; i++) {
        rc = persona_trait_find(w->names[i], &w->traits[i], e);
    }
    if (rc == PERSONA_OK) {
        rc = output_writable(w->report_path, e);
    }
    if (rc == PERSONA_OK) {
        rc = trait_set_open(NULL, &w->packs, e);
    }
    if (rc == PERSONA_OK) {
        rc = open_model(a->c, a->from, default_from, NULL, &w->from, e);
    }
    if (rc == PERSONA_OK) {
        rc = open_model(a->c, a->to, default_to, &w->from, &w->to, e);
    }
    if (rc == PERSONA_OK && !w->to.judge) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE, "no judge for %s: name one with --judge",
                             w->to.info->path);
    }
    return rc;
}

static void print_head(const work *w)
{
    const rig *const side[2] = {&w->from, &w->to};
    for (size_t i = 0; i < 2; i++) {
        printf("%s %s%s%s  %s, %d blocks, %d wide\n", i == 0 ? "from" : "to  ",
               tty_paint(stdout, TTY_BOLD), side[i]->info->name, tty_paint(stdout, TTY_RESET),
               side[i]->info->arch, side[i]->info->n_layer, side[i]->info->n_embd);
    }
    fflush(stdout);
}

/* One trait; NEGATIVE (too little contrast) becomes a chapter that says so. */
static persona_code run_trait(const demo_args *a, work *w, size_t i, persona_err *e)
{
    const persona_study_side from = rig_side(&w->from), to = rig_side(&w->to);
    persona_study *x = NULL;
    const persona_code rc =
        persona_study_trait(&from, &to, w->pairs, w->traits[i], &a->opts, &a->c->hooks, &x, e);
    w->chapters[i] = (report_trait){.pack = w->traits[i], .result = x};
    if (rc == PERSONA_E_NEGATIVE) {
        snprintf(w->failures[i], sizeof w->failures[i], "%s", e->msg);
        w->chapters[i].failure = w->failures[i];
    } else if (rc != PERSONA_OK) {
        return rc;
    }
    tty_progress_clear(&a->c->progress);
    if (a->c->json) {
        return PERSONA_OK;
    }
    putchar('\n');
    if (x) {
        study_print(stdout, x);
    } else {
        printf("%s%s%s  %s\n", tty_paint(stdout, TTY_BOLD), w->names[i],
               tty_paint(stdout, TTY_RESET), w->failures[i]);
    }
    return cli_flush(e);
}

static persona_code write_report(const demo_args *a, work *w, persona_err *e)
{
    report r = {.from = w->from.info,
                .to = w->to.info,
                .judge = persona_judge_name(w->to.judge),
                .questions = w->to.questions ? w->to.questions->name : NULL,
                .chapters = w->chapters,
                .n_chapters = w->n,
                .seed = a->c->seed};
    persona_code rc = persona_model_sha256(w->from.model, &r.from_hash, e);
    if (rc == PERSONA_OK) {
        rc = persona_model_sha256(w->to.model, &r.to_hash, e);
    }
    w->seconds = r.seconds = clock_now() - w->start;
    return rc == PERSONA_OK ? report_write(&r, w->report_path, e) : rc;
}

/* Sized so that the three traits take about a minute on two cores; --questions N sets all three
 * counts of questions. */
static persona_study_opts demo_defaults(void)
{
    persona_study_opts o = persona_study_defaults();
    o.n_questions = 6;
    o.n_evaluate = 12;
    o.max_tokens = 64;
    o.all_controls = false;
    o.keep_jobs = true;
    return o;
}

static persona_code run(demo_args *a, work *w, persona_err *e)
{
    w->start = clock_now();
    a->c->mapping = (cli_mapping){.n_neutral = 30, .from = -1, .to = -1};
    persona_code rc = open_all(a, w, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    a->opts.seed = a->c->seed;
    a->opts.extract_tokens = a->opts.max_tokens; /* one size of everything here */
    if (w->from.n_questions > 0) {
        a->opts.n_questions = a->opts.n_evaluate = w->from.n_questions;
    }
    a->opts.others = (const persona_trait *const *)w->packs.p;
    a->opts.n_others = w->packs.n;
    if (!a->c->json) {
        print_head(w);
    }
    rc = cli_pairs(a->c, &w->from, &w->to, &w->packs, a->opts.n_questions, a->opts.max_tokens,
                   &w->pairs, e);
    for (size_t i = 0; i < w->n && rc == PERSONA_OK; i++) {
        rc = run_trait(a, w, i, e);
    }
    if (rc == PERSONA_OK) {
        rc = write_report(a, w, e);
    }
    /* A demo that was killed goes on; one that is done starts anew the next time. */
    for (size_t i = 0; i < w->n && rc == PERSONA_OK; i++) {
        rc = w->chapters[i].result ? persona_study_forget(w->chapters[i].result, e) : PERSONA_OK;
    }
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code print_json(const demo_args *a, const work *w, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "demo");
    model_json(o, "source", w->from.info);
    model_json(o, "target", w->to.info);
    jo_array(o, "traits");
    for (size_t i = 0; i < w->n; i++) {
        const persona_study *x = w->chapters[i].result;
        jo_object(o, NULL);
        jo_string(o, "trait", w->traits[i]->name);
        jo_string(o, "error", w->chapters[i].failure);
        if (x) {
            jo_int(o, "layer", persona_study_layer_from(x));
            study_json(o, x);
            jo_number(o, "seconds", x->seconds);
        } else {
            jo_int(o, "kept", 0);
            jo_null(o, "layer");
            jo_array(o, "rows");
            jo_end(o);
            jo_null(o, "verdict");
        }
        jo_end(o);
    }
    jo_end(o);
    jo_string(o, "judge", persona_judge_name(w->to.judge));
    jo_int(o, "seed", (long long)a->c->seed);
    jo_string(o, "report", w->report_path);
    jo_number(o, "seconds", w->seconds);
    return cli_json_end(a->c, &j, e);
}

static void work_free(work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        persona_study_free(w->chapters[i].result);
        persona_trait_free(w->traits[i]);
    }
    mem_free(w->chapters);
    mem_free(w->traits);
    mem_free(w->failures);
    mem_free(w->report_path);
    persona_names_free(w->names, w->n);
    persona_pairs_free(w->pairs);
    trait_set_free(&w->packs);
    rig_close(&w->to);
    rig_close(&w->from);
}

static void init(void *p)
{
    demo_args *a = p;
    a->out = "persona-demo";
    a->traits = "silly,superficial,inattentive";
    a->opts = demo_defaults();
}

static persona_code run_demo(void *p, persona_err *e)
{
    demo_args *a = p;
    work w = {.n = 0};
    persona_code rc = run(a, &w, e);
    tty_progress_clear(&a->c->progress);
    if (rc == PERSONA_OK && a->c->json) {
        rc = print_json(a, &w, e);
    } else if (rc == PERSONA_OK) {
        printf("\n%s  (%s)\n", w.report_path, cli_duration(w.seconds));
    }
    work_free(&w);
    return rc;
}

const cli_command command_demo = {
    .name = "demo",
    .summary = "The whole story on the two models that ship with persona",
    .usage = "",
    .about = "Extracts three persona vectors from a small qwen2 model, carries them to a small "
             "gpt-oss model, steers it with them, and writes a report with every control beside "
             "every claim.",
    .groups = {{&demo_options, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(demo_args),
    .init = init,
    .run = run_demo,
};
