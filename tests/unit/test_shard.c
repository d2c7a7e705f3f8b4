/* SPDX-License-Identifier: MIT
 *
 * test_shard.c - parts of tasks: how they are named, where the environment says so, which answers
 * they have, and what merging does to answers and scores. tests/cli/shard.sh has the refusals.
 */
#include <sqlite3.h>
#include <stdlib.h>

#include "job_made.h"
#include "pipeline/share.h"
#include "workbench/shard_spec.h"

/* ---- what is said ---------------------------------------------------------------------------- */

static const char *const variables[] = {"SLURM_ARRAY_TASK_ID",  "SLURM_ARRAY_TASK_MIN",
                                        "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT",
                                        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                                        "JOB_COMPLETION_INDEX"};
enum { N_VARIABLES = 7 };

/* values: one for each variable, NULL: unset. */
static void environment(const char *const *values)
{
    for (size_t i = 0; i < N_VARIABLES; i++) {
        if (values && values[i]) {
            assert_int_equal(setenv(variables[i], values[i], 1), 0);
        } else {
            assert_int_equal(unsetenv(variables[i]), 0);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int index, count;
    } good[] = {{"0/1", 0, 1}, {"6/7", 6, 7}, {"00/2", 0, 2}, {"65535/65536", 65535, 65536}};
    static const char *const bad[] = {
        "",      "1",     "/",      "1/",   "/2",     "-1/2",    "+1/2",
        "1/2/3", "1/2 ",  " 1/2",   "a/2",  "1/b",    "2/2",     "0/0",
        "7/3",   "auto/", "auto/0", "Auto", "auto/x", "0/65537", "0/99999999999999999999"};
    static const char *const slurm[N_VARIABLES] = {"1", "0", "1", "2"};
    persona_err e = {0};
    persona_shard s;
    environment(slurm); /* nobody asked */
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(shard_spec_parse(good[i].text, &s, &e), &e);
        assert_true(s.index == good[i].index && s.count == good[i].count);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        expect(shard_spec_parse(bad[i], &s, &e), PERSONA_E_USAGE, &e, "--shard");
        assert_true(s.count == 0);
    }
}

static void of_the_environment(void **state)
{
    (void)state;
    static const struct {
        const char *text, *values[N_VARIABLES];
        int index, count;
        const char *part; /* of the message */
    } cases[] = {
        {"auto", {"0", "0", "6", "7"}, 0, 7, NULL},
        {"auto", {"13", "10", NULL, "4"}, 3, 4, NULL},
        {"auto/4", {"13", "10", "13", "4"}, 3, 4, NULL},
        {"auto", {NULL, NULL, NULL, NULL, "2", "3"}, 2, 3, NULL},
        {"auto/5", {NULL, NULL, NULL, NULL, NULL, NULL, "4"}, 4, 5, NULL},
        {"auto", {"1", "0", "1", "2", "1", "2"}, 1, 2, NULL},
        {"auto", {NULL}, 0, 0, "neither SLURM_ARRAY_TASK_ID nor OMPI_COMM_WORLD_RANK nor"},
        {"auto/2", {NULL}, 0, 0, "neither"},
        {"auto", {""}, 0, 0, "neither"},
        {"auto", {"1", NULL, "1", "2"}, 0, 0, "SLURM_ARRAY_TASK_MIN is not set"},
        {"auto", {"1", "0"}, 0, 0, "SLURM_ARRAY_TASK_COUNT is not set"},
        {"auto", {NULL, NULL, NULL, NULL, "1"}, 0, 0, "OMPI_COMM_WORLD_SIZE is not set"},
        {"auto", {NULL, NULL, NULL, NULL, NULL, NULL, "4"}, 0, 0, "say --shard auto/N"},
        {"auto/4", {NULL, NULL, NULL, NULL, NULL, NULL, "4"}, 0, 0, "says 4/4"},
        {"auto", {"x", "0", "1", "2"}, 0, 0, "SLURM_ARRAY_TASK_ID is 'x', not a number"},
        {"auto", {"-1", "0", "1", "2"}, 0, 0, "is '-1'"},
        {"auto", {"0", "1", "2", "2"}, 0, 0, "says -1/2"},
        {"auto", {"2", "0", "10", "6"}, 0, 0, "gaps (SLURM_ARRAY_TASK_MIN 0,"},
        {"auto/3", {"0", "0", "1", "2"}, 0, 0, "--shard auto/3: SLURM_ARRAY_TASK_COUNT says 2"},
        {"auto",
         {"1", "0", "1", "2", "0", "2"},
         0,
         0,
         "this is shard 1/2, by OMPI_COMM_WORLD_RANK "
         "0/2: unset one"},
        {"auto/2", {"1", "0", "1", "2", NULL, NULL, "0"}, 0, 0, "by JOB_COMPLETION_INDEX 0/2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        persona_err e = {0};
        persona_shard s;
        environment(cases[i].values);
        if (cases[i].part) {
            expect(shard_spec_parse(cases[i].text, &s, &e), PERSONA_E_USAGE, &e, cases[i].part);
        } else {
            ok(shard_spec_parse(cases[i].text, &s, &e), &e);
            assert_int_equal(s.index, cases[i].index);
            assert_int_equal(s.count, cases[i].count);
        }
    }
    environment(NULL);
}

static void file_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a.db", "a.db"},
                                           {"p%i.db", "p12.db"},
                                           {"%i/%i", "12/12"},
                                           {"100%", "100%"},
                                           {"%d%s%", "%d%s%"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = shard_spec_file(cases[i][0], (persona_shard){12, 20});
        assert_string_equal(name, cases[i][1]);
        mem_free(name);
    }
}

/* ---- which answers --------------------------------------------------------------------------- */

static void every_answer_once(void **state)
{
    (void)state;
    enum { MOST = 40 };
    for (int count = 1; count <= 9; count++) {
        for (size_t n = 0; n <= MOST; n++) {
            int times[MOST] = {0};
            for (int i = 0; i < count; i++) {
                bool skip[MOST + 1] = {false};
                persona_shard_report r = {0};
                const size_t others = shard_skip((persona_shard){i, count}, skip, n, &r);
                size_t mine = 0;
                for (size_t k = 0; k < n; k++) {
                    times[k] += !skip[k];
                    mine += !skip[k];
                }
                assert_true(mine == r.n_mine && others == n - mine && r.n_all == n);
                assert_true(mine == n / (size_t)count || mine == n / (size_t)count + 1);
            }
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(times[k], 1);
            }
        }
    }
    bool skip[4] = {true, false, true, false};
    persona_shard_report r = {0};
    assert_int_equal(shard_skip((persona_shard){0, 0}, skip, 4, &r), 0);
    assert_true(r.n_all == 0 && !skip[1] && !skip[3]);
    assert_int_equal(shard_skip((persona_shard){1, 2}, skip, 4, &r), 2);
    assert_true(skip[0] && skip[1] && skip[2] && !skip[3]);
    assert_true(r.n_mine == 2 && r.n_all == 4 && r.n_resumed == 1);
}

/* ---- merging --------------------------------------------------------------------------------- */

static void open_part(const char *name, int index, int count, job **j)
{
    persona_err e = {0};
    ok(job_open_shard(scratch_path(name), manifest, (persona_shard){index, count}, true, j, &e),
       &e);
}

/* Answers first .. end-1 of a stage, each with a score, and one that all parts have. */
static void make_part(const char *name, int index, int count, int first, int end)
{
    persona_err e = {0};
    job *j = NULL;
    open_part(name, index, count, &j);
    put(j, "common", 1);
    for (int64_t i = first; i < end; i++) {
        put(j, "x", i);
        const job_score s = {.id = i, .trait = (double)i, .coherence = NAN, .mass = 0.5};
        ok(job_put_scores(j, "x", "labels", &s, 1, &e), &e);
    }
    ok(job_put_value(j, "kl/1", "0.25", &e), &e);
    ok(shard_note((persona_shard){index, count}, j, "x", 100, &e), &e);
    ok(job_put_value(j, JOB_STATE, JOB_DONE, &e), &e);
    job_close(j);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static persona_code merge(const char *const *names, size_t n, job_merged *r, persona_err *e)
{
    char *paths[4] = {NULL};
    for (size_t i = 0; i < n; i++) {
        paths[i] = mem_strdup(scratch_path(names[i]));
    }
    char *out = mem_strdup(scratch_path("sub/out.db"));
    const persona_code rc = job_merge(out, (const char *const *)paths, n, r, e);
    mem_free(out);
    for (size_t i = 0; i < n; i++) {
        mem_free(paths[i]);
    }
    return rc;
}

static void parts_become_one(void **state)
{
    (void)state;
    static const char *const names[] = {"p2.db", "p0.db", "p1.db"}; /* in no order */
    persona_err e = {0};
    job_merged r;
    size_t n = 0;
    make_part("p0.db", 0, 3, 0, 30);
    make_part("p1.db", 1, 3, 30, 30);
    make_part("p2.db", 2, 3, 30, 100);
    ok(merge(names, 3, &r, &e), &e);
    assert_true(r.n_parts == 3 && r.n_answers == 101 && r.n_scores == 100 && !r.was_there);
    assert_false(file_exists(scratch_path("sub/out.db.merging")));
    assert_false(file_exists(scratch_path("sub/out.db-wal")));
    job *j = open_job("sub/out.db", false); /* with the manifest of the whole */
    ok(check_stage(j, "x", NULL, 0, &n, &e), &e);
    assert_int_equal(n, 100);
    job_score s;
    bool has = false;
    ok(job_get_score(j, "x", "labels", 77, &s, &has, &e), &e);
    assert_true(has && s.trait == 77 && isnan(s.coherence) && s.mass == 0.5);
    char *text = NULL;
    ok(job_get_value(j, "kl/1", &text, &e), &e);
    assert_string_equal(text, "0.25");
    mem_free(text);
    ok(job_get_value(j, JOB_STATE, &text, &e), &e);
    assert_string_equal(text, JOB_RUNNING);
    mem_free(text);
    ok(job_get_value(j, JOB_SHARD "x", &text, &e), &e);
    assert_null(text);
    put(j, "x", 100); /* it may have gone on since */
    job_close(j);
    ok(merge(names, 3, &r, &e), &e);
    assert_true(r.was_there);
    run_sql(scratch_path("sub/out.db"), "DELETE FROM score; DELETE FROM answer WHERE id = 50");
    expect(merge(names, 3, &r, &e), PERSONA_E_USAGE, &e, "out.db exists and is not the job");
    scratch_text("sub/out.db", "somebody's text");
    expect(merge(names, 3, &r, &e), PERSONA_E_USAGE, &e, "out.db exists and is not the job");
    unlink(scratch_path("sub/out.db"));
}

static void other_machines(void **state)
{
    (void)state;
    static const char *const names[] = {"q0.db", "q1.db"};
    static const char *const changes[] = {
        "UPDATE answer SET mean = x'00000000' WHERE id = 1", "UPDATE answer SET text = 'other'",
        "UPDATE answer SET n_tokens = n_tokens + 1", "UPDATE answer SET finish = 'sink'",
        "UPDATE answer SET system = NULL, norms = NULL"};
    persona_err e = {0};
    job_merged r;
    make_part("q0.db", 0, 2, 0, 2);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        make_part("q1.db", 1, 2, 2, 4);
        run_sql(scratch_path("q1.db"), changes[i]);
        expect(merge(names, 2, &r, &e), PERSONA_E_USAGE, &e,
               "q1.db: answer 1 of stage 'common' is not the one that an earlier shard has");
        assert_false(file_exists(scratch_path("sub/out.db")));
        assert_false(file_exists(scratch_path("sub/out.db.merging")));
    }
    make_part("q1.db", 1, 2, 2, 4);
    run_sql(scratch_path("q1.db"), "UPDATE value SET key = 'shard/y' WHERE key = 'shard/x'");
    expect(merge(names, 2, &r, &e), PERSONA_E_USAGE, &e, "q1.db of y of 100: the shards were made");
    make_part("q1.db", 1, 2, 2, 4);
    job *j = NULL;
    ok(job_open_shard(scratch_path("q1.db"), manifest, (persona_shard){1, 2}, false, &j, &e), &e);
    expect(merge(names, 2, &r, &e), PERSONA_E_UNAVAILABLE, &e, "shard 1/2 is being worked on");
    job_close(j);
    ok(merge(names, 2, &r, &e), &e);
}

static void parts_of_jobs(void **state)
{
    (void)state;
    persona_err e = {0};
    job *j = NULL;
    expect(job_open_shard(NULL, manifest, (persona_shard){0, 2}, false, &j, &e), PERSONA_E_USAGE,
           &e, "wants a job file");
    expect(job_open_shard(scratch_path("r.db"), manifest, (persona_shard){2, 2}, false, &j, &e),
           PERSONA_E_USAGE, &e, "shard 2 of 2");
    open_part("r.db", 1, 2, &j);
    job_close(j);
    expect(job_open(scratch_path("r.db"), manifest, false, &j, &e), PERSONA_E_USAGE, &e,
           "is only shard 1/2");
    expect(job_open_shard(scratch_path("r.db"), manifest, (persona_shard){1, 3}, false, &j, &e),
           PERSONA_E_USAGE, &e, "is shard 1/2, now it is 1/3");
    job_close(open_job("whole.db", false));
    expect(job_open_shard(scratch_path("whole.db"), manifest, (persona_shard){1, 2}, false, &j, &e),
           PERSONA_E_USAGE, &e, "is a whole and not shard 1/2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),          cmocka_unit_test(of_the_environment),
        cmocka_unit_test(file_names),       cmocka_unit_test(every_answer_once),
        cmocka_unit_test(parts_become_one), cmocka_unit_test(other_machines),
        cmocka_unit_test(parts_of_jobs),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
