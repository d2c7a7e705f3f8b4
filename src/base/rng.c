/* SPDX-License-Identifier: MIT
 *
 * rng.c - PCG32 (XSH-RR 64/32, M. E. O'Neill, pcg-random.org) and splitmix64 (S. Vigna).
 *
 * Integers are the same on every machine. rng_normal goes through log and cos, which libraries
 * round differently in the last bit.
 */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

void rng_seed(rng *r, uint64_t seed, uint64_t stream)
{
    r->state = 0;
    r->inc = (stream << 1) | 1;
    rng_u32(r);
    r->state += seed;
    rng_u32(r);
}

uint32_t rng_u32(rng *r)
{
    const uint64_t old = r->state;
    r->state = old * 6364136223846793005U + r->inc;
    const uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27);
    const uint32_t turn = (uint32_t)(old >> 59);
    return (x >> turn) | (x << (-turn & 31));
}

uint32_t rng_below(rng *r, uint32_t n)
{
    assert(n > 0);
    const uint32_t uneven = -n % n; /* 2^32 mod n: these few would make small results likelier */
    uint32_t x;
    do {
        x = rng_u32(r);
    } while (x < uneven);
    return x % n;
}

double rng_unit(rng *r)
{
    const uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

double rng_normal(rng *r)
{
    const double turn = 6.283185307179586476925286766559; /* 2 pi; Box and Muller */
    const double u = 1.0 - rng_unit(r), v = rng_unit(r);  /* u > 0 */
    return sqrt(-2.0 * log(u)) * cos(turn * v);
}

void rng_shuffle(rng *r, size_t *index, size_t n)
{
    assert(n <= UINT32_MAX);
    for (size_t i = n; i > 1; i--) {
        const size_t j = rng_below(r, (uint32_t)i);
        const size_t t = index[i - 1];
        index[i - 1] = index[j];
        index[j] = t;
    }
}

static uint64_t splitmix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

uint32_t rng_mix(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint32_t)(splitmix(splitmix(splitmix(a) ^ b) ^ c) >> 32);
}
