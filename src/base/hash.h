/* SPDX-License-Identifier: MIT
 *
 * hash.h - 64-bit FNV-1a: quick sums of bytes that are not hostile. Classifier files, cached
 * readings and the groups of questions depend on its values; what must resist forgery takes
 * SHA-256 (file.h).
 */
#ifndef PERSONA_BASE_HASH_H
#define PERSONA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED UINT64_C(14695981039346656037)

/* Goes on from h: HASH_SEED, or the sum of what came before. */
static inline uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * UINT64_C(1099511628211);
    }
    return h;
}

#endif
