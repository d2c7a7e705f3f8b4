/* SPDX-License-Identifier: MIT
 *
 * registry.h - the models of a server: known by id, loaded when somebody asks, unloaded when room
 * is needed for another.
 *
 * An id is the name of a file of the models/ folders without ".gguf", or of a file the operator
 * named; no request ever holds a path. The files are looked for again whenever an id is unknown or
 * the list is asked for. A loaded model has a session whose model thread runs. Whoever computes
 * holds a model by registry_acquire, so it is never unloaded in the middle; what nobody holds goes,
 * the longest unused first, when the budget would be passed. A model that is being loaded is waited
 * for.
 *
 * Threads: any number.
 */
#ifndef PERSONA_SERVER_REGISTRY_H
#define PERSONA_SERVER_REGISTRY_H

#include "engine/peek.h"
#include "persona/session.h"

enum { REGISTRY_MAX_MODELS = 256, SERVED_ID_MAX = 128 };

typedef enum served_state { SERVED_COLD, SERVED_LOADING, SERVED_READY, SERVED_FAILED } served_state;
/* "cold", "loading", "ready", "failed". */
const char *served_state_name(served_state s);

/* Members below the line are constant while it is held. */
typedef struct served {
    char id[SERVED_ID_MAX];
    char *path;
    uint64_t size_bytes;
    int64_t created; /* of the file, seconds since 1970 */
    /* ---- */
    persona_model *model;
    persona_session *session;
    const persona_model_info *info;
    const char *sha256;
    /* ---- the registry's */
    served_state state;
    size_t n_users;
    uint64_t used_at;
    double since;    /* clock_now of the last change of state */
    double progress; /* 0..1 while it is loaded */
    bool missing;    /* its file has gone; stays as long as it is loaded */
    char
        hash[65]; /* sha256 of this state of the file, also while it is not loaded; "": not known */
    char failure[512];
} served;

typedef struct registry_opts {
    const char *const *paths; /* (n_paths) files of the operator; the first is the default model */
    size_t n_paths;
    bool only_paths; /* not the models/ folders */
    uint64_t budget; /* bytes of model files loaded at once; 0: three quarters of the memory */
    persona_model_opts model;
    persona_session_opts session;
} registry_opts;

typedef struct registry registry;
PERSONA_CHECK persona_code registry_new(const registry_opts *o, registry **out, persona_err *e);
/* Nobody may hold a model. */
void registry_free(registry *r);

/* id NULL or "": the default one. Loads it if need be, which takes as long as it takes. Errors:
 * NOTFOUND, UNAVAILABLE (no room beside the models in use), those of opening a model. */
PERSONA_CHECK persona_code registry_acquire(registry *r, const char *id, served **out,
                                            persona_err *e);
void registry_release(registry *r, served *x);
/* One more holder of a model that the caller holds. */
void registry_hold(registry *r, served *x);
/* Errors: NOTFOUND, UNAVAILABLE (in use). *was: whether it was loaded. */
PERSONA_CHECK persona_code registry_unload(registry *r, const char *id, bool *was, persona_err *e);

/* The sha256 of a model (64 hex), read from its file if it is not known yet; the model is not
 * loaded. Errors: NOTFOUND, IO. */
PERSONA_CHECK persona_code registry_hash(registry *r, const char *id, char out[65], persona_err *e);

/* What the header of a model's file says; the model is not loaded. Errors: NOTFOUND, those of
 * model_peek_read. */
PERSONA_CHECK persona_code registry_peek(registry *r, const char *id, model_peek *out,
                                         persona_err *e);

/* What is known of a loaded model. */
typedef struct served_facts {
    char arch[64], quant[64], chat[16];
    int n_layer, n_embd, n_vocab, n_ctx_train;
    int n_ctx, n_slots; /* of this server */
    uint64_t n_params;
} served_facts;
/* A copy of what is known of a model. */
typedef struct served_status {
    char id[SERVED_ID_MAX];
    uint64_t size_bytes;
    int64_t created;
    served_state state;
    size_t n_users;
    double seconds;  /* in this state */
    double progress; /* LOADING: 0..1 of its file; NAN: it is not */
    bool is_default;
    char hash[65]; /* "": not known */
    bool loaded;   /* `facts` are known */
    served_facts facts;
    char failure[512];
} served_status;
/* All of them, the default one first; *out: mem_free it. Errors: NOMEM, those of looking. */
PERSONA_CHECK persona_code registry_list(registry *r, served_status **out, size_t *n,
                                         persona_err *e);
/* One of them. Errors: NOTFOUND. */
PERSONA_CHECK persona_code registry_status(registry *r, const char *id, served_status *out,
                                           persona_err *e);
/* 0..1 of the file of the model that has got least far of those that are being loaded; NAN: none
 * is. */
double registry_progress(registry *r);
/* Bytes of the files of loaded models, and what they may come to. */
void registry_memory(registry *r, uint64_t *used, uint64_t *budget);
/* Calls fn for every loaded model, held meanwhile. */
void registry_each_loaded(registry *r, void (*fn)(void *ud, served *x), void *ud);

#endif
