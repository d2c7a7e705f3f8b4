/* SPDX-License-Identifier: MIT
 *
 * jobs_db.c - rows of jobs (jobs_db.h).
 */
#include "server/store/jobs_db.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

persona_code jobs_db_insert(server_db *d, const job_row *row, const char *args, persona_err *e)
{
    const db_value values[] = {DB_TEXT(row->id), DB_TEXT(row->kind), DB_INT(row->state),
                               DB_INT(row->created), DB_TEXT(args)};
    return server_db_change(
        d,
        "INSERT INTO job (id, kind, state, created, started, ended, args, error)"
        " VALUES (?, ?, ?, ?, 0, 0, ?, '')",
        values, sizeof values / sizeof *values, NULL, e);
}

persona_code jobs_db_update(server_db *d, const job_row *row, const char *result, persona_err *e)
{
    const db_value values[] = {DB_INT(row->state),  DB_INT(row->started), DB_INT(row->ended),
                               DB_TEXT(row->error), DB_TEXT(result),      DB_TEXT(row->id)};
    return server_db_change(d,
                            "UPDATE job SET state = ?, started = ?, ended = ?, error = ?,"
                            " result = coalesce(?, result) WHERE id = ?",
                            values, sizeof values / sizeof *values, NULL, e);
}

persona_code jobs_db_add_file(server_db *d, const char *id, const char *path, persona_err *e)
{
    const db_value values[] = {DB_TEXT(path), DB_TEXT(id)};
    return server_db_change(d,
                            "UPDATE job SET files = files || ?1 || char(10) WHERE id = ?2"
                            " AND instr(char(10) || files, char(10) || ?1 || char(10)) = 0",
                            values, sizeof values / sizeof *values, NULL, e);
}

persona_code jobs_db_note(server_db *d, const char *id, int64_t at, const char *words,
                          persona_err *e)
{
    char line[640];
    snprintf(line, sizeof line, "%lld %s", (long long)at, words);
    for (char *p = line; *p != '\0'; p++) {
        *p = (char)(*p == '\n' || *p == '\r' ? ' ' : *p);
    }
    const db_value values[] = {DB_TEXT(line), DB_TEXT(id)};
    return server_db_change(
        d, "UPDATE job SET log = log || ? || char(10) WHERE id = ? AND length(log) < 65536", values,
        sizeof values / sizeof *values, NULL, e);
}

/* A text of a job. */
static persona_code text_of(server_db *d, const char *query, const char *id, char **out,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool row = false;
    *out = NULL;
    db *h = server_db_lock(d);
    TRY(db_prepare(h, query, &s, e));
    db_bind_text(s, 1, id);
    TRY(db_step(s, &row, e));
    *out = mem_strdup(row ? db_text(s, 0) : "");
    TRY(*out != NULL ? PERSONA_OK : mem_err(e, "a text of a job"));
    if (!row) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "no job '%.30s'", id);
    }
out:
    db_finalize(s);
    server_db_unlock(d);
    if (rc != PERSONA_OK) {
        mem_free(*out);
        *out = NULL;
    }
    return rc;
}

persona_code jobs_db_files(server_db *d, const char *id, char **out, persona_err *e)
{
    return text_of(d, "SELECT files FROM job WHERE id = ?", id, out, e);
}

persona_code jobs_db_log(server_db *d, const char *id, char **out, persona_err *e)
{
    return text_of(d, "SELECT log FROM job WHERE id = ?", id, out, e);
}

persona_code jobs_db_delete(server_db *d, const char *id, persona_err *e)
{
    const db_value values[] = {DB_TEXT(id)};
    return server_db_change(d, "DELETE FROM job WHERE id = ?", values,
                            sizeof values / sizeof *values, NULL, e);
}

persona_code jobs_db_texts(server_db *d, const char *id, char **args, char **result, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool row = false;
    *args = NULL;
    if (result != NULL) {
        *result = NULL;
    }
    db *h = server_db_lock(d);
    TRY(db_prepare(h, "SELECT args, CASE WHEN ?2 THEN result END FROM job WHERE id = ?1", &s, e));
    db_bind_int(s, 2, result != NULL);
    db_bind_text(s, 1, id);
    TRY(db_step(s, &row, e));
    if (!row) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "no job '%.30s'", id);
        goto out;
    }
    const char *a = db_text(s, 0), *r = result != NULL ? db_text(s, 1) : NULL;
    *args = mem_strdup(a != NULL ? a : "{}");
    if (r != NULL && result != NULL) {
        *result = mem_strdup(r);
    }
    TRY(db_row_ok(s, e));
    rc = *args != NULL && (result == NULL || r == NULL || *result != NULL) ? PERSONA_OK
                                                                           : mem_err(e, "a job");
out:
    db_finalize(s);
    server_db_unlock(d);
    return rc;
}

static void take_text(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text != NULL ? text : "");
}

persona_code jobs_db_each(server_db *d,
                          persona_code (*fn)(void *ud, const job_row *row, const char *args,
                                             persona_err *e),
                          void *ud, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool more = false;
    db *h = server_db_lock(d);
    TRY(db_prepare(h,
                   "SELECT id, kind, state, created, started, ended, error, args FROM job"
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
        TRY(fn(ud, &row, db_text(s, 7), e));
    }
out:
    db_finalize(s);
    server_db_unlock(d);
    return rc;
}
