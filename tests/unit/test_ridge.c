/* SPDX-License-Identifier: MIT
 *
 * test_ridge.c - the map between two activation spaces: against numpy with explicit refitting, and
 * the degenerate cases whose answer is known (methods 5.5).
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
#include "core/ridge.h"
#include "golden.h"

static float *zeros(size_t n)
{
    float *p = calloc(n, sizeof *p);
    assert_non_null(p);
    return p;
}

static float *normals(size_t n, uint64_t seed)
{
    rng r;
    float *p = zeros(n);
    rng_seed(&r, seed, 0);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)rng_normal(&r);
    return p;
}

/* Groups of four in turn. */
static size_t *fours(size_t n)
{
    size_t *group = calloc(n, sizeof *group);
    assert_non_null(group);
    for (size_t i = 0; i < n; i++)
        group[i] = i / 4;
    return group;
}

static ridge_map *fit(mat x, mat y, const size_t *group, ridge_opts o, ridge_report *rep)
{
    ridge_map *m = NULL;
    persona_err e = {0};
    if (ridge_fit(x, y, group, (x.n + 3) / 4, &o, &m, rep, &e) != PERSONA_OK)
        fail_msg("%s", e.msg);
    return m;
}

/* A difference of means of the rows: in the span of the centred rows. */
static void contrast(mat x, float *v)
{
    memset(v, 0, x.d * sizeof *v);
    for (size_t i = 0; i < x.n; i++)
        vec_axpy(v, i % 2 ? -2.0 / (double)x.n : 2.0 / (double)x.n, x.p + i * x.d, x.d);
}

/* out = in * q (n, d) with q (d, d) orthogonal: Gram-Schmidt on random rows. */
static float *rotation(size_t d)
{
    float *q = normals(d * d, 77);
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < d; i++) {
            for (size_t k = 0; k < i; k++)
                vec_axpy(q + i * d, -vec_dot(q + i * d, q + k * d, d), q + k * d, d);
            vec_scale(q + i * d, 1 / vec_norm(q + i * d, d), d);
        }
    return q;
}

static void rotate(mat x, const float *q, float *out)
{
    memset(out, 0, x.n * x.d * sizeof *out);
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 0; j < x.d; j++)
            vec_axpy(out + i * x.d, (double)x.p[i * x.d + j], q + j * x.d, x.d);
}

static void golden(void **state)
{
    (void)state;
    double x[256], y[256], v[16], mapped[16], groups[64];
    float fx[256], fy[256], fv[16], out[16];
    size_t group[64];
    json_doc *doc = golden_open("golden_ridge.json");
    const json_val *d = json_root(doc), *cases = json_get(d, "cases");
    const size_t n = (size_t)golden_number(d, "n"), ds = (size_t)golden_number(d, "ds");
    const size_t dt = (size_t)golden_number(d, "dt");
    assert_int_equal(golden_array(d, "x", x, 256), n * ds);
    assert_int_equal(golden_array(d, "y", y, 256), n * dt);
    assert_int_equal(golden_array(d, "v", v, 16), ds);
    assert_int_equal(golden_array(d, "group", groups, 64), n);
    for (size_t i = 0; i < n * ds; i++)
        fx[i] = (float)x[i];
    for (size_t i = 0; i < n * dt; i++)
        fy[i] = (float)y[i];
    for (size_t i = 0; i < ds; i++)
        fv[i] = (float)v[i];
    for (size_t i = 0; i < n; i++)
        group[i] = (size_t)groups[i];
    for (size_t k = 0; k < json_len(cases); k++) {
        const json_val *c = json_at(cases, k);
        ridge_opts o = ridge_defaults();
        ridge_report rep;
        ridge_map *m = NULL;
        persona_err e = {0};
        double norm = 0;
        o.lambda = golden_number(c, "lambda");
        o.robust_scale = k >= json_len(cases) / 2;
        if (ridge_fit((mat){fx, n, ds}, (mat){fy, n, dt}, group, 6, &o, &m, &rep, &e) ||
            ridge_apply(m, fv, out, &e))
            fail_msg("%s", e.msg);
        /* Rows are kept in float: each is off by eps, and solving amplifies by the condition. */
        const double tolerance = (double)FLT_EPSILON * sqrt((double)n) * golden_number(c, "cond");
        golden_near("held-out R2", rep.r2_heldout, golden_number(c, "r2"), tolerance);
        golden_array(c, "mapped", mapped, 16);
        for (size_t j = 0; j < dt; j++)
            norm += mapped[j] * mapped[j];
        for (size_t j = 0; j < dt; j++)
            golden_near("mapped", (double)out[j], mapped[j], tolerance * sqrt(norm));
        assert_true(rep.lambda == o.lambda && rep.n_groups == 6 && rep.n == n);
        ridge_free(m);
    }
    json_free(doc);
}

/* The same model on both sides, lambda -> 0: the vector comes back. */
static void same_model(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{24, 60}, {200, 32}};
    for (size_t k = 0; k < 2; k++) {
        const size_t n = sizes[k][0], d = sizes[k][1];
        float *p = normals(n * d, 4 + k), *v = zeros(d), *out = zeros(d);
        size_t *group = fours(n);
        const mat x = {p, n, d};
        contrast(x, v);
        for (int robust = 0; robust < 2; robust++) {
            ridge_map *m =
                fit(x, x, group, (ridge_opts){.lambda = 1e-7, .robust_scale = robust}, NULL);
            assert_int_equal(ridge_apply(m, v, out, NULL), PERSONA_OK);
            assert_true(vec_cos(v, out, d) > 0.9999);
            golden_near("norm", vec_norm(out, d) / vec_norm(v, d), 1, 1e-3);
            ridge_free(m);
        }
        free(group);
        free(out);
        free(v);
        free(p);
    }
}

static void orthogonal_map(void **state)
{
    (void)state;
    const size_t n = 120, d = 40;
    float *p = normals(n * d, 8), *q = rotation(d), *y = zeros(n * d);
    float *v = zeros(d), *want = zeros(d), *out = zeros(d);
    size_t *group = fours(n);
    ridge_report rep;
    const mat x = {p, n, d};
    rotate(x, q, y);
    contrast(x, v);
    rotate((mat){v, 1, d}, q, want);
    ridge_map *m = fit(x, (mat){y, n, d}, group, (ridge_opts){.lambda = 1e-7}, &rep);
    assert_int_equal(ridge_apply(m, v, out, NULL), PERSONA_OK);
    assert_true(vec_cos(want, out, d) > 0.9999);
    assert_true(rep.r2_heldout > 0.999);
    assert_true(isnan(rep.r2_shuffled) && isnan(rep.r2_shuffled_max));
    ridge_free(m);
    free(group);
    free(out);
    free(want);
    free(v);
    free(y);
    free(q);
    free(p);
}

/* y = x A + noise with a wide target, so that the sketch is used; then the same y shuffled. */
static void shuffled_target(void **state)
{
    (void)state;
    const size_t n = 96, ds = 12, dt = 150;
    float *x = normals(n * ds, 11), *a = normals(ds * dt, 12), *y = normals(n * dt, 13);
    float *mixed = zeros(n * dt);
    size_t *group = fours(n), order[96];
    rng r;
    ridge_report rep;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < ds; j++)
            vec_axpy(y + i * dt, (double)x[i * ds + j], a + j * dt, dt);
        order[i] = i;
    }
    ridge_map *m = fit((mat){x, n, ds}, (mat){y, n, dt}, group, ridge_defaults(), &rep);
    ridge_free(m);
    assert_true(rep.r2_heldout > 0.7);
    assert_true(rep.r2_shuffled < 0.02 && rep.r2_shuffled_max < 0.1);
    assert_true(rep.r2_shuffled_max >= rep.r2_shuffled);
    assert_true(rep.lambda >= 1e-4 && rep.lambda <= 1e2);

    rng_seed(&r, 14, 0);
    rng_shuffle(&r, order, n);
    for (size_t i = 0; i < n; i++)
        memcpy(mixed + i * dt, y + order[i] * dt, dt * sizeof *y);
    m = fit((mat){x, n, ds}, (mat){mixed, n, dt}, group, ridge_defaults(), &rep);
    ridge_free(m);
    assert_true(rep.r2_heldout < 0.02);
    free(group);
    free(mixed);
    free(y);
    free(a);
    free(x);
}

/* Groups that share their noise: leaving one row out would be fooled, leaving the group out is
 * not. */
static void group_leak(void **state)
{
    (void)state;
    const size_t n = 80, d = 30;
    float *x = zeros(n * d), *y = zeros(n * d), *gx = normals(n / 4 * d, 15);
    float *gy = normals(n / 4 * d, 16), *noise = normals(n * d, 17);
    size_t *group = fours(n), *alone = fours(n);
    ridge_report together, apart;
    ridge_map *m = NULL;
    for (size_t i = 0; i < n; i++) {
        alone[i] = i;
        for (size_t j = 0; j < d; j++) {
            x[i * d + j] = gx[group[i] * d + j] + 0.05f * noise[i * d + j];
            y[i * d + j] = gy[group[i] * d + j];
        }
    }
    const ridge_opts o = {.n_shuffles = 0};
    m = fit((mat){x, n, d}, (mat){y, n, d}, group, o, &together);
    ridge_free(m);
    assert_int_equal(ridge_fit((mat){x, n, d}, (mat){y, n, d}, alone, n, &o, &m, &apart, NULL),
                     PERSONA_OK);
    ridge_free(m);
    assert_true(together.r2_heldout < 0.05);
    assert_true(apart.r2_heldout > 0.8);
    free(alone);
    free(group);
    free(noise);
    free(gy);
    free(gx);
    free(y);
    free(x);
}

/* One dimension of the source grows a thousandfold (a massive activation). */
static void massive_dimension(void **state)
{
    (void)state;
    const size_t n = 96, d = 20;
    float *p = normals(n * d, 21), *a = normals(d * d, 22), *y = normals(n * d, 23);
    float *v = zeros(d), *before = zeros(d), *after = zeros(d);
    size_t *group = fours(n);
    const mat x = {p, n, d};
    ridge_report one, two;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            vec_axpy(y + i * d, (double)p[i * d + j], a + j * d, d);
    contrast(x, v);
    ridge_map *m = fit(x, (mat){y, n, d}, group, ridge_defaults(), &one);
    assert_int_equal(ridge_apply(m, v, before, NULL), PERSONA_OK);
    ridge_free(m);
    for (size_t i = 0; i < n; i++)
        p[i * d + 7] *= 1000;
    contrast(x, v);
    m = fit(x, (mat){y, n, d}, group, ridge_defaults(), &two);
    assert_int_equal(ridge_apply(m, v, after, NULL), PERSONA_OK);
    ridge_free(m);
    golden_near("cosine", vec_cos(before, after, d), 1, 1e-3);
    golden_near("norm", vec_norm(after, d) / vec_norm(before, d), 1, 0.02);
    golden_near("R2", two.r2_heldout, one.r2_heldout, 0.02);
    free(group);
    free(after);
    free(before);
    free(v);
    free(y);
    free(a);
    free(p);
}

static void seeds(void **state)
{
    (void)state;
    const size_t n = 40, d = 100;
    float *x = normals(n * d, 31), *y = normals(n * d, 32);
    size_t *group = fours(n);
    ridge_opts o = ridge_defaults();
    ridge_report a, b;
    ridge_free(fit((mat){x, n, d}, (mat){y, n, d}, group, o, &a));
    ridge_free(fit((mat){x, n, d}, (mat){y, n, d}, group, o, &b));
    assert_true(a.r2_heldout == b.r2_heldout && a.r2_shuffled == b.r2_shuffled &&
                a.lambda == b.lambda);
    o.seed = 1;
    ridge_free(fit((mat){x, n, d}, (mat){y, n, d}, group, o, &b));
    assert_true(a.r2_shuffled != b.r2_shuffled);
    free(group);
    free(y);
    free(x);
}

static void errors(void **state)
{
    (void)state;
    const size_t n = 16, d = 5;
    float *x = normals(n * d, 41), *y = normals(n * d, 42), *flat = zeros(n * d), v[5] = {0},
          out[5];
    size_t *group = fours(n), none[16] = {0};
    ridge_opts o = ridge_defaults();
    ridge_map *m = NULL;
    persona_err e = {0};
    const mat good = {x, n, d}, target = {y, n, d};
    assert_int_equal(ridge_fit(good, (mat){y, n - 1, d}, group, 4, &o, &m, NULL, &e),
                     PERSONA_E_SHAPE);
    assert_int_equal(ridge_fit((mat){x, 4, d}, (mat){y, 4, d}, group, 4, &o, &m, NULL, &e),
                     PERSONA_E_SHAPE);
    assert_int_equal(ridge_fit(good, target, group, 3, &o, &m, NULL, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "text 12"));
    assert_int_equal(ridge_fit(good, target, none, 4, &o, &m, NULL, &e), PERSONA_E_SHAPE);
    assert_int_equal(ridge_fit(good, (mat){flat, n, d}, group, 4, &o, &m, NULL, &e),
                     PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "target"));
    x[2 * d + 3] = (float)NAN;
    assert_int_equal(ridge_fit(good, target, group, 4, &o, &m, NULL, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "source row 2, value 3"));
    assert_null(m);
    x[2 * d + 3] = 0;
    x[0] = 1;
    for (size_t i = 0; i < n; i++)
        x[i * d + 1] = 4; /* a constant dimension is fine */
    assert_int_equal(ridge_fit(good, target, group, 4, &o, &m, NULL, &e), PERSONA_OK);
    v[2] = (float)INFINITY;
    assert_int_equal(ridge_apply(m, v, out, &e), PERSONA_E_NUMERIC);
    v[2] = 0;
    assert_int_equal(ridge_apply(m, v, out, &e), PERSONA_OK);
    assert_true(vec_finite(out, d, NULL) && vec_norm(out, d) == 0);
    ridge_free(m);
    ridge_free(NULL);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = ridge_fit(good, target, group, 4, &o, &m, NULL, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    ridge_free(m);
    free(group);
    free(flat);
    free(y);
    free(x);
}

int main(void)
{
    linalg_threads(1); /* many tiny products: threads would only wait for each other */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),         cmocka_unit_test(same_model),
        cmocka_unit_test(orthogonal_map), cmocka_unit_test(shuffled_target),
        cmocka_unit_test(group_leak),     cmocka_unit_test(massive_dimension),
        cmocka_unit_test(seeds),          cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
