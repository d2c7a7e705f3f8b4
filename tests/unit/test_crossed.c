/* SPDX-License-Identifier: MIT
 *
 * test_crossed.c - intervals over questions and repeats: against numbers worked out by hand, and by
 * how often they hold the truth when it is known.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/measure/stats.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

/* Table of the t distribution (Abramowitz and Stegun, 26.10). */
static void quantiles(void **state)
{
    (void)state;
    NEAR(stat_t_quantile(0.975, 1), 12.706, 5e-4);
    NEAR(stat_t_quantile(0.975, 2), 4.303, 5e-4);
    NEAR(stat_t_quantile(0.975, 19), 2.093, 5e-4);
    NEAR(stat_t_quantile(0.95, 10), 1.812, 5e-4);
    NEAR(stat_t_quantile(0.995, 120), 2.617, 5e-4);
    assert_true(isnan(stat_t_quantile(0.5, 3)) && isnan(stat_t_quantile(0.9, 0)));
}

/* Two repeats of three questions: 1 2 6 / 3 4 8. Question means 2 3 7, repeat means 3 5, no rest:
 * MSQ = 2*(4+1+9)/2 = 14, MSR = 3*(1+1)/1 = 6; V = 20/6, df = 400/(196/2 + 36/1). */
static void by_hand(void **state)
{
    (void)state;
    const double y[] = {1, 2, 6, 3, 4, 8};
    const stat_crossed x = stat_crossed_mean(y, 2, 3);
    NEAR(x.mean, 4, 1e-12);
    NEAR(x.se, sqrt(20.0 / 6), 1e-12);
    NEAR(x.df, 400.0 / 134, 1e-12);
    /* a question that misses once counts nowhere: 1 2 / 3 4 is left */
    const double hole[] = {1, 2, (double)NAN, 3, 4, 8};
    const stat_crossed h = stat_crossed_mean(hole, 2, 3);
    NEAR(h.mean, 2.5, 1e-12);
    NEAR(h.se, sqrt((1 + 4) / 4.0), 1e-12);
    /* repeats that agree to the last digit add nothing: the questions alone decide */
    const double same[] = {1, 2, 6, 1, 2, 6};
    const stat_crossed s = stat_crossed_mean(same, 2, 3);
    NEAR(s.se, sqrt(14.0 / 6), 1e-12);
    NEAR(s.df, 2, 1e-12);
    /* and a table of one value is sure of it */
    const double flat[] = {3, 3, 3, 3};
    const persona_interval f = stat_crossed_interval(stat_crossed_mean(flat, 2, 2));
    assert_true(f.low == 3 && f.high == 3);
}

static void edges(void **state)
{
    (void)state;
    const double y[] = {1, 2, 6};
    assert_true(isnan(stat_crossed_mean(y, 1, 3).se));
    assert_true(isnan(stat_crossed_mean(y, 3, 1).se));
    assert_true(isnan(stat_crossed_interval(stat_crossed_mean(y, 1, 3)).low));
    NEAR(stat_crossed_mean(y, 1, 3).mean, 3, 1e-12);
}

/* One table with effects of questions, of repeats and of neither. */
static void draw(rng *r, double *y, size_t n_repeats, size_t n_questions, const double sd[3])
{
    double of_question[32];
    for (size_t q = 0; q < n_questions; q++) {
        of_question[q] = sd[0] * rng_normal(r);
    }
    for (size_t k = 0; k < n_repeats; k++) {
        const double of_repeat = sd[1] * rng_normal(r);
        for (size_t q = 0; q < n_questions; q++) {
            y[k * n_questions + q] = 10 + of_question[q] + of_repeat + sd[2] * rng_normal(r);
        }
    }
}

/* The share of 95 % intervals that hold the truth, whatever the noise is of. */
static void coverage(void **state)
{
    (void)state;
    static const double sds[][3] = {{10, 0, 10}, {5, 10, 10}, {0, 0, 10}, {10, 3, 20}, {0, 8, 3}};
    enum { TABLES = 1500 };
    for (size_t i = 0; i < sizeof sds / sizeof *sds; i++) {
        for (size_t n = 3; n <= 5; n++) {
            rng r;
            size_t held = 0;
            rng_seed(&r, (uint32_t)i, n);
            for (int k = 0; k < TABLES; k++) {
                double y[5 * 20];
                draw(&r, y, n, 20, sds[i]);
                const persona_interval x = stat_crossed_interval(stat_crossed_mean(y, n, 20));
                held += x.low <= 10 && x.high >= 10;
            }
            /* 0.935 by simulation elsewhere, less two standard errors */
            if ((double)held < TABLES * 0.922) {
                fail_msg("case %zu, %zu repeats: %.3f", i, n, (double)held / TABLES);
            }
        }
    }
}

static void ratios(void **state)
{
    (void)state;
    enum { TABLES = 300 };
    static const size_t N = 20;
    const size_t n = 3 * N;
    static const double sd[3] = {3, 1, 2};
    rng r;
    size_t held = 0, finite = 0;
    rng_seed(&r, 7, 7);
    for (int k = 0; k < TABLES; k++) {
        double top[60], bottom[60];
        draw(&r, top, 3, N, sd);
        draw(&r, bottom, 3, N, sd);
        for (size_t i = 0; i < n; i++) {
            top[i] -= 5; /* 5 over 10 */
        }
        const persona_interval x = stat_crossed_ratio(top, bottom, 3, N);
        finite += isnan(x.low) ? 0 : 1;
        held += x.low <= 0.5 && x.high >= 0.5;
        assert_true(isnan(x.low) || (x.low <= x.value && x.value <= x.high));
    }
    assert_true((double)finite > TABLES * 0.9);
    assert_true((double)held >= 0.93 * (double)finite);
    /* a bottom that may be nothing has no ratio */
    double top[40], bottom[40];
    for (size_t i = 0; i < n / 3 * 2; i++) {
        top[i] = 1;
        bottom[i] = i % 2 ? 1 : -1;
    }
    assert_true(isnan(stat_crossed_ratio(top, bottom, 2, N).value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles), cmocka_unit_test(by_hand), cmocka_unit_test(edges),
        cmocka_unit_test(coverage),  cmocka_unit_test(ratios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
