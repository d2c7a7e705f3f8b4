/* SPDX-License-Identifier: MIT
 *
 * cmd_models.c - `persona models list`, `info MODEL`, `pull WHAT` and `rm NAME`.
 *
 * list looks at the headers of files; info opens one model.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/models_cmd.h"
#include "cli/table.h"
#include "workbench/model_hash.h"

typedef struct models_args {
    cli_state *c;
    models_pull_opts pull;
    bool yes;
} models_args;

enum { LIST = 1, INFO = 2, PULL = 4, REMOVE = 8 };

static const cli_action actions[] = {
    {"list", LIST, "", NULL, 0, 0},
    {"info", INFO, "MODEL", "a model", 1, 1},
    {"pull", PULL, "NAME|URL|hf:OWNER/REPO[:FILE]", "what to fetch", 1, 1},
    {"rm", REMOVE, "NAME", "a model of the user's folder", 1, 1},
    {.name = NULL},
};

#define AT(member) offsetof(models_args, member)

static const opt options[] = {
    {.name = "sha256",
     .type = OPT_TEXT,
     .on = PULL,
     .arg = "HEX",
     .at = AT(pull.sha256),
     .without = "the one that the hub says, if it is one",
     .help = "The SHA-256 that the file must have"},
    {.name = "force",
     .type = OPT_ON,
     .on = PULL,
     .at = AT(pull.force),
     .help = "Fetch a file again that is there"},
    {.name = "tries",
     .type = OPT_INT,
     .on = PULL,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .at = AT(pull.tries),
     .help = "How often to ask in a row without getting 1 MiB"},
    {.name = "wait",
     .type = OPT_REAL,
     .on = PULL,
     .arg = "SECONDS",
     .min = 0,
     .max = 30,
     .at = AT(pull.wait),
     .help = "Before the second try; twice as long before each further one, up to 30 s, unless the "
             "server says how long"},
    {.name = "yes", .type = OPT_ON, .on = REMOVE, .at = AT(yes), .help = "Do not ask"},
    {.name = NULL},
};
static const opt_group models_options = {NULL, false, options};

static void init(void *p)
{
    models_args *a = p;
    a->pull.tries = 8;
    a->pull.wait = 0.5;
}

/* ---- list ------------------------------------------------------------------------------------ */

static void list_text(const model_list *l, const table_column *columns, size_t n_columns)
{
    table t;
    table_init(&t, columns, n_columns);
    for (size_t i = 0; i < l->n; i++) {
        const model_file *f = &l->files[i];
        table_cell(&t, "%s", path_base(f->path));
        table_cell(&t, "%s", f->fault ? "damaged" : f->head.arch);
        if (f->fault) {
            table_style(&t, TTY_RED);
        }
        table_cell(&t, "%s", f->head.quant ? f->head.quant : "-");
        table_cell(&t, "%s", cli_bytes(f->size_bytes));
        if (f->vectors_known) {
            table_cell(&t, "%zu", f->n_vectors);
        } else {
            table_cell(&t, "%s", f->fault ? "-" : "?");
        }
        table_cell(&t, "%s", f->path);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
    for (size_t i = 0; i < l->n; i++) {
        if (l->files[i].fault) {
            const char *path = l->files[i].path, *fault = l->files[i].fault;
            const bool named = strncmp(fault, path, strlen(path)) == 0;
            printf("%s%s%s\n", named ? "" : path, named ? "" : ": ", fault);
        }
    }
}

static persona_code run_list(cli_state *c, persona_err *e)
{
    static const table_column columns[] = {{"model", TABLE_LEFT},    {"arch", TABLE_LEFT},
                                           {"quant", TABLE_LEFT},    {"size", TABLE_RIGHT},
                                           {"vectors", TABLE_RIGHT}, {"file", TABLE_LEFT}};
    model_list l;
    persona_code rc = model_list_find(&l, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (c->json) {
        cli_json j;
        model_list_json(cli_json_begin(&j, "models"), &l);
        rc = cli_json_end(c, &j, e);
    } else if (l.n == 0) {
        printf("no models in the folders searched ('persona doctor' lists them)\n");
    } else {
        list_text(&l, columns, sizeof columns / sizeof *columns);
    }
    model_list_free(&l);
    return rc;
}

/* ---- info ------------------------------------------------------------------------------------ */

static persona_code info_json(cli_state *c, const persona_model_info *m, const char *hash,
                              char **vectors, size_t n_vectors, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "models");
    jo_string(o, "path", m->path);
    jo_string(o, "name", m->name);
    jo_string(o, "arch", m->arch);
    jo_string(o, "quant", m->quant);
    jo_int(o, "n_layer", m->n_layer);
    jo_int(o, "n_embd", m->n_embd);
    jo_int(o, "n_vocab", m->n_vocab);
    jo_int(o, "n_ctx_train", m->n_ctx_train);
    jo_int(o, "n_params", (long long)m->n_params);
    jo_int(o, "size_bytes", (long long)m->size_bytes);
    jo_string(o, "chat", persona_chat_name(m->chat));
    jo_string(o, "template_sha256", m->chat_hash);
    jo_string(o, "judge", m->judge);
    jo_string(o, "questions", m->questions);
    jo_string(o, "sha256", hash);
    jo_array(o, "vectors");
    for (size_t i = 0; i < n_vectors; i++) {
        jo_string(o, NULL, vectors[i]);
    }
    jo_end(o);
    return cli_json_end(c, &j, e);
}

static void info_text(const persona_model_info *m, const char *hash, char **vectors,
                      size_t n_vectors)
{
    printf("%s%s%s  %s, %s\n", tty_paint(stdout, TTY_BOLD), m->name, tty_paint(stdout, TTY_RESET),
           m->arch, m->quant);
    printf("  blocks     %d, %d wide; layers 0 to %d can be read and steered\n", m->n_layer,
           m->n_embd, m->n_layer - 2);
    printf("  weights    %.1f million, %s\n", (double)m->n_params / 1e6, cli_bytes(m->size_bytes));
    printf("  tokens     %d, trained on %d in a row\n", m->n_vocab, m->n_ctx_train);
    printf("  chat       %s\n", persona_chat_name(m->chat));
    printf("  judge      %s\n", m->judge ? m->judge : "none of its own");
    printf("  questions  %s\n", m->questions ? m->questions : "the trait packs'");
    printf("  vectors    ");
    for (size_t i = 0; i < n_vectors; i++) {
        printf("%s%s", i ? ", " : "", vectors[i]);
    }
    printf("%s\n  sha256     %s\n", n_vectors ? "" : "none in the library", hash);
    printf("  file       %s\n", m->path);
}

static persona_code run_info(cli_state *c, const char *name, persona_err *e)
{
    rig x = {0};
    const char *hash = NULL;
    char **vectors = NULL;
    size_t n_vectors = 0;
    persona_code rc = PERSONA_OK;
    TRY(rig_open_model(&c->rig, name, false, &x, e));
    TRY(persona_model_sha256(x.model, &hash, e));
    TRY(model_vectors(hash, &vectors, &n_vectors, e));
    if (c->json) {
        TRY(info_json(c, x.info, hash, vectors, n_vectors, e));
    } else {
        info_text(x.info, hash, vectors, n_vectors);
    }
out:
    persona_names_free(vectors, n_vectors);
    rig_close(&x);
    return rc;
}

static persona_code run_models(void *p, persona_err *e)
{
    const models_args *a = p;
    cli_state *c = a->c;
    switch (c->action->bit) {
    case INFO:
        return run_info(c, c->words[0], e);
    case PULL:
        return models_pull(c, c->words[0], &a->pull, e);
    case REMOVE:
        return models_remove(c, c->words[0], a->yes, e);
    default:
        return run_list(c, e);
    }
}

const cli_command command_models = {
    .name = "models",
    .summary = "List models, tell about one, fetch or remove one",
    .about = "Lists the GGUF files in the models/ folders that are searched, tells what one file "
             "is, fetches one from the network into the user's models/ folder, or removes one "
             "there.",
    .notes =
        "Known names: qwen2.5-7b-instruct, qwen2.5-1.5b-instruct, qwen2.5-0.5b-instruct, "
        "gpt-oss-20b, smollm2-1.7b-instruct, smollm2-360m-instruct, smollm2-135m-instruct; "
        "NAME:FILE "
        "takes another file of the same repository. FILE may be a part of a name, such as q8_0. "
        "Interrupted, the same command goes on where it was. HF_ENDPOINT is another hub, HF_TOKEN "
        "is sent to the hub only.",
    .actions = actions,
    .groups = {{&models_options, 0}, {&opt_group_model, INFO}, {&opt_group_output, 0}},
    .size = sizeof(models_args),
    .init = init,
    .run = run_models,
};
