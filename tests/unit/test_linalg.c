/* SPDX-License-Identifier: MIT
 *
 * test_linalg.c - linear algebra and random numbers against small numbers worked out by hand and
 * against plain loops.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"

static const double eps = 1e-12;

/* ---- rng.c ---------------------------------------------------------------------------------- */

/* The published first outputs of pcg32-demo. */
static void pcg_reference(void **state)
{
    (void)state;
    static const uint32_t want[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330,
                                    0x83d2f293, 0xbfa4784b, 0xcbed606e};
    rng r;
    rng_seed(&r, 42, 54);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(rng_u32(&r), want[i]);
    }
}

static void draws_are_fair(void **state)
{
    (void)state;
    enum { N = 60000 };
    rng r;
    rng_seed(&r, 7, 1);
    int count[6] = {0};
    double sum = 0.0, squares = 0.0, units = 0.0;
    for (int i = 0; i < N; i++) {
        count[rng_below(&r, 6)]++;
        const double u = rng_unit(&r), x = rng_normal(&r);
        assert_true(u >= 0.0 && u < 1.0 && isfinite(x));
        units += u;
        sum += x;
        squares += x * x;
    }
    for (size_t i = 0; i < 6; i++) {
        assert_true(abs(count[i] - N / 6) < 400); /* over four sd */
    }
    assert_double_equal(units / N, 0.5, 0.006);
    assert_double_equal(sum / N, 0.0, 0.02);
    assert_double_equal(squares / N, 1.0, 0.03);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rng_below(&r, 1), 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_true(rng_below(&r, 0x80000001U) <= 0x80000000U);
    }
}

static void shuffles(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 3, 1);
    int first[4] = {0};
    for (int t = 0; t < 4000; t++) {
        size_t x[4] = {0, 1, 2, 3}, seen = 0;
        rng_shuffle(&r, x, 4);
        for (size_t i = 0; i < 4; i++) {
            seen |= (size_t)1 << x[i];
        }
        assert_int_equal(seen, 15);
        first[x[0]]++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(abs(first[i] - 1000) < 130);
    }
    rng_shuffle(&r, NULL, 0);
}

static void mixes(void **state)
{
    (void)state;
    const uint32_t a = rng_mix(1, 2, 3);
    assert_int_equal(a, rng_mix(1, 2, 3));
    assert_true(a != rng_mix(1, 3, 2) && a != rng_mix(2, 1, 3) && a != rng_mix(1, 2, 4));
    assert_true(rng_mix(0, 0, 0) != rng_mix(0, 0, 1));
}

/* ---- vectors -------------------------------------------------------------------------------- */

static void vectors(void **state)
{
    (void)state;
    float a[19], b[19];
    double dot = 0.0;
    for (size_t j = 0; j < 19; j++) {
        a[j] = (float)j - 4.0F;
        b[j] = 2.0F - (float)(j * j);
        dot += (double)a[j] * (double)b[j];
    }
    for (size_t d = 0; d <= 19; d += 19) {
        assert_double_equal(vec_dot(a, b, d), (d ? dot : 0.0), eps);
    }
    const float p[] = {3.0F, 4.0F}, q[] = {-4.0F, 3.0F}, zero[] = {0.0F, 0.0F};
    assert_double_equal(vec_norm(p, 2), 5.0, eps);
    assert_double_equal(vec_cos(p, q, 2), 0.0, eps);
    assert_double_equal(vec_cos(p, p, 2), 1.0, eps);
    assert_double_equal(vec_cos(p, zero, 2), 0.0, 0.0);
    float y[] = {1.0F, 2.0F};
    vec_axpy(y, 0.5, p, 2);
    assert_double_equal((double)y[0], 2.5, 0.0);
    assert_double_equal((double)y[1], 4.0, 0.0);
    vec_scale(y, -2.0, 2);
    assert_double_equal((double)y[0], -5.0, 0.0);
    size_t bad = 9;
    float z[] = {1.0F, 2.0F, NAN, INFINITY};
    assert_true(vec_finite(z, 2, &bad));
    assert_int_equal(bad, 9);
    assert_false(vec_finite(z, 4, &bad));
    assert_int_equal(bad, 2);
    assert_false(vec_finite(z + 3, 1, NULL));
}

/* One million ones and a small term: a float sum would lose it. */
static void sums_in_double(void **state)
{
    (void)state;
    enum { D = 1 << 20 };
    float *ones = mem_calloc(D, sizeof *ones), *x = mem_calloc(D, sizeof *x);
    assert_true(ones && x);
    for (size_t j = 0; j < D; j++) {
        ones[j] = x[j] = 1.0F;
    }
    x[0] = 1e-3F;
    assert_double_equal(vec_dot(ones, x, D), D - 1 + (double)1e-3F, 1e-9);
    mem_free(x);
    mem_free(ones);
}

/* ---- matrices ------------------------------------------------------------------------------- */

static void fill(float *p, size_t n, uint64_t seed)
{
    rng r;
    rng_seed(&r, seed, 1);
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)rng_normal(&r);
    }
}

static void gram_by_hand(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6};
    double k[4];
    assert_int_equal(linalg_gram((mat){x, 2, 3}, k, NULL), PERSONA_OK);
    const double want[] = {14, 32, 32, 77};
    for (size_t i = 0; i < 4; i++) {
        assert_double_equal(k[i], want[i], eps);
    }
    assert_int_equal(linalg_gram((mat){x, 2, 0}, k, NULL), PERSONA_OK);
    assert_double_equal(k[0] + k[1] + k[2] + k[3], 0.0, 0.0);
    assert_int_equal(linalg_gram((mat){x, 0, 3}, k, NULL), PERSONA_OK);
    persona_err e;
    persona_mem_fail_at(1);
    assert_int_equal(linalg_gram((mat){x, 2, 3}, k, &e), PERSONA_E_NOMEM);
    assert_int_equal(linalg_gram((mat){x, (size_t)1 << 40, 1}, k, &e), PERSONA_E_SHAPE);
}

/* More columns than one block, and a last block that is not full. */
static void gram_in_blocks(void **state)
{
    (void)state;
    enum { N = 5, D = 1301 };
    static float x[N * D];
    double k[N * N];
    fill(x, N * D, 5);
    assert_int_equal(linalg_gram((mat){x, N, D}, k, NULL), PERSONA_OK);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            assert_double_equal(k[i * N + j], vec_dot(x + i * D, x + j * D, D), 1e-9);
        }
    }
}

static void eigh_by_hand(void **state)
{
    (void)state;
    /* [[2,1],[1,2]]: 1 with (1,-1)/sqrt 2, 3 with (1,1)/sqrt 2. */
    double k[] = {2, 1, 1, 2}, w[2];
    assert_int_equal(linalg_eigh(k, 2, w, NULL), PERSONA_OK);
    assert_double_equal(w[0], 1.0, eps);
    assert_double_equal(w[1], 3.0, eps);
    assert_double_equal(k[0] + k[2], 0.0, eps);
    assert_double_equal(fabs(k[0]), sqrt(0.5), eps);
    assert_double_equal(k[1] - k[3], 0.0, eps);
    double bad[] = {1, 0, 0, (double)NAN};
    persona_err e;
    assert_int_equal(linalg_eigh(bad, 2, w, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "not a number"));
    assert_int_equal(linalg_eigh(bad, 0, w, &e), PERSONA_OK);
    assert_int_equal(linalg_eigh(bad, (size_t)1 << 40, w, &e), PERSONA_E_SHAPE);
}

/* U diag(w) U^T = K and U^T U = I: also tells rows from columns. */
static void eigh_rebuilds(void **state)
{
    (void)state;
    enum { N = 17, D = 40 };
    static float x[N * D];
    double k[N * N], u[N * N], w[N];
    fill(x, N * D, 9);
    assert_int_equal(linalg_gram((mat){x, N, D}, k, NULL), PERSONA_OK);
    memcpy(u, k, sizeof k);
    assert_int_equal(linalg_eigh(u, N, w, NULL), PERSONA_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(i == 0 || w[i] >= w[i - 1]);
        for (size_t j = 0; j < N; j++) {
            double rebuilt = 0.0, unit = 0.0;
            for (size_t m = 0; m < N; m++) {
                rebuilt += u[i * N + m] * w[m] * u[j * N + m];
                unit += u[m * N + i] * u[m * N + j];
            }
            assert_double_equal(rebuilt, k[i * N + j], 1e-9);
            assert_double_equal(unit, (i == j ? 1.0 : 0.0), 1e-10);
        }
    }
}

static void solve_by_hand(void **state)
{
    (void)state;
    /* ([[3,2],[2,5]] + 1 I) a = b; the inverse of [[4,2],[2,6]] is [[6,-2],[-2,4]]/20. */
    double k[] = {3, 2, 2, 5}, b[] = {20, 0, 1, 0, 20, 1};
    assert_int_equal(linalg_solve_spd(k, 2, 1.0, b, 3, NULL), PERSONA_OK);
    const double want[] = {6, -2, 0.2, -2, 4, 0.1};
    for (size_t i = 0; i < 6; i++) {
        assert_double_equal(b[i], want[i], eps);
    }
}

static void solve_refuses(void **state)
{
    (void)state;
    persona_err e;
    double indefinite[] = {1, 2, 2, 1}, b[] = {1, 1};
    assert_int_equal(linalg_solve_spd(indefinite, 2, 0.5, b, 1, &e), PERSONA_E_NUMERIC);
    assert_string_equal(e.msg, "the matrix (2 rows) is not positive definite at row 1 with lambda "
                               "0.5; raise lambda");
    double bad[] = {1, (double)NAN, (double)NAN, 1}, k[] = {1, 0, 0, 1}, c[] = {(double)NAN, 1};
    assert_int_equal(linalg_solve_spd(bad, 2, 0.0, b, 1, &e), PERSONA_E_NUMERIC);
    assert_int_equal(linalg_solve_spd(k, 2, 0.0, c, 1, &e), PERSONA_E_NUMERIC);
    assert_string_equal(e.msg, "the solution is not finite in row 0, column 0 (lambda 0)");
    assert_int_equal(linalg_solve_spd(k, (size_t)1 << 40, 0.0, c, 1, &e), PERSONA_E_SHAPE);
    assert_int_equal(linalg_solve_spd(k, 0, 0.0, c, 1, &e), PERSONA_OK);
}

static void products(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, 1, 0, 3}; /* (2,3) (3,2) */
    double c[4] = {9, 9, 9, 9};
    linalg_gemm(a, b, c, 2, 3, 2);
    const double want[] = {5, 11, 14, 23};
    for (size_t i = 0; i < 4; i++) {
        assert_double_equal(c[i], want[i], eps);
    }
    linalg_gemm(a, b, c, 2, 0, 2);
    assert_double_equal(c[3], 0.0, 0.0);
    linalg_gemm(a, b, c, 0, 3, 2);

    enum { N = 7, D = 530 };
    static float m[N * D], x[D], y[D];
    double z[N];
    fill(m, N * D, 2);
    fill(x, D, 3);
    linalg_mul((mat){m, N, D}, x, z);
    linalg_tmul((mat){m, N, D}, z, y);
    for (size_t j = 0; j < D; j++) {
        double sum = 0.0;
        for (size_t i = 0; i < N; i++) {
            sum += z[i] * (double)m[i * D + j];
        }
        assert_double_equal((double)y[j], sum, 1e-4 * (1.0 + fabs(sum)) * 0.01);
    }
    assert_double_equal(z[3], vec_dot(m + 3 * D, x, D), eps);
}

static int one_thread(void **state)
{
    (void)state;
    linalg_threads(0);
    linalg_threads(1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcg_reference), cmocka_unit_test(draws_are_fair),
        cmocka_unit_test(shuffles),      cmocka_unit_test(mixes),
        cmocka_unit_test(vectors),       cmocka_unit_test(sums_in_double),
        cmocka_unit_test(gram_by_hand),  cmocka_unit_test(gram_in_blocks),
        cmocka_unit_test(eigh_by_hand),  cmocka_unit_test(eigh_rebuilds),
        cmocka_unit_test(solve_by_hand), cmocka_unit_test(solve_refuses),
        cmocka_unit_test(products),
    };
    return cmocka_run_group_tests(tests, one_thread, NULL);
}
