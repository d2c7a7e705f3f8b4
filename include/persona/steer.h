/* SPDX-License-Identifier: MIT
 *
 * steer.h - from a steering expression to a plan and a receipt.
 *
 *   1.0*silly - 0.5*superficial@3-5:response
 *
 * Coefficient 1.0 is one calibrated dose where the vector carries a calibration for this model
 * (same file hash); `raw:` counts multiples of the raw vector and `ratio:` of ||v||/||h||. Without
 * @A-B the vector's best block is steered; with it, each block of the range gets its own
 * direction, and a dose is shared equally among them. Without a phase the response is steered
 * (from the last prompt token on; :prompt, :analysis and :final are the others), so that prompts
 * stay reusable across coefficients. Sign: v points from absence to presence.
 */
#ifndef PERSONA_STEER_H
#define PERSONA_STEER_H

#include "persona/session.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a plan will do. Strings are owned; free with persona_receipt_free. */
typedef struct persona_receipt {
    char *expression;
    char *unit;  /* "dose", "raw", "ratio" or "mixed" */
    int *layers; /* steered blocks, ascending */
    size_t n_layers;
    /* what the edit adds along its vectors per steered token: the sum over edited blocks of the
       change of <h, v_b/||v_b||>, in units of h */
    double delta_projection;
    char *note; /* "" or e.g. "silly: not calibrated for this model, unit raw" */
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

/* Parses, resolves and builds. Errors: USAGE (syntax, empty), NOTFOUND (name), SHAPE (width,
 * block). */
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
