/* SPDX-License-Identifier: MIT
 *
 * random_shape.c - the shapes that random models come in: two that tests can afford, one for
 * benchmarks, two that people run.
 */
#include "random_model.h"

#include <string.h>

static const struct shape {
    const char *name;
    random_model model;
} SHAPES[] = {
    {"tiny-qwen2",
     {.arch = "qwen2",
      .width = 256,
      .blocks = 4,
      .heads = 8,
      .kv_heads = 2,
      .head_dim = 32,
      .ff = 512,
      .context = 2048,
      .rope_base = 1e4F,
      .type = "F16",
      .seed = 1}},
    {"tiny-gpt-oss",
     {.arch = "gpt-oss",
      .width = 256,
      .blocks = 4,
      .heads = 8,
      .kv_heads = 2,
      .head_dim = 32,
      .ff = 256,
      .experts = 4,
      .experts_used = 2,
      .window = 32, /* shorter than a test's texts */
      .context = 2048,
      .rope_base = 1e4F,
      .type = "F16",
      .seed = 1}},
    {"bench-qwen2",
     {.arch = "qwen2",
      .width = 1024,
      .blocks = 12,
      .heads = 16,
      .kv_heads = 4,
      .head_dim = 64,
      .ff = 2816,
      .vocab = 32000,
      .context = 4096,
      .rope_base = 1e6F,
      .type = "Q4_K",
      .seed = 1}},
    {"qwen2.5-7b",
     {.arch = "qwen2",
      .width = 3584,
      .blocks = 28,
      .heads = 28,
      .kv_heads = 4,
      .head_dim = 128,
      .ff = 18944,
      .vocab = 152064,
      .context = 32768,
      .rope_base = 1e6F,
      .type = "Q4_K",
      .seed = 1}},
    {"gpt-oss-20b",
     {.arch = "gpt-oss",
      .width = 2880,
      .blocks = 24,
      .heads = 64,
      .kv_heads = 8,
      .head_dim = 64,
      .ff = 2880,
      .experts = 32,
      .experts_used = 4,
      .window = 128,
      .vocab = 201088,
      .context = 131072,
      .rope_base = 1.5e5F,
      .yarn = 32,
      .type = "Q8_0",
      .expert_type = "MXFP4",
      .seed = 1}},
};
#define N_SHAPES (sizeof SHAPES / sizeof SHAPES[0])

const char *random_model_name(size_t i)
{
    return i < N_SHAPES ? SHAPES[i].name : NULL;
}

bool random_model_like(const char *name, random_model *out)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strcmp(SHAPES[i].name, name) == 0) {
            *out = SHAPES[i].model;
            return true;
        }
    }
    return false;
}
