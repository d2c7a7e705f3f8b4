/* SPDX-License-Identifier: MIT
 *
 * study_controls.c - the vectors that the transferred one is measured against.
 *
 *   native       extracted on the target itself, with its own best block        what is possible
 *   text-bridge  the target's own mean difference on the source's texts          upper baseline:
 *                no map (methods 5.2)
 *   in-sample    a map that has seen the trait's texts                           what a leak would
 *                claim
 *   shuffled     a map of shuffled pairs, with its own best block and dose       must do nothing
 *   identity     the source's numbers cut or padded to the target's width        must do nothing
 *   other-trait  another trait through the same map                              what is specific
 *
 * All but native and shuffled steer the block of the transferred vector, so that they differ from
 * it in the direction only; all are calibrated to one dose of their own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/pairs_parts.h"

enum { DOSE_QUESTIONS = 12 };

static persona_code need_pairs(const studying *s, persona_err *e)
{
    return s->pairs ? PERSONA_OK
                    : persona_err_set(e, PERSONA_E_NEGATIVE, "the map file holds no texts");
}

/* ---- mean differences of texts --------------------------------------------------------------- */

/* out (d): mean of the positive texts of a trait less that of the negative ones, at a block. */
static persona_code contrast_of(const persona_pairs *p, bool target, int block, int trait,
                                float *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t d = (size_t)(target ? p->to.d : p->from.d);
    size_t n = 0, count[2] = {0, 0};
    pair_row *rows = mem_calloc(p->n, sizeof *rows);
    float *x = NULL;
    double *sum = mem_calloc(2 * d, sizeof *sum);
    for (size_t i = 0; rows && i < p->n; i++) {
        if (p->texts[i].usable && p->texts[i].trait == trait && p->texts[i].polarity != 0) {
            rows[n++] = (pair_row){i, -1};
        }
    }
    x = mem_calloc(n, d * sizeof *x);
    TRY(rows && x && sum ? pairs_rows(p, target, block, rows, n, x, e) : mem_err(e, "a contrast"));
    for (size_t i = 0; i < n; i++) {
        const size_t side = p->texts[rows[i].text].polarity < 0;
        count[side]++;
        for (size_t j = 0; j < d; j++) {
            sum[side * d + j] += (double)x[i * d + j];
        }
    }
    if (count[0] == 0 || count[1] == 0) {
        TRY(persona_err_set(e, PERSONA_E_NEGATIVE,
                            "%zu positive and %zu negative texts of '%s' were read", count[0],
                            count[1], trait >= 0 ? p->names[trait] : "?"));
    }
    for (size_t j = 0; j < d; j++) {
        out[j] = (float)(sum[j] / (double)count[0] - sum[d + j] / (double)count[1]);
    }
out:
    mem_free(sum);
    mem_free(x);
    mem_free(rows);
    return rc;
}

/* ---- vectors of one block -------------------------------------------------------------------- */

/* A direction at the block of the transferred vector, at that one's norm, labelled as what it
 * is. */
static persona_code one_block(const studying *s, const float *row, const char *method,
                              persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *like = s->x->transferred;
    const int b = like->from.best_layer;
    persona_vector *v = NULL;
    TRY(persona_vector_new(like->n_layer, like->n_embd, &v, e));
    TRY(persona_vector_set(v, b, row, e));
    TRY(persona_vector_label(&v->from.method, method, e));
    TRY(persona_vector_label(&v->from.model_hash, like->from.model_hash, e));
    TRY(persona_vector_label(&v->from.trait, s->trait->name, e));
    v->layers[b].h_median = like->layers[b].h_median;
    v->from.best_layer = b;
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    return rc;
}

/* The dose at the best block, on extraction questions. */
static persona_code dose(const studying *s, const persona_study_arm *a, persona_err *e)
{
    const size_t n = s->questions->n_extraction;
    const calibration c = {.s = s->to->session,
                           .v = a->vector,
                           .questions = s->questions->extraction,
                           .n_questions = n < DOSE_QUESTIONS ? n : DOSE_QUESTIONS,
                           .job = s->job,
                           .tag = a->condition,
                           .hooks = s->hooks};
    return calibrate_vector(&c, a->vector, a->vector->from.best_layer, e);
}

/* ---- the controls ---------------------------------------------------------------------------- */

static persona_code make_native(studying *s, persona_study_arm *a, persona_err *e)
{
    return study_extract(s, true, &a->vector, e);
}

static persona_code make_shuffled(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_apply_opts o = {.null = true, .from = -1, .to = -1};
    TRY(persona_map_apply(s->map, s->x->source, &o, &a->vector, e));
    TRY(study_settle(s, a->vector, a->condition, NULL, e));
out:
    return rc;
}

static persona_code make_bridge(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    float *row = NULL;
    TRY(need_pairs(s, e));
    row = mem_calloc((size_t)s->pairs->to.d, sizeof *row);
    TRY(row ? PERSONA_OK : mem_err(e, "a text bridge"));
    const int trait = pairs_trait(s->pairs, s->trait->name);
    if (trait < 0) {
        TRY(persona_err_set(e, PERSONA_E_NEGATIVE, "none of the texts shows '%s'", s->trait->name));
    }
    TRY(contrast_of(s->pairs, true, s->x->map.layer_to, trait, row, e));
    TRY(one_block(s, row, "text bridge: the target's reading of the source's texts", &a->vector,
                  e));
    TRY(dose(s, a, e));
out:
    mem_free(row);
    return rc;
}

static persona_code make_in_sample(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_map *m = NULL;
    persona_fit_opts o = s->o->fit;
    o.without = o.texts = NULL;
    o.from = s->x->map.layer_from;
    o.to = s->x->map.layer_to;
    o.null = false;
    o.n_shuffles = 1;
    o.seed = s->o->seed;
    TRY(need_pairs(s, e));
    TRY(persona_map_fit(s->pairs, &o, s->hooks, &m, e));
    TRY(persona_map_apply(m, s->x->source, NULL, &a->vector, e));
    if (strcmp(a->vector->from.sample, PERSONA_SAMPLE_IN_SAMPLE) != 0) {
        TRY(persona_err_set(e, PERSONA_E_NEGATIVE, "none of the texts shows '%s'", s->trait->name));
    }
    TRY(dose(s, a, e));
out:
    persona_map_free(m);
    return rc;
}

/* Which other trait: the next one of the list that the texts know, from a place that the seed
 * gives. */
static int other_trait(const studying *s)
{
    const persona_pairs *p = s->pairs;
    rng r;
    rng_seed(&r, s->o->seed, 0x6f746872);
    const size_t first = p->n_names > 0 ? rng_u32(&r) % p->n_names : 0;
    for (size_t i = 0; i < p->n_names; i++) {
        const size_t k = (first + i) % p->n_names;
        for (size_t t = 0; t < p->n && strcmp(p->names[k], s->trait->name) != 0; t++) {
            if (p->texts[t].usable && p->texts[t].trait == (int)k && p->texts[t].polarity > 0) {
                return (int)k;
            }
        }
    }
    return -1;
}

/* The other trait's contrast as the source reads its texts, through the same map. */
static persona_code make_other(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *like = s->x->source;
    const persona_apply_opts o = {.from = s->x->map.layer_from, .to = s->x->map.layer_to};
    persona_vector *v = NULL;
    float *row = NULL;
    TRY(need_pairs(s, e));
    const int trait = other_trait(s);
    if (trait < 0) {
        TRY(persona_err_set(e, PERSONA_E_NEGATIVE, "the texts show no other trait"));
    }
    snprintf(a->note, sizeof a->note, "%s", s->pairs->names[trait]);
    row = mem_calloc((size_t)like->n_embd, sizeof *row);
    TRY(row ? contrast_of(s->pairs, false, o.from, trait, row, e) : mem_err(e, "a contrast"));
    TRY(persona_vector_new(like->n_layer, like->n_embd, &v, e));
    TRY(persona_vector_set(v, o.from, row, e));
    TRY(persona_vector_label(&v->from.trait, a->note, e));
    TRY(persona_map_apply(s->map, v, &o, &a->vector, e));
    TRY(dose(s, a, e));
out:
    persona_vector_free(v);
    mem_free(row);
    return rc;
}

static persona_code make_identity(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *v = s->x->source, *like = s->x->transferred;
    const size_t dt = (size_t)like->n_embd, ds = (size_t)v->n_embd;
    float *row = mem_calloc(dt, sizeof *row);
    TRY(row ? PERSONA_OK : mem_err(e, "an identity"));
    memcpy(row, persona_vector_row(v, s->x->map.layer_from), (ds < dt ? ds : dt) * sizeof *row);
    const double norm = vec_norm(row, dt);
    if (norm > 0) {
        vec_scale(row, (double)like->layers[like->from.best_layer].norm / norm, dt);
    }
    TRY(one_block(s, row, "identity: the source's numbers as they stand", &a->vector, e));
    TRY(dose(s, a, e));
out:
    mem_free(row);
    return rc;
}

static const struct control {
    const char *condition;
    persona_code (*make)(studying *s, persona_study_arm *a, persona_err *e);
    bool always;
} controls[] = {
    {"native", make_native, true},       {"shuffled", make_shuffled, true},
    {"text-bridge", make_bridge, false}, {"in-sample", make_in_sample, false},
    {"other-trait", make_other, false},  {"identity", make_identity, false},
};

/* Reasons that lie in the data, not in the machine. */
static bool may_miss(persona_code rc)
{
    return rc == PERSONA_E_NEGATIVE || rc == PERSONA_E_NUMERIC || rc == PERSONA_E_SHAPE;
}

persona_code study_controls(studying *s, persona_err *e)
{
    persona_study *x = s->x;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        persona_err why = {.code = PERSONA_OK};
        persona_study_arm arm = {.condition = controls[i].condition};
        char what[64];
        if ((!controls[i].always && !s->o->all_controls) ||
            persona_study_vector(x, arm.condition)) {
            continue;
        }
        const persona_code rc = controls[i].make(s, &arm, &why);
        if (rc == PERSONA_OK) {
            x->arms[x->n_arms++] = arm;
            continue;
        }
        persona_vector_free(arm.vector);
        if (!may_miss(rc)) {
            return persona_err_set(e, rc, "%s", why.msg);
        }
        snprintf(what, sizeof what, "no %s", arm.condition);
        study_note(x, what, why.msg);
    }
    return PERSONA_OK;
}
