/* SPDX-License-Identifier: MIT
 *
 * cmd_verify.c - `persona verify`: the engine's promises on the user's model and backend, on one
 * page. Exit code 1 if a check fails.
 */
#include "base/try.h"
#include "cli/cli.h"
#include "persona/verify.h"

typedef struct verify_args {
    cli_state *c;
    const char *model, *vector;
    int block;
} verify_args;

#define AT(member) offsetof(verify_args, member)

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "vector",
     .type = OPT_FILE,
     .arg = "NAME|FILE",
     .at = AT(vector),
     .without = "a direction drawn with --seed",
     .help = "The vector to steer with"},
    {.name = "block",
     .type = OPT_INT,
     .arg = "N",
     .min = 0,
     .max = 10000,
     .at = AT(block),
     .without = "the vector's best, or the middle of the model",
     .help = "The block to steer"},
    {.name = NULL},
};
static const opt_group verify_options = {NULL, false, options};

static void init(void *p)
{
    ((verify_args *)p)->block = -1;
}

static persona_code print_json(const verify_args *a, const rig *x, const persona_verification *v,
                               persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "verify");
    model_json(o, "model", x->info);
    jo_string(o, "vector", a->vector);
    jo_int(o, "block", v->block);
    jo_number(o, "row_norm", v->row_norm);
    jo_array(o, "checks");
    for (size_t i = 0; i < v->n; i++) {
        const persona_check *c = &v->checks[i];
        jo_object(o, NULL);
        jo_string(o, "name", c->name);
        jo_bool(o, "ok", c->ok);
        jo_number(o, "value", c->value);
        jo_number(o, "limit", c->limit);
        jo_string(o, "about", c->about);
        jo_end(o);
    }
    jo_end(o);
    jo_bool(o, "ok", v->ok);
    jo_int(o, "n_tokens", (long long)v->n_tokens);
    jo_number(o, "seconds", v->seconds);
    return cli_json_end(a->c, &j, e);
}

static void print_text(const verify_args *a, const rig *x, const persona_verification *v)
{
    printf("%s: %s, %s, %d blocks of width %d\n", x->info->path, x->info->arch, x->info->quant,
           x->info->n_layer, x->info->n_embd);
    printf("steered at block %d with %s; a row there is %s long\n\n", v->block,
           a->vector ? a->vector : "a random direction", cli_number(v->row_norm, 1));
    for (size_t i = 0; i < v->n; i++) {
        const persona_check *c = &v->checks[i];
        printf("  %s%-6s%s %-15s %-9.3g %s\n", tty_paint(stdout, c->ok ? TTY_GREEN : TTY_RED),
               c->ok ? "ok" : "FAILED", tty_paint(stdout, TTY_RESET), c->name, c->value, c->about);
    }
    printf(
        "\nThe number is how far apart both sides are: of logits where it says bit for bit (0 is "
        "the\nlimit), else of activations, in lengths of a row (limit 0.0001).\n");
    printf("%s: %zu tokens in %s\n", v->ok ? "All hold" : "NOT ALL HOLD", v->n_tokens,
           cli_duration(v->seconds));
}

static persona_code failed(const persona_verification *v, persona_err *e)
{
    size_t n = 0;
    const char *first = NULL;
    for (size_t i = 0; i < v->n; i++) {
        n += !v->checks[i].ok;
        first = !first && !v->checks[i].ok ? v->checks[i].name : first;
    }
    return n == 0
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_NEGATIVE,
                                 "%zu of %zu checks failed on this model and backend, '%s' first",
                                 n, v->n, first);
}

static persona_code run_verify(void *p, persona_err *e)
{
    verify_args *a = p;
    persona_code rc = PERSONA_OK;
    rig x = {.model = NULL};
    persona_vector *vector = NULL;
    persona_verification *v = NULL;
    persona_verify_opts o = persona_verify_defaults();
    TRY(rig_open_model(&a->c->rig, a->model, false, &x, e));
    if (a->vector) {
        TRY(persona_vector_find(x.model, a->vector, &vector, e));
    }
    o.vector = vector;
    o.block = a->block;
    o.seed = a->c->seed;
    o.n_threads = a->c->rig.n_threads;
    TRY(persona_verify(x.model, &o, &a->c->hooks, &v, e));
    tty_progress_clear(&a->c->progress);
    if (a->c->json) {
        TRY(print_json(a, &x, v, e));
    } else {
        print_text(a, &x, v);
        TRY(cli_flush(e));
    }
    TRY(failed(v, e));
out:
    persona_verification_free(v);
    persona_vector_free(vector);
    rig_close(&x);
    return rc;
}

const cli_command command_verify = {
    .name = "verify",
    .summary = "Prove on your own model and backend what steering promises",
    .usage = "--model FILE",
    .about =
        "Makes the checks of the engine on MODEL as it is opened here: that coefficient 0 is no "
        "steering, that slots do not touch each other, that every operator does to the "
        "activations what its formula says, that libllama's control-vector API gives the same, "
        "and that a plan can be replaced in the middle of an answer. Exit code 1 if one fails.",
    .groups = {{&verify_options, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(verify_args),
    .init = init,
    .run = run_verify,
};
