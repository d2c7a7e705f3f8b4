/* SPDX-License-Identifier: MIT
 *
 * actcache.c - the tables of the cache of readings, and what is checked before a row is believed.
 *
 *   reading  id, key (hex sha256), n_rows, n_tokens
 *   act      reading, block, sum (FNV-1a of data), data f32[n_rows * d], norms f32[n_tokens]
 *   text     key, text
 *
 * Floats are little-endian, as everywhere. A row of activations is read as a piece of its blob.
 */
#include "store/actcache.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/db.h"

#define MAX_FLOATS ((size_t)1 << 28)
enum { BATCH = 64 }; /* puts of a transaction */

static const char *const steps[] = {
    "CREATE TABLE reading(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, n_rows INT NOT NULL,"
    " n_tokens INT NOT NULL);"
    "CREATE TABLE act(id INTEGER PRIMARY KEY, reading INT NOT NULL, block INT NOT NULL,"
    " sum INT NOT NULL, data BLOB NOT NULL, norms BLOB NOT NULL, UNIQUE(reading, block));"
    "CREATE TABLE text(key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;",
};
static const db_schema schema = {"cache of readings", 0x70616331, steps, 1};

enum { FIND, ADD, DROP, PUT, GET, WHERE, DELETE, NORMS, PUT_TEXT, GET_TEXT, N_STATEMENTS };
static const char *const sql[N_STATEMENTS] = {
    [FIND] = "SELECT id, n_rows, n_tokens FROM reading WHERE key = ?",
    [ADD] = "INSERT INTO reading(key, n_rows, n_tokens) VALUES(?, ?, ?) ON CONFLICT(key) DO UPDATE"
            " SET n_rows = excluded.n_rows, n_tokens = excluded.n_tokens",
    [DROP] = "DELETE FROM act WHERE reading = ?",
    [PUT] = "INSERT OR REPLACE INTO act(reading, block, sum, data, norms) VALUES(?, ?, ?, ?, ?)",
    [GET] = "SELECT sum, data, norms FROM act WHERE reading = ? AND block = ?",
    [WHERE] = "SELECT act.id FROM act JOIN reading ON reading.id = act.reading WHERE key = ? AND "
              "block = ?",
    [DELETE] = "DELETE FROM act WHERE reading = ? AND block = ?",
    [NORMS] = "SELECT norms FROM act JOIN reading ON reading.id = act.reading WHERE key = ? AND "
              "block = ?",
    [PUT_TEXT] = "INSERT OR REPLACE INTO text(key, text) VALUES(?, ?)",
    [GET_TEXT] = "SELECT text FROM text WHERE key = ?",
};

struct actcache {
    db *d;
    db_stmt *s[N_STATEMENTS];
    size_t width, n_pending;
    bool open; /* a transaction is */
    unsigned char *room;
    size_t room_size;
};

/* ---- opening -------------------------------------------------------------------------------- */

persona_code actcache_open(const char *path, size_t d, actcache **out, persona_err *e)
{
    actcache *c = mem_calloc(1, sizeof *c);
    char *folder = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(c ? PERSONA_OK : mem_err(e, "a cache"));
    if (path) {
        folder = path_dir(path);
        TRY(folder ? file_mkdirs(folder, e) : mem_err(e, path));
    }
    TRY(db_open(path ? path : "", DB_WRITE, &schema, &c->d, e));
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        TRY(db_prepare(c->d, sql[i], &c->s[i], e));
    }
    c->width = d;
    *out = c;
    c = NULL;
out:
    mem_free(folder);
    actcache_close(c);
    return rc;
}

void actcache_close(actcache *c)
{
    persona_err ignored;
    if (!c) {
        return;
    }
    if (c->d && actcache_flush(c, &ignored) != PERSONA_OK) {
        db_rollback(c->d);
    }
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        if (c->s[i]) {
            db_finalize(c->s[i]);
        }
    }
    if (c->d) {
        db_close(c->d);
    }
    mem_free(c->room);
    mem_free(c);
}

persona_code actcache_flush(actcache *c, persona_err *e)
{
    if (!c->open) {
        return PERSONA_OK;
    }
    c->open = false;
    c->n_pending = 0;
    const persona_code rc = db_commit(c->d, e);
    if (rc != PERSONA_OK) {
        db_rollback(c->d);
    }
    return rc;
}

/* Before and after a put. */
static persona_code put_begin(actcache *c, persona_err *e)
{
    if (c->open) {
        return PERSONA_OK;
    }
    const persona_code rc = db_begin(c->d, e);
    c->open = rc == PERSONA_OK;
    return rc;
}

static persona_code put_end(actcache *c, persona_code rc, persona_err *e)
{
    if (rc != PERSONA_OK) {
        db_rollback(c->d);
        c->open = false;
        c->n_pending = 0;
        return rc;
    }
    return ++c->n_pending >= BATCH ? actcache_flush(c, e) : PERSONA_OK;
}

static persona_code room_for(actcache *c, size_t size, persona_err *e)
{
    if (size <= c->room_size) {
        return PERSONA_OK;
    }
    unsigned char *grown = mem_realloc(c->room, size, 1);
    if (!grown) {
        return mem_err(e, "a reading");
    }
    c->room = grown;
    c->room_size = size;
    return PERSONA_OK;
}

/* ---- readings ------------------------------------------------------------------------------- */

static int64_t checksum(const void *p, size_t n)
{
    return (int64_t)(hash_bytes(HASH_SEED, p, n) >> 1);
}

typedef struct found {
    int64_t id; /* 0: not there */
    size_t n_rows, n_tokens;
} found;

static persona_code find(actcache *c, const char *key, found *f, persona_err *e)
{
    bool row = false;
    *f = (found){0, 0, 0};
    db_bind_text(c->s[FIND], 1, key);
    const persona_code rc = db_step(c->s[FIND], &row, e);
    if (rc == PERSONA_OK && row) {
        *f = (found){db_int(c->s[FIND], 0), (size_t)db_int(c->s[FIND], 1),
                     (size_t)db_int(c->s[FIND], 2)};
    }
    db_reset(c->s[FIND]);
    return rc;
}

static persona_code put_reading(actcache *c, const act_reading *r, found *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(find(c, r->key, f, e));
    if (f->id != 0 && f->n_rows == r->n_rows && f->n_tokens == r->n_tokens) {
        goto out;
    }
    if (f->id != 0) { /* of another shape: all of it goes */
        db_bind_int(c->s[DROP], 1, f->id);
        TRY(db_run(c->s[DROP], e));
    }
    db_bind_text(c->s[ADD], 1, r->key);
    db_bind_int(c->s[ADD], 2, (int64_t)r->n_rows);
    db_bind_int(c->s[ADD], 3, (int64_t)r->n_tokens);
    TRY(db_run(c->s[ADD], e));
    TRY(find(c, r->key, f, e));
out:
    return rc;
}

static persona_code put_block(actcache *c, const found *f, int block, size_t at, size_t n_blocks,
                              const float *data, const float *norms, persona_err *e)
{
    const size_t d = c->width, row = d * sizeof(float);
    const size_t n_data = f->n_rows * row, n_norms = f->n_tokens * sizeof(float);
    persona_code rc = PERSONA_OK;
    TRY(room_for(c, n_data + n_norms + 1, e));
    for (size_t r = 0; r < f->n_rows; r++) {
        memcpy(c->room + r * row, data + (r * n_blocks + at) * d, row);
    }
    for (size_t t = 0; t < f->n_tokens; t++) {
        memcpy(c->room + n_data + t * sizeof(float), norms + t * n_blocks + at, sizeof(float));
    }
    db_bind_int(c->s[PUT], 1, f->id);
    db_bind_int(c->s[PUT], 2, block);
    db_bind_int(c->s[PUT], 3, checksum(c->room, n_data + n_norms));
    db_bind_blob(c->s[PUT], 4, c->room, n_data);
    db_bind_blob(c->s[PUT], 5, c->room + n_data, n_norms);
    TRY(db_run(c->s[PUT], e));
out:
    return rc;
}

persona_code actcache_put(actcache *c, const act_reading *r, const float *data, const float *norms,
                          persona_err *e)
{
    found f;
    if (r->n_rows == 0 || r->n_tokens == 0 || r->n_rows > MAX_FLOATS / c->width ||
        r->n_tokens > MAX_FLOATS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "a reading of %zu rows and %zu tokens",
                               r->n_rows, r->n_tokens);
    }
    persona_code rc = put_begin(c, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    rc = put_reading(c, r, &f, e);
    for (size_t i = 0; rc == PERSONA_OK && i < r->n_blocks; i++) {
        rc = put_block(c, &f, r->blocks[i], i, r->n_blocks, data, norms, e);
    }
    return put_end(c, rc, e);
}

static bool finite_bytes(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i + sizeof(float) <= n; i += sizeof(float)) {
        float x;
        memcpy(&x, p + i, sizeof x);
        if (!isfinite(x)) {
            return false;
        }
    }
    return true;
}

/* *there: a row of this block; *sound: and it is what was put. */
static persona_code check_block(actcache *c, const found *f, int block, bool *there, bool *sound,
                                persona_err *e)
{
    db_stmt *s = c->s[GET];
    size_t n_data = 0, n_norms = 0;
    *sound = false;
    db_bind_int(s, 1, f->id);
    db_bind_int(s, 2, block);
    persona_code rc = PERSONA_OK;
    TRY(db_step(s, there, e));
    if (*there) {
        const void *data = db_blob(s, 1, &n_data), *norms = db_blob(s, 2, &n_norms);
        if (n_data == f->n_rows * c->width * sizeof(float) &&
            n_norms == f->n_tokens * sizeof(float) && data && norms) {
            TRY(room_for(c, n_data + n_norms, e));
            memcpy(c->room, data, n_data);
            memcpy(c->room + n_data, norms, n_norms);
            *sound = checksum(c->room, n_data + n_norms) == db_int(s, 0) &&
                     finite_bytes(c->room, n_data + n_norms);
        }
    }
    if (*there) {
        TRY(db_row_ok(s, e));
    }
out:
    db_reset(s);
    return rc;
}

persona_code actcache_has(actcache *c, act_reading *r, bool *has, size_t *n_stale, persona_err *e)
{
    found f;
    persona_code rc = PERSONA_OK;
    *has = false;
    TRY(find(c, r->key, &f, e));
    *has = f.id != 0 && f.n_rows == r->n_rows;
    r->n_tokens = f.n_tokens;
    for (size_t i = 0; *has && i < r->n_blocks; i++) {
        bool there = false, sound = false;
        *has = false;
        TRY(check_block(c, &f, r->blocks[i], &there, &sound, e));
        *has = sound;
        if (sound || !there) {
            continue;
        }
        (*n_stale)++;
        db_bind_int(c->s[DELETE], 1, f.id);
        db_bind_int(c->s[DELETE], 2, r->blocks[i]);
        TRY(db_run(c->s[DELETE], e));
    }
out:
    return rc;
}

static persona_code id_of(actcache *c, const char *key, int block, int64_t *id, persona_err *e)
{
    bool there = false;
    persona_code rc = PERSONA_OK;
    db_bind_text(c->s[WHERE], 1, key);
    db_bind_int(c->s[WHERE], 2, block);
    TRY(db_step(c->s[WHERE], &there, e));
    if (!there) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "the cache has no block %d of a text", block);
        goto out;
    }
    *id = db_int(c->s[WHERE], 0);
out:
    db_reset(c->s[WHERE]);
    return rc;
}

persona_code actcache_row(actcache *c, const char *key, int block, size_t row, float *out,
                          persona_err *e)
{
    const size_t size = c->width * sizeof *out;
    int64_t id = 0;
    persona_code rc = PERSONA_OK;
    TRY(id_of(c, key, block, &id, e));
    const db_place at = {"act", "data", id, row * size};
    TRY(db_blob_read(c->d, &at, out, size, NULL, e));
out:
    return rc;
}

persona_code actcache_norms(actcache *c, const char *key, int block, float *out, size_t most,
                            size_t *n, persona_err *e)
{
    bool there = false;
    size_t size = 0;
    db_bind_text(c->s[NORMS], 1, key);
    db_bind_int(c->s[NORMS], 2, block);
    persona_code rc = db_step(c->s[NORMS], &there, e);
    const void *p = rc == PERSONA_OK && there ? db_blob(c->s[NORMS], 0, &size) : NULL;
    *n = size / sizeof *out < most ? size / sizeof *out : most;
    if (p) {
        memcpy(out, p, *n * sizeof *out);
    }
    db_reset(c->s[NORMS]);
    return rc;
}

/* ---- texts ---------------------------------------------------------------------------------- */

persona_code actcache_put_text(actcache *c, const char *key, const char *text, persona_err *e)
{
    persona_code rc = put_begin(c, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    db_bind_text(c->s[PUT_TEXT], 1, key);
    db_bind_text(c->s[PUT_TEXT], 2, text);
    return put_end(c, db_run(c->s[PUT_TEXT], e), e);
}

persona_code actcache_get_text(actcache *c, const char *key, char **text, persona_err *e)
{
    bool there = false;
    *text = NULL;
    db_bind_text(c->s[GET_TEXT], 1, key);
    persona_code rc = PERSONA_OK;
    TRY(db_step(c->s[GET_TEXT], &there, e));
    if (there) {
        const char *found_text = db_text(c->s[GET_TEXT], 0);
        *text = mem_strdup(found_text ? found_text : "");
        TRY(*text ? db_row_ok(c->s[GET_TEXT], e) : mem_err(e, "a text"));
    }
out:
    db_reset(c->s[GET_TEXT]);
    if (rc != PERSONA_OK) {
        mem_free(*text);
        *text = NULL;
    }
    return rc;
}

/* ---- size ----------------------------------------------------------------------------------- */

/* Bytes in use: pages that are not free. */
static persona_code used_bytes(actcache *c, uint64_t *out, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(c->d,
                   "SELECT (page_count - freelist_count) * page_size FROM"
                   " pragma_page_count, pragma_freelist_count, pragma_page_size",
                   &s, e));
    TRY(db_step(s, &row, e));
out:
    *out = rc == PERSONA_OK && row ? (uint64_t)db_int(s, 0) : 0;
    if (s) {
        db_finalize(s);
    }
    return rc;
}

persona_code actcache_limit(actcache *c, uint64_t max_bytes, persona_err *e)
{
    uint64_t used = 0;
    persona_code rc = PERSONA_OK;
    TRY(actcache_flush(c, e));
    TRY(used_bytes(c, &used, e));
    while (used > max_bytes) {
        const uint64_t before = used;
        TRY(db_exec(
            c->d,
            "DELETE FROM act WHERE reading IN (SELECT id FROM reading ORDER BY id LIMIT 100);"
            "DELETE FROM reading WHERE id IN (SELECT id FROM reading ORDER BY id LIMIT 100)",
            e));
        TRY(used_bytes(c, &used, e));
        if (used >= before) {
            break; /* only texts are left */
        }
    }
out:
    return rc;
}
