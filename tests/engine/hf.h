/* SPDX-License-Identifier: MIT
 *
 * hf.h - rows of Hugging Face transformers (models/recipe/fixtures.py), and how far ours may be from
 * them.
 *
 * Tolerance. Weights are float16 in both; transformers computes in float32, ggml rounds the
 * activation side of every matrix product to float16 (relative 2^-11 each, random sign). A block
 * has about 8 products in sequence, so a state after b+1 blocks may differ by 2^-11 * sqrt(8
 * (b+1)) relative to its norm; four times that is allowed.
 */
#ifndef TESTS_HF_H
#define TESTS_HF_H

#include <math.h>

#include "base/json.h"
#include "models.h"

static const char *const FIXTURES[] = {PERSONA_SOURCE_DIR "/tests/fixtures/hf_qwen2.json",
                                       PERSONA_SOURCE_DIR "/tests/fixtures/hf_gpt_oss.json"};

static inline double number(const json_val *v, const char *key)
{
    const json_val *x = json_get(v, key);
    assert_non_null(x);
    return json_number(x, (double)NAN);
}

/* One stored row: position, norm, and a few components by index. */
static inline double compare_row(const json_val *row, const json_val *index, const float *h,
                                 size_t d, double *norm)
{
    double worst = 0, square = 0;
    for (size_t i = 0; i < d; i++) {
        square += (double)h[i] * (double)h[i];
    }
    *norm = number(row, "norm");
    worst = fabs(sqrt(square) - *norm);
    const json_val *values = json_get(row, "values");
    assert_int_equal(json_len(index), json_len(values));
    assert_true(json_len(index) >= 16);
    for (size_t k = 0; k < json_len(index); k++) {
        size_t i = (size_t)json_number(json_at(index, k), 1e9);
        assert_true(i < d);
        double diff = fabs((double)h[i] - json_number(json_at(values, k), (double)NAN));
        worst = diff > worst ? diff : worst;
        assert_true(isfinite(diff));
    }
    return worst;
}

/* Fails where the row of a block is too far from ours. */
static inline void check_row(const persona_model_info *info, size_t b, const json_val *row,
                             const json_val *index, const float *h)
{
    double norm;
    const double worst = compare_row(row, index, h, (size_t)info->n_embd, &norm);
    const double allowed = 4 * ldexp(sqrt(8.0 * (double)(b + 1)), -11) * norm;
    if (worst > allowed) {
        fail_msg("%s block %zu position %g: differs by %g, allowed %g (norm %g)", info->arch, b,
                 number(row, "pos"), worst, allowed, norm);
    }
}

#endif
