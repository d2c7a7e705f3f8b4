/* SPDX-License-Identifier: MIT
 *
 * control_vectors.c - ik_llama.cpp's /control-vectors: vectors of the library that steer every
 * request of a model that says nothing about steering. What is a path there is a name here.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"

typedef struct control_args {
    const char *model, *path;
    double scale;
    int id, first, last;
} control_args;

static void init(void *args)
{
    *(control_args *)args = (control_args){.scale = 1, .id = -1, .first = -1, .last = -1};
}

/* Whether these can steer the model; then they do. */
static persona_code set(call *c, served *m, const cvector *list, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *text = NULL;
    persona_plan *plan = NULL;
    TRY(cvectors_expression(list, n, &text, e));
    if (text != NULL) {
        TRY(library_steer_named(c->s->library, m->model, text, &plan, NULL, e));
    }
    TRY(cvectors_set(c->s->cvectors, m->id, list, n, e));
out:
    persona_plan_free(plan);
    mem_free(text);
    return rc;
}

/* Layers as llama.cpp counts them are our blocks; the last one may be said to be n_layer. */
static persona_code set_range(cvector *x, const control_args *a, const served *m, persona_err *e)
{
    const int most = m->info->n_layer - 1;
    x->first = a->first >= 0 ? a->first : x->first;
    x->last = a->last >= 0 ? a->last : x->last;
    x->last = x->last > most ? most : x->last;
    return x->first >= 1 && x->first <= x->last
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "layer_start: wants 1 to layer_end, %d",
                                 x->last);
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cvector all[CVECTORS_MAX];
    served_status x;
    const char *model = http_query(c->request, "model");
    TRY(registry_status(c->s->models, model, &x, e));
    const size_t n = cvectors_of(c->s->cvectors, x.id, all);
    jo_array(&c->out, NULL);
    for (size_t i = 0; i < n; i++) {
        jo_object(&c->out, NULL);
        jo_int(&c->out, "id", (long long)i);
        jo_string(&c->out, "path", all[i].name);
        jo_number(&c->out, "scale", all[i].scale);
        jo_int(&c->out, "layer_start", all[i].first);
        jo_int(&c->out, "layer_end", all[i].last);
        jo_bool(&c->out, "applied", all[i].scale != 0);
        jo_end(&c->out);
    }
    jo_end(&c->out);
out:
    return rc;
}

static void success(call *c, long long id)
{
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", true);
    if (id >= 0) {
        jo_int(&c->out, "id", id);
    }
    jo_end(&c->out);
}

static persona_code load(call *c, persona_err *e)
{
    const control_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    cvector all[CVECTORS_MAX + 1];
    size_t n = 0, at = 0;
    persona_vector *v = NULL;
    TRY(call_model(c, a->model, &m, e));
    TRY(library_vector_named(c->s->library, m->model, a->path, &v, e));
    n = cvectors_of(c->s->cvectors, m->id, all);
    while (at < n && strcmp(all[at].name, a->path) != 0) {
        at++;
    }
    n += at == n;
    all[at] = (cvector){.scale = a->scale, .first = 1, .last = m->info->n_layer};
    memcpy(all[at].model, m->id, sizeof all[at].model);
    memcpy(all[at].name, a->path, strlen(a->path) + 1);
    TRY(set_range(&all[at], a, m, e));
    TRY(set(c, m, all, n, e));
    success(c, (long long)at);
out:
    if (v != NULL) {
        library_release(c->s->library, v);
    }
    registry_release(c->s->models, m);
    return rc;
}

static persona_code unknown_id(const control_args *a, size_t n, persona_err *e)
{
    return a->id >= 0 && (size_t)a->id < n
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "id: there is no control vector %d", a->id);
}

static persona_code unload(call *c, persona_err *e)
{
    const control_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    cvector all[CVECTORS_MAX];
    TRY(call_model(c, a->model, &m, e));
    const size_t n = cvectors_of(c->s->cvectors, m->id, all);
    TRY(unknown_id(a, n, e));
    for (size_t i = (size_t)a->id; i + 1 < n; i++) {
        all[i] = all[i + 1];
    }
    TRY(cvectors_set(c->s->cvectors, m->id, all, n - 1, e));
    success(c, -1);
out:
    registry_release(c->s->models, m);
    return rc;
}

/* Whoever is not named has the scale 0 from here on. */
static persona_code apply(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    cvector all[CVECTORS_MAX];
    const json_val *body = json_root(c->body);
    TRY(call_model(c, http_query(c->request, "model"), &m, e));
    const size_t n = cvectors_of(c->s->cvectors, m->id, all);
    for (size_t i = 0; i < n; i++) {
        all[i].scale = 0;
    }
    for (size_t i = 0; i < json_len(body); i++) {
        control_args a;
        init(&a);
        TRY(fields_read(c->route->body, json_at(body, i), "", &a, e));
        TRY(unknown_id(&a, n, e));
        all[a.id].scale = a.scale;
        TRY(set_range(&all[a.id], &a, m, e));
    }
    TRY(set(c, m, all, n, e));
    success(c, -1);
out:
    registry_release(c->s->models, m);
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define MODEL                                                                                      \
    {                                                                                              \
        .name = "model", .type = FIELD_STRING, .max = 127, .at = offsetof(control_args, model),    \
        .help = "Id of a model; without it the server's first"                                     \
    }
#define RANGE                                                                                      \
    {.name = "layer_start",                                                                        \
     .type = FIELD_INT,                                                                            \
     .min = 1,                                                                                     \
     .max = 4096,                                                                                  \
     .at = offsetof(control_args, first),                                                          \
     .help = "First block. Default 1"},                                                            \
    {                                                                                              \
        .name = "layer_end", .type = FIELD_INT, .min = 1, .max = 4096,                             \
        .at = offsetof(control_args, last), .help = "Last block. Default: of the model"            \
    }
#define SCALE(must)                                                                                \
    {                                                                                              \
        .name = "scale", .type = FIELD_NUMBER, .required = must, .min = -1e6, .max = 1e6,          \
        .at = offsetof(control_args, scale), .help = "Multiple of the raw vector"                  \
    }

static const field load_fields[] = {
    MODEL,
    {.name = "path",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = CVECTOR_NAME_MAX - 1,
     .at = offsetof(control_args, path),
     .help = "The name of a vector of the model's library; never a path"},
    SCALE(false), /* default 1 */
    RANGE,
    FIELD_LAST,
};
static const field unload_fields[] = {
    MODEL,
    {.name = "id",
     .type = FIELD_INT,
     .required = true,
     .max = CVECTORS_MAX,
     .at = offsetof(control_args, id),
     .help = "As the list has it; those behind it move up"},
    FIELD_LAST,
};
static const field apply_fields[] = {
    {.name = "id",
     .type = FIELD_INT,
     .required = true,
     .max = CVECTORS_MAX,
     .at = offsetof(control_args, id),
     .help = "As the list has it"},
    SCALE(true),
    RANGE,
    FIELD_LAST,
};
static const field model_query[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Id of a model; without it the server's first"},
    FIELD_LAST,
};
static const field success_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "id", .type = FIELD_INT, .help = "Of what was loaded"},
    FIELD_LAST,
};

const route routes_control_vectors[] = {
    {.method = "GET",
     .path = "/control-vectors",
     .errors = ERRORS_OLLAMA,
     .query = model_query,
     .run = list,
     .tag = "ik_llama.cpp",
     .summary = "What steers the requests of a model that say nothing: a list of {id, path, scale, "
                "layer_start, layer_end, applied}"},
    {.method = "POST",
     .path = "/control-vectors/load",
     .errors = ERRORS_OLLAMA,
     .body = load_fields,
     .args_size = sizeof(control_args),
     .init = init,
     .run = load,
     .tag = "ik_llama.cpp",
     .summary = "Adds a vector of the library, or sets it anew",
     .answer = success_fields},
    {.method = "POST",
     .path = "/control-vectors/unload",
     .errors = ERRORS_OLLAMA,
     .body = unload_fields,
     .args_size = sizeof(control_args),
     .init = init,
     .run = unload,
     .tag = "ik_llama.cpp",
     .summary = "Takes one away",
     .answer = success_fields},
    {.method = "POST",
     .path = "/control-vectors/apply",
     .flags = ROUTE_BODY_LIST,
     .errors = ERRORS_OLLAMA,
     .body = apply_fields,
     .query = model_query,
     .run = apply,
     .tag = "ik_llama.cpp",
     .summary = "Sets all scales: of those in the list, and 0 of the others",
     .answer = success_fields},
    {.method = NULL},
};
