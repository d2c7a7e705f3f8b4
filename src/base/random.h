/* SPDX-License-Identifier: MIT
 *
 * random.h - bytes that nobody can guess: ids, marks, seeds that were not given. What must come out
 * the same again is drawn with rng.h.
 */
#ifndef PERSONA_BASE_RANDOM_H
#define PERSONA_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* At most 256 bytes. false: the system gives none (early at boot); p is zeros then. */
bool random_bytes(void *p, size_t n);
/* n such bytes, at most 32, as 2 n hexadecimal digits. */
bool random_hex(char *out, size_t n);

#endif
