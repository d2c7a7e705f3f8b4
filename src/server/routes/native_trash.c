/* SPDX-License-Identifier: MIT
 *
 * native_trash.c - /api/v1/trash: what was deleted, and undoing it.
 */
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/trash_parts.h"

static void item_json(json_out *o, const trash_item *x)
{
    jo_string(o, "id", x->id);
    jo_string(o, "kind", trash_kind_name(x->kind));
    jo_string(o, "shelf", x->kind == TRASH_VECTOR ? x->shelf : NULL);
    jo_string(o, "name", x->name);
    jo_int(o, "deleted", x->deleted);
    jo_double(o, "size_bytes", (double)x->size_bytes);
}

void deleted_json(json_out *o, const trash_item *x)
{
    jo_object(o, NULL);
    jo_object(o, "trash");
    item_json(o, x);
    jo_end(o);
    jo_end(o);
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trash_item *all = NULL;
    size_t n = 0;
    TRY(trash_list(&all, &n, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "trash");
    for (size_t i = 0; i < n; i++) {
        jo_object(&c->out, NULL);
        item_json(&c->out, &all[i]);
        jo_end(&c->out);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(all);
    return rc;
}

static persona_code restore(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trash_item x;
    bool taken = false;
    rc = trash_restore(c->parts[0], &x, &taken, e);
    c->status = taken ? 409 : c->status;
    c->reason = taken ? "exists" : c->reason;
    TRY(rc);
    jo_object(&c->out, NULL);
    item_json(&c->out, &x);
    jo_end(&c->out);
out:
    return rc;
}

static const field item_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "kind",
     .type = FIELD_STRING,
     .required = true,
     .help = "What it was: vector, trait or recipe"},
    {.name = "shelf",
     .type = FIELD_STRING,
     .help = "Of a vector: the first 16 digits of its model's sha256"},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "deleted", .type = FIELD_INT, .required = true, .help = "Seconds since 1970"},
    {.name = "size_bytes", .type = FIELD_NUMBER, .required = true},
    FIELD_LAST,
};
const field deleted_fields[] = {
    {.name = "trash",
     .type = FIELD_OBJECT,
     .required = true,
     .of = item_fields,
     .help = "Where it is now; POST /api/v1/trash/{id}/restore brings it back"},
    FIELD_LAST,
};
static const field item_element[] = {{.name = "", .type = FIELD_OBJECT, .of = item_fields}};
static const field list_fields[] = {
    {.name = "trash", .type = FIELD_ARRAY, .required = true, .of = item_element},
    FIELD_LAST,
};
static const field nothing[] = {FIELD_LAST};

const route routes_native_trash[] = {
    {.method = "GET",
     .path = "/api/v1/trash",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Trash",
     .summary = "What was deleted and can be restored, the newest first",
     .answer = list_fields},
    {.method = "POST",
     .path = "/api/v1/trash/{id}/restore",
     .flags = ROUTE_BODY_OPTIONAL,
     .errors = ERRORS_OPENAI,
     .body = nothing,
     .run = restore,
     .tag = "Trash",
     .summary = "Brings something back; 409 where its name is taken",
     .answer = item_fields},
    {.method = NULL},
};
