/* SPDX-License-Identifier: MIT
 *
 * server.h - the server as a whole: what it was told, what it holds, its life.
 *
 * server_start opens everything and listens; server_wait returns when it is asked to end (a cancel
 * flag that a signal handler may set), after the answers that run have had their time; server_free
 * ends it.
 */
#ifndef PERSONA_SERVER_SERVER_H
#define PERSONA_SERVER_SERVER_H

#include "server/answer/answer.h"
#include "server/api/route.h"
#include "server/jobs/job_queue.h"
#include "server/serve/access.h"
#include "server/serve/cvectors.h"
#include "server/serve/watch.h"
#include "workbench/library.h"

typedef struct server_opts {
    const char *host; /* NULL: 127.0.0.1 */
    int port;
    registry_opts models;
    const char *const *default_steering; /* (n_default_steering) "MODEL=EXPR" */
    size_t n_default_steering;
    const char *keys_file;          /* NULL: PERSONA_API_KEY of the environment, or none */
    const char *const *allow_hosts; /* (n_allow_hosts) names under which it is reached */
    size_t n_allow_hosts;
    const char *const *allow_origins; /* (n_allow_origins) pages of others that may use it */
    size_t n_allow_origins;
    size_t queue; /* answers that run or wait */
    int n_connections, n_per_client, idle_s, drain_s;
    size_t body_max;
    int trash_days; /* what was deleted longer ago goes for good when the server starts; 0: never */
    uint32_t seed;  /* of requests that say none; 0: each has one of its own */
    bool quiet;     /* no log at all */
} server_opts;
server_opts server_defaults(void);

struct server {
    server_opts opts;
    access_rules *access;
    registry *models;
    library *library;
    answers *answers;
    cvectors *cvectors; /* what steers requests that say nothing, set while it runs */
    watch *watch;       /* what is read of all answers, likewise */
    server_db *db;
    jobs *jobs;
    http_daemon *http;
    char *lock_path; /* of the data folder: one server works in it */
    int lock;        /* -1: not held */
    double begun;
};

PERSONA_CHECK persona_code server_start(const server_opts *o, server **out, persona_err *e);
int server_port(const server *s);
/* Until cancel says stop; then no new connections, and running answers have drain_s seconds. */
void server_wait(server *s, const persona_cancel *cancel);
void server_free(server *s);

/* What a request says about steering. */
typedef struct steer_wish {
    const json_val *steering; /* NULL: nothing, then the key's or the model's default; null: none */
    const char *key_steering; /* what the client's key is steered by; NULL: nothing */
    const char *guard;        /* NULL: warn at 1 */
} steer_wish;
/* steer.c: an expression or an object as text, which everything that parses expressions takes.
 * *out: mem_free it; NULL: null. Errors: USAGE, naming the field. */
PERSONA_CHECK persona_code steering_text(const json_val *v, const char *field_name, char **out,
                                         persona_err *e);
/* Errors: those of library_steer_named; USAGE. */
PERSONA_CHECK persona_code server_steer(server *s, served *m, const steer_wish *wish,
                                        answer_steering *out, persona_err *e);

#endif
