/* SPDX-License-Identifier: MIT
 *
 * route.h - what the server answers to: one table of routes. A record says method, path, what the
 * body and the query may hold, how errors look and who answers; routing, validation, /openapi.json,
 * docs/API.md and the coverage of the tests come from it.
 *
 * Paths have parts in braces, "/api/v1/models/{id}", which match one segment of letters, digits and
 * "._-" that does not begin with a dot: no name is ever a path.
 */
#ifndef PERSONA_SERVER_ROUTE_H
#define PERSONA_SERVER_ROUTE_H

#include "server/api/field.h"
#include "server/http/http.h"

typedef struct server server; /* serve/server.h */

/* How a client of this kind of route expects errors. */
typedef enum error_shape {
    ERRORS_OPENAI,   /* {"error": {"message", "type", "param", "code"}} */
    ERRORS_ORIGINAL, /* {"detail": text} */
    ERRORS_OLLAMA,   /* {"error": text} */
} error_shape;

enum { CALL_PARTS = 2, CALL_PART_MAX = 128 };

/* One request on its way through its route. */
typedef struct call {
    server *s;
    const http_request *request;
    http_reply *reply;
    const struct route *route;
    const char *key_steering; /* what the client's key is steered by if it says nothing; NULL */
    char parts[CALL_PARTS][CALL_PART_MAX]; /* of the path, in order */
    json_doc *body;                        /* NULL: the route has none */
    void *args;                            /* route->args_size bytes, filled from the body */
    json_out out;                          /* onto reply->body; the root is the handler's */
    int status;                            /* of an error: instead of the code's own; 0 */
    const char *param, *reason;            /* of an error: OpenAI's param and code; NULL */
} call;

typedef enum route_flags {
    ROUTE_OPEN = 1,          /* no token wanted: says nothing about anybody */
    ROUTE_BODY_OPTIONAL = 2, /* an empty body counts as {} */
    /* the body is an array, whose elements have the members of `body`; the handler reads them */
    ROUTE_BODY_LIST = 4,
} route_flags;

typedef struct route {
    const char *method, *path;
    unsigned flags;
    error_shape errors;
    const field *body;  /* NULL: none is read */
    size_t bytes_max;   /* the body is bytes, which the handler reads itself; 0: it is not */
    const field *query; /* strings only, at FIELD_NOWHERE; NULL: none is known, any is ignored */
    size_t args_size;
    void (*init)(void *args); /* defaults; NULL: zeros */
    /* Writes the reply, or returns why there is none. */
    persona_code (*run)(call *c, persona_err *e);
    const char *tag, *summary;
    const field *answer; /* members of the reply, for the description; NULL: not JSON */
} route;

/* Every table of routes; NULL-terminated, each ends with method NULL. */
extern const route *const ROUTE_TABLES[];

/* Answers a request. */
void route_handle(server *s, const http_request *r, http_reply *reply, const char *key_steering);
/* The route for a method and path; NULL: none. allowed: methods of routes with that path, "GET,
 * POST". */
const route *route_find(const char *method, const char *path, char parts[][CALL_PART_MAX],
                        char *allowed, size_t n_allowed);

/* reply_error.c: the reply for an error. */
void error_reply(http_reply *r, error_shape shape, int status, const persona_err *e,
                 const char *param, const char *reason);
int error_status(persona_code code);
const char *error_type(int status);
/* Paths of this machine are cut down to the name of the file. */
void error_redact(char *message);

/* route_docs.c: all routes as tables of Markdown, a section for each tag. */
void routes_markdown(buf *out);

/* openapi.c: the description of all routes. */
void openapi_json(json_out *o, int port);

#endif
