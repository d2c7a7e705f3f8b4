/* SPDX-License-Identifier: MIT
 *
 * test_jobfile.c - jobs as files: manifests, what must not be opened, one process at work beside
 * readers, the shelf, and the document against the tables.
 */
#include "job_made.h"

/* ---- manifests ------------------------------------------------------------------------------ */

static void manifests(void **state)
{
    (void)state;
    static const struct {
        const char *given, *part; /* part NULL: the same */
    } cases[] = {
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"},\"e\":null,\"f\":true}", NULL},
        {" {\"f\":true, \"e\":null,\"b\":{\"d\":\"\\u0078\",\"c\":[1.0,2e0]},\"a\":1} ", NULL},
        {"{\"a\":2,\"b\":{\"c\":[1,2],\"d\":\"x\"},\"e\":null,\"f\":true}",
         "with a 1, now it is 2"},
        {"{\"a\":\"1\",\"b\":{\"c\":[1,2],\"d\":\"x\"},\"e\":null,\"f\":true}",
         "a 1, now it is \"1\""},
        {"{\"a\":1,\"b\":{\"c\":[1,3],\"d\":\"x\"},\"e\":null,\"f\":true}",
         "b.c[1] 2, now it is 3"},
        {"{\"a\":1,\"b\":{\"c\":[1],\"d\":\"x\"},\"e\":null,\"f\":true}",
         "b.c a list of 2, now it is a list of 1"},
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"y\"},\"e\":null,\"f\":true}",
         "b.d \"x\", now it is \"y\""},
        {"{\"a\":1,\"b\":{\"c\":[1,2]},\"e\":null,\"f\":true}", "b.d \"x\", now it is not set"},
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\",\"z\":{}},\"e\":null,\"f\":true}",
         "b.z not set, now it is 0 members"},
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"},\"f\":true}", "e null, now it is not set"},
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"},\"e\":null,\"f\":false}",
         "f true, now it is false"},
        {"{\"a\":1,\"b\":7,\"e\":null,\"f\":true}", "b 2 members, now it is 7"},
        {"{\"a\":\"0123456789012345678901234567890123456789012345678901\",\"b\":0}",
         "now it is \"0123456789012345678901234567890123456789...\""},
    };
    persona_err e = {0};
    job *j = NULL;
    const char *path = scratch_path("manifest.db");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const persona_code rc = job_open(path, cases[i].given, false, &j, &e);
        if (!cases[i].part) {
            ok(rc, &e);
        } else {
            expect(rc, PERSONA_E_USAGE, &e, cases[i].part);
        }
        if (cases[i].part) {
            assert_non_null(strstr(e.msg, "--fresh"));
        }
        job_close(j);
    }
    expect(job_open(path, "[1]", false, &j, &e), PERSONA_E_FORMAT, &e, "no JSON object");
    expect(job_open(path, "{", false, &j, &e), PERSONA_E_FORMAT, &e, "the manifest");
    assert_null(j);
}

static void fresh_starts_over(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t n = 1;
    job *j = open_job("fresh.db", false);
    put(j, "x", 1);
    job_close(j);
    ok(job_open(scratch_path("fresh.db"), "{\"other\":1}", true, &j, &e), &e);
    assert_string_equal(job_manifest(j), "{\"other\":1}");
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, 0);
    job_close(j);
    scratch_text("fresh2.db", "no database at all, but start over anyway");
    job_close(open_job("fresh2.db", true));
}

/* ---- files that are not what they should be -------------------------------------------------- */

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static void wrong_files(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *part;
    } cases[] = {
        {"CREATE TABLE t (x)",
         "of something else (application_id 0, expected 1349677898 for a job)"},
        {"CREATE TABLE t (x); PRAGMA application_id = 5", "application_id 5"},
        {"CREATE TABLE t (x); PRAGMA application_id = 0x5072734A; PRAGMA user_version = 9",
         "newer version (job schema 9, this program knows 1)"},
        {"CREATE TABLE t (x); PRAGMA application_id = 0x5072734A", "job schema 0 cannot be read"},
        {"CREATE TABLE t (x); PRAGMA application_id = 0x5072734A; PRAGMA user_version = 1",
         "no such table: job; it is damaged"},
        {"CREATE TABLE job (manifest); PRAGMA application_id = 0x5072734A; PRAGMA user_version = 1;"
         "INSERT INTO job VALUES ('nonsense')",
         "the manifest in it"},
    };
    persona_err e = {0};
    job *j = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = scratch_path("wrong.db");
        char before[65], after[65];
        unlink(path);
        run_sql(path, cases[i].sql);
        ok(sha256_file(&path, 1, NULL, before, &e), &e);
        expect(job_open(path, manifest, false, &j, &e), PERSONA_E_FORMAT, &e, cases[i].part);
        assert_null(j);
        ok(sha256_file(&path, 1, NULL, after, &e), &e);
        if (i < 4) { /* what is not ours stays as it is */
            assert_string_equal(before, after);
        }
        if (i < 5) {
            expect(job_read(path, &j, &e), PERSONA_E_FORMAT, &e, cases[i].part);
        }
        job_info info;
        expect(job_info_read(path, &info, &e), PERSONA_E_FORMAT, &e, "wrong.db");
        assert_string_equal(info.id, "wrong");
        assert_true(info.n_bytes > 0 && info.updated > 0);
        job_info_free(&info);
    }
    const char *text = scratch_text("text.db", "this is a text, and a long enough one for a header "
                                               "of a hundred bytes, which a database has to have");
    expect(job_open(text, manifest, false, &j, &e), PERSONA_E_FORMAT, &e, "file is not a database");
    expect(job_read(text, &j, &e), PERSONA_E_FORMAT, &e, "file is not a database");
    const char *empty = scratch_text("empty.db", "");
    expect(job_read(empty, &j, &e), PERSONA_E_FORMAT, &e, "is empty (expected a job)");
    ok(job_open(empty, manifest, false, &j, &e), &e); /* as a killed start leaves it */
    job_close(j);
    j = NULL;
    expect(job_read(scratch_path("none.db"), &j, &e), PERSONA_E_NOTFOUND, &e, "no such file");
    expect(job_open(scratch_folder, manifest, false, &j, &e), PERSONA_E_IO, &e, "unable to open");
    expect(job_open(scratch_path("text.db/x.db"), manifest, false, &j, &e), PERSONA_E_IO, &e,
           "Not a directory");
    assert_null(j);
}

/* A stranger's values in our tables. */
static void wrong_values(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *part;
    } cases[] = {
        {"UPDATE answer SET polarity = 2", "answer 1 of stage 'x' has an unusable 'polarity'"},
        {"UPDATE answer SET seed = -1", "unusable 'seed'"},
        {"UPDATE answer SET seed = 4294967296", "unusable 'seed'"},
        {"UPDATE answer SET n_tokens = 9223372036854775807", "unusable 'n_tokens'"},
        {"UPDATE answer SET answered = 2", "unusable 'answered'"},
        {"UPDATE answer SET finish = 'never'", "unusable 'finish'"},
        {"UPDATE answer SET mean = x'010203'", "unusable 'mean'"},
        {"UPDATE answer SET norms = x'0102030405'", "unusable 'norms'"},
    };
    persona_err e = {0};
    size_t n = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job *j = open_job("values2.db", true);
        put(j, "x", 1);
        job_close(j);
        run_sql(scratch_path("values2.db"), cases[i].sql);
        j = open_job("values2.db", false);
        expect(check_stage(j, "x", NULL, 0, &n, &e), PERSONA_E_FORMAT, &e, cases[i].part);
        job_close(j);
    }
}

/* Whatever is cut off or overwritten: an error of the right kind or the right answers, no crash. */
static void damaged_files(void **state)
{
    (void)state;
    char *whole = NULL;
    size_t len = 0, n_good = 0, n_bad = 0;
    persona_err e = {0};
    job *j = open_job("whole.db", false);
    for (int64_t i = 0; i < 30; i++) {
        put(j, "x", i);
    }
    job_close(j);
    ok(file_read(scratch_path("whole.db"), 1 << 26, &whole, &len, &e), &e);
    rng r;
    rng_seed(&r, 1, 1);
    for (int i = 0; i < 120; i++) {
        char *copy = mem_calloc(len, 1);
        memcpy(copy, whole, len);
        const size_t cut = i % 2 == 0 ? 1 + rng_below(&r, (uint32_t)len - 1) : len;
        for (int k = 0; i % 2 == 1 && k < 1 << (i % 8); k++) { /* headers of pages are worth most */
            copy[rng_below(&r, (uint32_t)(len / 65536)) * 65536 +
                 rng_below(&r, i < 60 ? 120 : 65536)] ^= (char)(1 + rng_below(&r, 255));
        }
        scratch_bytes("damaged.db", copy, cut);
        mem_free(copy);
        size_t n = 0;
        job_info info;
        persona_code rc = job_read(scratch_path("damaged.db"), &j, &e);
        if (rc == PERSONA_OK) {
            rc = check_stage(j, "x", NULL, 0, &n, &e);
        }
        job_close(j);
        n_good += rc == PERSONA_OK && n == 30;
        n_bad += rc != PERSONA_OK;
        if (rc != PERSONA_OK && rc != PERSONA_E_FORMAT && rc != PERSONA_E_SHAPE &&
            rc != PERSONA_E_NEGATIVE) { /* bits of content: nothing guards them */
            fail_msg("%s: %s", persona_code_name(rc), e.msg);
        }
        assert_true(cut == len || rc != PERSONA_OK);
        rc = job_info_read(scratch_path("damaged.db"), &info, &e);
        job_info_free(&info);
        rc = job_open(scratch_path("damaged.db"), manifest, false, &j, &e);
        job_close(j);
        j = NULL;
        rc = job_remove(scratch_path("damaged.db"), &e); /* whatever is no job may be anything */
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_FORMAT);
        remove(scratch_path("damaged.db"));
        remove(scratch_path("damaged.db-wal"));
        remove(scratch_path("damaged.db-shm"));
    }
    assert_true(n_good > 0 && n_bad > 60);
    mem_free(whole);
}

/* ---- one works, others read ------------------------------------------------------------------ */

static void second_process(void **state)
{
    (void)state;
    persona_err e = {0};
    int up[2], down[2], status = 0;
    char byte = 0, part[80];
    job *j = NULL;
    job_info info;
    size_t n = 0;
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("shared.db"));
    assert_true(pipe(up) == 0 && pipe(down) == 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        j = open_job("shared.db", false);
        for (int64_t i = 0; i < 5; i++) {
            put(j, "x", i);
        }
        if (write(up[1], "1", 1) != 1 || read(down[0], &byte, 1) != 1) {
            _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(read(up[0], &byte, 1), 1);
    snprintf(part, sizeof part, "is being worked on by process %d", (int)child);
    expect(job_open(path, manifest, false, &j, &e), PERSONA_E_UNAVAILABLE, &e, part);
    expect(job_open(path, manifest, true, &j, &e), PERSONA_E_UNAVAILABLE, &e, part);
    expect(job_remove(path, &e), PERSONA_E_UNAVAILABLE, &e, part);
    ok(job_info_read(path, &info, &e), &e);
    assert_true(info.running && info.pid == child && info.n_answers == 5 && !info.done);
    job_info_free(&info);
    ok(job_read(path, &j, &e), &e); /* reading is allowed, writing is not */
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, 5);
    expect(job_put_value(j, "a", "b", &e), PERSONA_E_IO, &e, "readonly");
    job_close(j);
    assert_int_equal(write(down[1], "1", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(file_exists(scratch_path("shared.db.lock"))); /* left, and worth nothing */
    ok(job_info_read(path, &info, &e), &e);
    assert_true(!info.running && info.pid == 0 && info.n_answers == 5);
    job_info_free(&info);
    j = open_job("shared.db", false);
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, 5);
    ok(job_info_read(path, &info, &e), &e); /* the same process: still locked afterwards */
    assert_true(info.running && info.pid == getpid());
    job_info_free(&info);
    job *other = NULL;
    expect(job_open(path, manifest, false, &other, &e), PERSONA_E_UNAVAILABLE, &e, "process");
    job_close(j);
    for (int i = 0; i < 2; i++) {
        close(up[i]), close(down[i]);
    }
}

static void folders_that_cannot_be_written(void **state)
{
    (void)state;
    persona_err opening = {0}, reading = {0}, removing = {0};
    char path[512], folder[512];
    size_t n = 0;
    snprintf(path, sizeof path, "%s", scratch_path("closed #1?%/x.db"));
    snprintf(folder, sizeof folder, "%s", scratch_path("closed #1?%"));
    job *j = open_job("closed #1?%/x.db", false);
    for (int64_t i = 0; i < 5; i++) {
        put(j, "x", i);
    }
    job_close(j);
    assert_int_equal(chmod(scratch_folder, 0755), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    const bool super = geteuid() == 0; /* modes do not bind root: be nobody for a moment */
    if (super && seteuid(65534) != 0) {
        skip();
    }
    const persona_code opened = job_open(path, manifest, false, &j, &opening);
    persona_code read = job_read(path, &j, &reading);
    if (read == PERSONA_OK) {
        read = check_stage(j, "x", NULL, 0, &n, &reading);
    }
    job_close(j);
    const persona_code removed = job_remove(path, &removing);
    if (super) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(folder, 0755), 0);
    expect(opened, PERSONA_E_IO, &opening, "x.db.lock: cannot lock: Permission denied");
    expect(removed, PERSONA_E_IO, &removing, "Permission denied");
    ok(read, &reading);
    assert_int_equal(n, 5);
}

/* ---- the shelf ------------------------------------------------------------------------------- */

static void shelf(void **state)
{
    (void)state;
    persona_err e = {0};
    char **paths = NULL, *place = NULL, hex[65];
    size_t n = 9;
    job_info info;
    setenv("XDG_DATA_HOME", scratch_folder, 1);
    ok(job_list(scratch_path("persona/jobs"), &paths, &n, &e), &e);
    assert_true(n == 0 && !paths);
    ok(job_place(manifest, &place, &e), &e);
    sha256_hex(manifest, strlen(manifest), hex);
    char wanted[512];
    snprintf(wanted, sizeof wanted, "%s/persona/jobs/%.16s.db", scratch_folder, hex);
    assert_string_equal(place, wanted);
    /* a date finds the same job, which says what differs */
    char *dated[2] = {NULL, NULL};
    ok(job_place("{\"model\":{\"template\":\"x\",\"source_date_epoch\":1764374400},\"n\":1}",
                 &dated[0], &e),
       &e);
    ok(job_place("{\"model\":{\"template\":\"x\"},\"n\":1}", &dated[1], &e), &e);
    assert_string_equal(dated[0], dated[1]);
    mem_free(dated[0]);
    mem_free(dated[1]);
    job *j = NULL;
    ok(job_open(place, manifest, false, &j, &e), &e);
    put(j, "b", 0);
    put(j, "a", 0);
    put(j, "a", 1);
    const job_score s = {1, 1, 1, 1};
    ok(job_put_scores(j, "a", "gpt", &s, 1, &e), &e);
    ok(job_put_value(j, JOB_STATE, JOB_DONE, &e), &e);
    job_close(j);
    scratch_text("persona/jobs/note.txt", "");
    scratch_text("persona/jobs/.hidden.db", "");
    scratch_text("persona/jobs/aaa.db", "");
    ok(job_list(scratch_path("persona/jobs"), &paths, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_string_equal(path_base(paths[1]),
                        path_base(place)[0] < 'a' ? "aaa.db" : path_base(place));
    persona_names_free(paths, n);
    ok(job_info_read(place, &info, &e), &e);
    assert_string_equal(info.trait, "silly");
    assert_string_equal(info.model, "pair");
    assert_string_equal(info.command, "extract");
    assert_true(info.done && !info.running && info.n_answers == 3 && info.n_counts == 3);
    assert_true(info.created > 1700000000 && info.updated >= info.created && info.n_bytes > 65536);
    static const struct {
        const char *stage, *judge;
        size_t n;
    } counts[] = {{"a", NULL, 2}, {"a", "gpt", 1}, {"b", NULL, 1}};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(info.counts[i].stage, counts[i].stage);
        assert_true(same_text(info.counts[i].judge, counts[i].judge));
        assert_int_equal(info.counts[i].n, counts[i].n);
    }
    job_info_free(&info);
    ok(job_remove(place, &e), &e);
    assert_false(file_exists(place));
    expect(job_remove(place, &e), PERSONA_E_NOTFOUND, &e, "no such job");
    expect(job_info_read(place, &info, &e), PERSONA_E_NOTFOUND, &e, "no such file");
    job_info_free(&info);
    expect(job_list(scratch_path("persona/jobs/aaa.db"), &paths, &n, &e), PERSONA_E_IO, &e,
           "cannot read the folder");
    mem_free(place);
}

/* ---- the document --------------------------------------------------------------------------- */

static int keep_sql(void *ud, int n, char **values, char **names)
{
    (void)n;
    (void)names;
    char *out = ud;
    size_t at = strlen(out);
    for (const char *s = values[0]; *s && at < 8000; s++) {
        if (*s != ' ' && *s != '\n') {
            out[at++] = *s;
        }
    }
    return 0;
}

/* The tables without white space, in the order of their names. */
static void tables_of(sqlite3 *db, char out[8192])
{
    out[0] = '\0';
    memset(out, 0, 8192);
    assert_int_equal(sqlite3_exec(db,
                                  "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
                                  " ORDER BY name",
                                  keep_sql, out, NULL),
                     SQLITE_OK);
}

static void document_has_the_tables(void **state)
{
    (void)state;
    persona_err e = {0};
    char *doc = NULL;
    size_t len = 0;
    static char ours[8192], theirs[8192];
    sqlite3 *db = NULL;
    job_close(open_job("doc.db", false));
    assert_int_equal(sqlite3_open(scratch_path("doc.db"), &db), SQLITE_OK);
    tables_of(db, ours);
    sqlite3_close(db);
    ok(file_read(PERSONA_SOURCE_DIR "/docs/FORMATS.md", 1 << 20, &doc, &len, &e), &e);
    char *sql = strstr(doc, "```sql\n");
    assert_non_null(sql);
    char *end = strstr(sql += 7, "```");
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    tables_of(db, theirs);
    sqlite3_close(db);
    assert_true(strlen(ours) > 500);
    assert_string_equal(ours, theirs);
    mem_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests),
        cmocka_unit_test(fresh_starts_over),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(second_process),
        cmocka_unit_test(folders_that_cannot_be_written),
        cmocka_unit_test(shelf),
        cmocka_unit_test(document_has_the_tables),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
