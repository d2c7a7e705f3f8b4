/* SPDX-License-Identifier: MIT
 *
 * cmd_recipes.c - `persona recipes ACTION`: named steering expressions.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/faults.h"
#include "cli/table.h"
#include "persona/recipe.h"

typedef struct recipes_args {
    cli_state *c;
    const char *description, *output;
    bool force;
} recipes_args;

enum { LIST = 1, SHOW = 2, SAVE = 4, RM = 8, IMPORT = 16, EXPORT = 32 };

static const cli_action actions[] = {
    {"list", LIST, "", NULL, 0, 0},
    {"show", SHOW, "NAME", "one recipe", 1, 1},
    {"save", SAVE, "NAME EXPRESSION", "a name and an expression, in quotes", 2, 2},
    {"rm", RM, "NAME", "one recipe", 1, 1},
    {"import", IMPORT, "FILE", "one file", 1, 1},
    {"export", EXPORT, "NAME", "one recipe", 1, 1},
    {.name = NULL},
};

#define AT(member) offsetof(recipes_args, member)

static const opt options[] = {
    {.name = "description",
     .key = 'd',
     .type = OPT_TEXT,
     .on = SAVE,
     .arg = "TEXT",
     .at = AT(description),
     .without = "",
     .help = "What it is for"},
    {.name = "force",
     .type = OPT_ON,
     .on = SAVE | IMPORT,
     .at = AT(force),
     .help = "Replace a recipe of that name"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .on = EXPORT,
     .arg = "FILE",
     .at = AT(output),
     .without = "standard output",
     .help = "Where the file goes"},
    {.name = NULL},
};
static const opt_group recipes_options = {NULL, false, options};

static void recipe_json(json_out *o, const persona_recipe *r)
{
    jo_string(o, "name", r->name);
    jo_string(o, "description", r->description);
    jo_string(o, "expression", r->expression);
}

/* r NULL: a file that could not be read. */
static persona_code tell(cli_state *c, const char *name, const persona_recipe *r, const char *path,
                         persona_err *e)
{
    if (!c->json) {
        printf("%s\n", path);
        return cli_flush(e);
    }
    cli_json j;
    json_out *o = cli_json_begin(&j, "recipes");
    jo_string(o, "name", name);
    jo_string(o, "description", r ? r->description : NULL);
    jo_string(o, "expression", r ? r->expression : NULL);
    jo_string(o, "output", path);
    return cli_json_end(c, &j, e);
}

/* ---- list, show ------------------------------------------------------------------------------ */

typedef struct recipe_list {
    persona_recipe **list; /* (n) */
    size_t n;
    cli_faults faults;
} recipe_list;

static persona_code list_json(cli_state *c, const recipe_list *l, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "recipes");
    jo_array(o, "recipes");
    for (size_t i = 0; i < l->n; i++) {
        jo_object(o, NULL);
        recipe_json(o, l->list[i]);
        jo_end(o);
    }
    jo_end(o);
    faults_json(o, &l->faults);
    return cli_json_end(c, &j, e);
}

static void list_text(const recipe_list *l)
{
    static const table_column columns[] = {
        {"recipe", TABLE_LEFT}, {"expression", TABLE_LEFT}, {"description", TABLE_LEFT}};
    table t;
    table_init(&t, columns, 3);
    for (size_t i = 0; i < l->n; i++) {
        table_cell(&t, "%s", l->list[i]->name);
        table_cell(&t, "%s", l->list[i]->expression);
        table_cell(&t, "%s", l->list[i]->description);
    }
    if (l->n > 0) {
        table_print(&t, stdout, 0);
    } else if (l->faults.n == 0) {
        printf("no recipes yet (persona recipes save NAME EXPRESSION)\n");
    }
    table_free(&t);
}

static persona_code find_all(recipe_list *l, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    TRY(persona_recipe_names(&names, &n, e));
    l->list = cli_alloc(n + 1, sizeof(persona_recipe *));
    for (size_t i = 0; i < n; i++) {
        persona_err why = {.code = PERSONA_OK};
        if (persona_recipe_find(names[i], &l->list[l->n], &why) == PERSONA_OK) {
            l->n++;
        } else if (!faults_add(&l->faults, names[i], &why)) {
            rc = persona_err_set(e, why.code, "%s", why.msg);
            break;
        }
    }
out:
    persona_names_free(names, n);
    return rc;
}

static persona_code run_list(cli_state *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    recipe_list l = {NULL, 0, {NULL, 0}};
    TRY(find_all(&l, e));
    if (c->json) {
        TRY(list_json(c, &l, e));
    } else {
        list_text(&l);
        TRY(cli_flush(e));
    }
    TRY(faults_end(c, &l.faults, l.n, "recipes", e));
out:
    for (size_t i = 0; i < l.n; i++) {
        persona_recipe_free(l.list[i]);
    }
    mem_free(l.list);
    faults_free(&l.faults);
    return rc;
}

static persona_code run_show(cli_state *c, persona_err *e)
{
    persona_recipe *r = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_recipe_find(c->words[0], &r, e));
    if (c->json) {
        cli_json j;
        recipe_json(cli_json_begin(&j, "recipes"), r);
        TRY(cli_json_end(c, &j, e));
    } else {
        printf("%s\n", r->expression);
        if (*r->description) {
            cli_say(c, "%s", r->description);
        }
        TRY(cli_flush(e));
    }
out:
    persona_recipe_free(r);
    return rc;
}

/* ---- save, import, export, rm ---------------------------------------------------------------- */

static persona_code put(const recipes_args *a, const persona_recipe *r, persona_err *e)
{
    char *path = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_recipe_place(r->name, &path, e));
    if (!a->force && file_exists(path)) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "there is a recipe '%s' already, %s (--force)",
                             r->name, path);
        goto out;
    }
    TRY(persona_recipe_write(r, path, e));
    TRY(tell(a->c, r->name, r, path, e));
out:
    free(path);
    return rc;
}

static persona_code run_save(const recipes_args *a, persona_err *e)
{
    persona_recipe *r = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_recipe_new(a->c->words[0], a->description ? a->description : "", a->c->words[1], &r,
                           e));
    TRY(put(a, r, e));
out:
    persona_recipe_free(r);
    return rc;
}

static persona_code run_import(const recipes_args *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_recipe *r = NULL;
    TRY(persona_recipe_read(a->c->words[0], &r, e));
    TRY(put(a, r, e));
out:
    persona_recipe_free(r);
    return rc;
}

static persona_code run_export(const recipes_args *a, persona_err *e)
{
    const char *path = a->output ? a->output : "/dev/stdout";
    persona_recipe *r = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_recipe_find(a->c->words[0], &r, e));
    TRY(persona_recipe_write(r, path, e));
    TRY(a->output ? tell(a->c, r->name, r, path, e) : PERSONA_OK);
out:
    persona_recipe_free(r);
    return rc;
}

/* Also one that cannot be read. */
static persona_code run_rm(cli_state *c, persona_err *e)
{
    const char *name = c->words[0];
    persona_err why = {.code = PERSONA_OK};
    persona_recipe *r = NULL;
    char *path = NULL;
    persona_code rc = persona_recipe_find(name, &r, &why);
    if (rc == PERSONA_E_NOTFOUND || rc == PERSONA_E_NOMEM) {
        return persona_err_set(e, rc, "%s", why.msg);
    }
    TRY(persona_recipe_place(name, &path, e));
    if (unlink(path) != 0) {
        rc = persona_err_set(e, PERSONA_E_IO, "%s: cannot be removed", path);
        goto out;
    }
    if (!r) {
        cli_say(c, "note: it could not be read: %s", why.msg);
    }
    TRY(tell(c, name, r, path, e));
out:
    persona_recipe_free(r);
    free(path);
    return rc;
}

static persona_code run_recipes(void *p, persona_err *e)
{
    const recipes_args *a = p;
    switch (a->c->action->bit) {
    case SHOW:
        return run_show(a->c, e);
    case SAVE:
        return run_save(a, e);
    case RM:
        return run_rm(a->c, e);
    case IMPORT:
        return run_import(a, e);
    case EXPORT:
        return run_export(a, e);
    default:
        return run_list(a->c, e);
    }
}

const cli_command command_recipes = {
    .name = "recipes",
    .summary = "Save, list, show, import and export named steering expressions",
    .about = "A recipe is a steering expression with a name and a description. The name stands for "
             "the expression, in parentheses, wherever one is wanted: --steer calm, or "
             "\"0.5*calm + silly\". Recipes name vectors, not files of one model: the same recipe "
             "steers every model whose library has these vectors. They lie in "
             "$XDG_DATA_HOME/persona/recipes.",
    .actions = actions,
    .groups = {{&recipes_options, 0}, {&opt_group_output, 0}},
    .size = sizeof(recipes_args),
    .run = run_recipes,
};
