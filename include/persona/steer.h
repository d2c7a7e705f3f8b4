/* SPDX-License-Identifier: MIT
 *
 * steer.h - from a steering expression to a plan and a receipt.
 *
 *   expression := sum ["when" comparison ("and" comparison)*]
 *   sum        := term (("+" | "-") term)*
 *   term       := [number "*"] [unit] factor | unit number "*" factor
 *   factor     := (vector | operator) ["@" A ["-" B]] (":" suffix)*
 *               | "joint(" sum ["," budget] ")" ["@" A ["-" B]] (":" suffix)*
 *               | "(" expression ")"
 *   unit       := "raw:" | "ratio:"
 *   vector     := name | "along(" vector "," vector ")" | "without(" vector "," vector ")"
 *   operator   := "ablate(" vector ")" | "keepnorm(" vector ")" | "rotate(" vector "," degrees ")"
 *               | "cap(" vector "," percentile ")" | "floor(" vector "," percentile ")"
 *               | "clamp(" vector "," z ")" | "hold(" vector "," z ["," band] ")"
 *   suffix     := "prompt" | "response" | "analysis" | "final" | "first=" N | "after=" N
 *               | "syntax=off"
 *   comparison := name ["@" block] (">" | "<") z ["until" z]
 *
 *   1.0*silly - 0.5*superficial@3-5:response
 *   cap(silly, 75) + 2*focused when inattentive > 0.5 until 0
 *
 * Coefficient 1.0 is one calibrated dose where the vector carries a calibration for this model
 * (same file hash); `raw:` counts multiples of the raw vector and `ratio:` of ||v||/||h||. The
 * coefficient of ablate, cap, floor, clamp and hold is a strength from 0 to 1; that of rotate
 * multiplies the degrees. Percentiles and z-scores are of the projections of single tokens of
 * neutral answers (persona/vector.h). Without @A-B the vector's best block is steered; with it,
 * each block of the range gets its own direction, and a dose is shared equally among them. Without
 * a phase the response is steered (from the last prompt token on; :prompt, :analysis and :final are
 * the others), so that prompts stay reusable across coefficients. Sign: v points from absence to
 * presence. The same as a JSON object, limits and errors: FORMATS.md, "Steering expression".
 */
#ifndef PERSONA_STEER_H
#define PERSONA_STEER_H

#include "persona/session.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The cosines between the vectors of a joint group at a block, and the condition number of their
 * matrix: above 20 small shifts take a long edit. */
typedef struct persona_receipt_gram {
    int block;
    size_t n;
    char **names;    /* (n) */
    double *cosines; /* (n, n) */
    double condition;
} persona_receipt_gram;

/* What a plan will do. Strings are owned; free with persona_receipt_free. */
typedef struct persona_receipt {
    char *expression; /* in canonical form */
    char *unit;       /* "dose", "raw", "ratio", "mixed"; "none": no operator has one */
    int *layers;      /* steered blocks, ascending */
    size_t n_layers;
    /* what added vectors shift along themselves per steered token: the sum over edited blocks of
       the change of <h, v_b/||v_b||>, in units of h; other operators depend on h and count 0 */
    double delta_projection;
    /* "" or warnings: no calibration for this model, outside of the safe range, vectors that nearly
       agree, a budget that was reached; joined by "; " */
    char *note;
    persona_receipt_gram *grams; /* one for each joint group and block */
    size_t n_grams;
} persona_receipt;
void persona_receipt_free(persona_receipt *r);

/* Finds the vector file for a name: a path, or NAME in the user's library for this model
 * ($XDG_DATA_HOME/persona/vectors/<first 16 hex of the model's sha256>/NAME.gguf).
 * Errors: NOTFOUND (lists what is there), and those of persona_vector_read. */
PERSONA_CHECK persona_code persona_vector_find(persona_model *m, const char *name,
                                               persona_vector **out, persona_err *e);
/* Where extract and transfer put a vector without -o; mem is malloc'ed: free() it. */
PERSONA_CHECK persona_code persona_vector_place(persona_model *m, const char *trait, char **path,
                                                persona_err *e);

/* Parses, resolves and builds; text that begins with "{" is an object. Errors: USAGE (syntax, an
 * expression that does nothing, what the vectors do not know), NOTFOUND (name), SHAPE (width,
 * block), with the column or the field. */
PERSONA_CHECK persona_code persona_steer(persona_model *m, const char *expression,
                                         persona_plan **plan, persona_receipt *receipt,
                                         persona_err *e);
/* One direction of a vector in memory on the response: alpha times the raw direction at `block`.
 * Errors: SHAPE (it does not fit the model, or holds no direction there), NUMERIC. */
PERSONA_CHECK persona_code persona_steer_block(persona_model *m, const persona_vector *v, int block,
                                               double alpha, persona_plan **plan, persona_err *e);
/* One vector already in memory: coefficient in `dose` units (raw when not calibrated), best
 * block. */
PERSONA_CHECK persona_code persona_steer_vector(persona_model *m, const persona_vector *v,
                                                double coefficient, persona_plan **plan,
                                                persona_err *e);
/* What llama.cpp's --control-vector-scaled and -layer-range say. */
typedef struct persona_control_vectors {
    const char *const *paths; /* (n) */
    const float *scales;      /* (n) multiples of the raw vectors */
    size_t n;
    int first, last; /* blocks, both included; 0: from block 1, to the last one */
} persona_control_vectors;
/* Every direction of each file in the range times its scale, at all positions. Errors: NOTFOUND,
 * SHAPE (another width, or no direction in the range), and those of persona_vector_read. */
PERSONA_CHECK persona_code persona_steer_files(persona_model *m, const persona_control_vectors *x,
                                               persona_plan **plan, persona_receipt *receipt,
                                               persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
