/* SPDX-License-Identifier: MIT
 *
 * try.h - the one exit of a function that can fail: `persona_code rc = PERSONA_OK`, resources that
 * start as NULL, TRY(call) for every step, and an `out:` that frees in reverse and returns rc.
 */
#ifndef PERSONA_BASE_TRY_H
#define PERSONA_BASE_TRY_H

#include "persona/error.h"

/* Leaves for `out` with the code of a call that failed. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != PERSONA_OK) {                                                                    \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#endif
