/* SPDX-License-Identifier: MIT
 *
 * model_list.c - the GGUF files at hand, by their headers (model_list.h).
 *
 * A model in parts is one model, under the name of its first part. The vectors of a model are known
 * by the SHA-256 of its file: that of a small file is computed, that of a large one must be
 * remembered (model_hash.h).
 */
#include "workbench/model_list.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/trait.h"
#include "workbench/model_hash.h"
#include "workbench/model_source.h"

enum { SMALL = 32 << 20 }; /* bytes that are hashed for a list */

persona_code model_part_paths(const char *path, char ***out, size_t *n, persona_err *e)
{
    int no = 1, count = 1;
    const bool split = model_split(path_base(path), &no, &count) && no == 1;
    const size_t wanted = split ? (size_t)count : 1;
    *n = 0;
    *out = mem_calloc(wanted, sizeof **out);
    bool ok = *out != NULL;
    for (; ok && *n < wanted; *n += ok) {
        char *part = split ? model_split_other(path, (int)*n + 1) : mem_strdup(path);
        ok = part != NULL;
        (*out)[*n] = part;
    }
    if (!ok) {
        mem_free_list(*out, *out ? *n : 0);
        *out = NULL;
        *n = 0;
        return mem_err(e, "file names");
    }
    return PERSONA_OK;
}

static persona_code set_fault(model_file *f, const char *text, persona_err *e)
{
    if (f->fault) {
        return PERSONA_OK; /* the first one counts */
    }
    f->fault = mem_strdup(text);
    return f->fault ? PERSONA_OK : mem_err(e, "a list of models");
}

static persona_code look_at_part(model_file *f, size_t i, const char *path, persona_err *e)
{
    model_peek head;
    persona_err fault = {.code = PERSONA_OK};
    const persona_code rc = model_peek_read(path, i == 0 ? &f->head : &head, &fault);
    if (rc == PERSONA_E_NOMEM) {
        return persona_err_set(e, rc, "%s", fault.msg);
    }
    if (i > 0 && rc == PERSONA_OK) {
        f->head.n_params += head.n_params;
        f->head.n_tensors += head.n_tensors;
    }
    return rc == PERSONA_OK ? PERSONA_OK : set_fault(f, fault.msg, e);
}

static bool hash_parts(char **parts, size_t n, uint64_t size, model_hashes *h, char out[65])
{
    const char *const *paths = (const char *const *)parts;
    const bool known = model_hashes_get(h, paths, n, out);
    return known ||
           (size <= SMALL && model_hashes_file(h, paths, n, NULL, out, NULL) == PERSONA_OK);
}

bool model_hash_at_hand(const char *path, uint64_t size_bytes, model_hashes *h, char out[65])
{
    char **parts = NULL;
    size_t n = 0;
    const bool known = model_part_paths(path, &parts, &n, NULL) == PERSONA_OK &&
                       hash_parts(parts, n, size_bytes, h, out);
    mem_free_list(parts, n);
    return known;
}

persona_code model_file_hash(const char *path, char out[65], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **parts = NULL;
    size_t n = 0;
    TRY(model_part_paths(path, &parts, &n, e));
    TRY(model_hash_file((const char *const *)parts, n, NULL, out, e));
out:
    mem_free_list(parts, n);
    return rc;
}

static persona_code find_vectors(model_file *f, char **parts, size_t n, model_hashes *h,
                                 persona_err *e)
{
    char sum[65];
    const bool known = hash_parts(parts, n, f->size_bytes, h, sum);
    f->vectors_known = known;
    return known ? model_vectors(sum, &f->vectors, &f->n_vectors, e) : PERSONA_OK;
}

static void add_size(model_file *f, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        f->size_bytes += (uint64_t)st.st_size;
    }
}

/* Takes over path. names: nothing is opened. */
static persona_code look_at(model_file *f, char *path, bool names, model_hashes *h, persona_err *e)
{
    char **parts = NULL;
    size_t n = 0;
    int no = 1, count = 1;
    persona_code rc = PERSONA_OK;
    *f = (model_file){.path = path};
    const bool orphan = model_split(path_base(path), &no, &count) && no > 1;
    TRY(model_part_paths(path, &parts, &n, e));
    f->n_parts = (int)n;
    for (size_t i = 0; i < n; i++) {
        add_size(f, parts[i]);
    }
    for (size_t i = 0; i < n && !names; i++) {
        TRY(look_at_part(f, i, parts[i], e));
    }
    if (names) {
        goto out;
    }
    if (orphan) {
        TRY(set_fault(f, "a part whose first part is not here", e));
    } else if (!f->fault && f->head.n_tensors == 0) {
        TRY(set_fault(f, "it holds no weights", e));
    } else if (!f->fault) {
        TRY(find_vectors(f, parts, n, h, e));
    }
out:
    mem_free_list(parts, n);
    return rc;
}

/* A later part of a model whose first part is in the same folder. */
static bool is_later_part(const char *path)
{
    int no = 1, count = 1;
    if (!model_split(path_base(path), &no, &count) || no == 1) {
        return false;
    }
    char *first = model_split_other(path, 1);
    const bool yes = first && file_exists(first);
    mem_free(first);
    return yes;
}

static persona_code add_folder(model_list *l, const char *data_dir, bool names, model_hashes *h,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **paths = NULL;
    size_t n = 0;
    char *dir = path_join(data_dir, "models");
    TRY(dir != NULL ? PERSONA_OK : mem_err(e, "a path"));
    rc = file_list(dir, ".gguf", &paths, &n, e);
    if (rc == PERSONA_E_IO) { /* a folder that cannot be read has no models */
        rc = PERSONA_OK;
    }
    if (rc != PERSONA_OK || n == 0) {
        goto out;
    }
    model_file *grown = mem_realloc(l->files, l->n + n, sizeof *grown);
    TRY(grown != NULL ? PERSONA_OK : mem_err(e, "a list of models"));
    l->files = grown;
    for (size_t i = 0; i < n; i++) {
        if (!is_later_part(paths[i])) {
            char *path = paths[i];
            paths[i] = NULL;
            TRY(look_at(&l->files[l->n++], path, names, h, e));
        }
    }
out:
    mem_free_list(paths, n);
    mem_free(dir);
    return rc;
}

static persona_code find(model_list *l, bool names, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *l = (model_list){NULL, 0};
    char **dirs = path_data_dirs();
    if (dirs == NULL) {
        return mem_err(e, "a path");
    }
    model_hashes *h = names ? NULL : model_hashes_open();
    for (size_t i = 0; dirs[i] != NULL; i++) {
        rc = rc == PERSONA_OK ? add_folder(l, dirs[i], names, h, e) : rc;
        mem_free(dirs[i]);
    }
    mem_free(dirs);
    model_hashes_close(h);
    if (rc != PERSONA_OK) {
        model_list_free(l);
    }
    return rc;
}

persona_code model_list_find(model_list *l, persona_err *e)
{
    return find(l, false, e);
}

persona_code model_list_names(model_list *l, persona_err *e)
{
    return find(l, true, e);
}

void model_list_free(model_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->files[i].path);
        mem_free(l->files[i].fault);
        persona_names_free(l->files[i].vectors, l->files[i].n_vectors);
    }
    mem_free(l->files);
    *l = (model_list){NULL, 0};
}

static void number_json(json_out *o, const char *key, uint64_t x)
{
    if (x > 0) {
        jo_int(o, key, (long long)x);
    } else {
        jo_null(o, key);
    }
}

void model_list_json(json_out *o, const model_list *l)
{
    jo_array(o, "models");
    for (size_t i = 0; i < l->n; i++) {
        const model_file *f = &l->files[i];
        jo_object(o, NULL);
        jo_string(o, "name", path_base(f->path));
        jo_string(o, "path", f->path);
        jo_int(o, "size_bytes", (long long)f->size_bytes);
        jo_int(o, "n_parts", f->n_parts);
        jo_string(o, "arch", f->head.arch[0] ? f->head.arch : NULL);
        jo_string(o, "quant", f->head.quant);
        number_json(o, "n_layer", f->head.n_layer);
        number_json(o, "n_embd", f->head.n_embd);
        number_json(o, "n_ctx_train", f->head.n_ctx_train);
        number_json(o, "n_params", f->head.n_params);
        if (f->vectors_known) {
            jo_array(o, "vectors");
            for (size_t k = 0; k < f->n_vectors; k++) {
                jo_string(o, NULL, f->vectors[k]);
            }
            jo_end(o);
        } else {
            jo_null(o, "vectors");
        }
        jo_string(o, "fault", f->fault);
        jo_end(o);
    }
    jo_end(o);
}
