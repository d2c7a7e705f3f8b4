/* SPDX-License-Identifier: MIT
 *
 * db.c - the only file that includes sqlite3.h.
 *
 * Files are in WAL mode: a writer and any number of readers at once. With synchronous=NORMAL a
 * commit is in the kernel when it returns, so kill -9 loses nothing; a power cut may lose the last
 * commits, never the file. Pages have 64 KiB, because the rows that matter carry activations of
 * that order; the log is folded in every 16 MB.
 *
 * A file may come from anywhere: SQLite is told to distrust its schema, and nothing is written to
 * one whose application_id is not the expected one. Writing needs a local disk: the log's index is
 * shared memory.
 */
#include "store/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/errtext.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

enum { BUSY_MS = 5000, VALUE_MAX = 1 << 30 };

struct db {
    bool temporary; /* has no file of its own */
    sqlite3 *handle;
    char *path;
};

struct db_stmt {
    db *d;
    sqlite3_stmt *s;
    int failed; /* of the first bind that failed; SQLITE_OK */
};

/* ---- messages ------------------------------------------------------------------------------- */

#define DISK_FULL "; disk full: free some space and run the same command again"

static const struct cause {
    int primary; /* SQLite's primary code */
    persona_code code;
    const char *hint;
} causes[] = {
    {SQLITE_FULL, PERSONA_E_IO, DISK_FULL},
    {SQLITE_IOERR, PERSONA_E_IO, ""},
    {SQLITE_CANTOPEN, PERSONA_E_IO, ""},
    {SQLITE_READONLY, PERSONA_E_IO, "; give it write permission, or choose another folder"},
    {SQLITE_PERM, PERSONA_E_IO, ""},
    {SQLITE_AUTH, PERSONA_E_IO, ""},
    {SQLITE_NOTADB, PERSONA_E_FORMAT, ""},
    {SQLITE_CORRUPT, PERSONA_E_FORMAT, "; it is damaged: remove it and start over"},
    {SQLITE_MISMATCH, PERSONA_E_FORMAT, ""},
    {SQLITE_TOOBIG, PERSONA_E_SHAPE, ""},
    {SQLITE_BUSY, PERSONA_E_UNAVAILABLE, "; another process is using it: try again"},
    {SQLITE_LOCKED, PERSONA_E_UNAVAILABLE, ""},
    {SQLITE_PROTOCOL, PERSONA_E_UNAVAILABLE, "; is it on a network file system?"},
    {SQLITE_NOMEM, PERSONA_E_NOMEM, ""},
    {SQLITE_INTERRUPT, PERSONA_E_CANCELED, ""},
};

static persona_code fail_as(const char *path, int rc, const char *message, int number,
                            persona_err *e)
{
    struct cause why = {rc & 0xFF, PERSONA_E_INTERNAL, ""};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        if (causes[i].primary == (rc & 0xFF)) {
            why = causes[i];
        }
    }
    if (rc == SQLITE_IOERR_NOMEM) {
        why.code = PERSONA_E_NOMEM;
    }
    /* SQLite has its own word for a full disk only where it writes data. */
    if (why.code == PERSONA_E_IO && (number == ENOSPC || number == EDQUOT)) {
        why.hint = DISK_FULL;
    }
    const char *reason = number != 0 && why.code == PERSONA_E_IO ? errtext(number) : NULL;
    return persona_err_set(e, why.code, "%s: %s%s%s (SQLite error %d)%s", path, message,
                           reason ? ": " : "", reason ? reason : "", rc, why.hint);
}

/* The failure that the handle remembers. */
static persona_code fail(const db *d, persona_err *e)
{
    const int rc = sqlite3_extended_errcode(d->handle);
    return fail_as(d->path, rc, sqlite3_errmsg(d->handle), sqlite3_system_errno(d->handle), e);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* A name that SQLite cannot take for ":memory:" or "file:...". For files in a folder that cannot be
 * written, and that no one else can change: a URI that promises just that. */
static char *file_name(const char *path, bool immutable)
{
    const char *dot = path[0] == '/' || path[0] == '\0' ? "" : "./";
    if (!immutable) {
        return mem_printf("%s%s", dot, path);
    }
    buf b;
    buf_init(&b, 3 * (strlen(path) + 16));
    buf_printf(&b, "file:%s", dot);
    for (const char *s = path; *s; s++) {
        if (strchr("%?#", *s)) {
            buf_printf(&b, "%%%02X", (unsigned)(unsigned char)*s);
        } else {
            buf_putc(&b, *s);
        }
    }
    buf_puts(&b, "?immutable=1");
    char *name = buf_take(&b);
    buf_free(&b);
    return name;
}

static persona_code open_handle(db *d, db_mode mode, bool immutable, persona_err *e)
{
    const int flags = (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                      (immutable ? SQLITE_OPEN_URI : 0) | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_EXRESCODE;
    char *name = file_name(d->temporary ? "" : d->path, immutable);
    if (!name) {
        return mem_err(e, d->path);
    }
    const int rc = sqlite3_open_v2(name, &d->handle, flags, NULL);
    mem_free(name);
    if (!d->handle) {
        return mem_err(e, d->path);
    }
    if (rc != SQLITE_OK) {
        return fail(d, e);
    }
    sqlite3_busy_timeout(d->handle, BUSY_MS);
    sqlite3_limit(d->handle, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return PERSONA_OK;
}

static persona_code one_int(db *d, const char *sql, int64_t *out, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(d, sql, &s, e));
    TRY(db_step(s, &row, e));
    *out = row ? db_int(s, 0) : 0;
out:
    db_finalize(s);
    return rc;
}

/* Is this a file that may be used? *version is its schema's, 0 for one without any content. */
static persona_code check_kind(db *d, const db_schema *schema, db_mode mode, int64_t *version,
                               persona_err *e)
{
    int64_t id = 0, n_tables = 0;
    persona_code rc = PERSONA_OK;
    TRY(one_int(d, "PRAGMA application_id", &id, e));
    TRY(one_int(d, "PRAGMA user_version", version, e));
    TRY(one_int(d, "SELECT count(*) FROM sqlite_schema", &n_tables, e));
    if (id == 0 && *version == 0 && n_tables == 0) {
        rc = mode == DB_WRITE ? PERSONA_OK
                              : persona_err_set(e, PERSONA_E_FORMAT, "%s: is empty (expected a %s)",
                                                d->path, schema->what);
    } else if ((uint32_t)id != schema->application_id) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: is a SQLite database of something else (application_id %lld, "
                             "expected %lld for a %s)",
                             d->path, (long long)id, (long long)schema->application_id,
                             schema->what);
    } else if (*version > schema->n_steps) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: was written by a newer version (%s schema %lld, this program "
                             "knows %d)",
                             d->path, schema->what, (long long)*version, schema->n_steps);
    } else if (*version < 1 || (mode == DB_READ && *version < schema->n_steps)) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: %s schema %lld cannot be read (expected %d)",
                             d->path, schema->what, (long long)*version, schema->n_steps);
    }
out:
    return rc;
}

static bool has_log(const char *path)
{
    struct stat st;
    char *log = mem_printf("%s-wal", path);
    const bool has = !log || (stat(log, &st) == 0 && st.st_size > 0);
    mem_free(log);
    return has;
}

/* SQLite misses whole pages, but fills up a last one that was cut. With a log that is right: a
 * process may have died while folding it in. */
static persona_code check_length(db *d, persona_err *e)
{
    struct stat st;
    int64_t page = 0;
    const bool logged = has_log(d->path);
    const persona_code rc = one_int(d, "PRAGMA page_size", &page, e);
    if (rc != PERSONA_OK || logged || page < 1 || stat(d->path, &st) != 0 ||
        st.st_size % page == 0) {
        return rc;
    }
    return persona_err_set(e, PERSONA_E_FORMAT,
                           "%s: was cut off at %lld bytes, in the middle of a page; remove it and "
                           "start over",
                           d->path, (long long)st.st_size);
}

/* Everything or nothing: a process that dies here leaves a blank file. */
static persona_code migrate(db *d, const db_schema *schema, int64_t from, persona_err *e)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %lu; PRAGMA user_version = %d",
             (unsigned long)schema->application_id, schema->n_steps);
    persona_code rc = PERSONA_OK;
    TRY(db_begin(d, e));
    for (int64_t v = from; v < schema->n_steps; v++) {
        TRY(db_exec(d, schema->steps[v], e));
    }
    TRY(db_exec(d, sql, e));
    TRY(db_commit(d, e));
out:
    db_rollback(d);
    return rc;
}

static persona_code prepare_file(db *d, db_mode mode, const db_schema *schema, persona_err *e)
{
    int64_t version = 0;
    persona_code rc = PERSONA_OK;
    TRY(check_kind(d, schema, mode, &version, e));
    TRY(check_length(d, e));
    if (mode == DB_READ) {
        goto out;
    }
    TRY(db_exec(
        d,
        "PRAGMA page_size = 65536;" /* has a say in blank files only */
        "PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = NORMAL;"
        "PRAGMA wal_autocheckpoint = 256;"
        "PRAGMA journal_size_limit = 16777216;"
        "PRAGMA cache_size = -4000;" /* again: page_size keeps the number of pages, not their sum */
        "PRAGMA foreign_keys = ON",
        e));
    if (version < schema->n_steps) {
        TRY(migrate(d, schema, version, e));
    }
out:
    return rc;
}

/* Readers need the log's index, which is a file beside the database. Where none can be made and
 * there is no log to miss, the file alone is the truth. */
static bool stands_alone(const char *path, int rc)
{
    const int primary = rc & 0xFF;
    return !has_log(path) && (primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY);
}

/* Prompts are private: SQLite gives its other files the mode of this one. */
static void create_private(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

static persona_code open_prepared(db *d, db_mode mode, bool alone, const db_schema *schema,
                                  persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(open_handle(d, mode, alone, e));
    TRY(prepare_file(d, mode, schema, e));
out:
    return rc;
}

persona_code db_open(const char *path, db_mode mode, const db_schema *schema, db **out,
                     persona_err *e)
{
    struct stat st;
    *out = NULL;
    if (mode == DB_WRITE && *path) {
        create_private(path); /* whatever is wrong, SQLite will say */
    } else if (mode == DB_READ && stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no such file", path);
    }
    db *d = mem_calloc(1, sizeof *d);
    if (!d) {
        return mem_err(e, path);
    }
    persona_code rc = PERSONA_OK;
    d->temporary = *path == '\0';
    d->path = mem_strdup(d->temporary ? "a temporary database" : path);
    if (!d->path) {
        rc = mem_err(e, path);
        goto out;
    }
    rc = open_prepared(d, mode, false, schema, e);
    if (rc == PERSONA_E_IO && mode == DB_READ && d->handle &&
        stands_alone(path, sqlite3_extended_errcode(d->handle))) {
        sqlite3_close(d->handle);
        d->handle = NULL;
        rc = open_prepared(d, mode, true, schema, e);
    }
    if (rc == PERSONA_OK) {
        *out = d;
        d = NULL;
    }
out:
    db_close(d);
    return rc;
}

void db_close(db *d)
{
    if (!d) {
        return;
    }
    sqlite3_close(d->handle);
    mem_free(d->path);
    mem_free(d);
}

void db_patience(db *d, double seconds)
{
    sqlite3_busy_timeout(d->handle, seconds > 0 ? (int)(1000 * seconds) : 0);
}

/* ---- statements ----------------------------------------------------------------------------- */

persona_code db_exec(db *d, const char *sql, persona_err *e)
{
    return sqlite3_exec(d->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? PERSONA_OK : fail(d, e);
}

persona_code db_begin(db *d, persona_err *e)
{
    return db_exec(d, "BEGIN IMMEDIATE", e);
}

persona_code db_commit(db *d, persona_err *e)
{
    return db_exec(d, "COMMIT", e);
}

void db_rollback(db *d)
{
    if (!sqlite3_get_autocommit(d->handle)) {
        (void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

persona_code db_prepare(db *d, const char *sql, db_stmt **out, persona_err *e)
{
    *out = NULL;
    db_stmt *s = mem_calloc(1, sizeof *s);
    if (!s) {
        return mem_err(e, d->path);
    }
    s->d = d;
    const int rc = sqlite3_prepare_v3(d->handle, sql, -1, 0, &s->s, NULL);
    if (rc == SQLITE_OK) {
        *out = s;
        return PERSONA_OK;
    }
    mem_free(s);
    /* The text is ours, so it is the file that lacks a table or a column. */
    if (rc == SQLITE_ERROR) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: %s; it is damaged: remove it", d->path,
                               sqlite3_errmsg(d->handle));
    }
    const persona_code code = fail(d, e);
    assert(code != PERSONA_OK);
    return code;
}

void db_finalize(db_stmt *s)
{
    if (!s) {
        return;
    }
    sqlite3_finalize(s->s);
    mem_free(s);
}

static void bound(db_stmt *s, int rc)
{
    if (s->failed == SQLITE_OK) {
        s->failed = rc;
    }
}

void db_bind_int(db_stmt *s, int at, int64_t x)
{
    bound(s, sqlite3_bind_int64(s->s, at, x));
}

void db_bind_real(db_stmt *s, int at, double x)
{
    bound(s, isnan(x) ? sqlite3_bind_null(s->s, at) : sqlite3_bind_double(s->s, at, x));
}

void db_bind_text(db_stmt *s, int at, const char *x)
{
    bound(s, x ? sqlite3_bind_text(s->s, at, x, -1, SQLITE_STATIC) : sqlite3_bind_null(s->s, at));
}

void db_bind_blob(db_stmt *s, int at, const void *p, size_t n)
{
    bound(s, p ? sqlite3_bind_blob64(s->s, at, p, n, SQLITE_STATIC) : sqlite3_bind_null(s->s, at));
}

persona_code db_step(db_stmt *s, bool *row, persona_err *e)
{
    *row = false;
    if (s->failed != SQLITE_OK) {
        return fail_as(s->d->path, s->failed, sqlite3_errstr(s->failed), 0, e);
    }
    const int rc = sqlite3_step(s->s);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? PERSONA_OK : fail(s->d, e);
}

persona_code db_run(db_stmt *s, persona_err *e)
{
    bool row = true;
    persona_code rc = PERSONA_OK;
    while (row) {
        TRY(db_step(s, &row, e));
    }
out:
    db_reset(s);
    return rc;
}

void db_reset(db_stmt *s)
{
    sqlite3_reset(s->s);
    sqlite3_clear_bindings(s->s);
    s->failed = SQLITE_OK;
}

int64_t db_int(const db_stmt *s, int at)
{
    return sqlite3_column_int64(s->s, at);
}

double db_real(const db_stmt *s, int at)
{
    if (sqlite3_column_type(s->s, at) == SQLITE_NULL) {
        return NAN;
    }
    return sqlite3_column_double(s->s, at);
}

const char *db_text(const db_stmt *s, int at)
{
    return (const char *)sqlite3_column_text(s->s, at);
}

const void *db_blob(const db_stmt *s, int at, size_t *n)
{
    const void *p = sqlite3_column_blob(s->s, at);
    *n = p ? (size_t)sqlite3_column_bytes(s->s, at) : 0;
    return p;
}

persona_code db_row_ok(const db_stmt *s, persona_err *e)
{
    return sqlite3_errcode(s->d->handle) == SQLITE_NOMEM ? mem_err(e, s->d->path) : PERSONA_OK;
}

persona_code db_blob_read(db *d, const db_place *at, void *p, size_t n, size_t *size,
                          persona_err *e)
{
    sqlite3_blob *b = NULL;
    persona_code rc = PERSONA_OK;
    if (size) {
        *size = 0;
    }
    const int opened =
        sqlite3_blob_open(d->handle, "main", at->table, at->column, at->rowid, 0, &b);
    if (opened == SQLITE_ERROR) { /* no such row, or NULL in it */
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: %s", d->path, sqlite3_errmsg(d->handle));
    }
    if (opened != SQLITE_OK) {
        return fail(d, e);
    }
    const size_t have = (size_t)sqlite3_blob_bytes(b);
    if (size) {
        *size = have;
    }
    if (at->offset > have || n > have - at->offset) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE, "%s: bytes %zu to %zu of %s.%s %lld were wanted, it has %zu",
            d->path, at->offset, at->offset + n, at->table, at->column, (long long)at->rowid, have);
    } else if (n > 0 && sqlite3_blob_read(b, p, (int)n, (int)at->offset) != SQLITE_OK) {
        rc = fail(d, e);
    }
    sqlite3_blob_close(b);
    return rc;
}
