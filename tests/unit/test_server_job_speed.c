/* SPDX-License-Identifier: MIT
 *
 * test_server_job_speed.c - the speed of a job over time, and what is left of a round, on clocks
 * of our own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/jobs/job_speed.h"

static void points_are_rates_between_them(void **state)
{
    (void)state;
    job_speed s = {.n = 0};
    job_speed_add(&s, 100, 1000, 50); /* where it begins */
    job_speed_add(&s, 100.5, 1000, 80);
    assert_int_equal(s.n, 0);
    job_speed_add(&s, 102, 1002, 250);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.points[0].at, 1002);
    assert_float_equal(s.points[0].rate, 100, 1e-9);
    job_speed_add(&s, 103, 1003, 10); /* a further run counts anew: no rate below nothing */
    assert_int_equal(s.n, 1);
    job_speed_add(&s, 105, 1005, 40);
    assert_float_equal(s.points[1].rate, 15, 1e-9);
}

static void long_jobs_keep_their_whole_course(void **state)
{
    (void)state;
    job_speed s = {.n = 0};
    size_t tokens = 0;
    for (int t = 0; t <= 5000; t++, tokens += t < 2500 ? 10 : 30) {
        job_speed_add(&s, t, 1000 + t, tokens);
    }
    assert_true(s.n >= JOB_SPEEDS / 2 && s.n <= JOB_SPEEDS);
    assert_true(s.points[0].at <= 1000 + 64);
    assert_true(s.points[s.n - 1].at >= 6000 - 64);
    assert_float_equal(s.points[0].rate, 10, 1e-9);
    assert_float_equal(s.points[s.n - 1].rate, 30, 1e-9);
    for (size_t i = 1; i < s.n; i++) {
        assert_true(s.points[i].at > s.points[i - 1].at);
    }
}

static void what_is_left_counts_from_the_round(void **state)
{
    (void)state;
    job_round r = {.total = 0};
    assert_true(isnan(job_round_left(&r, 5)));
    job_round_add(&r, 10, true, 40, 100); /* forty are kept from before */
    assert_true(isnan(job_round_left(&r, 12)));
    job_round_add(&r, 14, false, 60, 100);
    assert_float_equal(job_round_left(&r, 14), 8, 1e-9);
    job_round_add(&r, 20, false, 100, 100);
    assert_float_equal(job_round_left(&r, 20), 0, 1e-9);
    job_round_add(&r, 21, false, 0, 100); /* the same stage, once more through it */
    job_round_add(&r, 22, false, 10, 100);
    assert_float_equal(job_round_left(&r, 22), 9, 1e-9);
    job_round_add(&r, 30, false, 10, 20); /* of another length */
    assert_true(isnan(job_round_left(&r, 31)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_rates_between_them),
        cmocka_unit_test(long_jobs_keep_their_whole_course),
        cmocka_unit_test(what_is_left_counts_from_the_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
