/* SPDX-License-Identifier: MIT
 *
 * reply_error.c - failures as HTTP: the status of each code, and the shapes in which clients
 * expect them. What a user can mend is told; what only the operator can (disk, memory, our own
 * faults) goes to the log, and the client gets the number of its request.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "server/api/route.h"

int error_status(persona_code code)
{
    static const int STATUS[] = {
        [PERSONA_OK] = 200,         [PERSONA_E_NEGATIVE] = 422,    [PERSONA_E_USAGE] = 400,
        [PERSONA_E_FORMAT] = 400,   [PERSONA_E_SHAPE] = 400,       [PERSONA_E_NUMERIC] = 422,
        [PERSONA_E_NOTFOUND] = 404, [PERSONA_E_UNAVAILABLE] = 503, [PERSONA_E_NOMEM] = 503,
        [PERSONA_E_INTERNAL] = 500, [PERSONA_E_IO] = 507,          [PERSONA_E_CANCELED] = 503};
    return STATUS[code];
}

const char *error_type(int status)
{
    static const struct {
        int status;
        const char *name;
    } NAMES[] = {{401, "authentication_error"},
                 {403, "permission_error"},
                 {404, "not_found_error"},
                 {429, "rate_limit_error"},
                 {503, "unavailable_error"}};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].status == status) {
            return NAMES[i].name;
        }
    }
    return status < 500 ? "invalid_request_error" : "server_error";
}

static bool in_path(char c)
{
    return isalnum((unsigned char)c) || strchr("/._-+~@%#=", c) != NULL;
}

/* Routes of ours, which messages may name. */
static bool is_route(const char *p)
{
    static const char *const OURS[] = {"/v1/", "/api/", "/openapi.json"};
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        if (strncmp(p, OURS[i], strlen(OURS[i])) == 0) {
            return true;
        }
    }
    return false;
}

void error_redact(char *message)
{
    char *to = message;
    for (const char *p = message; *p != '\0';) {
        const bool starts = (*p == '/' || (*p == '~' && p[1] == '/')) &&
                            (p == message || !in_path(p[-1])) && p[1] != '\0' && p[1] != ' ' &&
                            !is_route(p);
        if (!starts) {
            *to++ = *p++;
            continue;
        }
        const char *last = p;
        for (; *p != '\0' && in_path(*p); p++) {
            last = *p == '/' && in_path(p[1]) ? p + 1 : last;
        }
        while (last < p) {
            *to++ = *last++;
        }
    }
    *to = '\0';
}

static void openai_shape(json_out *o, int status, const char *message, const char *param,
                         const char *reason)
{
    jo_object(o, "error");
    jo_string(o, "message", message);
    jo_string(o, "type", error_type(status));
    jo_string(o, "param", param);
    jo_string(o, "code", reason);
    jo_end(o);
}

void error_reply(http_reply *r, error_shape shape, int status, const persona_err *e,
                 const char *param, const char *reason)
{
    json_out o;
    char message[sizeof e->msg], found[128];
    snprintf(message, sizeof message, "%s", e->msg);
    error_redact(message);
    if (status >= 500 && status != 503) { /* not the client's business */
        snprintf(message, sizeof message,
                 "the server failed; its log says why under the request's id");
    }
    field_param(message, found, sizeof found);
    buf_clear(&r->body);
    r->status = status;
    r->type = NULL;
    if (status == 429 || status == 503) {
        http_reply_header(r, "Retry-After", "1");
    }
    jo_init(&o, &r->body, false);
    jo_object(&o, NULL);
    switch (shape) {
    case ERRORS_OPENAI:
        openai_shape(&o, status, message,
                     param != NULL                     ? param
                     : status == 400 && *found != '\0' ? found
                                                       : NULL,
                     reason);
        break;
    case ERRORS_ORIGINAL:
        jo_string(&o, "detail", message);
        break;
    case ERRORS_OLLAMA:
        jo_string(&o, "error", message);
        break;
    }
    jo_end(&o);
}
