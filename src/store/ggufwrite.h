/* SPDX-License-Identifier: MIT
 *
 * ggufwrite.h - a GGUF file being written: keys by gguf_set_* on `keys`, float tensors, one write
 * through a temporary name (base/file.h).
 */
#ifndef PERSONA_STORE_GGUFWRITE_H
#define PERSONA_STORE_GGUFWRITE_H

#include <stddef.h>

#include "persona/error.h"

struct gguf_context;
struct ggml_context;

typedef struct gguf_out {
    struct gguf_context *keys;
    struct ggml_context *tensors;
} gguf_out;

/* Room for most_tensors. Errors: NOMEM with `what`. Free it after a failure too. */
PERSONA_CHECK persona_code gguf_out_new(gguf_out *o, size_t most_tensors, const char *what,
                                        persona_err *e);
/* A tensor of (k, d) floats, d the fastest; p is borrowed until the file is written. ggml ends the
 * program on a name that occurs twice. */
void gguf_out_floats(gguf_out *o, const char *name, const float *p, size_t d, size_t k);
PERSONA_CHECK persona_code gguf_out_write(const gguf_out *o, const char *path, persona_err *e);
void gguf_out_free(gguf_out *o);

#endif
