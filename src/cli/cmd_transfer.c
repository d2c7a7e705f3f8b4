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

#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/study_print.h"
#include "pipeline/transfer/pairs_parts.h"

enum { MAX_COEFFICIENTS = 15 };

static const double default_coefficients[] = {-2, -1, -0.5, 0, 0.5, 1, 2};

typedef struct transfer_args {
    cli_state *c;
    carry x;
    double coefficients[MAX_COEFFICIENTS];
} transfer_args;

/* -1 and 1 must be among them. */
static persona_code set_coefficients(const opt_call *x, persona_err *e)
{
    transfer_args *a = x->base;
    size_t n = 0, ones = 0;
    persona_code rc = PERSONA_OK;
    TRY(cli_coefficients(x->typed, x->value, MAX_COEFFICIENTS, a->coefficients, &n, e));
    for (size_t i = 0; i < n; i++) {
        ones += fabs(fabs(a->coefficients[i]) - 1) < 1e-12 ? 1 : 0;
    }
    a->x.opts.n_coefficients = n;
    if (ones != 2) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "%s must meet -1 and 1: the verdict compares them",
                             x->typed);
    }
out:
    return rc;
}

#define AT(member) offsetof(transfer_args, member)

static const opt options[] = {
    {.name = "from",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.from),
     .help = "The source model (GGUF)"},
    {.name = "to",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.to),
     .help = "The target model (GGUF)"},
    {.name = "trait",
     .key = 't',
     .type = OPT_TEXT,
     .arg = "NAME|FILE",
     .at = AT(x.trait),
     .help = "The trait pack; see 'persona traits list'"},
    {.name = "traits",
     .type = OPT_NAMES,
     .arg = "A,B|all",
     .at = AT(x.traits),
     .help = "Several traits, each left out of its own map; ends with a matrix of what moved what"},
    {.name = "vector",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.vector),
     .without = "extract it",
     .help = "A vector of the source"},
    {.name = "map",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.map),
     .without = "fit one",
     .help = "A map made by 'persona map fit'"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.output),
     .without = "the user's library",
     .help = "Where the vector goes; with --traits, a folder"},
    {.name = "report",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.report),
     .help = "Also write a page (HTML) about all of it"},
    {.name = "export",
     .type = OPT_FOLDER,
     .arg = "FOLDER",
     .at = AT(x.opts.export_to),
     .help = "Also write every answer, score, seed and text there, and a manifest"},
    {.name = "evaluate",
     .type = OPT_ON,
     .at = AT(x.opts.evaluate),
     .help = "Measure it beside every control (the default)"},
    {.name = "no-evaluate", .type = OPT_OFF, .at = AT(x.opts.evaluate), .help = "Only map it"},
    {.name = "coefficients",
     .type = OPT_OWN,
     .set = set_coefficients,
     .arg = "A:B:N",
     .without = "-2, -1, -0.5, 0, 0.5, 1, 2",
     .help = "N coefficients from A to B to evaluate"},
    OPT_ROLLOUTS(AT(x.opts.n_rollouts)),
    {.name = "answers",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(x.opts.n_answers),
     .help = "Answers per evaluation question and condition"},
    OPT_LENGTH("max-tokens", AT(x.opts.max_tokens), "96",
               "Length of an answer at most when the vector is evaluated"),
    {.name = "extract-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(x.opts.extract_tokens),
     .without = "128",
     .help = "Length of an answer at most when vectors are extracted"},
    {.name = "text-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(x.text_tokens),
     .without = "96",
     .help = "Length of a text to map by at most; those of --texts are cut near it"},
    {.name = "random",
     .type = OPT_INT,
     .arg = "N",
     .min = 2,
     .max = 60,
     .at = AT(x.opts.n_random),
     .without = "20",
     .help = "Random directions to compare with"},
    {.name = "draws",
     .type = OPT_INT,
     .arg = "N",
     .min = 2,
     .max = 60,
     .at = AT(x.opts.n_draws),
     .without = "5",
     .help = "Shuffled maps, and random directions of the source, to compare with"},
    {.name = "draw-questions",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(x.opts.n_spread),
     .without = "8",
     .help = "Questions that each of these answers"},
    {.name = "settle-questions",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(x.opts.n_settle),
     .without = "20",
     .help = "Questions that decide between the best two blocks of each vector and control"},
    {.name = "repeats",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 50,
     .at = AT(x.opts.n_repeats),
     .without = "1",
     .help =
         "Do it N times (3 or more) with other seeds, texts and draws; intervals then cover all "
         "of these"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.job),
     .without = "the user's library",
     .help = "Where the target's answers and scores are kept, to be resumed; or none"},
    {.name = "fresh",
     .type = OPT_ON,
     .at = AT(x.opts.fresh),
     .help = "Forget what the jobs hold and start anew"},
    OPT_SHARD(AT(x.opts.shard)),
    {.name = NULL},
};
static const opt_group transfer_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const transfer_args *t = p;
    const carry *a = &t->x;
    const bool part = a->opts.shard.count > 0;
    const bool source = !a->map || !a->vector; /* is the source model needed? */
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {source && !a->from, "--from is missing"},
        {!a->to, "--to is missing"},
        {!a->trait && !a->traits, "--trait is missing"},
        {a->trait && a->traits, "either --trait or --traits"},
        {part && a->traits, "--shard is a part of one trait's evaluation: use --trait"},
        {part && !a->opts.evaluate, "--shard is a part of the evaluation: leave --no-evaluate"},
        {part && a->opts.n_repeats > 1,
         "--shard is a part of one evaluation: leave --repeats away"},
        {a->traits && a->vector, "--vector is of one trait: use --trait"},
        {a->report && !a->from, "--report describes both models: add --from"},
        {a->map && t->c->mapping.texts.n > 0, "--texts fit a map, --map is one: use either"},
        {a->traits && a->job && strcmp(a->job, "none") != 0,
         "--job is of one trait: use --trait, or leave it to the library"},
        {a->opts.n_repeats == 2,
         "--repeats is 1, or 3 to 50: two say too little about how far they scatter"},
        {a->opts.n_repeats > 1 && !a->opts.evaluate, "--repeats wants an evaluation"},
        {a->opts.n_repeats > 1 && a->map,
         "a --map is one choice of texts and --repeats make others: leave --map away"},
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
    a->x = (carry){.opts = persona_study_defaults(),
                   .writes_vectors = true,
                   .length_option = "--text-tokens",
                   .judge_hint = ", or say --no-evaluate"};
    memcpy(a->coefficients, default_coefficients, sizeof default_coefficients);
    a->x.opts.coefficients = a->coefficients;
    a->x.opts.n_coefficients = sizeof default_coefficients / sizeof *default_coefficients;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void trait_json(json_out *o, const carry *x, size_t i)
{
    jo_object(o, NULL);
    jo_string(o, "trait", x->packs[i]->name);
    jo_string(o, "error", x->results[i] ? NULL : x->failures[i]);
    if (x->results[i]) {
        study_json(o, x->results[i]);
        jo_string(o, "output", x->paths[i]);
        jo_number(o, "seconds", x->results[i]->seconds);
    } else {
        jo_null(o, "verdict");
    }
    jo_end(o);
}

static void side_json(json_out *o, const carry *x)
{
    if (x->source.model) {
        model_json(o, "from", x->source.info);
    } else {
        jo_object(o, "from");
        jo_string(o, "name", x->fitted->from.name);
        jo_string(o, "arch", x->fitted->from.arch);
        jo_int(o, "n_layer", x->fitted->from.n_layer);
        jo_int(o, "n_embd", x->fitted->from.n_embd);
        jo_end(o);
    }
    model_json(o, "to", x->target.info);
}

static persona_code print_json(const carry *x, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "transfer");
    side_json(o, x);
    if (x->pairs) {
        jo_int(o, "n_texts_cut", (long long)x->pairs->n_cut);
    } else {
        jo_null(o, "n_texts_cut");
    }
    if (x->traits) {
        jo_array(o, "traits");
        for (size_t i = 0; i < x->n; i++) {
            trait_json(o, x, i);
        }
        jo_end(o);
        study_json_matrix(o, (persona_study *const *)x->results, x->n);
    } else {
        jo_string(o, "trait", x->results[0]->trait);
        study_json(o, x->results[0]);
        jo_string(o, "output", x->paths[0]);
    }
    jo_string(o, "judge", x->target.judge ? persona_judge_name(x->target.judge) : NULL);
    jo_int(o, "seed", (long long)x->mapping.seed);
    jo_string(o, "report", x->report);
    jo_number(o, "seconds", x->seconds);
    return cli_json_end(x->talk.ud, &j, e);
}

static void print_text(const carry *x)
{
    const char *from = x->fitted ? x->fitted->from.name : x->source.info->name;
    const char *arch = x->fitted ? x->fitted->from.arch : x->source.info->arch;
    printf("%s (%s) -> %s (%s)\n", from, arch, x->target.info->name, x->target.info->arch);
    if (x->traits) {
        study_print_summary(stdout, (persona_study *const *)x->results, x->n);
        study_print_matrix(stdout, (persona_study *const *)x->results, x->n);
        printf("(%s)\n", cli_duration(x->seconds));
    } else {
        study_print(stdout, x->results[0]);
        printf("%s  (%s)\n", x->paths[0], cli_duration(x->seconds));
    }
    if (x->report) {
        printf("%s\n", x->report);
    }
}

/* FAIL is an exit code. */
static persona_code judge_all(const carry *x, persona_err *e)
{
    size_t failed = 0, first = 0;
    for (size_t i = 0; i < x->n; i++) {
        const bool bad =
            !x->results[i] || (x->results[i]->evaluation && !x->results[i]->evaluation->pass);
        if (bad && failed++ == 0) {
            first = i;
        }
    }
    if (failed == 0) {
        return PERSONA_OK;
    }
    const char *why =
        x->results[first] ? x->results[first]->evaluation->reason : x->failures[first];
    if (x->n == 1) {
        return persona_err_set(e, PERSONA_E_NEGATIVE, "the transfer of '%s' did not pass: %s",
                               x->packs[0]->name, why);
    }
    return persona_err_set(e, PERSONA_E_NEGATIVE, "%zu of %zu traits did not pass, '%s' first: %s",
                           failed, x->n, x->packs[first]->name, why);
}

/* Where there are several traits, each is shown when it is done. */
static persona_code show_trait(const carry *x, size_t i, persona_err *e)
{
    const cli_state *c = x->talk.ud;
    if (!x->results[i]) {
        cli_say(c, "%s: %s", x->packs[i]->name, x->failures[i]);
        return PERSONA_OK;
    }
    if (c->json) {
        return PERSONA_OK;
    }
    study_print(stdout, x->results[i]);
    printf("%s\n\n", x->paths[i]);
    return cli_flush(e);
}

static persona_code run_transfer(void *p, persona_err *e)
{
    transfer_args *a = p;
    carry *x = &a->x;
    persona_code rc = PERSONA_OK;
    char *job = NULL;
    if (x->opts.shard.count > 0) {
        TRY(cli_shard_job(x->job, x->opts.shard, &job, e));
        x->job = job;
    }
    cli_carry(a->c, x);
    x->drops_unscored = x->traits != NULL;
    x->done = x->traits ? show_trait : NULL;
    TRY(carry_run(x, e));
    if (x->opts.shard.count > 0) {
        TRY(cli_shard_done(a->c, "transfer", job, x->opts.shard, &x->results[0]->shard, x->seconds,
                           e));
        goto out;
    }
    if (a->c->json) {
        TRY(print_json(x, e));
    } else {
        print_text(x);
    }
    rc = judge_all(x, e);
out:
    carry_free(x);
    mem_free(job);
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
             "everything that must do less or nothing: word counts in place of the source, maps of "
             "shuffled pairs, random directions, the "
             "source's numbers as they stand.",
    .groups = {{&transfer_options, 0},
               {&opt_group_mapping, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_judges, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(transfer_args),
    .init = init,
    .check = check,
    .run = run_transfer,
};
