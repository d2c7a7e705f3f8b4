/* SPDX-License-Identifier: MIT
 *
 * cmd_activations.c - `persona activations`: what a model's blocks hold while it reads texts, in a
 * file for NumPy, PyTorch and others.
 */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"

typedef struct activations_args {
    cli_state *c;
    const char *model, *output, *blocks;
    int mode; /* a persona_tap_mode */
    const char *job;
    bool fresh;
    persona_shard shard;
} activations_args;

#define AT(member) offsetof(activations_args, member)

static const char *const modes[] = {"mean", "last", "all", NULL};

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "output",
     .key = 'o',
     .required = true,
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(output),
     .help = "Where the states go: .safetensors or .npy; FILE.index.json says which row is what"},
    {.name = "blocks",
     .type = OPT_NAMES,
     .arg = "A-B,C",
     .at = AT(blocks),
     .without = "all but the last",
     .help = "Blocks to read, from 0; the model is computed no further than the last of them"},
    {.name = "mode",
     .type = OPT_SWITCH,
     .arg = "WHAT",
     .words = modes,
     .at = AT(mode),
     .help = "Of an answer's tokens: their mean, the last one, or all"},
    {.name = "job",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(job),
     .without = "none",
     .help = "Where states are kept until all are read, to be resumed"},
    OPT_FRESH(AT(fresh)),
    OPT_SHARD(AT(shard)),
    {.name = NULL},
};
static const opt_group activations_options = {NULL, false, options};

static persona_code print_json(const activations_args *a, const rig *x, const char *index,
                               const persona_activations_opts *o,
                               const persona_activations_report *r, double seconds, persona_err *e)
{
    cli_json j;
    json_out *out = cli_json_begin(&j, "activations");
    jo_string(out, "model", x->info->path);
    jo_string(out, "output", a->output);
    jo_string(out, "index", index);
    jo_string(out, "mode", modes[a->mode]);
    jo_int(out, "items", (long long)r->n_items);
    jo_int(out, "empty", (long long)r->n_empty);
    jo_array(out, "blocks");
    for (size_t i = 0; i < o->n_blocks; i++) {
        jo_int(out, NULL, o->blocks[i]);
    }
    jo_end(out);
    jo_array(out, "shape");
    jo_int(out, NULL, (long long)r->n_rows);
    jo_int(out, NULL, (long long)o->n_blocks);
    jo_int(out, NULL, x->info->n_embd);
    jo_end(out);
    jo_int(out, "n_tokens", (long long)r->n_tokens);
    jo_string(out, "job", o->job);
    jo_int(out, "resumed", (long long)r->n_resumed);
    jo_number(out, "seconds", seconds);
    return cli_json_end(a->c, &j, e);
}

static persona_code run_activations(void *p, persona_err *e)
{
    activations_args *a = p;
    persona_code rc = PERSONA_OK;
    rig x = {.model = NULL};
    persona_activations_opts o = persona_activations_defaults();
    persona_activations_report report;
    char *index =
        cli_format("%s.index.json", a->output); /* a.npy and a.safetensors have their own */
    int *blocks = NULL;
    char *job = NULL;
    const char *const text = a->c->words[0];
    TRY(cli_shard_job(a->job, a->shard, &job, e));
    o.job = job;
    o.fresh = a->fresh;
    o.shard = a->shard;
    TRY(output_distinct(a->output, (const char *const[]){text, a->model, job}, 3, e));
    TRY(output_writable(a->output, e));
    TRY(rig_open_model(&a->c->rig, a->model, true, &x, e));
    TRY(cli_blocks(a->blocks, x.info->n_layer, &blocks, &o.n_blocks, e));
    o.blocks = blocks;
    o.mode = (persona_tap_mode)a->mode;
    x.whole_texts = true;
    TRY(rig_open_session(&a->c->rig, &x, 4, 4096, e));
    const double start = clock_now();
    TRY(persona_activations(x.session, text, &o, a->output, index, &a->c->hooks, &report, e));
    const double seconds = clock_now() - start;
    tty_progress_clear(&a->c->progress);
    if (a->shard.count > 0) {
        TRY(cli_shard_done(a->c, "activations", job, a->shard, &report.shard, seconds, e));
        goto out;
    }
    if (a->c->json) {
        TRY(print_json(a, &x, index, &o, &report, seconds, e));
        goto out;
    }
    printf("%s: %zu rows of %zu blocks, %d wide\n%s: %zu texts, %zu tokens\n", a->output,
           report.n_rows, o.n_blocks, x.info->n_embd, index, report.n_items, report.n_tokens);
    if (report.n_empty > 0) {
        cli_say(a->c, "note: %zu texts have no token to read, and no row", report.n_empty);
    }
    if (a->c->verbosity > 0) {
        cli_say(a->c, "%s (%.1f tokens/s)", cli_duration(seconds),
                (double)report.n_tokens / seconds);
    }
out:
    mem_free(job);
    mem_free(blocks);
    mem_free(index);
    rig_close(&x);
    return rc;
}

const cli_command command_activations = {
    .name = "activations",
    .summary = "Write what a model's blocks hold while it reads texts",
    .usage = "--model FILE TEXTS.jsonl -o OUT.safetensors",
    .about = "Has MODEL read texts with their answers and writes the residual stream behind each "
             "block: float32, rows by blocks by width, a row for each text, or for each token.",
    .wants = "one file of texts",
    .min = 1,
    .max = 1,
    .groups = {{&activations_options, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(activations_args),
    .run = run_activations,
};
