/* SPDX-License-Identifier: MIT
 *
 * cmd_demo.c - `persona demo`: the whole story on the two models that ship with persona, a preset
 * of what `transfer` does (carry.h).
 *
 * For each trait: extract from the source, carry to the target, steer there, and measure it beside
 * every control; then one page, report.html. All trait packs teach the map, so the pairs of texts
 * are made once. A trait that the models cannot show is reported as such and does not end the demo.
 */
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/study_print.h"

/* Sized so that the three traits take about a minute on two cores. */
static const struct preset {
    const char *from, *to, *traits, *out;
    int n_questions, n_evaluate, max_tokens, n_neutral, n_draws, n_spread;
} small = {"models/persona-qwen2.gguf",
           "models/persona-gpt-oss.gguf",
           "silly,superficial,inattentive",
           "persona-demo",
           6,
           12,
           48,
           30,
           4,
           4};

typedef struct demo_args {
    cli_state *c;
    const char *out;
    carry x;
} demo_args;

#define AT(member) offsetof(demo_args, member)

static const opt options[] = {
    {.name = "out",
     .type = OPT_FOLDER,
     .arg = "FOLDER",
     .at = AT(out),
     .help = "Where report.html goes"},
    {.name = "traits",
     .type = OPT_NAMES,
     .arg = "A,B,C",
     .at = AT(x.traits),
     .help = "Which traits"},
    {.name = "from",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(x.from),
     .help = "Another source model"},
    {.name = "to", .type = OPT_FILE, .arg = "FILE", .at = AT(x.to), .help = "Another target model"},
    OPT_ROLLOUTS(AT(x.opts.n_rollouts)),
    OPT_LENGTH("max-tokens", AT(x.opts.max_tokens), NULL,
               "Length at most of whatever a model writes: answers and texts to map by"),
    {.name = NULL},
};
static const opt_group demo_options = {NULL, false, options};

/* ---- printing -------------------------------------------------------------------------------- */

static void print_head(const carry *x)
{
    const rig *const side[2] = {&x->source, &x->target};
    for (size_t i = 0; i < 2; i++) {
        printf("%s %s%s%s  %s, %d blocks, %d wide\n", i == 0 ? "from" : "to  ",
               tty_paint(stdout, TTY_BOLD), side[i]->info->name, tty_paint(stdout, TTY_RESET),
               side[i]->info->arch, side[i]->info->n_layer, side[i]->info->n_embd);
    }
    fflush(stdout);
}

static persona_code print_trait(const carry *x, size_t i, persona_err *e)
{
    putchar('\n');
    if (x->results[i]) {
        study_print(stdout, x->results[i]);
    } else {
        printf("%s%s%s  %s\n", tty_paint(stdout, TTY_BOLD), x->names[i],
               tty_paint(stdout, TTY_RESET), x->failures[i]);
    }
    return cli_flush(e);
}

static void trait_json(json_out *o, const carry *x, size_t i)
{
    const persona_study *r = x->results[i];
    jo_object(o, NULL);
    jo_string(o, "trait", x->packs[i]->name);
    jo_string(o, "error", r ? NULL : x->failures[i]);
    if (r) {
        jo_int(o, "layer", persona_study_layer_from(r));
        study_json(o, r);
        jo_number(o, "seconds", r->seconds);
    } else {
        jo_int(o, "kept", 0);
        jo_null(o, "layer");
        jo_array(o, "rows");
        jo_end(o);
        jo_null(o, "verdict");
    }
    jo_end(o);
}

static persona_code print_json(const carry *x, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "demo");
    model_json(o, "source", x->source.info);
    model_json(o, "target", x->target.info);
    jo_array(o, "traits");
    for (size_t i = 0; i < x->n; i++) {
        trait_json(o, x, i);
    }
    jo_end(o);
    jo_string(o, "judge", persona_judge_name(x->target.judge));
    jo_int(o, "seed", (long long)x->mapping.seed);
    jo_string(o, "report", x->report);
    jo_number(o, "seconds", x->seconds);
    return cli_json_end(x->talk.ud, &j, e);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void init(void *p)
{
    demo_args *a = p;
    a->out = small.out;
    a->x = (carry){.from = small.from,
                   .to = small.to,
                   .traits = small.traits,
                   .judge_hint = "",
                   .opts = persona_study_defaults()};
    a->x.opts.n_questions = small.n_questions;
    a->x.opts.n_evaluate = small.n_evaluate;
    a->x.opts.max_tokens = small.max_tokens;
    a->x.opts.all_controls = a->x.opts.own_blocks = false;
    a->x.opts.n_settle = 6;
    a->x.opts.n_draws = small.n_draws;
    a->x.opts.n_spread = small.n_spread;
}

/* A model of the preset lies in one of the data folders; others are where the user says. */
static persona_code find_shipped(const char *shipped, const char **path, char **found,
                                 persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (*path != shipped) {
        return PERSONA_OK;
    }
    TRY(find_data(shipped, found, e));
    if (!*found) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s is in none of the folders searched ('persona doctor' lists "
                               "them); set PERSONA_DATA or name a model",
                               shipped);
    }
    *path = *found;
out:
    return rc;
}

static persona_code run_demo(void *p, persona_err *e)
{
    demo_args *a = p;
    carry *x = &a->x;
    char *from = NULL, *to = NULL, *report = cli_format("%s/report.html", a->out);
    persona_code rc = PERSONA_OK;
    cli_carry(a->c, x);
    x->report = report;
    x->text_tokens = x->opts.extract_tokens = x->opts.max_tokens; /* one size of everything here */
    x->mapping.n_neutral = small.n_neutral;
    if (!a->c->json) {
        x->begun = print_head;
        x->done = print_trait;
    }
    TRY(find_shipped(small.from, &x->from, &from, e));
    TRY(find_shipped(small.to, &x->to, &to, e));
    TRY(carry_run(x, e));
    /* A demo that was killed goes on; one that is done starts anew the next time. */
    for (size_t i = 0; i < x->n; i++) {
        if (x->results[i]) {
            TRY(persona_study_forget(x->results[i], e));
        }
    }
    if (a->c->json) {
        rc = print_json(x, e);
    } else {
        printf("\n%s  (%s)\n", x->report, cli_duration(x->seconds));
    }
out:
    carry_free(x);
    mem_free(from);
    mem_free(to);
    mem_free(report);
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
