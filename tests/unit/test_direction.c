/* SPDX-License-Identifier: MIT
 *
 * test_direction.c - every method against scikit-learn, and where the answer is known.
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
#include "core/measure/direction.h"
#include "story.h"

enum { MAX = 4096 };

/* Owns its arrays. */
typedef struct problem {
    direction_data data;
    float pos[MAX], neg[MAX], mean[MAX];
    size_t question[MAX];
} problem;

/* The mean difference from the rows. */
static void finish(problem *p, size_t n, size_t d)
{
    for (size_t k = 0; k < d; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)p->pos[i * d + k] - (double)p->neg[i * d + k];
        }
        p->mean[k] = (float)(sum / (double)n);
    }
    p->data = (direction_data){.d = d,
                               .mean = p->mean,
                               .pos = {p->pos, n, d},
                               .neg = {p->neg, n, d},
                               .question = p->question};
}

static void make(const char *name, const direction_data *data, float *v, direction_report *report)
{
    persona_err e = {0};
    if (direction_make(direction_find(name), data, v, report, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
}

static void golden(void **state)
{
    (void)state;
    static problem p;
    static double number[MAX];
    float v[64];
    direction_report report;
    json_doc *doc = golden_open("golden_direction.json");
    const json_val *cases = json_get(json_root(doc), "cases");
    assert_int_equal(json_len(cases), 3);
    for (size_t c = 0; c < json_len(cases); c++) {
        const json_val *want = json_at(cases, c), *logistic = json_get(want, "logistic");
        const size_t n = (size_t)golden_number(want, "n"), d = (size_t)golden_number(want, "d");
        assert_int_equal(golden_array(want, "pos", number, MAX), n * d);
        for (size_t i = 0; i < n * d; i++) {
            p.pos[i] = (float)number[i];
        }
        assert_int_equal(golden_array(want, "neg", number, MAX), n * d);
        for (size_t i = 0; i < n * d; i++) {
            p.neg[i] = (float)number[i];
        }
        assert_int_equal(golden_array(want, "question", number, MAX), n);
        for (size_t i = 0; i < n; i++) {
            p.question[i] = (size_t)number[i];
        }
        finish(&p, n, d);
        make("mean", &p.data, v, &report);
        golden_vector(want, "mean", v, d, (double)FLT_EPSILON);
        golden_near("cosine", report.cosine, 1, 1e-12);
        make("pca", &p.data, v, &report);
        golden_vector(want, "pca", v, d, 1e-5);
        golden_near("explained", report.explained, golden_number(want, "explained"), 1e-6);
        for (size_t s = 0; s < json_len(logistic); s++) {
            p.data.strength = golden_number(json_at(logistic, s), "strength");
            make("logistic", &p.data, v, &report);
            golden_vector(json_at(logistic, s), "v", v, d, 2e-4); /* sklearn stops there */
            assert_true(isnan(report.loss) && report.strength == p.data.strength);
        }
        p.data.strength = 0;
        make("logistic", &p.data, v, &report);
        golden_near("strength", log10(report.strength), log10(golden_number(want, "best_strength")),
                    1e-12);
        golden_near("loss", report.loss, golden_number(want, "best_loss"), 1e-4);
    }
    json_free(doc);
}

/* Two clouds around +-trait/2 plus a strong nuisance that both members of a pair share. */
static void clouds(problem *p, size_t n, size_t d, double noise, uint64_t seed)
{
    rng r;
    float trait[64], nuisance[64];
    rng_seed(&r, seed, 0);
    for (size_t k = 0; k < d; k++) {
        trait[k] = (float)rng_normal(&r);
        nuisance[k] = (float)(3 * rng_normal(&r));
    }
    for (size_t i = 0; i < n; i++) {
        const double shared = rng_normal(&r);
        p->question[i] = i / 3;
        for (size_t k = 0; k < d; k++) {
            const double base = shared * (double)nuisance[k];
            p->pos[i * d + k] = (float)(base + (double)trait[k] / 2 + noise * rng_normal(&r));
            p->neg[i * d + k] = (float)(base - (double)trait[k] / 2 + noise * rng_normal(&r));
        }
    }
    finish(p, n, d);
}

/* For every method, fewer pairs than dimensions and more: the unit rule; poles swapped, the vector
 * is turned around; rows shifted, it stays; rows scaled, it scales. */
static void properties(void **state)
{
    (void)state;
    static problem p, q;
    static const size_t shapes[][2] = {{12, 60}, {60, 12}, {30, 60}};
    size_t n_methods;
    const direction_method *methods = direction_methods(&n_methods);
    assert_int_equal(n_methods, 3);
    for (size_t s = 0; s < 3; s++) {
        for (size_t m = 0; m < n_methods; m++) {
            const size_t n = shapes[s][0], d = shapes[s][1];
            float v[64], w[64];
            direction_report a, b;
            clouds(&p, n, d, 0.4, 10 + s);
            make(methods[m].name, &p.data, v, &a);
            golden_near("class separation", vec_dot(v, p.mean, d) / vec_norm(v, d), vec_norm(v, d),
                        1e-5 * vec_norm(v, d));
            assert_true(a.cosine > 0.5 && a.cosine <= 1);

            make(methods[m].name, &p.data, w, &b);
            assert_memory_equal(v, w, d * sizeof *v);

            clouds(&q, n, d, 0.4, 10 + s);
            memcpy(q.pos, p.neg, sizeof q.pos);
            memcpy(q.neg, p.pos, sizeof q.neg);
            finish(&q, n, d);
            make(methods[m].name, &q.data, w, &b);
            golden_near("swapped", vec_cos(v, w, d), -1, 1e-6);

            for (size_t i = 0; i < n * d; i++) {
                q.pos[i] = 3 * (p.pos[i] + (float)(i % d));
                q.neg[i] = 3 * (p.neg[i] + (float)(i % d));
            }
            finish(&q, n, d);
            make(methods[m].name, &q.data, w, &b);
            golden_near("shifted", vec_cos(v, w, d), 1, 1e-6);
            golden_near("scaled", vec_norm(w, d) / vec_norm(v, d), 3, 1e-4);
        }
    }
}

/* A very strong penalty leaves the mean difference; a shared nuisance does not reach pca. */
static void limits(void **state)
{
    (void)state;
    static problem p;
    float v[64];
    direction_report report;
    for (size_t s = 0; s < 2; s++) {
        const size_t n = s ? 60 : 12, d = s ? 12 : 60;
        clouds(&p, n, d, 0.3, 20);
        p.data.strength = 1e6;
        make("logistic", &p.data, v, &report);
        golden_near("strong penalty", report.cosine, 1, 1e-6);
        p.data.strength = 1e-9;
        make("logistic", &p.data, v, &report);
        assert_true(report.cosine > 0.2);
    }
    clouds(&p, 40, 30, 0.05, 21);
    make("pca", &p.data, v, &report);
    assert_true(report.cosine > 0.99 && report.explained > 0.8);
    /* One question only: no cross-validation, the documented strength. */
    memset(p.question, 0, sizeof p.question);
    make("logistic", &p.data, v, &report);
    assert_true(report.strength == 0.1 && isnan(report.loss));
}

static void refused(const char *name, const direction_data *data, persona_code code,
                    const char *text)
{
    float v[64];
    direction_report report;
    persona_err e = {0};
    assert_int_equal(direction_make(direction_find(name), data, v, &report, &e), code);
    if (!strstr(e.msg, text)) {
        fail_msg("'%s' lacks '%s'", e.msg, text);
    }
}

static void degenerate(void **state)
{
    (void)state;
    static problem p;
    static const char *const rows[] = {"pca", "logistic"};
    direction_report report;
    float v[64];
    assert_null(direction_find("umap"));
    clouds(&p, 1, 10, 0.3, 30);
    for (size_t m = 0; m < 2; m++) {
        refused(rows[m], &p.data, PERSONA_E_NUMERIC, "1 pairs (expected at least 2)");
    }
    make("mean", &p.data, v, &report); /* has no need of rows */
    memset(&p, 0, sizeof p);
    finish(&p, 8, 10); /* constant */
    refused("mean", &p.data, PERSONA_E_NUMERIC, "same mean");
    clouds(&p, 8, 10, 0.3, 31);
    memcpy(p.neg, p.pos, sizeof p.neg);
    finish(&p, 8, 10); /* identical pairs */
    for (size_t m = 0; m < 2; m++) {
        refused(rows[m], &p.data, PERSONA_E_NUMERIC, "same mean");
    }
    p.mean[0] = 1; /* a mean difference that these rows do not have */
    refused("pca", &p.data, PERSONA_E_NUMERIC, "the same");
    memset(p.pos, 0, sizeof p.pos);
    memset(p.neg, 0, sizeof p.neg);
    refused("logistic", &p.data, PERSONA_E_NUMERIC, "all 16 responses are the same");
    for (size_t i = 0; i < 8; i++) { /* the main variation says nothing about the sign */
        p.pos[i * 10 + 1] = i % 2 ? 50 : -50;
        p.pos[i * 10 + 2] = 1;
    }
    finish(&p, 8, 10);
    refused("pca", &p.data, PERSONA_E_NUMERIC, "right angle");
    memset(p.pos, 0, sizeof p.pos);
    p.pos[0] = 1;
    p.pos[11] = 1; /* two pairs, two equal components */
    finish(&p, 2, 10);
    refused("pca", &p.data, PERSONA_E_NUMERIC, "equally strong");
    clouds(&p, 8, 10, 0.3, 32);
    p.pos[13] = (float)NAN;
    refused("pca", &p.data, PERSONA_E_NUMERIC, "positive row 1, value 3");
    p.mean[2] = (float)INFINITY;
    refused("mean", &p.data, PERSONA_E_NUMERIC, "value 2");
    clouds(&p, 8, 10, 0.3, 33);
    p.data.neg.n = 7;
    refused("pca", &p.data, PERSONA_E_SHAPE, "8 positive rows");
}

static void memory(void **state)
{
    (void)state;
    static problem p;
    float v[64];
    direction_report report;
    for (size_t s = 0; s < 2; s++) {
        for (size_t m = 1; m < 3; m++) {
            persona_code rc = PERSONA_E_NOMEM;
            clouds(&p, 9, s ? 30 : 4, 0.3, 40);
            for (size_t k = 1; rc != PERSONA_OK; k++) {
                size_t n;
                persona_mem_fail_at(k);
                rc = direction_make(&direction_methods(&n)[m], &p.data, v, &report, NULL);
                persona_mem_fail_at(0);
                assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
            }
        }
    }
}

int main(void)
{
    linalg_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),     cmocka_unit_test(properties), cmocka_unit_test(limits),
        cmocka_unit_test(degenerate), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
