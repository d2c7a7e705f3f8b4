/* SPDX-License-Identifier: MIT
 *
 * test_histogram.c - quantiles of a stream against those of the sorted values.
 */
#include <float.h>
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
#include "core/measure/histogram.h"
#include "core/measure/stats.h"
#include "golden.h"

static void fill(histogram *h, const double *x, size_t n)
{
    persona_err e = {0};
    for (size_t i = 0; i < n; i++) {
        if (histogram_add(h, (float)x[i], &e) != PERSONA_OK) {
            fail_msg("%s", e.msg);
        }
    }
}

/* Norms from narrow to absurdly wide; the documented bound holds for every quantile. */
static void against_sorting(void **state)
{
    (void)state;
    static const double spreads[] = {0, 1e-3, 0.1, 2, 15};
    static const size_t sizes[] = {1, 2, 3, 1000, 20001};
    static double x[20001];
    rng r;
    rng_seed(&r, 1, 0);
    for (size_t s = 0; s < sizeof spreads / sizeof spreads[0]; s++) {
        for (size_t m = 0; m < sizeof sizes / sizeof sizes[0]; m++) {
            histogram h = {0};
            const size_t n = sizes[m];
            for (size_t i = 0; i < n; i++) {
                x[i] = (double)(float)(140 * exp(spreads[s] * rng_normal(&r)));
            }
            fill(&h, x, n);
            for (int q = 0; q <= 20; q++) {
                const double want = stat_quantile(x, n, q / 20.0);
                golden_near("quantile", histogram_quantile(&h, q / 20.0), want,
                            want * HISTOGRAM_ERROR);
            }
            assert_true(histogram_quantile(&h, 0) == stat_quantile(x, n, 0));
            assert_true(histogram_quantile(&h, 1) == stat_quantile(x, n, 1));
            histogram_free(&h);
        }
    }
}

static void edges(void **state)
{
    (void)state;
    histogram h = {0};
    persona_err e = {0};
    assert_true(isnan(histogram_median(&h)));
    assert_int_equal(histogram_add(&h, -1, &e), PERSONA_E_NUMERIC);
    assert_int_equal(histogram_add(&h, (float)NAN, &e), PERSONA_E_NUMERIC);
    assert_int_equal(histogram_add(&h, (float)INFINITY, &e), PERSONA_E_NUMERIC);
    persona_mem_fail_at(1);
    assert_int_equal(histogram_add(&h, 1, &e), PERSONA_E_NOMEM);
    persona_mem_fail_at(0);
    assert_int_equal(h.n, 0);
    assert_int_equal(histogram_add(&h, -0.0F, &e), PERSONA_OK);
    assert_int_equal(histogram_add(&h, 0, &e), PERSONA_OK);
    assert_int_equal(histogram_add(&h, FLT_MAX, &e), PERSONA_OK);
    assert_true(histogram_median(&h) == 0);
    assert_true(histogram_quantile(&h, 1) == (double)FLT_MAX);
    assert_true(isnan(histogram_quantile(&h, 1.5)));
    assert_true(isnan(histogram_quantile(&h, (double)NAN)));
    histogram_free(&h);
    assert_int_equal(h.n, 0);
    histogram_free(&h);
    histogram_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_sorting),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
