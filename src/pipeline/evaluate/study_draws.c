/* SPDX-License-Identifier: MIT
 *
 * study_draws.c - the controls that are drawn many times, since one draw says little: random
 * directions scatter by tens of points.
 *
 *   shuffled       the vector through maps of other pairings of the same texts
 *   random-source  random directions of the source through the true map
 *   random         random directions of the target
 *   other-trait    every other trait of the texts through the true map
 *
 * Each has the norms of the transferred vector and, like it, its own block and dose
 * (dose/settle_draws.c), unless the study is a short one.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/dose/settle.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/pairs_parts.h"

static size_t n_draws(const studying *s)
{
    return s->o->n_draws > 0 ? (size_t)s->o->n_draws : STUDY_DRAWS;
}

/* Vectors of one control that are settled together. */
typedef struct drawing {
    settle_draw *draws; /* (n) own their vectors */
    const char **notes; /* (n) borrowed */
    size_t n;
    bool alike; /* directions drawn alike have like effects on the predictions */
} drawing;

static persona_code drawing_begin(drawing *x, size_t most, persona_err *e)
{
    *x = (drawing){.draws = mem_calloc(most, sizeof *x->draws),
                   .notes = mem_calloc(most, sizeof *x->notes)};
    return x->draws && x->notes ? PERSONA_OK : mem_err(e, "the draws of a control");
}

static void drawing_free(drawing *x)
{
    for (size_t i = 0; i < x->n; i++) {
        persona_vector_free(x->draws[i].v);
    }
    mem_free(x->draws);
    mem_free(x->notes);
}

/* Takes v over. */
static void drawing_add(const studying *s, drawing *x, persona_vector *v, const char *note)
{
    x->notes[x->n] = note;
    x->draws[x->n++] = (settle_draw){
        .v = v, .block = s->o->own_blocks ? -1 : s->x->map.layer_to, .alike = x->alike};
}

/* Block and dose of all, which become arms. What cannot be calibrated is no draw. */
static persona_code drawing_end(studying *s, const char *condition, drawing *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const settling how = study_settling(s, NULL, condition);
    TRY(settle_draws(&how, x->draws, x->n, e));
    for (size_t i = 0; i < x->n; i++) {
        if (isfinite(x->draws[i].v->from.dose)) {
            TRY(study_add_arm(s, condition, x->draws[i].v, x->notes[i], e));
            x->draws[i].v = NULL;
        }
    }
out:
    drawing_free(x);
    return rc;
}

/* Settles what was drawn, or gives it back. */
static persona_code finish(studying *s, const char *condition, drawing *x, persona_code rc,
                           persona_err *e)
{
    if (rc == PERSONA_OK) {
        return drawing_end(s, condition, x, e);
    }
    drawing_free(x);
    return rc;
}

persona_code study_draw_shuffled(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_apply_opts o = {.null = true, .from = -1, .to = -1};
    const size_t n = s->pairs ? n_draws(s) : 1;
    persona_map *m = NULL;
    drawing x;
    TRY(drawing_begin(&x, n, e));
    for (size_t k = 0; k < n; k++) {
        persona_vector *v = NULL;
        if (k > 0) { /* the first is the map's own */
            TRY(pairs_reshuffle(s->pairs, &s->fit, s->map, rng_mix(s->o->seed, 0x73687566, k), &m,
                                e));
        }
        TRY(persona_map_apply(k > 0 ? m : s->map, s->x->source, &o, &v, e));
        drawing_add(s, &x, v, NULL);
        persona_map_free(m);
        m = NULL;
    }
out:
    persona_map_free(m);
    return finish(s, "shuffled", &x, rc, e);
}

/* Gaussian rows where v has rows, at their norms. */
static persona_code randomize(persona_vector *v, uint32_t seed, uint64_t stream, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t d = (size_t)v->n_embd;
    float *row = mem_calloc(d, sizeof *row);
    rng r;
    TRY(row ? PERSONA_OK : mem_err(e, "a random direction"));
    rng_seed(&r, seed, stream);
    for (int b = 0; b < v->n_layer; b++) {
        if (!v->layers[b].present || !(v->layers[b].norm > 0)) {
            continue;
        }
        for (size_t i = 0; i < d; i++) {
            row[i] = (float)rng_normal(&r);
        }
        vec_scale(row, (double)v->layers[b].norm / vec_norm(row, d), d);
        TRY(persona_vector_set(v, b, row, e));
    }
out:
    mem_free(row);
    return rc;
}

persona_code study_draw_sources(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *source = NULL, *v = NULL;
    drawing x;
    TRY(drawing_begin(&x, n_draws(s), e));
    for (size_t k = 0; k < n_draws(s); k++) {
        TRY(persona_vector_clone(s->x->source, &source, e));
        TRY(randomize(source, s->o->seed, 0x73726300 + k, e));
        TRY(persona_map_apply(s->map, source, NULL, &v, e));
        drawing_add(s, &x, v, NULL);
        persona_vector_free(source);
        source = NULL;
    }
out:
    persona_vector_free(source);
    return finish(s, "random-source", &x, rc, e);
}

persona_code study_draw_random(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = s->o->n_random > 0 ? (size_t)s->o->n_random : STUDY_RANDOM;
    drawing x;
    TRY(drawing_begin(&x, n, e));
    x.alike = true;
    for (size_t k = 0; k < n; k++) {
        persona_vector *v = NULL;
        TRY(persona_vector_clone(s->x->transferred, &v, e));
        drawing_add(s, &x, v, NULL);
        TRY(randomize(v, s->o->seed, 0x72616e00 + k, e));
        TRY(persona_vector_label(&v->from.method, "a random direction", e));
    }
out:
    return finish(s, "random", &x, rc, e);
}

/* ---- other traits ---------------------------------------------------------------------------- */

static bool has_poles(const persona_pairs *p, int trait)
{
    size_t n[2];
    pairs_poles(p, trait, n);
    return n[0] > 0 && n[1] > 0;
}

/* The source's mean difference on a trait's texts, at the source blocks of the map. */
static persona_code read_trait(const studying *s, int trait, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *like = s->x->source;
    persona_vector *v = NULL;
    float *row = mem_calloc((size_t)like->n_embd, sizeof *row);
    TRY(row ? persona_vector_new(like->n_layer, like->n_embd, &v, e) : mem_err(e, "a contrast"));
    for (size_t i = 0; i < s->map->n_blocks; i++) {
        const int b = s->map->blocks[i].from;
        if (b < v->n_layer && !v->layers[b].present) {
            TRY(study_contrast(s->pairs, false, b, trait, row, e));
            TRY(persona_vector_set(v, b, row, e));
        }
    }
    TRY(persona_vector_label(&v->from.trait, s->pairs->names[trait], e));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    mem_free(row);
    return rc;
}

persona_code study_draw_traits(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = s->pairs;
    persona_vector *source = NULL, *v = NULL;
    drawing x;
    TRY(drawing_begin(&x, p ? p->n_names : 0, e));
    TRY(p ? PERSONA_OK
          : persona_err_set(e, PERSONA_E_NEGATIVE, "the map's file keeps no readings of texts"));
    for (size_t k = 0; k < p->n_names; k++) {
        if (strcmp(p->names[k], s->trait->name) == 0 || !has_poles(p, (int)k)) {
            continue;
        }
        TRY(read_trait(s, (int)k, &source, e));
        TRY(persona_map_apply(s->map, source, NULL, &v, e));
        drawing_add(s, &x, v, p->names[k]);
        persona_vector_free(source);
        source = NULL;
    }
    TRY(x.n > 0 ? PERSONA_OK
                : persona_err_set(e, PERSONA_E_NEGATIVE, "the texts show no other trait"));
out:
    persona_vector_free(source);
    return finish(s, "other-trait", &x, rc, e);
}
