/* SPDX-License-Identifier: MIT
 *
 * judge_endpoint.c - an OpenAI-compatible server as judge: not in this build.
 */
#include "pipeline/judge.h"

persona_judge_endpoint_opts persona_judge_endpoint_defaults(void)
{
    return (persona_judge_endpoint_opts){.key_env = "OPENAI_API_KEY",
                                         .timeout = 60,
                                         .n_retries = 6,
                                         .n_parallel = 4,
                                         .min_mass = 0.25F};
}

persona_code persona_judge_endpoint(const persona_judge_endpoint_opts *opts, persona_judge **out,
                                    persona_err *e)
{
    *out = NULL;
    return persona_err_set(e, PERSONA_E_UNAVAILABLE, "judge %.200s: no endpoints in this build",
                           opts->url);
}
