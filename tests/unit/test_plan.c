/* SPDX-License-Identifier: MIT
 *
 * test_plan.c - steering plans without a model: owners, merging, refusals.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persona/session.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_owner_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
