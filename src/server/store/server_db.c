/* SPDX-License-Identifier: MIT
 *
 * server_db.c - the tables of the server (server_db.h). Steps are never changed once released: what
 * is new is a further one.
 */
#include "server/store/server_db.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"

#define PATIENCE_S 5.0 /* with another process that writes */
#define RETRY_MS 20

struct server_db {
    db *d;
    pthread_mutex_t lock;
};

static const char *const steps[] = {
    "CREATE TABLE job ("
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),"
    "  created INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL,"
    "  args TEXT NOT NULL,"
    "  result TEXT,"
    "  error TEXT NOT NULL"
    ") STRICT;",
    "CREATE TABLE run ("
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  created INTEGER NOT NULL,"
    "  model TEXT NOT NULL,"
    "  route TEXT NOT NULL,"
    "  expression TEXT,"
    "  seed INTEGER NOT NULL,"
    "  request TEXT NOT NULL,"
    "  response TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX run_by_model ON run (model, number);"
    "CREATE TABLE talk ("
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  updated INTEGER NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  body TEXT NOT NULL"
    ") STRICT;",
    /* files that a job's answers are kept in, a line each */
    "ALTER TABLE job ADD COLUMN files TEXT NOT NULL DEFAULT '';",
    /* what happened to a job, a line each */
    "ALTER TABLE job ADD COLUMN log TEXT NOT NULL DEFAULT '';",
};
static const db_schema schema = {"server database", 0x50727356, steps,
                                 sizeof steps / sizeof *steps};

persona_code server_db_open(const char *path, server_db **out, persona_err *e)
{
    server_db *d = mem_calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL) {
        return mem_err(e, "a database");
    }
    const persona_code rc = db_open(path, DB_WRITE, &schema, &d->d, e);
    if (rc != PERSONA_OK) {
        mem_free(d);
        return rc;
    }
    db_patience(d->d, 0); /* server_db_change waits by itself */
    pthread_mutex_init(&d->lock, NULL);
    *out = d;
    return PERSONA_OK;
}

void server_db_close(server_db *d)
{
    if (d != NULL) {
        db_close(d->d);
        pthread_mutex_destroy(&d->lock);
        mem_free(d);
    }
}

db *server_db_lock(server_db *d)
{
    pthread_mutex_lock(&d->lock);
    return d->d;
}

void server_db_unlock(server_db *d)
{
    pthread_mutex_unlock(&d->lock);
}

static persona_code change_now(db *h, const char *sql, const db_value *values, size_t n, bool *row,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool more = true;
    *row = false;
    TRY(db_prepare(h, sql, &s, e));
    for (size_t i = 0; i < n; i++) {
        if (values[i].is_text) {
            db_bind_text(s, (int)i + 1, values[i].text);
        } else {
            db_bind_int(s, (int)i + 1, values[i].number);
        }
    }
    while (more) {
        TRY(db_step(s, &more, e));
        *row = *row || more;
    }
out:
    db_finalize(s);
    return rc;
}

persona_code server_db_change(server_db *d, const char *sql, const db_value *values, size_t n,
                              bool *row, persona_err *e)
{
    const double until = clock_now() + PATIENCE_S;
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    for (;;) {
        bool got = false;
        pthread_mutex_lock(&d->lock);
        const persona_code rc = change_now(d->d, sql, values, n, &got, e);
        pthread_mutex_unlock(&d->lock);
        if (rc != PERSONA_E_UNAVAILABLE || clock_now() >= until) {
            if (row != NULL) {
                *row = got;
            }
            return rc;
        }
        nanosleep(&pause, NULL);
    }
}
