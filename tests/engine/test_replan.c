/* SPDX-License-Identifier: MIT
 *
 * test_replan.c - a plan that is replaced in the middle of an answer, on the embedded pair
 * (replan.h).
 */
#include "engine/replan.h"

static void on_the_embedded_pair(void **state)
{
    (void)state;
    static const persona_op OPS[] = {PERSONA_OP_ADD,   PERSONA_OP_KEEPNORM, PERSONA_OP_ROTATE,
                                     PERSONA_OP_CLAMP, PERSONA_OP_FLOOR,    PERSONA_OP_CAP};
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        for (size_t k = 0; k < sizeof OPS / sizeof *OPS; k++) {
            check_replan(m, "What is tea? Tea is a drink that people make of leaves and hot",
                         OPS[k], 2.0);
        }
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(on_the_embedded_pair)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
