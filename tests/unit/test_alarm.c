/* SPDX-License-Identifier: MIT
 *
 * test_alarm.c - control charts: by hand, against the run lengths of the literature, and by how
 * often they alarm where nothing is wrong.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/measure/alarm.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static void by_hand(void **state)
{
    (void)state;
    alarm_state s = {0};
    double ewma, cusum;
    alarm_step(&s, 2, &ewma, &cusum); /* Z = .4; C+ = 1.5 */
    NEAR(ewma, 0.4 * 3, 1e-12);       /* sqrt(.2/1.8) is a third */
    NEAR(cusum, 1.5, 1e-12);
    alarm_step(&s, -3, &ewma, &cusum); /* Z = -.6 + .32; C+ = 0, C- = 2.5 */
    NEAR(ewma, 0.28 * 3, 1e-12);
    NEAR(cusum, 2.5, 1e-12);
    NEAR(s.high, 0, 0);
    const double z[] = {2, -3};
    const alarm_peaks p = alarm_peaks_of(z, 2);
    NEAR(p.ewma, 1.2, 1e-12);
    NEAR(p.cusum, 2.5, 1e-12);
}

/* Until the first alarm, on average; values are shifted by so many sd. */
static double run_length(double shift, double h_ewma, double h_cusum, size_t n_runs)
{
    rng r;
    double sum = 0;
    rng_seed(&r, 7, 0);
    for (size_t i = 0; i < n_runs; i++) {
        alarm_state s = {0};
        double ewma = 0, cusum = 0;
        size_t n = 0;
        while (!(ewma > h_ewma || cusum > h_cusum) && n < 100000) {
            alarm_step(&s, rng_normal(&r) + shift, &ewma, &cusum);
            n++;
        }
        sum += (double)n;
    }
    return sum / (double)n_runs;
}

/* Montgomery, table 9.3: two-sided CUSUM with k = 1/2, h = 4: 168 and 8.38; with h = 5: 465 and
 * 10.4. Lucas and Saccucci (1990): EWMA with lambda 0.2, L = 2.962: 500; a shift of 1: 10.5. */
static void run_lengths_of_the_literature(void **state)
{
    (void)state;
    NEAR(run_length(0, HUGE_VAL, 4, 20000), 168, 5);
    NEAR(run_length(1, HUGE_VAL, 4, 20000), 8.38, 0.2);
    NEAR(run_length(0, HUGE_VAL, 5, 20000), 465, 14);
    NEAR(run_length(0, 2.962, HUGE_VAL, 20000), 500, 15);
    NEAR(run_length(1, 2.962, HUGE_VAL, 20000), 10.5, 0.3);
}

static void thresholds_are_order_statistics(void **state)
{
    (void)state;
    const double x[] = {5, 1, 4, 2, 3};
    NEAR(alarm_threshold(x, 5, 0), 5, 0);
    NEAR(alarm_threshold(x, 5, 0.19), 5, 0);
    NEAR(alarm_threshold(x, 5, 0.2), 4, 0);
    NEAR(alarm_threshold(x, 5, 0.6), 2, 0);
    NEAR(alarm_threshold(x, 5, 1), 1, 0);
    assert_true(isnan(alarm_threshold(x, 0, 0.5)));
}

/* Thresholds from some values hold on others. */
static void wanted_rates_are_kept(void **state)
{
    (void)state;
    enum { N = 5000, RUNS = 2000 };
    rng r;
    double z[N], one[RUNS];
    alarm_peaks *peaks = calloc(RUNS, sizeof *peaks);
    assert_non_null(peaks);
    rng_seed(&r, 11, 0);
    for (size_t i = 0; i < N; i++) {
        z[i] = rng_normal(&r);
    }
    assert_int_equal(alarm_draw(z, N, 20, RUNS, 1, peaks, NULL), PERSONA_OK);
    for (size_t i = 0; i < RUNS; i++) {
        one[i] = peaks[i].cusum;
    }
    const double h = alarm_threshold(one, RUNS, 0.05);
    for (size_t i = 0; i < N; i++) {
        z[i] = rng_normal(&r);
    }
    assert_int_equal(alarm_draw(z, N, 20, RUNS, 2, peaks, NULL), PERSONA_OK);
    size_t n = 0;
    for (size_t i = 0; i < RUNS; i++) {
        n += peaks[i].cusum > h;
    }
    print_message("threshold %.2f, %.3f of other runs above it\n", h, (double)n / RUNS);
    NEAR((double)n / RUNS, 0.05, 0.03);
    free(peaks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(run_lengths_of_the_literature),
        cmocka_unit_test(thresholds_are_order_statistics),
        cmocka_unit_test(wanted_rates_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
