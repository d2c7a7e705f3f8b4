/* SPDX-License-Identifier: MIT
 *
 * trait_sampling.c - coefficients as settings of the sampler (trait_sampling.h).
 */
#include "pipeline/evaluate/trait_sampling.h"

static float clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

trait_sampling trait_sampling_at(const persona_trait *t, float coefficient, float base)
{
    return (trait_sampling){.temperature = clamp(base + coefficient * t->d_temperature, 0.0F, 2.0F),
                            .top_p = clamp(1.0F + coefficient * t->d_top_p, 0.05F, 1.0F),
                            .repetition_penalty =
                                clamp(1.0F + coefficient * t->d_repetition_penalty, 1.0F, 2.0F)};
}
