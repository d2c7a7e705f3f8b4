/* SPDX-License-Identifier: MIT
 *
 * cmd_vector.c - `persona vector ACTION`: options, and the table of actions.
 *
 * A vector is a file of any known format, or, with --model, a name in the user's library for that
 * model. The actions are vector_show.c, vector_explain.c, vector_calibrate.c, vector_compare.c and
 * vector_convert.c (convert, combine).
 */
#include "base/mem.h"
#include "base/try.h"
#include "cli/vector_cmd.h"

enum {
    SHOW = 1,
    COMPARE = 2,
    CONVERT = 4,
    COMBINE = 8,
    EXPLAIN = 16,
    CALIBRATE = 32,
    OPENS = SHOW | COMPARE | CONVERT | EXPLAIN | CALIBRATE
};

static const cli_action actions[] = {
    {"show", SHOW, "VECTOR", "one vector", 1, 1},
    {"explain", EXPLAIN, "VECTOR --model FILE", "one vector", 1, 1},
    {"calibrate", CALIBRATE, "VECTOR --model FILE", "one vector", 1, 1},
    {"compare", COMPARE, "VECTOR VECTOR...", "two vectors or more", 2, SIZE_MAX},
    {"convert", CONVERT, "IN OUT", "one file to read and one to write", 2, 2},
    {"combine", COMBINE, "EXPRESSION -o OUT", "one expression, in quotes", 1, 1},
    {.name = NULL},
};

static vector_run action_run(unsigned action)
{
    switch (action) {
    case SHOW:
        return vector_show;
    case EXPLAIN:
        return vector_explain;
    case CALIBRATE:
        return vector_calibrate;
    case COMPARE:
        return vector_compare;
    case CONVERT:
        return vector_convert;
    default:
        return vector_combine;
    }
}

#define AT(member) offsetof(vector_args, member)

static const char *const formats[] = {"gguf", "safetensors", "json", "f32", "pt", NULL};

static const opt options[] = {
    {.name = "model",
     .key = 'm',
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(model),
     .help =
         "Look names up in the user's library for this model; explain: the model that says what "
         "directions mean"},
    {.name = "top",
     .type = OPT_INT,
     .on = EXPLAIN,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(top),
     .help = "Tokens to tell of either side"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .on = COMBINE | CALIBRATE,
     .arg = "FILE",
     .at = AT(output),
     .without = "",
     .help = "Where the result goes; combine wants it, calibrate writes into the user's library "
             "without it"},
    {.name = "block",
     .type = OPT_INT,
     .on = CALIBRATE,
     .arg = "B",
     .min = 1,
     .max = 4096,
     .at = AT(block),
     .without = "the vector's best",
     .help = "The block to steer"},
    {.name = "to",
     .type = OPT_WORD,
     .on = CONVERT | COMBINE,
     .arg = "FORMAT",
     .words = formats,
     .at = AT(to),
     .without = "by the extension",
     .help = "The format to write"},
    {.name = "model-arch",
     .type = OPT_TEXT,
     .on = CONVERT,
     .arg = "NAME",
     .at = AT(model_arch),
     .help = "Architecture of the model, as llama.cpp names it"},
    {.name = "n-layer",
     .type = OPT_INT,
     .on = CONVERT,
     .arg = "N",
     .min = 1,
     .max = 4096,
     .at = AT(n_layer),
     .without = "",
     .help = "Blocks of the model"},
    {.name = "debias",
     .type = OPT_FILE,
     .on = CONVERT,
     .arg = "FILE",
     .at = AT(debias),
     .help = "Add this vector (the __debias part of a triple)"},
    {.name = "normalize",
     .type = OPT_ON,
     .on = CONVERT | COMBINE,
     .at = AT(normalize),
     .help = "Make every direction one of unit length"},
    {.name = NULL},
};
static const opt_group vector_options = {NULL, false, options};

persona_code vector_open(const vector_args *a, const char *name, vector_input *out, persona_err *e)
{
    *out = (vector_input){.name = name, .format = "gguf"};
    if (a->engine->model && !persona_vector_format_of(name)) {
        return persona_vector_find(a->engine->model, name, &out->v, e);
    }
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_read_as(name, &out->v, &out->format, e));
    const persona_model_info *info = a->engine->info;
    if (info && out->v->n_embd != info->n_embd) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "%s: the vector is %d wide, the model %s is %d",
                             name, out->v->n_embd, info->name, info->n_embd);
    }
out:
    return rc;
}

static void init(void *p)
{
    ((vector_args *)p)->top = 20;
    ((vector_args *)p)->block = -1;
}

static persona_code check(void *p, persona_err *e)
{
    const vector_args *a = p;
    const unsigned action = a->c->action->bit;
    if ((action & (EXPLAIN | CALIBRATE)) != 0 && !a->model) {
        return persona_err_set(e, PERSONA_E_USAGE, "--model is missing");
    }
    return action == COMBINE && !a->output
               ? persona_err_set(e, PERSONA_E_USAGE, "--output is missing")
               : PERSONA_OK;
}

static persona_code run_vector(void *p, persona_err *e)
{
    vector_args *a = p;
    const cli_state *c = a->c;
    const unsigned action = c->action->bit;
    rig x = {0};
    vector_input *in = NULL;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    a->engine = &x;
    a->names = c->words;
    a->n_names = c->n_words;
    if (a->model) {
        TRY(rig_open_model(&c->rig, a->model, false, &x, e));
    }
    if (action & OPENS) { /* the last name of convert is where it goes */
        n = action == CONVERT ? 1 : a->n_names;
    }
    in = cli_alloc(n + 1, sizeof *in);
    for (size_t i = 0; i < n; i++) {
        TRY(vector_open(a, a->names[i], &in[i], e));
    }
    rc = action_run(action)(a, in, n, e);
out:
    for (size_t i = 0; in && i < n; i++) {
        persona_vector_free(in[i].v);
    }
    mem_free(in);
    rig_close(&x);
    return rc;
}

const cli_command command_vector = {
    .name = "vector",
    .summary = "Show, explain, calibrate, compare, convert or combine vector files",
    .about =
        "Shows what a vector file holds and where it comes from; which tokens its directions "
        "promote "
        "and suppress in a model; gives a vector of any origin its dose, safe range and neutral "
        "statistics on a model; the cosines of several, block "
        "by block; rewrites one in another format; or writes a sum of several, as in \"silly + "
        "0.5*poetic.gguf - old.pt@3-5\". Formats: GGUF control vectors (llama.cpp, repeng, "
        "EasySteer), safetensors, the JSON of cross-model-persona-steering, ds4's .f32 with "
        "its .json, and .pt of persona_vectors.",
    .actions = actions,
    .groups = {{&vector_options, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, CALIBRATE},
               {&opt_group_running, CALIBRATE},
               {&opt_group_output, 0}},
    .size = sizeof(vector_args),
    .init = init,
    .check = check,
    .run = run_vector,
};
