/* SPDX-License-Identifier: MIT
 *
 * test_steer.c - steering expressions: what they mean, and what the messages say where they do not.
 */
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
#include "core/steer/expression.h"
#include "persona/session.h"

typedef struct term_case {
    const char *text;
    steer_term terms[3];
} term_case;

#define P PERSONA_PHASE_PROMPT
#define R PERSONA_PHASE_RESPONSE
#define NAME(s)                                                                                    \
    (char[])                                                                                       \
    {                                                                                              \
        s                                                                                          \
    }

static void meanings(void **state)
{
    (void)state;
    const term_case cases[] = {
        {"silly", {{1, STEER_DOSE, NAME("silly"), -1, -1, 0}}},
        {" -silly ", {{-1, STEER_DOSE, NAME("silly"), -1, -1, 0}}},
        {"1.0*silly - 0.5*superficial",
         {{1, STEER_DOSE, NAME("silly"), -1, -1, 0},
          {-.5, STEER_DOSE, NAME("superficial"), -1, -1, 0}}},
        {"2 * raw:silly@3-7:response", {{2, STEER_RAW, NAME("silly"), 3, 7, R}}},
        {"-1e-1*ratio:x@12:prompt:response+y",
         {{-.1, STEER_RATIO, NAME("x"), 12, 12, P | R}, {1, STEER_DOSE, NAME("y"), -1, -1, 0}}},
        {"a - -0.5*b",
         {{1, STEER_DOSE, NAME("a"), -1, -1, 0}, {.5, STEER_DOSE, NAME("b"), -1, -1, 0}}},
        {"./v.gguf + /tmp/a-b_2.gguf@0",
         {{1, STEER_DOSE, NAME("./v.gguf"), -1, -1, 0},
          {1, STEER_DOSE, NAME("/tmp/a-b_2.gguf"), 0, 0, 0}}},
        {".5*'my vector: +2'@4", {{.5, STEER_DOSE, NAME("my vector: +2"), 4, 4, 0}}},
        {"infinite + nan + 0*raw",
         {{1, STEER_DOSE, NAME("infinite"), -1, -1, 0},
          {1, STEER_DOSE, NAME("nan"), -1, -1, 0},
          {0, STEER_DOSE, NAME("raw"), -1, -1, 0}}},
        {"a@5 -b", {{1, STEER_DOSE, NAME("a"), 5, 5, 0}, {-1, STEER_DOSE, NAME("b"), -1, -1, 0}}},
        {"a:analysis", {{1, STEER_DOSE, NAME("a"), -1, -1, PERSONA_PHASE_ANALYSIS}}},
        {"a:final:prompt",
         {{1, STEER_DOSE, NAME("a"), -1, -1, PERSONA_PHASE_FINAL | PERSONA_PHASE_PROMPT}}},
        {"raw:'raw':prompt", {{1, STEER_RAW, NAME("raw"), -1, -1, P}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steer_expr x;
        persona_err e = {0};
        if (steer_parse(cases[i].text, &x, &e) != PERSONA_OK) {
            fail_msg("%s: %s", cases[i].text, e.msg);
        }
        size_t n = 0;
        while (n < 3 && cases[i].terms[n].name) {
            n++;
        }
        assert_int_equal(x.n, n);
        for (size_t k = 0; k < n; k++) {
            const steer_term *t = &x.terms[k], *want = &cases[i].terms[k];
            assert_string_equal(t->name, want->name);
            if (t->coefficient != want->coefficient || t->unit != want->unit ||
                t->block_a != want->block_a || t->block_b != want->block_b ||
                t->phases != want->phases) {
                fail_msg("%s: term %zu is %g %s @%d-%d :%u", cases[i].text, k, t->coefficient,
                         steer_unit_name(t->unit), t->block_a, t->block_b, t->phases);
            }
        }
        steer_expr_free(&x);
        assert_int_equal(x.n, 0);
    }
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int column; /* 0: the whole */
        const char *word;
    } cases[] = {
        {"", 0, "empty"},
        {"   ", 0, "empty"},
        {"2", 2, "'*'"},
        {"2*", 3, "name"},
        {"2 silly", 3, "'*'"},
        {"silly +", 8, "name"},
        {"silly superficial", 7, "'+'"},
        {"silly,", 6, "'+'"},
        {"a + + b", 5, "one sign"},
        {"silly-0.5*x", 10, "white space"},
        {"_x", 1, "name"},
        {"1e999*x", 1, "finite"},
        {"0x10*x", 2, "'*'"},
        {"raw:2*silly", 5, "2*raw:silly"},
        {"raw:", 5, "name"},
        {"a@", 3, "layer number"},
        {"a@x", 3, "layer number"},
        {"a@5000", 6, "4096"},
        {"a@7-3", 3, "ascending"},
        {"a@7-", 5, "last layer"},
        {"a@5-0.5*b", 3, "white space"},
        {"a:", 3, "phase"},
        {"a:always", 3, "phase"},
        {"a:final:", 9, "analysis or final"},
        {"ablate(silly)", 1, "not to this version"},
        {"1*a + cap(b,3)", 7, "'cap' belongs"},
        {"sin(b)", 1, "no operator 'sin'"},
        {"'open", 1, "quote"},
        {"''", 2, "between"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steer_expr x;
        persona_err e = {0};
        char column[32] = "steering expression: ";
        if (cases[i].column) {
            snprintf(column, sizeof column, "column %d:", cases[i].column);
        }
        const persona_code rc = steer_parse(cases[i].text, &x, &e);
        if (rc != PERSONA_E_USAGE || !strstr(e.msg, column) || !strstr(e.msg, cases[i].word)) {
            fail_msg("%s: code %d, \"%s\"", cases[i].text, (int)rc, e.msg);
        }
        assert_int_equal(x.n, 0);
        assert_null(x.terms);
    }
}

static void limits(void **state)
{
    (void)state;
    char text[5000];
    steer_expr x;
    size_t n = 0;
    for (int i = 0; i < 257; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%sa", i ? " + " : "");
    }
    assert_int_equal(steer_parse(text, &x, NULL), PERSONA_E_USAGE);
    text[n - 4] = '\0';
    assert_int_equal(steer_parse(text, &x, NULL), PERSONA_OK);
    assert_int_equal(x.n, 256);
    steer_expr_free(&x);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(steer_parse(text, &x, NULL), PERSONA_E_USAGE);
}

/* Random strings of the language's letters: a verdict for each, never a crash. */
static void noise(void **state)
{
    (void)state;
    static const char letters[] = "ab.5-+*@: '/raw:ratio:prompt(e1\303";
    rng r;
    rng_seed(&r, 5, 0);
    for (int i = 0; i < 20000; i++) {
        char text[24];
        const size_t n = rng_below(&r, sizeof text);
        for (size_t k = 0; k < n; k++) {
            text[k] = letters[rng_below(&r, sizeof letters - 1)];
        }
        text[n] = '\0';
        steer_expr x;
        persona_err e = {0};
        const persona_code rc = steer_parse(text, &x, &e);
        assert_true(rc == PERSONA_OK ? x.n > 0 : rc == PERSONA_E_USAGE && e.msg[0]);
        steer_expr_free(&x);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    persona_code rc = PERSONA_E_NOMEM;
    steer_expr x;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = steer_parse("a + 'b' - 2*c", &x, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    assert_int_equal(x.n, 3);
    steer_expr_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meanings), cmocka_unit_test(mistakes),      cmocka_unit_test(limits),
        cmocka_unit_test(noise),    cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
