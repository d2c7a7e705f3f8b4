/* SPDX-License-Identifier: MIT
 *
 * peek.h - what the header of a GGUF file says, without loading anything: for lists of models.
 *
 * A strict walk of our own, in little memory: ggml's reader asserts on some bad files, and a list
 * must not end because of one. Whether every tensor lies within the file is checked, too.
 */
#ifndef PERSONA_ENGINE_PEEK_H
#define PERSONA_ENGINE_PEEK_H

#include <stdint.h>

#include "persona/error.h"

typedef struct model_peek {
    char arch[64], name[200];              /* "" where the file does not say */
    const char *quant;                     /* NULL likewise */
    uint32_t n_layer, n_embd, n_ctx_train; /* 0 likewise */
    uint64_t n_tensors, n_params;
    bool has_template;
} model_peek;

/* Errors: NOTFOUND, IO, FORMAT with the fault (damaged, cut off, no GGUF, no model). */
PERSONA_CHECK persona_code model_peek_read(const char *path, model_peek *out, persona_err *e);

#endif
