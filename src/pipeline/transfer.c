/* SPDX-License-Identifier: MIT
 *
 * transfer.c - one vector through one map per target block (methods 5.3): X is the source at the
 * vector's best block, Y the target at each block in turn, rows are the paired texts except those
 * written for the vector's own trait (leave-one-trait-out; otherwise ridge would only reproduce the
 * target's own mean difference on the same texts, methods 5.2).
 *
 * Groups of the leave-one-out search are questions, so no text predicts another answer to the same
 * question. The norm that ridge leaves is meaningless and replaced: ||v_t||/||h_t|| = ||v_s||/||h_s||.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/ridge.h"
#include "pipeline/pairs.h"
#include "pipeline/pipeline.h"

/* Shuffled pairings behind r2_shuffled; they cost more than the fit itself. */
#define N_SHUFFLES 5

/* Below this many texts a second BLAS thread costs more than it brings (measured: 520 texts took
 * eight times as long with two threads on a busy machine). */
#define SMALL_FIT 1500

typedef struct fitting {
    const persona_pairs *p;
    size_t *rows; /* indices of texts that take part */
    size_t *group;
    size_t n;
    float *x, *y;
    size_t *order; /* row i of Y is text order[i]: the identity, or a permutation for the null */
    int n_shuffles;
    ridge_map *first; /* X is the same for every target block: its eigenbasis is found once */
} fitting;

static persona_code gather(fitting *f, int own_trait, int block, uint32_t shuffle, persona_err *e)
{
    const persona_pairs *p = f->p;
    f->rows = mem_calloc(p->n, sizeof *f->rows);
    f->group = mem_calloc(p->n, sizeof *f->group);
    f->order = mem_calloc(p->n, sizeof *f->order);
    f->x = mem_calloc(p->n, (size_t)p->d_from * sizeof(float));
    f->y = mem_calloc(p->n, (size_t)p->d_to * sizeof(float));
    if (f->rows == NULL || f->group == NULL || f->order == NULL || f->x == NULL || f->y == NULL) {
        return mem_err(e, "paired activations");
    }
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        if (t->from == NULL || t->to == NULL || (own_trait >= 0 && t->trait == own_trait)) {
            continue;
        }
        f->rows[f->n] = i;
        f->order[f->n] = f->n;
        f->group[f->n] = t->question;
        memcpy(f->x + f->n * (size_t)p->d_from, t->from + (size_t)block * (size_t)p->d_from,
               (size_t)p->d_from * sizeof(float));
        f->n++;
    }
    if (shuffle != 0) {
        rng r;
        rng_seed(&r, shuffle, 0x73687566);
        rng_shuffle(&r, f->order, f->n);
    }
    return PERSONA_OK;
}

/* Fits and applies the map to one target block. */
static persona_code map_block(fitting *f, const persona_vector *v, int to_block, float *out,
                              ridge_report *rep, persona_err *e)
{
    const persona_pairs *p = f->p;
    size_t d = (size_t)p->d_to;
    ridge_map *map = NULL;
    ridge_opts o = ridge_defaults();
    o.seed = v->from.seed;
    o.n_shuffles = f->n_shuffles;
    o.like = f->first;
    for (size_t i = 0; i < f->n; i++) {
        const pair_text *t = &p->texts[f->rows[f->order[i]]];
        memcpy(f->y + i * d, t->to + (size_t)to_block * d, d * sizeof(float));
    }
    mat x = {.p = f->x, .n = f->n, .d = (size_t)p->d_from}, y = {.p = f->y, .n = f->n, .d = d};
    persona_code rc = ridge_fit(x, y, f->group, p->n_groups, &o, &map, rep, e);
    if (rc == PERSONA_OK) {
        rc = ridge_apply(map, persona_vector_row(v, v->from.best_layer), out, e);
    }
    if (f->first == NULL) {
        f->first = map;
    } else {
        ridge_free(map);
    }
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "map of '%s' to block %d", v->from.trait, to_block);
    }
    return rc;
}

static persona_code label_transferred(persona_vector *t, const persona_vector *v, persona_model *to,
                                      uint32_t shuffle, persona_err *e)
{
    const struct {
        char **field;
        const char *value;
    } labels[] = {
        {&t->from.trait, v->from.trait},
        {&t->from.method, shuffle != 0 ? "transferred (shuffled pairing: a null)" : "transferred"},
        {&t->from.judge, v->from.judge},
        {&t->from.parent_hash, v->from.model_hash},
        {&t->from.parent_model, v->from.model_name},
        {&t->from.map, "dual ridge on paired response means, leave-one-trait-out"},
    };
    persona_code rc = vector_label_model(t, to, e);
    for (size_t i = 0; rc == PERSONA_OK && i < sizeof labels / sizeof labels[0]; i++) {
        rc = persona_vector_label(labels[i].field, labels[i].value, e);
    }
    t->from.seed = v->from.seed;
    t->from.layer_from = v->from.best_layer;
    return rc;
}

static persona_code check_transfer(const persona_pairs *p, const persona_vector *v,
                                   persona_model *to, persona_err *e)
{
    int b = v->from.best_layer;
    const persona_model_info *info = persona_model_info_get(to);
    if (v->n_embd != p->d_from || v->n_layer > p->n_layer_from || info->n_embd != p->d_to ||
        info->n_layer != p->n_layer_to) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "transfer: the vector is %d wide and the target %d, the paired texts "
            "were read by models of width %d and %d",
            v->n_embd, info->n_embd, p->d_from, p->d_to);
    }
    if (b < 0 || b >= p->n_layer_from - 1 || !v->layers[b].present) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "transfer: the vector '%s' has no usable best block (%d)",
                               v->from.trait, b);
    }
    return PERSONA_OK;
}

persona_code persona_transfer(persona_pairs *p, const persona_vector *v, persona_model *to,
                              uint32_t shuffle, persona_vector **out, persona_map_report *r,
                              persona_err *e)
{
    fitting f = {.p = p, .n_shuffles = shuffle != 0 ? 0 : N_SHUFFLES};
    persona_vector *t = NULL;
    float *row = NULL;
    *out = NULL;
    persona_code rc = check_transfer(p, v, to, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    int from = v->from.best_layer;
    double ratio = (double)v->layers[from].norm / (double)v->layers[from].h_median;
    rc = persona_vector_new(p->n_layer_to, p->d_to, &t, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    row = mem_calloc((size_t)p->d_to, sizeof *row);
    rc = row == NULL ? mem_err(e, "a mapped vector")
                     : gather(&f, pairs_trait(p, v->from.trait), from, shuffle, e);
    linalg_threads(f.n > SMALL_FIT ? 8 : 1);
    for (int b = 0; rc == PERSONA_OK && b < p->n_layer_to - 1; b++) {
        ridge_report rep = {0};
        rc = map_block(&f, v, b, row, &rep, e);
        double norm = vec_norm(row, (size_t)p->d_to);
        if (rc == PERSONA_OK && norm > 0 && isfinite(ratio)) {
            vec_scale(row, ratio * (double)p->h_to[b] / norm, (size_t)p->d_to);
        }
        if (rc == PERSONA_OK) {
            rc = persona_vector_set(t, b, row, e);
            t->layers[b].h_median = p->h_to[b];
        }
        if (rc == PERSONA_OK && r != NULL) {
            r[b] = (persona_map_report){.layer_from = from,
                                        .layer_to = b,
                                        .n_texts = f.n,
                                        .lambda = rep.lambda,
                                        .r2_heldout = rep.r2_heldout,
                                        .r2_shuffled = rep.r2_shuffled};
        }
    }
    if (r != NULL) {
        r[p->n_layer_to - 1] = (persona_map_report){.layer_from = from, .layer_to = -1};
    }
    if (rc == PERSONA_OK) {
        rc = label_transferred(t, v, to, shuffle, e);
        t->from.n_texts = (int)f.n;
    }
    mem_free(row);
    ridge_free(f.first);
    mem_free(f.rows);
    mem_free(f.group);
    mem_free(f.order);
    mem_free(f.x);
    mem_free(f.y);
    if (rc == PERSONA_OK) {
        *out = t;
    } else {
        persona_vector_free(t);
    }
    return rc;
}
