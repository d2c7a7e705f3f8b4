/* SPDX-License-Identifier: MIT
 *
 * registry_files.c - which model files there are (registry.h): ids of their names, what is known of
 * them without loading.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/serve/registry_parts.h"
#include "workbench/find.h"
#include "workbench/model_list.h"

/* "x.gguf" is x; what an id cannot hold becomes "-". */
static void id_of(const char *path, char *out, size_t n)
{
    const char *base = path_base(path);
    size_t len = strlen(base);
    len = path_ends(base, ".gguf") && len > 5 ? len - 5 : len;
    snprintf(out, n, "%.*s", (int)(len < n - 1 ? len : n - 1), base);
    for (char *p = out; *p != '\0'; p++) {
        const bool fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                          (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' ||
                          (*p == '.' && p > out);
        *p = fine ? *p : '-';
    }
}

/* Only the first part of a split file stands for it. */
static bool later_part(const char *id)
{
    const char *of = strstr(id, "-of-");
    return of != NULL && of - id >= 6 && strncmp(of - 5, "00001", 5) != 0;
}

served *registry_by_id(registry *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->models[i]->id, id) == 0) {
            return r->models[i];
        }
    }
    return NULL;
}

/* Wants the lock. The first file of a name wins, as when a command looks for it. */
static persona_code add_file(registry *r, const char *path, persona_err *e)
{
    struct stat st;
    char id[SERVED_ID_MAX];
    id_of(path, id, sizeof id);
    if (later_part(id) || stat(path, &st) != 0) {
        return PERSONA_OK;
    }
    served *x = registry_by_id(r, id);
    if (x != NULL || r->n == REGISTRY_MAX_MODELS) {
        if (x != NULL && strcmp(x->path, path) == 0) {
            const bool other =
                x->size_bytes != (uint64_t)st.st_size || x->created != (int64_t)st.st_mtime;
            x->missing = false;
            x->size_bytes = (uint64_t)st.st_size;
            x->created = (int64_t)st.st_mtime;
            x->hash[0] = other && x->state != SERVED_READY ? '\0' : x->hash[0];
        }
        return PERSONA_OK;
    }
    x = mem_calloc(1, sizeof *x);
    char *own = mem_strdup(path);
    if (x == NULL || own == NULL) {
        mem_free(x);
        mem_free(own);
        return mem_err(e, "a list of models");
    }
    memcpy(x->id, id, sizeof x->id);
    x->path = own;
    x->size_bytes = (uint64_t)st.st_size;
    x->created = (int64_t)st.st_mtime;
    x->since = clock_now();
    r->models[r->n++] = x;
    return PERSONA_OK;
}

/* Those that cost nothing; the vectors of a model are known by it. Wants the lock. */
static void learn_hashes(registry *r)
{
    model_hashes *h = NULL;
    for (size_t i = 0; i < r->n; i++) {
        served *x = r->models[i];
        if (x->hash[0] == '\0' && !x->missing) {
            h = h != NULL ? h : model_hashes_open();
            if (!model_hash_at_hand(x->path, x->size_bytes, h, x->hash)) {
                x->hash[0] = '\0';
            }
        }
    }
    model_hashes_close(h);
}

persona_code registry_look(registry *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    model_list l = {NULL, 0};
    if (!r->opts.only_paths) {
        TRY(model_list_names(&l, e));
    }
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n; i++) {
        r->models[i]->missing = !file_exists(r->models[i]->path);
    }
    for (size_t i = 0; rc == PERSONA_OK && i < l.n; i++) {
        rc = add_file(r, l.files[i].path, e);
    }
    learn_hashes(r);
    pthread_mutex_unlock(&r->lock);
out:
    model_list_free(&l);
    return rc;
}

persona_code registry_add_named(registry *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *found = NULL;
    for (size_t i = 0; i < r->opts.n_paths; i++) {
        const size_t before = r->n;
        TRY(find_model(r->opts.paths[i], &found, e));
        if (!file_exists(found)) {
            rc = persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no such model", found);
            goto out;
        }
        TRY(add_file(r, found, e));
        if (r->n == before) {
            rc = persona_err_set(e, PERSONA_E_USAGE,
                                 "%s: another model has the same id; rename one of the files",
                                 found);
            goto out;
        }
        mem_free(found);
        found = NULL;
    }
out:
    mem_free(found);
    return rc;
}
