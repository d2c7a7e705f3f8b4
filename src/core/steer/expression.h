/* SPDX-License-Identifier: MIT
 *
 * steer.h - steering expressions: text to terms. Pure parsing and arithmetic; names are resolved
 * elsewhere (persona/steer.h).
 *
 * expression := term (("+"|"-") term)*        1.0*silly - 0.5*superficial
 * term       := [coefficient "*"] [unit] name ["@" A ["-" B]] (":" phase)*
 * unit       := "raw:" | "ratio:"             default: calibrated dose
 * phase      := prompt | response | analysis | final    default: response
 * name       := [A-Za-z0-9_./-]+ starting with a letter, "." or "/" ; or 'quoted'
 */
#ifndef PERSONA_CORE_STEER_H
#define PERSONA_CORE_STEER_H

#include <stddef.h>

#include "persona/error.h"

typedef enum steer_unit {
    STEER_DOSE, /* multiples of the calibrated dose; falls back to raw when not calibrated (said) */
    STEER_RAW,  /* multiples of the raw vector */
    STEER_RATIO, /* multiples such that ||edit|| / median ||h|| is the coefficient */
} steer_unit;

typedef struct steer_term {
    double coefficient;
    steer_unit unit;
    char *name;
    int block_a, block_b; /* inclusive; -1: the vector's best block */
    unsigned phases;      /* PERSONA_PHASE_* mask, 0 = all */
} steer_term;

typedef struct steer_expr {
    steer_term *terms;
    size_t n;
} steer_expr;

/* Errors: USAGE with the column and what was expected; empty text is an error. Operators that are
 * part of the language but not of this version (ablate, cap, ...) are named as such. */
PERSONA_CHECK persona_code steer_parse(const char *text, steer_expr *out, persona_err *e);
void steer_expr_free(steer_expr *x);
const char *steer_unit_name(steer_unit u); /* "dose", "raw", "ratio" */

#endif
