/* SPDX-License-Identifier: MIT
 *
 * test_verdict.c - PASS and every way to FAIL, on cells made by hand.
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
#include "pipeline/evaluate/verdict.h"

enum { QUESTIONS = 20, MOST = 64, RANDOM = 3 };

typedef struct table {
    eval_cell cells[MOST];
    double score[MOST][QUESTIONS], coherence[MOST][QUESTIONS];
    size_t group[QUESTIONS], n;
} table;

/* A cell with a mean, a little noise, and a coherence. */
static eval_cell *add(table *t, const char *condition, double coefficient, double mean,
                      double coherence)
{
    rng r;
    rng_seed(&r, t->n, 5);
    for (size_t q = 0; q < QUESTIONS; q++) {
        t->group[q] = q;
        t->score[t->n][q] = mean + 4 * rng_normal(&r);
        t->coherence[t->n][q] = coherence;
    }
    eval_cell *c = &t->cells[t->n];
    *c = (eval_cell){.condition = condition,
                     .coefficient = coefficient,
                     .variant = -1,
                     .same_as = -1,
                     .score = t->score[t->n],
                     .coherence = t->coherence[t->n],
                     .group = t->group,
                     .n = QUESTIONS,
                     .n_coherence = QUESTIONS};
    t->n++;
    return c;
}

static void curve(table *t, const char *condition, double slope)
{
    static const double coefficients[] = {-2, -1, 0, 1, 2};
    for (size_t i = 0; i < 5; i++) {
        add(t, condition, coefficients[i], 50 + slope * coefficients[i], 90);
    }
}

/* What a good transfer looks like; `transferred` with the given slope. */
static void fill(table *t, double slope)
{
    *t = (table){.n = 0};
    add(t, "unsteered", 0, 50, 90);
    curve(t, "native", 25);
    curve(t, "transferred", slope);
    curve(t, "shuffled", 0);
    curve(t, "identity", 1);
    for (int k = 0; k < RANDOM; k++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            add(t, "random", sign, 50 + (k == 1 ? 3 * sign : 0), 90)->variant = k;
        }
    }
}

static persona_evaluation *judge(const table *t, const char *void_reason)
{
    persona_evaluation *x = mem_calloc(1, sizeof *x);
    assert_non_null(x);
    assert_int_equal(verdict_fill(t->cells, t->n, QUESTIONS, RANDOM, void_reason, 1, x, NULL),
                     PERSONA_OK);
    return x;
}

static void expect(const table *t, bool pass, const char *reason)
{
    persona_evaluation *x = judge(t, NULL);
    if (x->pass != pass || !strstr(x->reason, reason)) {
        fail_msg("%s: %s (expected %s)", x->pass ? "PASS" : "FAIL", x->reason, reason);
    }
    persona_evaluation_free(x);
}

static eval_cell *cell(table *t, const char *condition, double coefficient)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->cells[i].condition, condition) == 0 &&
            fabs(t->cells[i].coefficient - coefficient) < 1e-9) {
            return &t->cells[i];
        }
    }
    return NULL;
}

static void good(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    persona_evaluation *x = judge(&t, NULL);
    const persona_swing *s = persona_evaluation_swing(x, "transferred");
    assert_true(x->pass && s && !s->null);
    assert_true(fabs(s->swing.value - 40) < 4 && s->swing.low < s->swing.value);
    assert_true(s->spearman > 0.99 && s->coherence_low == 90);
    assert_true(fabs(x->retained.value - 0.8) < 0.15 && x->retained.low < x->retained.high);
    assert_true(persona_evaluation_swing(x, "random")->null);
    assert_int_equal(x->n_random, RANDOM);
    assert_true(fabs(x->random[1].value - 6) < 4);
    assert_true(isnan(persona_evaluation_swing(x, "native")->retained.value));
    assert_null(persona_evaluation_swing(x, "unsteered"));
    persona_evaluation_free(x);
}

/* The cells of a null in the place of the transferred ones: the verdict turns. */
static void swapped(void **state)
{
    (void)state;
    static const char *const nulls[] = {"shuffled", "identity"};
    for (size_t k = 0; k < 2; k++) {
        table t;
        fill(&t, 20);
        for (size_t i = 0; i < t.n; i++) {
            if (strcmp(t.cells[i].condition, "transferred") == 0) {
                t.cells[i].condition = "other-trait";
            } else if (strcmp(t.cells[i].condition, nulls[k]) == 0) {
                t.cells[i].condition = "transferred";
            }
        }
        curve(&t, nulls[k], 0);
        expect(&t, false, "is not above");
    }
    table t;
    fill(&t, 20);
    for (size_t i = 0; i < t.n; i++) {
        if (strcmp(t.cells[i].condition, "transferred") == 0) {
            t.cells[i].condition = "other-trait";
        } else if (t.cells[i].variant == 1) {
            t.cells[i].condition = "transferred";
            t.cells[i].variant = -1;
        }
    }
    persona_evaluation *x = judge(&t, NULL);
    assert_false(x->pass);
    persona_evaluation_free(x);
}

static void reasons(void **state)
{
    (void)state;
    table t;
    fill(&t, 1);
    expect(&t, false, "is not above");
    fill(&t, -20); /* steers the wrong way */
    expect(&t, false, "is not above");
    fill(&t, 20); /* one strong random direction is enough */
    for (size_t i = 0; i < t.n; i++) {
        for (size_t q = 0; t.cells[i].variant == 2 && q < QUESTIONS; q++) {
            t.score[i][q] += 20 * t.cells[i].coefficient;
        }
    }
    expect(&t, false, "one of the random directions");
    fill(&t, 20); /* up and down again */
    for (size_t q = 0; q < QUESTIONS; q++) {
        cell(&t, "transferred", 2)->score[q] = 30;
        cell(&t, "transferred", -2)->score[q] = 60;
    }
    expect(&t, false, "does not rise");
    fill(&t, 20);
    for (size_t q = 0; q < QUESTIONS; q++) {
        cell(&t, "transferred", 1)->coherence[q] = 40;
    }
    expect(&t, false, "fall apart");
    fill(&t, 20);
    for (size_t i = 0; i < t.n; i++) {
        if (strcmp(t.cells[i].condition, "shuffled") == 0) {
            t.cells[i].n = 0; /* the judge left all of it open */
        }
    }
    expect(&t, false, "'shuffled' was not run");
    fill(&t, 20);
    for (size_t i = 0; i < t.n; i++) {
        if (strcmp(t.cells[i].condition, "transferred") == 0) {
            t.cells[i].n = 0;
        }
    }
    expect(&t, false, "no transferred vector");
    *(&t) = (table){.n = 0};
    expect(&t, false, "no transferred vector");
    fill(&t, 20); /* identity need not run */
    for (size_t i = 0; i < t.n; i++) {
        if (strcmp(t.cells[i].condition, "identity") == 0) {
            t.cells[i].n = 0;
        }
    }
    expect(&t, true, "is above every random direction");
}

static void void_whatever(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    persona_evaluation *x = judge(&t, "in-sample: says nothing");
    assert_false(x->pass);
    assert_string_equal(x->reason, "in-sample: says nothing");
    persona_evaluation_free(x);
}

static void specific(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    curve(&t, "other-trait", 2);
    persona_evaluation *x = judge(&t, NULL);
    assert_true(x->specific);
    persona_evaluation_free(x);
    fill(&t, 20);
    curve(&t, "other-trait", 22);
    x = judge(&t, NULL);
    assert_true(x->pass && !x->specific); /* reported, and no part of the verdict */
    persona_evaluation_free(x);
}

static void no_memory(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_evaluation *x = mem_calloc(1, sizeof *x);
        persona_mem_fail_at(k);
        rc = verdict_fill(t.cells, t.n, QUESTIONS, RANDOM, NULL, 1, x, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
        persona_evaluation_free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),          cmocka_unit_test(swapped),  cmocka_unit_test(reasons),
        cmocka_unit_test(void_whatever), cmocka_unit_test(specific), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
