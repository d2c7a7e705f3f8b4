/* SPDX-License-Identifier: MIT
 *
 * cmd_traits.c - `persona traits list` and `persona traits show NAME`.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/study_print.h"
#include "cli/table.h"

typedef struct traits_args {
    cli_state *c;
    const char *action, *name;
} traits_args;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    traits_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case ARGP_KEY_ARG:
        if (!a->action)
            a->action = arg;
        else if (!a->name)
            a->name = arg;
        else
            return ARGP_ERR_UNKNOWN;
        return 0;
    case ARGP_KEY_END:
        if (a->c->help)
            return 0;
        if (!a->action)
            a->action = "list";
        if (strcmp(a->action, "list") != 0 && strcmp(a->action, "show") != 0)
            return cli_usage(state, "traits can list and show, not '%s'", a->action);
        if (strcmp(a->action, "show") == 0 && !a->name)
            return cli_usage(state, "show wants the name of a trait or a file");
        if (strcmp(a->action, "list") == 0 && a->name)
            return cli_usage(state, "list takes no name ('%s'); did you mean 'show'?", a->name);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    NULL,
    parse,
    "list\nshow NAME|FILE",
    "Lists the trait packs that can be found, or shows one: its poles, instructions and questions.",
    children,
    NULL,
    NULL,
};

static void trait_json(json_out *o, const persona_trait *t, bool full)
{
    jo_string(o, "name", t->name);
    jo_string(o, "positive", t->positive);
    jo_string(o, "negative", t->negative);
    jo_string(o, "description", t->description);
    jo_int(o, "n_instructions", (long long)t->n_pairs);
    jo_int(o, "n_questions", (long long)t->n_questions);
    jo_string(o, "path", t->path);
    if (!full)
        return;
    jo_array(o, "instructions");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(o, NULL);
        jo_string(o, "positive", t->pairs[i].pos);
        jo_string(o, "negative", t->pairs[i].neg);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "questions");
    for (size_t i = 0; i < t->n_questions; i++)
        jo_string(o, NULL, t->questions[i]);
    jo_end(o);
    jo_string(o, "eval_prompt", t->eval_prompt);
}

/* ---- list ------------------------------------------------------------------------------------ */

/* The poles, cut from a sentence that may be long: enough to choose by. */
static void list_text(const cli_traits *all)
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

static persona_code run_list(cli_state *c, persona_err *e)
{
    cli_traits all;
    persona_code rc = cli_all_traits(NULL, &all, e);
    if (rc != PERSONA_OK)
        return rc;
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "traits");
        jo_array(o, "traits");
        for (size_t i = 0; i < all.n; i++) {
            jo_object(o, NULL);
            trait_json(o, all.p[i], false);
            jo_end(o);
        }
        jo_end(o);
        rc = cli_json_end(c, &j, e);
    } else {
        list_text(&all);
    }
    cli_traits_free(&all);
    return rc;
}

/* ---- show ------------------------------------------------------------------------------------ */

static void show_text(const persona_trait *t)
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
        for (size_t i = from; i < to; i++)
            study_print_text(stdout, "", t->questions[i], 2);
    }
    printf("\n%s\n", t->path);
}

static persona_code run_show(cli_state *c, const char *name, persona_err *e)
{
    persona_trait *t = NULL;
    persona_code rc = persona_trait_find(name, &t, e);
    if (rc != PERSONA_OK)
        return rc;
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "traits");
        trait_json(o, t, true);
        rc = cli_json_end(c, &j, e);
    } else {
        show_text(t);
    }
    persona_trait_free(t);
    return rc;
}

persona_code cmd_traits(cli_state *c, int argc, char **argv, persona_err *e)
{
    traits_args a = {.c = c};
    bool go = false;
    const persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go)
        return rc;
    return a.name ? run_show(c, a.name, e) : run_list(c, e);
}
