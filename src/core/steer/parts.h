/* SPDX-License-Identifier: MIT
 *
 * parts.h - what the parts of core/steer share: the words of the language, building lists of terms,
 * and the scanner of texts.
 */
#ifndef PERSONA_CORE_STEER_PRIVATE_H
#define PERSONA_CORE_STEER_PRIVATE_H

#include "core/steer/expression.h"

/* ---- words (expression.c) -------------------------------------------------------------------- */

typedef struct steer_op_info {
    const char *name;
    size_t n_needed, n_arguments;       /* numbers behind the vector */
    const char *wants[STEER_ARGUMENTS]; /* what they are, as an error says it */
    double low[STEER_ARGUMENTS], high[STEER_ARGUMENTS], without[STEER_ARGUMENTS];
    bool strength; /* its coefficient runs from 0 to 1, and it has no unit */
    bool unit;
} steer_op_info;
extern const steer_op_info steer_ops[STEER_N_OPS];

typedef struct steer_word {
    const char *name;
    unsigned bit;
} steer_word;
enum { STEER_N_PHASES = 4 };
extern const steer_word steer_phases[STEER_N_PHASES];

bool steer_spells(const char *s, size_t len, const char *word);
/* Whether a name can stand without quotes. */
bool steer_is_bare(const char *name);

/* ---- lists of terms (terms.c) ---------------------------------------------------------------- */

void steer_term_free(steer_term *t);
void steer_direction_free(steer_direction *v);
/* Takes t over, also when it fails. */
PERSONA_CHECK persona_code steer_add_term(steer_expr *x, steer_term *t, persona_err *e);
/* A copy of n comparisons behind those of t. */
PERSONA_CHECK persona_code steer_add_when(steer_term *t, const steer_comparison *when, size_t n,
                                          persona_err *e);
void steer_when_free(steer_comparison *when, size_t n);
/* Joint groups counted from 1 in the order of the terms. */
void steer_number_joints(steer_expr *x);
bool steer_same_when(const steer_term *a, const steer_term *b);
/* What the terms of a joint group have in common. */
bool steer_same_manner(const steer_term *a, const steer_term *b);

/* ---- the scanner (scan.c) -------------------------------------------------------------------- */

typedef struct scanner {
    const char *text, *at;
    persona_err *e;
} scanner;

void scan_space(scanner *p);
/* USAGE "column N: expected ..." */
PERSONA_CHECK persona_code scan_wrong(const scanner *p, const char *at, const char *expected);
size_t scan_column(const scanner *p, const char *at);
/* Length of a word of the letters of names; of a decimal number without sign ("nan", "inf" and
 * hexadecimal are words); 0: none. */
size_t scan_word_length(const char *s);
size_t scan_number_length(const char *s);
/* Whether the word (and no longer one) stands here; steps over it. */
bool scan_word(scanner *p, const char *word);
/* A number without sign, and one that may have one. */
PERSONA_CHECK persona_code scan_number(scanner *p, double *out);
PERSONA_CHECK persona_code scan_signed(scanner *p, const char *expected, double *out);
/* A whole number; too_much is said of one above max. */
PERSONA_CHECK persona_code scan_whole(scanner *p, int max, const char *expected,
                                      const char *too_much, int *out);
/* A bare or quoted name. */
PERSONA_CHECK persona_code scan_name(scanner *p, char **out);

/* "when ..." behind a sum, if it stands here (when.c); *out is owned. */
PERSONA_CHECK persona_code scan_conditions(scanner *p, steer_comparison **out, size_t *n);

#endif
