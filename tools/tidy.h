/* SPDX-License-Identifier: MIT
 *
 * tidy.h - what clang-tidy must know and cannot see from one file: the functions that report an
 * error return that error's code, never PERSONA_OK. tools/check-tidy puts it in front of each
 * file; no compiler reads it.
 */
#include "base/mem.h"
#include "persona/error.h"

#define persona_err_set(e, code, ...) (persona_err_set(e, code, __VA_ARGS__), (code))
#define mem_err(e, what) (mem_err(e, what), PERSONA_E_NOMEM)
