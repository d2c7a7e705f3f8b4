/* SPDX-License-Identifier: MIT
 *
 * test_figures.c - what stands beside the scores: lengths of answers, and the best coefficient that
 * stays coherent.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/evaluate/evaluate_figures.h"

static void close_to(double is, double should)
{
    assert_true(fabs(is - should) < 1e-9);
}

static void test_lengths(void **state)
{
    (void)state;
    const answer answers[] = {
        {.answered = true, .n_answer = 10, .n_tokens = 12},
        {.answered = true, .n_answer = 20, .n_tokens = 20, .finish = PERSONA_FINISH_LENGTH},
        {.answered = false, .n_tokens = 400, .finish = PERSONA_FINISH_LENGTH},
        {.answered = true, .n_answer = 33, .n_tokens = 40},
    };
    cell_lengths one = {0}, two = {0};
    persona_row row = {0};
    lengths_row(&one, &row);
    assert_true(isnan(row.tokens) && isnan(row.tokens_sd) && isnan(row.cut));
    lengths_add(&one, &answers[0]);
    lengths_row(&one, &row);
    close_to(row.tokens, 10);
    assert_true(isnan(row.tokens_sd));
    lengths_add(&one, &answers[1]);
    lengths_add(&two, &answers[2]);
    lengths_add(&two, &answers[3]);
    lengths_pool(&one, &two);
    lengths_row(&one, &row);
    close_to(row.tokens, 21);
    close_to(row.tokens_sd, sqrt((121 + 1 + 144) / 2.0));
    close_to(row.cut, 0.5);
}

static persona_row row(const char *condition, double c, double score, double coherence)
{
    return (persona_row){
        .condition = condition, .coefficient = c, .score = {score, 0, 0}, .coherence = coherence};
}

static void test_bests(void **state)
{
    (void)state;
    persona_row rows[] = {
        row("unsteered", 0, 50, 90),   row("native", -2, 20, 80),
        row("native", -1, 25, 85),     row("native", 0, 50, 90),
        row("native", 1, 70, 70),      row("native", 2, 95, 69.9),
        row("transferred", -1, 5, 30), row("transferred", 1, 45, 88),
        row("transferred", 2, 48, 71), row("prompt", 1, (double)NAN, 90),
    };
    persona_evaluation x = {.rows = rows, .n_rows = sizeof rows / sizeof *rows};
    persona_err e = {.code = PERSONA_OK};
    assert_int_equal(evaluate_bests(&x, &e), PERSONA_OK);
    const persona_best *b = persona_evaluation_best(&x, "native");
    assert_non_null(b);
    close_to(b->plus.coefficient, 1); /* 2 moves farther, but rambles */
    close_to(b->plus.gain, 20);
    close_to(b->plus.coherence, 70);
    close_to(b->minus.coefficient, -2);
    close_to(b->minus.gain, -30);
    b = persona_evaluation_best(&x, "transferred");
    assert_true(isnan(b->minus.gain) && isnan(b->minus.coefficient)); /* none is coherent */
    close_to(b->plus.coefficient, 2); /* the least bad of two that go the wrong way */
    close_to(b->plus.gain, -2);
    b = persona_evaluation_best(&x, "prompt");
    assert_true(isnan(b->plus.gain));
    assert_null(persona_evaluation_best(&x, "unsteered"));
    assert_null(persona_evaluation_best(NULL, "native"));
    mem_free(x.bests);
}

static void test_no_base(void **state)
{
    (void)state;
    persona_row rows[] = {row("native", 1, 70, 90)};
    persona_evaluation x = {.rows = rows, .n_rows = 1};
    persona_err e = {.code = PERSONA_OK};
    assert_int_equal(evaluate_bests(&x, &e), PERSONA_OK);
    assert_int_equal(x.n_bests, 0);
    mem_free(x.bests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bests),
        cmocka_unit_test(test_no_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
