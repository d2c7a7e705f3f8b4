/* SPDX-License-Identifier: MIT
 *
 * server_db.h - the server's database, one file in the user's data folder: jobs, runs,
 * conversations. One handle behind one lock; what is written here is a few rows for an answer at
 * most.
 *
 * Backup: `sqlite3 server.db ".backup FILE"` while the server runs, or a copy of the file while it
 * does not.
 */
#ifndef PERSONA_SERVER_DB_H
#define PERSONA_SERVER_DB_H

#include "store/db.h"

typedef struct server_db server_db;
/* Made (mode 0600) if need be, brought up to date if older. Errors: those of db_open. */
PERSONA_CHECK persona_code server_db_open(const char *path, server_db **out, persona_err *e);
/* NULL is fine. */
void server_db_close(server_db *d);
/* The handle for reading, until server_db_unlock. */
db *server_db_lock(server_db *d);
void server_db_unlock(server_db *d);

/* What stands for a `?` of a statement. */
typedef struct db_value {
    bool is_text;
    const char *text; /* NULL: NULL */
    int64_t number;
} db_value;
#define DB_TEXT(x) ((db_value){.is_text = true, .text = (x)})
#define DB_INT(x) ((db_value){.number = (x)})
/* One statement that writes; *row (NULL: no matter): whether it returned one. While another process
 * writes it waits for some seconds, without keeping others from reading. Errors: UNAVAILABLE (it
 * still does), IO, NOMEM. */
PERSONA_CHECK persona_code server_db_change(server_db *d, const char *sql, const db_value *values,
                                            size_t n, bool *row, persona_err *e);

#endif
