/* SPDX-License-Identifier: MIT
 *
 * jobs_db.c - jobs in SQLite (jobs_db.h). One handle behind one lock: what is written here is a few
 * rows an hour.
 */
#include "server/jobs/jobs_db.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

struct jobs_db {
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
};
static const db_schema schema = {"server database", 0x50727356, steps,
                                 sizeof steps / sizeof *steps};

persona_code jobs_db_open(const char *path, jobs_db **out, persona_err *e)
{
    jobs_db *d = mem_calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL) {
        return mem_err(e, "a database");
    }
    const persona_code rc = db_open(path, DB_WRITE, &schema, &d->d, e);
    if (rc != PERSONA_OK) {
        mem_free(d);
        return rc;
    }
    pthread_mutex_init(&d->lock, NULL);
    *out = d;
    return PERSONA_OK;
}

void jobs_db_close(jobs_db *d)
{
    if (d != NULL) {
        db_close(d->d);
        pthread_mutex_destroy(&d->lock);
        mem_free(d);
    }
}

persona_code jobs_db_insert(jobs_db *d, const job_row *row, const char *args, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    pthread_mutex_lock(&d->lock);
    TRY(db_prepare(d->d,
                   "INSERT INTO job (id, kind, state, created, started, ended, args, error)"
                   " VALUES (?, ?, ?, ?, 0, 0, ?, '')",
                   &s, e));
    db_bind_text(s, 1, row->id);
    db_bind_text(s, 2, row->kind);
    db_bind_int(s, 3, row->state);
    db_bind_int(s, 4, row->created);
    db_bind_text(s, 5, args);
    TRY(db_run(s, e));
out:
    db_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

persona_code jobs_db_update(jobs_db *d, const job_row *row, const char *result, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    pthread_mutex_lock(&d->lock);
    TRY(db_prepare(d->d,
                   "UPDATE job SET state = ?, started = ?, ended = ?, error = ?,"
                   " result = coalesce(?, result) WHERE id = ?",
                   &s, e));
    db_bind_int(s, 1, row->state);
    db_bind_int(s, 2, row->started);
    db_bind_int(s, 3, row->ended);
    db_bind_text(s, 4, row->error);
    db_bind_text(s, 5, result);
    db_bind_text(s, 6, row->id);
    TRY(db_run(s, e));
out:
    db_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

persona_code jobs_db_delete(jobs_db *d, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    pthread_mutex_lock(&d->lock);
    TRY(db_prepare(d->d, "DELETE FROM job WHERE id = ?", &s, e));
    db_bind_text(s, 1, id);
    TRY(db_run(s, e));
out:
    db_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

persona_code jobs_db_texts(jobs_db *d, const char *id, char **args, char **result, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool row = false;
    *args = NULL;
    *result = NULL;
    pthread_mutex_lock(&d->lock);
    TRY(db_prepare(d->d, "SELECT args, result FROM job WHERE id = ?", &s, e));
    db_bind_text(s, 1, id);
    TRY(db_step(s, &row, e));
    if (!row) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "no job '%.30s'", id);
        goto out;
    }
    const char *a = db_text(s, 0), *r = db_text(s, 1);
    *args = mem_strdup(a != NULL ? a : "{}");
    *result = r != NULL ? mem_strdup(r) : NULL;
    TRY(db_row_ok(s, e));
    rc = *args != NULL && (r == NULL || *result != NULL) ? PERSONA_OK : mem_err(e, "a job");
out:
    db_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static void take_text(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text != NULL ? text : "");
}

persona_code jobs_db_each(jobs_db *d,
                          persona_code (*fn)(void *ud, const job_row *row, persona_err *e),
                          void *ud, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool more = false;
    pthread_mutex_lock(&d->lock);
    TRY(db_prepare(d->d,
                   "SELECT id, kind, state, created, started, ended, error FROM job"
                   " ORDER BY number",
                   &s, e));
    for (;;) {
        TRY(db_step(s, &more, e));
        if (!more) {
            break;
        }
        job_row row = {.state = (job_state)db_int(s, 2),
                       .created = db_int(s, 3),
                       .started = db_int(s, 4),
                       .ended = db_int(s, 5)};
        take_text(row.id, sizeof row.id, db_text(s, 0));
        take_text(row.kind, sizeof row.kind, db_text(s, 1));
        take_text(row.error, sizeof row.error, db_text(s, 6));
        TRY(db_row_ok(s, e));
        TRY(fn(ud, &row, e));
    }
out:
    db_finalize(s);
    pthread_mutex_unlock(&d->lock);
    return rc;
}
