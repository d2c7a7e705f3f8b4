/* SPDX-License-Identifier: MIT
 *
 * common.c - what commands need before their work: memory, models, sessions, questions.
 *
 * A model file may name its question set (persona.questions): a file beside it, used unless
 * --questions says otherwise. A named file that is missing is an error. Judges are opened in
 * judge.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"

#define MAX_BATCH 65536 /* of a session */

/* ---- memory ---------------------------------------------------------------------------------- */

static void *sure(void *p)
{
    if (!p) {
        fputs("persona: out of memory\n", stderr);
        exit(persona_code_exit(PERSONA_E_NOMEM));
    }
    return p;
}

void *cli_alloc(size_t n, size_t size)
{
    return sure(mem_calloc(n, size));
}

void *cli_resize(void *p, size_t n, size_t size)
{
    return sure(mem_realloc(p, n, size));
}

char *cli_strdup(const char *s)
{
    return sure(mem_strdup(s));
}

char *cli_format(const char *fmt, ...)
{
    buf b;
    va_list ap;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "");
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return sure(buf_take(&b));
}

/* ---- files ----------------------------------------------------------------------------------- */

char *cli_find_data(const char *relative)
{
    char *found = NULL;
    char **dirs = sure(path_data_dirs());
    for (size_t i = 0; dirs[i]; i++) {
        char *path = found ? NULL : sure(path_join(dirs[i], relative));
        if (path && file_exists(path)) {
            found = path;
        } else {
            mem_free(path);
        }
        mem_free(dirs[i]);
    }
    mem_free(dirs);
    return found;
}

char *cli_beside(const char *path, const char *name)
{
    if (name[0] == '/') {
        return cli_strdup(name);
    }
    char *dir = sure(path_dir(path));
    char *out = sure(path_join(dir, name));
    mem_free(dir);
    return out;
}

char *cli_model_path(const char *path)
{
    char *found = NULL;
    if (!file_exists(path) && !strchr(path, '/')) {
        const size_t n = strlen(path);
        const bool complete = n > 5 && strcmp(path + n - 5, ".gguf") == 0;
        char *relative = cli_format("models/%s%s", path, complete ? "" : ".gguf");
        found = cli_find_data(relative);
        mem_free(relative);
    }
    return found ? found : cli_strdup(path);
}

/* ---- opening --------------------------------------------------------------------------------- */

persona_code cli_open_model(const char *path, bool bulk, cli_engine *out, persona_err *e)
{
    *out = (cli_engine){0};
    persona_model_opts opts = persona_model_defaults();
    opts.bulk = bulk;
    char *found = cli_model_path(path);
    persona_code rc = persona_model_open(found, &opts, &out->model, e);
    mem_free(found);
    if (rc == PERSONA_OK) {
        out->info = persona_model_info_get(out->model);
    }
    return rc;
}

persona_code cli_open_session(const cli_state *c, cli_engine *x, int n_slots, int n_ctx,
                              persona_err *e)
{
    persona_session_opts opts = persona_session_defaults();
    if (n_slots > 0) {
        opts.n_slots = n_slots;
    }
    if (n_ctx > 0) {
        opts.n_ctx = n_ctx;
    }
    if (c->n_slots > 0) {
        opts.n_slots = c->n_slots;
    }
    if (c->n_ctx > 0) {
        opts.n_ctx = c->n_ctx;
    }
    if (c->n_threads > 0) {
        opts.n_threads = c->n_threads;
    }
    if (opts.n_ctx > x->info->n_ctx_train && x->info->n_ctx_train > 0) {
        opts.n_ctx = x->info->n_ctx_train;
    }
    if (x->whole_texts) {
        opts.n_batch = opts.n_ctx < MAX_BATCH ? opts.n_ctx : MAX_BATCH;
    }
    opts.fixed_shape = true; /* same seed, same bytes, whatever else runs or ran */
    return persona_session_new(x->model, &opts, &x->session, e);
}

static persona_code open_questions(const cli_state *c, cli_engine *x, persona_err *e)
{
    const char *given = c->questions;
    char *end = NULL;
    const long limit = given ? strtol(given, &end, 10) : 0;
    const bool number = given && end != given && *end == '\0';
    if (number && (limit < 1 || limit > 100000)) {
        return persona_err_set(e, PERSONA_E_USAGE, "--questions wants at least 1, not '%s'", given);
    }
    x->n_questions = number ? (int)limit : 0;
    char *path = NULL;
    if (given && !number) {
        path = cli_strdup(given);
    } else if (x->info->questions) {
        path = cli_beside(x->info->path, x->info->questions);
    }
    const persona_code rc = path ? persona_questions_read(path, &x->questions, e) : PERSONA_OK;
    if (rc != PERSONA_OK && !(given && !number)) {
        persona_err_wrap(e, "question set named by %s", x->info->path);
    }
    mem_free(path);
    return rc;
}

/* other: the engine whose judge may serve this one, too; NULL: none. */
static persona_code open_judge(const cli_state *c, const cli_engine *other, cli_engine *x,
                               persona_err *e)
{
    const persona_code rc = cli_judge_open(c, other, x, e);
    return rc == PERSONA_OK ? open_questions(c, x, e) : rc;
}

persona_code cli_open_judge(const cli_state *c, cli_engine *x, persona_err *e)
{
    return open_judge(c, NULL, x, e);
}

persona_code cli_open_side(const cli_state *c, const char *path, const cli_engine *other,
                           cli_engine *x, persona_err *e)
{
    persona_code rc = cli_open_model(path, true, x, e);
    if (rc == PERSONA_OK) {
        rc = open_judge(c, other, x, e);
    }
    return rc == PERSONA_OK ? cli_open_session(c, x, 32, 512, e) : rc;
}

study_side cli_side(const cli_engine *x)
{
    return (study_side){.session = x->session, .judge = x->judge, .questions = x->questions};
}

void cli_close(cli_engine *x)
{
    persona_questions_free(x->questions);
    cli_judge_close(x);
    persona_session_free(x->session);
    persona_model_free(x->model);
    *x = (cli_engine){0};
}

persona_code cli_questions_for(const cli_engine *x, const persona_trait *t, persona_questions **own,
                               const persona_questions **out, persona_err *e)
{
    *own = NULL;
    *out = x->questions;
    if (x->questions) {
        return PERSONA_OK;
    }
    const persona_code rc = persona_questions_of(t, own, e);
    *out = *own;
    return rc;
}

/* ---- traits and vectors ---------------------------------------------------------------------- */

persona_code cli_all_traits(const persona_trait *wanted, cli_traits *out, persona_err *e)
{
    char **names = NULL;
    size_t n = 0;
    *out = (cli_traits){NULL, 0};
    persona_code rc = persona_trait_names(&names, &n, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    out->p = cli_alloc(n + 1, sizeof *out->p);
    if (wanted) { /* from its own file: a path given by the user wins over the pack of that name */
        rc = persona_trait_find(wanted->path, &out->p[out->n], e);
    }
    out->n += wanted && rc == PERSONA_OK;
    for (size_t i = 0; i < n && rc == PERSONA_OK; i++) {
        if (wanted && strcmp(names[i], wanted->name) == 0) {
            continue;
        }
        rc = persona_trait_find(names[i], &out->p[out->n], e);
        out->n += rc == PERSONA_OK;
    }
    persona_names_free(names, n);
    if (rc != PERSONA_OK) {
        cli_traits_free(out);
    }
    return rc;
}

void cli_traits_free(cli_traits *t)
{
    for (size_t i = 0; i < t->n; i++) {
        persona_trait_free(t->p[i]);
    }
    mem_free(t->p);
    *t = (cli_traits){NULL, 0};
}

persona_code cli_distinct(const char *output, const char *const *inputs, size_t n, persona_err *e)
{
    struct stat out, in;
    if (stat(output, &out) != 0 || !S_ISREG(out.st_mode)) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (inputs[i] && stat(inputs[i], &in) == 0 && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "-o %s is also an input, which it would replace (choose another "
                                   "name)",
                                   output);
        }
    }
    return PERSONA_OK;
}

persona_code cli_writable(const char *path, persona_err *e)
{
    struct stat st;
    if (*path == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE, "-o is empty");
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return S_ISDIR(st.st_mode) ? persona_err_set(e, PERSONA_E_IO, "%s is a folder", path)
                                   : PERSONA_OK; /* opening a pipe would wait for its reader */
    }
    file_out f;
    const persona_code rc = file_out_open(&f, path, e);
    file_out_abort(&f);
    return rc;
}

persona_code cli_vector_path(const cli_engine *x, const char *trait, const char *wanted, char **out,
                             persona_err *e)
{
    *out = NULL;
    if (!wanted) {
        return persona_vector_place(x->model, trait, out, e);
    }
    const char *dot = strrchr(path_base(wanted), '.');
    struct stat st;
    const bool folder = stat(wanted, &st) == 0 && !S_ISREG(st.st_mode); /* said elsewhere */
    if (dot && dot[1] && !folder && !persona_vector_format_of(wanted)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the extension names no format of vectors (.gguf, .safetensors, "
                               ".json, .f32, .pt)",
                               wanted);
    }
    *out = cli_strdup(wanted);
    return PERSONA_OK;
}
