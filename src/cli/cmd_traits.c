/* SPDX-License-Identifier: MIT
 *
 * cmd_traits.c - `persona traits`: the options of all its actions, list and show. What makes or
 * checks packs (new, check, import) is cmd_traits_new.c.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/study_print.h"
#include "cli/table.h"
#include "cli/traits.h"

static persona_code run_list(const traits_args *a, persona_err *e);
static persona_code run_show(const traits_args *a, persona_err *e);

enum { LIST = 1, SHOW = 2, NEW = 4, CHECK = 8, IMPORT = 16 };

static const struct action {
    const char *name;
    unsigned bit;
    const char *wants; /* what the argument is; NULL: there is none */
    persona_code (*run)(const traits_args *a, persona_err *e);
} actions[] = {
    {"list", LIST, NULL, run_list},
    {"show", SHOW, "the name of a trait or a file", run_show},
    {"new", NEW, "the name of the trait", traits_new},
    {"check", CHECK, "a file", traits_check},
    {"import", IMPORT, "a file", traits_import},
};
#define N_ACTIONS (sizeof actions / sizeof actions[0])

enum {
    KEY_POSITIVE = 0x2000,
    KEY_NEGATIVE,
    KEY_DESCRIPTION,
    KEY_EDIT,
    KEY_FORCE,
    KEY_TEMP,
    KEY_TRIES,
    KEY_MAX_TOKENS,
    KEY_NAME,
    KEY_EVAL
};

static const struct argp_option options[] = {
    {"positive", KEY_POSITIVE, "ADJ", 0, "new, import: how it is with the trait, as in silly", 0},
    {"negative", KEY_NEGATIVE, "ADJ", 0, "new, import: its opposite, as in serious", 0},
    {"description", KEY_DESCRIPTION, "TEXT", 0,
     "new, import: one sentence (default: the model's or the file's)", 0},
    {"output", 'o', "FILE", 0, "new, import: where the pack goes (default: the user's library)", 0},
    {"force", KEY_FORCE, NULL, 0, "new, import: replace a pack that is there", 0},
    {"model", 'm', "FILE", 0, "new: the model that writes the pack (GGUF)", 0},
    {"edit", KEY_EDIT, NULL, 0, "new: open it in $VISUAL or $EDITOR before it is saved", 0},
    {"temp", KEY_TEMP, "X", 0, "new: sampling temperature (default 0.8)", 0},
    {"tries", KEY_TRIES, "N", 0, "new: rounds of requests (default 8)", 0},
    {"max-tokens", KEY_MAX_TOKENS, "N", 0, "new: length of one answer at most (default 1024)", 0},
    {"name", KEY_NAME, "NAME", 0, "import: one trait of several, or another name", 0},
    {"eval", KEY_EVAL, "FILE", 0, "import: the evaluation questions of persona_vectors", 0},
    {0},
};

/* Which actions an option belongs to, and how it is called. */
static const struct owner {
    int key;
    unsigned actions;
    const char *name;
} owners[] = {
    {KEY_POSITIVE, NEW | IMPORT, "--positive"},
    {KEY_NEGATIVE, NEW | IMPORT, "--negative"},
    {KEY_DESCRIPTION, NEW | IMPORT, "--description"},
    {'o', NEW | IMPORT, "--output"},
    {KEY_FORCE, NEW | IMPORT, "--force"},
    {'m', NEW, "--model"},
    {KEY_EDIT, NEW, "--edit"},
    {KEY_TEMP, NEW, "--temp"},
    {KEY_TRIES, NEW, "--tries"},
    {KEY_MAX_TOKENS, NEW, "--max-tokens"},
    {KEY_NAME, IMPORT, "--name"},
    {KEY_EVAL, IMPORT, "--eval"},
};
#define N_OWNERS (sizeof owners / sizeof owners[0])

typedef struct parsing {
    traits_args a; /* first: its first member is the state */
    const struct action *action;
    unsigned given; /* bit i: owners[i] */
} parsing;

/* False: not an option of ours. */
static bool parse_option(parsing *p, int key, char *arg, struct argp_state *state, error_t *failed)
{
    traits_args *a = &p->a;
    double x = 0;
    *failed = 0;
    switch (key) {
    case KEY_POSITIVE:
        a->import.positive = arg;
        break;
    case KEY_NEGATIVE:
        a->import.negative = arg;
        break;
    case KEY_DESCRIPTION:
        a->import.description = arg;
        break;
    case 'o':
        a->output = arg;
        break;
    case KEY_FORCE:
        a->force = true;
        break;
    case 'm':
        a->model = arg;
        break;
    case KEY_EDIT:
        a->edit = true;
        break;
    case KEY_TEMP:
        *failed = cli_real(state, "--temp", arg, 0, 10, &x);
        a->write.temperature = (float)x;
        break;
    case KEY_TRIES:
        *failed = cli_int(state, "--tries", arg, 1, 1000, &a->write.n_tries);
        break;
    case KEY_MAX_TOKENS:
        *failed = cli_int(state, "--max-tokens", arg, 64, 1 << 16, &a->write.max_tokens);
        break;
    case KEY_NAME:
        a->import.name = arg;
        break;
    case KEY_EVAL:
        a->import.eval_path = arg;
        break;
    default:
        return false;
    }
    for (size_t i = 0; i < N_OWNERS; i++) {
        p->given |= owners[i].key == key ? 1U << i : 0;
    }
    return true;
}

static error_t check_new(const traits_args *a, struct argp_state *state)
{
    if (!a->import.positive || !a->import.negative) {
        return cli_usage(state, "new wants --positive ADJ and --negative ADJ");
    }
    if (!a->model) {
        return cli_usage(state, "new wants a model that writes the pack: --model FILE");
    }
    if (a->edit && a->c->json) {
        return cli_usage(state, "--edit wants a terminal, --json leaves it none");
    }
    return 0;
}

static error_t check(parsing *p, struct argp_state *state)
{
    const traits_args *a = &p->a;
    const cli_state *c = a->c;
    const char *wanted = a->action ? a->action : "list";
    for (size_t i = 0; i < N_ACTIONS; i++) {
        if (strcmp(actions[i].name, wanted) == 0) {
            p->action = &actions[i];
        }
    }
    if (!p->action) {
        return cli_usage(state, "traits can list, show, new, check and import, not '%s'", wanted);
    }
    if (p->action->wants && !a->name) {
        return cli_usage(state, "%s wants %s", wanted, p->action->wants);
    }
    if (!p->action->wants && a->name) {
        return cli_usage(state, "%s takes no name ('%s'); did you mean 'show'?", wanted, a->name);
    }
    for (size_t i = 0; i < N_OWNERS; i++) {
        if ((p->given >> i & 1) && !(owners[i].actions & p->action->bit)) {
            return cli_usage(state, "%s does not go with %s", owners[i].name, wanted);
        }
    }
    if (p->action->bit == NEW) {
        return check_new(a, state);
    }
    if (c->rig.n_threads || c->rig.n_slots || c->rig.n_ctx || c->seed) {
        return cli_usage(state, "%s runs no model: no --threads, --seed, --slots or --context",
                         wanted);
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    parsing *p = state->input;
    error_t failed = 0;
    if (parse_option(p, key, arg, state, &failed)) {
        return failed;
    }
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case ARGP_KEY_ARG:
        if (!p->a.action) {
            p->a.action = arg;
        } else if (!p->a.name) {
            p->a.name = arg;
        } else {
            return ARGP_ERR_UNKNOWN;
        }
        return 0;
    case ARGP_KEY_END:
        return p->a.c->help ? 0 : check(p, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {CLI_CHILD_ENGINE, CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    "list\nshow NAME|FILE\nnew NAME --positive ADJ --negative ADJ --model FILE\ncheck FILE\n"
    "import FILE",
    "Lists the trait packs that can be found, shows one, has a model write a new one, checks a "
    "file, "
    "or imports trait data of persona_vectors and custom_traits.json of "
    "cross-model-persona-steering.",
    children,
    NULL,
    NULL,
};

void traits_members(json_out *o, const persona_trait *t, bool full)
{
    jo_string(o, "name", t->name);
    jo_string(o, "positive", t->positive);
    jo_string(o, "negative", t->negative);
    jo_string(o, "description", t->description);
    jo_int(o, "n_instructions", (long long)t->n_pairs);
    jo_int(o, "n_questions", (long long)t->n_questions);
    jo_string(o, "path", t->path);
    if (!full) {
        return;
    }
    jo_array(o, "instructions");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(o, NULL);
        jo_string(o, "positive", t->pairs[i].pos);
        jo_string(o, "negative", t->pairs[i].neg);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "questions");
    for (size_t i = 0; i < t->n_questions; i++) {
        jo_string(o, NULL, t->questions[i]);
    }
    jo_end(o);
    jo_string(o, "eval_prompt", t->eval_prompt);
}

/* ---- list ------------------------------------------------------------------------------------ */

/* The poles, cut from a sentence that may be long: enough to choose by. */
static void list_text(const trait_set *all)
{
    static const table_column columns[] = {{"trait", TABLE_LEFT},
                                           {"from", TABLE_LEFT},
                                           {"to", TABLE_LEFT},
                                           {"questions", TABLE_RIGHT},
                                           {"file", TABLE_LEFT}};
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < all->n; i++) {
        const persona_trait *p = all->p[i];
        table_cell(&t, "%s", p->name);
        table_style(&t, TTY_BOLD);
        table_cell(&t, "%s", p->negative);
        table_cell(&t, "%s", p->positive);
        table_cell(&t, "%zu", p->n_questions);
        table_cell(&t, "%s", p->path);
        table_style(&t, TTY_DIM);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static persona_code run_list(const traits_args *a, persona_err *e)
{
    cli_state *c = a->c;
    trait_set all;
    persona_code rc = trait_set_open(NULL, &all, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "traits");
        jo_array(o, "traits");
        for (size_t i = 0; i < all.n; i++) {
            jo_object(o, NULL);
            traits_members(o, all.p[i], false);
            jo_end(o);
        }
        jo_end(o);
        rc = cli_json_end(c, &j, e);
    } else {
        list_text(&all);
    }
    trait_set_free(&all);
    return rc;
}

/* ---- show ------------------------------------------------------------------------------------ */

void traits_show_text(const persona_trait *t)
{
    printf("%s%s%s: from %s to %s\n", tty_paint(stdout, TTY_BOLD), t->name,
           tty_paint(stdout, TTY_RESET), t->negative, t->positive);
    study_print_text(stdout, "", t->description, 2);
    printf("\ninstructions\n");
    for (size_t i = 0; i < t->n_pairs; i++) {
        study_print_text(stdout, "+", t->pairs[i].pos, 4);
        study_print_text(stdout, "-", t->pairs[i].neg, 4);
    }
    for (size_t half = 0; half < 2; half++) {
        const size_t from = half == 0 ? 0 : t->n_questions / 2;
        const size_t to = half == 0 ? t->n_questions / 2 : t->n_questions;
        printf("\nquestions that %s\n", half == 0 ? "extract" : "evaluate");
        for (size_t i = from; i < to; i++) {
            study_print_text(stdout, "", t->questions[i], 2);
        }
    }
    printf("\n%s\n", t->path);
}

static persona_code run_show(const traits_args *a, persona_err *e)
{
    cli_state *c = a->c;
    persona_trait *t = NULL;
    persona_code rc = persona_trait_find(a->name, &t, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "traits");
        traits_members(o, t, true);
        rc = cli_json_end(c, &j, e);
    } else {
        traits_show_text(t);
    }
    persona_trait_free(t);
    return rc;
}

persona_code cmd_traits(cli_state *c, int argc, char **argv, persona_err *e)
{
    parsing p = {.a = {.c = c, .write = persona_write_defaults()}};
    bool go = false;
    const persona_code rc = cli_parse(&argp, c, argc, argv, &p, &go, e);
    return go ? p.action->run(&p.a, e) : rc;
}
