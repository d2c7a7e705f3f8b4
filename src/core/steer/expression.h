/* SPDX-License-Identifier: MIT
 *
 * expression.h - steering expressions in memory, as text and as a JSON object. Names are resolved
 * elsewhere (persona/steer.h, which has the grammar).
 *
 * An expression is a flat list of terms. Parentheses only say what a coefficient or a condition
 * reaches, so the parser multiplies the one into the terms and hands the other to each of them; a
 * joint(...) is a run of terms with one number. What text and object can say is therefore the same
 * list, and there is one canonical text for it: parsing what steer_print wrote gives it back.
 */
#ifndef PERSONA_CORE_STEER_H
#define PERSONA_CORE_STEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "persona/error.h"

/* Each is an error of its own when it is passed. */
enum {
    STEER_TEXT_MAX = 4096,      /* bytes of a text, also of the canonical one */
    STEER_OBJECT_MAX = 1 << 20, /* bytes of an object */
    STEER_NESTING_MAX = 16,     /* parentheses in each other */
    STEER_DIRECTIONS_MAX = 8,   /* along and without in each other */
    STEER_TERMS_MAX = 256,
    STEER_COMPARISONS_MAX = 8, /* of one term, those of groups around it included */
    STEER_BLOCK_MAX = 4096,
    STEER_WINDOW_MAX = 1 << 24, /* tokens */
};

typedef enum steer_unit {
    STEER_DOSE, /* multiples of the calibrated dose; falls back to raw when not calibrated (said) */
    STEER_RAW,  /* multiples of the raw vector */
    STEER_RATIO, /* multiples such that ||edit|| / median ||h|| is the coefficient */
} steer_unit;

typedef enum steer_op {
    STEER_ADD,
    STEER_ABLATE,
    STEER_CAP,
    STEER_FLOOR,
    STEER_CLAMP,
    STEER_ROTATE,
    STEER_KEEPNORM,
    STEER_HOLD,
    STEER_N_OPS
} steer_op;

enum { STEER_ARGUMENTS = 2 };

typedef enum steer_direction_kind {
    STEER_NAMED,   /* a name */
    STEER_ALONG,   /* the part of a along b */
    STEER_WITHOUT, /* a with its part along b taken out */
} steer_direction_kind;

typedef struct steer_direction {
    steer_direction_kind kind;
    char *name;                    /* STEER_NAMED */
    struct steer_direction *a, *b; /* the others */
} steer_direction;

/* A probe's z-score against a threshold. */
typedef struct steer_comparison {
    char *probe;
    int block;  /* -1: the probe's best */
    bool above; /* it holds from z > open on until z < close; else the other way round */
    double open, close;
} steer_comparison;

typedef struct steer_term {
    steer_op op;
    double coefficient;
    steer_unit unit;
    steer_direction v;
    double arguments[STEER_ARGUMENTS]; /* of the operator, behind the vector; else 0 */
    int block_a, block_b;              /* inclusive; -1: the vector's best block */
    unsigned phases;                   /* PERSONA_PHASE_* mask, 0: the default */
    int first, after;                  /* window over answer tokens; 0: none */
    bool syntax_off;
    size_t joint;           /* terms of one number are solved together; 0: by itself */
    double budget;          /* of the joint group: ||edit|| / median ||h|| at a block; 0: none */
    steer_comparison *when; /* all must hold */
    size_t n_when;
    size_t column; /* where a text has it, from 1; 0: from an object */
} steer_term;

typedef struct steer_expr {
    steer_term *terms;
    size_t n;
} steer_expr;

/* Text. Errors: USAGE with the column and what was expected; empty text is one. */
PERSONA_CHECK persona_code steer_parse(const char *text, steer_expr *out, persona_err *e);
/* The object {"terms": [...]} (FORMATS.md). Errors: USAGE with the path of the field. */
PERSONA_CHECK persona_code steer_parse_object(const char *text, steer_expr *out, persona_err *e);
/* Either: what begins with "{" is an object. */
PERSONA_CHECK persona_code steer_parse_any(const char *text, steer_expr *out, persona_err *e);
void steer_expr_free(steer_expr *x);

/* The canonical text, on one line. */
void steer_print(const steer_expr *x, buf *out);
/* The same as an object: JSON on one line. */
void steer_print_object(const steer_expr *x, buf *out);

/* What no text could say, or no longer after expressions were put together: NULL if there is
 * nothing. *term is the term at fault, *field its member as the object calls it, and the result
 * what was expected instead. */
const char *steer_fault(const steer_expr *x, size_t *term, const char **field);
/* The same as an error: USAGE with the column or the path of the field. */
PERSONA_CHECK persona_code steer_check(const steer_expr *x, persona_err *e);
/* "steering expression, column 7", or "steering object, terms[2]". */
enum { STEER_PLACE = 64 };
void steer_place(const steer_expr *x, size_t term, char out[STEER_PLACE]);

bool steer_equal(const steer_expr *a, const steer_expr *b); /* but for columns */
/* Puts terms in the place of term i, which is freed: their coefficients times its own, its
 * conditions behind theirs, joint groups with fresh numbers. */
PERSONA_CHECK persona_code steer_replace(steer_expr *x, size_t i, const steer_expr *by,
                                         persona_err *e);

bool steer_direction_equal(const steer_direction *a, const steer_direction *b);
/* "without(a, b)"; mem_free it. NULL: no memory. */
char *steer_direction_text(const steer_direction *v);

const char *steer_unit_name(steer_unit u); /* "dose", "raw", "ratio" */
const char *steer_op_name(steer_op op);    /* "add", "ablate", ... */

#endif
