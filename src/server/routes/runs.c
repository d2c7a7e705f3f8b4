/* SPDX-License-Identifier: MIT
 *
 * runs.c - /api/v1/runs: the answers that were kept ("store": true), whole, as lists and as files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "server/routes/routes.h"
#include "server/store/runs_db.h"

enum { LIMIT_MAX = 1000, EXPORT_MAX = 10000, PREVIEW_BYTES = 200 };

static const field run_query[] = {
    {.name = "model", .type = FIELD_STRING, .at = FIELD_NOWHERE, .help = "Only of this model"},
    {.name = "text",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Only where this stands in request or answer"},
    {.name = "expression",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Only where this is part of the steering"},
    {.name = "before",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Only numbers below: the last one of the page before"},
    {.name = "limit", .type = FIELD_STRING, .at = FIELD_NOWHERE, .help = "1 to 1000. Default 100"},
    {.name = "format",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Of an export: json (default) or csv"},
    FIELD_LAST,
};

static persona_code number_of(const call *c, const char *name, long long low, long long high,
                              long long without, long long *out, persona_err *e)
{
    const char *text = http_query(c->request, name);
    char *end = NULL;
    *out = text != NULL ? strtoll(text, &end, 10) : without;
    if (text != NULL && (end == text || *end != '\0' || *out < low || *out > high)) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s: wants a number from %lld to %lld", name,
                               low, high);
    }
    return PERSONA_OK;
}

static persona_code filter_of(const call *c, int without, run_filter *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    long long before = 0, limit = 0;
    TRY(number_of(c, "before", 1, INT64_MAX, 0, &before, e));
    TRY(number_of(c, "limit", 1, without > LIMIT_MAX ? without : LIMIT_MAX, without, &limit, e));
    *f = (run_filter){.model = http_query(c->request, "model"),
                      .text = http_query(c->request, "text"),
                      .expression = http_query(c->request, "expression"),
                      .before = before,
                      .limit = (int)limit};
out:
    return rc;
}

static void head(json_out *o, const run_row *r)
{
    jo_int(o, "number", r->number);
    jo_string(o, "id", r->id);
    jo_int(o, "created", r->created);
    jo_string(o, "model", r->model);
    jo_string(o, "route", r->route);
    jo_string(o, "expression", r->expression);
    jo_int(o, "seed", r->seed);
}

/* The first choice's text. */
static persona_code first_text(const run_row *r, json_doc **doc, const char **text, persona_err *e)
{
    const persona_code rc = json_parse(r->response, strlen(r->response), "a run", doc, e);
    *text = rc == PERSONA_OK
                ? json_string(json_get(json_at(json_get(json_root(*doc), "choices"), 0), "text"))
                : NULL;
    return rc;
}

static persona_code list_one(void *ud, const run_row *r, persona_err *e)
{
    json_out *o = ud;
    persona_code rc = PERSONA_OK;
    json_doc *doc = NULL;
    const char *text = NULL;
    char preview[PREVIEW_BYTES + 1];
    TRY(first_text(r, &doc, &text, e));
    snprintf(preview, sizeof preview, "%s", text != NULL ? text : "");
    jo_object(o, NULL);
    head(o, r);
    jo_string(o, "preview", preview);
    jo_end(o);
out:
    json_free(doc);
    return rc;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    run_filter f;
    TRY(filter_of(c, 100, &f, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "runs");
    TRY(runs_db_each(c->s->db, &f, list_one, &c->out, e));
    jo_end(&c->out);
    jo_end(&c->out);
out:
    return rc;
}

static persona_code whole(void *ud, const run_row *r, persona_err *e)
{
    json_out *o = ud;
    persona_code rc = PERSONA_OK;
    jo_object(o, NULL);
    head(o, r);
    TRY(call_kept(o, "request", r->request, e));
    TRY(call_kept(o, "response", r->response, e));
    jo_end(o);
out:
    return rc;
}

static persona_code show(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const run_filter f = {.id = c->parts[0], .limit = 1};
    TRY(runs_db_each(c->s->db, &f, whole, &c->out, e));
    if (c->reply->body.len == 0) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "no run '%.60s'", c->parts[0]);
    }
out:
    return rc;
}

static persona_code forget(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(runs_db_delete(c->s->db, c->parts[0], e));
    call_deleted(c);
out:
    return rc;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A cell; what a spreadsheet would take for a formula gets an apostrophe. */
static void cell(buf *out, const char *text, char before)
{
    if (before != '\0') {
        buf_putc(out, before);
    }
    buf_putc(out, '"');
    if (text != NULL && *text != '\0' && strchr("=+-@", *text) != NULL) {
        buf_putc(out, '\'');
    }
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"') {
            buf_putc(out, '"');
        }
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

static persona_code csv_row(void *ud, const run_row *r, persona_err *e)
{
    buf *out = ud;
    persona_code rc = PERSONA_OK;
    json_doc *doc = NULL;
    const char *text = NULL;
    TRY(first_text(r, &doc, &text, e));
    buf_printf(out, "%lld,%lld,%u", (long long)r->number, (long long)r->created, r->seed);
    cell(out, r->id, ',');
    cell(out, r->model, ',');
    cell(out, r->route, ',');
    cell(out, r->expression, ',');
    cell(out, text, ',');
    cell(out, r->request, ',');
    buf_puts(out, "\r\n");
out:
    json_free(doc);
    return rc;
}

static persona_code export_runs(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    run_filter f;
    const char *format = http_query(c->request, "format");
    const bool csv = format != NULL && strcmp(format, "csv") == 0;
    if (format != NULL && !csv && strcmp(format, "json") != 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "format: wants json or csv");
    }
    TRY(filter_of(c, EXPORT_MAX, &f, e));
    http_reply_header(c->reply, "Content-Disposition",
                      csv ? "attachment; filename=\"runs.csv\""
                          : "attachment; filename=\"runs.json\"");
    if (csv) {
        c->reply->type = "text/csv; charset=utf-8";
        buf_puts(&c->reply->body,
                 "number,created,seed,id,model,route,expression,answer,request\r\n");
        TRY(runs_db_each(c->s->db, &f, csv_row, &c->reply->body, e));
        goto out;
    }
    jo_object(&c->out, NULL);
    jo_string(&c->out, "schema", "persona.runs/1");
    jo_array(&c->out, "runs");
    TRY(runs_db_each(c->s->db, &f, whole, &c->out, e));
    jo_end(&c->out);
    jo_end(&c->out);
out:
    return rc;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const field run_fields[] = {
    {.name = "number", .type = FIELD_INT, .required = true},
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "created", .type = FIELD_INT, .required = true},
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "route", .type = FIELD_STRING, .required = true},
    {.name = "expression", .type = FIELD_STRING, .help = "null: unsteered"},
    {.name = "seed", .type = FIELD_INT, .required = true},
    {.name = "preview", .type = FIELD_STRING, .help = "In lists: how the answer begins"},
    {.name = "request", .type = FIELD_ANY, .schema = "object", .help = "Of one run"},
    {.name = "response", .type = FIELD_ANY, .schema = "object", .help = "Of one run"},
    FIELD_LAST,
};
static const field run_element[] = {{.name = "", .type = FIELD_OBJECT, .of = run_fields}};
static const field list_fields[] = {
    {.name = "runs", .type = FIELD_ARRAY, .required = true, .of = run_element},
    FIELD_LAST,
};
const route routes_runs[] = {
    {.method = "GET",
     .path = "/api/v1/runs",
     .errors = ERRORS_OPENAI,
     .query = run_query,
     .run = list,
     .tag = "Runs",
     .summary = "Answers that were kept, the newest first",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/runs-export",
     .errors = ERRORS_OPENAI,
     .query = run_query,
     .run = export_runs,
     .tag = "Runs",
     .summary = "The same whole, as a file: at most 10,000 at once"},
    {.method = "GET",
     .path = "/api/v1/runs/{id}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Runs",
     .summary = "One of them, whole",
     .answer = run_fields},
    {.method = "DELETE",
     .path = "/api/v1/runs/{id}",
     .errors = ERRORS_OPENAI,
     .run = forget,
     .tag = "Runs",
     .summary = "Forgets it",
     .answer = call_deleted_fields},
    {.method = NULL},
};
