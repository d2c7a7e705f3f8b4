/* SPDX-License-Identifier: MIT
 *
 * vector.h - persona vectors: one direction per block, with provenance; their files; arithmetic.
 *
 * v_b = mean over kept positive responses - mean over kept negative ones, of the mean residual
 * stream after block b over the response tokens (Chen et al. 2025, section 2.2): raw float32, NOT
 * normalised. Sign: from absence to presence of the trait. Block 0 is computed but never written
 * to GGUF, since llama.cpp cannot apply it; the last block is not captured. Vectors of other
 * programs may be of another unit and hold other blocks: from.unit, from.source and from.note say
 * so.
 */
#ifndef PERSONA_VECTOR_H
#define PERSONA_VECTOR_H

#include <stdint.h>

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PERSONA_N_QUANTILES = 9 };

/* What is known about one block of a vector. NAN: not measured. */
typedef struct persona_vector_layer {
    bool present;   /* the file or the extraction has a direction for this block */
    float norm;     /* ||v_b|| */
    float h_median; /* median over tokens of ||h_b||, position 0 excluded */
    float auroc;    /* held-out responses projected on v_b: P(pos > neg) */
    float cohen_d;
    /* mean cosine between the differences of any two kept pairs (positive less negative answer):
       how far they agree on one direction, which predicts how reliably it steers (Braun 2026,
       arXiv 2602.17881). NAN below two pairs */
    float agreement;
    float split_half;    /* cosine of the vectors of two random halves of the questions, mean and */
    float split_half_sd; /* sd over 20 splits */
    float n_effective;   /* kept responses, discounted for clustering by question */
    float length_cosine; /* of v_b and v_b at equal answer length: 1 is no confound */
    float outlier_share; /* of ||v_b||^2 in dimensions with massive activations */
    float dose;         /* raw multiple that is 1 nat at this block, roughly but for the best one */
    float neutral_mean; /* projection <h, v/||v||> of unprompted responses' means: mean and sd */
    float neutral_sd;
    /* the same of single tokens of neutral answers, which is what operators and gates meet */
    float token_mean, token_sd;
    float quantiles[PERSONA_N_QUANTILES]; /* at the percents of persona_quantile_percent */
} persona_vector_layer;

/* 1, 5, 10, 25, 50, 75, 90, 95, 99 */
int persona_quantile_percent(size_t i);
/* What p percent of the tokens of neutral answers stay below, from 1 to 99; NAN: not measured, or
 * further out. */
double persona_vector_percentile(const persona_vector_layer *l, double p);

/* What a direction's length means (from.unit); other texts occur in files, "" is unknown. */
#define PERSONA_UNIT_RAW "raw mean difference"
#define PERSONA_UNIT_ONE "unit norm"

/* Whether the map of a transferred vector had seen the trait (from.sample). Only held-out ones say
 * anything about transfer: no text of the trait's name, none that the vector comes from, and none
 * that a judge sees the trait in. */
#define PERSONA_SAMPLE_HELD_OUT "held-out"
#define PERSONA_SAMPLE_IN_SAMPLE "in-sample"
/* the vector does not say which texts it comes from, or no judge has looked for the trait in the
 * map's texts */
#define PERSONA_SAMPLE_UNVERIFIED "unverified"
/* nearly every text shows the trait: too few are left without it */
#define PERSONA_SAMPLE_UNDECIDABLE "not decidable"

/* Where a vector comes from. Strings are owned by the vector; "" when unknown. */
typedef struct persona_provenance {
    char *trait, *method;                       /* "silly", "mean_difference" */
    char *model_name, *model_arch, *model_hash; /* hash: sha256 of the GGUF, 64 hex */
    char *template_hash, *judge, *library;
    char *parent_hash, *parent_model, *map; /* transferred vectors: source and map */
    /* transferred vectors: PERSONA_SAMPLE_* */
    char *sample;
    char *texts; /* hashes of the answers behind it, 16 hex digits each (FORMATS.md); "" unknown */
    uint32_t seed;
    int n_generated_pos, n_generated_neg, n_kept_pos, n_kept_neg;
    int best_layer; /* -1: unknown */
    float dose;     /* raw multiple of v_best that is one calibrated dose; NAN: not calibrated */
    float dose_kl;  /* what was measured at that dose, nats (95th percentile); NAN */
    float safe_low,
        safe_high; /* coefficients between which answers stay coherent; NAN: not measured */
    float promote, suppress;                            /* recommended coefficients; NAN */
    int layer_from, n_texts;                            /* transferred vectors; -1 / 0 otherwise */
    float lambda, r2_heldout, r2_contrast, r2_shuffled; /* transferred vectors; NAN otherwise */
    char *verdict;                                      /* PASS, FAIL or "" */
    char *unit;   /* PERSONA_UNIT_RAW unless something else is known */
    char *source; /* the program or project that made a foreign file, e.g. "EasySteer" */
    /* what the file says about its use that is not ours ("glp.mode=project"); "": nothing */
    char *unapplied;
    char *note; /* what an import or a combination did: numbering, unit, what was left out */
} persona_provenance;

typedef struct persona_vector {
    int n_layer, n_embd;
    float *data;                  /* (n_layer, n_embd); rows of absent blocks are zero */
    persona_vector_layer *layers; /* n_layer */
    persona_provenance from;
} persona_vector;

/* All blocks absent, statistics NAN, unit PERSONA_UNIT_RAW, other strings "". Errors: NOMEM, SHAPE
 * (sizes out of range). */
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

/* ---- files ----------------------------------------------------------------------------------- */

/* Formats by number: "gguf", "safetensors", "json", "f32", "pt"; NULL after the last. */
const char *persona_vector_format(size_t i);
/* The format whose extension the name ends in; NULL: none. */
const char *persona_vector_format_of(const char *path);

/* Writes a vector in the format of the extension, GGUF where there is none. Files are written to a
 * temporary name, synced and renamed. GGUF is what stock llama.cpp loads (FORMATS.md). Errors: IO,
 * SHAPE (nothing to write), and those of persona_vector_write_as. */
PERSONA_CHECK persona_code persona_vector_write(const persona_vector *v, const char *path,
                                                persona_err *e);
/* The same in a format by name (NULL: by extension). *note (may be NULL): what the format cannot
 * hold, "" if nothing; malloc'ed: free() it. Errors: USAGE (no such format). */
PERSONA_CHECK persona_code persona_vector_write_as(const persona_vector *v, const char *path,
                                                   const char *format, char **note, persona_err *e);

/* Reads a vector of any known format, told by content. Values keep their float32 bits; half
 * precision is widened. Wrong types and widths, values that are not finite and doubled directions
 * are refused by name; what a file says that steering does not do is in from.unapplied. Errors:
 * IO, FORMAT, SHAPE, NUMERIC, NOTFOUND. */
PERSONA_CHECK persona_code persona_vector_read(const char *path, persona_vector **out,
                                               persona_err *e);
/* The same; *format (may be NULL) is the name of the format found. */
PERSONA_CHECK persona_code persona_vector_read_as(const char *path, persona_vector **out,
                                                  const char **format, persona_err *e);

/* Whether directions may be added to a model: FORMAT, naming `name`, if the file that they come
 * from says that they mean another operation, another place or other blocks (from.unapplied). Every
 * plan, map and sum asks this. */
PERSONA_CHECK persona_code persona_vector_addable(const persona_vector *v, const char *name,
                                                  persona_err *e);

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* Cosine of the directions of a block; NAN where one is absent or zero or the widths differ. */
double persona_vector_cosine(const persona_vector *a, const persona_vector *b, int block);

typedef struct persona_vector_term {
    const persona_vector *v;
    double coefficient;
    int block_a, block_b; /* inclusive; -1: every block */
    const char *name;     /* for messages */
} persona_vector_term;

/* Sum of coefficient * v, block by block; an absent direction counts as zero. The best block stays
 * if all terms agree on it, the calibration and the statistics only of one vector times a positive
 * number. from.note says what differed (unit, model, blocks). Errors: SHAPE (widths, models, no
 * direction left), NUMERIC. */
PERSONA_CHECK persona_code persona_vector_combine(const persona_vector_term *terms, size_t n,
                                                  persona_vector **out, persona_err *e);
/* Divides every direction by its norm; the dose follows, so that it means the same.
 * Errors: NUMERIC (a direction of zeros). */
PERSONA_CHECK persona_code persona_vector_normalize(persona_vector *v, persona_err *e);
/* A copy for a model of n_layer blocks. Errors: SHAPE (a direction lies behind them). */
PERSONA_CHECK persona_code persona_vector_resize(const persona_vector *v, int n_layer,
                                                 persona_vector **out, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
