/* SPDX-License-Identifier: MIT
 *
 * rpc.c - other hosts as devices (rpc.h), by ggml's RPC backend and the ggml-rpc-server there.
 *
 * ggml's client knows no errors and no limits of time: whatever is wrong with a host, it waits for
 * ever or aborts the process. So everything is found out before it is called: a connection of our
 * own, with deadlines, says hello in ggml's protocol and compares versions. A server answers one
 * client at a time and lets others wait without a word, so our connection is closed first, and a
 * watcher breaks ggml's own if somebody else was faster. Then one of ggml's connections is held for
 * the life of the process, which keeps others out between two models, and is told to fail when the
 * host is silent for too long. What happens later can only be said, not mended: the hook of
 * persona_engine_on_abort is called with the names of the hosts that are gone.
 */
#include "engine/rpc.h"

#include <ggml-rpc.h>
#include <ggml.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/tcp.h"
#include "base/try.h"
#include "engine/engine.h"

enum { HOST_MAX = 254, HOSTS_MAX = GGML_RPC_MAX_SERVERS, DEVICES_MAX = 64 };
#define HELLO_WAIT 5.0    /* seconds until a server must have said who it is */
#define CONNECT_WAIT 20.0 /* and until ggml must have connected */
#define NO_BACKEND                                                                                 \
    "--rpc: ggml's RPC backend is not installed (Debian: apt-get install libggml0-backend-rpc; "   \
    "in a private prefix: tools/setup), or PERSONA_BACKENDS_DIR names a folder without it"

typedef struct host {
    char name[HOST_MAX + 8]; /* HOST:PORT */
    struct sockaddr_in at;
    ggml_backend_reg_t reg; /* NULL: never reached */
    ggml_backend_t held;    /* keeps ggml's connection open */
} host;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static host hosts[HOSTS_MAX];
static size_t n_hosts;
static void (*on_abort)(const char *text);

/* ---- asking a server who it is --------------------------------------------------------------- */

enum { CMD_HELLO = 14, CMD_DEVICE_COUNT = 15, CAPS = 24 };

/* Little endian on the wire, as on every machine that ggml's RPC runs on. */
static bool ask(int fd, unsigned char command, uint64_t n_in, void *out, uint64_t n_out,
                double until)
{
    static const unsigned char none[CAPS] = {0};
    uint64_t n = 0;
    return tcp_send(fd, &command, 1, until) && tcp_send(fd, &n_in, sizeof n_in, until) &&
           tcp_send(fd, none, (size_t)n_in, until) && tcp_receive(fd, &n, sizeof n, until) &&
           n == n_out && tcp_receive(fd, out, (size_t)n_out, until);
}

static persona_code examine(const char *name, int fd, double until, persona_err *e)
{
    unsigned char hello[4 + CAPS] = {0};
    uint32_t n_devices = 0;
    if (!ask(fd, CMD_HELLO, CAPS, hello, sizeof hello, until)) {
        if (clock_now() >= until) {
            return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                   "--rpc %s: connected, but no answer within %.0f s: busy with "
                                   "another program (a ggml-rpc-server has one client at a time), "
                                   "or no ggml-rpc-server",
                                   name, HELLO_WAIT);
        }
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "--rpc %s: does not speak ggml's RPC %d.%d.%d: no ggml-rpc-server, "
                               "or one of another ggml than %s",
                               name, RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION,
                               RPC_PROTO_PATCH_VERSION, ggml_version());
    }
    if (hello[0] != RPC_PROTO_MAJOR_VERSION || hello[1] != RPC_PROTO_MINOR_VERSION ||
        hello[2] != RPC_PROTO_PATCH_VERSION) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "--rpc %s: its ggml-rpc-server speaks version %d.%d.%d, this "
                               "program %d.%d.%d: both need the same ggml (here %s)",
                               name, hello[0], hello[1], hello[2], RPC_PROTO_MAJOR_VERSION,
                               RPC_PROTO_MINOR_VERSION, RPC_PROTO_PATCH_VERSION, ggml_version());
    }
    if (!ask(fd, CMD_DEVICE_COUNT, 0, &n_devices, sizeof n_devices, until) || n_devices == 0) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "--rpc %s: offers no device", name);
    }
    return PERSONA_OK;
}

static persona_code probe(const host *h, persona_err *e)
{
    const double until = clock_now() + HELLO_WAIT;
    const int fd = tcp_connect(&h->at, until);
    if (fd < 0) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "--rpc %s: nobody answers there%s (start ggml-rpc-server -H ADDRESS "
                               "-p PORT on that host)",
                               h->name, clock_now() >= until ? " within 5 s" : "");
    }
    const persona_code rc = examine(h->name, fd, until, e);
    (void)close(fd); /* nothing was sent that counts */
    return rc;
}

/* ---- ggml's side ----------------------------------------------------------------------------- */

static ggml_backend_reg_t backend(void)
{
    ggml_backend_reg_t reg = ggml_backend_reg_by_name("RPC");
    return reg != NULL ? reg : rpc_backend_load();
}

typedef struct watcher {
    const host *h;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool done;
} watcher;

static void *watch(void *ud)
{
    watcher *w = ud;
    const double until = clock_now() + CONNECT_WAIT;
    pthread_mutex_lock(&w->lock);
    while (!w->done && cond_wait_until(&w->news, &w->lock, until)) {}
    if (!w->done) {
        tcp_break(&w->h->at);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ggml connects. A server that has gone or is busy by now ends the process, but not in silence. */
static persona_code connect_ggml(host *h, persona_err *e)
{
    ggml_backend_reg_t (*add)(const char *endpoint) = NULL;
    ggml_backend_reg_t rpc = backend();
    void *found =
        rpc != NULL ? ggml_backend_reg_get_proc_address(rpc, "ggml_backend_rpc_add_server") : NULL;
    memcpy(&add, &found, sizeof add); /* ISO C has no cast from data to functions */
    if (add == NULL) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, NO_BACKEND);
    }
    watcher w = {.h = h, .lock = PTHREAD_MUTEX_INITIALIZER};
    cond_init(&w.news);
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, &w) != 0) {
        return mem_err(e, "a thread");
    }
    /* ggml's thread of this host inherits the mask: writing to a host that is gone must not kill */
    sigset_t pipe;
    sigset_t before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ggml_backend_reg_t reg = h->reg != NULL ? h->reg : add(h->name);
    if (reg != NULL && ggml_backend_reg_dev_count(reg) > 0) {
        h->held = ggml_backend_dev_init(ggml_backend_reg_dev_get(reg, 0), NULL);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&w.lock);
    w.done = true;
    pthread_cond_signal(&w.news);
    pthread_mutex_unlock(&w.lock);
    pthread_join(thread, NULL);
    if (h->held == NULL) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "--rpc %s: ggml cannot use it", h->name);
    }
    if (h->reg == NULL) {
        ggml_backend_register(reg);
        h->reg = reg;
    }
    return PERSONA_OK;
}

/* Where a model of an earlier call lies is not asked again; a connection that was closed since then
 * is made anew. */
static persona_code reach(host *h, int silence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (h->held != NULL) {
        const tcp_census c = tcp_count(&h->at);
        if (c.open > c.closed) {
            goto out;
        }
        ggml_backend_free(h->held);
        h->held = NULL;
    }
    TRY(probe(h, e));
    TRY(connect_ggml(h, e));
out:
    if (rc == PERSONA_OK) {
        tcp_guard(&h->at, silence);
    }
    return rc;
}

/* ---- names ----------------------------------------------------------------------------------- */

static persona_code bad_name(const char *name, size_t n, persona_err *e)
{
    return persona_err_set(e, PERSONA_E_USAGE,
                           "--rpc: '%.*s' is not HOST:PORT (a name or an IPv4 address, and a port "
                           "from 1 to 65535)",
                           (int)(n < 80 ? n : 80), name);
}

/* The host of a name, perhaps known already. */
static persona_code find_host(const char *name, size_t n, host **out, persona_err *e)
{
    const char *colon = memchr(name, ':', n);
    char *end = NULL;
    host h = {.reg = NULL};
    if (colon == NULL || colon == name || n > HOST_MAX || colon + 1 == name + n ||
        strspn(colon + 1, "0123456789") != n - (size_t)(colon + 1 - name)) {
        return bad_name(name, n, e);
    }
    memcpy(h.name, name, n);
    const long port = strtol(colon + 1, &end, 10);
    if (port < 1 || port > 65535) {
        return bad_name(name, n, e);
    }
    for (size_t i = 0; i < n_hosts; i++) {
        if (strcmp(hosts[i].name, h.name) == 0) {
            *out = &hosts[i];
            return PERSONA_OK;
        }
    }
    if (n_hosts == HOSTS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "--rpc: more than %d hosts", HOSTS_MAX);
    }
    h.name[colon - name] = '\0';
    if (!tcp_resolve(h.name, (int)port, &h.at)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "--rpc: no IPv4 address of '%s' is known",
                               h.name);
    }
    h.name[colon - name] = ':';
    hosts[n_hosts] = h;
    *out = &hosts[n_hosts++];
    return PERSONA_OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

bool rpc_is_remote(ggml_backend_dev_t dev)
{
    const char *name = ggml_backend_reg_name(ggml_backend_dev_backend_reg(dev));
    return strncmp(name, "RPC", 3) == 0;
}

static void add_device(ggml_backend_dev_t *list, size_t *n, ggml_backend_dev_t dev)
{
    for (size_t i = 0; i < *n; i++) {
        if (list[i] == dev) {
            return;
        }
    }
    if (*n < DEVICES_MAX) {
        list[(*n)++] = dev;
    }
}

/* The hosts' first, in the order of the list, as libllama has it. */
static persona_code collect(const char *list, int silence, ggml_backend_dev_t *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n = 0;
    for (const char *at = list;; at++) {
        const size_t len = strcspn(at, ",");
        host *h = NULL;
        TRY(find_host(at, len, &h, e));
        TRY(reach(h, silence, e));
        for (size_t i = 0; i < ggml_backend_reg_dev_count(h->reg); i++) {
            add_device(out, &n, ggml_backend_reg_dev_get(h->reg, i));
        }
        at += len;
        if (*at == '\0') {
            break;
        }
    }
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        if (ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_GPU && !rpc_is_remote(dev)) {
            add_device(out, &n, dev);
        }
    }
out:
    return rc;
}

persona_code rpc_devices(const char *list, int silence, ggml_backend_dev_t **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    ggml_backend_dev_t *devices = mem_calloc(DEVICES_MAX + 1, sizeof *devices);
    *out = NULL;
    if (devices == NULL) {
        return mem_err(e, "a list of devices");
    }
    pthread_mutex_lock(&lock);
    rc = backend() != NULL ? collect(list, silence, devices, e)
                           : persona_err_set(e, PERSONA_E_UNAVAILABLE, NO_BACKEND);
    pthread_mutex_unlock(&lock);
    if (rc == PERSONA_OK) {
        *out = devices;
    } else {
        mem_free(devices);
    }
    return rc;
}

persona_code persona_engine_connect(const char *list, int silence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    ggml_backend_dev_t *devices = NULL;
    TRY(backend_init(false, e));
    TRY(rpc_devices(list, silence, &devices, e));
out:
    mem_free(devices);
    return rc;
}

bool persona_engine_has_rpc(void)
{
    return backend_init(false, NULL) == PERSONA_OK && backend() != NULL;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The hosts whose connection is closed, or all: then one of them is silent. */
static void name_hosts(buf *out)
{
    size_t n_closed = 0;
    bool closed[HOSTS_MAX] = {false};
    for (size_t i = 0; i < n_hosts; i++) {
        const tcp_census c = tcp_count(&hosts[i].at);
        closed[i] = c.closed > 0 || c.open == 0;
        n_closed += closed[i];
    }
    buf_puts(out, n_closed > 0 ? "a host of --rpc is gone:" : "a host of --rpc is silent, one of");
    for (size_t i = 0; i < n_hosts; i++) {
        if (closed[i] || n_closed == 0) {
            buf_printf(out, " %s", hosts[i].name);
        }
    }
}

/* ggml aborts after this. No lock: whoever holds it may be the thread that waits for the host. */
static void say_why(const char *text)
{
    buf said;
    buf_init(&said, 4096);
    if (n_hosts > 0 && strstr(text, "RPC") != NULL) {
        name_hosts(&said);
        buf_puts(&said, " (a ggml-rpc-server that failed says why on its own side)");
    } else {
        buf_puts(&said, text);
    }
    on_abort(buf_str(&said));
    buf_free(&said);
}

void persona_engine_on_abort(void (*hook)(const char *text))
{
    on_abort = hook;
    ggml_set_abort_callback(hook != NULL ? say_why : NULL);
}
