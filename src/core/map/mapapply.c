/* SPDX-License-Identifier: MIT
 *
 * mapapply.c - a vector through a map: direction by direction, the norm by rule, and a full
 * account of where it comes from.
 *
 * Norm rule (methods 5.3 (i)): ||v_t||/||h_t|| = ||v_s||/||h_s||. ||h_s|| is what the vector's own
 * extraction measured, else what the map's texts did.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/mapobject.h"

#define MAX_LABEL ((size_t)4096)

static persona_code check(const persona_map *m, const persona_vector *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_addable(v, v->from.trait, e));
    if (v->n_embd != m->from.n_embd || v->n_layer > m->from.n_layer) {
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "the vector '%s' is %d wide over %d blocks, the map is for %s, %d "
                             "wide over %d blocks",
                             v->from.trait, v->n_embd, v->n_layer, m->from.name, m->from.n_embd,
                             m->from.n_layer);
        goto out;
    }
    if (*v->from.model_hash && strcmp(v->from.model_hash, m->from.hash) != 0) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE,
            "the vector '%s' was extracted from another file (%s, sha256 %.12s) "
            "than the map was fitted on (%s, %.12s); extract it from that file, or "
            "fit a map for the other one",
            v->from.trait, v->from.model_name, v->from.model_hash, m->from.name, m->from.hash);
    }
out:
    return rc;
}

/* out (n_embd of the target): the direction of one pair of blocks at its norm. */
static persona_code map_row(const persona_map *m, const persona_map_block *b,
                            const persona_map_factors *f, const persona_vector *v, double *middle,
                            float *out, persona_err *e)
{
    const persona_vector_layer *l = &v->layers[b->from];
    const size_t dt = (size_t)m->to.n_embd;
    const double h_own = (double)l->h_median, h_map = (double)m->from.h_median[b->from];
    const double h_from = isfinite(h_own) && h_own > 0 ? h_own : h_map;
    const double h_to = (double)m->to.h_median[b->to];
    linalg_mul((mat){f->left, f->k, (size_t)m->from.n_embd}, persona_vector_row(v, b->from),
               middle);
    linalg_tmul((mat){f->right, f->k, dt}, middle, out);
    const double norm = vec_norm(out, dt);
    if (!(norm > 0) || !isfinite(norm)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "the map sends '%s' at block %d to nothing at block %d (norm %g)",
                               v->from.trait, b->from, b->to, norm);
    }
    if (!(h_from > 0) || !(h_to > 0)) {
        return persona_err_set(
            e, PERSONA_E_NUMERIC,
            "the map does not know how large activations are at block %d (%g) or "
            "%d (%g)",
            b->from, h_from, b->to, h_to);
    }
    vec_scale(out, (double)l->norm / h_from * h_to / norm, dt);
    return PERSONA_OK;
}

static persona_code label(const persona_map *m, const persona_vector *v, bool null,
                          persona_vector *out, persona_err *e)
{
    const char *sample = PERSONA_SAMPLE_UNVERIFIED;
    buf how;
    buf_init(&how, MAX_LABEL);
    buf_printf(&how, "%s on paired %s means of %s and %s", m->method, m->pairing, m->from.name,
               m->to.name);
    if (*v->from.map) {
        buf_printf(&how, "; before that %s", v->from.map);
    }
    persona_code rc = PERSONA_OK;
    TRY(persona_map_sample(m, v, &sample, NULL, e));
    persona_provenance *f = &out->from;
    const struct {
        char **field;
        const char *value;
    } labels[] = {
        {&f->trait, v->from.trait},
        {&f->method, null ? "transferred (shuffled pairing: a null)" : "transferred"},
        {&f->judge, v->from.judge},
        {&f->texts, v->from.texts},
        {&f->parent_hash, m->from.hash},
        {&f->parent_model, m->from.name},
        {&f->model_name, m->to.name},
        {&f->model_arch, m->to.arch},
        {&f->model_hash, m->to.hash},
        {&f->template_hash, m->to.template_hash},
        {&f->library, m->library},
        {&f->map, buf_str(&how)},
        {&f->sample, sample},
    };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        TRY(persona_vector_label(labels[i].field, labels[i].value, e));
    }
    f->seed = v->from.seed;
    f->n_texts = (int)m->n_texts;
    f->n_generated_pos = v->from.n_generated_pos;
    f->n_generated_neg = v->from.n_generated_neg;
    f->n_kept_pos = v->from.n_kept_pos;
    f->n_kept_neg = v->from.n_kept_neg;
out:
    buf_free(&how);
    return rc;
}

void map_stamp(const persona_map *m, int to, persona_vector *v)
{
    const persona_map_block *b = persona_map_to(m, to);
    v->from.best_layer = to;
    if (!b) {
        return;
    }
    v->from.layer_from = b->from;
    v->from.lambda = (float)b->lambda;
    v->from.r2_heldout = (float)b->r2_heldout;
    v->from.r2_contrast = (float)b->r2_contrast;
    v->from.r2_shuffled = (float)b->r2_shuffled;
}

static bool wanted(const persona_map_block *b, const persona_vector *v, const persona_apply_opts *o,
                   const persona_vector *so_far)
{
    const persona_map_factors *f = o->null ? &b->null : &b->map;
    if (f->k == 0 || b->from >= v->n_layer || !v->layers[b->from].present) {
        return false;
    }
    if (o->to >= 0) {
        return b->from == o->from && b->to == o->to;
    }
    return !so_far->layers[b->to].present;
}

persona_code persona_map_apply(const persona_map *m, const persona_vector *v,
                               const persona_apply_opts *opts, persona_vector **out, persona_err *e)
{
    const persona_apply_opts o = opts ? *opts : (persona_apply_opts){.from = -1, .to = -1};
    persona_vector *t = NULL;
    float *row = NULL;
    double *middle = NULL;
    size_t most = 0, n = 0;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(check(m, v, e));
    TRY(persona_vector_new(m->to.n_layer, m->to.n_embd, &t, e));
    for (size_t i = 0; i < m->n_blocks; i++) {
        const size_t k = o.null ? m->blocks[i].null.k : m->blocks[i].map.k;
        most = k > most ? k : most;
    }
    row = mem_calloc((size_t)m->to.n_embd, sizeof *row);
    middle = mem_calloc(most, sizeof *middle);
    if (!row || !middle) {
        rc = mem_err(e, "a mapped vector");
        goto out;
    }
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *b = &m->blocks[i];
        if (!wanted(b, v, &o, t)) {
            continue;
        }
        TRY(map_row(m, b, o.null ? &b->null : &b->map, v, middle, row, e));
        TRY(persona_vector_set(t, b->to, row, e));
        t->layers[b->to].h_median = m->to.h_median[b->to];
        if (n++ == 0) {
            map_stamp(m, b->to, t);
        }
    }
    if (n == 0) {
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "the vector '%s' has none of the %zu source blocks of the map%s",
                             v->from.trait, m->n_blocks, o.null ? ", or the map has no null" : "");
        goto out;
    }
    TRY(label(m, v, o.null, t, e));
    *out = t;
    t = NULL;
out:
    mem_free(middle);
    mem_free(row);
    persona_vector_free(t);
    return rc;
}
