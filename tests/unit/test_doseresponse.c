/* SPDX-License-Identifier: MIT
 *
 * test_doseresponse.c - safe ranges and recommended coefficients, by hand and by fine sampling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/measure/doseresponse.h"
#include "golden.h"

static dose_response summarize(const dose_point *p, size_t n, double threshold)
{
    dose_response out;
    persona_err e = {0};
    if (dose_summarize(p, n, threshold, &out, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return out;
}

static void by_hand(void **state)
{
    (void)state;
    const dose_point p[] = {
        {2, 90, 40}, {-2, 5, 80}, {1, 80, 90}, {-1, 20, 90}, {0, 50, 95}, {3, 99, 90},
    };
    dose_response r = summarize(p, 6, 70);
    golden_near("high", r.high, 1.4, 1e-12); /* 90 -> 40; what recovers at 3 does not count */
    golden_near("low", r.low, -2, 0);        /* the end of the grid */
    assert_true(r.promote == 1 && r.promote_score == 80);
    assert_true(r.suppress == -2 && r.suppress_score == 5);
    golden_near("spearman", r.spearman, 1, 1e-12);
    r = summarize(p, 6, 96);
    assert_true(isnan(r.low) && isnan(r.high) && isnan(r.promote) && isnan(r.suppress));
    assert_true(isnan(r.spearman));

    const dose_point around[] = {{-1, 30, 60}, {1, 70, 90}}; /* 75 at 0 */
    r = summarize(around, 2, 70);
    golden_near("low", r.low, -1.0 / 3, 1e-12);
    assert_true(r.high == 1 && r.promote == 1 && isnan(r.suppress));
    r = summarize(around, 2, 80);
    assert_true(isnan(r.high));

    const dose_point side[] = {{1, 70, 90}, {2, 80, 90}};
    assert_true(isnan(summarize(side, 2, 70).high));

    const dose_point gap[] = {{0, 50, 90}, {1, 60, 90}, {2, 70, (double)NAN},
                              {3, 80, 90}, {1, 65, 80}, {-1, (double)NAN, 90}};
    r = summarize(gap, 6, 70);
    assert_true(r.high == 1 && r.promote == 1 && r.promote_score == 65);
    assert_true(r.low == -1 && isnan(r.suppress));
    r = summarize(gap, 6, 85);
    golden_near("the worse of two", r.high, 0.5, 1e-12);

    const dose_point flat[] = {{0, 50, 90}, {1, 60, 90}, {2, 60, 90}, {-2, 40, 90}, {-1, 40, 90}};
    r = summarize(flat, 5, 90);
    assert_true(r.promote == 1 && r.suppress == -1 && r.high == 2 && r.low == -2);
    assert_true(summarize(flat, 1, 10).high == 0);
}

/* Coherence by linear interpolation; x inside the grid. */
static double coherence_at(const dose_point *p, size_t n, double x)
{
    size_t i = 1;
    while (i + 1 < n && p[i].coefficient < x) {
        i++;
    }
    const double part = (x - p[i - 1].coefficient) / (p[i].coefficient - p[i - 1].coefficient);
    return p[i - 1].coherence + part * (p[i].coherence - p[i - 1].coherence);
}

static void by_sampling(void **state)
{
    (void)state;
    rng g;
    dose_point p[9], mixed[9];
    size_t order[9], n_ranges = 0;
    rng_seed(&g, 8, 0);
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < 9; i++) {
            p[i].coefficient = -3.1 + 0.75 * (double)i + 0.3 * rng_unit(&g);
            p[i].score = 100 * rng_unit(&g);
            p[i].coherence = 60 + 40 * rng_unit(&g);
            order[i] = i;
        }
        rng_shuffle(&g, order, 9);
        for (size_t i = 0; i < 9; i++) {
            mixed[i] = p[order[i]];
        }
        const dose_response r = summarize(mixed, 9, 75);
        if (coherence_at(p, 9, 0) < 75) {
            assert_true(isnan(r.low) && isnan(r.high));
            continue;
        }
        n_ranges++;
        for (int k = 0; k <= 1000; k++) {
            assert_true(coherence_at(p, 9, r.low + (r.high - r.low) * k / 1000) > 75 - 1e-9);
        }
        assert_true(r.high == p[8].coefficient || coherence_at(p, 9, r.high + 1e-6) < 75);
        assert_true(r.low == p[0].coefficient || coherence_at(p, 9, r.low - 1e-6) < 75);
        for (size_t i = 0; i < 9; i++) {
            if (p[i].coefficient > 0 && p[i].coefficient <= r.high) {
                assert_true(p[i].score <= r.promote_score);
            }
            if (p[i].coefficient < 0 && p[i].coefficient >= r.low) {
                assert_true(p[i].score >= r.suppress_score);
            }
        }
    }
    assert_true(n_ranges >= 50 && n_ranges < 300);
}

static void errors(void **state)
{
    (void)state;
    dose_response out;
    persona_err e = {0};
    const dose_point bad[] = {{0, 1, 1}, {(double)INFINITY, 1, 1}};
    assert_int_equal(dose_summarize(bad, 0, 1, &out, &e), PERSONA_E_SHAPE);
    assert_int_equal(dose_summarize(bad, 1, (double)NAN, &out, &e), PERSONA_E_SHAPE);
    assert_int_equal(dose_summarize(bad, 2, 1, &out, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "point 1"));
    for (size_t k = 1; k <= 3; k++) {
        persona_mem_fail_at(k);
        assert_int_equal(dose_summarize(bad, 1, 1, &out, &e), PERSONA_E_NOMEM);
        persona_mem_fail_at(0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(by_sampling),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
