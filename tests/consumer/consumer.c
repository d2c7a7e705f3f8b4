/* SPDX-License-Identifier: MIT
 *
 * consumer.c - uses the installed library through its public header only: opening a model that does
 * not exist must say so, and every noun's defaults must be there.
 */
#include <persona/persona.h>
#include <stdio.h>

int main(void)
{
    persona_err e = {0};
    persona_model *m = NULL;
    const persona_model_opts opts = persona_model_defaults();
    const persona_code code = persona_model_open("/nowhere/model.gguf", &opts, &m, &e);
    printf("%s: %s\n", persona_code_name(code), e.msg);
    persona_model_free(m);
    const bool tasks = persona_extract_defaults().n_rollouts == 1 &&
                       persona_pairs_defaults().n_neutral > 0 && persona_fit_defaults().method &&
                       persona_evaluate_defaults().n_random > 0 &&
                       persona_study_defaults().evaluate;
    if (!tasks) {
        return 2;
    }
    return code == PERSONA_E_NOTFOUND ? 0 : 1;
}
