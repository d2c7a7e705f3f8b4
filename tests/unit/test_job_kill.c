/* SPDX-License-Identifier: MIT
 *
 * test_job_kill.c - jobs under fire: kill -9 while opening and while writing, disks that fill up,
 * writes and allocations that fail, one after the other. Whatever happens, what a put has returned
 * is there afterwards, complete and unchanged.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "job_torture.h"
#include "persona/trait.h"
#include "scratch.h"
#include "store/db.h"

static const char manifest[] = "{\"trait\":\"silly\",\"model\":\"m.gguf\"}";
enum { IDS_MAX = 200000 };

static void ok(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
    }
}

/* Faults by the hundred need no disk under them. */
static int open_in_memory(void **state)
{
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 1);
    }
    return scratch_open(state);
}

static void check_integrity(const char *path)
{
    sqlite3 *file = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(file, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(file);
}

static void sleep_us(uint32_t us)
{
    const struct timespec t = {0, (long)us * 1000};
    nanosleep(&t, NULL);
}

/* ---- kill -9 -------------------------------------------------------------------------------- */

/* Puts batches of 1 to 4 answers, with a score and a value each, and reports every id after its put
 * has returned. Never comes back. */
static void write_for_ever(int report, bool fresh)
{
    static made m[4];
    static bool done[IDS_MAX];
    job *j = NULL;
    job_answer batch[4];
    persona_err e;
    if (job_open(scratch_path("kill.db"), manifest, fresh, &j, &e) != PERSONA_OK ||
        job_done(j, "x", done, IDS_MAX, NULL, &e) != PERSONA_OK) {
        (void)!write(STDERR_FILENO, e.msg, strlen(e.msg));
        _exit(1);
    }
    int32_t id = 0;
    for (;;) {
        const int n = 1 + id % 4;
        int k = 0;
        for (; k < n; id++) {
            if (id == IDS_MAX - 1) {
                _exit(2);
            }
            if (done[id]) {
                continue;
            }
            make_answer(&m[k], "x", id);
            batch[k] = m[k].a;
            k++;
        }
        const job_score s = {batch[0].id, (double)batch[0].id, NAN, 1};
        if (job_put_answers(j, batch, (size_t)n, &e) != PERSONA_OK) {
            _exit(3);
        }
        int32_t ids[4];
        for (k = 0; k < n; k++) {
            ids[k] = (int32_t)batch[k].id;
        }
        const ssize_t size = (ssize_t)((size_t)n * sizeof *ids);
        if (write(report, ids, (size_t)size) != size ||
            job_put_scores(j, "x", "judge", &s, 1, &e) != PERSONA_OK ||
            job_put_value(j, "last", m[0].text, &e) != PERSONA_OK) {
            _exit(4);
        }
    }
}

/* Collects what was reported until the other end is gone. */
static size_t drain(int fd, bool *reported)
{
    int32_t id;
    size_t n = 0;
    while (read(fd, &id, sizeof id) == (ssize_t)sizeof id) {
        assert_true(id >= 0 && id < IDS_MAX);
        n += !reported[id];
        reported[id] = true;
    }
    return n;
}

static void kill_while_writing(void **state)
{
    (void)state;
    static bool reported[IDS_MAX], seen[IDS_MAX];
    persona_err e = {0};
    rng r;
    size_t total = 0;
    rng_seed(&r, 20, 26);
    for (int round = 0; round < 12; round++) {
        int fd[2], status = 0;
        size_t n = 0;
        job *j = NULL;
        assert_int_equal(pipe(fd), 0);
        assert_int_equal(fcntl(fd[0], F_SETPIPE_SZ, 1 << 20), 1 << 20); /* never blocks the child */
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fd[0]);
            write_for_ever(fd[1], false);
        }
        close(fd[1]);
        int32_t first;
        if (round > 1) { /* two rounds may also die while they open */
            assert_int_equal(read(fd[0], &first, sizeof first), (ssize_t)sizeof first);
            total += !reported[first];
            reported[first] = true;
        }
        sleep_us(500 + rng_below(&r, round > 1 ? 60000 : 4000));
        kill(child, SIGKILL);
        total += drain(fd[0], reported);
        close(fd[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        memset(seen, 0, sizeof seen);
        ok(job_open(scratch_path("kill.db"), manifest, false, &j, &e), &e);
        ok(check_stage(j, "x", seen, IDS_MAX, &n, &e), &e);
        for (size_t i = 0; i < IDS_MAX; i++) {
            if (reported[i] && !seen[i]) {
                fail_msg("round %d: answer %zu was stored and is lost", round, i);
            }
        }
        assert_true(n >= total && n <= total + 4 * (size_t)(round + 1)); /* those in flight */
        job_close(j);
        check_integrity(scratch_path("kill.db"));
    }
    assert_true(total > 100);
}

static void kill_while_opening(void **state)
{
    (void)state;
    persona_err e = {0};
    rng r;
    rng_seed(&r, 3, 4);
    for (int round = 0; round < 25; round++) {
        int status = 0;
        job *j = NULL;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (;;) {
                if (job_open(scratch_path("open.db"), manifest, true, &j, &e) != PERSONA_OK) {
                    _exit(1);
                }
                job_close(j);
            }
        }
        sleep_us(200 + rng_below(&r, 8000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        ok(job_open(scratch_path("open.db"), manifest, false, &j, &e), &e);
        assert_string_equal(job_manifest(j), manifest);
        job_close(j);
    }
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* Puts answers from id on until one fails; returns how many were stored. */
static int64_t put_until_failure(job *j, int64_t id, persona_code *rc, persona_err *e)
{
    static made m;
    int64_t n = 0;
    for (*rc = PERSONA_OK; n < 400; n++) {
        make_answer(&m, "x", id + n);
        *rc = job_put_answers(j, &m.a, 1, e);
        if (*rc != PERSONA_OK) {
            break;
        }
    }
    return n;
}

/* A limit on file sizes: once it is lifted, the same handle goes on. */
static void disk_that_fills_up(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_code rc = PERSONA_OK;
    struct rlimit before, limit;
    size_t n = 0;
    job *j = NULL;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ok(job_open(scratch_path("full.db"), manifest, false, &j, &e), &e);
    limit = before;
    limit.rlim_cur = 3000000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int64_t stored = put_until_failure(j, 0, &rc, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, PERSONA_E_IO);
    assert_non_null(strstr(e.msg, "full.db: disk I/O error: File too large"));
    assert_true(stored > 3 && stored < 400);
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, stored);
    stored += put_until_failure(j, stored, &rc, &e);
    ok(rc, &e);
    job_close(j);
    ok(job_open(scratch_path("full.db"), manifest, false, &j, &e), &e);
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, stored);
    job_close(j);
}

/* SQLite's own word for it, by its own limit. */
static void full_database(void **state)
{
    (void)state;
    static const char *const steps[] = {"CREATE TABLE t (x) STRICT_; "};
    static const char *const good[] = {"CREATE TABLE t (x)"};
    const db_schema bad_schema = {"test", 7, steps, 1}, schema = {"test", 7, good, 1};
    persona_err e = {0};
    db *d = NULL;
    db_stmt *s = NULL;
    persona_code rc = db_open(scratch_path("limit.db"), DB_WRITE, &bad_schema, &d, &e);
    assert_int_equal(rc, PERSONA_E_INTERNAL); /* a mistake of ours; nothing is left behind */
    ok(db_open(scratch_path("limit.db"), DB_WRITE, &schema, &d, &e), &e);
    ok(db_exec(d, "PRAGMA max_page_count = 20", &e), &e);
    ok(db_prepare(d, "INSERT INTO t VALUES (zeroblob(60000))", &s, &e), &e);
    ok(db_begin(d, &e), &e);
    for (rc = PERSONA_OK; rc == PERSONA_OK;) {
        rc = db_run(s, &e);
    }
    assert_int_equal(rc, PERSONA_E_IO);
    assert_non_null(
        strstr(e.msg, "limit.db: database or disk is full (SQLite error 13); disk full"));
    db_rollback(d);
    db_rollback(d);
    db_bind_int(s, 5, 1); /* no such parameter: remembered until the step */
    db_bind_int(s, 6, 1);
    rc = db_run(s, &e);
    assert_int_equal(rc, PERSONA_E_INTERNAL);
    ok(db_run(s, &e), &e);
    db_finalize(s);
    rc = db_prepare(d, "SELECT y FROM t", &s, &e);
    assert_int_equal(rc, PERSONA_E_FORMAT);
    db_close(d);
}

/* The k-th write and all after it fail: nothing that was stored before is lost. */
static void writes_that_fail(void **state)
{
    (void)state;
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    persona_err e = {0};
    size_t n_failed = 0;
    for (long k = 1; k < 60; k++) {
        persona_code rc = PERSONA_OK;
        job *j = NULL;
        int64_t stored = 0;
        size_t n = 0;
        write_error = errors[k % 3];
        writes_left = k;
        persona_code opened = job_open(scratch_path("writes.db"), manifest, true, &j, &e);
        if (opened == PERSONA_OK) {
            stored = put_until_failure(j, 0, &rc, &e);
        }
        job_close(j);
        writes_left = -1;
        opened = opened != PERSONA_OK ? opened : rc;
        n_failed += opened != PERSONA_OK;
        if (opened != PERSONA_OK) {
            assert_int_equal(opened, PERSONA_E_IO);
            if (!strstr(e.msg,
                        write_error != EIO ? "disk full: free some space" : "Input/output error")) {
                fail_msg("%ld: %s", k, e.msg);
            }
        }
        ok(job_open(scratch_path("writes.db"), manifest, false, &j, &e), &e);
        ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
        if ((int64_t)n != stored) {
            fail_msg("write %ld failed: %zu answers instead of %lld", k, n, (long long)stored);
        }
        job_close(j);
    }
    assert_int_equal(n_failed, 59);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* Everything once; *stored tells whether the answer was. */
static persona_code use_everything(bool *stored, persona_err *e)
{
    static made m;
    static float mean[MADE_MEAN];
    job *j = NULL;
    job_info info = {0};
    char **paths = NULL, *text = NULL;
    size_t n = 0;
    bool done[8], has;
    job_score one = {1, 50, NAN, 1};
    make_answer(&m, "x", 1);
    *stored = false;
    persona_code rc = job_open(scratch_path("memory.db"), manifest, true, &j, e);
    if (rc == PERSONA_OK) {
        rc = job_put_answers(j, &m.a, 1, e);
    }
    *stored = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        rc = job_put_scores(j, "x", "judge", &one, 1, e);
    }
    if (rc == PERSONA_OK) {
        rc = job_done(j, "x", done, 8, &n, e);
    }
    if (rc == PERSONA_OK) {
        rc = job_read_mean(j, "x", 1, 10, 100, mean, e);
    }
    if (rc == PERSONA_OK) {
        rc = job_get_score(j, "x", "judge", 1, &one, &has, e);
    }
    if (rc == PERSONA_OK) {
        rc = job_put_value(j, "key", "text", e);
    }
    if (rc == PERSONA_OK) {
        rc = job_get_value(j, "key", &text, e);
    }
    mem_free(text);
    text = NULL;
    if (rc == PERSONA_OK) {
        rc = check_stage(j, "x", NULL, 0, &n, e);
    }
    job_close(j);
    if (rc == PERSONA_OK) {
        rc = job_open(scratch_path("memory.db"), manifest, false, &j, e);
        job_close(rc == PERSONA_OK ? j : NULL);
    }
    if (rc == PERSONA_OK) {
        rc = job_info_read(scratch_path("memory.db"), &info, e);
        job_info_free(&info);
    }
    if (rc == PERSONA_OK) {
        rc = job_list(scratch_folder, &paths, &n, e);
    }
    persona_names_free(paths, n);
    if (rc == PERSONA_OK) {
        rc = job_place(manifest, &text, e);
    }
    mem_free(text);
    return rc == PERSONA_OK ? job_remove(scratch_path("memory.db"), e) : rc;
}

static void check_after(bool stored, long k)
{
    persona_err e = {0};
    job *j = NULL;
    size_t n = 0;
    if (!stored) {
        return;
    }
    ok(job_open(scratch_path("memory.db"), manifest, false, &j, &e), &e);
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    job_close(j);
    if (n != 1) {
        fail_msg("allocation %ld failed: the answer is lost", k);
    }
}

static void memory_of_ours(void **state)
{
    (void)state;
    size_t n_failed = 0;
    bool stored = false;
    setenv("XDG_DATA_HOME", scratch_folder, 1);
    for (size_t k = 1; k < 140; k++) {
        persona_err e = {0};
        persona_mem_fail_at(k);
        const persona_code rc = use_everything(&stored, &e);
        persona_mem_fail_at(0);
        if (rc == PERSONA_OK) { /* past the last, or one that only a message or a check needs */
            continue;
        }
        n_failed++;
        if (rc != PERSONA_E_NOMEM &&
            rc != PERSONA_E_UNAVAILABLE) { /* no memory for the home folder */
            fail_msg("%zu: %s: %s", k, persona_code_name(rc), e.msg);
        }
        check_after(stored, (long)k);
    }
    print_message("%zu allocations of ours\n", n_failed);
    assert_true(n_failed > 50 && n_failed < 130);
}

/* SQLite survives some failures by itself: all after the k-th fail, too. */
static void memory_of_sqlite(void **state)
{
    (void)state;
    bool stored = false;
    long k = 1;
    for (; k < 5000; k += 1 + k / 40) {
        persona_err e = {0};
        memory_left = k;
        const persona_code rc = use_everything(&stored, &e);
        memory_left = -1;
        if (rc == PERSONA_OK) {
            break;
        }
        if (rc != PERSONA_E_NOMEM) {
            fail_msg("%ld: %s: %s", k, persona_code_name(rc), e.msg);
        }
        check_after(stored, k);
    }
    print_message("%ld allocations of SQLite's\n", k - 1);
    assert_true(k > 100 && k < 5000);
}

/* ---- flat memory ---------------------------------------------------------------------------- */

static size_t peak_of(job *j, size_t n_wanted)
{
    persona_err e = {0};
    size_t n = 0;
    sqlite3_int64 now = 0, peak = 0;
    sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &peak, 1);
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, n_wanted);
    sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &peak, 0);
    return (size_t)peak;
}

static void reading_takes_no_more_memory(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_code rc = PERSONA_OK;
    job *j = NULL;
    ok(job_open(scratch_path("flat.db"), manifest, false, &j, &e), &e);
    for (int64_t id = 0; id < 400; id += put_until_failure(j, id, &rc, &e)) {
        ok(rc, &e);
    }
    const size_t few = peak_of(j, 400);
    for (int64_t id = 400; id < 2000; id += put_until_failure(j, id, &rc, &e)) {
        ok(rc, &e);
    }
    const size_t many = peak_of(j, 2000);
    print_message("%zu and %zu bytes\n", few, many);
    assert_true(few > 100000 && many < few + 200000); /* 5 and 24 MB of activations */
    assert_true(many < 6000000);
    job_close(j);
}

int main(void)
{
    const struct CMUnitTest kills[] = {
        cmocka_unit_test(kill_while_writing),
        cmocka_unit_test(kill_while_opening),
    };
    const struct CMUnitTest faults[] = {
        cmocka_unit_test(disk_that_fills_up), cmocka_unit_test(full_database),
        cmocka_unit_test(writes_that_fail),   cmocka_unit_test(memory_of_ours),
        cmocka_unit_test(memory_of_sqlite),   cmocka_unit_test(reading_takes_no_more_memory),
    };
    if (torture_memory() != 0 || torture_writes() != 0) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(kills, scratch_open, scratch_close);
    return failed + cmocka_run_group_tests(faults, open_in_memory, scratch_close);
}
