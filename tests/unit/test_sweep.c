/* SPDX-License-Identifier: MIT
 *
 * test_sweep.c - what a sweep makes of scores that are known: shifts on the same questions, missing
 * answers, questions that move the wrong way, the range in which answers stay coherent.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/dose/kl.h"
#include "pipeline/sweep/sweep_parts.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))
enum { N = 4 };

static const persona_sweep_opts opts = {.n_answers = 1, .max_tokens = 8};

/* Unsteered, then add at -2, -1, 0 (which is unsteered), 1 and 2, then behind a conversation. */
typedef struct story {
    sweeping x;
    sweep_point points[8];
    double score[8][N], coherence[8][N];
} story;

static void point(story *s, const char *condition, const sweep_operator *op, double c,
                  double coherence)
{
    const size_t i = s->x.n_points++;
    s->points[i] = (sweep_point){.condition = condition,
                                 .op = op,
                                 .block = op != NULL ? 3 : -1,
                                 .coefficient = c,
                                 .same_as_base = op != NULL && c == 0,
                                 .behind = strcmp(condition, "behind") == 0,
                                 .score = s->score[i],
                                 .coherence = s->coherence[i]};
    for (size_t q = 0; q < N; q++) {
        /* question 3 moves the other way */
        s->score[i][q] = 50 + (double)q + (q == 3 ? -5 : 10) * c;
        s->coherence[i][q] = coherence;
    }
}

static void begin(story *s, double unsteered_coherence)
{
    memset(s, 0, sizeof *s);
    const sweep_operator *add = sweep_operator_find("add");
    s->x =
        (sweeping){.o = &opts, .points = s->points, .n_questions = N, .n_answers = 1, .n_each = N};
    point(s, "unsteered", NULL, 0, unsteered_coherence);
    point(s, "steered", add, -2, 20);
    point(s, "steered", add, -1, 80);
    point(s, "steered", add, 0, 0);
    point(s, "steered", add, 1, 80);
    point(s, "steered", add, 2, 60);
}

static persona_sweep *conclude(story *s)
{
    persona_err e = {0};
    persona_sweep *out = mem_calloc(1, sizeof *out);
    assert_non_null(out);
    const persona_code rc = sweep_conclude(&s->x, out, &e);
    if (rc != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return out;
}

static void points_and_curve(void **state)
{
    (void)state;
    story s;
    begin(&s, 90);
    persona_sweep *x = conclude(&s);
    assert_int_equal(x->n_points, 6);
    NEAR(x->points[0].score.value, 51.5, 1e-9);
    NEAR(x->points[0].shift.value, 0, 1e-12);
    NEAR(x->points[3].score.value, 51.5, 1e-9); /* coefficient 0 is the unsteered answers */
    NEAR(x->points[4].shift.value, (3 * 10 - 5) / 4.0, 1e-9);
    assert_true(x->points[4].shift.low < x->points[4].shift.value);
    assert_int_equal(x->n_curves, 1);
    NEAR(x->curves[0].spearman, 1, 1e-12);
    assert_int_equal(x->curves[0].n_sloped, 4);
    NEAR(x->curves[0].anti_steered, 0.25, 1e-12);
    NEAR(x->coherence_from, 70, 1e-12);
    NEAR(x->curves[0].low, -1 - 10.0 / 60, 1e-9); /* 80 at -1, 20 at -2 */
    NEAR(x->curves[0].high, 1.5, 1e-9);
    NEAR(x->curves[0].promote, 1, 0);
    NEAR(x->curves[0].suppress, -1, 0);
    persona_sweep_free(x);
}

/* Answers that are hardly coherent unsteered are measured by themselves. */
static void relative_coherence(void **state)
{
    (void)state;
    story s;
    begin(&s, 50);
    persona_sweep *x = conclude(&s);
    NEAR(x->coherence_from, 40, 1e-12);
    NEAR(x->curves[0].high, 2, 1e-12);
    persona_sweep_free(x);
}

/* Questions that do not move at all go neither way; without a judge there is nothing to keep. */
static void flat_and_unjudged(void **state)
{
    (void)state;
    story s;
    begin(&s, 90);
    for (size_t i = 0; i < 6; i++) {
        for (size_t q = 0; q < N; q++) {
            s.score[i][q] = 7;
        }
    }
    persona_sweep *x = conclude(&s);
    NEAR(x->curves[0].anti_steered, 0.5, 1e-12);
    assert_int_equal(x->curves[0].n_sloped, 4);
    persona_sweep_free(x);
    begin(&s, (double)NAN);
    for (size_t i = 0; i < 6; i++) {
        for (size_t q = 0; q < N; q++) {
            s.coherence[i][q] = NAN;
        }
    }
    x = conclude(&s);
    assert_true(isnan(x->coherence_from) && isnan(x->curves[0].low));
    assert_int_equal(x->n_curves, 1);
    persona_sweep_free(x);
}

static void missing(void **state)
{
    (void)state;
    story s;
    begin(&s, 90);
    s.score[4][0] = NAN; /* was 60: now the unsteered mean */
    s.score[1][1] = NAN; /* a slope without it */
    persona_sweep *x = conclude(&s);
    NEAR(x->points[4].score.value, (51.5 + 61 + 62 + 48) / 4, 1e-9);
    assert_int_equal(x->curves[0].n_sloped, 4);
    NEAR(x->curves[0].anti_steered, 0.25, 1e-12);
    persona_sweep_free(x);
    begin(&s, 90);
    for (size_t i = 0; i < 6; i++) {
        for (size_t q = 0; q < N; q++) {
            s.score[i][q] = NAN; /* no judge */
        }
    }
    x = conclude(&s);
    assert_true(isnan(x->points[4].score.value) && isnan(x->curves[0].spearman));
    assert_int_equal(x->curves[0].n_sloped, 0);
    assert_true(isnan(x->curves[0].anti_steered));
    persona_sweep_free(x);
}

/* What stands behind a conversation is compared with what stands there unsteered. */
static void behind(void **state)
{
    (void)state;
    story s;
    begin(&s, 90);
    point(&s, "behind", NULL, 0, 85);
    point(&s, "behind", sweep_operator_find("add"), 1, 85);
    for (size_t q = 0; q < N; q++) {
        s.score[6][q] = 40;
        s.score[7][q] = 47;
    }
    persona_sweep *x = conclude(&s);
    NEAR(x->points[7].shift.value, 7, 1e-9);
    assert_int_equal(x->n_curves, 1);
    assert_int_equal(x->curves[0].n_sloped, 4);
    persona_sweep_free(x);
}

/* p = (1/2, 1/4, 1/4) against q = (1/4, 1/4, 1/2): 1/2 ln 2 - 1/4 ln 2. Logits have any offset. */
static void kl_by_hand(void **state)
{
    (void)state;
    const float p[] = {logf(0.5F) + 3, logf(0.25F) + 3, logf(0.25F) + 3};
    const float q[] = {logf(0.25F), logf(0.25F), logf(0.5F)};
    const float broken[] = {NAN, 0, 0};
    float logp[2 * 3];
    double kl[2];
    kl_track t = {.cap = 2, .logp = logp, .kl = kl};
    for (size_t i = 0; i < 3; i++) {
        kl_keep(&t, i, p, 3); /* the third is past cap */
    }
    kl_compare(&t, 0, q, 3);
    NEAR(kl[0], 0.25 * log(2), 1e-7);
    kl_compare(&t, 1, broken, 3);
    assert_true(isinf(kl[1]));
    kl_compare(&t, 2, q, 3);
    assert_int_equal(t.n_base, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_and_curve),
        cmocka_unit_test(relative_coherence),
        cmocka_unit_test(flat_and_unjudged),
        cmocka_unit_test(missing),
        cmocka_unit_test(behind),
        cmocka_unit_test(kl_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
