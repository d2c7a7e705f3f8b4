/* SPDX-License-Identifier: MIT
 *
 * health.c - /health, /openapi.json: what may be asked without a token.
 */
#include "server/routes/routes.h"

static persona_code health(call *c, persona_err *e)
{
    (void)e;
    jo_object(&c->out, NULL);
    jo_string(&c->out, "status", "ok");
    jo_number(&c->out, "loading", 100 * registry_progress(c->s->models));
    jo_end(&c->out);
    return PERSONA_OK;
}

static persona_code openapi(call *c, persona_err *e)
{
    (void)e;
    openapi_json(&c->out, server_port(c->s));
    return PERSONA_OK;
}

static const field health_fields[] = {
    {.name = "status", .type = FIELD_STRING, .required = true},
    {.name = "loading",
     .type = FIELD_NUMBER,
     .help = "Percent of the model that is being loaded; null: none is"},
    FIELD_LAST,
};

const route routes_health[] = {
    {.method = "GET",
     .path = "/health",
     .flags = ROUTE_OPEN,
     .errors = ERRORS_OPENAI,
     .run = health,
     .tag = "Server",
     .summary = "Whether it is there",
     .answer = health_fields},
    {.method = "GET",
     .path = "/openapi.json",
     .flags = ROUTE_OPEN,
     .errors = ERRORS_OPENAI,
     .run = openapi,
     .tag = "Server",
     .summary = "This description"},
    {.method = NULL},
};
