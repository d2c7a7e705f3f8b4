/* SPDX-License-Identifier: MIT
 *
 * rng.h - PCG32: small, seeded, the same everywhere. Never used for secrets.
 */
#ifndef PERSONA_BASE_RNG_H
#define PERSONA_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state, inc;
} rng;

void rng_seed(rng *r, uint64_t seed, uint64_t stream);
uint32_t rng_u32(rng *r);
uint32_t rng_below(rng *r, uint32_t n); /* unbiased, n > 0 */
double rng_unit(rng *r);                /* [0,1) */
double rng_normal(rng *r);              /* mean 0, sd 1 */
void rng_shuffle(rng *r, size_t *index, size_t n);
/* One well-mixed 32-bit seed from several numbers (splitmix64). */
uint32_t rng_mix(uint64_t a, uint64_t b, uint64_t c);

#endif
