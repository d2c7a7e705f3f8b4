/* SPDX-License-Identifier: MIT
 *
 * lens.h - what a direction says in the model's own words: the tokens that it promotes and
 * suppresses through the model's output norm and output matrix (the logit lens).
 *
 * To first order, adding r * ||h|| * v/||v|| to a state h that goes straight to the output changes
 * the logit of token t by r * x_t, with
 *
 *   x_t = sqrt(n_embd) * <W_t, g * v/||v||>
 *
 * where W is the output matrix and g the weight of the output norm (RMS norm: h becomes
 * sqrt(n_embd) h/||h|| * g; where the norm also subtracts the mean of h, that of v/||v|| is
 * subtracted first). A shift that all logits share changes no probability, so x_t is told less its
 * mean over the vocabulary. What later blocks make of the edit is not in it: read early blocks with
 * care.
 */
#ifndef PERSONA_LENS_H
#define PERSONA_LENS_H

#include "persona/session.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_lens_token {
    persona_token id;
    float logit; /* x_t less the mean */
} persona_lens_token;

typedef struct persona_lens_layer {
    int block;
    double sd;                                 /* of x_t over the vocabulary */
    persona_lens_token *promoted, *suppressed; /* (n) from the strongest on */
} persona_lens_layer;

typedef struct persona_lens {
    persona_lens_layer *layers; /* (n_layers): the blocks that the vector has */
    size_t n_layers, n;
    const char *matrix;          /* "output.weight"; "token_embd.weight" where that serves twice */
    size_t n_tokens, n_left_out; /* looked at; control, unknown and unused ones, which are not */
} persona_lens;

/* Reads the matrix out of the model's file, row by row. Errors: SHAPE (width, no direction),
 * UNAVAILABLE (the file has no output norm or matrix), FORMAT (a type that cannot be read), IO,
 * CANCELED. */
PERSONA_CHECK persona_code persona_vector_explain(const persona_model *m, const persona_vector *v,
                                                  size_t top, const persona_cancel *cancel,
                                                  persona_lens **out, persona_err *e);
void persona_lens_free(persona_lens *x);

#ifdef __cplusplus
}
#endif
#endif
