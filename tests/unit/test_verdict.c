/* SPDX-License-Identifier: MIT
 *
 * test_verdict.c - PASS and every way to FAIL, on cells made by hand.
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

enum { QUESTIONS = 20, MOST = 160, RANDOM = 20, DRAWS = 5 };

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

/* n draws that swing by spread points of standard deviation, more or less. */
static void draws(table *t, const char *condition, int n, double spread)
{
    rng r;
    rng_seed(&r, 11, (uint64_t)n);
    for (int k = 0; k < n; k++) {
        const double half = spread * rng_normal(&r) / 2;
        for (int sign = -1; sign <= 1; sign += 2) {
            add(t, condition, sign, 50 + half * sign, 90)->variant = k;
        }
    }
}

/* What a good transfer looks like; `transferred` with the given slope, random directions with the
 * given spread. */
static void fill_with(table *t, double slope, double spread)
{
    *t = (table){.n = 0};
    add(t, "unsteered", 0, 50, 90);
    curve(t, "native", 25);
    curve(t, "transferred", slope);
    curve(t, "lexical", 4);
    curve(t, "identity", 1);
    draws(t, "shuffled", DRAWS, 3);
    draws(t, "random-source", DRAWS, 3);
    draws(t, "random", RANDOM, spread);
}

static void fill(table *t, double slope)
{
    fill_with(t, slope, 5);
}

static persona_code run(const table *t, const char *void_reason, persona_evaluation *x)
{
    const verdict_board b = {
        .cells = t->cells, .n = t->n, .n_questions = QUESTIONS, .n_repeats = 1, .seed = 1};
    return verdict_fill(&b, void_reason, x, NULL);
}

static persona_evaluation *judge(const table *t, const char *void_reason)
{
    persona_evaluation *x = mem_calloc(1, sizeof *x);
    assert_non_null(x);
    assert_int_equal(run(t, void_reason, x), PERSONA_OK);
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
    const persona_spread *r = persona_evaluation_spread(x, "random");
    assert_true(r && r->n == RANDOM && r->n_reaching == 0);
    assert_true(r->sd > 2.5 && r->sd < 8 && r->p < 1e-5 && r->z > 5);
    assert_null(persona_evaluation_spread(x, "native"));
    assert_null(persona_evaluation_spread(x, "other-trait"));
    assert_true(isnan(persona_evaluation_swing(x, "native")->retained.value));
    assert_null(persona_evaluation_swing(x, "unsteered"));
    persona_evaluation_free(x);
}

static void take_out(table *t, const char *condition)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->cells[i].condition, condition) == 0) {
            t->cells[i].condition = "prompt";
        }
    }
}

/* The attack of the audit: word counts, or the bare numbers, do as well as the map. */
static void as_good(void **state)
{
    (void)state;
    static const char *const nulls[] = {"lexical", "identity"};
    for (size_t k = 0; k < 2; k++) {
        table t;
        fill(&t, 20);
        take_out(&t, nulls[k]);
        curve(&t, nulls[k], 20);
        expect(&t, false, nulls[k]);
        fill(&t, 20);
        take_out(&t, nulls[k]);
        curve(&t, nulls[k], 15); /* better by 10 points on the same questions, which is seen */
        expect(&t, true, "moves the trait");
    }
}

/* Draws that scatter as far as the transferred vector swings: it may be one of them. */
static void one_of_them(void **state)
{
    (void)state;
    static const char *const drawn[] = {"shuffled", "random-source", "random"};
    for (size_t k = 0; k < 3; k++) {
        table t;
        fill(&t, 20);
        take_out(&t, drawn[k]);
        draws(&t, drawn[k], k == 2 ? RANDOM : DRAWS, 40);
        expect(&t, false, drawn[k]);
    }
    table t;
    fill(&t, 20); /* a single draw that is lucky is not the end; its spread is what counts */
    for (size_t i = 0; i < t.n; i++) {
        for (size_t q = 0; strcmp(t.cells[i].condition, "random") == 0 && t.cells[i].variant == 2 &&
                           q < QUESTIONS;
             q++) {
            t.score[i][q] += 13 * t.cells[i].coefficient;
        }
    }
    expect(&t, true, "moves the trait");
}

/* Replies without a final channel, or that the judge leaves open. */
static void lose(table *t, const char *condition, double coefficient, size_t n)
{
    for (size_t i = 0; i < t->n; i++) {
        eval_cell *c = &t->cells[i];
        if (strcmp(c->condition, condition) == 0 && fabs(c->coefficient - coefficient) < 1e-9) {
            c->n_missing = n;
            for (size_t q = 0; q < n; q++) {
                t->score[i][q] = 50; /* as evaluate.c does with the unsteered mean */
            }
        }
    }
}

static void missing(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    lose(&t, "transferred", 1, 3);
    expect(&t, false, "answers are missing: 0 % at -1, 0 % unsteered, 15 % at +1");
    fill(&t, 20);
    lose(&t, "transferred", 1, 2);
    expect(&t, false, "answers are missing"); /* 10 % here and none there */
    fill(&t, 20);
    lose(&t, "transferred", 1, 2);
    lose(&t, "transferred", -1, 1);
    lose(&t, "unsteered", 0, 2);
    expect(&t, true, "moves the trait");
    fill(&t, 20);
    lose(&t, "unsteered", 0, QUESTIONS);
    lose(&t, "transferred", 1, QUESTIONS);
    lose(&t, "transferred", -1, QUESTIONS);
    expect(&t, false, "100 % unsteered");
    fill(&t, 20);
    lose(&t, "lexical", 1, 5); /* a control that says nothing proves nothing */
    expect(&t, false, "the control 'lexical'");
}

static void reasons(void **state)
{
    (void)state;
    table t;
    fill(&t, 1);
    expect(&t, false, "is not above");
    fill(&t, -20); /* steers the wrong way */
    expect(&t, false, "is not above");
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
    static const char *const needed[] = {"lexical", "shuffled", "random-source", "random"};
    for (size_t k = 0; k < 4; k++) {
        char why[64];
        snprintf(why, sizeof why, "'%s' was not run", needed[k]);
        fill(&t, 20);
        take_out(&t, needed[k]);
        expect(&t, false, why);
    }
    fill(&t, 20);
    take_out(&t, "transferred");
    expect(&t, false, "no transferred vector");
    *(&t) = (table){.n = 0};
    expect(&t, false, "no transferred vector");
    fill(&t, 20); /* identity need not run */
    take_out(&t, "identity");
    expect(&t, true, "no other trait's vector was tried");
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

static void other(table *t, int k, const char *name, double slope)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        eval_cell *c = add(t, "other-trait", sign, 50 + slope * sign, 90);
        c->variant = k;
        c->note = name;
    }
}

static void specific(void **state)
{
    (void)state;
    table t;
    fill(&t, 20);
    other(&t, 0, "impolite", 2);
    other(&t, 1, "poetic", -9);
    persona_evaluation *x = judge(&t, NULL);
    assert_true(x->pass && x->specific);
    assert_string_equal(x->closest, "poetic");
    assert_int_equal(x->n_margins, 4); /* lexical, identity, two traits */
    persona_evaluation_free(x);
    for (int sign = -1; sign <= 1; sign += 2) { /* in either direction */
        fill(&t, 20);
        other(&t, 0, "impolite", 2);
        other(&t, 1, "sycophantic", 20 * sign);
        x = judge(&t, NULL);
        assert_true(x->pass && !x->specific);
        assert_string_equal(x->closest, "sycophantic");
        assert_non_null(strstr(x->reason, "not specific to it (sycophantic comes closest)"));
        persona_evaluation_free(x);
    }
    fill(&t, 20); /* nobody tried: nothing is known */
    x = judge(&t, NULL);
    assert_true(x->pass && !x->specific);
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
        rc = run(&t, NULL, x);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
        persona_evaluation_free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),     cmocka_unit_test(as_good),   cmocka_unit_test(one_of_them),
        cmocka_unit_test(missing),  cmocka_unit_test(reasons),   cmocka_unit_test(void_whatever),
        cmocka_unit_test(specific), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
