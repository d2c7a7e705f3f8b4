/* SPDX-License-Identifier: MIT
 *
 * test_real_replan.c - a plan that is replaced in the middle of an answer, on each real model
 * (engine/replan.h).
 */
#include "engine/replan.h"
#include "real/real.h"

static void check_model(const char *path)
{
    persona_model *m = real_open(path);
    check_replan(m, "Dear diary, today I went to the market and bought three", PERSONA_OP_ADD, 1.5);
    persona_model_free(m);
}

int main(void)
{
    return real_main(check_model);
}
