/* SPDX-License-Identifier: MIT
 *
 * native_verify.c - POST /api/v1/verify: the engine's promises, measured on a model as this server
 * has it. It computes beside the answers that run, in sessions of its own, one at a time.
 */
#include <pthread.h>

#include "base/try.h"
#include "persona/verify.h"
#include "server/routes/call_parts.h"

typedef struct verify_args {
    const char *model, *vector;
    int block;
    uint32_t seed;
} verify_args;

static void init(void *args)
{
    *(verify_args *)args = (verify_args){.block = -1};
}

static void check_json(json_out *o, const persona_check *x)
{
    jo_object(o, NULL);
    jo_string(o, "name", x->name);
    jo_bool(o, "ok", x->ok);
    jo_number(o, "value", x->value);
    jo_number(o, "limit", x->limit);
    jo_string(o, "about", x->about);
    jo_end(o);
}

static void reply(json_out *o, const served *m, const char *vector, const persona_verification *v)
{
    jo_object(o, NULL);
    jo_string(o, "model", m->id);
    jo_string(o, "vector", vector);
    jo_int(o, "block", v->block);
    jo_number(o, "row_norm", v->row_norm);
    jo_array(o, "checks");
    for (size_t i = 0; i < v->n; i++) {
        check_json(o, &v->checks[i]);
    }
    jo_end(o);
    jo_bool(o, "ok", v->ok);
    jo_int(o, "n_tokens", (long long)v->n_tokens);
    jo_number(o, "seconds", v->seconds);
    jo_end(o);
}

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static persona_code verify(call *c, persona_err *e)
{
    const verify_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    persona_vector *v = NULL;
    persona_verification *x = NULL;
    persona_verify_opts o = persona_verify_defaults();
    if (pthread_mutex_trylock(&one_at_a_time) != 0) {
        c->status = 429;
        c->reason = "busy";
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "a model is being verified; try again");
    }
    TRY(call_model(c, a->model, &m, e));
    if (a->vector != NULL) {
        TRY(library_vector_named(c->s->library, m->model, a->vector, &v, e));
    }
    o.vector = v;
    o.block = a->block;
    o.seed = a->seed;
    o.n_threads = persona_session_opts_get(m->session)->n_threads;
    TRY(persona_verify(m->model, &o, NULL, &x, e));
    reply(&c->out, m, a->vector, x);
out:
    persona_verification_free(x);
    if (v != NULL) {
        library_release(c->s->library, v);
    }
    registry_release(c->s->models, m);
    pthread_mutex_unlock(&one_at_a_time);
    return rc;
}

static const field verify_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = 127,
     .at = offsetof(verify_args, model),
     .help = "Id of a model; without it the server's first"},
    {.name = "vector",
     .type = FIELD_STRING,
     .min = 1,
     .max = SHELF_NAME_MAX,
     .at = offsetof(verify_args, vector),
     .help = "Name of a vector of its library. Default: a direction drawn at random"},
    {.name = "block",
     .type = FIELD_INT,
     .min = 0,
     .max = 4096,
     .at = offsetof(verify_args, block),
     .help = "Default: the vector's best, or the middle of the model"},
    {.name = "seed",
     .type = FIELD_SEED,
     .at = offsetof(verify_args, seed),
     .help = "Of the direction. Default 0"},
    FIELD_LAST,
};
static const field check_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "ok", .type = FIELD_BOOL, .required = true},
    {.name = "value", .type = FIELD_NUMBER, .help = "How far apart both sides are"},
    {.name = "limit", .type = FIELD_NUMBER, .help = "How far they may be"},
    {.name = "about", .type = FIELD_STRING, .required = true, .help = "What is compared"},
    FIELD_LAST,
};
static const field check_element[] = {{.name = "", .type = FIELD_OBJECT, .of = check_fields}};
static const field verify_answer[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "vector", .type = FIELD_STRING, .help = "null: a direction drawn at random"},
    {.name = "block", .type = FIELD_INT, .required = true},
    {.name = "row_norm",
     .type = FIELD_NUMBER,
     .help = "Length of the row behind that block at the last prompt token"},
    {.name = "checks", .type = FIELD_ARRAY, .required = true, .of = check_element},
    {.name = "ok", .type = FIELD_BOOL, .required = true, .help = "All of them hold"},
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "seconds", .type = FIELD_NUMBER, .required = true},
    FIELD_LAST,
};

const route routes_native_verify[] = {
    {.method = "POST",
     .path = "/api/v1/verify",
     .flags = ROUTE_BODY_OPTIONAL,
     .errors = ERRORS_OPENAI,
     .body = verify_fields,
     .args_size = sizeof(verify_args),
     .init = init,
     .run = verify,
     .tag = "Steering",
     .summary = "Whether the engine does on this model what it promises; takes a while",
     .answer = verify_answer},
    {.method = NULL},
};
