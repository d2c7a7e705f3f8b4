/* SPDX-License-Identifier: MIT
 *
 * job_rows.c - answers and scores, in and out.
 *
 * Numbers go into blobs as little-endian float32, bit by bit: what is read is what was stored, NAN
 * included. What comes out of a file is checked before it is believed: numbers against the range of
 * their type, blobs against their room.
 */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/job/job_impl.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "job files hold little-endian floats: swap them here"
#endif

/* ---- putting --------------------------------------------------------------------------------- */

static void bind_answer(db_stmt *s, const job_answer *a)
{
    int at = 1;
    db_bind_text(s, at++, a->stage);
    db_bind_int(s, at++, a->id);
    db_bind_text(s, at++, a->text ? a->text : "");
    db_bind_text(s, at++, a->analysis ? a->analysis : "");
    db_bind_text(s, at++, a->question ? a->question : "");
    db_bind_text(s, at++, a->system);
    db_bind_text(s, at++, a->prompt);
    db_bind_int(s, at++, a->polarity);
    db_bind_int(s, at++, a->pair);
    db_bind_int(s, at++, a->question_index);
    db_bind_int(s, at++, a->rollout);
    db_bind_int(s, at++, a->seed);
    db_bind_int(s, at++, a->answered);
    db_bind_text(s, at++, persona_finish_name((int)a->finish));
    db_bind_int(s, at++, (int64_t)a->n_prompt);
    db_bind_int(s, at++, (int64_t)a->n_answer);
    db_bind_int(s, at++, (int64_t)a->n_tokens);
    db_bind_blob(s, at++, a->norms, a->n_norms * sizeof *a->norms);
    db_bind_blob(s, at++, a->mean, a->n_mean * sizeof *a->mean);
}

/* A violated constraint has two possible reasons; the better message for both. */
static persona_code explain(job *j, persona_code rc, const char *stage, int64_t id, bool wanted,
                            persona_err *e)
{
    bool has = false;
    if (rc != PERSONA_E_INTERNAL || job_has(j, stage, id, &has, NULL) != PERSONA_OK ||
        has == wanted) {
        return rc;
    }
    if (has) {
        return persona_err_set(e, rc, "%s: answer %" PRId64 " of stage '%s' is stored already",
                               j->path, id, stage);
    }
    return persona_err_set(e, PERSONA_E_NOTFOUND,
                           "%s: there is no answer %" PRId64 " in stage '%s'", j->path, id, stage);
}

persona_code job_put_answers(job *j, const job_answer *a, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (!j->put_answer) {
        TRY(db_prepare(j->d,
                       "INSERT INTO answer (stage, id, text, analysis, question, system, prompt,"
                       " polarity, pair, question_index, rollout, seed, answered, finish,"
                       " n_prompt, n_answer, n_tokens, norms, mean)"
                       " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       &j->put_answer, e));
    }
    TRY(db_begin(j->d, e));
    for (size_t i = 0; i < n; i++) {
        if (persona_finish_name((int)a[i].finish) == NULL) {
            rc = persona_err_set(e, PERSONA_E_INTERNAL, "%s: finish %d has no name", j->path,
                                 (int)a[i].finish);
            goto out;
        }
        bind_answer(j->put_answer, &a[i]);
        rc = db_run(j->put_answer, e);
        if (rc != PERSONA_OK) {
            db_rollback(j->d);
            rc = explain(j, rc, a[i].stage, a[i].id, false, e);
            goto out;
        }
    }
    TRY(db_commit(j->d, e));
out:
    db_rollback(j->d);
    return rc;
}

persona_code job_put_scores(job *j, const char *stage, const char *judge, const job_score *s,
                            size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (!j->put_score) {
        TRY(db_prepare(j->d,
                       "INSERT OR REPLACE INTO score (stage, judge, id, trait, coherence, mass)"
                       " VALUES (?,?,?,?,?,?)",
                       &j->put_score, e));
    }
    TRY(db_begin(j->d, e));
    for (size_t i = 0; i < n; i++) {
        db_bind_text(j->put_score, 1, stage);
        db_bind_text(j->put_score, 2, judge);
        db_bind_int(j->put_score, 3, s[i].id);
        db_bind_real(j->put_score, 4, s[i].trait);
        db_bind_real(j->put_score, 5, s[i].coherence);
        db_bind_real(j->put_score, 6, s[i].mass);
        rc = db_run(j->put_score, e);
        if (rc != PERSONA_OK) {
            db_rollback(j->d);
            rc = explain(j, rc, stage, s[i].id, true, e);
            goto out;
        }
    }
    TRY(db_commit(j->d, e));
out:
    db_rollback(j->d);
    return rc;
}

/* ---- what is there --------------------------------------------------------------------------- */

/* The row of an answer; -1 if there is none. */
static persona_code find(job *j, const char *stage, int64_t id, int64_t *rowid, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    *rowid = -1;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d, "SELECT rowid FROM answer WHERE stage = ? AND id = ?", &s, e));
    db_bind_text(s, 1, stage);
    db_bind_int(s, 2, id);
    TRY(db_step(s, &row, e));
    if (row) {
        *rowid = db_int(s, 0);
    }
out:
    db_finalize(s);
    return rc;
}

persona_code job_has(job *j, const char *stage, int64_t id, bool *has, persona_err *e)
{
    int64_t rowid;
    const persona_code rc = find(j, stage, id, &rowid, e);
    *has = rc == PERSONA_OK && rowid >= 0;
    return rc;
}

persona_code job_done(job *j, const char *stage, bool *done, size_t n, size_t *n_done,
                      persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    size_t count = 0;
    memset(done, 0, n * sizeof *done);
    persona_code rc = db_prepare(j->d, "SELECT id FROM answer WHERE stage = ?", &s, e);
    if (rc == PERSONA_OK) {
        db_bind_text(s, 1, stage);
    }
    while (rc == PERSONA_OK && (rc = db_step(s, &row, e)) == PERSONA_OK && row) {
        const int64_t id = db_int(s, 0);
        if (id < 0 || (uint64_t)id >= n) {
            rc = persona_err_set(e, PERSONA_E_FORMAT,
                                 "%s: stage '%s' holds answer %" PRId64 ", but has only %zu",
                                 j->path, stage, id, n);
            break;
        }
        done[id] = true;
        count++;
    }
    db_finalize(s);
    if (n_done) {
        *n_done = count;
    }
    return rc;
}

/* ---- answers, one after the other ------------------------------------------------------------ */

typedef struct reader {
    const job *j;
    const db_stmt *s;
    int64_t id;
    const char *bad; /* column that holds what it cannot */
} reader;

static int64_t take(reader *r, int at, int64_t min, int64_t max, const char *column)
{
    const int64_t x = db_int(r->s, at);
    if (x >= min && x <= max) {
        return x;
    }
    r->bad = column;
    return min;
}

static persona_finish take_finish(reader *r, int at)
{
    const char *name = db_text(r->s, at);
    for (int i = 0; name && persona_finish_name(i); i++) {
        if (strcmp(name, persona_finish_name(i)) == 0) {
            return (persona_finish)i;
        }
    }
    r->bad = "finish";
    return PERSONA_FINISH_STOP;
}

/* NULL only where NULL may be. */
static const char *take_text(const reader *r, int at)
{
    const char *s = db_text(r->s, at);
    return s ? s : "";
}

typedef struct column {
    const char *name;
    int at_len, at; /* where the statement gives its length and its bytes */
} column;

/* Copies a column of floats into the room, if there is one; *n is what is stored. */
static persona_code take_floats(reader *r, column c, float *room, size_t n_room, const float **out,
                                size_t *n, persona_err *e)
{
    const int64_t n_bytes = db_int(r->s, c.at_len);
    size_t have;
    *out = NULL;
    *n = (size_t)n_bytes / sizeof **out;
    if (n_bytes % (int64_t)sizeof **out != 0) {
        r->bad = c.name;
    }
    if (!room || n_bytes == 0 || r->bad) {
        return PERSONA_OK;
    }
    if (*n > n_room) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s: answer %" PRId64 " has %zu numbers of %s (room for %zu)",
                               r->j->path, r->id, *n, c.name, n_room);
    }
    const void *p = db_blob(r->s, c.at, &have);
    if (!p || have != (size_t)n_bytes) {
        return mem_err(e, r->j->path);
    }
    memcpy(room, p, have);
    *out = room;
    return PERSONA_OK;
}

static persona_code take_answer(reader *r, const char *stage, const job_room *room, job_answer *a,
                                persona_err *e)
{
    const job_room none = {0};
    const job_room *into = room ? room : &none;
    r->id = db_int(r->s, 0);
    r->bad = NULL;
    *a = (job_answer){.stage = stage, .id = r->id};
    a->text = take_text(r, 1);
    a->analysis = take_text(r, 2);
    a->question = take_text(r, 3);
    a->system = db_text(r->s, 4);
    a->prompt = db_text(r->s, 5);
    a->polarity = (int)take(r, 6, -1, 1, "polarity");
    a->pair = (int)take(r, 7, -1, INT_MAX, "pair");
    a->question_index = (int)take(r, 8, -1, INT_MAX, "question_index");
    a->rollout = (int)take(r, 9, -1, INT_MAX, "rollout");
    a->seed = (uint32_t)take(r, 10, 0, UINT32_MAX, "seed");
    a->answered = take(r, 11, 0, 1, "answered") == 1;
    a->finish = take_finish(r, 12);
    a->n_prompt = (size_t)take(r, 13, 0, INT_MAX, "n_prompt");
    a->n_answer = (size_t)take(r, 14, 0, INT_MAX, "n_answer");
    a->n_tokens = (size_t)take(r, 15, 0, INT_MAX, "n_tokens");
    persona_code rc = PERSONA_OK;
    TRY(take_floats(r, (column){"norms", 16, 18}, into->norms, into->n_norms, &a->norms,
                    &a->n_norms, e));
    TRY(take_floats(r, (column){"mean", 17, 19}, into->mean, into->n_mean, &a->mean, &a->n_mean,
                    e));
    TRY(db_row_ok(r->s, e));
    if (r->bad) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: answer %" PRId64 " of stage '%s' has an unusable '%s'",
                             r->j->path, r->id, stage, r->bad);
        goto out;
    }
out:
    return rc;
}

/* One statement finds the rows, the other reads them: what has to be sorted are row numbers. */
static persona_code prepare_each(job *j, const char *stage, job_order order, const job_room *room,
                                 db_stmt **find_row, db_stmt **read_row, persona_err *e)
{
    static const char *const orders[] = {
        [JOB_BY_ID] = "SELECT rowid FROM answer WHERE stage = ? ORDER BY id",
        [JOB_BY_ARRIVAL] = "SELECT rowid FROM answer WHERE stage = ? ORDER BY rowid",
        [JOB_BY_QUESTION] = ("SELECT rowid FROM answer WHERE stage = ?"
                             " ORDER BY question_index, pair, rollout, polarity DESC, id"),
    };
    char sql[512];
    /* length() does not load a blob; a column that is not named is not read. */
    snprintf(sql, sizeof sql,
             "SELECT id, text, analysis, question, system, prompt, polarity, pair, question_index,"
             " rollout, seed, answered, finish, n_prompt, n_answer, n_tokens,"
             " ifnull(length(norms), 0), ifnull(length(mean), 0), %s, %s"
             " FROM answer WHERE rowid = ?",
             room && room->norms ? "norms" : "NULL", room && room->mean ? "mean" : "NULL");
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d, orders[order], find_row, e));
    TRY(db_prepare(j->d, sql, read_row, e));
    db_bind_text(*find_row, 1, stage);
out:
    return rc;
}

persona_code job_each_answer(job *j, const char *stage, job_order order, const job_room *room,
                             job_answer_fn fn, void *ud, persona_err *e)
{
    db_stmt *found = NULL, *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(prepare_each(j, stage, order, room, &found, &s, e));
    reader r = {.j = j, .s = s};
    for (;;) {
        job_answer a;
        TRY(db_step(found, &row, e));
        if (!row) {
            break;
        }
        db_bind_int(s, 1, db_int(found, 0));
        TRY(db_step(s, &row, e));
        if (row) {
            TRY(take_answer(&r, stage, room, &a, e));
            TRY(fn(ud, &a, e));
        }
        db_reset(s);
    }
out:
    db_finalize(s);
    db_finalize(found);
    return rc;
}

persona_code job_read_mean(job *j, const char *stage, int64_t id, size_t offset, size_t n,
                           float *out, persona_err *e)
{
    int64_t rowid;
    size_t size = 0;
    persona_code rc = PERSONA_OK;
    TRY(find(j, stage, id, &rowid, e));
    if (rowid < 0) {
        rc = PERSONA_E_NOTFOUND;
    } else if (offset > INT_MAX / sizeof *out || n > INT_MAX / sizeof *out) {
        rc = PERSONA_E_SHAPE;
    } else {
        const db_place at = {"answer", "mean", rowid, offset * sizeof *out};
        rc = db_blob_read(j->d, &at, out, n * sizeof *out, &size, e);
    }
    if (rc == PERSONA_E_NOTFOUND) {
        (void)persona_err_set(e, rc, "%s: answer %" PRId64 " of stage '%s' %s", j->path, id, stage,
                              rowid < 0 ? "does not exist" : "has no mean");
    }
    if (rc == PERSONA_E_SHAPE) {
        (void)persona_err_set(e, rc,
                              "%s: answer %" PRId64 " of stage '%s' has a mean of %zu numbers; "
                              "%zu from number %zu on were wanted",
                              j->path, id, stage, size / sizeof *out, n, offset);
    }
out:
    return rc;
}

/* ---- scores ---------------------------------------------------------------------------------- */

persona_code job_get_score(job *j, const char *stage, const char *judge, int64_t id, job_score *out,
                           bool *has, persona_err *e)
{
    db_stmt *s = NULL;
    *has = false;
    *out = (job_score){.id = id, .trait = NAN, .coherence = NAN, .mass = NAN};
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d,
                   "SELECT trait, coherence, mass FROM score"
                   " WHERE stage = ? AND judge = ? AND id = ?",
                   &s, e));
    db_bind_text(s, 1, stage);
    db_bind_text(s, 2, judge);
    db_bind_int(s, 3, id);
    TRY(db_step(s, has, e));
    if (*has) {
        out->trait = db_real(s, 0);
        out->coherence = db_real(s, 1);
        out->mass = db_real(s, 2);
    }
out:
    db_finalize(s);
    return rc;
}

persona_code job_each_score(job *j, const char *stage, const char *judge, job_score_fn fn, void *ud,
                            persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d,
                   "SELECT id, trait, coherence, mass FROM score"
                   " WHERE stage = ? AND judge = ? ORDER BY id",
                   &s, e));
    db_bind_text(s, 1, stage);
    db_bind_text(s, 2, judge);
    while ((rc = db_step(s, &row, e)) == PERSONA_OK && row) {
        const job_score score = {.id = db_int(s, 0),
                                 .trait = db_real(s, 1),
                                 .coherence = db_real(s, 2),
                                 .mass = db_real(s, 3)};
        TRY(fn(ud, &score, e));
    }
out:
    db_finalize(s);
    return rc;
}
