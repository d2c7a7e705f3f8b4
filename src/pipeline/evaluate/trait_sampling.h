/* SPDX-License-Identifier: MIT
 *
 * trait_sampling.h - the method `sampling` of the user's document: the coefficient moves the
 * sampler as the trait's pack says, and the model not at all.
 */
#ifndef PERSONA_TRAIT_SAMPLING_H
#define PERSONA_TRAIT_SAMPLING_H

#include "persona/trait.h"

typedef struct trait_sampling {
    float temperature, top_p, repetition_penalty;
} trait_sampling;
/* base: the temperature at coefficient 0, where top_p and the penalty are 1. */
trait_sampling trait_sampling_at(const persona_trait *t, float coefficient, float base);

#endif
