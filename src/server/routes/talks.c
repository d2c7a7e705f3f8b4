/* SPDX-License-Identifier: MIT
 *
 * talks.c - /api/v1/conversations: conversations as trees, of the same schema as the files of
 * `persona chat` (FORMATS.md).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "server/routes/routes.h"
#include "server/store/talks_db.h"
#include "workbench/conversation.h"

#define BODY_MAX ((size_t)16 << 20)

typedef struct talk_args {
    const char *title;
    const json_val *conversation;
    int version;
} talk_args;

static const field create_fields[] = {
    {.name = "title",
     .type = FIELD_STRING,
     .max = 200,
     .at = offsetof(talk_args, title),
     .help = "Default: empty"},
    {.name = "conversation",
     .type = FIELD_OBJECT,
     .required = true,
     .at = offsetof(talk_args, conversation),
     .help = "Of the schema persona.chat/1: system, turns (parent, question, answer, ...), at"},
    FIELD_LAST,
};
static const field change_fields[] = {
    {.name = "title", .type = FIELD_STRING, .max = 200, .at = offsetof(talk_args, title)},
    {.name = "conversation",
     .type = FIELD_OBJECT,
     .required = true,
     .at = offsetof(talk_args, conversation)},
    {.name = "version",
     .type = FIELD_INT,
     .required = true,
     .min = 1,
     .max = 1 << 30,
     .at = offsetof(talk_args, version),
     .help = "That was read; another one now is 409"},
    FIELD_LAST,
};

/* What is kept is what was understood. *out: mem_free it. */
static persona_code body_of(const call *c, const talk_args *a, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    conversation x = {.at = CONVERSATION_ROOT};
    json_out o;
    buf b;
    buf_init(&b, BODY_MAX);
    rc = conversation_read(&x, c->body, a->conversation, e);
    TRY(rc == PERSONA_E_FORMAT ? PERSONA_E_USAGE : rc);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_string(&o, "schema", "persona.chat/1");
    jo_string(&o, "model", json_string(json_get(a->conversation, "model")));
    conversation_json(&o, &x);
    jo_end(&o);
    TRY(buf_ok(&b, "a conversation", e));
    *out = mem_strdup(buf_str(&b));
    rc = *out != NULL ? PERSONA_OK : mem_err(e, "a conversation");
out:
    conversation_clear(&x);
    buf_free(&b);
    return rc;
}

static persona_code show_one(void *ud, const talk_row *r, persona_err *e)
{
    json_out *o = ud;
    persona_code rc = PERSONA_OK;
    json_doc *doc = NULL;
    jo_object(o, NULL);
    jo_string(o, "id", r->id);
    jo_string(o, "title", r->title);
    jo_int(o, "created", r->created);
    jo_int(o, "updated", r->updated);
    jo_int(o, "version", r->version);
    if (r->body != NULL) {
        TRY(json_parse(r->body, strlen(r->body), "a conversation", &doc, e));
        jo_value(o, "conversation", json_root(doc));
    }
    jo_end(o);
out:
    json_free(doc);
    return rc;
}

static persona_code show_id(call *c, const char *id, persona_err *e)
{
    return talks_db_each(c->s->db, id, show_one, &c->out, e);
}

static persona_code create(call *c, persona_err *e)
{
    const talk_args *a = c->args;
    persona_code rc = PERSONA_OK;
    enum { BYTES = 8 };
    char hex[2 * BYTES + 1], id[32], *body = NULL;
    TRY(body_of(c, a, &body, e));
    if (!random_hex(hex, BYTES)) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE, "the system gives no random numbers");
        goto out;
    }
    snprintf(id, sizeof id, "talk-%s", hex);
    const talk_row row = {.id = id,
                          .title = a->title != NULL ? a->title : "",
                          .created = (int64_t)time(NULL),
                          .body = body};
    TRY(talks_db_insert(c->s->db, &row, e));
    c->reply->status = 201;
    TRY(show_id(c, id, e));
out:
    mem_free(body);
    return rc;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    jo_object(&c->out, NULL);
    jo_array(&c->out, "conversations");
    TRY(talks_db_each(c->s->db, NULL, show_one, &c->out, e));
    jo_end(&c->out);
    jo_end(&c->out);
out:
    return rc;
}

static persona_code show(call *c, persona_err *e)
{
    return show_id(c, c->parts[0], e);
}

static persona_code change(call *c, persona_err *e)
{
    const talk_args *a = c->args;
    persona_code rc = PERSONA_OK;
    bool changed = false;
    char *body = NULL;
    TRY(body_of(c, a, &body, e));
    const talk_row row = {.id = c->parts[0],
                          .title = a->title != NULL ? a->title : "",
                          .updated = (int64_t)time(NULL),
                          .version = a->version,
                          .body = body};
    TRY(talks_db_update(c->s->db, &row, &changed, e));
    if (!changed) {
        c->status = 409;
        c->reason = "version_conflict";
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "version: the conversation was changed meanwhile; read it again");
        goto out;
    }
    TRY(show_id(c, c->parts[0], e));
out:
    mem_free(body);
    return rc;
}

static persona_code forget(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(talks_db_delete(c->s->db, c->parts[0], e));
    call_deleted(c);
out:
    return rc;
}

static const field talk_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "title", .type = FIELD_STRING, .required = true},
    {.name = "created", .type = FIELD_INT, .required = true},
    {.name = "updated", .type = FIELD_INT, .required = true},
    {.name = "version", .type = FIELD_INT, .required = true},
    {.name = "conversation", .type = FIELD_ANY, .schema = "object", .help = "Not in lists"},
    FIELD_LAST,
};
static const field talk_element[] = {{.name = "", .type = FIELD_OBJECT, .of = talk_fields}};
static const field list_fields[] = {
    {.name = "conversations", .type = FIELD_ARRAY, .required = true, .of = talk_element},
    FIELD_LAST,
};
const route routes_talks[] = {
    {.method = "POST",
     .path = "/api/v1/conversations",
     .errors = ERRORS_OPENAI,
     .body = create_fields,
     .args_size = sizeof(talk_args),
     .run = create,
     .tag = "Conversations",
     .summary = "Keeps a conversation",
     .answer = talk_fields},
    {.method = "GET",
     .path = "/api/v1/conversations",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Conversations",
     .summary = "All of them, the last changed first",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/conversations/{id}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Conversations",
     .summary = "One of them, as a tree",
     .answer = talk_fields},
    {.method = "PUT",
     .path = "/api/v1/conversations/{id}",
     .errors = ERRORS_OPENAI,
     .body = change_fields,
     .args_size = sizeof(talk_args),
     .run = change,
     .tag = "Conversations",
     .summary = "Replaces it, if it is still what was read",
     .answer = talk_fields},
    {.method = "DELETE",
     .path = "/api/v1/conversations/{id}",
     .errors = ERRORS_OPENAI,
     .run = forget,
     .tag = "Conversations",
     .summary = "Forgets it",
     .answer = call_deleted_fields},
    {.method = NULL},
};
