/* SPDX-License-Identifier: MIT
 *
 * test_map.c - maps between two activation spaces, every method: against numpy with explicit
 * refitting, and the degenerate cases whose answer is known (methods 5.5).
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
#include "core/map/leaveout.h"
#include "core/map/linmap.h"
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
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)rng_normal(&r);
    }
    return p;
}

/* Groups of four in turn. */
static size_t *fours(size_t n)
{
    size_t *group = calloc(n, sizeof *group);
    assert_non_null(group);
    for (size_t i = 0; i < n; i++) {
        group[i] = i / 4;
    }
    return group;
}

/* Rows 0 and 1, 2 and 3, ... are poles of one question. */
static map_data paired_rows(mat x, mat y, const size_t *group)
{
    static size_t pos[256], neg[256];
    assert_true(x.n <= 512);
    for (size_t i = 0; i < x.n / 2; i++) {
        pos[i] = 2 * i;
        neg[i] = 2 * i + 1;
    }
    return (map_data){.x = x,
                      .y = y,
                      .group = group,
                      .n_groups = (x.n + 3) / 4,
                      .pos = pos,
                      .neg = neg,
                      .n_contrasts = x.n / 2};
}

static map *fit(const char *method, const map_data *d, map_opts o, map_report *rep)
{
    map *m = NULL;
    persona_err e = {0};
    if (map_fit(map_method_find(method), d, &o, &m, rep, &e) != PERSONA_OK) {
        fail_msg("%s: %s", method, e.msg);
    }
    return m;
}

static void apply(const map *m, const float *v, float *out)
{
    double *middle = mem_calloc(m->k, sizeof *middle);
    assert_non_null(middle);
    linalg_mul((mat){m->left, m->k, m->ds}, v, middle);
    linalg_tmul((mat){m->right, m->k, m->dt}, middle, out);
    mem_free(middle);
}

/* A difference of means of the rows: in the span of the centred rows. */
static void contrast(mat x, float *v)
{
    memset(v, 0, x.d * sizeof *v);
    for (size_t i = 0; i < x.n; i++) {
        vec_axpy(v, i % 2 ? -2.0 / (double)x.n : 2.0 / (double)x.n, x.p + i * x.d, x.d);
    }
}

/* out = in * q (n, d) with q (d, d) orthogonal: Gram-Schmidt on random rows. */
static float *rotation(size_t d)
{
    float *q = normals(d * d, 77);
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < d; i++) {
            for (size_t k = 0; k < i; k++) {
                vec_axpy(q + i * d, -vec_dot(q + i * d, q + k * d, d), q + k * d, d);
            }
            vec_scale(q + i * d, 1 / vec_norm(q + i * d, d), d);
        }
    }
    return q;
}

static void rotate(mat x, const float *q, float *out)
{
    memset(out, 0, x.n * x.d * sizeof *out);
    for (size_t i = 0; i < x.n; i++) {
        for (size_t j = 0; j < x.d; j++) {
            vec_axpy(out + i * x.d, (double)x.p[i * x.d + j], q + j * x.d, x.d);
        }
    }
}

/* Against numpy: explicit refits, primal forms. */
static void golden_set(const json_val *d)
{
    double x[256], y[256], v[16], mapped[16], groups[64], pairs[2][64];
    float fx[256], fy[256], fv[16], out[16];
    size_t group[64], pos[64], neg[64];
    const json_val *cases = json_get(d, "cases");
    const size_t n = (size_t)golden_number(d, "n"), ds = (size_t)golden_number(d, "ds");
    const size_t dt = (size_t)golden_number(d, "dt"), n_pairs = json_len(json_get(d, "pos"));
    assert_int_equal(golden_array(d, "x", x, 256), n * ds);
    assert_int_equal(golden_array(d, "y", y, 256), n * dt);
    assert_int_equal(golden_array(d, "v", v, 16), ds);
    assert_int_equal(golden_array(d, "group", groups, 64), n);
    if (n_pairs > 0) {
        assert_int_equal(golden_array(d, "pos", pairs[0], 64), n_pairs);
        assert_int_equal(golden_array(d, "neg", pairs[1], 64), n_pairs);
    }
    for (size_t i = 0; i < n * ds; i++) {
        fx[i] = (float)x[i];
    }
    for (size_t i = 0; i < n * dt; i++) {
        fy[i] = (float)y[i];
    }
    for (size_t i = 0; i < ds; i++) {
        fv[i] = (float)v[i];
    }
    for (size_t i = 0; i < n; i++) {
        group[i] = (size_t)groups[i];
    }
    for (size_t i = 0; i < n_pairs; i++) {
        pos[i] = (size_t)pairs[0][i];
        neg[i] = (size_t)pairs[1][i];
    }
    const map_data data = {.x = {fx, n, ds},
                           .y = {fy, n, dt},
                           .group = group,
                           .n_groups = (size_t)golden_number(d, "n_groups"),
                           .pos = pos,
                           .neg = neg,
                           .n_contrasts = n_pairs};
    for (size_t k = 0; k < json_len(cases); k++) {
        const json_val *c = json_at(cases, k);
        const char *method = json_string(json_get(c, "method"));
        map_opts o = {.lambda = golden_number(c, "lambda"), .rank = 3, .n_anchors = 100};
        map_report rep;
        double norm = 0;
        map *m = fit(method, &data, o, &rep);
        apply(m, fv, out);
        /* Rows are kept in float: each is off by eps, and solving amplifies by the condition. */
        const double tolerance = (double)FLT_EPSILON * sqrt((double)n) * golden_number(c, "cond");
        if (json_typeof(json_get(c, "r2")) == JSON_NUMBER) {
            golden_near("held-out R2", rep.r2_heldout, golden_number(c, "r2"), tolerance);
            golden_near("R2 of contrasts", rep.r2_contrast, golden_number(c, "r2_contrast"),
                        tolerance);
        }
        golden_array(c, "mapped", mapped, 16);
        for (size_t j = 0; j < dt; j++) {
            norm += mapped[j] * mapped[j];
        }
        for (size_t j = 0; j < dt; j++) {
            golden_near(method, (double)out[j], mapped[j], tolerance * sqrt(norm));
        }
        map_free(m);
    }
}

static void golden(void **state)
{
    (void)state;
    json_doc *doc = golden_open("golden_map.json");
    const json_val *sets = json_get(json_root(doc), "sets");
    assert_int_equal(json_len(sets), 2);
    golden_set(json_at(sets, 0));
    golden_set(json_at(sets, 1));
    json_free(doc);
}

/* The same model on both sides, lambda -> 0: the vector comes back. */
static void same_model(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        size_t n, d;
        double cosine;
    } cases[] = {
        {"ridge", 24, 60, 0.9999},      {"ridge", 200, 32, 0.9999},
        {"paired", 200, 32, 0.9999},    {"lowrank", 200, 32, 0.9999},
        {"lowrank", 24, 60, 0.9999},    {"procrustes", 200, 32, 0.9999},
        {"procrustes", 24, 60, 0.9999}, {"anchors", 200, 32, 0.9999},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const size_t n = cases[k].n, d = cases[k].d;
        float *p = normals(n * d, 4 + k), *v = zeros(d), *out = zeros(d);
        size_t *group = fours(n);
        const mat x = {p, n, d};
        const map_data data = paired_rows(x, x, group);
        contrast(x, v);
        map *m = fit(cases[k].method, &data,
                     (map_opts){.lambda = 1e-7, .rank = (int)(n < d ? n - 1 : d), .n_anchors = 100},
                     NULL);
        apply(m, v, out);
        if (!(vec_cos(v, out, d) > cases[k].cosine)) {
            fail_msg("%s, %zu x %zu: cosine %g", cases[k].method, n, d, vec_cos(v, out, d));
        }
        golden_near(cases[k].method, vec_norm(out, d) / vec_norm(v, d), 1, 1e-2);
        map_free(m);
        free(group);
        free(out);
        free(v);
        free(p);
    }
}

/* Y = X Q: the map is the rotation. */
static void orthogonal_map(void **state)
{
    (void)state;
    const size_t n = 120, d = 40;
    float *p = normals(n * d, 8), *q = rotation(d), *y = zeros(n * d);
    float *v = zeros(d), *want = zeros(d), *out = zeros(d);
    size_t *group = fours(n);
    const mat x = {p, n, d};
    rotate(x, q, y);
    contrast(x, v);
    rotate((mat){v, 1, d}, q, want);
    const map_data data = paired_rows(x, (mat){y, n, d}, group);
    static const struct {
        const char *method;
        double cosine;
        bool exact; /* in the limit of lambda 0; else only as good as sampled components allow */
    } cases[] = {{"ridge", 0.9999, true},
                 {"paired", 0.9999, true},
                 {"lowrank", 0.9999, true},
                 {"procrustes", 0.99, false},
                 {"anchors", 0.9999, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        map_report rep;
        map *m = fit(cases[k].method, &data,
                     (map_opts){.lambda = 1e-7, .rank = (int)d, .n_anchors = 60}, &rep);
        apply(m, v, out);
        if (!(vec_cos(want, out, d) > cases[k].cosine)) {
            fail_msg("%s: cosine %g", cases[k].method, vec_cos(want, out, d));
        }
        if (!(rep.r2_contrast > (cases[k].exact ? 0.999 : 0.8))) {
            fail_msg("%s: R2 %g", cases[k].method, rep.r2_contrast);
        }
        assert_true(isnan(rep.r2_shuffled) && isnan(rep.r2_shuffled_max));
        map_free(m);
    }
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
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < ds; j++) {
            vec_axpy(y + i * dt, (double)x[i * ds + j], a + j * dt, dt);
        }
        order[i] = i;
    }
    rng_seed(&r, 14, 0);
    rng_shuffle(&r, order, n);
    for (size_t i = 0; i < n; i++) {
        memcpy(mixed + i * dt, y + order[i] * dt, dt * sizeof *y);
    }
    const map_data real = paired_rows((mat){x, n, ds}, (mat){y, n, dt}, group);
    const map_data null = paired_rows((mat){x, n, ds}, (mat){mixed, n, dt}, group);
    static const double least[] = {0.7, 0.2, 0.1, 0.6, 0.3};
    for (size_t k = 0; map_method_at(k); k++) {
        const char *method = map_method_at(k)->name;
        map_report one, two;
        map_free(fit(method, &real, map_defaults(), &one));
        if (!(one.r2_heldout > least[k]) || !(one.r2_contrast > least[k])) {
            fail_msg("%s: R2 %g, of contrasts %g", method, one.r2_heldout, one.r2_contrast);
        }
        if (!(one.r2_shuffled < 0.02) || !(one.r2_shuffled_max < 0.1) ||
            !(one.r2_shuffled_max >= one.r2_shuffled)) {
            fail_msg("%s: shuffled %g, at most %g", method, one.r2_shuffled, one.r2_shuffled_max);
        }
        map_free(fit(method, &null, map_defaults(), &two));
        if (!(two.r2_heldout < 0.02)) {
            fail_msg("%s: R2 %g of a shuffled target", method, two.r2_heldout);
        }
    }
    free(group);
    free(mixed);
    free(y);
    free(a);
    free(x);
}

/* The trait's own texts in the fit, fewer of them than dimensions, lambda -> 0: whatever the
 * models, the mapped mean difference is the target's own on the same texts. Nothing was
 * transferred (methods 5.2). */
static void own_texts(void **state)
{
    (void)state;
    const size_t n = 40, ds = 90, dt = 70;
    float *x = normals(n * ds, 51), *y = normals(n * dt, 52);
    float *v = zeros(ds), *bridge = zeros(dt), *out = zeros(dt);
    size_t *group = fours(n);
    const map_data data = paired_rows((mat){x, n, ds}, (mat){y, n, dt}, group);
    contrast((mat){x, n, ds}, v);
    contrast((mat){y, n, dt}, bridge);
    static const char *const methods[] = {"ridge", "paired"};
    for (size_t k = 0; k < 2; k++) {
        map_report rep;
        map *m = fit(methods[k], &data, (map_opts){.lambda = 1e-7, .n_shuffles = 2}, &rep);
        apply(m, v, out);
        golden_near(methods[k], vec_cos(bridge, out, dt), 1, 1e-4);
        golden_near("norm", vec_norm(out, dt) / vec_norm(bridge, dt), 1, 1e-3);
        assert_true(rep.r2_heldout < 0.05); /* and yet it predicts nothing */
        map_free(m);
    }
    free(group);
    free(out);
    free(bridge);
    free(v);
    free(y);
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
    map_report together, apart;
    for (size_t i = 0; i < n; i++) {
        alone[i] = i;
        for (size_t j = 0; j < d; j++) {
            x[i * d + j] = gx[group[i] * d + j] + 0.05f * noise[i * d + j];
            y[i * d + j] = gy[group[i] * d + j];
        }
    }
    map_data data = {.x = {x, n, d}, .y = {y, n, d}, .group = group, .n_groups = n};
    map_free(fit("ridge", &data, (map_opts){.n_shuffles = 0}, &together));
    data.group = alone;
    map_free(fit("ridge", &data, (map_opts){.n_shuffles = 0}, &apart));
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
    float *grown = zeros(n * d), *v = zeros(d), *before = zeros(d), *after = zeros(d);
    size_t *group = fours(n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) {
            vec_axpy(y + i * d, (double)p[i * d + j], a + j * d, d);
            grown[i * d + j] = p[i * d + j] * (j == 7 ? 1000 : 1);
        }
    }
    const map_data one = paired_rows((mat){p, n, d}, (mat){y, n, d}, group);
    const map_data two = paired_rows((mat){grown, n, d}, (mat){y, n, d}, group);
    for (size_t k = 0; map_method_at(k); k++) {
        const char *method = map_method_at(k)->name;
        map_report r1, r2;
        const map_opts o = {.n_anchors = 48};
        contrast(one.x, v);
        map *m = fit(method, &one, o, &r1);
        apply(m, v, before);
        map_free(m);
        contrast(two.x, v);
        m = fit(method, &two, o, &r2);
        apply(m, v, after);
        map_free(m);
        golden_near(method, vec_cos(before, after, d), 1, 1e-3);
        golden_near(method, vec_norm(after, d) / vec_norm(before, d), 1, 0.02);
        golden_near(method, r2.r2_heldout, r1.r2_heldout, 0.02);
    }
    free(group);
    free(after);
    free(before);
    free(v);
    free(grown);
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
    const map_data data = paired_rows((mat){x, n, d}, (mat){y, n, d}, group);
    for (size_t k = 0; map_method_at(k); k++) {
        map_opts o = {.n_anchors = 20, .n_shuffles = 3};
        map_report a, b;
        map_free(fit(map_method_at(k)->name, &data, o, &a));
        map_free(fit(map_method_at(k)->name, &data, o, &b));
        assert_true(a.r2_heldout == b.r2_heldout && a.r2_shuffled == b.r2_shuffled);
        assert_true(a.rank == b.rank && a.n == (k == 3 ? n / 2 : n) && a.n_groups == 10);
        o.seed = 1;
        map_free(fit(map_method_at(k)->name, &data, o, &b));
        assert_true(a.r2_shuffled != b.r2_shuffled);
    }
    free(group);
    free(y);
    free(x);
}

/* Single precision where the condition allows it, double below: one curve. */
static void precision(void **state)
{
    (void)state;
    const size_t n = 160, d = 48;
    float *p = normals(n * d, 61), *a = normals(d * d, 62), *q = normals(n * d, 63);
    size_t *group = fours(n);
    map_groups g;
    map_side x, y;
    leaveout l;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 1; j < d; j++) { /* one strong direction: a large condition number */
            p[i * d + j] = 0.02f * p[i * d + j] + p[i * d];
        }
        for (size_t j = 0; j < d; j++) {
            vec_axpy(q + i * d, (double)p[i * d + j], a + j * d, d);
        }
    }
    assert_int_equal(map_groups_make(&g, group, n, n / 4, NULL), PERSONA_OK);
    assert_int_equal(map_side_make(&x, (mat){p, n, d}, g.order, true, "", NULL), PERSONA_OK);
    assert_int_equal(map_side_make(&y, (mat){q, n, d}, g.order, true, "", NULL), PERSONA_OK);
    assert_int_equal(leaveout_begin(&l, x.z, d, &g, n, true, NULL), PERSONA_OK);
    float *exact = zeros(n * d);
    for (int step = 0; step < 9; step++) {
        const double lambda = 1e-3 * pow(10, 0.5 * step);
        leaveout_best best;
        leaveout_target t = {.y = y.z, .width = d, .n_sets = 1};
        const leaveout_search s = {&t, 1, &lambda, 1};
        assert_int_equal(leaveout_run(&l, &s, &best, NULL), PERSONA_OK);
        assert_int_equal(leaveout_set(&l, lambda, NULL), PERSONA_OK);
        assert_int_equal(leaveout_solve(&l, y.z, d, exact, NULL), PERSONA_OK);
        assert_int_equal(leaveout_errors(&l, exact, d, NULL), PERSONA_OK);
        golden_near("R2", best.r2, leaveout_r2(exact, y.z, n, d, 0, d), 2e-3);
    }
    free(exact);
    leaveout_end(&l);
    map_side_free(&x);
    map_side_free(&y);
    map_groups_free(&g);
    free(group);
    free(q);
    free(a);
    free(p);
}

static void refused(const map_data *d, persona_code code, const char *text)
{
    map *m = NULL;
    persona_err e = {0};
    const map_opts o = map_defaults();
    const persona_code rc = map_fit(map_method_at(0), d, &o, &m, NULL, &e);
    if (rc != code || !strstr(e.msg, text) || m) {
        fail_msg("code %d (expected %d), \"%s\" (expected %s)", (int)rc, (int)code, e.msg, text);
    }
}

static void errors(void **state)
{
    (void)state;
    const size_t n = 16, d = 9;
    float *x = normals(n * d, 41), *y = normals(n * d, 42), *flat = zeros(n * d);
    float *few = zeros(n * d);
    size_t *group = fours(n), none[16] = {0}, bad[2] = {0, 5};
    const mat good = {x, n, d}, target = {y, n, d};
    map_data data = paired_rows(good, target, group);
    data.y.n = n - 1;
    refused(&data, PERSONA_E_SHAPE, "16 source rows and 15");
    data = paired_rows((mat){x, 4, d}, (mat){y, 4, d}, group);
    refused(&data, PERSONA_E_SHAPE, "4 texts");
    data = paired_rows(good, target, group);
    data.n_groups = 3;
    refused(&data, PERSONA_E_SHAPE, "text 12");
    data = paired_rows(good, target, none);
    refused(&data, PERSONA_E_SHAPE, "one group");
    data = paired_rows(good, target, group);
    data.pos = bad;
    data.neg = bad + 1;
    data.n_contrasts = 1;
    refused(&data, PERSONA_E_SHAPE, "rows 0 and 5");
    data = paired_rows(good, (mat){flat, n, d}, group);
    refused(&data, PERSONA_E_NUMERIC, "target activations are the same");
    x[2 * d + 3] = (float)NAN;
    data = paired_rows(good, target, group);
    refused(&data, PERSONA_E_NUMERIC, "source row 2, value 3");
    x[2 * d + 3] = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(few + i * d, x + i % 3 * d, d * sizeof *few);
    }
    data = paired_rows((mat){few, n, d}, target, group);
    refused(&data, PERSONA_E_NUMERIC, "only 2 directions of the source");
    free(few);
    free(group);
    free(flat);
    free(y);
    free(x);
}

static void paired_needs_pairs(void **state)
{
    (void)state;
    float *x = normals((size_t)16 * 9, 43);
    size_t *group = fours(16);
    const map_opts o = map_defaults();
    map *m = NULL;
    persona_err e = {0};
    map_data data = paired_rows((mat){x, 16, 9}, (mat){x, 16, 9}, group);
    data.n_contrasts = 7;
    assert_int_equal(map_fit(map_method_find("paired"), &data, &o, &m, NULL, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "there are 7"));
    assert_null(map_method_find("magic"));
    free(group);
    free(x);
}

static void values_and_memory(void **state)
{
    (void)state;
    const size_t n = 16, d = 9;
    float *x = normals(n * d, 44), *y = normals(n * d, 45), v[9] = {0}, out[9];
    size_t *group = fours(n);
    for (size_t i = 0; i < n; i++) {
        x[i * d + 1] = 4; /* a constant dimension is fine */
    }
    const map_data data = paired_rows((mat){x, n, d}, (mat){y, n, d}, group);
    map *m = fit("ridge", &data, map_defaults(), NULL);
    apply(m, v, out);
    assert_true(vec_finite(out, d, NULL) && vec_norm(out, d) == 0);
    map_free(m);
    map_free(NULL);
    for (size_t i = 0; map_method_at(i); i++) {
        const map_opts o = {.n_anchors = 8, .n_shuffles = 1};
        persona_code rc = PERSONA_E_NOMEM;
        for (size_t k = 1; rc != PERSONA_OK; k++) {
            persona_mem_fail_at(k);
            rc = map_fit(map_method_at(i), &data, &o, &m, NULL, NULL);
            persona_mem_fail_at(0);
            assert_true(rc == PERSONA_OK || (rc == PERSONA_E_NOMEM && !m));
        }
        map_free(m);
    }
    free(group);
    free(y);
    free(x);
}

int main(void)
{
    linalg_threads(1); /* many tiny products: threads would only wait for each other */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(same_model),
        cmocka_unit_test(orthogonal_map),
        cmocka_unit_test(shuffled_target),
        cmocka_unit_test(own_texts),
        cmocka_unit_test(group_leak),
        cmocka_unit_test(massive_dimension),
        cmocka_unit_test(seeds),
        cmocka_unit_test(precision),
        cmocka_unit_test(errors),
        cmocka_unit_test(paired_needs_pairs),
        cmocka_unit_test(values_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
