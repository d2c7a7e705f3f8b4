/* SPDX-License-Identifier: MIT
 *
 * registry.c - loading and unloading models (registry.h). One lock for the table; models are opened
 * and closed outside of it, by the thread that wants one, while their state says LOADING: others
 * wait for `changed`.
 */
#include "server/serve/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "workbench/find.h"
#include "workbench/model_hash.h"
#include "workbench/model_list.h"

struct registry {
    registry_opts opts;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    served *models[REGISTRY_MAX_MODELS]; /* never moved, never removed: an id stays what it was */
    size_t n;
    uint64_t clock;
};

const char *served_state_name(served_state s)
{
    static const char *const NAMES[] = {"cold", "loading", "ready", "failed"};
    return NAMES[s];
}

/* ---- which files there are ------------------------------------------------------------------- */

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

static served *by_id(registry *r, const char *id)
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
    served *x = by_id(r, id);
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

static persona_code look(registry *r, persona_err *e)
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

static persona_code add_named(registry *r, persona_err *e)
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

persona_code registry_new(const registry_opts *o, registry **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    registry *r = mem_calloc(1, sizeof *r);
    *out = NULL;
    if (r == NULL) {
        return mem_err(e, "a list of models");
    }
    r->opts = *o;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (r->opts.budget == 0) {
        const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
        r->opts.budget = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 4 * 3 : 0;
    }
    TRY(add_named(r, e));
    TRY(look(r, e));
    *out = r;
    r = NULL;
out:
    registry_free(r);
    return rc;
}

static void close_model(persona_session *session, persona_model *model)
{
    if (session != NULL) {
        persona_session_stop(session);
    }
    persona_session_free(session);
    persona_model_free(model);
}

void registry_free(registry *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        close_model(r->models[i]->session, r->models[i]->model);
        mem_free(r->models[i]->path);
        mem_free(r->models[i]);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void set_state(registry *r, served *x, served_state s)
{
    x->state = s;
    x->since = clock_now();
    pthread_cond_broadcast(&r->changed);
}

/* Takes a model out of the table's hands and closes it; gives the lock back meanwhile. */
static void unload(registry *r, served *x)
{
    persona_session *session = x->session;
    persona_model *model = x->model;
    x->session = NULL;
    x->model = NULL;
    x->info = NULL;
    x->sha256 = NULL;
    set_state(r, x, SERVED_LOADING); /* nobody takes it while it is closed */
    pthread_mutex_unlock(&r->lock);
    close_model(session, model);
    pthread_mutex_lock(&r->lock);
    set_state(r, x, SERVED_COLD);
}

static uint64_t bytes_loaded(const registry *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        const served_state s = r->models[i]->state;
        sum += s == SERVED_READY || s == SERVED_LOADING ? r->models[i]->size_bytes : 0;
    }
    return sum;
}

static persona_code make_room(registry *r, const served *wanted, persona_err *e)
{
    if (wanted->size_bytes > r->opts.budget) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "model '%s' takes %.1f GB, more than the server's budget of %.1f",
                               wanted->id, (double)wanted->size_bytes / 1e9,
                               (double)r->opts.budget / 1e9);
    }
    while (bytes_loaded(r) + wanted->size_bytes > r->opts.budget) {
        served *oldest = NULL;
        for (size_t i = 0; i < r->n; i++) {
            served *x = r->models[i];
            if (x->state == SERVED_READY && x->n_users == 0 &&
                (oldest == NULL || x->used_at < oldest->used_at)) {
                oldest = x;
            }
        }
        if (oldest == NULL) {
            return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                   "no room for model '%s' beside those in use", wanted->id);
        }
        unload(r, oldest);
    }
    return PERSONA_OK;
}

static persona_code open_served(const registry_opts *o, const char *path, persona_model **model,
                                persona_session **session, const char **sha, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_session_opts opts = o->session;
    persona_model_opts mine = o->model;
    mine.hash = model_hash_file;
    TRY(persona_model_open(path, &mine, model, e));
    TRY(persona_model_sha256(*model, sha, e)); /* once, before threads ask for it */
    const int trained = persona_model_info_get(*model)->n_ctx_train;
    opts.n_ctx = trained > 0 && opts.n_ctx > trained ? trained : opts.n_ctx;
    TRY(persona_session_new(*model, &opts, session, e));
    TRY(persona_session_start(*session, e));
out:
    if (rc != PERSONA_OK) {
        close_model(*session, *model);
        *session = NULL;
        *model = NULL;
    }
    return rc;
}

/* Wants the lock, and x COLD or FAILED. */
static persona_code load(registry *r, served *x, persona_err *e)
{
    persona_model *model = NULL;
    persona_session *session = NULL;
    const char *sha = NULL;
    set_state(r, x, SERVED_LOADING);
    const uint64_t size = x->size_bytes;
    x->size_bytes = 0; /* not counted while room is made for it */
    served wanted = *x;
    wanted.size_bytes = size;
    persona_code rc = make_room(r, &wanted, e);
    x->size_bytes = size;
    if (rc != PERSONA_OK) {
        set_state(r, x, SERVED_COLD);
        return rc;
    }
    pthread_mutex_unlock(&r->lock);
    rc = open_served(&r->opts, x->path, &model, &session, &sha, e);
    pthread_mutex_lock(&r->lock);
    x->model = model;
    x->session = session;
    x->sha256 = sha;
    if (sha != NULL) {
        snprintf(x->hash, sizeof x->hash, "%s", sha);
    }
    x->info = model != NULL ? persona_model_info_get(model) : NULL;
    x->failure[0] = '\0';
    if (rc != PERSONA_OK && e != NULL) {
        snprintf(x->failure, sizeof x->failure, "%s", e->msg);
    }
    set_state(r, x, rc == PERSONA_OK ? SERVED_READY : SERVED_FAILED);
    return rc;
}

/* Wants the lock. */
static persona_code unknown(registry *r, const char *id, persona_err *e)
{
    const char *names[REGISTRY_MAX_MODELS];
    for (size_t i = 0; i < r->n; i++) {
        names[i] = r->models[i]->id;
    }
    const char *near = name_nearest(names, r->n, id);
    return near != NULL
               ? persona_err_set(e, PERSONA_E_NOTFOUND,
                                 "the model '%.100s' does not exist; did you mean '%s'?", id, near)
               : persona_err_set(e, PERSONA_E_NOTFOUND,
                                 "the model '%.100s' does not exist; GET /v1/models lists %zu", id,
                                 r->n);
}

/* Wants the lock. */
static served *find(registry *r, const char *id)
{
    if (id == NULL || *id == '\0') {
        return r->n > 0 ? r->models[0] : NULL;
    }
    served *x = by_id(r, id);
    return x != NULL && x->missing && x->state != SERVED_READY ? NULL : x;
}

/* Wants the lock. Loaded, from a file that somebody has written to since. */
static bool is_spoilt(const served *x)
{
    return x != NULL && x->state == SERVED_READY && !persona_model_intact(x->model);
}

persona_code registry_acquire(registry *r, const char *id, served **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    pthread_mutex_lock(&r->lock);
    served *x = find(r, id);
    if (x == NULL) {
        pthread_mutex_unlock(&r->lock);
        TRY(look(r, e));
        pthread_mutex_lock(&r->lock);
        x = find(r, id);
    }
    while (x != NULL && x->state == SERVED_LOADING) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    if (is_spoilt(x) && x->n_users == 0) {
        unload(r, x);
    }
    if (is_spoilt(x)) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "the file of model '%s' was written to while it is in use; it is "
                             "loaded anew when nobody uses it",
                             x->id);
    } else if (x == NULL) {
        rc = id != NULL && *id != '\0'
                 ? unknown(r, id, e)
                 : persona_err_set(e, PERSONA_E_NOTFOUND, "the server knows no model");
    } else if (x->state != SERVED_READY) {
        rc = load(r, x, e);
    }
    if (rc == PERSONA_OK) {
        x->n_users++;
        x->used_at = ++r->clock;
        *out = x;
    }
    pthread_mutex_unlock(&r->lock);
out:
    return rc;
}

void registry_hold(registry *r, served *x)
{
    pthread_mutex_lock(&r->lock);
    x->n_users++;
    pthread_mutex_unlock(&r->lock);
}

void registry_release(registry *r, served *x)
{
    if (x == NULL) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    x->n_users--;
    x->used_at = ++r->clock;
    pthread_mutex_unlock(&r->lock);
}

persona_code registry_unload(registry *r, const char *id, bool *was, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&r->lock);
    served *x = find(r, id);
    *was = x != NULL && x->state == SERVED_READY;
    if (x == NULL) {
        rc = unknown(r, id, e);
    } else if (x->n_users > 0 || x->state == SERVED_LOADING) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE, "the model '%s' is in use", id);
    } else if (*was) {
        unload(r, x);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

/* ---- what is there --------------------------------------------------------------------------- */

persona_code registry_hash(registry *r, const char *id, char out[65], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(look(r, e));
    pthread_mutex_lock(&r->lock);
    served *x = find(r, id);
    out[0] = '\0';
    if (x != NULL) {
        memcpy(out, x->hash, sizeof x->hash);
    } else {
        rc = unknown(r, id, e);
    }
    pthread_mutex_unlock(&r->lock);
    if (x == NULL || out[0] != '\0') {
        goto out;
    }
    TRY(model_file_hash(x->path, out, e)); /* its path never changes */
    pthread_mutex_lock(&r->lock);
    memcpy(x->hash, out, sizeof x->hash);
    pthread_mutex_unlock(&r->lock);
out:
    return rc;
}

persona_code registry_peek(registry *r, const char *id, model_peek *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(look(r, e));
    pthread_mutex_lock(&r->lock);
    const served *x = find(r, id);
    if (x == NULL) {
        rc = unknown(r, id, e);
    }
    pthread_mutex_unlock(&r->lock);
    if (x != NULL) {
        rc = model_peek_read(x->path, out, e);
    }
out:
    return rc;
}

static void take_facts(const served *x, served_facts *out)
{
    const persona_model_info *info = x->info;
    const persona_session_opts *o = persona_session_opts_get(x->session);
    *out = (served_facts){.n_layer = info->n_layer,
                          .n_embd = info->n_embd,
                          .n_vocab = info->n_vocab,
                          .n_ctx_train = info->n_ctx_train,
                          .n_ctx = o->n_ctx,
                          .n_slots = o->n_slots,
                          .n_params = info->n_params};
    snprintf(out->arch, sizeof out->arch, "%s", info->arch);
    snprintf(out->quant, sizeof out->quant, "%s", info->quant);
    snprintf(out->chat, sizeof out->chat, "%s", persona_chat_name(info->chat));
}

static served_status status_of(const registry *r, const served *x)
{
    served_status s = {.size_bytes = x->size_bytes,
                       .created = x->created,
                       .state = x->state,
                       .n_users = x->n_users,
                       .seconds = clock_now() - x->since,
                       .is_default = x == r->models[0]};
    memcpy(s.id, x->id, sizeof s.id);
    memcpy(s.failure, x->failure, sizeof s.failure);
    memcpy(s.hash, x->hash, sizeof s.hash);
    s.loaded = x->state == SERVED_READY;
    if (s.loaded) {
        take_facts(x, &s.facts);
    }
    return s;
}

persona_code registry_list(registry *r, served_status **out, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *n = 0;
    *out = NULL;
    TRY(look(r, e));
    pthread_mutex_lock(&r->lock);
    *out = mem_calloc(r->n + 1, sizeof **out);
    for (size_t i = 0; *out != NULL && i < r->n; i++) {
        if (!r->models[i]->missing || r->models[i]->state == SERVED_READY) {
            (*out)[(*n)++] = status_of(r, r->models[i]);
        }
    }
    pthread_mutex_unlock(&r->lock);
    rc = *out != NULL ? PERSONA_OK : mem_err(e, "a list of models");
out:
    return rc;
}

persona_code registry_status(registry *r, const char *id, served_status *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(look(r, e));
    pthread_mutex_lock(&r->lock);
    const served *x = find(r, id);
    if (x != NULL) {
        *out = status_of(r, x);
    } else {
        rc = unknown(r, id, e);
    }
    pthread_mutex_unlock(&r->lock);
out:
    return rc;
}

void registry_memory(registry *r, uint64_t *used, uint64_t *budget)
{
    pthread_mutex_lock(&r->lock);
    *used = bytes_loaded(r);
    *budget = r->opts.budget;
    pthread_mutex_unlock(&r->lock);
}

void registry_each_loaded(registry *r, void (*fn)(void *ud, served *x), void *ud)
{
    for (size_t i = 0; i < REGISTRY_MAX_MODELS; i++) {
        pthread_mutex_lock(&r->lock);
        served *x = i < r->n && r->models[i]->state == SERVED_READY ? r->models[i] : NULL;
        if (x != NULL) {
            x->n_users++;
        }
        pthread_mutex_unlock(&r->lock);
        if (x != NULL) {
            fn(ud, x);
            registry_release(r, x);
        }
    }
}
