/* SPDX-License-Identifier: MIT
 *
 * random_model.h - GGUF models of random weights in the shapes of real ones.
 *
 * What they say is noise, but libllama does for them what it does for the real model: the same
 * tensors, types, graph and kernels. So tests get architectures and quantizations that the embedded
 * pair does not have, and benchmarks get sizes that nobody has to download.
 */
#ifndef TESTS_SUPPORT_RANDOM_MODEL_H
#define TESTS_SUPPORT_RANDOM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

typedef struct random_model {
    const char *arch;                                 /* "qwen2", "gpt-oss" or "command-r" */
    int width, blocks, heads, kv_heads, head_dim, ff; /* ff: gpt-oss: of one expert */
    int experts, experts_used, window;                /* gpt-oss; window: of every other block */
    int vocab;   /* tokens; the vocabulary's own are filled up with unused ones. 0: just its own */
    int context; /* tokens the model claims to have been trained on */
    float rope_base, yarn;          /* yarn: factor by which the context was stretched; 0: not */
    const char *type, *expert_type; /* matrices: "F32", "F16", "BF16", "Q8_0", "Q4_K", "MXFP4" */
    /* GGUF file with tokenizer and chat template; NULL: the embedded model * of this architecture
       */
    const char *vocab_from;
    uint64_t seed;
} random_model;

/* The shape called `name`; false: there is none. Names by number, NULL after the last. */
bool random_model_like(const char *name, random_model *out);
const char *random_model_name(size_t i);

/* Writes the model; memory does not grow with its size. Same description, same bytes (on one
 * machine: the normal distribution goes through libm). Errors: USAGE (a shape that cannot be),
 * FORMAT
 * (vocab_from), IO, NOMEM. */
PERSONA_CHECK persona_code random_model_write(const random_model *m, const char *path,
                                              persona_err *e);

#endif
