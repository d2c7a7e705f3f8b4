/* SPDX-License-Identifier: MIT
 *
 * study_cosines.c - how like the native vector every arm is at the block that it steers, and how
 * like it vectors through shuffled maps come out. A cosine says little without that null, and
 * decides nothing: directions with little in common can steer alike (methods 5.6). The shuffled
 * directions serve study_auroc.c as well.
 */
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/pairs_parts.h"

enum { N_SHUFFLED = 20 };

static double cosine_at(const persona_vector *a, const persona_vector *b, int block)
{
    const size_t d = (size_t)a->n_embd;
    if (block < 0 || block >= a->n_layer || block >= b->n_layer || a->n_embd != b->n_embd ||
        !a->layers[block].present || !b->layers[block].present) {
        return (double)NAN;
    }
    const float *x = persona_vector_row(a, block), *y = persona_vector_row(b, block);
    return vec_dot(x, y, d) / (vec_norm(x, d) * vec_norm(y, d));
}

/* Shuffled maps of the one pair of blocks. */
static persona_code null_cosines(studying *s, const persona_vector *native, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    const int to = x->map.layer_to;
    const persona_apply_opts o = {.null = true, .from = x->map.layer_from, .to = to};
    persona_map_block pair = {.from = o.from, .to = to};
    persona_map one = *s->map, *m = NULL;
    persona_vector *v = NULL;
    double sum = 0;
    one.blocks = &pair;
    one.n_blocks = 1;
    x->null_cosine_max = 0;
    for (size_t k = 0; k < N_SHUFFLED; k++) {
        TRY(pairs_reshuffle(s->pairs, &s->fit, &one, rng_mix(s->o->seed, 0x636f73, k), &m, e));
        TRY(persona_map_apply(m, x->source, &o, &v, e));
        TRY(study_keep_null(s, v, e));
        const double c = cosine_at(v, native, to);
        sum += c;
        x->null_cosine_max = fmax(x->null_cosine_max, fabs(c));
        x->n_null_cosines++;
        persona_vector_free(v);
        persona_map_free(m);
        v = NULL;
        m = NULL;
    }
    x->null_cosine = sum / N_SHUFFLED;
out:
    persona_vector_free(v);
    persona_map_free(m);
    return rc;
}

persona_code study_cosines(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    const persona_vector *native = persona_study_vector(x, "native");
    for (size_t i = 0; native && i < x->n_arms; i++) {
        x->arms[i].cosine =
            cosine_at(x->arms[i].vector, native, x->arms[i].vector->from.best_layer);
    }
    if (native && s->pairs && s->o->all_controls && x->map.layer_to < native->n_layer &&
        native->layers[x->map.layer_to].present) {
        TRY(null_cosines(s, native, e));
    }
out:
    return rc;
}
