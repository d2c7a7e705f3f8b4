/* SPDX-License-Identifier: MIT
 *
 * random.c - the system's random numbers (random.h).
 */
#include "base/random.h"

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
