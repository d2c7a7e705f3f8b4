/* SPDX-License-Identifier: MIT
 *
 * spec.c - `persona __spec FORM`, hidden: the records of all commands as JSON, and what is made of
 * them: docs/OPTIONS.md, manual pages, completions; and the routes of the server, for docs/API.md
 * and programs that make clients. The build, tools/check-options and tools/check-api call it.
 */
#include "cli/option/spec.h"

#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/api/route.h"

enum { JSON = 1, MARKDOWN = 2, MAN = 4, BASH = 8, ZSH = 16, FISH = 32, ROUTES = 64, OPENAPI = 128 };

static const cli_action forms[] = {
    {"json", JSON, "", NULL, 0, 0},
    {"markdown", MARKDOWN, "", NULL, 0, 0},
    {"man", MAN, "[COMMAND]", "at most one command", 0, 1},
    {"bash", BASH, "", NULL, 0, 0},
    {"zsh", ZSH, "", NULL, 0, 0},
    {"fish", FISH, "", NULL, 0, 0},
    {"routes", ROUTES, "", NULL, 0, 0},
    {"openapi", OPENAPI, "", NULL, 0, 0},
    {.name = NULL},
};

typedef struct spec_args {
    cli_state *c;
} spec_args;

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *type_name(opt_type t)
{
    static const char *const names[] = {
        [OPT_ON] = "flag",     [OPT_OFF] = "flag",     [OPT_CONST] = "flag",
        [OPT_TEXT] = "text",   [OPT_FILE] = "file",    [OPT_FOLDER] = "folder",
        [OPT_WORD] = "word",   [OPT_SWITCH] = "word",  [OPT_NAMES] = "names",
        [OPT_INT] = "integer", [OPT_COUNT] = "count",  [OPT_SEED] = "integer",
        [OPT_REAL] = "number", [OPT_FLOAT] = "number", [OPT_LIST] = "list",
        [OPT_OWN] = "special",
    };
    return names[t];
}

static void option_json(json_out *o, const opt_walk *w, const cli_state *c, const void *args)
{
    spec_line l;
    const char key[2] = {w->o->key, '\0'};
    spec_describe(w, c, args, &l);
    jo_object(o, NULL);
    jo_string(o, "name", w->o->name);
    jo_string(o, "short", *key ? key : NULL);
    jo_string(o, "group", w->group->title);
    jo_string(o, "argument", w->o->arg);
    jo_string(o, "type", type_name(w->o->type));
    if (w->o->max > 0) {
        jo_number(o, "min", w->o->min);
        jo_number(o, "max", w->o->max);
    }
    if (w->o->words || w->o->word_at) {
        jo_array(o, "words");
        for (size_t i = 0; opt_word(w->o, i); i++) {
            jo_string(o, NULL, opt_word(w->o, i));
        }
        jo_end(o);
    }
    jo_string(o, "default", *l.without ? l.without : NULL);
    jo_bool(o, "required", w->o->required);
    jo_bool(o, "hidden", w->o->hidden);
    jo_array(o, "actions");
    for (const cli_action *a = w->x->actions; w->on && a && a->name; a++) {
        if (a->bit & w->on) {
            jo_string(o, NULL, a->name);
        }
    }
    jo_end(o);
    jo_string(o, "help", w->o->help);
    jo_end(o);
}

static void command_json(json_out *o, const cli_command *x)
{
    cli_state c = cli_state_defaults();
    void *args = cli_command_args(x, &c);
    char line[256];
    jo_object(o, NULL);
    jo_string(o, "name", x->name);
    jo_string(o, "summary", x->summary);
    jo_array(o, "usage");
    for (size_t i = 0; spec_usage(x, i, line, sizeof line); i++) {
        jo_string(o, NULL, line);
    }
    jo_end(o);
    jo_string(o, "about", x->about);
    jo_array(o, "options");
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        option_json(o, &w, &c, args);
    }
    jo_end(o);
    jo_end(o);
    mem_free(args);
}

static persona_code print_json(cli_state *c, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "spec");
    jo_array(o, "commands");
    for (size_t i = 0; cli_command_at(i); i++) {
        command_json(o, cli_command_at(i));
    }
    jo_end(o);
    return cli_json_end(c, &j, e);
}

/* ---- the command ----------------------------------------------------------------------------- */

static persona_code run_spec(void *p, persona_err *e)
{
    cli_state *c = ((spec_args *)p)->c;
    const unsigned form = c->action->bit;
    const char *name = c->n_words > 0 ? c->words[0] : NULL;
    const cli_command *x = name ? cli_command_find(name) : NULL;
    persona_code rc = PERSONA_OK;
    buf out;
    if (form == JSON || c->json) {
        return print_json(c, e);
    }
    if (name && !x) {
        return persona_err_set(e, PERSONA_E_USAGE, "unknown command '%.100s'", name);
    }
    buf_init(&out, SPEC_MAX);
    if (form == MARKDOWN) {
        spec_markdown(&out);
    } else if (form == ROUTES) {
        routes_markdown(&out);
    } else if (form == OPENAPI) {
        json_out o;
        jo_init(&o, &out, true);
        openapi_json(&o, 8000);
        buf_putc(&out, '\n');
    } else if (form == MAN) {
        spec_man(x, &out);
    } else if (form == BASH) {
        spec_bash(&out);
    } else if (form == ZSH) {
        spec_zsh(&out);
    } else {
        spec_fish(&out);
    }
    TRY(buf_ok(&out, "the document", e));
    (void)fwrite(out.p, 1, out.len, stdout); /* cli_flush sees failures */
    rc = cli_flush(e);
out:
    buf_free(&out);
    return rc;
}

const cli_command command_spec = {
    .name = "__spec",
    .summary = "The records of commands and options, and what is made of them",
    .about = "Prints the records of all commands and options, or a document made of them.",
    .actions = forms,
    .groups = {{&opt_group_output, 0}},
    .size = sizeof(spec_args),
    .run = run_spec,
};
