/* SPDX-License-Identifier: MIT
 *
 * operator.c - the table of operators (operator.h). Sign: v points from absence to presence of the
 * trait.
 */
#include "engine/operator.h"

#include <float.h>
#include <math.h>

#include "base/linalg.h"

/* ---- add: h <- h + alpha * v (Chen et al. 2025, section 3) ----------------------------------- */

static bool add_is_neutral(const persona_edit *x)
{
    return x->alpha == 0.0F;
}

static void add_merge(float *data, const persona_edit *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        data[i] += x->alpha * x->v[i];
    }
}

/* The length stands behind the vector. Every norm layer squares what it reads in float32, so a row
 * that has moved this far is already past what the model can compute with. */
static void add_finish(float *data, size_t n)
{
    const double length = vec_norm(data, n);
    data[n] = length * length > (double)FLT_MAX ? INFINITY : (float)length;
}

/* Same order of operations as ggml_add in float32, hence the same bits as the control-vector
 * API. */
static double add_apply(const plan_step *st, float *restrict h, size_t n)
{
    const float *restrict v = st->data;
    for (size_t i = 0; i < n; i++) {
        h[i] = h[i] + v[i];
    }
    return (double)v[n];
}

static const plan_operator OPERATORS[] = {
    [PERSONA_OP_ADD] = {.name = "add",
                        .n_vectors = 1,
                        .n_numbers = 1,
                        .additive = true,
                        .merges = true,
                        .is_neutral = add_is_neutral,
                        .merge = add_merge,
                        .finish = add_finish,
                        .apply = add_apply},
};

const plan_operator *operator_row(persona_op op)
{
    const size_t i = (size_t)op;
    return i < sizeof OPERATORS / sizeof OPERATORS[0] ? &OPERATORS[i] : NULL;
}
