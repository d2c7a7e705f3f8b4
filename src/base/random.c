/* SPDX-License-Identifier: MIT
 *
 * random.c - the system's random numbers (random.h).
 */
#include "base/random.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool random_bytes(void *p, size_t n)
{
    const bool ok = getentropy(p, n) == 0;
    if (!ok) {
        memset(p, 0, n);
    }
    return ok;
}

bool random_hex(char *out, size_t n)
{
    enum { MOST = 32 };
    unsigned char bytes[MOST];
    n = n < MOST ? n : MOST;
    const bool ok = random_bytes(bytes, n);
    for (size_t i = 0; i < n; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
    return ok;
}
