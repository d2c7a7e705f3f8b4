/* SPDX-License-Identifier: MIT
 *
 * native_models.c - /api/v1/models: what there is, what is loaded, loading and unloading.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "workbench/model_hash.h"

static void facts_json(json_out *o, const served_status *x)
{
    if (!x->loaded) {
        jo_null(o, "loaded");
        return;
    }
    jo_object(o, "loaded");
    jo_string(o, "arch", x->facts.arch);
    jo_string(o, "quant", x->facts.quant);
    jo_string(o, "chat", x->facts.chat);
    jo_int(o, "n_layer", x->facts.n_layer);
    jo_int(o, "n_embd", x->facts.n_embd);
    jo_int(o, "n_vocab", x->facts.n_vocab);
    jo_int(o, "n_ctx_train", x->facts.n_ctx_train);
    jo_int(o, "n_ctx", x->facts.n_ctx);
    jo_int(o, "n_slots", x->facts.n_slots);
    jo_double(o, "n_params", (double)x->facts.n_params);
    jo_end(o);
}

static persona_code vectors_json(json_out *o, const served_status *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    if (x->hash[0] == '\0') {
        jo_null(o, "vectors");
        return PERSONA_OK;
    }
    TRY(model_vectors(x->hash, &names, &n, e));
    jo_array(o, "vectors");
    for (size_t i = 0; i < n; i++) {
        jo_string(o, NULL, names[i]);
    }
    jo_end(o);
out:
    mem_free_list(names, n);
    return rc;
}

/* As members of the open object. */
static persona_code model_entry(json_out *o, const served_status *x, persona_err *e)
{
    char failure[sizeof x->failure];
    memcpy(failure, x->failure, sizeof failure);
    error_redact(failure);
    jo_string(o, "id", x->id);
    jo_string(o, "state", served_state_name(x->state));
    jo_bool(o, "default", x->is_default);
    jo_double(o, "size_bytes", (double)x->size_bytes);
    jo_int(o, "created", x->created);
    jo_int(o, "n_users", (long long)x->n_users);
    jo_number(o, "seconds", x->seconds);
    jo_number(o, "progress", 100 * x->progress);
    jo_string(o, "failure", failure[0] != '\0' ? failure : NULL);
    jo_string(o, "sha256", x->hash[0] != '\0' ? x->hash : NULL);
    facts_json(o, x);
    return vectors_json(o, x, e);
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    uint64_t used = 0, budget = 0;
    TRY(registry_list(c->s->models, &all, &n, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "models");
    for (size_t i = 0; i < n; i++) {
        jo_object(&c->out, NULL);
        TRY(model_entry(&c->out, &all[i], e));
        jo_end(&c->out);
    }
    jo_end(&c->out);
    registry_memory(c->s->models, &used, &budget);
    jo_object(&c->out, "memory");
    jo_double(&c->out, "used_bytes", (double)used);
    jo_double(&c->out, "budget_bytes", (double)budget);
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(all);
    return rc;
}

static persona_code show(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status x;
    TRY(registry_status(c->s->models, c->parts[0], &x, e));
    jo_object(&c->out, NULL);
    TRY(model_entry(&c->out, &x, e));
    jo_end(&c->out);
out:
    c->reason = rc == PERSONA_E_NOTFOUND ? "model_not_found" : c->reason;
    return rc;
}

static persona_code load(call *c, persona_err *e)
{
    served *m = NULL;
    const persona_code rc = call_model(c, c->parts[0], &m, e);
    registry_release(c->s->models, m);
    return rc == PERSONA_OK ? show(c, e) : rc;
}

static persona_code unload(call *c, persona_err *e)
{
    bool was = false;
    persona_code rc = PERSONA_OK;
    served_status x;
    rc = registry_unload(c->s->models, c->parts[0], &was, e);
    c->status = rc == PERSONA_E_UNAVAILABLE ? 409 : c->status;
    c->reason = rc == PERSONA_E_UNAVAILABLE ? "in_use" : c->reason;
    TRY(rc);
    TRY(registry_status(c->s->models, c->parts[0], &x, e));
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "unloaded", was);
    TRY(model_entry(&c->out, &x, e));
    jo_end(&c->out);
out:
    c->reason = rc == PERSONA_E_NOTFOUND ? "model_not_found" : c->reason;
    return rc;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static const field loaded_fields[] = {
    {.name = "arch", .type = FIELD_STRING, .required = true},
    {.name = "quant", .type = FIELD_STRING, .required = true},
    {.name = "chat",
     .type = FIELD_STRING,
     .required = true,
     .help = "none, template, harmony or plain"},
    {.name = "n_layer", .type = FIELD_INT, .required = true},
    {.name = "n_embd", .type = FIELD_INT, .required = true, .help = "Width"},
    {.name = "n_vocab", .type = FIELD_INT, .required = true},
    {.name = "n_ctx_train", .type = FIELD_INT, .required = true},
    {.name = "n_ctx",
     .type = FIELD_INT,
     .required = true,
     .help = "Tokens of a prompt and its answer, on this server"},
    {.name = "n_slots", .type = FIELD_INT, .required = true, .help = "Answers written at once"},
    {.name = "n_params", .type = FIELD_NUMBER, .required = true},
    FIELD_LAST,
};
static const field name_element[] = {{.name = "", .type = FIELD_STRING}};

#define MODEL_FIELDS                                                                               \
    {.name = "id", .type = FIELD_STRING, .required = true},                                        \
        {.name = "state",                                                                          \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .help = "cold, loading, ready or failed; a cold one is loaded when it is asked for"},     \
        {.name = "default", .type = FIELD_BOOL, .required = true},                                 \
        {.name = "size_bytes", .type = FIELD_NUMBER, .required = true},                            \
        {.name = "created", .type = FIELD_INT, .required = true, .help = "Of the file"},           \
        {.name = "n_users",                                                                        \
         .type = FIELD_INT,                                                                        \
         .required = true,                                                                         \
         .help = "Answers and jobs that hold it"},                                                 \
        {.name = "seconds", .type = FIELD_NUMBER, .required = true, .help = "In this state"},      \
        {.name = "progress",                                                                       \
         .type = FIELD_NUMBER,                                                                     \
         .help = "Percent of the file while it is loading; else null"},                            \
        {.name = "failure", .type = FIELD_STRING, .help = "Why it could not be loaded; or null"},  \
        {.name = "sha256",                                                                         \
         .type = FIELD_STRING,                                                                     \
         .help = "Of the file; null until somebody had to know it"},                               \
        {.name = "loaded", .type = FIELD_OBJECT, .of = loaded_fields, .help = "null: is not"},     \
    {                                                                                              \
        .name = "vectors", .type = FIELD_ARRAY, .of = name_element,                                \
        .help = "Names of its vectors; null while sha256 is null"                                  \
    }

static const field model_fields[] = {MODEL_FIELDS, FIELD_LAST};
static const field unload_fields[] = {
    {.name = "unloaded", .type = FIELD_BOOL, .required = true, .help = "Whether it was loaded"},
    MODEL_FIELDS,
    FIELD_LAST,
};
static const field model_element[] = {{.name = "", .type = FIELD_OBJECT, .of = model_fields}};
static const field memory_fields[] = {
    {.name = "used_bytes", .type = FIELD_NUMBER, .required = true, .help = "Of loaded files"},
    {.name = "budget_bytes",
     .type = FIELD_NUMBER,
     .required = true,
     .help = "Beyond it the longest unused are unloaded"},
    FIELD_LAST,
};
static const field list_fields[] = {
    {.name = "models", .type = FIELD_ARRAY, .required = true, .of = model_element},
    {.name = "memory", .type = FIELD_OBJECT, .required = true, .of = memory_fields},
    FIELD_LAST,
};
static const field nothing[] = {FIELD_LAST};

const route routes_native_models[] = {
    {.method = "GET",
     .path = "/api/v1/models",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Models",
     .summary = "The models of this server, their state, and which vectors they have",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/models/{id}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Models",
     .summary = "One of them",
     .answer = model_fields},
    {.method = "POST",
     .path = "/api/v1/models/{id}/load",
     .flags = ROUTE_BODY_OPTIONAL,
     .errors = ERRORS_OPENAI,
     .body = nothing,
     .run = load,
     .tag = "Models",
     .summary = "Loads one and replies when it is ready",
     .answer = model_fields},
    {.method = "POST",
     .path = "/api/v1/models/{id}/unload",
     .flags = ROUTE_BODY_OPTIONAL,
     .errors = ERRORS_OPENAI,
     .body = nothing,
     .run = unload,
     .tag = "Models",
     .summary = "Unloads one; 409 while it is in use",
     .answer = unload_fields},
    {.method = NULL},
};
