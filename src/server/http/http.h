/* SPDX-License-Identifier: MIT
 *
 * http.h - what the server knows of HTTP: a request that has been read whole, a reply that is given
 * whole or piece by piece, and the daemon that carries both. daemon.c is the only file that
 * includes libmicrohttpd.
 *
 * Every connection has a thread; a handler may block in it. Before a body is read `admit` may
 * refuse the request (token, Host, Origin), so that nobody uploads for nothing.
 */
#ifndef PERSONA_SERVER_HTTP_H
#define PERSONA_SERVER_HTTP_H

#include <stdint.h>

#include "base/buf.h"

enum { HTTP_PIECE_MAX = 32 << 10, HTTP_REPLY_HEADERS = 8 };

typedef struct http_request {
    const char *method, *path; /* path: decoded, without the query */
    const char *body;          /* "" if there is none; NUL-terminated */
    size_t body_len;
    const char *peer;    /* address of the client, for logs */
    uint64_t id;         /* counts the daemon's requests from 1 */
    const void *carrier; /* daemon.c's */
} http_request;

/* NULL: the request has none. Names of headers have no case. */
const char *http_header(const http_request *r, const char *name);
const char *http_query(const http_request *r, const char *name);
/* Calls fn for each parameter behind the question mark until it returns false. */
void http_query_each(const http_request *r,
                     bool (*fn)(void *ud, const char *name, const char *value), void *ud);
/* The client has closed its side: whoever waits for the reply has gone. */
bool http_gone(const http_request *r);

/* A reply that is written while it is made. */
typedef struct http_stream {
    void *ud;
    /* Waits for bytes and copies at most max of them; 0: the end; negative: break the connection
     * off, so that the client sees that the reply is not whole. */
    long (*read)(void *ud, char *to, size_t max);
    void (*close)(void *ud); /* exactly once: read to the end, broken off, or client gone */
} http_stream;

typedef struct http_reply {
    int status;
    const char *type;   /* static; NULL: application/json */
    buf body;           /* bounded; the daemon frees it */
    http_stream stream; /* read != NULL: instead of body; the daemon closes it */
    struct {
        char name[32], value[224];
    } headers[HTTP_REPLY_HEADERS];
    size_t n_headers;
} http_reply;

/* Adds a header; one that does not fit is left out (false). Control characters are refused. */
bool http_reply_header(http_reply *r, const char *name, const char *value);

typedef struct http_opts {
    const char *host;  /* a numeric address; NULL: 127.0.0.1 */
    int port;          /* 0: any free one */
    size_t body_max;   /* bytes, where body_limit says 0 */
    int n_connections; /* at once */
    int n_per_client;  /* at once, of one address */
    int idle_s;        /* without a byte either way */
    int body_s;        /* to send a body in */
    void *ud;
    /* Headers are read, the body is not. False: `reply` is the answer. */
    bool (*admit)(void *ud, const http_request *r, http_reply *reply);
    size_t (*body_limit)(void *ud, const http_request *r); /* of this request; NULL: body_max */
    void (*handle)(void *ud, const http_request *r, http_reply *reply);
    /* The reply has been sent, or was broken off (whole false). */
    void (*done)(void *ud, const http_request *r, int status, double seconds, bool whole);
} http_opts;

typedef struct http_daemon http_daemon;
/* Whether it is an address in numbers (NULL: the default). Errors: USAGE. */
PERSONA_CHECK persona_code http_check_host(const char *host, persona_err *e);
PERSONA_CHECK persona_code http_start(const http_opts *o, http_daemon **out, persona_err *e);
int http_port(const http_daemon *d);
/* Requests that are being answered now. */
size_t http_busy(const http_daemon *d);
/* No new connections; what is open goes on. */
void http_quiesce(http_daemon *d);
/* Waits for every connection's thread; handlers must have been told to end. NULL is fine. */
void http_stop(http_daemon *d);

#endif
