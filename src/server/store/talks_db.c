/* SPDX-License-Identifier: MIT
 *
 * talks_db.c - rows of conversations (talks_db.h).
 */
#include "server/store/talks_db.h"

#include "base/try.h"

static persona_code no_talk(const char *id, persona_err *e)
{
    return persona_err_set(e, PERSONA_E_NOTFOUND, "no conversation '%.60s'", id);
}

persona_code talks_db_insert(server_db *d, const talk_row *row, persona_err *e)
{
    const db_value values[] = {DB_TEXT(row->id), DB_TEXT(row->title), DB_INT(row->created),
                               DB_TEXT(row->body)};
    return server_db_change(d,
                            "INSERT INTO talk (id, title, created, updated, version, body)"
                            " VALUES (?1, ?2, ?3, ?3, 1, ?4)",
                            values, sizeof values / sizeof *values, NULL, e);
}

static persona_code must_be_there(server_db *d, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool row = false;
    db *h = server_db_lock(d);
    TRY(db_prepare(h, "SELECT number FROM talk WHERE id = ?", &s, e));
    db_bind_text(s, 1, id);
    TRY(db_step(s, &row, e));
    rc = row ? PERSONA_OK : no_talk(id, e);
out:
    db_finalize(s);
    server_db_unlock(d);
    return rc;
}

persona_code talks_db_update(server_db *d, const talk_row *row, bool *changed, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const db_value values[] = {DB_TEXT(row->id), DB_TEXT(row->title), DB_TEXT(row->body),
                               DB_INT(row->updated), DB_INT(row->version)};
    *changed = false;
    TRY(must_be_there(d, row->id, e));
    TRY(server_db_change(
        d,
        "UPDATE talk SET title = ?2, body = ?3, updated = ?4, version = version + 1"
        " WHERE id = ?1 AND version = ?5 RETURNING version",
        values, sizeof values / sizeof *values, changed, e));
out:
    return rc;
}

persona_code talks_db_delete(server_db *d, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool row = false;
    const db_value values[] = {DB_TEXT(id)};
    TRY(server_db_change(d, "DELETE FROM talk WHERE id = ? RETURNING number", values,
                         sizeof values / sizeof *values, &row, e));
    rc = row ? PERSONA_OK : no_talk(id, e);
out:
    return rc;
}

persona_code talks_db_each(server_db *d, const char *id,
                           persona_code (*fn)(void *ud, const talk_row *row, persona_err *e),
                           void *ud, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool more = false;
    size_t n = 0;
    db *h = server_db_lock(d);
    TRY(db_prepare(h,
                   "SELECT id, title, created, updated, version,"
                   " CASE WHEN ?1 IS NULL THEN NULL ELSE body END"
                   " FROM talk WHERE ?1 IS NULL OR id = ?1 ORDER BY updated DESC, number DESC"
                   " LIMIT 10000",
                   &s, e));
    db_bind_text(s, 1, id);
    for (;; n++) {
        TRY(db_step(s, &more, e));
        if (!more) {
            break;
        }
        const talk_row row = {.id = db_text(s, 0),
                              .title = db_text(s, 1),
                              .created = db_int(s, 2),
                              .updated = db_int(s, 3),
                              .version = db_int(s, 4),
                              .body = db_text(s, 5)};
        TRY(db_row_ok(s, e));
        TRY(fn(ud, &row, e));
    }
    rc = id == NULL || n > 0 ? PERSONA_OK : no_talk(id, e);
out:
    db_finalize(s);
    server_db_unlock(d);
    return rc;
}
