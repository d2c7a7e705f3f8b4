/* SPDX-License-Identifier: MIT
 *
 * test_job.c - jobs: what goes in comes out; what must not be opened is not. test_job_kill.c has the
 * faults: full disks, no memory, kill -9.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "job_torture.h"
#include "persona/trait.h"
#include "scratch.h"

static const char manifest[] =
    "{\"command\":\"extract\",\"trait\":\"silly\",\"model\":{\"name\":\"pair\",\"sha256\":\"ab\"},"
    "\"seed\":0,\"sampling\":{\"temperature\":0.8,\"max_tokens\":128},\"questions\":[\"a\",\"b\"]}";

static void ok(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK)
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
}

static void expect(persona_code rc, persona_code wanted, const persona_err *e, const char *part)
{
    if (rc != wanted || !strstr(e->msg, part))
        fail_msg("%s instead of %s, or no '%s' in: %s", persona_code_name(rc),
                 persona_code_name(wanted), part, e->msg);
}

static job *open_job(const char *name, bool fresh)
{
    job *j = NULL;
    persona_err e = {0};
    ok(job_open(scratch_path(name), manifest, fresh, &j, &e), &e);
    return j;
}

static void put(job *j, const char *stage, int64_t id)
{
    static made m;
    persona_err e = {0};
    make_answer(&m, stage, id);
    ok(job_put_answers(j, &m.a, 1, &e), &e);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void answers_come_back(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t n = 0;
    bool has = false, done[40];
    job *j = open_job("round.db", false);
    for (int64_t i = 0; i < 40; i++)
        put(j, "extract", i * 27 % 40); /* in no order */
    put(j, "evaluate", 3);
    for (int again = 0; again < 2; again++) {
        ok(check_stage(j, "extract", NULL, 0, &n, &e), &e);
        assert_int_equal(n, 40);
        ok(check_stage(j, "evaluate", NULL, 0, &n, &e), &e);
        assert_int_equal(n, 1);
        ok(check_stage(j, "none", NULL, 0, &n, &e), &e);
        assert_int_equal(n, 0);
        ok(job_has(j, "extract", 39, &has, &e), &e);
        assert_true(has);
        ok(job_has(j, "evaluate", 39, &has, &e), &e);
        assert_false(has);
        ok(job_done(j, "evaluate", done, 5, &n, &e), &e);
        assert_true(n == 1 && done[3] && !done[0] && !done[4]);
        expect(job_done(j, "evaluate", done, 3, &n, &e), PERSONA_E_FORMAT, &e,
               "stage 'evaluate' holds answer 3, but has only 3");
        job_close(j);
        j = open_job("round.db", false);
    }
    job_close(j);
    struct stat st;
    assert_int_equal(stat(scratch_path("round.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(file_exists(scratch_path("round.db-wal")));
    assert_false(file_exists(scratch_path("round.db.lock")));
}

static persona_code take_one(void *ud, const job_answer *a, persona_err *e)
{
    (void)e;
    *(job_answer *)ud = *a;
    return PERSONA_OK;
}

static persona_code refuse(void *ud, const job_answer *a, persona_err *e)
{
    ++*(int *)ud;
    return a->id == 4 ? persona_err_set(e, PERSONA_E_CANCELED, "enough") : PERSONA_OK;
}

/* Without a path: nothing on disk under any name, and every call begins anew. */
static void private_jobs(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t n = 0;
    for (int again = 0; again < 2; again++) {
        job *j = NULL;
        ok(job_open(NULL, manifest, false, &j, &e), &e);
        ok(check_stage(j, "extract", NULL, 0, &n, &e), &e);
        assert_int_equal(n, 0);
        put(j, "extract", 0);
        ok(check_stage(j, "extract", NULL, 0, &n, &e), &e);
        assert_int_equal(n, 1);
        job_close(j);
    }
}

static void rooms(void **state)
{
    (void)state;
    persona_err e = {0};
    static float mean[MADE_MEAN], norms[MADE_NORMS];
    static made m;
    job_answer a;
    job *j = open_job("rooms.db", false);
    put(j, "x", 4);
    make_answer(&m, "x", 4);
    ok(job_each_answer(j, "x", JOB_BY_ID, NULL, take_one, &a, &e), &e);
    assert_true(!a.mean && !a.norms && a.n_mean == MADE_MEAN && a.n_norms == m.a.n_norms);
    job_room room = {.norms = norms, .n_norms = m.a.n_norms};
    ok(job_each_answer(j, "x", JOB_BY_ID, &room, take_one, &a, &e), &e);
    assert_true(!a.mean && a.norms == norms && a.n_mean == MADE_MEAN);
    assert_memory_equal(norms, m.norms, m.a.n_norms * sizeof *norms);
    room.n_norms--;
    expect(job_each_answer(j, "x", JOB_BY_ID, &room, take_one, &a, &e), PERSONA_E_SHAPE, &e,
           "answer 4 has 120 numbers of norms (room for 119)");
    room = (job_room){.mean = mean, .n_mean = MADE_MEAN - 1};
    expect(job_each_answer(j, "x", JOB_BY_ID, &room, take_one, &a, &e), PERSONA_E_SHAPE, &e,
           "answer 4 has 3000 numbers of mean (room for 2999)");
    int calls = 0;
    put(j, "x", 3);
    put(j, "x", 5);
    expect(job_each_answer(j, "x", JOB_BY_ID, NULL, refuse, &calls, &e), PERSONA_E_CANCELED, &e,
           "enough");
    assert_int_equal(calls, 2);
    job_close(j);
}

static void pieces_of_a_mean(void **state)
{
    (void)state;
    persona_err e = {0};
    static made m;
    static float got[MADE_MEAN];
    job *j = open_job("pieces.db", false);
    for (int64_t i = 0; i < 12; i++)
        put(j, "x", i);
    make_answer(&m, "x", 7);
    static const size_t cuts[][2] = {{0, MADE_MEAN}, {0, 1}, {2999, 1}, {1000, 500}, {3000, 0}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        ok(job_read_mean(j, "x", 7, cuts[i][0], cuts[i][1], got, &e), &e);
        assert_memory_equal(got, m.mean + cuts[i][0], cuts[i][1] * sizeof *got);
    }
    const char *past = "answer 7 of stage 'x' has a mean of 3000 numbers";
    expect(job_read_mean(j, "x", 7, 2999, 2, got, &e), PERSONA_E_SHAPE, &e, past);
    expect(job_read_mean(j, "x", 7, 3001, 0, got, &e), PERSONA_E_SHAPE, &e, past);
    expect(job_read_mean(j, "x", 7, SIZE_MAX / 2, 1, got, &e), PERSONA_E_SHAPE, &e, "were wanted");
    expect(job_read_mean(j, "x", 9, 0, 1, got, &e), PERSONA_E_NOTFOUND, &e, "has no mean");
    expect(job_read_mean(j, "x", 99, 0, 1, got, &e), PERSONA_E_NOTFOUND, &e, "does not exist");
    job_close(j);
}

static persona_code in_question_order(void *ud, const job_answer *a, persona_err *e)
{
    int64_t *last = ud;
    const int64_t now =
        (a->question_index * 1000 + a->pair + 1) * 1000 + a->rollout * 10 - a->polarity;
    if (now < *last)
        return persona_err_set(e, PERSONA_E_NEGATIVE, "answer %lld", (long long)a->id);
    *last = now;
    return PERSONA_OK;
}

static void published_order(void **state)
{
    (void)state;
    persona_err e = {0};
    int64_t last = -1;
    job *j = open_job("order.db", false);
    for (int64_t i = 0; i < 200; i++)
        put(j, "x", i);
    ok(job_each_answer(j, "x", JOB_BY_QUESTION, NULL, in_question_order, &last, &e), &e);
    assert_true(last > 19000000);
    job_close(j);
}

static void all_or_none(void **state)
{
    (void)state;
    persona_err e = {0};
    static made m[3];
    bool has = true;
    job *j = open_job("batch.db", false);
    put(j, "x", 2);
    for (int i = 0; i < 3; i++)
        make_answer(&m[i], "x", i);
    const job_answer batch[] = {m[0].a, m[1].a, m[2].a};
    expect(job_put_answers(j, batch, 3, &e), PERSONA_E_INTERNAL, &e,
           "answer 2 of stage 'x' is stored already");
    ok(job_has(j, "x", 0, &has, &e), &e);
    assert_false(has);
    ok(job_put_answers(j, batch, 2, &e), &e);
    ok(job_put_answers(j, batch, 0, &e), &e);
    job_answer negative = m[0].a;
    negative.id = -1;
    expect(job_put_answers(j, &negative, 1, &e), PERSONA_E_INTERNAL, &e, "CHECK constraint");
    job_close(j);
}

/* ---- scores and values ---------------------------------------------------------------------- */

typedef struct score_list {
    job_score s[8];
    size_t n;
} score_list;

static persona_code keep_score(void *ud, const job_score *s, persona_err *e)
{
    (void)e;
    score_list *l = ud;
    l->s[l->n++] = *s;
    return PERSONA_OK;
}

static void judges_beside_each_other(void **state)
{
    (void)state;
    persona_err e = {0};
    score_list l = {.n = 0};
    job_score one;
    bool has = false;
    job *j = open_job("scores.db", false);
    for (int64_t i = 0; i < 3; i++)
        put(j, "x", i);
    const job_score a[] = {{2, 80, 90.5, NAN}, {0, NAN, 0, 1}};
    const job_score b[] = {{2, 10, 20, 0.25}};
    ok(job_put_scores(j, "x", "classifier", a, 2, &e), &e);
    ok(job_put_scores(j, "x", "gpt", b, 1, &e), &e);
    ok(job_each_score(j, "x", "classifier", keep_score, &l, &e), &e);
    assert_int_equal(l.n, 2);
    assert_true(l.s[0].id == 0 && isnan(l.s[0].trait) && l.s[0].coherence == 0 && l.s[0].mass == 1);
    assert_true(l.s[1].id == 2 && l.s[1].trait == 80 && isnan(l.s[1].mass));
    const job_score better = {2, 81, NAN, 0.5};
    ok(job_put_scores(j, "x", "classifier", &better, 1, &e), &e);
    ok(job_get_score(j, "x", "classifier", 2, &one, &has, &e), &e);
    assert_true(has && one.id == 2 && one.trait == 81 && isnan(one.coherence) && one.mass == 0.5);
    ok(job_get_score(j, "x", "gpt", 2, &one, &has, &e), &e);
    assert_true(has && one.trait == 10 && one.mass == 0.25);
    ok(job_get_score(j, "x", "gpt", 1, &one, &has, &e), &e);
    assert_true(!has && isnan(one.trait));
    const job_score missing[] = {{1, 50, 50, 1}, {7, 50, 50, 1}};
    expect(job_put_scores(j, "x", "gpt", missing, 2, &e), PERSONA_E_NOTFOUND, &e,
           "there is no answer 7 in stage 'x'");
    ok(job_get_score(j, "x", "gpt", 1, &one, &has, &e), &e);
    assert_false(has); /* all or none */
    job_close(j);
}

static persona_code judge_while_reading(void *ud, const job_answer *a, persona_err *e)
{
    const job_score s = {a->id, (double)a->id, 50, NAN};
    return job_put_scores(ud, a->stage, "inner", &s, 1, e);
}

static void scores_while_iterating(void **state)
{
    (void)state;
    persona_err e = {0};
    score_list l = {.n = 0};
    job *j = open_job("inner.db", false);
    for (int64_t i = 0; i < 8; i++)
        put(j, "x", i);
    ok(job_each_answer(j, "x", JOB_BY_ID, NULL, judge_while_reading, j, &e), &e);
    ok(job_each_score(j, "x", "inner", keep_score, &l, &e), &e);
    assert_true(l.n == 8 && l.s[7].trait == 7);
    job_close(j);
}

static void values(void **state)
{
    (void)state;
    persona_err e = {0};
    char *text = NULL;
    job *j = open_job("values.db", false);
    ok(job_get_value(j, JOB_STATE, &text, &e), &e);
    assert_string_equal(text, JOB_RUNNING);
    mem_free(text);
    ok(job_get_value(j, "nothing", &text, &e), &e);
    assert_null(text);
    ok(job_put_value(j, "kl 0.5", "{\"nats\": 1}", &e), &e);
    ok(job_put_value(j, "kl 0.5", "{\"nats\": 2}", &e), &e);
    ok(job_put_value(j, "", "", &e), &e);
    job_close(j);
    j = open_job("values.db", false);
    ok(job_get_value(j, "kl 0.5", &text, &e), &e);
    assert_string_equal(text, "{\"nats\": 2}");
    mem_free(text);
    ok(job_get_value(j, "", &text, &e), &e);
    assert_string_equal(text, "");
    mem_free(text);
    job_close(j);
}

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
        if (!cases[i].part)
            ok(rc, &e);
        else
            expect(rc, PERSONA_E_USAGE, &e, cases[i].part);
        if (cases[i].part)
            assert_non_null(strstr(e.msg, "--fresh"));
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
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
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
        ok(sha256_file(&path, 1, before, &e), &e);
        expect(job_open(path, manifest, false, &j, &e), PERSONA_E_FORMAT, &e, cases[i].part);
        assert_null(j);
        ok(sha256_file(&path, 1, after, &e), &e);
        if (i < 4) /* what is not ours stays as it is */
            assert_string_equal(before, after);
        if (i < 5)
            expect(job_read(path, &j, &e), PERSONA_E_FORMAT, &e, cases[i].part);
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
    for (int64_t i = 0; i < 30; i++)
        put(j, "x", i);
    job_close(j);
    ok(file_read(scratch_path("whole.db"), 1 << 26, &whole, &len, &e), &e);
    rng r;
    rng_seed(&r, 1, 1);
    for (int i = 0; i < 120; i++) {
        char *copy = mem_calloc(len, 1);
        memcpy(copy, whole, len);
        const size_t cut = i % 2 == 0 ? 1 + rng_below(&r, (uint32_t)len - 1) : len;
        for (int k = 0; i % 2 == 1 && k < 1 << (i % 8); k++) /* headers of pages are worth most */
            copy[rng_below(&r, (uint32_t)(len / 65536)) * 65536 +
                 rng_below(&r, i < 60 ? 120 : 65536)] ^= (char)(1 + rng_below(&r, 255));
        scratch_bytes("damaged.db", copy, cut);
        mem_free(copy);
        size_t n = 0;
        job_info info;
        persona_code rc = job_read(scratch_path("damaged.db"), &j, &e);
        if (rc == PERSONA_OK)
            rc = check_stage(j, "x", NULL, 0, &n, &e);
        job_close(j);
        n_good += rc == PERSONA_OK && n == 30;
        n_bad += rc != PERSONA_OK;
        if (rc != PERSONA_OK && rc != PERSONA_E_FORMAT && rc != PERSONA_E_SHAPE &&
            rc != PERSONA_E_NEGATIVE) /* bits of content: nothing guards them */
            fail_msg("%s: %s", persona_code_name(rc), e.msg);
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
        for (int64_t i = 0; i < 5; i++)
            put(j, "x", i);
        if (write(up[1], "1", 1) != 1 || read(down[0], &byte, 1) != 1)
            _exit(1);
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
    for (int i = 0; i < 2; i++)
        close(up[i]), close(down[i]);
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
    for (int64_t i = 0; i < 5; i++)
        put(j, "x", i);
    job_close(j);
    assert_int_equal(chmod(scratch_folder, 0755), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    const bool super = geteuid() == 0; /* modes do not bind root: be nobody for a moment */
    if (super && seteuid(65534) != 0)
        skip();
    const persona_code opened = job_open(path, manifest, false, &j, &opening);
    persona_code read = job_read(path, &j, &reading);
    if (read == PERSONA_OK)
        read = check_stage(j, "x", NULL, 0, &n, &reading);
    job_close(j);
    const persona_code removed = job_remove(path, &removing);
    if (super)
        assert_int_equal(seteuid(0), 0);
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
    for (const char *s = values[0]; *s && at < 8000; s++)
        if (*s != ' ' && *s != '\n')
            out[at++] = *s;
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
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    tables_of(db, theirs);
    sqlite3_close(db);
    assert_true(strlen(ours) > 500);
    assert_string_equal(ours, theirs);
    mem_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(private_jobs),
        cmocka_unit_test(rooms),
        cmocka_unit_test(pieces_of_a_mean),
        cmocka_unit_test(published_order),
        cmocka_unit_test(all_or_none),
        cmocka_unit_test(judges_beside_each_other),
        cmocka_unit_test(scores_while_iterating),
        cmocka_unit_test(values),
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
