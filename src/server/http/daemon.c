/* SPDX-License-Identifier: MIT
 *
 * daemon.c - HTTP by libmicrohttpd (http.h): a thread for each connection, limits, bodies.
 *
 * Life of a request: MHD calls access() once with the headers (admit may refuse, and then the
 * connection is closed, since a body may follow), once for each piece of the body, once more with
 * nothing, which is when the handler runs. What the request needs is in a `carrier`, made at the
 * first call and freed in completed(). libmicrohttpd itself refuses two lengths, a length beside a
 * coding, and headers that do not fit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errtext.h"
#include "base/idle_pages.h"
#include "base/mem.h"
#include "base/sockets.h"
#include "base/timeslice.h"
#include "base/try.h"
#include "server/http/http.h"

#if MHD_VERSION < 0x01000500
#error "libmicrohttpd >= 1.0.5 is needed: older ones accept smuggled requests (CWE-444)"
#endif

enum {
    STACK_BYTES = 512 << 10, /* address space; little of it is touched */
    MEMORY_LIMIT = 24 << 10, /* of a connection: headers in, headers out */
    BACKLOG = 512,
};

struct http_daemon {
    http_opts opts;
    struct MHD_Daemon *mhd;
    int port;
    atomic_size_t n_busy;
    atomic_uint_fast64_t n_requests;
};

typedef struct carrier {
    http_daemon *d;
    struct MHD_Connection *connection;
    http_request request;
    buf body;
    double begun;
    int fd, status;
    bool refused; /* a reply is queued; the body does not matter */
    char peer[INET6_ADDRSTRLEN];
} carrier;

/* ---- what handlers ask ----------------------------------------------------------------------- */

static struct MHD_Connection *connection_of(const http_request *r)
{
    return ((const carrier *)r->carrier)->connection;
}

const char *http_header(const http_request *r, const char *name)
{
    return MHD_lookup_connection_value(connection_of(r), MHD_HEADER_KIND, name);
}

const char *http_query(const http_request *r, const char *name)
{
    return MHD_lookup_connection_value(connection_of(r), MHD_GET_ARGUMENT_KIND, name);
}

typedef struct query_walk {
    bool (*fn)(void *ud, const char *name, const char *value);
    void *ud;
} query_walk;

static enum MHD_Result walk_one(void *cls, enum MHD_ValueKind kind, const char *key,
                                const char *value)
{
    const query_walk *w = cls;
    (void)kind;
    return w->fn(w->ud, key, value != NULL ? value : "") ? MHD_YES : MHD_NO;
}

void http_query_each(const http_request *r,
                     bool (*fn)(void *ud, const char *name, const char *value), void *ud)
{
    query_walk w = {fn, ud};
    MHD_get_connection_values(connection_of(r), MHD_GET_ARGUMENT_KIND, walk_one, &w);
}

bool http_gone(const http_request *r)
{
    const carrier *c = r->carrier;
    return c->fd >= 0 && sockets_gone(c->fd);
}

bool http_reply_header(http_reply *r, const char *name, const char *value)
{
    bool ok = r->n_headers < HTTP_REPLY_HEADERS && strlen(name) < sizeof r->headers[0].name &&
              strlen(value) < sizeof r->headers[0].value;
    for (const char *p = value; ok && *p != '\0'; p++) {
        ok = (unsigned char)*p >= ' ' && *p != 0x7f;
    }
    if (ok) {
        snprintf(r->headers[r->n_headers].name, sizeof r->headers[0].name, "%s", name);
        snprintf(r->headers[r->n_headers].value, sizeof r->headers[0].value, "%s", value);
        r->n_headers++;
    }
    return ok;
}

/* ---- replies --------------------------------------------------------------------------------- */

/* A stream on its way out. */
typedef struct outlet {
    http_stream stream;
} outlet;

static ssize_t outlet_read(void *cls, uint64_t pos, char *to, size_t max)
{
    outlet *o = cls;
    (void)pos;
    const long n = o->stream.read(o->stream.ud, to, max);
    return n > 0    ? (ssize_t)n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void outlet_free(void *cls)
{
    outlet *o = cls;
    o->stream.close(o->stream.ud);
    mem_free(o);
}

static struct MHD_Response *streamed(http_reply *r)
{
    outlet *o = mem_calloc(1, sizeof *o);
    struct MHD_Response *out = NULL;
    if (o != NULL) {
        o->stream = r->stream;
        out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_PIECE_MAX, outlet_read, o,
                                                outlet_free);
    }
    if (out == NULL) {
        r->stream.close(r->stream.ud);
        mem_free(o);
    }
    return out;
}

static void give_back(void *p)
{
    mem_free(p);
}

/* The whole body changes its owner: no copy. */
static struct MHD_Response *whole(http_reply *r)
{
    static const char lost[] = "{\"error\":{\"message\":\"the reply did not fit\"}}";
    const size_t n = r->body.len;
    if (r->body.failed != PERSONA_OK) {
        r->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        buf_free(&r->body);
        return MHD_create_response_from_buffer_static(sizeof lost - 1, lost);
    }
    char *bytes = buf_take(&r->body);
    if (bytes == NULL || n == 0) {
        mem_free(bytes);
        return MHD_create_response_empty(MHD_RF_NONE);
    }
    struct MHD_Response *out =
        MHD_create_response_from_buffer_with_free_callback(n, bytes, give_back);
    if (out == NULL) {
        mem_free(bytes);
    }
    return out;
}

/* What every reply says: nothing of it is to be kept, guessed at or framed; the page loads only
 * what the server brings, and makes no script out of text. */
static const char *const ALWAYS[][2] = {
    {"Content-Security-Policy",
     "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src "
     "'none'; require-trusted-types-for 'script'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static enum MHD_Result send_reply(carrier *c, http_reply *r, bool close)
{
    struct MHD_Response *out = r->stream.read != NULL ? streamed(r) : whole(r);
    if (out == NULL) {
        buf_free(&r->body);
        return MHD_NO;
    }
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)c->request.id); /* as the log has it */
    bool ok = MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE,
                                      r->type != NULL ? r->type : "application/json") == MHD_YES;
    ok = MHD_add_response_header(out, "X-Request-Id", id) == MHD_YES && ok;
    for (size_t i = 0; i < sizeof ALWAYS / sizeof *ALWAYS; i++) {
        ok = MHD_add_response_header(out, ALWAYS[i][0], ALWAYS[i][1]) == MHD_YES && ok;
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        ok = MHD_add_response_header(out, r->headers[i].name, r->headers[i].value) == MHD_YES && ok;
    }
    if (close) {
        ok = MHD_add_response_header(out, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES && ok;
    }
    c->status = r->status;
    const enum MHD_Result sent =
        ok ? MHD_queue_response(c->connection, (unsigned)r->status, out) : MHD_NO;
    MHD_destroy_response(out);
    return sent;
}

static enum MHD_Result refuse(carrier *c, int status, const char *message)
{
    http_reply r = {.status = status};
    c->refused = true;
    buf_init(&r.body, 4096);
    buf_printf(&r.body,
               "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":null}}",
               message);
    return send_reply(c, &r, true);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void name_peer(carrier *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info != NULL ? info->client_addr : NULL;
    const void *address = NULL;
    if (a != NULL && a->sa_family == AF_INET) {
        address = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
    } else if (a != NULL && a->sa_family == AF_INET6) {
        address = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    }
    if (address == NULL || inet_ntop(a->sa_family, address, c->peer, sizeof c->peer) == NULL) {
        snprintf(c->peer, sizeof c->peer, "?");
    }
}

static carrier *carrier_new(http_daemon *d, struct MHD_Connection *connection, const char *path,
                            const char *method)
{
    carrier *c = mem_calloc(1, sizeof *c);
    char *own_path = mem_strdup(path), *own_method = mem_strdup(method);
    if (c == NULL || own_path == NULL || own_method == NULL) {
        mem_free(own_path);
        mem_free(own_method);
        mem_free(c);
        return NULL;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->d = d;
    c->connection = connection;
    c->begun = clock_now();
    c->fd = info != NULL ? info->connect_fd : -1;
    buf_init(&c->body, d->opts.body_max);
    name_peer(c);
    c->request = (http_request){.method = own_method,
                                .path = own_path,
                                .body = "",
                                .peer = c->peer,
                                .id = atomic_fetch_add(&d->n_requests, 1) + 1,
                                .carrier = c};
    atomic_fetch_add(&d->n_busy, 1);
    return c;
}

/* The headers are here. */
static enum MHD_Result begin(carrier *c)
{
    const http_opts *o = &c->d->opts;
    http_reply r = {.status = 0};
    buf_init(&r.body, 64 << 10);
    if (!o->admit(o->ud, &c->request, &r)) {
        c->refused = true;
        return send_reply(c, &r, true);
    }
    buf_free(&r.body);
    const size_t limit = o->body_limit != NULL ? o->body_limit(o->ud, &c->request) : 0;
    c->body.max = limit > 0 ? limit : c->body.max;
    const char *length = http_header(&c->request, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > c->body.max) {
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    }
    return MHD_YES;
}

/* A piece of the body is here. */
static enum MHD_Result take(carrier *c, const char *data, size_t *n)
{
    const http_opts *o = &c->d->opts;
    if (c->refused) {
        *n = 0;
        return MHD_YES;
    }
    if (clock_now() - c->begun > o->body_s) {
        return MHD_NO; /* MHD has no way to answer in the middle of a body */
    }
    buf_add(&c->body, data, *n);
    if (c->body.failed != PERSONA_OK) { /* only a chunked body comes here */
        return MHD_NO;
    }
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result answer(carrier *c)
{
    const http_opts *o = &c->d->opts;
    http_reply r = {.status = MHD_HTTP_OK};
    c->request.body = buf_str(&c->body);
    c->request.body_len = c->body.len;
    buf_init(&r.body, (size_t)256 << 20);
    o->handle(o->ud, &c->request, &r);
    return send_reply(c, &r, false);
}

static enum MHD_Result access_request(void *cls, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *n, void **state)
{
    http_daemon *d = cls;
    carrier *c = *state;
    (void)version;
    if (c == NULL) {
        timeslice_short(); /* for its thread, which may be new, and those that it makes */
        c = carrier_new(d, connection, url, method);
        *state = c;
        return c != NULL ? begin(c) : MHD_NO;
    }
    if (*n > 0) {
        return take(c, data, n);
    }
    return c->refused ? MHD_YES : answer(c);
}

static void completed(void *cls, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how)
{
    static _Thread_local bool dropped;
    http_daemon *d = cls;
    carrier *c = *state;
    (void)connection;
    if (c == NULL) {
        return;
    }
    d->opts.done(d->opts.ud, &c->request, c->status, clock_now() - c->begun,
                 how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    atomic_fetch_sub(&d->n_busy, 1);
    mem_free((void *)(uintptr_t)c->request.path);
    mem_free((void *)(uintptr_t)c->request.method);
    buf_free(&c->body);
    mem_free(c);
    *state = NULL;
    if (!dropped) { /* once: the connection may live long and idle */
        dropped = true;
        idle_pages_drop();
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* MHD logs what clients do wrong; none of it is our business. */
static void no_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    (void)fmt;
    (void)ap;
}

static persona_code address_of(const http_opts *o, struct addrinfo **out, persona_err *e)
{
    char port[16];
    const char *host = o->host != NULL ? o->host : "127.0.0.1";
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    snprintf(port, sizeof port, "%d", o->port);
    const int bad = getaddrinfo(host, port, &hints, out);
    return bad == 0 ? PERSONA_OK
                    : persona_err_set(e, PERSONA_E_USAGE,
                                      "--host %s: wants an address in numbers, such as 127.0.0.1 "
                                      "or ::1 (%s)",
                                      host, gai_strerror(bad));
}

persona_code http_check_host(const char *host, persona_err *e)
{
    const http_opts o = {.host = host};
    struct addrinfo *a = NULL;
    const persona_code rc = address_of(&o, &a, e);
    if (a != NULL) {
        freeaddrinfo(a);
    }
    return rc;
}

static persona_code listen_on(http_daemon *d, const struct addrinfo *a, persona_err *e)
{
    const http_opts *o = &d->opts;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    flags |= a->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0;
    d->mhd = MHD_start_daemon(
        flags, (uint16_t)o->port, NULL, NULL, access_request, d, MHD_OPTION_EXTERNAL_LOGGER, no_log,
        NULL, MHD_OPTION_SOCK_ADDR_LEN, a->ai_addrlen, a->ai_addr, MHD_OPTION_NOTIFY_COMPLETED,
        completed, d, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->n_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)o->n_per_client,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_LIMIT, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG,
        MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, MHD_OPTION_END);
    return d->mhd != NULL
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                 "cannot listen on %s port %d: %s (is another server "
                                 "running there? --port chooses another)",
                                 o->host != NULL ? o->host : "127.0.0.1", o->port, errtext(errno));
}

persona_code http_start(const http_opts *o, http_daemon **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct addrinfo *a = NULL;
    http_daemon *d = mem_calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL) {
        return mem_err(e, "an HTTP daemon");
    }
    d->opts = *o;
    TRY(address_of(o, &a, e));
    TRY(listen_on(d, a, e));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_BIND_PORT);
    d->port = info != NULL ? info->port : o->port;
    *out = d;
    d = NULL;
out:
    if (a != NULL) {
        freeaddrinfo(a);
    }
    mem_free(d);
    return rc;
}

int http_port(const http_daemon *d)
{
    return d->port;
}

size_t http_busy(const http_daemon *d)
{
    return atomic_load(&d->n_busy);
}

void http_quiesce(http_daemon *d)
{
    const MHD_socket s = MHD_quiesce_daemon(d->mhd);
    if (s != MHD_INVALID_SOCKET) {
        close(s);
    }
}

void http_stop(http_daemon *d)
{
    if (d != NULL) {
        MHD_stop_daemon(d->mhd);
        mem_free(d);
    }
}
