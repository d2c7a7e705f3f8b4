/* SPDX-License-Identifier: MIT
 *
 * test_auroc.c - the area under the ROC curve and its interval, against counting pairs; and what
 * the study makes of the target's own answers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/measure/auroc.h"
#include "pipeline/evaluate/study_parts.h"

enum { GROUPS = 12, MOST = 60 };

typedef struct sample {
    double x[MOST];
    size_t group[MOST], n;
} sample;

/* Values on a coarse scale, so that there are ties; answers to a question resemble each other. */
static void make(sample *s, double mean, uint32_t seed)
{
    rng r;
    double own[GROUPS];
    rng_seed(&r, 7, 0);
    for (size_t g = 0; g < GROUPS; g++) {
        own[g] = rng_normal(&r);
    }
    rng_seed(&r, seed, 1);
    for (s->n = 0; s->n < 50; s->n++) {
        s->group[s->n] = rng_below(&r, GROUPS);
        s->x[s->n] = floor(2 * (mean + own[s->group[s->n]] + rng_normal(&r))) / 2;
    }
}

/* Every pair, as often as its groups were drawn. */
static double slow_area(const sample *pos, const sample *neg, const double *weight)
{
    double sum = 0, all = 0;
    for (size_t i = 0; i < pos->n; i++) {
        for (size_t k = 0; k < neg->n; k++) {
            const double w = weight[pos->group[i]] * weight[neg->group[k]];
            all += w;
            sum += w * (pos->x[i] > neg->x[k] ? 1 : pos->x[i] < neg->x[k] ? 0 : 0.5);
        }
    }
    return sum / all;
}

static persona_interval area_of(const sample *pos, const sample *neg, size_t n_draws)
{
    persona_interval out;
    persona_err e = {0};
    assert_int_equal(stat_bootstrap_auroc((stat_sample){pos->x, pos->group, pos->n},
                                          (stat_sample){neg->x, neg->group, neg->n},
                                          (stat_draws){n_draws, GROUPS, 1}, &out, &e),
                     PERSONA_OK);
    return out;
}

static void test_against_pairs(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    static double areas[DRAWS];
    double ones[GROUPS];
    sample pos, neg;
    rng r;
    make(&pos, 1, 2);
    make(&neg, 0, 3);
    for (size_t g = 0; g < GROUPS; g++) {
        ones[g] = 1;
    }
    const persona_interval is = area_of(&pos, &neg, DRAWS);
    assert_true(fabs(is.value - slow_area(&pos, &neg, ones)) < 1e-12);
    assert_true(fabs(is.value - stat_auroc(pos.x, pos.n, neg.x, neg.n)) < 1e-12);
    rng_seed(&r, 99, 0); /* other draws: the ends agree as far as 4000 draws do */
    for (size_t k = 0; k < DRAWS; k++) {
        double weight[GROUPS] = {0};
        for (size_t g = 0; g < GROUPS; g++) {
            weight[rng_below(&r, GROUPS)] += 1;
        }
        areas[k] = slow_area(&pos, &neg, weight);
    }
    assert_true(fabs(is.low - stat_quantile(areas, DRAWS, 0.025)) < 0.012);
    assert_true(fabs(is.high - stat_quantile(areas, DRAWS, 0.975)) < 0.012);
    assert_true(is.high - is.low > 0.05);
}

static void test_ends(void **state)
{
    (void)state;
    sample pos = {.x = {3, 4, 5}, .group = {0, 1, 2}, .n = 3};
    sample neg = {.x = {0, 1, 2}, .group = {0, 1, 2}, .n = 3};
    persona_interval is = area_of(&pos, &neg, 100);
    assert_true(is.value == 1 && is.low == 1 && is.high == 1);
    is = area_of(&neg, &pos, 100);
    assert_true(is.value == 0 && is.high == 0);
    is = area_of(&pos, &pos, 100);
    assert_true(is.value == 0.5);
    const sample none = {.n = 0};
    is = area_of(&pos, &none, 100);
    assert_true(isnan(is.value) && isnan(is.low));
    pos.group[1] = GROUPS;
    persona_err e = {0};
    const stat_sample p = {pos.x, pos.group, 3}, n = {neg.x, neg.group, 3};
    assert_int_equal(stat_bootstrap_auroc(p, n, (stat_draws){9, GROUPS, 1}, &is, &e),
                     PERSONA_E_SHAPE);
    pos.group[1] = 1;
    pos.x[2] = (double)NAN;
    assert_int_equal(stat_bootstrap_auroc(p, n, (stat_draws){9, GROUPS, 1}, &is, &e),
                     PERSONA_E_NUMERIC);
}

/* ---- the study ------------------------------------------------------------------------------- */

enum { D = 6, BLOCK = 2, LAYERS = 5, ANSWERS = 60 };

/* A study whose target wrote answers: along axis 0 lies what the judge sees of them, if it sees
 * anything; along axis 1 the instruction. */
static void answer_some(study_own *own, bool judged, size_t n_shown)
{
    rng r;
    persona_err e = {0};
    float mean[LAYERS - 1][D];
    rng_seed(&r, 5, 0);
    for (size_t i = 0; i < ANSWERS; i++) {
        const bool shows = i < n_shown, asked = i % 2 == 0;
        for (size_t k = 0; k < LAYERS - 1; k++) {
            for (size_t j = 0; j < D; j++) {
                mean[k][j] = (float)rng_normal(&r);
            }
        }
        mean[BLOCK][0] += shows ? 2 : -2;
        mean[BLOCK][1] += asked ? 9 : -9;
        const persona_extract_answer a = {.polarity = asked ? 1 : -1,
                                          .question = i % 10,
                                          .score = !judged ? NAN
                                                   : shows ? 50.0f
                                                           : 49.0f,
                                          .mean = mean[0]};
        assert_int_equal(study_take_own(own, &a, &e), PERSONA_OK);
    }
    const persona_extract_answer plain = {.polarity = 0, .score = 99, .mean = mean[0]};
    assert_int_equal(study_take_own(own, &plain, &e), PERSONA_OK);
    assert_int_equal(own->n, ANSWERS); /* without an instruction: not counted */
}

static persona_vector *along(size_t axis)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    float row[D] = {0};
    row[axis] = 1;
    assert_int_equal(persona_vector_new(LAYERS, D, &v, &e), PERSONA_OK);
    assert_int_equal(persona_vector_set(v, BLOCK, row, &e), PERSONA_OK);
    v->from.best_layer = BLOCK;
    return v;
}

static persona_study_auroc study_of(size_t axis, bool judged, size_t n_shown)
{
    persona_err e = {0};
    persona_study x = {.map = {.layer_to = BLOCK}, .transferred = along(axis)};
    persona_study_opts o = persona_study_defaults();
    study_own own = {.block = BLOCK, .d = D};
    studying s = {.x = &x, .own = &own, .o = &o};
    x.auroc.null_max = x.auroc.p = (double)NAN;
    x.auroc.area.value = (double)NAN;
    answer_some(&own, judged, n_shown);
    for (size_t k = 2; k < D; k++) { /* directions that have nothing to do with it */
        persona_vector *null = along(k);
        assert_int_equal(study_keep_null(&s, null, &e), PERSONA_OK);
        persona_vector_free(null);
    }
    assert_int_equal(study_auroc(&s, &e), PERSONA_OK);
    study_own_free(&own);
    persona_vector_free(x.transferred);
    return x.auroc;
}

static void test_study(void **state)
{
    (void)state;
    persona_study_auroc a = study_of(0, true, 30);
    assert_true(a.area.value > 0.95 && a.area.low > 0.9 && a.n_shown == 30 && a.n_not == 30);
    assert_string_equal(a.of, "own answers");
    assert_string_equal(a.by, "judge");
    assert_true(a.n_questions == 10 && a.n_null == 4 && fabs(a.p - 0.2) < 1e-12);
    assert_true(a.null_max < 0.75 && fabs(a.null_mean - 0.5) < 0.15 && a.reason[0] == '\0');
    a = study_of(1, true, 30); /* the instruction is not what the judge sees */
    assert_true(fabs(a.area.value - 0.5) < 0.2 && a.p > 0.2);
    a = study_of(1, false, 30); /* nobody judged: the instruction says so */
    assert_string_equal(a.by, "instruction");
    assert_true(a.area.value == 1);
    a = study_of(0, true, 9); /* too few */
    assert_true(isnan(a.area.value) && isnan(a.p) && a.n_shown == 9);
    assert_non_null(strstr(a.reason, "9 answers show the trait and 51 do not"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_pairs),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_study),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
