/* SPDX-License-Identifier: MIT
 *
 * runs_db.c - rows of runs (runs_db.h).
 */
#include "server/store/runs_db.h"

#include "base/try.h"

persona_code runs_db_insert(server_db *d, const run_row *row, persona_err *e)
{
    const db_value values[] = {DB_TEXT(row->id),      DB_INT(row->created),     DB_TEXT(row->model),
                               DB_TEXT(row->route),   DB_TEXT(row->expression), DB_INT(row->seed),
                               DB_TEXT(row->request), DB_TEXT(row->response)};
    return server_db_change(d,
                            "INSERT INTO run (id, created, model, route, expression, seed, request,"
                            " response) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                            values, sizeof values / sizeof *values, NULL, e);
}

persona_code runs_db_delete(server_db *d, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool row = false;
    const db_value values[] = {DB_TEXT(id)};
    TRY(server_db_change(d, "DELETE FROM run WHERE id = ? RETURNING number", values,
                         sizeof values / sizeof *values, &row, e));
    rc = row ? PERSONA_OK : persona_err_set(e, PERSONA_E_NOTFOUND, "no run '%.60s'", id);
out:
    return rc;
}

persona_code runs_db_each(server_db *d, const run_filter *f,
                          persona_code (*fn)(void *ud, const run_row *row, persona_err *e),
                          void *ud, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    db_stmt *s = NULL;
    bool more = false;
    db *h = server_db_lock(d);
    TRY(db_prepare(h,
                   "SELECT number, id, created, model, route, expression, seed, request, response"
                   " FROM run WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR model = ?2)"
                   " AND (?3 IS NULL OR instr(request, ?3) > 0 OR instr(response, ?3) > 0)"
                   " AND (?4 IS NULL OR instr(expression, ?4) > 0) AND (?5 = 0 OR number < ?5)"
                   " ORDER BY number DESC LIMIT ?6",
                   &s, e));
    db_bind_text(s, 1, f->id);
    db_bind_text(s, 2, f->model);
    db_bind_text(s, 3, f->text);
    db_bind_text(s, 4, f->expression);
    db_bind_int(s, 5, f->before);
    db_bind_int(s, 6, f->limit);
    for (;;) {
        TRY(db_step(s, &more, e));
        if (!more) {
            break;
        }
        const run_row row = {.number = db_int(s, 0),
                             .id = db_text(s, 1),
                             .created = db_int(s, 2),
                             .model = db_text(s, 3),
                             .route = db_text(s, 4),
                             .expression = db_text(s, 5),
                             .seed = (uint32_t)db_int(s, 6),
                             .request = db_text(s, 7),
                             .response = db_text(s, 8)};
        TRY(db_row_ok(s, e));
        TRY(fn(ud, &row, e));
    }
out:
    db_finalize(s);
    server_db_unlock(d);
    return rc;
}
