/* SPDX-License-Identifier: MIT
 *
 * job_merge.c - the parts of a job become one.
 *
 * Everything is looked at before anything is written: the parts are all there, once, done, and of
 * one job. The whole is written beside OUT and renamed when it is complete, under OUT's lock, so
 * that nobody ever opens half a job. Answers that every part had to make for itself (what an
 * evaluation stands on) must be the same in all of them, to the bit: if they are not, the parts
 * were made on machines that compute differently, and the whole would be no run of any of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/errtext.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/job/job_impl.h"

#define UNLIKE                                                                                     \
    "the shards were made on machines that compute differently (processor, device, libraries, "    \
    "threads); make the odd one again on a machine like the others', with --fresh"

typedef struct part {
    job *j;
    persona_shard s;
} part;

typedef struct merging {
    const char *out;
    part *parts; /* (n) by index, after check_all */
    size_t n;
    job *whole;
    job_merged *r;
} merging;

/* ---- looking --------------------------------------------------------------------------------- */

static persona_code unfinished(const part *p, persona_err *e)
{
    job_info info;
    persona_err ignored;
    const persona_code rc = job_info_read(job_path(p->j), &info, &ignored);
    const bool known = rc == PERSONA_OK;
    persona_err_set(e, PERSONA_E_UNAVAILABLE,
                    "%s: shard %d/%d is %s (%zu answers so far): the command that began it goes on "
                    "with it: persona %s ... --shard %d/%d --job %s",
                    job_path(p->j), p->s.index, p->s.count,
                    known && info.running ? "being worked on" : "not done",
                    known ? info.n_answers : 0, known ? info.command : "", p->s.index, p->s.count,
                    job_path(p->j));
    job_info_free(&info);
    return PERSONA_E_UNAVAILABLE;
}

static persona_code is_done(const part *p, persona_err *e)
{
    char *state = NULL;
    int pid;
    persona_code rc = PERSONA_OK;
    TRY(job_get_value(p->j, JOB_STATE, &state, e));
    if (!state || strcmp(state, JOB_DONE) != 0 || job_lock_held(job_path(p->j), &pid)) {
        rc = unfinished(p, e);
        goto out;
    }
out:
    mem_free(state);
    return rc;
}

static persona_code open_part(const char *path, part *p, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(job_read(path, &p->j, e));
    TRY(job_manifest_shard(path, job_manifest(p->j), &p->s, e));
    if (p->s.count == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s: is a whole job and no shard of one: leave it away, or begin it "
                             "anew with --shard I/N --job FILE",
                             path);
        goto out;
    }
out:
    return rc;
}

/* Puts each part at its index. Missing ones are named, up to a few. */
static persona_code order_parts(merging *m, persona_err *e)
{
    const part *first = &m->parts[0];
    const size_t count = (size_t)first->s.count;
    char missing[96] = "";
    size_t n_missing = 0;
    persona_code rc = PERSONA_OK;
    part *sorted = mem_calloc(count, sizeof *sorted);
    TRY(sorted ? PERSONA_OK : mem_err(e, m->out));
    for (size_t i = 0; i < m->n; i++) {
        part *to = &sorted[m->parts[i].s.index];
        if (to->j) {
            rc = persona_err_set(
                e, PERSONA_E_USAGE, "%s and %s are both shard %d/%d: give one of them",
                job_path(to->j), job_path(m->parts[i].j), to->s.index, to->s.count);
            goto out;
        }
        *to = m->parts[i];
    }
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(missing);
        if (!sorted[i].j && ++n_missing <= 5) {
            snprintf(missing + len, sizeof missing - len, "%s%zu", len > 0 ? ", " : "", i);
        }
    }
    if (n_missing > 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%zu of %zu shards are missing: %s%s; give their files, too, or make "
                             "them: the command of the others with --shard %.*s/%zu --job FILE",
                             n_missing, count, missing, n_missing > 5 ? ", ..." : "",
                             (int)strcspn(missing, ","), missing, count);
        goto out;
    }
    memcpy(m->parts, sorted, count * sizeof *sorted);
out:
    mem_free(sorted);
    return rc;
}

/* The stages that a part has done its part of, each with the number of all answers. */
static persona_code list_stages(const part *p, char **out, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, (size_t)1 << 20);
    TRY(db_prepare(p->j->d,
                   "SELECT key, text FROM value WHERE key GLOB '" JOB_SHARD "*' ORDER BY key", &s,
                   e));
    while ((rc = db_step(s, &row, e)) == PERSONA_OK && row) {
        const char *key = db_text(s, 0), *text = db_text(s, 1);
        buf_printf(&b, "%s%s of %s", b.len > 0 ? ", " : "", key ? key + strlen(JOB_SHARD) : "",
                   text ? text : "");
        TRY(db_row_ok(s, e));
    }
    TRY(rc);
    TRY(buf_ok(&b, job_path(p->j), e));
    *out = mem_strdup(buf_str(&b));
    TRY(*out ? PERSONA_OK : mem_err(e, job_path(p->j)));
out:
    db_finalize(s);
    buf_free(&b);
    return rc;
}

/* A stage's name holds a digest of the vectors that steer its answers: where it differs, the parts
 * do not stand on the same. */
static persona_code same_stages(const merging *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *first = NULL, *other = NULL;
    TRY(list_stages(&m->parts[0], &first, e));
    for (size_t i = 1; i < m->n; i++) {
        TRY(list_stages(&m->parts[i], &other, e));
        if (strcmp(first, other) != 0) {
            rc = persona_err_set(e, PERSONA_E_USAGE, "%s did its part of %s, %s of %s: " UNLIKE,
                                 job_path(m->parts[0].j), first, job_path(m->parts[i].j), other);
            goto out;
        }
        mem_free(other);
        other = NULL;
    }
out:
    mem_free(first);
    mem_free(other);
    return rc;
}

static persona_code check_parts(merging *m, const char *const *paths, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < m->n; i++) {
        TRY(open_part(paths[i], &m->parts[i], e));
        const part *first = &m->parts[0], *p = &m->parts[i];
        TRY(job_manifest_same(paths[0], job_manifest(first->j), paths[i], job_manifest(p->j), e));
        if (p->s.count != first->s.count) {
            rc = persona_err_set(e, PERSONA_E_USAGE,
                                 "%s is one of %d shards, %s one of %d: give those of one division",
                                 paths[0], first->s.count, paths[i], p->s.count);
            goto out;
        }
    }
    TRY(order_parts(m, e));
    for (size_t i = 0; i < m->n; i++) {
        TRY(is_done(&m->parts[i], e));
    }
    TRY(same_stages(m, e));
out:
    return rc;
}

/* ---- copying --------------------------------------------------------------------------------- */

#define ANSWER                                                                                     \
    "stage, id, text, analysis, question, system, prompt, polarity, pair, question_index, "        \
    "rollout,"                                                                                     \
    " seed, answered, finish, n_prompt, n_answer, n_tokens, norms, mean"
enum { FIRST_INT = 7, FINISH = 13, FIRST_BLOB = 17, N_COLUMNS = 19, AT_ONCE = 64 };

static bool is_text(int at)
{
    return (at < FIRST_INT && at != 1) || at == FINISH;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_row(const db_stmt *a, const db_stmt *b)
{
    for (int at = 0; at < N_COLUMNS; at++) {
        bool same;
        if (is_text(at)) {
            same = same_text(db_text(a, at), db_text(b, at));
        } else if (at < FIRST_BLOB) {
            same = db_int(a, at) == db_int(b, at);
        } else {
            size_t n_a = 0, n_b = 0;
            const void *p = db_blob(a, at, &n_a), *q = db_blob(b, at, &n_b);
            same = n_a == n_b && (n_a == 0 || (p && q && memcmp(p, q, n_a) == 0));
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

static void bind_row(db_stmt *to, const db_stmt *from)
{
    for (int at = 0; at < N_COLUMNS; at++) {
        if (is_text(at)) {
            db_bind_text(to, at + 1, db_text(from, at));
        } else if (at < FIRST_BLOB) {
            db_bind_int(to, at + 1, db_int(from, at));
        } else {
            size_t n = 0;
            const void *p = db_blob(from, at, &n);
            db_bind_blob(to, at + 1, n > 0 ? p : NULL, n);
        }
    }
}

static persona_code differs(const merging *m, const part *p, const db_stmt *row, persona_err *e)
{
    return persona_err_set(
        e, PERSONA_E_USAGE,
        "%s: answer %" PRId64 " of stage '%s' is not the one that %s has: " UNLIKE, job_path(p->j),
        db_int(row, 1), db_text(row, 0), m->whole ? "an earlier shard" : m->out);
}

/* Finds the row's answer in j: *row of found, if it is there. */
static persona_code find_row(db_stmt *found, const db_stmt *row, bool *has, persona_err *e)
{
    db_reset(found);
    db_bind_text(found, 1, db_text(row, 0));
    db_bind_int(found, 2, db_int(row, 1));
    return db_step(found, has, e);
}

static const char find_sql[] = "SELECT " ANSWER " FROM answer WHERE stage = ? AND id = ?";

/* Copies the answers of a part that are not there yet; `into` only looks when put is NULL. */
static persona_code copy_answers(merging *m, const part *p, job *into, bool put, persona_err *e)
{
    db_stmt *from = NULL, *found = NULL, *to = NULL;
    bool row = false, has = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(p->j->d, "SELECT " ANSWER " FROM answer ORDER BY stage, id", &from, e));
    TRY(db_prepare(into->d, find_sql, &found, e));
    TRY(db_prepare(into->d,
                   "INSERT INTO answer (" ANSWER ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                   &to, e));
    while ((rc = db_step(from, &row, e)) == PERSONA_OK && row) {
        TRY(find_row(found, from, &has, e));
        if (has ? !same_row(from, found) : !put) {
            rc = differs(m, p, from, e);
            goto out;
        }
        if (!has) {
            bind_row(to, from);
            TRY(db_row_ok(from, e));
            TRY(db_run(to, e));
            m->r->n_answers++;
            if (m->r->n_answers % AT_ONCE == 0) { /* nobody sees it before it is whole */
                TRY(db_commit(into->d, e));
                TRY(db_begin(into->d, e));
            }
        }
    }
out:
    db_finalize(to);
    db_finalize(found);
    db_finalize(from);
    return rc;
}

static persona_code copy_scores(merging *m, const part *p, persona_err *e)
{
    db_stmt *from = NULL, *to = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(p->j->d,
                   "SELECT stage, judge, id, trait, coherence, mass FROM score"
                   " ORDER BY stage, judge, id",
                   &from, e));
    TRY(db_prepare(m->whole->d, "INSERT OR IGNORE INTO score VALUES (?,?,?,?,?,?)", &to, e));
    while ((rc = db_step(from, &row, e)) == PERSONA_OK && row) {
        db_bind_text(to, 1, db_text(from, 0));
        db_bind_text(to, 2, db_text(from, 1));
        db_bind_int(to, 3, db_int(from, 2));
        for (int at = 3; at < 6; at++) {
            db_bind_real(to, at + 1, db_real(from, at));
        }
        TRY(db_row_ok(from, e));
        TRY(db_run(to, e));
        m->r->n_scores++;
    }
out:
    db_finalize(to);
    db_finalize(from);
    return rc;
}

/* Calibrations and lists of cells: the first shard's where several have them. */
static persona_code copy_values(merging *m, const part *p, persona_err *e)
{
    db_stmt *from = NULL, *to = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(p->j->d,
                   "SELECT key, text FROM value WHERE key <> '" JOB_STATE "'"
                   " AND key NOT GLOB '" JOB_SHARD "*' ORDER BY key",
                   &from, e));
    TRY(db_prepare(m->whole->d, "INSERT OR IGNORE INTO value VALUES (?,?)", &to, e));
    while ((rc = db_step(from, &row, e)) == PERSONA_OK && row) {
        db_bind_text(to, 1, db_text(from, 0));
        db_bind_text(to, 2, db_text(from, 1));
        TRY(db_row_ok(from, e));
        TRY(db_run(to, e));
    }
out:
    db_finalize(to);
    db_finalize(from);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static persona_code fill(merging *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < m->n; i++) {
        TRY(db_begin(m->whole->d, e));
        TRY(copy_answers(m, &m->parts[i], m->whole, true, e));
        TRY(copy_scores(m, &m->parts[i], e));
        TRY(copy_values(m, &m->parts[i], e));
        TRY(db_commit(m->whole->d, e));
    }
out:
    db_rollback(m->whole->d);
    return rc;
}

static persona_code sync_path(const char *path, int flags, persona_err *e)
{
    const int fd = open(path, flags | O_CLOEXEC);
    const bool ok = fd >= 0 && fsync(fd) == 0;
    const int number = errno;
    if (fd >= 0) {
        close(fd);
    }
    return ok ? PERSONA_OK
              : persona_err_set(e, PERSONA_E_IO, "%s: cannot be written out: %s", path,
                                errtext(number));
}

static persona_code put_in_place(const char *tmp, const char *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = path_dir(out);
    TRY(dir ? PERSONA_OK : mem_err(e, out));
    TRY(sync_path(tmp, O_RDONLY, e));
    if (rename(tmp, out) != 0) {
        rc = persona_err_set(e, PERSONA_E_IO, "%s: cannot be renamed to %s: %s", tmp, out,
                             errtext(errno));
        goto out;
    }
    TRY(sync_path(dir, O_RDONLY | O_DIRECTORY, e));
out:
    mem_free(dir);
    return rc;
}

static persona_code write_whole(merging *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *manifest = job_manifest_of_whole(job_manifest(m->parts[0].j));
    char *tmp = mem_printf("%s.merging", m->out);
    TRY(manifest && tmp ? PERSONA_OK : mem_err(e, m->out));
    TRY(job_open(tmp, manifest, true, &m->whole, e));
    rc = fill(m, e);
    job_close(m->whole); /* folds the log into the file */
    m->whole = NULL;
    rc = rc == PERSONA_OK ? put_in_place(tmp, m->out, e) : rc;
    if (rc != PERSONA_OK) {
        persona_err ignored;
        (void)!job_unlink(tmp, &ignored);
        goto out;
    }
out:
    mem_free(tmp);
    mem_free(manifest);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A script that runs again finds what it made. */
static persona_code check_out(merging *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job *j = NULL;
    persona_shard s;
    TRY(job_read(m->out, &j, e));
    TRY(job_manifest_shard(m->out, job_manifest(j), &s, e));
    if (s.count > 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s: is shard %d/%d of a job and would be overwritten: the first name "
                             "is that of the job to be made",
                             m->out, s.index, s.count);
        goto out;
    }
    TRY(job_manifest_same(m->out, job_manifest(j), job_path(m->parts[0].j),
                          job_manifest(m->parts[0].j), e));
    for (size_t i = 0; i < m->n; i++) {
        TRY(copy_answers(m, &m->parts[i], j, false, e));
    }
    m->r->was_there = true;
out:
    job_close(j);
    return rc;
}

static persona_code refuse_out(const char *out, persona_code rc, persona_err *e)
{
    if (rc == PERSONA_E_USAGE || rc == PERSONA_E_FORMAT) {
        persona_err_wrap(e,
                         "%s exists and is not the job of these shards (remove it, or name "
                         "another)",
                         out);
        if (e) {
            e->code = PERSONA_E_USAGE;
        }
        return PERSONA_E_USAGE;
    }
    return rc;
}

persona_code job_merge(const char *out, const char *const *parts, size_t n, job_merged *r,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int lock = -1;
    char *dir = NULL;
    *r = (job_merged){.n_parts = (int)n};
    merging m = {.out = out, .n = n, .r = r};
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s: no shards are given", out);
    }
    m.parts = mem_calloc(n, sizeof *m.parts);
    TRY(m.parts ? PERSONA_OK : mem_err(e, out));
    TRY(check_parts(&m, parts, e));
    dir = path_dir(out);
    TRY(dir ? file_mkdirs(dir, e) : mem_err(e, out));
    TRY(job_lock_take(out, &lock, e));
    if (file_exists(out)) {
        rc = refuse_out(out, check_out(&m, e), e);
        goto out;
    }
    TRY(write_whole(&m, e));
out:
    job_lock_drop(out, lock);
    mem_free(dir);
    for (size_t i = 0; m.parts && i < n; i++) {
        job_close(m.parts[i].j);
    }
    mem_free(m.parts);
    return rc;
}
