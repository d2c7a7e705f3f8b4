/* SPDX-License-Identifier: MIT
 *
 * vector.h - persona vectors: one direction per block, with provenance; and their file.
 *
 * v_b = mean over kept positive responses - mean over kept negative ones, of the mean residual stream
 * after block b over the response tokens (Chen et al. 2025, section 2.2): raw float32, NOT normalised.
 * Sign: from absence to presence of the trait. Block 0 is computed but never written to files,
 * since llama.cpp cannot apply it; the last block is not captured.
 */
#ifndef PERSONA_VECTOR_H
#define PERSONA_VECTOR_H

#include <stdint.h>

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known about one block of a vector. NAN: not measured. */
typedef struct persona_vector_layer {
    bool present;   /* the file or the extraction has a direction for this block */
    float norm;     /* ||v_b|| */
    float h_median; /* median over tokens of ||h_b||, position 0 excluded */
    float auroc;    /* held-out responses projected on v_b: P(pos > neg) */
    float cohen_d;
    float split_half;   /* cosine of the vectors of two halves of the questions */
    float neutral_mean; /* projection <h, v/||v||> of unprompted responses: mean and sd */
    float neutral_sd;
} persona_vector_layer;

/* Where a vector comes from. Strings are owned by the vector; "" when unknown. */
typedef struct persona_provenance {
    char *trait, *method;                       /* "silly", "mean_difference" */
    char *model_name, *model_arch, *model_hash; /* hash: sha256 of the GGUF, 64 hex */
    char *template_hash, *judge, *library;
    char *parent_hash, *parent_model, *map; /* transferred vectors: source and map */
    uint32_t seed;
    int n_generated_pos, n_generated_neg, n_kept_pos, n_kept_neg;
    int best_layer; /* -1: unknown */
    float dose;     /* raw multiple of v_best that is one calibrated dose; NAN: not calibrated */
    float dose_kl;  /* what was measured at that dose, nats (95th percentile); NAN */
    int layer_from, n_texts;               /* transferred vectors; -1 / 0 otherwise */
    float lambda, r2_heldout, r2_shuffled; /* transferred vectors; NAN otherwise */
    char *verdict;                         /* PASS, FAIL or "" */
} persona_provenance;

typedef struct persona_vector {
    int n_layer, n_embd;
    float *data;                  /* (n_layer, n_embd); rows of absent blocks are zero */
    persona_vector_layer *layers; /* n_layer */
    persona_provenance from;
} persona_vector;

/* All blocks absent, statistics NAN, strings "". Errors: NOMEM, SHAPE (sizes out of range). */
PERSONA_CHECK persona_code persona_vector_new(int n_layer, int n_embd, persona_vector **out,
                                              persona_err *e);
void persona_vector_free(persona_vector *v);
PERSONA_CHECK persona_code persona_vector_clone(const persona_vector *v, persona_vector **out,
                                                persona_err *e);
/* Row of block b (n_embd floats). */
const float *persona_vector_row(const persona_vector *v, int block);
/* Copies n_embd floats into block b, marks it present and recomputes its norm.
 * Errors: SHAPE, NUMERIC (non-finite value, named by its index). */
PERSONA_CHECK persona_code persona_vector_set(persona_vector *v, int block, const float *row,
                                              persona_err *e);
/* Replaces one provenance string (copied; NULL becomes ""). */
PERSONA_CHECK persona_code persona_vector_label(char **field, const char *value, persona_err *e);

/* GGUF control vector (FORMATS.md): stock llama.cpp loads it. The file is written to a temporary
 * name, synced and renamed. Reading rejects wrong types, widths, non-finite values, direction.0 and
 * doubled tensors by name. Errors: IO, FORMAT, SHAPE, NUMERIC, NOTFOUND. */
PERSONA_CHECK persona_code persona_vector_write(const persona_vector *v, const char *path,
                                                persona_err *e);
PERSONA_CHECK persona_code persona_vector_read(const char *path, persona_vector **out,
                                               persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
