/* SPDX-License-Identifier: MIT
 *
 * unembed.h - a model's output norm and output matrix, read from its file: libllama computes with
 * them but does not show them.
 */
#ifndef PERSONA_ENGINE_UNEMBED_H
#define PERSONA_ENGINE_UNEMBED_H

#include "engine/engine.h"

typedef struct unembed_part unembed_part;

/* A tensor of a mapped file. */
typedef struct unembed_tensor {
    const char *name;
    const unsigned char *data;
    enum ggml_type type;
    size_t width, n_rows, row_size;
} unembed_tensor;

typedef struct unembed {
    unembed_part *parts; /* (n_parts) of a split file */
    size_t n_parts;
    unembed_tensor matrix, norm;
    bool centers; /* the norm subtracts the mean: LayerNorm, not RMSNorm */
} unembed;

/* Maps the file; nothing is read yet. Errors: UNAVAILABLE, FORMAT, IO, NOMEM. */
PERSONA_CHECK persona_code unembed_open(const persona_model *m, unembed *out, persona_err *e);
void unembed_close(unembed *u);
/* Rows first .. first+n-1 as floats (n, width). Errors: FORMAT (a type without a way to floats). */
PERSONA_CHECK persona_code unembed_rows(const unembed_tensor *t, size_t first, size_t n, float *out,
                                        persona_err *e);

#endif
