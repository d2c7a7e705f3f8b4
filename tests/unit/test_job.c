/* SPDX-License-Identifier: MIT
 *
 * test_job.c - jobs: what goes in comes out. test_jobfile.c has manifests and files that must not
 * be opened; test_job_kill.c has the faults: full disks, no memory, kill -9.
 */
#include "job_made.h"

/* ---- answers -------------------------------------------------------------------------------- */

static void answers_come_back(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t n = 0;
    bool has = false, done[40];
    job *j = open_job("round.db", false);
    for (int64_t i = 0; i < 40; i++) {
        put(j, "extract", i * 27 % 40); /* in no order */
    }
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
    for (int64_t i = 0; i < 12; i++) {
        put(j, "x", i);
    }
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
    if (now < *last) {
        return persona_err_set(e, PERSONA_E_NEGATIVE, "answer %lld", (long long)a->id);
    }
    *last = now;
    return PERSONA_OK;
}

static void published_order(void **state)
{
    (void)state;
    persona_err e = {0};
    int64_t last = -1;
    job *j = open_job("order.db", false);
    for (int64_t i = 0; i < 200; i++) {
        put(j, "x", i);
    }
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
    for (int i = 0; i < 3; i++) {
        make_answer(&m[i], "x", i);
    }
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
    for (int64_t i = 0; i < 3; i++) {
        put(j, "x", i);
    }
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
    for (int64_t i = 0; i < 8; i++) {
        put(j, "x", i);
    }
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
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
