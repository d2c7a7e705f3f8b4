/* SPDX-License-Identifier: MIT
 *
 * openai_models.c - GET /v1/models and /v1/models/{id}.
 */
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/routes.h"

static void model_entry(json_out *o, const served_status *x)
{
    jo_string(o, "id", x->id);
    jo_string(o, "object", "model");
    jo_int(o, "created", x->created);
    jo_string(o, "owned_by", "local");
    jo_string(o, "state", served_state_name(x->state));
    jo_double(o, "size_bytes", (double)x->size_bytes);
    jo_bool(o, "default", x->is_default);
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    TRY(registry_list(c->s->models, &all, &n, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "object", "list");
    jo_array(&c->out, "data");
    for (size_t i = 0; i < n; i++) {
        jo_object(&c->out, NULL);
        model_entry(&c->out, &all[i]);
        jo_end(&c->out);
    }
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
    rc = registry_status(c->s->models, c->parts[0], &x, e);
    if (rc == PERSONA_E_NOTFOUND) {
        c->param = "model";
        c->reason = "model_not_found";
    }
    TRY(rc);
    jo_object(&c->out, NULL);
    model_entry(&c->out, &x);
    jo_end(&c->out);
out:
    return rc;
}

static const field model_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "object", .type = FIELD_STRING, .required = true},
    {.name = "created", .type = FIELD_INT, .required = true},
    {.name = "owned_by", .type = FIELD_STRING, .required = true},
    {.name = "state",
     .type = FIELD_STRING,
     .required = true,
     .help = "cold, loading, ready or failed; a cold one is loaded when it is asked for"},
    {.name = "size_bytes", .type = FIELD_NUMBER, .required = true},
    {.name = "default", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};
static const field model_element[] = {{.name = "", .type = FIELD_OBJECT, .of = model_fields}};
static const field list_fields[] = {
    {.name = "object", .type = FIELD_STRING, .required = true},
    {.name = "data", .type = FIELD_ARRAY, .required = true, .of = model_element},
    FIELD_LAST,
};

const route routes_openai_models[] = {
    {.method = "GET",
     .path = "/v1/models",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "OpenAI",
     .summary = "The models of this server",
     .answer = list_fields},
    {.method = "GET",
     .path = "/v1/models/{id}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "OpenAI",
     .summary = "One of them",
     .answer = model_fields},
    {.method = NULL},
};
