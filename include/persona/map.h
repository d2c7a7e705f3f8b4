/* SPDX-License-Identifier: MIT
 *
 * map.h - a linear map from one model's activations to another's, fitted on texts that both have
 * read.
 *
 * For each pair of blocks (from, to) it holds v_t = right^T (left v): no bias, since what is
 * mapped is a difference (methods 5.3). Which texts it was fitted on travels with it, so that a
 * vector that comes from the same texts is called in-sample, whoever asks (methods 5.2). A second
 * map of the same blocks, fitted after shuffling which text belongs to which, is kept beside each:
 * the null that every claim needs.
 *
 * Sign: as vectors, from absence to presence. Norms of mapped vectors are set by rule
 * (persona_map_apply), because what ridge leaves of them means nothing.
 */
#ifndef PERSONA_MAP_H
#define PERSONA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/model.h"
#include "persona/pairs.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One factored matrix; (k, d_from) and (k, d_to), row-major. */
typedef struct persona_map_factors {
    size_t k;
    float *left, *right;
} persona_map_factors;

/* What a map says of what it has not seen; 1: all is explained, below 0: less than the mean. */
typedef struct persona_map_r2 {
    double rows, contrasts; /* contrasts: differences between the poles of a trait on a question */
} persona_map_r2;

/* One pair of blocks. NAN: not measured. */
typedef struct persona_map_block {
    int from, to;
    double lambda;      /* relative to the mean eigenvalue of the Gram matrix */
    int rank;           /* 0: full */
    double r2_heldout;  /* rows of questions that were left out */
    double r2_contrast; /* differences between the poles of other traits, left out by question */
    double r2_shuffled, r2_shuffled_max; /* r2_contrast of shuffled pairings: mean, largest */
    /* the same with all texts of a trait left out; with those and all answers to the question */
    persona_map_r2 by_trait, by_both;
    persona_map_factors map, null; /* null.k == 0: not fitted */
} persona_map_block;

/* One of the two models. Strings are never NULL. */
typedef struct persona_map_side {
    char *name, *arch, *hash, *template_hash;
    int n_layer, n_embd;
    float *h_median; /* (n_layer): median ||h_b|| over answer tokens; NAN: block not read */
} persona_map_side;

/* What both models read at the blocks of a map, for controls; opaque. */
typedef struct persona_map_readings persona_map_readings;

typedef struct persona_map {
    char *method, *pairing; /* "ridge", ...; "response" or "chunk" */
    persona_map_side from, to;
    persona_map_block *blocks; /* (n_blocks) most promising first */
    size_t n_blocks;
    char **traits; /* (n_traits) whose texts it was fitted on */
    size_t n_traits;
    char *texts; /* hashes of all of them, as persona_provenance.texts */
    char *library;
    size_t n_texts, n_rows, n_contrasts, n_groups;
    /* what was left out: a trait ("": none), how, and how many texts for their name or the vector
     * behind them, and for what they show */
    char *without; /* several: with commas between */
    persona_leave leave;
    size_t n_named, n_leaning;
    uint32_t seed;
    persona_map_readings *readings; /* NULL: not kept */
} persona_map;

/* Names of the methods: "ridge", "lowrank", "procrustes", "paired", "anchors"; *summary (may be
 * NULL) says what one does. NULL after the last. */
const char *persona_map_method(size_t i, const char **summary);

/* ---- fitting --------------------------------------------------------------------------------- */

typedef struct persona_fit_opts {
    const char *method; /* see persona_map_method; default "ridge" */
    double lambda;      /* relative to the mean eigenvalue; <= 0 (default): by leaving groups out */
    int rank;           /* dimensions, of the methods that have them; 0 (default): searched */
    int n_anchors;      /* texts, of the method that has them; 0 (default): 100 */
    const char *without; /* traits whose texts are left out, all of them, with commas; NULL: none */
    /* hashes of texts that are left out (persona_provenance.texts); NULL: none */
    const char *texts;
    /* hashes of the texts that take part, whatever is said here of leaving out; NULL: all others */
    const char *only;
    const persona_lean *lean; /* what the texts show of them; NULL: leave is by name */
    persona_leave leave;      /* how much of it is left out; default STRICT */
    int from, to;             /* only this pair of blocks; -1, -1 (default): found by the grid */
    int n_candidates; /* pairs of blocks to fit; 0 (default): 4, or all of a shallow target */
    bool null;        /* also fit each after shuffling which text belongs to which; default */
    bool chunks;      /* rows are chunks of texts instead of whole ones */
    bool keep;        /* readings: a study through the map alone has every control; default false */
    int n_shuffles;   /* pairings behind r2_shuffled; 0 (default): 20 */
    uint32_t seed;
    /* not 0: questions are drawn again with this seed, with replacement, as many as there are of
     * each trait, and take part with all their texts as often as they were drawn; 0 (default) */
    uint32_t resample;
} persona_fit_opts;
persona_fit_opts persona_fit_defaults(void);

/* How many texts each way of leaving out would use. */
PERSONA_CHECK persona_code persona_map_texts_left(const persona_pairs *p,
                                                  const persona_fit_opts *opts, persona_leave how,
                                                  size_t *out, persona_err *e);

/* Fits a map for the most promising pairs of blocks: relative depth is the prior, then R2 of
 * held-out contrasts less that of shuffled pairings. Errors: USAGE (no such method; too few texts
 * or contrasts are left), SHAPE, NUMERIC (constant, not finite, too few directions), CANCELED,
 * NOMEM. */
PERSONA_CHECK persona_code persona_map_fit(const persona_pairs *p, const persona_fit_opts *opts,
                                           const persona_hooks *hooks, persona_map **out,
                                           persona_err *e);

/* ---- maps ------------------------------------------------------------------------------------ */

void persona_map_free(persona_map *m);

/* GGUF of architecture "persona-map" (FORMATS.md); whole or not at all. Errors: SHAPE (a
 * pair of blocks twice), IO, NOMEM. */
PERSONA_CHECK persona_code persona_map_write(const persona_map *m, const char *path,
                                             persona_err *e);
/* Errors: NOTFOUND, IO, FORMAT (what, where), NUMERIC (a value that is not finite), NOMEM. */
PERSONA_CHECK persona_code persona_map_read(const char *path, persona_map **out, persona_err *e);

/* Whether a model is the one that the map was fitted on, by the hash of its file. target: which
 * side. Errors: SHAPE (names both and says what to do). */
PERSONA_CHECK persona_code persona_map_check(const persona_map *m, persona_model *model,
                                             bool target, persona_err *e);

typedef struct persona_apply_opts {
    bool null; /* through the shuffled map */
    int from,
        to; /* only this pair of blocks; -1, -1: each target block from its most promising source */
} persona_apply_opts;

/* Maps v to the target: each direction gets the norm at which ||v_t||/||h_t|| = ||v_s||/||h_s||
 * (methods 5.3 (i)); the dose follows by calibration (persona_settle). best_layer is the most
 * promising target block until then. from.sample says whether the map had seen the texts of v.
 * Errors: SHAPE (v is not of the source model, or has none of its blocks), NUMERIC (the map sends
 * v to zero), NOMEM. */
PERSONA_CHECK persona_code persona_map_apply(const persona_map *m, const persona_vector *v,
                                             const persona_apply_opts *opts, persona_vector **out,
                                             persona_err *e);
/* The pair of blocks behind block `to` of a mapped vector; NULL: none. */
const persona_map_block *persona_map_to(const persona_map *m, int to);

/* PERSONA_SAMPLE_* of a vector under this map; *shared (may be NULL): how many texts they have in
 * common. By hash, and by the trait's name among the map's. */
PERSONA_CHECK persona_code persona_map_sample(const persona_map *m, const persona_vector *v,
                                              const char **sample, size_t *shared, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
