/* SPDX-License-Identifier: MIT
 *
 * openapi.c - the description of the server, made of the tables that it works by.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "persona/persona.h"
#include "server/api/route.h"

static void lower(char *out, size_t n, const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < n; i++) {
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[i] = '\0';
}

static void path_parameters(json_out *o, const char *path)
{
    for (const char *p = strchr(path, '{'); p != NULL; p = strchr(p + 1, '{')) {
        char name[CALL_PART_MAX];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
        jo_object(o, NULL);
        jo_string(o, "name", name);
        jo_string(o, "in", "path");
        jo_bool(o, "required", true);
        jo_object(o, "schema");
        jo_string(o, "type", "string");
        jo_string(o, "pattern", "^[A-Za-z0-9_-][A-Za-z0-9._-]*$");
        jo_int(o, "maxLength", CALL_PART_MAX - 1);
        jo_end(o);
        jo_end(o);
    }
}

static void query_parameters(json_out *o, const field *query)
{
    for (const field *f = query; f != NULL && f->type != FIELD_END; f++) {
        jo_object(o, NULL);
        jo_string(o, "name", f->name);
        jo_string(o, "in", "query");
        jo_bool(o, "required", f->required);
        jo_string(o, "description", f->help);
        jo_object(o, "schema");
        jo_string(o, "type", "string");
        jo_end(o);
        jo_end(o);
    }
}

static void body(json_out *o, const route *r)
{
    if (r->body == NULL && r->bytes_max == 0) {
        return;
    }
    jo_object(o, "requestBody");
    jo_bool(o, "required", (r->flags & ROUTE_BODY_OPTIONAL) == 0);
    jo_object(o, "content");
    if (r->body == NULL) {
        jo_object(o, "application/octet-stream");
        jo_end(o);
        jo_end(o);
        jo_end(o);
        return;
    }
    jo_object(o, "application/json");
    const bool list = (r->flags & ROUTE_BODY_LIST) != 0;
    jo_object(o, "schema");
    if (list) {
        jo_string(o, "type", "array");
        jo_object(o, "items");
    }
    jo_string(o, "type", "object");
    fields_schema(o, r->body);
    jo_end(o);
    if (list) {
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
    jo_end(o);
}

static void answers_of(json_out *o, const route *r)
{
    jo_object(o, "responses");
    jo_object(o, "200");
    jo_string(o, "description", r->summary);
    if (r->answer != NULL) {
        jo_object(o, "content");
        jo_object(o, "application/json");
        jo_object(o, "schema");
        jo_string(o, "type", "object");
        fields_schema(o, r->answer);
        jo_end(o);
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
    jo_object(o, "default");
    jo_string(o, "description", "An error; the status says of what kind");
    jo_end(o);
    jo_end(o);
}

static void operation(json_out *o, const route *r)
{
    char method[16];
    lower(method, sizeof method, r->method);
    jo_object(o, method);
    jo_array(o, "tags");
    jo_string(o, NULL, r->tag);
    jo_end(o);
    jo_string(o, "summary", r->summary);
    if ((r->flags & ROUTE_OPEN) != 0) {
        jo_array(o, "security");
        jo_end(o);
    }
    jo_array(o, "parameters");
    path_parameters(o, r->path);
    query_parameters(o, r->query);
    jo_end(o);
    body(o, r);
    answers_of(o, r);
    jo_end(o);
}

/* Whether a route of this path stands before r. */
static bool seen(const route *r)
{
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *q = *t; q->method != NULL; q++) {
            if (q == r) {
                return false;
            }
            if (strcmp(q->path, r->path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void all_of_path(json_out *o, const char *path)
{
    jo_object(o, path);
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            if (strcmp(r->path, path) == 0) {
                operation(o, r);
            }
        }
    }
    jo_end(o);
}

void openapi_json(json_out *o, int port)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    jo_object(o, NULL);
    jo_string(o, "openapi", "3.1.0");
    jo_object(o, "info");
    jo_string(o, "title", "persona");
    jo_string(o, "version", persona_version());
    jo_string(o, "description", "Language models on this machine, steered request by request.");
    jo_end(o);
    jo_array(o, "servers");
    jo_object(o, NULL);
    jo_string(o, "url", url);
    jo_end(o);
    jo_end(o);
    jo_array(o, "security");
    jo_object(o, NULL);
    jo_array(o, "token");
    jo_end(o);
    jo_end(o);
    jo_end(o);
    jo_object(o, "paths");
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            if (!seen(r)) {
                all_of_path(o, r->path);
            }
        }
    }
    jo_end(o);
    jo_object(o, "components");
    jo_object(o, "securitySchemes");
    jo_object(o, "token");
    jo_string(o, "type", "http");
    jo_string(o, "scheme", "bearer");
    jo_end(o);
    jo_end(o);
    jo_end(o);
    jo_end(o);
}
