/* SPDX-License-Identifier: MIT
 *
 * cmd_traits.c - `persona traits`: the options of all its actions, list and show. What makes or
 * checks packs (new, check, import) is cmd_traits_new.c.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/faults.h"
#include "cli/study_print.h"
#include "cli/table.h"
#include "cli/traits.h"
#include "workbench/trait_json.h"

enum { LIST = 1, SHOW = 2, NEW = 4, CHECK = 8, IMPORT = 16 };

static const cli_action actions[] = {
    {"list", LIST, "", NULL, 0, 0},
    {"show", SHOW, "NAME|FILE", "the name of a trait or a file", 1, 1},
    {"new", NEW, "NAME --positive ADJ --negative ADJ --model FILE", "the name of the trait", 1, 1},
    {"check", CHECK, "FILE", "a file", 1, 1},
    {"import", IMPORT, "FILE", "a file", 1, 1},
    {.name = NULL},
};

#define AT(member) offsetof(traits_args, member)

static const opt options[] = {
    {.name = "positive",
     .type = OPT_TEXT,
     .on = NEW | IMPORT,
     .arg = "ADJ",
     .at = AT(import.positive),
     .help = "How it is with the trait, as in silly"},
    {.name = "negative",
     .type = OPT_TEXT,
     .on = NEW | IMPORT,
     .arg = "ADJ",
     .at = AT(import.negative),
     .help = "Its opposite, as in serious"},
    {.name = "description",
     .type = OPT_TEXT,
     .on = NEW | IMPORT,
     .arg = "TEXT",
     .at = AT(import.description),
     .without = "the model's or the file's",
     .help = "One sentence"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .on = NEW | IMPORT,
     .arg = "FILE",
     .at = AT(output),
     .without = "the user's library",
     .help = "Where the pack goes"},
    {.name = "force",
     .type = OPT_ON,
     .on = NEW | IMPORT,
     .at = AT(force),
     .help = "Replace a pack that is there"},
    {.name = "model",
     .key = 'm',
     .type = OPT_FILE,
     .on = NEW,
     .arg = "FILE",
     .at = AT(model),
     .help = "The model that writes the pack (GGUF)"},
    {.name = "edit",
     .type = OPT_ON,
     .on = NEW,
     .at = AT(edit),
     .help = "Open it in $VISUAL or $EDITOR before it is saved"},
    {.name = "temp",
     .type = OPT_FLOAT,
     .on = NEW,
     .arg = "X",
     .min = 0,
     .max = 10,
     .at = AT(write.temperature),
     .help = "Sampling temperature"},
    {.name = "tries",
     .type = OPT_INT,
     .on = NEW,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(write.n_tries),
     .help = "Rounds of requests"},
    {.name = "max-tokens",
     .type = OPT_INT,
     .on = NEW,
     .arg = "N",
     .min = 64,
     .max = 1 << 16,
     .at = AT(write.max_tokens),
     .help = "Length of one answer at most"},
    {.name = "name",
     .type = OPT_TEXT,
     .on = IMPORT,
     .arg = "NAME",
     .at = AT(import.name),
     .help = "One trait of several, or another name"},
    {.name = "eval",
     .type = OPT_FILE,
     .on = IMPORT,
     .arg = "FILE",
     .at = AT(import.eval_path),
     .help = "The evaluation questions of persona_vectors"},
    {.name = NULL},
};
static const opt_group traits_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const traits_args *a = p;
    if (a->c->action->bit != NEW) {
        return PERSONA_OK;
    }
    if (!a->import.positive || !a->import.negative) {
        return persona_err_set(e, PERSONA_E_USAGE, "new wants --positive ADJ and --negative ADJ");
    }
    if (!a->model) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "new wants a model that writes the pack: --model FILE");
    }
    if (a->edit && a->c->json) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--edit wants a terminal, --json leaves it none");
    }
    return PERSONA_OK;
}

static void init(void *p)
{
    traits_args *a = p;
    a->write = persona_write_defaults();
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

typedef struct pack_list {
    trait_set all;
    char **more;
    size_t n_more;
    cli_faults faults;
} pack_list;

static persona_code find_all(pack_list *l, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    TRY(persona_trait_more_names(&l->more, &l->n_more, e));
    TRY(persona_trait_names(&names, &n, e));
    l->all.p = cli_alloc(n + 1, sizeof(persona_trait *));
    for (size_t i = 0; i < n; i++) {
        persona_err why = {.code = PERSONA_OK};
        if (persona_trait_find(names[i], &l->all.p[l->all.n], &why) == PERSONA_OK) {
            l->all.n++;
        } else if (!faults_add(&l->faults, names[i], &why)) {
            rc = persona_err_set(e, why.code, "%s", why.msg);
            break;
        }
    }
out:
    persona_names_free(names, n);
    return rc;
}

static persona_code list_json(cli_state *c, const pack_list *l, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "traits");
    jo_array(o, "traits");
    for (size_t i = 0; i < l->all.n; i++) {
        jo_object(o, NULL);
        trait_json(o, l->all.p[i], true, false);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "more");
    for (size_t i = 0; i < l->n_more; i++) {
        jo_string(o, NULL, l->more[i]);
    }
    jo_end(o);
    faults_json(o, &l->faults);
    return cli_json_end(c, &j, e);
}

static persona_code run_list(const traits_args *a, persona_err *e)
{
    cli_state *c = a->c;
    pack_list l = {.n_more = 0};
    persona_code rc = PERSONA_OK;
    TRY(find_all(&l, e));
    if (c->json) {
        TRY(list_json(c, &l, e));
    } else {
        list_text(&l.all);
        for (size_t i = 0; i < l.n_more; i++) {
            printf("%s%s%s", i ? ", " : "\nonly where named: ", l.more[i],
                   i + 1 < l.n_more ? "" : "\n");
        }
    }
    TRY(cli_flush(e));
    TRY(faults_end(c, &l.faults, l.all.n, "trait packs", e));
out:
    persona_names_free(l.more, l.n_more);
    trait_set_free(&l.all);
    faults_free(&l.faults);
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
        trait_json(o, t, true, true);
        rc = cli_json_end(c, &j, e);
    } else {
        traits_show_text(t);
    }
    persona_trait_free(t);
    return rc;
}

static persona_code run_traits(void *p, persona_err *e)
{
    static const struct {
        unsigned action;
        persona_code (*run)(const traits_args *a, persona_err *e);
    } runs[] = {{LIST, run_list},
                {SHOW, run_show},
                {NEW, traits_new},
                {CHECK, traits_check},
                {IMPORT, traits_import}};
    traits_args *a = p;
    size_t i = 0;
    a->name = a->c->n_words > 0 ? a->c->words[0] : NULL;
    while (runs[i].action != a->c->action->bit) {
        i++;
    }
    return runs[i].run(a, e);
}

const cli_command command_traits = {
    .name = "traits",
    .summary = "List, show, write, check or import trait packs",
    .about = "Lists the trait packs that can be found, shows one, has a model write a new one, "
             "checks a file, or imports trait data of persona_vectors and custom_traits.json of "
             "cross-model-persona-steering.",
    .actions = actions,
    .groups = {{&traits_options, 0},
               {&opt_group_model, NEW},
               {&opt_group_running, NEW},
               {&opt_group_output, 0}},
    .size = sizeof(traits_args),
    .init = init,
    .check = check,
    .run = run_traits,
};
