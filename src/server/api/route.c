/* SPDX-License-Identifier: MIT
 *
 * route.c - from a request to its route's handler (route.h): the path, the method, the body.
 */
#include "server/api/route.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/api/log.h"

/* ---- paths ----------------------------------------------------------------------------------- */

static bool part_ok(const char *s, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    return n > 0 && n < CALL_PART_MAX && s[0] != '.' && strspn(s, allowed) >= n;
}

/* Whether path is of the form of pattern; its parts, at most CALL_PARTS. */
static bool matches(const char *pattern, const char *path, char parts[][CALL_PART_MAX])
{
    size_t n = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        const size_t len = strcspn(path, "/");
        if (n == CALL_PARTS || !part_ok(path, len)) {
            return false;
        }
        memcpy(parts[n], path, len);
        parts[n++][len] = '\0';
        path += len;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == '\0';
}

/* HEAD is GET without a body; libmicrohttpd leaves it out. */
static bool same_method(const char *of_route, const char *method)
{
    return strcmp(of_route, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

static void allow(char *list, size_t n, const char *method)
{
    const size_t at = strlen(list);
    if (strstr(list, method) == NULL && at + strlen(method) + 3 < n) {
        snprintf(list + at, n - at, "%s%s", at > 0 ? ", " : "", method);
    }
}

const route *route_find(const char *method, const char *path, char parts[][CALL_PART_MAX],
                        char *allowed, size_t n_allowed)
{
    const route *found = NULL;
    char other[CALL_PARTS][CALL_PART_MAX];
    *allowed = '\0';
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            const bool right = found == NULL && same_method(r->method, method);
            if (matches(r->path, path, right ? parts : other)) {
                allow(allowed, n_allowed, r->method);
                found = right ? r : found;
            }
        }
    }
    return found;
}

/* ---- the body and the query ------------------------------------------------------------------ */

static bool is_json(const char *type)
{
    return type == NULL || strncmp(type, "application/json", 16) == 0;
}

static persona_code check_list(const call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const json_val *root = json_root(c->body);
    if (json_typeof(root) != JSON_ARRAY || json_len(root) > 4096) {
        return persona_err_set(e, PERSONA_E_USAGE, "body: wants an array of at most 4096");
    }
    for (size_t i = 0; i < json_len(root); i++) {
        char at[32];
        snprintf(at, sizeof at, "[%zu]", i);
        TRY(fields_read(c->route->body, json_at(root, i), at, NULL, e));
    }
out:
    return rc;
}

static persona_code read_body(call *c, persona_err *e)
{
    const http_request *r = c->request;
    persona_code rc = PERSONA_OK;
    const bool empty = r->body_len == 0 && (c->route->flags & ROUTE_BODY_OPTIONAL) != 0;
    c->args = mem_calloc(1, c->route->args_size + 1);
    TRY(c->args != NULL ? PERSONA_OK : mem_err(e, "a request"));
    if (c->route->init != NULL) {
        c->route->init(c->args);
    }
    if (c->route->body == NULL) {
        goto out;
    }
    if (!empty && !is_json(http_header(r, "Content-Type"))) {
        /* also a guard: what a form of a foreign page can send is never JSON */
        c->status = 415;
        rc = persona_err_set(e, PERSONA_E_USAGE, "Content-Type must be application/json");
        goto out;
    }
    rc = json_parse(empty ? "{}" : r->body, empty ? 2 : r->body_len, "body", &c->body, e);
    TRY(rc == PERSONA_E_FORMAT ? PERSONA_E_USAGE : rc);
    TRY((c->route->flags & ROUTE_BODY_LIST) != 0
            ? check_list(c, e)
            : fields_read(c->route->body, json_root(c->body), "", c->args, e));
out:
    return rc;
}

typedef struct query_check {
    const field *known;
    persona_code rc;
    persona_err *e;
} query_check;

static bool known_parameter(void *ud, const char *name, const char *value)
{
    query_check *q = ud;
    (void)value;
    for (const field *f = q->known; f->type != FIELD_END; f++) {
        if (strcmp(f->name, name) == 0) {
            return true;
        }
    }
    q->rc = persona_err_set(q->e, PERSONA_E_USAGE, "%.60s: unknown parameter", name);
    return false;
}

static persona_code check_query(const call *c, persona_err *e)
{
    query_check q = {c->route->query, PERSONA_OK, e};
    if (q.known != NULL) {
        http_query_each(c->request, known_parameter, &q);
    }
    return q.rc;
}

/* ---- one request ----------------------------------------------------------------------------- */

static void no_route(const http_request *r, http_reply *reply, const char *allowed)
{
    persona_err e = {.code = PERSONA_E_NOTFOUND};
    if (*allowed != '\0') {
        http_reply_header(reply, "Allow", allowed);
        snprintf(e.msg, sizeof e.msg, "%.16s is not allowed here; allowed: %s", r->method, allowed);
        error_reply(reply, ERRORS_OPENAI, 405, &e, NULL, "method_not_allowed");
        return;
    }
    snprintf(e.msg, sizeof e.msg, "no such route; GET /openapi.json lists them");
    error_reply(reply, ERRORS_OPENAI, 404, &e, NULL, "not_found");
}

void route_handle(server *s, const http_request *r, http_reply *reply, const char *key_steering)
{
    char allowed[64];
    call c = {.s = s, .request = r, .reply = reply, .key_steering = key_steering};
    persona_err e = {.code = PERSONA_OK};
    persona_code rc = PERSONA_OK;
    c.route = route_find(r->method, r->path, c.parts, allowed, sizeof allowed);
    if (c.route == NULL) {
        no_route(r, reply, allowed);
        return;
    }
    jo_init(&c.out, &reply->body, false);
    TRY(check_query(&c, &e));
    TRY(read_body(&c, &e));
    TRY(c.route->run(&c, &e));
    if (reply->stream.read == NULL && reply->body.failed != PERSONA_OK) {
        rc = buf_ok(&reply->body, "the reply", &e);
    }
out:
    if (rc != PERSONA_OK) {
        const int status = c.status != 0 ? c.status : error_status(rc);
        if (status >= 500) {
            log_failure(r, &e);
        }
        error_reply(reply, c.route->errors, status, &e, c.param, c.reason);
    }
    json_free(c.body);
    mem_free(c.args);
}
