/* SPDX-License-Identifier: MIT
 *
 * db.h - SQLite, as thin as it gets: one database file, statements, transactions, pieces of blobs.
 *
 * Every failure is one line: the path, SQLite's own message and extended code, and what to do. A
 * statement remembers a failed bind until the next step, so that binding needs no check per value.
 * One handle, one thread at a time, and never across fork.
 */
#ifndef PERSONA_STORE_DB_H
#define PERSONA_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

typedef struct db db;
typedef struct db_stmt db_stmt;

/* What a file must be: its application_id, and the SQL that brings user_version v to v + 1. */
typedef struct db_schema {
    const char *what; /* "job", for messages */
    uint32_t application_id;
    const char *const *steps; /* (n_steps) */
    int n_steps;
} db_schema;

typedef enum db_mode {
    DB_READ,  /* an existing file; works beside a writer, and in a folder that cannot be written */
    DB_WRITE, /* created (mode 0600) if missing, brought up to date if older */
} db_mode;

/* A file that is something else is left as it is. Errors: NOTFOUND (DB_READ), FORMAT (no database,
 * another one, a newer version, damaged), IO, UNAVAILABLE (busy), NOMEM. */
PERSONA_CHECK persona_code db_open(const char *path, db_mode mode, const db_schema *schema,
                                   db **out, persona_err *e);
/* Statements must be gone. Folds the write-ahead log into the file if it is the last one. */
void db_close(db *d);

/* How long what comes next waits for another process that writes; 5 seconds at first. */
void db_patience(db *d, double seconds);

/* SQL without parameters and results. */
PERSONA_CHECK persona_code db_exec(db *d, const char *sql, persona_err *e);
/* A write transaction: what is committed survives the death of the process; see db.c for power. */
PERSONA_CHECK persona_code db_begin(db *d, persona_err *e);
PERSONA_CHECK persona_code db_commit(db *d, persona_err *e);
/* Does nothing outside a transaction. */
void db_rollback(db *d);

PERSONA_CHECK persona_code db_prepare(db *d, const char *sql, db_stmt **out, persona_err *e);
void db_finalize(db_stmt *s);
/* Parameters count from 1. Texts and blobs are borrowed until the statement is reset; NULL and NAN
 * are stored as NULL. */
void db_bind_int(db_stmt *s, int at, int64_t x);
void db_bind_real(db_stmt *s, int at, double x);
void db_bind_text(db_stmt *s, int at, const char *x);
void db_bind_blob(db_stmt *s, int at, const void *p, size_t n);
/* *row tells whether there is one; its columns live until the next step or reset. */
PERSONA_CHECK persona_code db_step(db_stmt *s, bool *row, persona_err *e);
/* Steps to the end and resets: for statements without rows. */
PERSONA_CHECK persona_code db_run(db_stmt *s, persona_err *e);
/* Ready for another run; parameters are NULL again. */
void db_reset(db_stmt *s);

/* Columns count from 0. */
int64_t db_int(const db_stmt *s, int at);
double db_real(const db_stmt *s, int at);      /* NULL: NAN */
const char *db_text(const db_stmt *s, int at); /* NULL: NULL, or no memory (db_row_ok) */
/* Not aligned: copy it out. NULL when empty. */
const void *db_blob(const db_stmt *s, int at, size_t *n);
/* Asked after the columns of a row were taken. Errors: NOMEM. */
PERSONA_CHECK persona_code db_row_ok(const db_stmt *s, persona_err *e);

typedef struct db_place {
    const char *table, *column;
    int64_t rowid;
    size_t offset; /* in bytes */
} db_place;
/* n bytes of a blob in one row. Errors: NOTFOUND (no such row, NULL), SHAPE (past its
 * end; *size, if not NULL, is its size in bytes). */
PERSONA_CHECK persona_code db_blob_read(db *d, const db_place *at, void *p, size_t n, size_t *size,
                                        persona_err *e);

#endif
