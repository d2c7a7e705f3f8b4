/* SPDX-License-Identifier: MIT
 *
 * library.c - vectors that stay in memory (library.h).
 *
 * A file that changes while its vector is in use does not pull it away: the old entry is dropped
 * when it is released, and the next reader gets a new one. Files are read outside the lock, so
 * that one slow disk does not hold up readers of what is here; two threads may then read the same
 * file once each, and the second finds the first's entry and keeps that.
 */
#include "workbench/library.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/steering.h"
#include "workbench/shelf.h"

/* What tells one state of a file from another. */
typedef struct file_state {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
} file_state;

typedef struct entry {
    persona_vector *v;
    char *path;
    file_state state;
    size_t n_users;
    uint64_t used_at; /* library.clock of the last use */
    bool stale;       /* goes with its last user */
} entry;

struct library {
    pthread_mutex_t lock;
    entry entries[LIBRARY_MAX_VECTORS];
    size_t n, n_reads;
    uint64_t clock;
};

persona_code library_new(library **out, persona_err *e)
{
    library *l = mem_calloc(1, sizeof *l);
    *out = l;
    if (l == NULL) {
        return mem_err(e, "a library");
    }
    if (pthread_mutex_init(&l->lock, NULL) != 0) {
        mem_free(l);
        *out = NULL;
        return persona_err_set(e, PERSONA_E_INTERNAL, "a library's lock cannot be made");
    }
    return PERSONA_OK;
}

static void drop_entry(library *l, size_t i)
{
    persona_vector_free(l->entries[i].v);
    mem_free(l->entries[i].path);
    l->entries[i] = l->entries[--l->n];
}

void library_free(library *l)
{
    if (l == NULL) {
        return;
    }
    while (l->n > 0) {
        drop_entry(l, l->n - 1);
    }
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static bool state_of_file(const char *path, file_state *out)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return false;
    }
    *out = (file_state){st.st_dev, st.st_ino, st.st_size, file_mtime(&st)};
    return true;
}

static bool same_state(const file_state *a, const file_state *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The entry that holds this state of the file, taken into use; older states become stale. Wants the
 * lock. */
static persona_vector *take_entry(library *l, const char *path, const file_state *state)
{
    persona_vector *found = NULL;
    for (size_t i = l->n; i-- > 0;) {
        entry *x = &l->entries[i];
        if (x->stale || strcmp(x->path, path) != 0) {
            continue;
        }
        if (same_state(&x->state, state)) {
            x->n_users++;
            x->used_at = ++l->clock;
            found = x->v;
        } else if (x->n_users == 0) {
            drop_entry(l, i);
        } else {
            x->stale = true;
        }
    }
    return found;
}

/* Makes room for one more; false: every vector is in use. Wants the lock. */
static bool make_room(library *l)
{
    size_t oldest = l->n;
    for (size_t i = 0; i < l->n; i++) {
        const bool idle = l->entries[i].n_users == 0;
        if (idle && (oldest == l->n || l->entries[i].used_at < l->entries[oldest].used_at)) {
            oldest = i;
        }
    }
    if (l->n == LIBRARY_MAX_VECTORS && oldest < l->n) {
        drop_entry(l, oldest);
    }
    return l->n < LIBRARY_MAX_VECTORS;
}

/* Keeps a vector that was just read, unless another thread was faster. Takes over path and v. */
static persona_vector *keep(library *l, char *path, const file_state *state, persona_vector *v)
{
    pthread_mutex_lock(&l->lock);
    l->n_reads++;
    persona_vector *mine = take_entry(l, path, state);
    if (mine == NULL && make_room(l)) {
        l->entries[l->n++] =
            (entry){.v = v, .path = path, .state = *state, .n_users = 1, .used_at = ++l->clock};
        pthread_mutex_unlock(&l->lock);
        return v;
    }
    pthread_mutex_unlock(&l->lock);
    mem_free(path);
    if (mine != NULL) {
        persona_vector_free(v);
        return mine;
    }
    return v; /* not kept: library_release frees what it does not know */
}

/* Takes path over. */
static persona_code vector_at(library *l, persona_model *m, char *path, persona_vector **out,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    file_state state;
    if (!state_of_file(path, &state)) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no such file", path);
        goto out;
    }
    pthread_mutex_lock(&l->lock);
    *out = take_entry(l, path, &state);
    pthread_mutex_unlock(&l->lock);
    if (*out != NULL && (*out)->n_embd == persona_model_info_get(m)->n_embd) {
        goto out;
    }
    if (*out != NULL) { /* another model's: the reader says what is wrong */
        library_release(l, *out);
        *out = NULL;
    }
    persona_vector *v = NULL;
    TRY(steering_read(m, path, &v, e));
    *out = keep(l, path, &state, v);
    path = NULL;
out:
    mem_free(path);
    return rc;
}

persona_code library_vector(library *l, persona_model *m, const char *name, persona_vector **out,
                            persona_err *e)
{
    char *path = NULL;
    *out = NULL;
    const persona_code rc = steering_path(m, name, &path, e);
    return rc == PERSONA_OK ? vector_at(l, m, path, out, e) : rc;
}

persona_code library_vector_named(library *l, persona_model *m, const char *name,
                                  persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    *out = NULL;
    if (!shelf_is_name(name)) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "'%.60s' is no name of a vector in the library (files cannot be "
                               "named here)",
                               name);
    }
    TRY(persona_vector_place(m, name, &path, e));
    if (!file_exists(path)) { /* steering_path lists what is there */
        mem_free(path);
        path = NULL;
        TRY(steering_path(m, name, &path, e));
    }
    rc = vector_at(l, m, path, out, e);
out:
    return rc;
}

void library_release(library *l, persona_vector *v)
{
    bool known = false;
    pthread_mutex_lock(&l->lock);
    for (size_t i = l->n; i-- > 0 && !known;) {
        entry *x = &l->entries[i];
        known = x->v == v;
        if (known && --x->n_users == 0 && x->stale) {
            drop_entry(l, i);
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (!known) {
        persona_vector_free(v);
    }
}

static persona_code find_here(void *ud, persona_model *m, const char *name, persona_vector **out,
                              persona_err *e)
{
    return library_vector(ud, m, name, out, e);
}

static persona_code find_named(void *ud, persona_model *m, const char *name, persona_vector **out,
                               persona_err *e)
{
    return library_vector_named(ud, m, name, out, e);
}

static void release_here(void *ud, persona_vector *v)
{
    library_release(ud, v);
}

persona_code library_steer(library *l, persona_model *m, const char *expression,
                           persona_plan **plan, persona_receipt *receipt, persona_err *e)
{
    const steering_vectors from = {l, find_here, release_here, true};
    return steering_build(m, expression, &from, plan, receipt, e);
}

persona_code library_steer_named(library *l, persona_model *m, const char *expression,
                                 persona_plan **plan, persona_receipt *receipt, persona_err *e)
{
    const steering_vectors from = {l, find_named, release_here, true};
    return steering_build(m, expression, &from, plan, receipt, e);
}

size_t library_reads(library *l)
{
    pthread_mutex_lock(&l->lock);
    const size_t n = l->n_reads;
    pthread_mutex_unlock(&l->lock);
    return n;
}
