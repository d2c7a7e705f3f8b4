/* SPDX-License-Identifier: MIT
 *
 * test_contrast.c - mean differences and their length adjustment, against numpy and by algebra.
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

#include "base/linalg.h"
#include "base/mem.h"
#include "story.h"

#define ROUNDED ((double)FLT_EPSILON) /* results are floats */

static void golden(void **state)
{
    (void)state;
    static story s;
    float v[32];
    bool subset[16] = {[0] = true, [2] = true, [5] = true};
    contrast_length report;
    story_open(&s);
    contrast *c = story_contrast(s.r, s.n, s.n_questions, s.n_blocks, s.d);
    for (size_t b = 0; b < s.n_blocks; b++) {
        const json_val *want = json_at(s.blocks, b);
        assert_int_equal(contrast_direction(c, b, NULL, v, NULL), PERSONA_OK);
        golden_vector(want, "v", v, s.d, ROUNDED);
        assert_int_equal(contrast_direction(c, b, subset, v, NULL), PERSONA_OK);
        golden_vector(want, "subset", v, s.d, ROUNDED);
        assert_int_equal(contrast_adjusted(c, b, v, &report, NULL), PERSONA_OK);
        golden_vector(want, "adjusted", v, s.d, ROUNDED);
        golden_near("gap", report.gap, golden_number(s.root, "gap"), 1e-12);
        golden_near("moved", report.moved, golden_number(want, "moved"), 1e-9);
        golden_near("cosine", report.cosine, golden_number(want, "cosine"), 1e-9);
        assert_true(report.cosine < 0.98); /* there was something to adjust */
    }
    contrast_free(c);
    json_free(s.doc);
}

/* The formula of the pipeline today, over responses in one go. */
static void same_as_weighted_sum(void **state)
{
    (void)state;
    static story s;
    float v[32];
    story_open(&s);
    contrast *c = story_contrast(s.r, s.n, s.n_questions, s.n_blocks, s.d);
    const double n_pos = (double)contrast_count(c, 1), n_neg = (double)contrast_count(c, -1);
    for (size_t b = 0; b < s.n_blocks; b++) {
        double sum[32] = {0};
        for (size_t i = 0; i < s.n; i++) {
            for (size_t k = 0; s.r[i].polarity != 0 && k < s.d; k++) {
                sum[k] += (s.r[i].polarity > 0 ? 1 / n_pos : -1 / n_neg) *
                          (double)s.r[i].mean[b * s.d + k];
            }
        }
        assert_int_equal(contrast_direction(c, b, NULL, v, NULL), PERSONA_OK);
        for (size_t k = 0; k < s.d; k++) {
            golden_near("v", (double)v[k], sum[k], 1e-12 + ROUNDED * fabs(sum[k]));
        }
    }
    for (int polarity = -1; polarity <= 1; polarity++) {
        size_t total = 0, n = 0;
        for (size_t q = 0; q < s.n_questions; q++) {
            total += contrast_count_at(c, polarity, q);
        }
        for (size_t i = 0; i < s.n; i++) {
            n += s.r[i].polarity == polarity;
        }
        assert_true(n > 0);
        assert_int_equal(total, n);
        assert_int_equal(contrast_count(c, polarity), n);
    }
    assert_false(contrast_usable(c, 3));
    assert_true(contrast_usable(c, 0));
    contrast_free(c);
    json_free(s.doc);
}

/* h = trait + slope * log(1 + length), no noise: the adjustment takes out exactly the second. */
static void pure_length(void **state)
{
    (void)state;
    enum { N = 60, D = 8 };
    static float h[N][D];
    response r[N];
    rng g;
    float v[D], trait[D];
    contrast_length report;
    rng_seed(&g, 5, 0);
    for (size_t k = 0; k < D; k++) {
        trait[k] = (float)rng_normal(&g);
    }
    for (size_t i = 0; i < N; i++) {
        const int p = i % 2 ? 1 : -1;
        const size_t length = 5 + rng_below(&g, 20) + (p > 0 ? 40 : 0);
        for (size_t k = 0; k < D; k++) {
            h[i][k] = (float)p * trait[k] / 2 + (float)k * (float)log1p((double)length);
        }
        r[i] = (response){p, i / 6, length, h[i]};
    }
    contrast *c = story_contrast(r, N, 10, 1, D);
    assert_int_equal(contrast_adjusted(c, 0, v, &report, NULL), PERSONA_OK);
    for (size_t k = 0; k < D; k++) {
        golden_near("adjusted", (double)v[k], (double)trait[k], 1e-5);
    }
    assert_true(report.gap > 0.5 && report.moved > 0.5 && report.cosine < 0.9);
    contrast_free(c);
}

/* The same responses in the same order give the same bits; in another order nearly. */
static void order(void **state)
{
    (void)state;
    static story s;
    float a[32], b[32];
    response backwards[STORY_MAX];
    story_open(&s);
    for (size_t i = 0; i < s.n; i++) {
        backwards[i] = s.r[s.n - 1 - i];
    }
    contrast *c = story_contrast(s.r, s.n, s.n_questions, s.n_blocks, s.d);
    contrast *again = story_contrast(s.r, s.n, s.n_questions, s.n_blocks, s.d);
    contrast *other = story_contrast(backwards, s.n, s.n_questions, s.n_blocks, s.d);
    assert_int_equal(contrast_direction(c, 1, NULL, a, NULL), PERSONA_OK);
    assert_int_equal(contrast_direction(again, 1, NULL, b, NULL), PERSONA_OK);
    assert_memory_equal(a, b, s.d * sizeof *a);
    assert_int_equal(contrast_direction(other, 1, NULL, b, NULL), PERSONA_OK);
    for (size_t k = 0; k < s.d; k++) {
        golden_near("order", (double)b[k], (double)a[k], ROUNDED * (1 + fabs((double)a[k])));
    }
    contrast_free(other);
    contrast_free(again);
    contrast_free(c);
    json_free(s.doc);
}

static void errors(void **state)
{
    (void)state;
    float h[6] = {1, 2, 3, 4, 5, 6}, v[3];
    bool none[2] = {0};
    contrast *c = NULL;
    contrast_length report;
    persona_err e = {0};
    assert_int_equal(contrast_new(0, 2, 3, &c, &e), PERSONA_E_SHAPE);
    assert_int_equal(contrast_new(2, SIZE_MAX, 3, &c, &e), PERSONA_E_SHAPE);
    assert_null(c);
    assert_int_equal(contrast_new(2, 2, 3, &c, &e), PERSONA_OK);
    assert_int_equal(contrast_direction(c, 0, NULL, v, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "no positive response"));
    assert_int_equal(contrast_add(c, &(response){1, 2, 5, h}, &e), PERSONA_E_SHAPE);
    assert_int_equal(contrast_add(c, &(response){2, 1, 5, h}, &e), PERSONA_E_SHAPE);
    assert_int_equal(contrast_add(c, &(response){1, 1, 0, h}, &e), PERSONA_E_SHAPE);
    h[4] = (float)NAN;
    assert_int_equal(contrast_add(c, &(response){1, 1, 5, h}, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "block 1, value 1"));
    h[4] = 5;
    assert_int_equal(contrast_count(c, 1), 0);
    persona_mem_fail_at(1);
    assert_int_equal(contrast_add(c, &(response){1, 1, 5, h}, &e), PERSONA_E_NOMEM);
    persona_mem_fail_at(0);
    assert_int_equal(contrast_count(c, 1), 0);
    assert_int_equal(contrast_add(c, &(response){1, 1, 5, h}, &e), PERSONA_OK);
    assert_int_equal(contrast_add(c, &(response){1, 1, 5, h}, &e), PERSONA_OK);
    assert_int_equal(contrast_add(c, &(response){-1, 0, 9, h}, &e), PERSONA_OK);
    assert_int_equal(contrast_direction(c, 0, none, v, &e), PERSONA_E_NUMERIC);
    assert_int_equal(contrast_direction(c, 2, NULL, v, &e), PERSONA_E_SHAPE);
    assert_int_equal(contrast_direction(c, 0, NULL, v, &e), PERSONA_OK);
    assert_true(vec_norm(v, 3) == 0);
    assert_int_equal(contrast_adjusted(c, 0, v, &report, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "same length"));
    contrast_free(c);
    contrast_free(NULL);
    for (size_t k = 1; k <= 4; k++) {
        persona_mem_fail_at(k);
        assert_int_equal(contrast_new(2, 2, 3, &c, NULL), PERSONA_E_NOMEM);
        persona_mem_fail_at(0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),      cmocka_unit_test(same_as_weighted_sum),
        cmocka_unit_test(pure_length), cmocka_unit_test(order),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
