/* SPDX-License-Identifier: MIT
 *
 * server.c - opening, serving, ending (server.h). What a request must bring before anything else
 * is looked at stands here, in the order in which it is asked.
 */
#include "server/serve/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/api/log.h"
#include "store/job/job_impl.h"
#include "workbench/trash.h"

#define KEYS_MAX ((size_t)256 << 10)

server_opts server_defaults(void)
{
    server_opts o = {.port = 8000,
                     .queue = 256,
                     .n_connections = 512,
                     .n_per_client = 256,
                     .idle_s = 60,
                     .drain_s = 30,
                     .trash_days = 30,
                     .body_max = (size_t)16 << 20};
    o.models.model = persona_model_defaults();
    o.models.session = persona_session_defaults();
    o.models.session.n_slots = 8;
    o.models.session.n_ctx = 4096;
    return o;
}

/* ---- before a request is read ---------------------------------------------------------------- */

static bool refuse(http_reply *reply, int status, const char *why)
{
    persona_err e = {.code = PERSONA_E_USAGE};
    snprintf(e.msg, sizeof e.msg, "%s", why);
    error_reply(reply, ERRORS_OPENAI, status, &e, NULL,
                status == 401 ? "invalid_api_key" : "forbidden");
    return false;
}

static bool open_to_all(const http_request *r)
{
    char parts[CALL_PARTS][CALL_PART_MAX], allowed[64];
    const route *x = route_find(r->method, r->path, parts, allowed, sizeof allowed);
    return x != NULL && (x->flags & ROUTE_OPEN) != 0;
}

static bool admit(void *ud, const http_request *r, http_reply *reply)
{
    const server *s = ud;
    const char *steering = NULL;
    if (!access_host_ok(s->access, http_header(r, "Host"))) {
        return refuse(reply, 403, "the Host header names another machine (--allow-host NAME)");
    }
    if (!access_origin_ok(s->access, http_header(r, "Origin"), http_header(r, "Host"))) {
        return refuse(reply, 403, "pages of other origins may not ask (--allow-origin ORIGIN)");
    }
    if (!open_to_all(r) && !access_key_ok(s->access, http_header(r, "Authorization"), &steering)) {
        http_reply_header(reply, "WWW-Authenticate", "Bearer");
        return refuse(reply, 401, "a token is missing or wrong (Authorization: Bearer TOKEN)");
    }
    return true;
}

/* Files that are uploaded may be larger than what is parsed as JSON. */
static size_t body_limit(void *ud, const http_request *r)
{
    char parts[CALL_PARTS][CALL_PART_MAX], allowed[64];
    const route *x = route_find(r->method, r->path, parts, allowed, sizeof allowed);
    (void)ud;
    return x != NULL ? x->bytes_max : 0;
}

static void handle(void *ud, const http_request *r, http_reply *reply)
{
    server *s = ud;
    const char *steering = NULL;
    (void)access_key_ok(s->access, http_header(r, "Authorization"), &steering);
    route_handle(s, r, reply, steering);
}

static void done(void *ud, const http_request *r, int status, double seconds, bool whole)
{
    const server *s = ud;
    if (!s->opts.quiet) {
        log_request(r, status, seconds, whole);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static persona_code open_access(server *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *text = NULL;
    const server_opts *o = &s->opts;
    const char *env = getenv("PERSONA_API_KEY");
    if (o->keys_file != NULL) {
        TRY(file_read_text(o->keys_file, KEYS_MAX, &text, e));
    }
    const char *keys = text != NULL ? text : env != NULL && *env != '\0' ? env : NULL;
    TRY(access_new(o->host, keys, o->allow_hosts, o->n_allow_hosts, o->allow_origins,
                   o->n_allow_origins, &s->access, e));
out:
    mem_free(text);
    return rc;
}

/* What cannot be removed now is tried again at the next start. */
static void purge_trash(const server_opts *o)
{
    persona_err e = {.code = PERSONA_OK};
    size_t n = 0;
    const persona_code rc = o->trash_days > 0 ? trash_purge(o->trash_days, &n, &e) : PERSONA_OK;
    if (rc != PERSONA_OK && !o->quiet) {
        fprintf(stderr, "the trash could not be emptied: %s\n", e.msg);
    }
}

/* Two servers would work on the same jobs. */
static persona_code lock_folder(server *s, const char *path, const char *dir, persona_err *e)
{
    s->lock_path = mem_strdup(path);
    if (s->lock_path == NULL) {
        return mem_err(e, "a path");
    }
    const persona_code rc = job_lock_take(path, &s->lock, e);
    return rc != PERSONA_E_UNAVAILABLE
               ? rc
               : persona_err_set(e, rc,
                                 "another persona serve works in %s (XDG_DATA_HOME gives this one "
                                 "a folder of its own)",
                                 dir);
}

/* In the user's data folder; only the user may read it. */
static persona_code open_database(server *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = path_user_data(), *path = dir != NULL ? path_join(dir, "server.db") : NULL;
    if (dir == NULL) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "neither HOME nor XDG_DATA_HOME says where data goes");
        goto out;
    }
    TRY(path != NULL ? PERSONA_OK : mem_err(e, "a path"));
    TRY(file_mkdirs(dir, e));
    TRY(lock_folder(s, path, dir, e));
    TRY(server_db_open(path, &s->db, e));
    TRY(jobs_new(s->db, s->models, s->library, &s->jobs, e));
out:
    mem_free(path);
    mem_free(dir);
    return rc;
}

persona_code server_start(const server_opts *o, server **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    server *s = mem_calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL) {
        return mem_err(e, "a server");
    }
    s->opts = *o;
    s->lock = -1;
    s->begun = clock_now();
    TRY(http_check_host(o->host, e));
    TRY(open_access(s, e));
    purge_trash(o);
    TRY(registry_new(&s->opts.models, &s->models, e));
    TRY(library_new(&s->library, e));
    TRY(cvectors_new(&s->cvectors, e));
    TRY(watch_new(&s->watch, e));
    TRY(answers_new(o->queue, &s->answers, e));
    TRY(open_database(s, e));
    const http_opts http = {.host = o->host,
                            .port = o->port,
                            .body_max = o->body_max,
                            .n_connections = o->n_connections,
                            .n_per_client = o->n_per_client,
                            .idle_s = o->idle_s,
                            .body_s = 60,
                            .ud = s,
                            .admit = admit,
                            .body_limit = body_limit,
                            .handle = handle,
                            .done = done};
    TRY(http_start(&http, &s->http, e));
    TRY(jobs_start(s->jobs, e));
    *out = s;
    s = NULL;
out:
    server_free(s);
    return rc;
}

int server_port(const server *s)
{
    return http_port(s->http);
}

static void sleep_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

void server_wait(server *s, const persona_cancel *cancel)
{
    enum { POLL_MS = 100 };
    while (!persona_canceled(cancel)) {
        sleep_ms(POLL_MS); /* a signal ends it early */
    }
    http_quiesce(s->http);
    answers_close(s->answers);
    const double until = clock_now() + s->opts.drain_s;
    while (answers_running(s->answers) > 0 && clock_now() < until) {
        sleep_ms(POLL_MS);
    }
}

void server_free(server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->answers != NULL) {
        answers_close(s->answers);
        answers_cancel_all(s->answers);
    }
    jobs_stop(s->jobs);
    http_stop(s->http);
    jobs_free(s->jobs);
    server_db_close(s->db);
    answers_free(s->answers);
    cvectors_free(s->cvectors);
    watch_free(s->watch);
    library_free(s->library);
    registry_free(s->models);
    access_free(s->access);
    if (s->lock >= 0) {
        job_lock_drop(s->lock_path, s->lock);
    }
    mem_free(s->lock_path);
    mem_free(s);
}
