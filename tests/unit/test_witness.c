/* SPDX-License-Identifier: MIT
 *
 * test_witness.c - judges that are something else than judges, on cells made by hand in which all
 * other conditions of a PASS are met; and what a second judge and unsteered answers say.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "pipeline/evaluate/verdict.h"

enum { QUESTIONS = 12, MOST = 100 };

/* What a judge makes of an answer: how much of the trait it has (-1..1, and noise), how long it
 * is, and a number drawn for this answer alone. */
typedef double judge_fn(double trait, double words, double noise);

typedef struct table {
    eval_cell cells[MOST];
    double score[MOST][QUESTIONS], coherence[MOST][QUESTIONS];
    cell_seen seen[MOST][QUESTIONS];
    size_t group[QUESTIONS], n;
    judge_fn *judge;
    double lengthens; /* words that one coefficient of the vector adds */
    rng r;
} table;

static eval_cell *add(table *t, const char *condition, double coefficient, double trait)
{
    eval_cell *c = &t->cells[t->n];
    const bool steers = strcmp(condition, "transferred") == 0 || strcmp(condition, "native") == 0;
    for (size_t q = 0; q < QUESTIONS; q++) {
        const double more = steers ? t->lengthens * coefficient : 0;
        const double words = floor(fmax(60 + more + 6 * rng_normal(&t->r), 1));
        const double shown = trait + 0.15 * rng_normal(&t->r);
        t->score[t->n][q] = fmin(fmax(t->judge(shown, words, rng_normal(&t->r)), 0), 100);
        t->coherence[t->n][q] = 90;
        t->group[q] = q;
        t->seen[t->n][q] =
            (cell_seen){.score = t->score[t->n][q], .second = (double)NAN, .group = q};
        t->seen[t->n][q].panel[PERSONA_PANEL_WORDS] = words;
    }
    *c = (eval_cell){.condition = condition,
                     .coefficient = coefficient,
                     .variant = -1,
                     .same_as = -1,
                     .score = t->score[t->n],
                     .coherence = t->coherence[t->n],
                     .group = t->group,
                     .n = QUESTIONS,
                     .n_coherence = QUESTIONS,
                     .seen = t->seen[t->n],
                     .n_seen = QUESTIONS};
    t->n++;
    return c;
}

/* A vector that changes the trait by `moves` and the length by `lengthens` per coefficient. */
static void fill(table *t, judge_fn *judge, double moves, double lengthens)
{
    static const double coefficients[] = {-2, -1, 1, 2};
    static const char *const drawn[] = {"shuffled", "random-source", "random"};
    *t = (table){.judge = judge, .lengthens = lengthens};
    rng_seed(&t->r, 5, 8);
    add(t, "unsteered", 0, 0);
    for (size_t i = 0; i < 4; i++) {
        add(t, "transferred", coefficients[i], moves * coefficients[i]);
        add(t, "native", coefficients[i], moves * coefficients[i]);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        add(t, "lexical", sign, 0);
        for (int k = 0; k < 3 * 8; k++) {
            add(t, drawn[k / 8], sign, 0)->variant = k % 8;
        }
    }
}

static persona_evaluation *decide(const table *t, const verdict_judges *judges)
{
    const verdict_board b = {.cells = t->cells,
                             .n = t->n,
                             .n_questions = QUESTIONS,
                             .n_repeats = 1,
                             .seed = 1,
                             .judges = judges};
    persona_evaluation *x = mem_calloc(1, sizeof *x);
    assert_non_null(x);
    assert_int_equal(verdict_fill(&b, NULL, x, NULL), PERSONA_OK);
    return x;
}

static const verdict_judges alone = {.neutral = 50, .counted = {[PERSONA_PANEL_WORDS] = true}};

static double by_trait(double trait, double words, double noise)
{
    (void)words;
    return 50 + 40 * trait + 3 * noise;
}

static double by_length(double trait, double words, double noise)
{
    (void)trait;
    (void)noise;
    return 100 / (1 + exp((60 - words) / 8));
}

static double by_brevity(double trait, double words, double noise)
{
    (void)trait;
    (void)noise;
    return 4000 / (words + 20);
}

static double by_length_with_noise(double trait, double words, double noise)
{
    (void)trait;
    return 50 + 2 * (words - 60) + 8 * noise;
}

/* The attack of the audit: a judge that prefers long answers, and a vector that makes them long.
 * Everything else looks like a transfer: none of it may pass. */
static void length_is_no_trait(void **state)
{
    (void)state;
    static const struct {
        judge_fn *judge;
        double lengthens;
    } attacks[] = {{by_length, 20}, {by_brevity, -20}, {by_length_with_noise, 10}};
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        table t;
        fill(&t, attacks[i].judge, 0.4, attacks[i].lengthens);
        persona_evaluation *x = decide(&t, NULL);
        assert_true(x->pass); /* without looking at words it would */
        persona_evaluation_free(x);
        x = decide(&t, &alone);
        const persona_witness *w = &x->witness;
        assert_false(x->pass);
        assert_non_null(strstr(x->reason, "the score is the length of the answers"));
        assert_true(fabs(w->panel[PERSONA_PANEL_WORDS].spearman.value) > (i < 2 ? 0.95 : 0.6));
        assert_true(w->length.explains && w->length.swing.value > 0.4);
        assert_true(fabs(w->length.beside.value) < 0.15);
        assert_non_null(strstr(w->caution, "length"));
        persona_evaluation_free(x);
    }
}

/* An honest judge, of a trait that comes with longer answers: score and length go together over all
 * answers, and the swing is still there with words held equal. */
static void length_that_comes_along(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        table t;
        fill(&t, by_trait, 0.4, 20 * sign);
        persona_evaluation *x = decide(&t, &alone);
        const persona_witness *w = &x->witness;
        assert_true(x->pass);
        assert_true(w->panel[PERSONA_PANEL_WORDS].swing.low * sign > 0 ||
                    w->panel[PERSONA_PANEL_WORDS].swing.high * sign > 0);
        assert_false(w->length.explains);
        assert_true(w->length.beside.value > 0.8 * w->length.swing.value);
        persona_evaluation_free(x);
    }
    table t;
    fill(&t, by_trait, 0.4, 0);
    persona_evaluation *x = decide(&t, &alone);
    assert_true(x->pass && !x->witness.length.explains);
    assert_string_equal(x->witness.caution, "");
    assert_true(fabs(x->witness.panel[PERSONA_PANEL_WORDS].spearman.value) < 0.3);
    persona_evaluation_free(x);
}

/* Only few conditions, all of them moved: the correlation with words is as high as can be. */
static void correlation_alone_decides_nothing(void **state)
{
    (void)state;
    table t;
    fill(&t, by_trait, 0.4, 25);
    for (size_t i = 0; i < t.n; i++) { /* what is not moved is not seen */
        t.cells[i].n_seen = strcmp(t.cells[i].condition, "transferred") == 0 ? QUESTIONS : 0;
    }
    persona_evaluation *x = decide(&t, &alone);
    const persona_witness *w = &x->witness;
    assert_true(w->panel[PERSONA_PANEL_WORDS].spearman.value > 0.8);
    assert_true(w->panel[PERSONA_PANEL_WORDS].swing.low > 0);
    assert_true(x->pass && !w->length.explains);
    assert_non_null(strstr(w->caution, "length")); /* it is said all the same */
    persona_evaluation_free(x);
}

static void second_judge(void **state)
{
    (void)state;
    table t;
    fill(&t, by_trait, 0.4, 0);
    verdict_judges both = alone;
    snprintf(both.second, sizeof both.second, "other");
    rng r;
    rng_seed(&r, 1, 2);
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) {
        for (size_t q = 0; q < QUESTIONS; q += 2) { /* it saw every second answer */
            t.seen[i][q].second = fmin(t.seen[i][q].score / 2 + 10 + rng_normal(&r), 100);
            n++;
        }
    }
    persona_evaluation *x = decide(&t, &both);
    const persona_second_judge *s = &x->witness.second;
    assert_string_equal(s->name, "other");
    assert_int_equal(s->n, n);
    assert_true(s->spearman.value > 0.9 && s->spearman.low > 0.9);
    assert_true(s->difference.value < -10 && s->difference.low <= s->difference.value);
    assert_true(s->same_side > 0.3 && s->same_side < 0.7); /* 50 of the second is 80 of the first */
    assert_string_equal(x->witness.caution, "");
    persona_evaluation_free(x);
    for (size_t i = 0; i < t.n; i++) {
        for (size_t q = 0; q < QUESTIONS; q += 2) {
            t.seen[i][q].second = 50 + rng_normal(&r);
        }
    }
    x = decide(&t, &both);
    assert_true(fabs(x->witness.second.spearman.value) < 0.3);
    assert_non_null(strstr(x->witness.caution, "the second judge 'other' agrees little"));
    persona_evaluation_free(x);
    x = decide(&t, &alone);
    assert_string_equal(x->witness.second.name, "");
    persona_evaluation_free(x);
}

static double one_sided(double trait, double words, double noise)
{
    return fmax(by_trait(trait, words, noise) - 15, 0);
}

static void neutral(void **state)
{
    (void)state;
    table t;
    fill(&t, one_sided, 0.4, 0);
    persona_evaluation *x = decide(&t, &alone);
    assert_int_equal(x->witness.neutral.n, QUESTIONS);
    assert_true(fabs(x->witness.neutral.shift.value + 15) < 5);
    assert_true(x->witness.neutral.shift.low < x->witness.neutral.shift.high);
    assert_non_null(strstr(x->witness.caution, "from the 50 of an answer without the trait"));
    persona_evaluation_free(x);
    verdict_judges at_35 = alone;
    at_35.neutral = 35;
    x = decide(&t, &at_35);
    assert_true(fabs(x->witness.neutral.shift.value) < 5);
    assert_string_equal(x->witness.caution, "");
    persona_evaluation_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_no_trait),
        cmocka_unit_test(length_that_comes_along),
        cmocka_unit_test(correlation_alone_decides_nothing),
        cmocka_unit_test(second_judge),
        cmocka_unit_test(neutral),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
