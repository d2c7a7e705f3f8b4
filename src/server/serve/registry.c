/* SPDX-License-Identifier: MIT
 *
 * registry.c - loading and unloading models (registry.h). One lock for the table; models are opened
 * and closed outside of it, by the thread that wants one, while their state says LOADING: others
 * wait for `changed`.
 */
#include "server/serve/registry.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "server/serve/registry_parts.h"
#include "workbench/model_hash.h"
#include "workbench/model_list.h"

const char *served_state_name(served_state s)
{
    static const char *const NAMES[] = {"cold", "loading", "ready", "failed"};
    return NAMES[s];
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
    TRY(registry_add_named(r, e));
    TRY(registry_look(r, e));
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

typedef struct loading {
    registry *r;
    served *x;
} loading;

static void on_loaded(void *ud, double done)
{
    const loading *l = ud;
    pthread_mutex_lock(&l->r->lock);
    l->x->progress = done;
    pthread_mutex_unlock(&l->r->lock);
}

static persona_code open_served(registry *r, served *x, persona_model **model,
                                persona_session **session, const char **sha, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    loading l = {r, x};
    persona_session_opts opts = r->opts.session;
    persona_model_opts how = r->opts.model;
    how.hash = model_hash_file;
    how.progress = on_loaded;
    how.progress_ud = &l;
    TRY(persona_model_open(x->path, &how, model, e));
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
    x->progress = 0;
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
    rc = open_served(r, x, &model, &session, &sha, e);
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
    served *x = registry_by_id(r, id);
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
        TRY(registry_look(r, e));
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
    TRY(registry_look(r, e));
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
    TRY(registry_look(r, e));
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
    s.progress = x->state == SERVED_LOADING ? x->progress : (double)NAN;
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
    TRY(registry_look(r, e));
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
    TRY(registry_look(r, e));
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

double registry_progress(registry *r)
{
    double least = (double)NAN;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n; i++) {
        const served *x = r->models[i];
        if (x->state == SERVED_LOADING && !(x->progress >= least)) {
            least = x->progress;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return least;
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
