/* SPDX-License-Identifier: MIT
 *
 * test_repeats.c - several evaluations as one: a seed that was lucky does not pass, one that is
 * like the others does, and draws of all repeats are one heap.
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
#include "pipeline/evaluate/evaluate_parts.h"

enum { QUESTIONS = 20, MOST = 120, REPEATS = 4, RANDOM = 20, DRAWS = 5 };

/* A finished evaluation of one seed, whose cells are made by hand. */
typedef struct made {
    persona_evaluation_kept kept;
    persona_evaluation x;
    eval_cell cells[MOST];
    double score[MOST][QUESTIONS], coherence[MOST][QUESTIONS];
    size_t group[QUESTIONS];
    char trait[8];
} made;

static eval_cell *add(made *m, const char *condition, double coefficient, double mean,
                      uint32_t seed)
{
    const size_t at = m->kept.board.n++;
    rng r, of_question;
    rng_seed(&r, seed, at);
    rng_seed(&of_question, 77, 77); /* the same in every repeat */
    for (size_t q = 0; q < QUESTIONS; q++) {
        const double own = 3 * rng_normal(&of_question);
        m->group[q] = q;
        m->score[at][q] = mean + own * (1 + coefficient) + 4 * rng_normal(&r);
        m->coherence[at][q] = 90;
    }
    m->cells[at] = (eval_cell){.condition = condition,
                               .coefficient = coefficient,
                               .variant = -1,
                               .same_as = -1,
                               .score = m->score[at],
                               .coherence = m->coherence[at],
                               .group = m->group,
                               .n = QUESTIONS,
                               .n_coherence = QUESTIONS};
    return &m->cells[at];
}

static void curve(made *m, const char *condition, double swing, uint32_t seed)
{
    for (int c = -2; c <= 2; c++) {
        add(m, condition, c, 50 + swing * c / 2, seed);
    }
}

static void draws(made *m, const char *condition, int n, uint32_t seed)
{
    rng r;
    rng_seed(&r, seed, (uint64_t)n);
    for (int k = 0; k < n; k++) {
        const double half = 4 * rng_normal(&r) / 2;
        add(m, condition, -1, 50 - half, seed)->variant = k;
        add(m, condition, 1, 50 + half, seed)->variant = k;
    }
}

/* Everything a verdict needs, with a transferred swing. */
static made *make(double swing, uint32_t seed, int n_random, int n_draws)
{
    made *m = mem_calloc(1, sizeof *m);
    assert_non_null(m);
    add(m, "unsteered", 0, 50, seed);
    curve(m, "native", 60, seed);
    curve(m, "transferred", swing, seed);
    curve(m, "lexical", 6, seed);
    draws(m, "shuffled", n_draws, seed);
    draws(m, "random-source", n_draws, seed);
    draws(m, "random", n_random, seed);
    for (int sign = -1; sign <= 1; sign += 2) {
        eval_cell *c = add(m, "other-trait", sign, 50, seed);
        c->variant = 0;
        c->note = seed % 2 ? "rude" : "kind"; /* not the same first in every repeat */
        c = add(m, "other-trait", sign, 50 + sign, seed);
        c->variant = 1;
        c->note = seed % 2 ? "kind" : "rude";
        c = add(m, EVALUATE_CROSS, sign, 50 + swing * sign / 2, seed);
        c->note = "silly";
        c->hidden = true;
    }
    memcpy(m->trait, "silly", 6);
    m->kept.cells = m->cells;
    m->kept.board.cells = m->cells;
    m->kept.board.n_questions = QUESTIONS;
    m->kept.board.n_repeats = 1;
    m->x = (persona_evaluation){.trait = m->trait, .kept = &m->kept, .n_repeats = 1};
    return m;
}

static persona_evaluation *pool(const double *swings, size_t n, const char *void_reason)
{
    made *m[REPEATS];
    const persona_evaluation *x[REPEATS];
    persona_evaluation *out = NULL;
    for (size_t k = 0; k < n; k++) {
        m[k] = make(swings[k], (uint32_t)k, n > 1 ? RANDOM / (int)n : RANDOM, n > 1 ? 2 : DRAWS);
        x[k] = &m[k]->x;
    }
    assert_int_equal(persona_evaluation_pool(x, n, void_reason, &out, NULL), PERSONA_OK);
    for (size_t k = 0; k < n; k++) {
        mem_free(m[k]);
    }
    return out;
}

static void expect(const double *swings, size_t n, bool pass, const char *reason)
{
    persona_evaluation *x = pool(swings, n, NULL);
    if (x->pass != pass || !strstr(x->reason, reason)) {
        fail_msg("%s: %s", x->pass ? "PASS" : "FAIL", x->reason);
    }
    persona_evaluation_free(x);
}

/* The audit: one of four seeds swings far, and would pass alone; all four together do not. */
static void a_lucky_seed(void **state)
{
    (void)state;
    const double lucky[] = {60, 4, -3, 8};
    expect(lucky, 1, true, "moves the trait");
    expect(lucky, REPEATS, false, "is not above lexical");
}

/* The audit's own four: 44, 70, 54, 49 with intervals of 8 each. They do pass, and the interval
 * says how far they scatter. */
static void seeds_that_agree(void **state)
{
    (void)state;
    const double audited[] = {44, 70, 54, 49};
    persona_evaluation *x = pool(audited, REPEATS, NULL);
    const persona_swing *s = persona_evaluation_swing(x, "transferred");
    assert_true(x->pass);
    assert_true(fabs(s->swing.value - 54.25) < 5);
    /* their standard deviation is 11.3 before noise: t(3) 3.18 * 11.3 / 2 = 18 */
    const double half = (s->swing.high - s->swing.low) / 2;
    if (!(half > 12 && half < 22)) {
        fail_msg("%.1f +- %.1f, se %.2f, df %.2f", s->swing.value, half, s->se, s->df);
    }
    assert_true(s->df < 6 && s->se > 5);
    persona_evaluation_free(x);
}

static void draws_are_one_heap(void **state)
{
    (void)state;
    const double swings[] = {50, 52, 48, 51};
    persona_evaluation *x = pool(swings, REPEATS, NULL);
    assert_int_equal(persona_evaluation_spread(x, "random")->n, RANDOM);
    assert_int_equal(persona_evaluation_spread(x, "shuffled")->n, 2 * REPEATS);
    const persona_spread *other = persona_evaluation_spread(x, "other-trait");
    assert_int_equal(other->n, 2);
    for (size_t k = 0; k < 2; k++) { /* the one that does nothing and the one that does 2 mix */
        assert_true(fabs(other->swing[k].value - 1) < 3);
    }
    assert_int_equal(x->n_repeats, REPEATS);
    assert_int_equal(x->n_crosses, 1);
    assert_string_equal(x->crosses[0].trait, "silly");
    assert_true(fabs(x->crosses[0].swing.value - 50.25) < 4);
    assert_true(x->retained.low < 0.85 && x->retained.high > 0.8);
    for (size_t i = 0; i < x->n_rows; i++) {
        const bool drawn = strcmp(x->rows[i].condition, "random") == 0;
        assert_int_equal(x->rows[i].n,
                         (drawn ? RANDOM
                          : strcmp(x->rows[i].condition, "shuffled") == 0 ||
                                  strcmp(x->rows[i].condition, "random-source") == 0 ||
                                  strcmp(x->rows[i].condition, "other-trait") == 0
                              ? 2 * REPEATS
                              : REPEATS) *
                             QUESTIONS);
    }
    persona_evaluation_free(x);
}

static void refusals(void **state)
{
    (void)state;
    const double swings[] = {50, 52};
    persona_evaluation *x = pool(swings, 2, "in-sample"), *out = NULL;
    const persona_evaluation *again[] = {x};
    persona_err e = {0};
    assert_false(x->pass);
    assert_string_equal(x->reason, "in-sample");
    assert_int_equal(persona_evaluation_pool(again, 1, NULL, &out, &e), PERSONA_E_USAGE);
    assert_int_equal(persona_evaluation_pool(again, 0, NULL, &out, &e), PERSONA_E_USAGE);
    persona_evaluation_free(x);
    made *a = make(50, 1, 2, 2), *b = make(50, 2, 2, 2);
    const persona_evaluation *apart[] = {&a->x, &b->x};
    b->kept.board.n_questions = 7;
    assert_int_equal(persona_evaluation_pool(apart, 2, NULL, &out, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "20 and of 7 questions"));
    mem_free(a);
    mem_free(b);
}

static void no_memory(void **state)
{
    (void)state;
    made *a = make(50, 1, 2, 2), *b = make(50, 2, 2, 2), *c = make(50, 3, 2, 2);
    const persona_evaluation *x[] = {&a->x, &b->x, &c->x};
    persona_evaluation *out = NULL;
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; k < 100000 && rc == PERSONA_E_NOMEM; k++) {
        persona_mem_fail_at(k);
        rc = persona_evaluation_pool(x, 3, NULL, &out, NULL);
        assert_true(rc == PERSONA_OK || (rc == PERSONA_E_NOMEM && !out));
    }
    persona_mem_fail_at(0);
    assert_int_equal(rc, PERSONA_OK);
    persona_evaluation_free(out);
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lucky_seed),       cmocka_unit_test(seeds_that_agree),
        cmocka_unit_test(draws_are_one_heap), cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
