/* SPDX-License-Identifier: MIT
 *
 * cmd_vector.c - `persona vector ACTION`: options, and the table of actions.
 *
 * A vector is a file of any known format, or, with --model, a name in the user's library for that
 * model. The actions are vector_show.c, vector_compare.c and vector_convert.c (convert, combine).
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/vector_cmd.h"

enum { OPT_TO = 256, OPT_ARCH, OPT_LAYERS, OPT_DEBIAS, OPT_NORMALIZE };

/* How many names an action takes, which of them are vectors to open, and whether it writes. */
static const struct action {
    const char *name, *wants;
    vector_run run;
    size_t min, max;
    bool opens, writes;
} actions[] = {
    {"show", "one vector", vector_show, 1, 1, true, false},
    {"compare", "two vectors or more", vector_compare, 2, SIZE_MAX, true, false},
    {"convert", "one file to read and one to write", vector_convert, 2, 2, true, true},
    {"combine", "one expression, in quotes", vector_combine, 1, 1, false, true},
};
enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "Look names up in the user's library for this model", 0},
    {"output", 'o', "FILE", 0, "combine: where the result goes", 0},
    {"to", OPT_TO, "FORMAT", 0,
     "Write gguf, safetensors, json, f32 or pt (default: by the extension)", 0},
    {"model-arch", OPT_ARCH, "NAME", 0, "convert: architecture of the model, as llama.cpp names it",
     0},
    {"n-layer", OPT_LAYERS, "N", 0, "convert: blocks of the model", 0},
    {"debias", OPT_DEBIAS, "FILE", 0, "convert: add this vector (the __debias part of a triple)",
     0},
    {"normalize", OPT_NORMALIZE, NULL, 0, "Make every direction one of unit length", 0},
    {0},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < N_ACTIONS; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

static error_t check(struct argp_state *state)
{
    const vector_args *a = state->input;
    const struct action *x = find_action(a->action);
    if (a->c->help) {
        return 0;
    }
    if (!a->action) {
        return cli_usage(state, "what to do: show, compare, convert or combine?");
    }
    if (!x) {
        return cli_usage(state, "vector can show, compare, convert and combine, not '%s'",
                         a->action);
    }
    if (a->n_names < x->min || a->n_names > x->max) {
        return cli_usage(state, "%s wants %s", x->name, x->wants);
    }
    if (!x->writes && (a->to || a->normalize)) {
        return cli_usage(state, "%s writes nothing: no --to, no --normalize", x->name);
    }
    if (strcmp(x->name, "convert") != 0 && (a->model_arch || a->n_layer > 0 || a->debias)) {
        return cli_usage(state, "--model-arch, --n-layer and --debias belong to convert");
    }
    if (strcmp(x->name, "combine") != 0 && a->output) {
        return cli_usage(state, "--output belongs to combine");
    }
    if (strcmp(x->name, "combine") == 0 && !a->output) {
        return cli_usage(state, "--output is missing");
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    vector_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'm':
        a->model = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case OPT_TO:
        a->to = arg;
        return 0;
    case OPT_ARCH:
        a->model_arch = arg;
        return 0;
    case OPT_LAYERS:
        return cli_int(state, "--n-layer", arg, 1, 4096, &a->n_layer);
    case OPT_DEBIAS:
        a->debias = arg;
        return 0;
    case OPT_NORMALIZE:
        a->normalize = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->action) {
            a->action = arg;
            return 0;
        }
        a->names = cli_resize(a->names, a->n_names + 1, sizeof *a->names);
        a->names[a->n_names++] = arg;
        return 0;
    case ARGP_KEY_END:
        return check(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    "show VECTOR\ncompare VECTOR VECTOR...\nconvert IN OUT\ncombine EXPRESSION -o OUT",
    "Shows what a vector file holds and where it comes from; the cosines of several, block by "
    "block; rewrites one in another format; or writes a sum of several, as in \"silly + "
    "0.5*poetic.gguf - old.pt@3-5\". Formats: GGUF control vectors (llama.cpp, repeng, EasySteer), "
    "safetensors, the JSON of cross-model-persona-steering, ds4's .f32 with its .json, and .pt of "
    "persona_vectors.",
    children,
    NULL,
    NULL,
};

persona_code vector_open(const vector_args *a, const char *name, vector_input *out, persona_err *e)
{
    *out = (vector_input){.name = name, .format = "gguf"};
    if (a->engine->model && !persona_vector_format_of(name)) {
        return persona_vector_find(a->engine->model, name, &out->v, e);
    }
    const persona_code rc = persona_vector_read_as(name, &out->v, &out->format, e);
    const persona_model_info *info = a->engine->info;
    if (rc == PERSONA_OK && info && out->v->n_embd != info->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: the vector is %d wide, the model %s is %d",
                               name, out->v->n_embd, info->name, info->n_embd);
    }
    return rc;
}

persona_code cmd_vector(cli_state *c, int argc, char **argv, persona_err *e)
{
    rig x = {0};
    vector_args a = {.c = c, .engine = &x};
    vector_input *in = NULL;
    bool go = false;
    size_t n = 0;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go) {
        goto out;
    }
    const struct action *action = find_action(a.action);
    if (a.model) {
        rc = rig_open_model(a.model, false, &x, e);
    }
    if (action->opens) { /* the last name of one that writes is where it goes */
        n = action->writes ? 1 : a.n_names;
    }
    in = cli_alloc(n + 1, sizeof *in);
    for (size_t i = 0; i < n && rc == PERSONA_OK; i++) {
        rc = vector_open(&a, a.names[i], &in[i], e);
    }
    if (rc == PERSONA_OK) {
        rc = action->run(&a, in, n, e);
    }
out:
    for (size_t i = 0; in && i < n; i++) {
        persona_vector_free(in[i].v);
    }
    mem_free(in);
    mem_free(a.names);
    rig_close(&x);
    return rc;
}
