/* SPDX-License-Identifier: MIT
 *
 * test_plan.c - steering plans without a model: owners, phases, fingerprints, refusals.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"

#define OWNERS 1000

static persona_plan *plan_of(float alpha)
{
    static const float v[4] = {1, 2, 3, 4};
    const persona_edit edit = {.op = PERSONA_OP_ADD, .block = 1, .alpha = alpha, .v = v};
    persona_plan *p = NULL;
    assert_int_equal(persona_plan_new(3, 4, &edit, 1, &p, NULL), PERSONA_OK);
    return p;
}

static void *come_and_go(void *plan)
{
    for (int i = 0; i < OWNERS; i++) {
        persona_plan_free(persona_plan_ref(plan));
    }
    persona_plan_free(plan); /* the reference that this thread was given */
    return NULL;
}

/* The last of many owners frees, whoever it is; the sanitizers see a leak or a use after it. */
static void last_owner_frees(void **state)
{
    (void)state;
    pthread_t t[4];
    persona_plan *p = plan_of(1);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, come_and_go, persona_plan_ref(p)), 0);
    }
    persona_plan_free(p);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    assert_null(persona_plan_ref(NULL));
}

/* What every norm layer squares must stay a float32; it is refused where the plan is made. */
static void overflow_is_refused(void **state)
{
    (void)state;
    static const float v[4] = {1, -1, 1, 0};
    const persona_edit edits[2] = {{.block = 0, .alpha = 1, .v = v},
                                   {.block = 2, .alpha = 1e30F, .v = v}};
    persona_plan *p = NULL;
    persona_err e = {0};
    assert_int_equal(persona_plan_new(3, 4, edits, 2, &p, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "block 2"));
    assert_null(p);
    /* each is finite, their sum is not */
    const persona_edit sum[2] = {{.block = 1, .alpha = 3e38F, .v = v},
                                 {.block = 1, .alpha = 3e38F, .v = v}};
    assert_int_equal(persona_plan_new(3, 4, sum, 2, &p, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "block 1"));
    /* large, but a model could have such a stream */
    const persona_edit large = {.block = 1, .alpha = 1e18F, .v = v};
    assert_int_equal(persona_plan_new(3, 4, &large, 1, &p, &e), PERSONA_OK);
    persona_plan_free(p);
}

static void unknown_parameters_are_refused(void **state)
{
    (void)state;
    static const float v[4] = {1};
    persona_plan *p = NULL;
    persona_err e = {0};
    persona_edit edit = {.block = 1, .alpha = 1, .phases = 16, .v = v};
    assert_int_equal(persona_plan_new(3, 4, &edit, 1, &p, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "0x10"));
    edit.phases = 0;
    edit.op = (persona_op)99;
    assert_int_equal(persona_plan_new(3, 4, &edit, 1, &p, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "99"));
}

static token_phase phase_at(size_t pos, token_class class)
{
    return phase_of((token_at){.pos = pos, .n_prompt = 3, .class = class});
}

static void a_token_has_one_phase(void **state)
{
    (void)state;
    assert_int_equal(phase_at(0, TOKEN_TEMPLATE), PHASE_PROMPT);
    assert_int_equal(phase_at(1, TOKEN_ANSWER), PHASE_PROMPT);
    assert_int_equal(phase_at(2, TOKEN_ANSWER), PHASE_RESPONSE);
    assert_int_equal(phase_at(3, TOKEN_TEMPLATE), PHASE_RESPONSE);
    assert_int_equal(phase_at(3, TOKEN_OTHER), PHASE_RESPONSE);
    assert_int_equal(phase_at(3, TOKEN_ANALYSIS), PHASE_ANALYSIS);
    assert_int_equal(phase_at(4, TOKEN_ANSWER), PHASE_FINAL);
}

/* Equal fingerprints where the same happens, whatever the masks say. */
static void fingerprints_follow_phases(void **state)
{
    (void)state;
    static const float v[4] = {1, 2};
    const unsigned R = PERSONA_PHASE_RESPONSE, A = PERSONA_PHASE_ANALYSIS, F = PERSONA_PHASE_FINAL;
    const unsigned masks[] = {0, R, R | F, A, F, A | F, PERSONA_PHASE_PROMPT};
    persona_plan *p[7];
    for (size_t i = 0; i < 7; i++) {
        const persona_edit edit = {.block = 1, .alpha = 1, .phases = masks[i], .v = v};
        assert_int_equal(persona_plan_new(3, 4, &edit, 1, &p[i], NULL), PERSONA_OK);
    }
    assert_true(plan_same(p[1], p[2]));
    assert_false(plan_same(p[0], p[1]));
    assert_false(plan_same(p[4], NULL));
    assert_true(plan_id(p[0], PHASE_PROMPT) == plan_id(p[1], PHASE_ANALYSIS));
    assert_true(plan_id(p[1], PHASE_PROMPT) == 0);
    assert_true(plan_id(p[3], PHASE_FINAL) == 0 && plan_id(p[3], PHASE_ANALYSIS) != 0);
    assert_true(plan_id(p[5], PHASE_RESPONSE) == 0);
    assert_true(plan_needs_channels(p[3]) && !plan_needs_channels(p[5]));
    for (size_t i = 0; i < 7; i++) {
        persona_plan_free(p[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_owner_frees),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(unknown_parameters_are_refused),
        cmocka_unit_test(a_token_has_one_phase),
        cmocka_unit_test(fingerprints_follow_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
