/* SPDX-License-Identifier: MIT
 *
 * test_joint.c - the minimum-norm edit: it moves every projection by what was asked, no edit that
 * does so is shorter, and a budget shortens it as a whole.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "pipeline/dose/resolve.h"

enum { K = 6, D = 96 };

typedef struct problem {
    float values[K][D];
    const float *rows[K];
    double shifts[K];
    size_t k;
} problem;

/* Random directions of random lengths; every other one close to the one before it. */
static void draw(rng *r, problem *p)
{
    p->k = 1 + rng_below(r, K);
    for (size_t i = 0; i < p->k; i++) {
        const double length = exp(4 * rng_unit(r) - 2);
        for (size_t j = 0; j < D; j++) {
            p->values[i][j] = (float)(length * rng_normal(r));
        }
        if (i % 2 == 1) {
            vec_axpy(p->values[i], 3 * length / vec_norm(p->values[i - 1], D) * sqrt(D),
                     p->values[i - 1], D);
        }
        p->rows[i] = p->values[i];
        p->shifts[i] = 5 * rng_normal(r);
    }
}

static resolve_shifts asking(const problem *p, double longest, float *delta)
{
    return (resolve_shifts){
        .rows = p->rows, .k = p->k, .d = D, .asked = p->shifts, .longest = longest, .delta = delta};
}

static double projection(const problem *p, size_t i, const float *x)
{
    return vec_dot(x, p->rows[i], D) / vec_norm(p->rows[i], D);
}

static void hits_what_was_asked(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 3, 0);
    for (int t = 0; t < 500; t++) {
        problem p;
        float delta[D];
        double cosines[K * K];
        draw(&r, &p);
        resolve_shifts x = asking(&p, 0, delta);
        x.cosines = cosines;
        assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
        assert_true(fabs(x.scale - 1) < 1e-12 && x.condition >= 1 - 1e-6);
        double most = 0;
        for (size_t i = 0; i < p.k; i++) {
            most = fmax(most, fabs(p.shifts[i]));
        }
        for (size_t i = 0; i < p.k; i++) {
            assert_true(fabs(projection(&p, i, delta) - p.shifts[i]) < 1e-3 * most);
            for (size_t k = 0; k < p.k; k++) {
                const double cosine = vec_cos(p.rows[i], p.rows[k], D);
                assert_true(fabs(cosines[i * p.k + k] - cosine) < 1e-5);
            }
        }
        /* What is added to it at right angles to all rows only makes it longer: delta lies in
         * their span, so its part outside is nothing. */
        float rest[D];
        memcpy(rest, delta, sizeof rest);
        float basis[K][D];
        for (size_t i = 0; i < p.k; i++) {
            memcpy(basis[i], p.rows[i], sizeof basis[i]);
            for (int twice = 0; twice < 2; twice++) {
                for (size_t k = 0; k < i; k++) {
                    vec_axpy(basis[i], -vec_dot(basis[i], basis[k], D), basis[k], D);
                }
            }
            vec_scale(basis[i], 1 / vec_norm(basis[i], D), D);
            vec_axpy(rest, -vec_dot(rest, basis[i], D), basis[i], D);
        }
        assert_true(vec_norm(rest, D) < 1e-3 * vec_norm(delta, D) + 1e-6);
    }
}

static void budget(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 4, 0);
    for (int t = 0; t < 100; t++) {
        problem p;
        float whole[D], less[D];
        draw(&r, &p);
        resolve_shifts x = asking(&p, 0, whole);
        assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
        const double length = vec_norm(whole, D), longest = 0.5 * length;
        x = asking(&p, longest, less);
        assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
        assert_true(fabs(vec_norm(less, D) - longest) < 1e-4 * longest);
        assert_true(fabs(x.scale - 0.5) < 1e-6 && vec_cos(whole, less, D) > 1 - 1e-6);
        x = asking(&p, 2 * length, less);
        assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
        assert_memory_equal(whole, less, sizeof whole);
    }
}

/* The same direction twice, asked for two things: no number that is not one, and a condition that
 * says so. */
static void dependent(void **state)
{
    (void)state;
    float row[D], delta[D], zeros[D] = {0};
    rng r;
    rng_seed(&r, 5, 0);
    for (size_t j = 0; j < D; j++) {
        row[j] = (float)rng_normal(&r);
    }
    problem p = {.rows = {row, row}, .shifts = {1, -1}, .k = 2};
    resolve_shifts x = asking(&p, 0, delta);
    assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
    assert_true(vec_finite(delta, D, NULL) && vec_norm(delta, D) < 1);
    assert_true(x.condition > 1e4);
    p.shifts[0] = p.shifts[1] = 2;
    assert_int_equal(resolve_solve(&x, NULL), PERSONA_OK);
    assert_true(fabs(vec_norm(delta, D) - 2) < 1e-3); /* once, not twice */
    p.rows[1] = zeros;
    assert_int_equal(resolve_solve(&x, NULL), PERSONA_E_NUMERIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_what_was_asked),
        cmocka_unit_test(budget),
        cmocka_unit_test(dependent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
