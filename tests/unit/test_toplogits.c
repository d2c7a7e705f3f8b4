/* SPDX-License-Identifier: MIT
 *
 * test_toplogits.c - log-probabilities of the most likely tokens, against sorting all of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/measure/toplogits.h"

#define MOST 3000

static float logits[MOST];

static int by_logit(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return logits[x] > logits[y] ? -1 : logits[x] < logits[y] ? 1 : x < y ? -1 : 1;
}

static double naive(size_t n, int32_t t)
{
    long double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += expl((long double)logits[i] - (long double)logits[t]);
    }
    return (double)-logl(sum);
}

static void check(size_t n, size_t k, int32_t chosen)
{
    int32_t order[MOST];
    top_logits x;
    for (size_t i = 0; i < n; i++) {
        order[i] = (int32_t)i;
    }
    qsort(order, n, sizeof *order, by_logit);
    top_logits_of(logits, n, k, chosen, &x);
    assert_int_equal(x.n, k < n ? k : n);
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(x.top[i].token, order[i]);
        if (isinf(logits[order[i]])) {
            assert_true(isinf(x.top[i].logprob) && x.top[i].logprob < 0);
            continue;
        }
        const double p = naive(n, order[i]);
        assert_true(fabs((double)x.top[i].logprob - p) <= 1e-6 * (1 + fabs(p)));
    }
    assert_int_equal(x.chosen.token, chosen);
    if (chosen >= 0 && isfinite(logits[chosen])) {
        const double p = naive(n, chosen);
        assert_true(fabs((double)x.chosen.logprob - p) <= 1e-6 * (1 + fabs(p)));
    }
}

static void as_sorting(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 2, 19, 20, 21, MOST};
    rng r;
    rng_seed(&r, 7, 1);
    for (int how = 0; how < 4; how++) {
        for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
            const size_t n = SIZES[s];
            for (size_t i = 0; i < n; i++) {
                const float u = (float)rng_unit(&r);
                /* wide; many equal ones; far from zero; some impossible, but never all */
                logits[i] = how == 0            ? 60.0F * u - 30.0F
                            : how == 1          ? floorf(4.0F * u)
                            : how == 2          ? 1e4F + u
                            : u < 0.5F && i > 0 ? -INFINITY
                                                : u;
            }
            for (size_t k = 0; k <= TOP_LOGITS_MAX; k++) {
                check(n, k, -1);
                check(n, k, (int32_t)(n - 1));
            }
        }
    }
}

static void too_many(void **state)
{
    (void)state;
    top_logits x;
    for (size_t i = 0; i < 100; i++) {
        logits[i] = (float)i;
    }
    top_logits_of(logits, 100, 1000, 3, &x);
    assert_int_equal(x.n, TOP_LOGITS_MAX);
    assert_int_equal(x.top[0].token, 99);
    assert_int_equal(x.top[TOP_LOGITS_MAX - 1].token, 80);
    assert_int_equal(x.chosen.token, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_sorting), cmocka_unit_test(too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
