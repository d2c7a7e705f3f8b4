/* SPDX-License-Identifier: MIT
 *
 * test_quality.c - the second pass against numpy and scikit-learn, and on data made to order.
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
#include "core/measure/paircos.h"
#include "core/measure/quality.h"
#include "story.h"

/* Both passes over responses; v from the contrast. out: (n_blocks). */
static persona_code measure(const response *r, size_t n, size_t n_questions, size_t n_blocks,
                            size_t d, const quality_opts *o, quality_block *out, persona_err *e)
{
    contrast *c = story_contrast(r, n, n_questions, n_blocks, d);
    float *v = calloc(n_blocks * d, sizeof *v);
    quality *q = NULL;
    persona_code rc = PERSONA_OK;
    assert_non_null(v);
    for (size_t b = 0; b < n_blocks; b++) {
        assert_int_equal(contrast_direction(c, b, NULL, v + b * d, NULL), PERSONA_OK);
    }
    rc = quality_begin(c, &(quality_directions){.v = v}, o, &q, e);
    contrast_free(c);
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        rc = quality_add(q, &r[i], e);
    }
    if (rc == PERSONA_OK) {
        rc = quality_end(q, out, e);
    }
    quality_free(q);
    free(v);
    return rc;
}

static void golden(void **state)
{
    (void)state;
    static story s;
    quality_block out[4];
    persona_err e = {0};
    story_open(&s);
    if (measure(s.r, s.n, s.n_questions, s.n_blocks, s.d, NULL, out, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    for (size_t b = 0; b < s.n_blocks; b++) {
        const json_val *want = json_get(json_at(s.blocks, b), "quality");
        const struct {
            const char *key;
            double value, tolerance;
        } numbers[] = {
            {"auroc", out[b].auroc, 1e-12},
            {"cohen_d", out[b].cohen_d, 1e-5},
            {"icc", out[b].icc, 1e-5},
            {"n_effective", out[b].n_effective, 1e-4},
            {"neutral_mean", out[b].neutral_mean, 1e-4},
            {"neutral_sd", out[b].neutral_sd, 1e-4},
            {"positive_mean", out[b].positive_mean, 1e-4},
            {"negative_mean", out[b].negative_mean, 1e-4},
            {"n_outliers", (double)out[b].n_outliers, 0},
            {"outlier_share", out[b].outlier_share, 1e-6},
        };
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            golden_near(numbers[i].key, numbers[i].value, golden_number(want, numbers[i].key),
                        numbers[i].tolerance);
        }
        assert_true(out[b].split_cosine > -1 && out[b].split_cosine < 1 && out[b].split_sd > 0);
    }
    json_free(s.doc);
}

enum { N_QUESTIONS = 12, PER = 8, N = N_QUESTIONS * PER * 2, D = 24 };

/* h = +-trait + topic of (question, pole) + noise, of these strengths. */
static void make(response *r, float (*h)[D], double trait, double topic, double noise,
                 uint64_t seed)
{
    rng g;
    float at[D], topics[2 * N_QUESTIONS][D];
    rng_seed(&g, seed, 0);
    for (size_t k = 0; k < D; k++) {
        at[k] = (float)(trait * rng_normal(&g));
    }
    for (size_t i = 0; i < 2 * N_QUESTIONS; i++) {
        for (size_t k = 0; k < D; k++) {
            topics[i][k] = (float)(topic * rng_normal(&g));
        }
    }
    for (size_t i = 0; i < N; i++) {
        const int p = i % 2 ? -1 : 1;
        const size_t question = i / 2 % N_QUESTIONS;
        for (size_t k = 0; k < D; k++) {
            h[i][k] = (float)p * at[k] + topics[2 * question + i % 2][k] +
                      (float)(noise * rng_normal(&g));
        }
        r[i] = (response){p, question, 10, h[i]};
    }
}

static quality_block one_block(double trait, double topic, double noise, uint64_t seed)
{
    static float h[N][D];
    static response r[N];
    quality_block out;
    persona_err e = {0};
    make(r, h, trait, topic, noise, seed);
    if (measure(r, N, N_QUESTIONS, 1, D, NULL, &out, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return out;
}

static void made_to_order(void **state)
{
    (void)state;
    const quality_block clear = one_block(1, 0, 0.3, 1);
    assert_true(clear.auroc == 1 && clear.cohen_d > 10);
    assert_true(clear.split_cosine > 0.99 && clear.split_sd < 0.01);
    assert_true(clear.icc < 0.1 && clear.n_effective > 100);
    assert_true(clear.positive_mean > 1 && clear.negative_mean < -1);
    assert_true(isnan(clear.neutral_mean) && isnan(clear.neutral_sd));
    assert_true(clear.n_outliers == 0 && clear.outlier_share == 0);

    /* Answers to one question all alike: as many independent ones as there are clusters. */
    const quality_block clones = one_block(1, 0.5, 0, 2);
    golden_near("icc", clones.icc, 1, 1e-6);
    golden_near("effective", clones.n_effective, 2 * N_QUESTIONS, 1e-3);

    /* Topics and noise as strong as each other: variance is half between questions. */
    double icc = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        icc += one_block(3, 1, 1, 100 + seed).icc / 40;
    }
    golden_near("icc", icc, 0.5, 0.06);

    /* No trait at all: held out, nothing is found, though in sample everything looks separate. */
    double auroc = 0, cosine = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const quality_block none = one_block(0, 0.3, 1, 200 + seed);
        auroc += none.auroc / 40;
        cosine += none.split_cosine / 40;
        assert_true(none.positive_mean > none.negative_mean);
    }
    golden_near("chance", auroc, 0.5, 0.03);
    golden_near("cosine by chance", cosine, 0, 0.1);
}

/* Splits follow from the seed; blocks do not mix; the order of the second pass is free. */
static void seeds_and_order(void **state)
{
    (void)state;
    static story s;
    quality_block a[4], b[4];
    response turned[STORY_MAX];
    quality_opts o = quality_defaults();
    story_open(&s);
    assert_int_equal(measure(s.r, s.n, s.n_questions, s.n_blocks, s.d, &o, a, NULL), PERSONA_OK);
    assert_int_equal(measure(s.r, s.n, s.n_questions, s.n_blocks, s.d, &o, b, NULL), PERSONA_OK);
    assert_memory_equal(a, b, s.n_blocks * sizeof *a);
    o.seed = 1;
    assert_int_equal(measure(s.r, s.n, s.n_questions, s.n_blocks, s.d, &o, b, NULL), PERSONA_OK);
    assert_true(a[0].split_cosine != b[0].split_cosine && a[0].auroc == b[0].auroc);
    o.seed = 0;
    for (size_t i = 0; i < s.n; i++) {
        turned[i] = s.r[s.n - 1 - i];
    }
    assert_int_equal(measure(turned, s.n, s.n_questions, s.n_blocks, s.d, &o, b, NULL), PERSONA_OK);
    golden_near("auroc", b[1].auroc, a[1].auroc, 1e-12);
    golden_near("icc", b[1].icc, a[1].icc, 1e-6);
    o.n_splits = 1;
    assert_int_equal(measure(s.r, s.n, s.n_questions, s.n_blocks, s.d, &o, b, NULL), PERSONA_OK);
    assert_true(isnan(b[0].split_sd) && !isnan(b[0].split_cosine));
    json_free(s.doc);
}

/* Directions of another method stand for the halves: turned around, they turn AUROC around. */
static void given_halves(void **state)
{
    (void)state;
    static float h[N][D];
    static response r[N];
    float v[D], half[2][D];
    bool first[N_QUESTIONS], rest[N_QUESTIONS];
    quality *q = NULL;
    quality_block out;
    make(r, h, 0.3, 0.2, 1, 3);
    contrast *c = story_contrast(r, N, N_QUESTIONS, 1, D);
    quality_halves(c, first);
    for (size_t i = 0; i < N_QUESTIONS; i++) {
        assert_int_equal(first[i], i % 2 == 0);
        rest[i] = !first[i];
    }
    assert_int_equal(contrast_direction(c, 0, NULL, v, NULL), PERSONA_OK);
    assert_int_equal(contrast_direction(c, 0, first, half[0], NULL), PERSONA_OK);
    assert_int_equal(contrast_direction(c, 0, rest, half[1], NULL), PERSONA_OK);
    double auroc[2];
    for (int sign = 0; sign < 2; sign++) {
        const quality_directions given = {v, {half[0], half[1]}};
        assert_int_equal(quality_begin(c, &given, NULL, &q, NULL), PERSONA_OK);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(quality_add(q, &r[i], NULL), PERSONA_OK);
        }
        assert_int_equal(quality_end(q, &out, NULL), PERSONA_OK);
        auroc[sign] = out.auroc;
        quality_free(q);
        vec_scale(half[0], -1, D);
        vec_scale(half[1], -1, D);
    }
    assert_int_equal(measure(r, N, N_QUESTIONS, 1, D, NULL, &out, NULL), PERSONA_OK);
    golden_near("given", auroc[0], out.auroc, 1e-12);
    golden_near("turned", auroc[1], 1 - auroc[0], 1e-12);
    assert_true(auroc[0] > 0.6);
    contrast_free(c);
}

static void edges(void **state)
{
    (void)state;
    static float h[N][D];
    static response r[N];
    float v[D];
    quality *q = NULL;
    quality_block out;
    persona_err e = {0};
    make(r, h, 1, 0.3, 1, 4);
    for (size_t i = 0; i < N; i++) {
        r[i].question = 0; /* a single question: nothing can be held out */
    }
    assert_int_equal(measure(r, N, 1, 1, D, NULL, &out, &e), PERSONA_OK);
    assert_true(isnan(out.auroc) && isnan(out.cohen_d) && isnan(out.split_cosine));
    assert_true(isnan(out.icc) && isnan(out.n_effective));
    for (size_t i = 0; i < 24; i++) {
        r[i].question = i / 2; /* one response per question and pole */
    }
    assert_int_equal(measure(r, 24, 12, 1, D, NULL, &out, &e), PERSONA_OK);
    assert_true(isnan(out.icc) && out.n_effective == 24);

    contrast *c = story_contrast(r, 24, 12, 1, D);
    assert_int_equal(contrast_direction(c, 0, NULL, v, NULL), PERSONA_OK);
    const quality_directions given = {.v = v}, half = {v, {v, NULL}};
    assert_int_equal(quality_begin(c, &half, NULL, &q, &e), PERSONA_E_SHAPE);
    assert_int_equal(quality_begin(c, &given, &(quality_opts){.outlier = 0}, &q, &e),
                     PERSONA_E_SHAPE);
    assert_null(q);
    assert_int_equal(quality_begin(c, &given, NULL, &q, &e), PERSONA_OK);
    for (size_t i = 0; i < 23; i++) {
        assert_int_equal(quality_add(q, &r[i], NULL), PERSONA_OK);
    }
    assert_int_equal(quality_end(q, &out, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "23 responses in the second pass, 24 in the first"));
    assert_int_equal(quality_add(q, &(response){1, 12, 1, h[0]}, &e), PERSONA_E_SHAPE);
    assert_int_equal(quality_add(q, &r[23], NULL), PERSONA_OK);
    assert_int_equal(quality_add(q, &r[23], &e), PERSONA_E_SHAPE);
    assert_int_equal(quality_end(q, &out, &e), PERSONA_OK);
    quality_free(q);
    quality_free(NULL);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = quality_begin(c, &given, NULL, &q, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    quality_free(q);
    contrast_free(c);
}

/* The mean cosine of pairs against all of them, one by one. */
static void agreement_of_pairs(void **state)
{
    (void)state;
    enum { WIDE = 7, PAIRS = 9 };
    float pos[PAIRS][WIDE], neg[PAIRS][WIDE];
    double sum[WIDE] = {0}, want = 0;
    rng r;
    rng_seed(&r, 3, 4);
    for (size_t i = 0; i < PAIRS; i++) {
        for (size_t k = 0; k < WIDE; k++) {
            pos[i][k] = (float)rng_normal(&r) + 1;
            neg[i][k] = (float)rng_normal(&r);
        }
        paircos_add(pos[i], neg[i], WIDE, sum);
    }
    for (size_t i = 0; i < PAIRS; i++) {
        for (size_t j = 0; j < PAIRS; j++) {
            double ab = 0, aa = 0, bb = 0;
            for (size_t k = 0; k < WIDE; k++) {
                const double a = (double)pos[i][k] - (double)neg[i][k];
                const double b = (double)pos[j][k] - (double)neg[j][k];
                ab += a * b, aa += a * a, bb += b * b;
            }
            want += i == j ? 0 : ab / sqrt(aa * bb) / (PAIRS * (PAIRS - 1));
        }
    }
    assert_true(fabs(paircos_mean(sum, WIDE, PAIRS) - want) < 1e-12);
    assert_true(isnan(paircos_mean(sum, WIDE, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),          cmocka_unit_test(made_to_order),
        cmocka_unit_test(seeds_and_order), cmocka_unit_test(given_halves),
        cmocka_unit_test(edges),           cmocka_unit_test(agreement_of_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
