/* SPDX-License-Identifier: MIT
 *
 * call_parts.c - what handlers of routes have in common (call_parts.h).
 */
#include "server/routes/call_parts.h"

#include "base/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

persona_code call_model(call *c, const char *id, served **out, persona_err *e)
{
    const persona_code rc = registry_acquire(c->s->models, id, out, e);
    if (rc == PERSONA_E_NOTFOUND) {
        c->param = "model";
        c->reason = "model_not_found";
    }
    return rc;
}

persona_code call_shelf(call *c, const char *model, char out[SHELF_ID + 1], persona_err *e)
{
    char hash[65];
    persona_err why = {.code = PERSONA_OK};
    const persona_code rc = registry_hash(c->s->models, model, hash, &why);
    if (rc == PERSONA_OK) {
        snprintf(out, SHELF_ID + 1, "%.*s", SHELF_ID, hash);
        return PERSONA_OK;
    }
    if (rc == PERSONA_E_NOTFOUND && model != NULL && shelf_is_id(model)) {
        snprintf(out, SHELF_ID + 1, "%s", model);
        return PERSONA_OK;
    }
    c->param = rc == PERSONA_E_NOTFOUND ? "model" : c->param;
    c->reason = rc == PERSONA_E_NOTFOUND ? "model_not_found" : c->reason;
    return persona_err_set(e, rc, "%s", why.msg);
}

persona_code call_query_int(const call *c, const char *name, int min, int max, int fallback,
                            int *out, persona_err *e)
{
    const char *text = http_query(c->request, name);
    char *end = NULL;
    *out = fallback;
    if (text == NULL) {
        return PERSONA_OK;
    }
    const long x = strtol(text, &end, 10);
    if (end == text || *end != '\0' || x < min || x > max) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s: wants a whole number from %d to %d", name,
                               min, max);
    }
    *out = (int)x;
    return PERSONA_OK;
}

void damaged_json(json_out *o, const char *name, const persona_err *why)
{
    char message[sizeof why->msg];
    snprintf(message, sizeof message, "%s", why->msg);
    error_redact(message);
    jo_object(o, NULL);
    jo_string(o, "name", name);
    jo_string(o, "error", message);
    jo_end(o);
}

static const field damaged_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "error", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
const field damaged_element[] = {{.name = "", .type = FIELD_OBJECT, .of = damaged_fields}};

void call_deleted(call *c)
{
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", c->parts[0]);
    jo_bool(&c->out, "deleted", true);
    jo_end(&c->out);
}

const field call_deleted_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "deleted", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};

persona_code call_kept(json_out *o, const char *key, const char *text, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *doc = NULL;
    if (text == NULL) {
        jo_null(o, key);
        return PERSONA_OK;
    }
    TRY(json_parse(text, strlen(text), "the database", &doc, e));
    jo_value(o, key, json_root(doc));
out:
    json_free(doc);
    return rc;
}
