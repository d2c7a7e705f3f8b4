/* SPDX-License-Identifier: MIT
 *
 * job.c - opening a job: its tables, its manifest, its values.
 *
 * TABLE   ONE ROW PER            WHAT
 * job     file (one row)         manifest, when it was begun
 * answer  stage, id              text, where it comes from, counts, activations
 * score   stage, judge, id       what a judge said; judges stand beside each other
 * value   key                    state, calibration points, the final document
 *
 * answer has a rowid, so that a piece of its blobs can be read; the blobs are its last columns, so
 * that reading texts does not touch them. The order of opening is: lock, file, manifest. A process
 * that dies in between leaves a job that begins anew.
 */
#include "store/job/job.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/job/job_impl.h"

static const char *const steps[] = {
    "CREATE TABLE job ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " manifest TEXT NOT NULL,"
    " created INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE answer ("
    " rowid INTEGER PRIMARY KEY,"
    " stage TEXT NOT NULL,"
    " id INTEGER NOT NULL CHECK (id >= 0),"
    " text TEXT NOT NULL,"
    " analysis TEXT NOT NULL,"
    " question TEXT NOT NULL,"
    " system TEXT,"
    " prompt TEXT,"
    " polarity INTEGER NOT NULL,"
    " pair INTEGER NOT NULL,"
    " question_index INTEGER NOT NULL,"
    " rollout INTEGER NOT NULL,"
    " seed INTEGER NOT NULL,"
    " answered INTEGER NOT NULL,"
    " finish TEXT NOT NULL,"
    " n_prompt INTEGER NOT NULL,"
    " n_answer INTEGER NOT NULL,"
    " n_tokens INTEGER NOT NULL,"
    " norms BLOB,"
    " mean BLOB,"
    " UNIQUE (stage, id)"
    ") STRICT;"
    "CREATE TABLE score ("
    " stage TEXT NOT NULL,"
    " judge TEXT NOT NULL,"
    " id INTEGER NOT NULL,"
    " trait REAL,"
    " coherence REAL,"
    " mass REAL,"
    " PRIMARY KEY (stage, judge, id),"
    " FOREIGN KEY (stage, id) REFERENCES answer (stage, id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE value ("
    " key TEXT PRIMARY KEY,"
    " text TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",
};

/* 'PrsJ' */
static const db_schema schema = {"job", 0x5072734A, steps, sizeof steps / sizeof *steps};

/* ---- opening -------------------------------------------------------------------------------- */

static persona_code load_manifest(job *j, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d, "SELECT manifest FROM job", &s, e));
    TRY(db_step(s, &row, e));
    if (row) {
        const char *text = db_text(s, 0);
        j->manifest = text ? mem_strdup(text) : NULL;
        if (!j->manifest) {
            rc = mem_err(e, j->path);
            goto out;
        }
    }
out:
    db_finalize(s);
    return rc;
}

static persona_code begin_job(job *j, const char *manifest, persona_err *e)
{
    db_stmt *s = NULL;
    persona_code rc = PERSONA_OK;
    TRY(db_begin(j->d, e));
    TRY(db_prepare(j->d, "INSERT INTO job VALUES (1, ?, ?)", &s, e));
    db_bind_text(s, 1, manifest);
    db_bind_int(s, 2, (int64_t)time(NULL));
    TRY(db_run(s, e));
    TRY(job_put_value(j, JOB_STATE, JOB_RUNNING, e));
    TRY(db_commit(j->d, e));
    j->manifest = mem_strdup(manifest);
    TRY(j->manifest ? PERSONA_OK : mem_err(e, j->path));
out:
    db_finalize(s);
    db_rollback(j->d);
    return rc;
}

static persona_code new_job(const char *path, job **out, persona_err *e)
{
    *out = NULL;
    job *j = mem_calloc(1, sizeof *j);
    if (!j) {
        return mem_err(e, path);
    }
    j->lock = -1;
    j->path = mem_strdup(path);
    if (!j->path) {
        mem_free(j);
        return mem_err(e, path);
    }
    *out = j;
    return PERSONA_OK;
}

static persona_code make_folder_of(const char *path, persona_err *e)
{
    char *dir = path_dir(path);
    const persona_code rc = dir ? file_mkdirs(dir, e) : mem_err(e, path);
    mem_free(dir);
    return rc;
}

/* SQLite's own temporary database: no name, no lock, gone when closed. */
static persona_code open_private(const char *manifest, job **out, persona_err *e)
{
    job *j = NULL;
    persona_code rc = PERSONA_OK;
    TRY(new_job("(temporary job)", &j, e));
    TRY(db_open("", DB_WRITE, &schema, &j->d, e));
    TRY(begin_job(j, manifest, e));
out:
    if (rc == PERSONA_OK) {
        *out = j;
    } else {
        job_close(j);
    }
    return rc;
}

persona_code job_open(const char *path, const char *manifest, bool fresh, job **out, persona_err *e)
{
    job *j = NULL;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(job_manifest_check(manifest, e));
    if (!path) {
        return open_private(manifest, out, e);
    }
    TRY(make_folder_of(path, e));
    TRY(new_job(path, &j, e));
    TRY(job_lock_take(path, &j->lock, e));
    if (fresh) {
        TRY(job_unlink(path, e));
    }
    TRY(db_open(path, DB_WRITE, &schema, &j->d, e));
    TRY(load_manifest(j, e));
    TRY(j->manifest ? job_manifest_compare(path, j->manifest, manifest, e)
                    : begin_job(j, manifest, e));
    *out = j;
    j = NULL;
out:
    job_close(j);
    return rc;
}

persona_code job_open_shard(const char *path, const char *manifest, persona_shard shard, bool fresh,
                            job **out, persona_err *e)
{
    *out = NULL;
    if (shard.count == 0) {
        return job_open(path, manifest, fresh, out, e);
    }
    if (!path || shard.count < 0 || shard.index < 0 || shard.index >= shard.count) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "shard %d of %d: a shard is 0 up to one below their number, and "
                               "wants a job file",
                               shard.index, shard.count);
    }
    char *mine = job_manifest_of_shard(manifest, shard);
    const persona_code rc = mine ? job_open(path, mine, fresh, out, e) : mem_err(e, path);
    mem_free(mine);
    return rc;
}

persona_code job_read(const char *path, job **out, persona_err *e)
{
    job *j = NULL;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(new_job(path, &j, e));
    TRY(db_open(path, DB_READ, &schema, &j->d, e));
    TRY(load_manifest(j, e));
    if (!j->manifest) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: has no manifest: its start was interrupted; remove it", path);
        goto out;
    }
    *out = j;
    j = NULL;
out:
    job_close(j);
    return rc;
}

void job_close(job *j)
{
    if (!j) {
        return;
    }
    db_finalize(j->put_answer);
    db_finalize(j->put_score);
    db_close(j->d);
    job_lock_drop(j->path, j->lock);
    mem_free(j->manifest);
    mem_free(j->path);
    mem_free(j);
}

const char *job_path(const job *j)
{
    return j->path;
}

const char *job_manifest(const job *j)
{
    return j->manifest;
}

/* ---- values --------------------------------------------------------------------------------- */

persona_code job_put_value(job *j, const char *key, const char *text, persona_err *e)
{
    db_stmt *s = NULL;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d, "INSERT OR REPLACE INTO value VALUES (?, ?)", &s, e));
    db_bind_text(s, 1, key);
    db_bind_text(s, 2, text);
    TRY(db_run(s, e));
out:
    db_finalize(s);
    return rc;
}

persona_code job_get_value(job *j, const char *key, char **out, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d, "SELECT text FROM value WHERE key = ?", &s, e));
    db_bind_text(s, 1, key);
    TRY(db_step(s, &row, e));
    if (row) {
        const char *text = db_text(s, 0);
        *out = text ? mem_strdup(text) : NULL;
        if (!*out) {
            rc = mem_err(e, j->path);
            goto out;
        }
    }
out:
    db_finalize(s);
    return rc;
}
