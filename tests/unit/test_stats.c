/* SPDX-License-Identifier: MIT
 *
 * test_stats.c - against numpy, against full enumeration of the bootstrap, and at the edges.
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

#include "base/rng.h"
#include "core/measure/stats.h"
#include "golden.h"

/* Sums of some dozen numbers of order one, in double. */
#define TIGHT (64 * DBL_EPSILON)

static void golden(void **state)
{
    (void)state;
    double pos[32], neg[32], x[32], y[32];
    json_doc *doc = golden_open("golden_stats.json");
    const json_val *d = json_root(doc);
    const size_t np = golden_array(d, "pos", pos, 32), nn = golden_array(d, "neg", neg, 32);
    const size_t n = golden_array(d, "x", x, 32);
    assert_int_equal(golden_array(d, "y", y, 32), n);
    golden_near("mean", stat_mean(pos, np), golden_number(d, "mean"), TIGHT);
    golden_near("sd", stat_sd(pos, np), golden_number(d, "sd"), TIGHT);
    golden_near("median", stat_median(neg, nn), golden_number(d, "median"), TIGHT);
    golden_near("auroc", stat_auroc(pos, np, neg, nn), golden_number(d, "auroc"), TIGHT);
    golden_near("cohen d", stat_cohen_d(pos, np, neg, nn), golden_number(d, "cohen_d"), TIGHT);
    golden_near("spearman", stat_spearman(x, y, n), golden_number(d, "spearman"), TIGHT);
    const json_val *q = json_get(d, "quantiles");
    for (size_t i = 0; i < json_len(q); i++) {
        golden_near("quantile",
                    stat_quantile(pos, np, json_number(json_at(json_at(q, i), 0), (double)NAN)),
                    json_number(json_at(json_at(q, i), 1), (double)NAN), TIGHT);
    }
    json_free(doc);
}

/* Two groups that rank alike and one that ranks in reverse, mixed up; one is too small, one has no
 * spread. Over all the rank correlation would be that of the groups' levels. */
static void within_groups(void **state)
{
    (void)state;
    static const size_t group[] = {2, 0, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 3, 3, 3, 4, 4, 4, 4};
    static const double x[] = {1, 10, 20, 11, 2, 21, 12, 3, 22, 13, 4, 23, 1, 2, 3, 5, 5, 5, 5};
    static const double y[] = {8, 90, 10, 91, 7, 11, 92, 6, 12, 93, 5, 13, 3, 2, 1, 1, 2, 3, 4};
    size_t n_used = 99;
    golden_near("median", stat_spearman_within(x, y, group, 19, 5, &n_used), 1, TIGHT);
    assert_int_equal(n_used, 3); /* 1, 1, -1 */
    golden_near("over all", stat_spearman(x, y, 12), 0.4825, 1e-3);
    assert_true(isnan(stat_spearman_within(x, y, group, 6, 5, &n_used)));
    assert_int_equal(n_used, 0);
    assert_true(isnan(stat_spearman_within(x, y, group, 0, 0, &n_used)));
}

static void edges(void **state)
{
    (void)state;
    const double one[] = {3}, same[] = {2, 2, 2}, up[] = {1, 2, 3}, gap[] = {1, (double)NAN, 3};
    assert_true(isnan(stat_mean(one, 0)));
    assert_true(isnan(stat_sd(one, 1)));
    assert_true(isnan(stat_median(one, 0)));
    assert_true(stat_median(one, 1) == 3);
    assert_true(isnan(stat_median(gap, 3)));
    assert_true(isnan(stat_quantile(up, 3, 1.5)));
    assert_true(isnan(stat_auroc(one, 0, up, 3)));
    assert_true(stat_auroc(one, 1, up, 3) == 2.5 / 3);
    assert_true(stat_auroc(same, 3, same, 3) == 0.5);
    assert_true(isnan(stat_cohen_d(one, 1, up, 3)));
    assert_true(stat_cohen_d(same, 3, same, 3) == 0);
    assert_true(isnan(stat_spearman(up, same, 3)));
    assert_true(isnan(stat_spearman(up, up, 2)));
    golden_near("spearman", stat_spearman(up, up, 3), 1, TIGHT);
}

/* x is symmetric under a change of order, scale and sign: AUROC and rho must follow. */
static void symmetries(void **state)
{
    (void)state;
    rng r;
    double a[40], b[30], c[30], d[40];
    rng_seed(&r, 3, 0);
    for (size_t i = 0; i < 40; i++) {
        a[i] = floor(rng_normal(&r) * 4);
    }
    for (size_t i = 0; i < 30; i++) {
        b[i] = floor(rng_normal(&r) * 4);
    }
    const double value = stat_auroc(a, 40, b, 30);
    golden_near("swapped", stat_auroc(b, 30, a, 40), 1 - value, TIGHT);
    for (size_t i = 0; i < 40; i++) {
        d[i] = exp(a[i]);
    }
    for (size_t i = 0; i < 30; i++) {
        c[i] = exp(b[i]);
    }
    golden_near("monotone", stat_auroc(d, 40, c, 30), value, TIGHT);
    const double rho = stat_spearman(a, b, 30);
    for (size_t i = 0; i < 30; i++) {
        c[i] = -b[i];
    }
    golden_near("negated", stat_spearman(a, c, 30), -rho, TIGHT);
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Four groups: all 256 draws can be listed, and many random ones must find the same quantiles. */
static void bootstrap_enumerated(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 7, 7.5, 8, 20, 4};
    static const size_t group[] = {0, 0, 0, 1, 1, 2, 3, 2};
    double values[256];
    for (size_t k = 0; k < 256; k++) {
        double sum = 0, count = 0;
        for (size_t d = 0; d < 4; d++) {
            for (size_t i = 0; i < 8; i++) {
                if (group[i] == (k >> (2 * d) & 3)) {
                    sum += x[i];
                    count++;
                }
            }
        }
        values[k] = sum / count;
    }
    qsort(values, 256, sizeof values[0], by_value);
    persona_interval out;
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, group, 8}, (stat_draws){20000, 4, 1}, &out, NULL),
        PERSONA_OK);
    golden_near("value", out.value, stat_mean(x, 8), TIGHT);
    /* 20000 draws know a quantile of .025 within about .0011 * 3 of probability: one place of 256
     * on either side. */
    assert_true(out.low >= values[5] && out.low <= values[8]);
    assert_true(out.high >= values[247] && out.high <= values[250]);
    persona_interval again;
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, group, 8}, (stat_draws){20000, 4, 1}, &again, NULL),
        PERSONA_OK);
    assert_memory_equal(&out, &again, sizeof out);
}

/* Identical answers per group in both samples: the difference is the same in every draw. */
static void bootstrap_joint(void **state)
{
    (void)state;
    double low[40], high[40], base[40], nothing[40];
    size_t group[40];
    rng r;
    rng_seed(&r, 9, 0);
    for (size_t i = 0; i < 40; i++) {
        group[i] = i / 4 * 2; /* odd groups are empty */
        low[i] = (double)(i / 4) * 10;
        high[i] = low[i] + 5;
        base[i] = low[i] - 5;
        nothing[i] = low[i];
    }
    persona_interval out;
    const stat_sample h = {high, group, 40}, l = {low, group, 40}, b = {base, group, 40};
    const stat_sample o = {nothing, group, 40};
    const stat_draws draws = {.n = 500, .n_groups = 20, .seed = 1};
    assert_int_equal(stat_bootstrap_diff(h, l, draws, &out, NULL), PERSONA_OK);
    golden_near("low", out.low, 5, 1e-12);
    golden_near("high", out.high, 5, 1e-12);
    assert_int_equal(stat_bootstrap_retained(l, h, b, 1, draws, &out, NULL), PERSONA_OK);
    golden_near("retained", out.value, 0.5, 1e-12);
    golden_near("retained low", out.low, 0.5, 1e-12);
    assert_int_equal(stat_bootstrap_retained(l, o, l, 1, draws, &out, NULL), PERSONA_OK);
    assert_true(isnan(out.value) && isnan(out.low) && isnan(out.high));
}

/* Against tables of the distribution: P(T >= t). */
static void student(void **state)
{
    (void)state;
    static const struct {
        double t, df, p;
    } known[] = {{0, 7, 0.5},
                 {6.313751514675043, 1, 0.05},
                 {2.1318467863266495, 4, 0.05},
                 {1.729132811521367, 19, 0.05},
                 {2.8609346064649847, 19, 0.005},
                 {-1.729132811521367, 19, 0.95},
                 {1.6448536269514722, 1e7, 0.05}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(fabs(stat_t_above(known[i].t, known[i].df) - known[i].p) < 1e-7);
    }
    assert_true(isnan(stat_t_above((double)NAN, 3)) && isnan(stat_t_above(1, 0)));
}

/* The difference of two swings on the same questions: what the questions share goes out. */
static void swings(void **state)
{
    (void)state;
    enum { N = 12 };
    double mine[2][N], theirs[2][N];
    size_t group[N];
    persona_interval out;
    for (size_t q = 0; q < N; q++) {
        const double own = 7 * (double)(q % 5);
        group[q] = q;
        mine[0][q] = 70 + own;
        mine[1][q] = 40 - own;
        theirs[0][q] = 62 + own;
        theirs[1][q] = 41 - own;
    }
    const stat_sample a[2] = {{mine[0], group, N}, {mine[1], group, N}},
                      b[2] = {{theirs[0], group, N}, {theirs[1], group, N}};
    assert_int_equal(stat_bootstrap_swings(a, b, (stat_draws){200, N, 1}, &out, NULL), PERSONA_OK);
    assert_true(fabs(out.value - 9) < 1e-9 && fabs(out.low - 9) < 1e-9 &&
                fabs(out.high - 9) < 1e-9);
}

static void bootstrap_edges(void **state)
{
    (void)state;
    const double x[] = {1, 2, 6}, bad[] = {1, (double)INFINITY, 2};
    const size_t one[] = {0, 0, 0}, far[] = {0, 1, 7};
    persona_interval out;
    persona_err e = {0};
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, one, 3}, (stat_draws){100, 1, 1}, &out, NULL),
        PERSONA_OK);
    assert_true(out.low == 3 && out.high == 3 && out.value == 3);
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, far, 3}, (stat_draws){100, 2, 1}, &out, &e),
        PERSONA_E_SHAPE);
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, one, 0}, (stat_draws){100, 1, 1}, &out, &e),
        PERSONA_E_SHAPE);
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){x, one, 3}, (stat_draws){100, 0, 1}, &out, &e),
        PERSONA_E_SHAPE);
    assert_int_equal(stat_bootstrap_mean((stat_sample){x, one, 3}, (stat_draws){0, 1, 1}, &out, &e),
                     PERSONA_E_SHAPE);
    assert_int_equal(
        stat_bootstrap_mean((stat_sample){bad, one, 3}, (stat_draws){100, 1, 1}, &out, &e),
        PERSONA_E_NUMERIC);
    assert_true(isnan(out.low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(within_groups),
        cmocka_unit_test(edges),
        cmocka_unit_test(symmetries),
        cmocka_unit_test(bootstrap_enumerated),
        cmocka_unit_test(bootstrap_joint),
        cmocka_unit_test(bootstrap_edges),
        cmocka_unit_test(student),
        cmocka_unit_test(swings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
