/* SPDX-License-Identifier: MIT
 *
 * cmd_transfer.c - `persona transfer`: traits from one model to another, with a verdict each.
 *
 * A vector is written whatever the verdict is, and the verdict stands in it; FAIL is exit code 1,
 * so that a script notices. Several traits share the paired texts; each gets a map of its own that
 * has not seen its texts. With --map there are no texts, and with --vector no source model either.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/study_print.h"
#include "pipeline/report/report.h"
#include "pipeline/transfer/pairs_parts.h"

enum { MAX_COEFFICIENTS = 15 };

static const double default_coefficients[] = {-2, -1, -0.5, 0, 0.5, 1, 2};

typedef struct transfer_args {
    cli_state *c;
    const char *from, *to, *trait, *traits, *vector, *map, *output, *report;
    int text_tokens; /* 0: the default of paired texts */
    const char *job; /* NULL: the user's library; "none" */
    double coefficients[MAX_COEFFICIENTS];
    persona_study_opts opts;
} transfer_args;

/* -2:2:9 means 0.5 and not 0.49999999999999994: the evaluation looks for exactly -1, 0 and 1. */
static double snapped(double x)
{
    const double y = round(x * 1e6) / 1e6;
    return fabs(x - y) < 1e-9 ? y + 0.0 : x;
}

/* LOW:HIGH:N; -1 and 1 must be among them. */
static persona_code set_coefficients(const opt_call *x, persona_err *e)
{
    transfer_args *a = x->base;
    char *rest = NULL;
    const double low = strtod(x->value, &rest);
    const double high = *rest == ':' ? strtod(rest + 1, &rest) : low;
    const long count = *rest == ':' ? strtol(rest + 1, &rest, 10) : 0;
    int ones = 0;
    if (*rest || !(low < high) || !isfinite(high - low) || count < 2 || count > MAX_COEFFICIENTS) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s wants LOW:HIGH:N with N from 2 to %d, not '%.100s'", x->typed,
                               MAX_COEFFICIENTS, x->value);
    }
    for (long i = 0; i < count; i++) {
        a->coefficients[i] = snapped(low + (high - low) * (double)i / (double)(count - 1));
        ones += fabs(fabs(a->coefficients[i]) - 1) < 1e-12;
    }
    a->opts.n_coefficients = (size_t)count;
    return ones == 2
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "%s must meet -1 and 1: the verdict compares them", x->typed);
}

#define AT(member) offsetof(transfer_args, member)

static const opt options[] = {
    {.name = "from",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(from),
     .help = "The source model (GGUF)"},
    {.name = "to",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(to),
     .help = "The target model (GGUF)"},
    {.name = "trait",
     .key = 't',
     .type = OPT_TEXT,
     .arg = "NAME|FILE",
     .at = AT(trait),
     .help = "The trait pack; see 'persona traits list'"},
    {.name = "traits",
     .type = OPT_NAMES,
     .arg = "A,B|all",
     .at = AT(traits),
     .help = "Several traits, each left out of its own map; ends with a matrix of what moved what"},
    {.name = "vector",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(vector),
     .without = "extract it",
     .help = "A vector of the source"},
    {.name = "map",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(map),
     .without = "fit one",
     .help = "A map made by 'persona map fit'"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(output),
     .without = "the user's library",
     .help = "Where the vector goes; with --traits, a folder"},
    {.name = "report",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(report),
     .help = "Also write a page (HTML) about all of it"},
    {.name = "evaluate",
     .type = OPT_ON,
     .at = AT(opts.evaluate),
     .help = "Measure it beside every control (the default)"},
    {.name = "no-evaluate", .type = OPT_OFF, .at = AT(opts.evaluate), .help = "Only map it"},
    {.name = "coefficients",
     .type = OPT_OWN,
     .set = set_coefficients,
     .arg = "A:B:N",
     .without = "-2, -1, -0.5, 0, 0.5, 1, 2",
     .help = "N coefficients from A to B to evaluate"},
    {.name = "rollouts",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(opts.n_rollouts),
     .help = "Answers per question, instruction and pole"},
    {.name = "answers",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(opts.n_answers),
     .help = "Answers per evaluation question and condition"},
    {.name = "max-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(opts.max_tokens),
     .without = "96",
     .help = "Length of an answer at most when the vector is evaluated"},
    {.name = "extract-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(opts.extract_tokens),
     .without = "128",
     .help = "Length of an answer at most when vectors are extracted"},
    {.name = "text-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(text_tokens),
     .without = "96",
     .help = "Length of a text to map by at most; those of --texts are cut near it"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(job),
     .without = "the user's library",
     .help = "Where the target's answers and scores are kept, to be resumed; or none"},
    {.name = "fresh",
     .type = OPT_ON,
     .at = AT(opts.fresh),
     .help = "Forget what the jobs hold and start anew"},
    {.name = NULL},
};
static const opt_group transfer_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const transfer_args *a = p;
    const bool source = !a->map || !a->vector; /* is the source model needed? */
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {source && !a->from, "--from is missing"},
        {!a->to, "--to is missing"},
        {!a->trait && !a->traits, "--trait is missing"},
        {a->trait && a->traits, "either --trait or --traits"},
        {a->traits && a->vector, "--vector is of one trait: use --trait"},
        {a->report && !a->from, "--report describes both models: add --from"},
        {a->map && a->c->mapping.texts.n > 0, "--texts fit a map, --map is one: use either"},
        {a->traits && a->job && strcmp(a->job, "none") != 0,
         "--job is of one trait: use --trait, or leave it to the library"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            return persona_err_set(e, PERSONA_E_USAGE, "%s", rules[i].why);
        }
    }
    return PERSONA_OK;
}

static void init(void *p)
{
    transfer_args *a = p;
    a->opts = persona_study_defaults();
    memcpy(a->coefficients, default_coefficients, sizeof default_coefficients);
    a->opts.coefficients = a->coefficients;
    a->opts.n_coefficients = sizeof default_coefficients / sizeof *default_coefficients;
}

/* ---- work ------------------------------------------------------------------------------------ */

typedef struct work {
    rig from, to;
    char **names; /* (n_names) */
    size_t n_names, n;
    persona_trait **traits; /* (n) */
    trait_set packs;
    persona_pairs *pairs;
    persona_vector *given;
    persona_map *map;
    persona_study **results; /* (n); NULL: failed */
    char (*failures)[512];   /* (n) */
    char **paths;            /* (n) */
    double seconds;
} work;

/* The traits to carry over: the one, those of the list, or all that the target's judge can
 * score. */
static persona_code find_traits(const transfer_args *a, work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (a->traits && strcmp(a->traits, "all") == 0) {
        rc = persona_trait_names(&w->names, &w->n, e);
    } else {
        cli_split(a->trait ? a->trait : a->traits, &w->names, &w->n);
    }
    w->n_names = w->n;
    w->traits = cli_alloc(w->n, sizeof *w->traits);
    w->results = cli_alloc(w->n, sizeof *w->results);
    w->failures = cli_alloc(w->n, sizeof *w->failures);
    w->paths = cli_alloc(w->n, sizeof *w->paths);
    for (size_t i = 0; rc == PERSONA_OK && i < w->n; i++) {
        rc = persona_trait_find(w->names[i], &w->traits[i], e);
    }
    return rc;
}

/* --traits all: those that cannot be scored are left out, with a word. */
static void drop_unscored(const transfer_args *a, work *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->to.judge || persona_judge_knows(w->to.judge, w->traits[i]->name)) {
            persona_trait *t = w->traits[kept];
            w->traits[kept++] = w->traits[i];
            w->traits[i] = t;
            continue;
        }
        cli_say(a->c, "%s is left out: judge %s cannot score it", w->traits[i]->name,
                persona_judge_name(w->to.judge));
    }
    for (size_t i = kept; i < w->n; i++) {
        persona_trait_free(w->traits[i]);
        w->traits[i] = NULL;
    }
    w->n = kept;
}

/* Before hours of work: is the vector one of the source model? */
static persona_code check_vector(const transfer_args *a, work *w, persona_err *e)
{
    const char *sha = NULL;
    if (!w->given || !w->from.model) {
        return PERSONA_OK;
    }
    if (w->given->n_embd != w->from.info->n_embd || w->given->n_layer > w->from.info->n_layer) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s is %d wide over %d blocks, but %s is %d wide over %d blocks",
                               a->vector, w->given->n_embd, w->given->n_layer, w->from.info->path,
                               w->from.info->n_embd, w->from.info->n_layer);
    }
    persona_code rc = persona_model_sha256(w->from.model, &sha, e);
    if (rc == PERSONA_OK && *w->given->from.model_hash &&
        strcmp(w->given->from.model_hash, sha) != 0) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE, "%s belongs to %s (sha256 %.12s), not to %s (%.12s)", a->vector,
            w->given->from.model_name, w->given->from.model_hash, w->from.info->path, sha);
    }
    return rc;
}

static persona_code open_sides(const transfer_args *a, work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (a->from) {
        rc = cli_open_side(a->c, a->from, NULL, &w->from, e);
    }
    if (rc == PERSONA_OK) {
        rc = cli_open_side(a->c, a->to, a->from ? &w->from : NULL, &w->to, e);
    }
    if (rc == PERSONA_OK && w->map && w->from.model) {
        rc = persona_map_check(w->map, w->from.model, false, e);
    }
    if (rc == PERSONA_OK && w->map) {
        rc = persona_map_check(w->map, w->to.model, true, e);
    }
    if (rc == PERSONA_OK) {
        rc = check_vector(a, w, e);
    }
    if (rc == PERSONA_OK && a->opts.evaluate && !w->to.judge) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "no judge for %s: name one with --judge, or say --no-evaluate",
                             w->to.info->path);
    }
    return rc;
}

static persona_code open_all(transfer_args *a, work *w, persona_err *e)
{
    persona_code rc = find_traits(a, w, e);
    if (rc == PERSONA_OK && a->vector) {
        rc = persona_vector_read(a->vector, &w->given, e);
    }
    if (rc == PERSONA_OK && w->given) {
        rc = persona_vector_addable(w->given, a->vector, e);
    }
    if (rc == PERSONA_OK && a->map) {
        rc = persona_map_read(a->map, &w->map, e);
    }
    if (rc == PERSONA_OK && a->output && !a->traits) {
        rc = output_writable(a->output, e);
    }
    if (rc == PERSONA_OK && a->report) {
        rc = output_writable(a->report, e);
    }
    if (rc == PERSONA_OK) {
        rc = trait_set_open(a->trait ? w->traits[0] : NULL, &w->packs, e);
    }
    if (rc == PERSONA_OK) {
        rc = open_sides(a, w, e);
    }
    if (rc == PERSONA_OK && a->traits) {
        drop_unscored(a, w);
    }
    return rc;
}

static persona_code place_of(const transfer_args *a, work *w, size_t i, persona_err *e)
{
    char *file =
        a->traits && a->output ? cli_format("%s/%s.gguf", a->output, w->traits[i]->name) : NULL;
    const persona_code rc = output_vector_path(w->to.model, w->traits[i]->name,
                                               file        ? file
                                               : a->traits ? NULL
                                                           : a->output,
                                               &w->paths[i], e);
    mem_free(file);
    return rc;
}

/* One trait; too little contrast in the source is a result of its own where there are several. */
static persona_code run_trait(transfer_args *a, work *w, size_t i, persona_err *e)
{
    const persona_study_side from = rig_side(&w->from), to = rig_side(&w->to);
    persona_code rc = place_of(a, w, i, e);
    if (rc == PERSONA_OK) {
        rc = persona_study_trait(&from, &to, w->pairs, w->traits[i], &a->opts, &a->c->hooks,
                                 &w->results[i], e);
    }
    if (rc == PERSONA_E_NEGATIVE && a->traits) {
        snprintf(w->failures[i], sizeof w->failures[i], "%s", e->msg);
        cli_say(a->c, "%s: %s", w->traits[i]->name, e->msg);
        return PERSONA_OK;
    }
    if (rc == PERSONA_OK) {
        rc = persona_vector_write(w->results[i]->transferred, w->paths[i], e);
    }
    tty_progress_clear(&a->c->progress);
    if (rc == PERSONA_OK && a->traits && !a->c->json) {
        study_print(stdout, w->results[i]);
        printf("%s\n\n", w->paths[i]);
        rc = cli_flush(e);
    }
    return rc;
}

static persona_code write_report(const transfer_args *a, const work *w, persona_err *e)
{
    report_trait *chapters = cli_alloc(w->n, sizeof *chapters);
    report r = {.from = w->from.info,
                .to = w->to.info,
                .judge = w->to.judge ? persona_judge_name(w->to.judge) : "none",
                .questions = w->to.questions ? w->to.questions->name : NULL,
                .chapters = chapters,
                .n_chapters = w->n,
                .seed = a->c->seed,
                .seconds = w->seconds};
    for (size_t i = 0; i < w->n; i++) {
        chapters[i] = (report_trait){.pack = w->traits[i],
                                     .result = w->results[i],
                                     .failure = w->results[i] ? NULL : w->failures[i]};
    }
    persona_code rc = persona_model_sha256(w->to.model, &r.to_hash, e);
    if (rc == PERSONA_OK && w->from.model) {
        rc = persona_model_sha256(w->from.model, &r.from_hash, e);
    }
    if (rc == PERSONA_OK) {
        rc = report_write(&r, a->report, e);
    }
    mem_free(chapters);
    return rc;
}

static persona_code run(transfer_args *a, work *w, persona_err *e)
{
    const double start = clock_now();
    persona_code rc = open_all(a, w, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    a->opts.seed = a->c->seed;
    a->opts.fit = cli_fit_opts(a->c);
    const bool none = a->job && strcmp(a->job, "none") == 0;
    a->opts.keep_jobs = !none && !a->c->mapping.no_cache;
    a->opts.job = none ? NULL : a->job;
    a->opts.n_questions = a->opts.n_evaluate = w->to.n_questions;
    a->opts.given = w->given;
    a->opts.map = w->map;
    a->opts.others = (const persona_trait *const *)w->packs.p;
    a->opts.n_others = w->packs.n;
    if (!w->map) {
        rc = cli_pairs(a->c, &w->from, &w->to, &w->packs, w->to.n_questions, a->text_tokens,
                       &w->pairs, e);
    }
    if (rc == PERSONA_OK && w->pairs) {
        tty_progress_clear(&a->c->progress);
        cli_say_pairs(a->c, w->pairs, "--text-tokens");
    }
    for (size_t i = 0; rc == PERSONA_OK && i < w->n; i++) {
        rc = run_trait(a, w, i, e);
    }
    w->seconds = clock_now() - start;
    if (rc == PERSONA_OK && a->report) {
        rc = write_report(a, w, e);
    }
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void trait_json(json_out *o, const work *w, size_t i)
{
    jo_object(o, NULL);
    jo_string(o, "trait", w->traits[i]->name);
    jo_string(o, "error", w->results[i] ? NULL : w->failures[i]);
    if (w->results[i]) {
        study_json(o, w->results[i]);
        jo_string(o, "output", w->paths[i]);
        jo_number(o, "seconds", w->results[i]->seconds);
    } else {
        jo_null(o, "verdict");
    }
    jo_end(o);
}

static void side_json(json_out *o, const work *w)
{
    if (w->from.model) {
        model_json(o, "from", w->from.info);
    } else {
        jo_object(o, "from");
        jo_string(o, "name", w->map->from.name);
        jo_string(o, "arch", w->map->from.arch);
        jo_int(o, "n_layer", w->map->from.n_layer);
        jo_int(o, "n_embd", w->map->from.n_embd);
        jo_end(o);
    }
    model_json(o, "to", w->to.info);
}

static persona_code print_json(const transfer_args *a, const work *w, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "transfer");
    side_json(o, w);
    if (w->pairs) {
        jo_int(o, "n_texts_cut", (long long)w->pairs->n_cut);
    } else {
        jo_null(o, "n_texts_cut");
    }
    if (a->traits) {
        jo_array(o, "traits");
        for (size_t i = 0; i < w->n; i++) {
            trait_json(o, w, i);
        }
        jo_end(o);
        study_json_matrix(o, (persona_study *const *)w->results, w->n);
    } else {
        jo_string(o, "trait", w->results[0]->trait);
        study_json(o, w->results[0]);
        jo_string(o, "output", w->paths[0]);
    }
    jo_string(o, "judge", w->to.judge ? persona_judge_name(w->to.judge) : NULL);
    jo_int(o, "seed", (long long)a->c->seed);
    jo_string(o, "report", a->report);
    jo_number(o, "seconds", w->seconds);
    return cli_json_end(a->c, &j, e);
}

static void print_text(const transfer_args *a, const work *w)
{
    const char *from = w->map ? w->map->from.name : w->from.info->name;
    const char *arch = w->map ? w->map->from.arch : w->from.info->arch;
    printf("%s (%s) -> %s (%s)\n", from, arch, w->to.info->name, w->to.info->arch);
    if (a->traits) {
        study_print_summary(stdout, (persona_study *const *)w->results, w->n);
        study_print_matrix(stdout, (persona_study *const *)w->results, w->n);
        printf("(%s)\n", cli_duration(w->seconds));
    } else {
        study_print(stdout, w->results[0]);
        printf("%s  (%s)\n", w->paths[0], cli_duration(w->seconds));
    }
    if (a->report) {
        printf("%s\n", a->report);
    }
}

/* FAIL is an exit code. */
static persona_code judge_all(const work *w, persona_err *e)
{
    size_t failed = 0, first = 0;
    for (size_t i = 0; i < w->n; i++) {
        const bool bad =
            !w->results[i] || (w->results[i]->evaluation && !w->results[i]->evaluation->pass);
        if (bad && failed++ == 0) {
            first = i;
        }
    }
    if (failed == 0) {
        return PERSONA_OK;
    }
    const char *why =
        w->results[first] ? w->results[first]->evaluation->reason : w->failures[first];
    if (w->n == 1) {
        return persona_err_set(e, PERSONA_E_NEGATIVE, "the transfer of '%s' did not pass: %s",
                               w->traits[0]->name, why);
    }
    return persona_err_set(e, PERSONA_E_NEGATIVE, "%zu of %zu traits did not pass, '%s' first: %s",
                           failed, w->n, w->traits[first]->name, why);
}

static void work_free(work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        persona_study_free(w->results[i]);
        persona_trait_free(w->traits[i]);
        mem_free(w->paths[i]);
    }
    persona_names_free(w->names, w->n_names);
    mem_free(w->results);
    mem_free(w->traits);
    mem_free(w->paths);
    mem_free(w->failures);
    persona_vector_free(w->given);
    persona_map_free(w->map);
    persona_pairs_free(w->pairs);
    trait_set_free(&w->packs);
    rig_close(&w->to);
    rig_close(&w->from);
}

static persona_code run_transfer(void *p, persona_err *e)
{
    transfer_args *a = p;
    work w = {.n = 0};
    persona_code rc = run(a, &w, e);
    tty_progress_clear(&a->c->progress);
    if (rc == PERSONA_OK && a->c->json) {
        rc = print_json(a, &w, e);
    } else if (rc == PERSONA_OK) {
        print_text(a, &w);
    }
    if (rc == PERSONA_OK) {
        rc = judge_all(&w, e);
    }
    work_free(&w);
    return rc;
}

const cli_command command_transfer = {
    .name = "transfer",
    .summary = "Carry a vector to another model and measure what arrived",
    .usage = "--from FILE --to FILE --trait NAME\n--from FILE --to FILE --traits all\n"
             "--map MAP --vector FILE --to FILE --trait NAME",
    .about = "Carries a persona vector from one model to another of any architecture, by a map "
             "learnt from texts that both have read and that leave this trait out, and measures "
             "what arrived beside a native vector, the target's own reading of the texts, and "
             "everything that must do nothing: a map of shuffled pairs, random directions, the "
             "source's numbers as they stand.",
    .groups = {{&transfer_options, 0},
               {&opt_group_mapping, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(transfer_args),
    .init = init,
    .check = check,
    .run = run_transfer,
};
