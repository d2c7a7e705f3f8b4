/* SPDX-License-Identifier: MIT
 *
 * cmd_doctor.c - `persona doctor`: is everything there that the other commands need?
 *
 * A table of checks; each one says what it found, and what to do where it found nothing. Exit code
 * 1 if a needed thing is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"

typedef struct facts {
    char **dirs, *library;
    model_list models;
    char *pair[2];
    trait_set traits;
    persona_err traits_error;
    bool library_writable;
} facts;

typedef struct check {
    const char *name;
    bool ok;
    char text[600];
} check;
enum { N_CHECKS = 4 };

typedef struct doctor_args {
    cli_state *c;
} doctor_args;

/* The nearest folder above that exists decides: it will be made when needed. */
static bool can_write(const char *dir)
{
    char *path = cli_strdup(dir);
    bool ok = false, known = false;
    while (!known) {
        known = access(path, F_OK) == 0 || strcmp(path, "/") == 0 || strcmp(path, ".") == 0;
        ok = known && access(path, W_OK | X_OK) == 0;
        char *up = path_dir(path);
        mem_free(path);
        path = up ? up : cli_strdup(".");
    }
    mem_free(path);
    return ok;
}

static persona_code gather(facts *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    static const char *const pair[2] = {"models/persona-qwen2.gguf", "models/persona-gpt-oss.gguf"};
    f->dirs = path_data_dirs();
    f->library = path_user_data();
    f->library_writable = f->library && can_write(f->library);
    TRY(model_list_find(&f->models, e));
    for (size_t i = 0; i < 2; i++) {
        TRY(find_data(pair[i], &f->pair[i], e));
    }
    if (trait_set_open(NULL, &f->traits, &f->traits_error) == PERSONA_OK) {
        f->traits_error.msg[0] = '\0';
    }
out:
    return rc;
}

static void examine(const facts *f, check *c)
{
    const size_t devices = persona_engine_device_count();
    c[0] = (check){.name = "compute backend", .ok = devices > 0};
    snprintf(c[0].text, sizeof c[0].text, "%s",
             devices > 0 ? persona_engine_device_name(0) : "none found: reinstall libggml");
    c[1] = (check){.name = "embedded pair", .ok = f->pair[0] && f->pair[1]};
    snprintf(c[1].text, sizeof c[1].text, "%s",
             c[1].ok ? f->pair[0]
                     : "models/persona-qwen2.gguf and persona-gpt-oss.gguf are not in "
                       "any folder searched: set PERSONA_DATA");
    c[2] = (check){.name = "trait packs", .ok = f->traits.n > 0};
    if (f->traits.n > 0) {
        snprintf(c[2].text, sizeof c[2].text, "%zu", f->traits.n);
    } else {
        snprintf(c[2].text, sizeof c[2].text, "%s",
                 f->traits_error.msg[0] ? f->traits_error.msg : "none found: set PERSONA_DATA");
    }
    c[3] = (check){.name = "user's library", .ok = f->library_writable};
    snprintf(c[3].text, sizeof c[3].text, "%s%s", f->library ? f->library : "",
             !f->library           ? "neither XDG_DATA_HOME nor HOME is set"
             : f->library_writable ? ""
                                   : " cannot be written");
}

static persona_code print_json(cli_state *state, const facts *f, const check *c, bool ok,
                               persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "doctor");
    jo_string(o, "version", persona_version());
    jo_string(o, "llama", persona_engine_llama_version());
    jo_string(o, "ggml", persona_engine_ggml_version());
    jo_array(o, "backends");
    for (size_t i = 0; i < persona_engine_device_count(); i++) {
        jo_string(o, NULL, persona_engine_device_name(i));
    }
    jo_end(o);
    jo_array(o, "devices");
    for (size_t i = 0; i < persona_engine_device_count(); i++) {
        jo_object(o, NULL);
        jo_string(o, "name", persona_engine_device(i));
        jo_string(o, "text", persona_engine_device_name(i));
        jo_end(o);
    }
    jo_end(o);
    jo_bool(o, "rpc", persona_engine_has_rpc());
    jo_array(o, "folders");
    for (size_t i = 0; f->dirs && f->dirs[i]; i++) {
        jo_string(o, NULL, f->dirs[i]);
    }
    jo_end(o);
    jo_string(o, "library", f->library);
    model_list_json(o, &f->models);
    jo_array(o, "traits");
    for (size_t i = 0; i < f->traits.n; i++) {
        jo_string(o, NULL, f->traits.p[i]->name);
    }
    jo_end(o);
    jo_array(o, "checks");
    for (size_t i = 0; i < N_CHECKS; i++) {
        jo_object(o, NULL);
        jo_string(o, "name", c[i].name);
        jo_bool(o, "ok", c[i].ok);
        jo_string(o, "text", c[i].text);
        jo_end(o);
    }
    jo_end(o);
    jo_bool(o, "ok", ok);
    return cli_json_end(state, &j, e);
}

static void print_text(const facts *f, const check *c)
{
    printf("persona %s, llama %s, ggml %s\n", persona_version(), persona_engine_llama_version(),
           persona_engine_ggml_version());
    for (size_t i = 0; i < N_CHECKS; i++) {
        printf("  %s%-8s%s %-16s %s\n", tty_paint(stdout, c[i].ok ? TTY_GREEN : TTY_RED),
               c[i].ok ? "ok" : "missing", tty_paint(stdout, TTY_RESET), c[i].name, c[i].text);
    }
    printf("\ndevices\n");
    for (size_t i = 0; i < persona_engine_device_count(); i++) {
        printf("  %-6s  %s\n", persona_engine_device(i), persona_engine_device_name(i));
    }
    printf("  other hosts (--rpc): %s\n", persona_engine_has_rpc()
                                              ? "ggml's RPC backend is installed"
                                              : "ggml's RPC backend is not installed");
    printf("\nfolders searched for models/ and traits/\n");
    for (size_t i = 0; f->dirs && f->dirs[i]; i++) {
        printf("  %s\n", f->dirs[i]);
    }
    printf("\nmodels\n");
    for (size_t i = 0; i < f->models.n; i++) {
        printf("  %s  %s\n", f->models.files[i].path, cli_bytes(f->models.files[i].size_bytes));
    }
    if (f->models.n == 0) {
        printf("  none\n");
    }
}

static persona_code run_doctor(void *p, persona_err *e)
{
    cli_state *c = ((doctor_args *)p)->c;
    persona_code rc = PERSONA_OK;
    facts f = {.dirs = NULL};
    check checks[N_CHECKS];
    const char *missing = NULL;
    if (c->rig.model.rpc) {
        TRY(persona_engine_connect(c->rig.model.rpc, c->rig.model.rpc_wait, e));
    }
    TRY(gather(&f, e));
    examine(&f, checks);
    for (size_t i = 0; i < N_CHECKS; i++) {
        if (!checks[i].ok && !missing) {
            missing = checks[i].name;
        }
    }
    if (c->json) {
        TRY(print_json(c, &f, checks, !missing, e));
    } else {
        print_text(&f, checks);
    }
    if (missing) {
        rc = persona_err_set(e, PERSONA_E_NEGATIVE, "not everything is there: %s", missing);
    }
out:
    for (size_t i = 0; f.dirs && f.dirs[i]; i++) {
        mem_free(f.dirs[i]);
    }
    mem_free(f.dirs);
    mem_free(f.library);
    mem_free(f.pair[0]);
    mem_free(f.pair[1]);
    model_list_free(&f.models);
    trait_set_free(&f.traits);
    return rc;
}

const cli_command command_doctor = {
    .name = "doctor",
    .summary = "Check the installation",
    .usage = "",
    .about = "Checks the installation: libraries, compute backends, folders, models and trait "
             "packs; with --rpc also other hosts.",
    .groups = {{&opt_group_hosts, 0}, {&opt_group_output, 0}},
    .size = sizeof(doctor_args),
    .run = run_doctor,
};
