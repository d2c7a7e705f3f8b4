/* SPDX-License-Identifier: MIT
 *
 * study_controls.c - the vectors that the transferred one is measured against.
 *
 *   native       extracted on the target itself, with its own best block; where its rollouts show
 *                no contrast, its reading of the trait's texts                   what is possible
 *   text-bridge  the target's own mean difference on the source's texts, at the transferred block:
 *                no map (methods 5.2)                                            upper baseline
 *   in-sample    a map that has seen the trait's texts                           what a leak claims
 *   leave-loose, leave-name   the same pair of blocks with less left out         what strictness
 *                                                                                costs
 *   lexical      word counts of the texts in place of the source's activations   must do less
 *   identity     the source's numbers cut or padded to the target's width        must do nothing
 *   shuffled, random, random-source, other-trait: study_draws.c
 *
 * Nulls have the rights of the transferred vector: their own block, found by steering, and a dose
 * of their own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/lexical.h"
#include "pipeline/transfer/pairs_parts.h"

enum { DOSE_QUESTIONS = 12 };

static persona_code need_pairs(const studying *s, persona_err *e)
{
    return s->pairs ? PERSONA_OK
                    : persona_err_set(e, PERSONA_E_NEGATIVE,
                                      "the map's file keeps no readings of texts (fit it "
                                      "again, without --no-readings)");
}

/* ---- mean differences of texts --------------------------------------------------------------- */

persona_code study_contrast(const persona_pairs *p, bool target, int block, int trait, float *out,
                            persona_err *e)
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

/* The dose at a block, on extraction questions. */
static persona_code dose(const studying *s, persona_vector *v, const char *condition, int block,
                         persona_err *e)
{
    const size_t n = s->questions->n_extraction;
    const calibration c = {.s = s->to->session,
                           .v = v,
                           .questions = s->questions->extraction,
                           .n_questions = n < DOSE_QUESTIONS ? n : DOSE_QUESTIONS,
                           .quick = true,
                           .job = s->job,
                           .tag = condition,
                           .hooks = s->hooks};
    v->from.best_layer = block;
    return calibrate_vector(&c, v, block, e);
}

persona_code study_place(const studying *s, persona_vector *v, const char *condition, int at,
                         persona_err *e)
{
    return at < 0 ? study_settle(s, v, condition, NULL, e) : dose(s, v, condition, at, e);
}

/* ---- the controls ---------------------------------------------------------------------------- */

static persona_code trait_of_texts(const studying *s, int *trait, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n[2];
    TRY(need_pairs(s, e));
    *trait = pairs_trait(s->pairs, s->trait->name);
    pairs_poles(s->pairs, *trait, n);
    TRY(*trait >= 0 && n[0] > 0 && n[1] > 0
            ? PERSONA_OK
            : persona_err_set(
                  e, PERSONA_E_NEGATIVE,
                  "of '%s' itself there are %zu positive and %zu negative texts, and it "
                  "takes both, on top of those that the map is fitted on (--texts)",
                  s->trait->name, *trait >= 0 ? n[0] : 0, *trait >= 0 ? n[1] : 0));
out:
    return rc;
}

/* The target's mean difference on the trait's texts, at the blocks that the transferred vector may
 * steer. */
static persona_code read_natively(const studying *s, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *like = s->x->transferred;
    persona_vector *v = NULL;
    float *row = NULL;
    int trait = -1;
    TRY(trait_of_texts(s, &trait, e));
    row = mem_calloc((size_t)like->n_embd, sizeof *row);
    TRY(row ? persona_vector_new(like->n_layer, like->n_embd, &v, e) : mem_err(e, "a vector"));
    for (int b = 0; b < like->n_layer; b++) {
        if (like->layers[b].present) {
            TRY(study_contrast(s->pairs, true, b, trait, row, e));
            TRY(persona_vector_set(v, b, row, e));
            v->layers[b].h_median = like->layers[b].h_median;
        }
    }
    TRY(persona_vector_label(&v->from.method, "mean difference of texts that were read", e));
    TRY(persona_vector_label(&v->from.model_hash, like->from.model_hash, e));
    TRY(persona_vector_label(&v->from.trait, s->trait->name, e));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    mem_free(row);
    return rc;
}

/* The first repeat's, with a block and a dose of its own. */
static persona_code native_again(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < s->shared->first->n_arms; i++) {
        const persona_study_arm *had = &s->shared->first->arms[i];
        if (strcmp(had->condition, a->condition) == 0) {
            memcpy(a->note, had->note, sizeof a->note);
            TRY(persona_vector_clone(had->vector, &a->vector, e));
            TRY(study_settle(s, a->vector, a->condition, NULL, e));
        }
    }
out:
    return rc;
}

static persona_code make_native(studying *s, persona_study_arm *a, persona_err *e)
{
    if (s->shared->first) {
        return native_again(s, a, e);
    }
    persona_code rc = study_extract(s, true, &a->vector, e);
    if (rc == PERSONA_E_NEGATIVE && s->pairs) {
        snprintf(a->note, sizeof a->note, "its reading of the texts: no contrast in its rollouts");
        rc = read_natively(s, &a->vector, e);
        TRY(rc);
        TRY(study_settle(s, a->vector, a->condition, NULL, e));
    }
out:
    return rc;
}

static persona_code make_bridge(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    float *row = NULL;
    int trait = -1;
    TRY(trait_of_texts(s, &trait, e));
    row = mem_calloc((size_t)s->pairs->to.d, sizeof *row);
    TRY(row ? study_contrast(s->pairs, true, s->x->map.layer_to, trait, row, e)
            : mem_err(e, "a text bridge"));
    TRY(one_block(s, row, "text bridge: the target's reading of the source's texts", &a->vector,
                  e));
    TRY(dose(s, a->vector, a->condition, s->x->map.layer_to, e));
out:
    mem_free(row);
    return rc;
}

/* The vector through a map of the same blocks that leaves out something else. */
static persona_code refit(studying *s, const persona_fit_opts *with, persona_study_arm *a,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_map *m = NULL;
    persona_fit_opts o = *with;
    o.from = s->x->map.layer_from;
    o.to = s->x->map.layer_to;
    o.null = false;
    o.only = NULL;
    o.n_shuffles = 1;
    TRY(need_pairs(s, e));
    TRY(persona_map_fit(s->pairs, &o, s->hooks, &m, e));
    TRY(persona_map_apply(m, s->x->source, NULL, &a->vector, e));
    TRY(dose(s, a->vector, a->condition, o.to, e));
out:
    persona_map_free(m);
    return rc;
}

static persona_code make_in_sample(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_fit_opts o = s->fit;
    int trait = -1;
    o.without = o.texts = NULL;
    o.lean = NULL;
    TRY(trait_of_texts(s, &trait, e));
    TRY(refit(s, &o, a, e));
out:
    return rc;
}

static persona_code make_left(studying *s, persona_leave how, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t *n = s->x->left.n_left;
    persona_fit_opts o = s->fit;
    o.leave = how;
    if (!s->lean || !s->x->left.decidable || n[how] == n[PERSONA_LEAVE_STRICT]) {
        return PERSONA_OK; /* nothing to compare with */
    }
    snprintf(a->note, sizeof a->note, "%zu texts", n[how]);
    TRY(refit(s, &o, a, e));
out:
    return rc;
}

static persona_code make_loose(studying *s, persona_study_arm *a, persona_err *e)
{
    const size_t *n = s->x->left.n_left; /* the same texts as by name need no run of their own */
    return n[PERSONA_LEAVE_LOOSE] == n[PERSONA_LEAVE_NAME]
               ? PERSONA_OK
               : make_left(s, PERSONA_LEAVE_LOOSE, a, e);
}

static persona_code make_named(studying *s, persona_study_arm *a, persona_err *e)
{
    return make_left(s, PERSONA_LEAVE_NAME, a, e);
}

static persona_code make_lexical(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int trait = -1;
    TRY(trait_of_texts(s, &trait, e));
    TRY(lexical_carry(s->pairs, &s->fit, trait, s->x->transferred, &a->vector, e));
    TRY(study_place(s, a->vector, a->condition, s->o->own_blocks ? -1 : s->x->map.layer_to, e));
out:
    return rc;
}

static persona_code make_identity(studying *s, persona_study_arm *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *v = s->x->source, *like = s->x->transferred;
    const size_t dt = (size_t)like->n_embd, ds = (size_t)v->n_embd;
    float *row = mem_calloc(dt, sizeof *row);
    TRY(row ? persona_vector_clone(like, &a->vector, e) : mem_err(e, "an identity"));
    for (int b = 0; b < like->n_layer; b++) {
        const persona_map_block *pair = persona_map_to(s->map, b);
        if (!like->layers[b].present || !pair || !v->layers[pair->from].present) {
            continue;
        }
        memset(row, 0, dt * sizeof *row);
        memcpy(row, persona_vector_row(v, pair->from), (ds < dt ? ds : dt) * sizeof *row);
        const double norm = vec_norm(row, dt);
        vec_scale(row, norm > 0 ? (double)like->layers[b].norm / norm : 0, dt);
        TRY(persona_vector_set(a->vector, b, row, e));
    }
    TRY(persona_vector_label(&a->vector->from.method,
                             "identity: the source's numbers as they stand", e));
    TRY(study_place(s, a->vector, a->condition, -1, e));
out:
    mem_free(row);
    return rc;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* make: one vector, NULL where there is nothing to compare; draw: several. */
static const struct control {
    const char *condition;
    persona_code (*make)(studying *s, persona_study_arm *a, persona_err *e);
    persona_code (*draw)(studying *s, persona_err *e);
    bool always;
} controls[] = {
    {"native", make_native, NULL, true},
    {"lexical", make_lexical, NULL, true},
    {"shuffled", NULL, study_draw_shuffled, true},
    {"random-source", NULL, study_draw_sources, true},
    {"random", NULL, study_draw_random, true},
    {"text-bridge", make_bridge, NULL, false},
    {"in-sample", make_in_sample, NULL, false},
    {"leave-loose", make_loose, NULL, false},
    {"leave-name", make_named, NULL, false},
    {"identity", make_identity, NULL, false},
    {"other-trait", NULL, study_draw_traits, false},
};

static persona_code run_control(studying *s, const struct control *c, persona_err *e)
{
    persona_study_arm arm = {.condition = c->condition};
    persona_code rc = PERSONA_OK;
    TRY(c->make ? c->make(s, &arm, e) : c->draw(s, e));
    if (arm.vector) {
        TRY(study_add_arm(s, c->condition, arm.vector, arm.note, e));
        arm.vector = NULL;
    }
out:
    persona_vector_free(arm.vector);
    return rc;
}

/* Reasons that lie in the data, not in the machine. */
static bool may_miss(persona_code rc)
{
    return rc == PERSONA_E_NEGATIVE || rc == PERSONA_E_NUMERIC || rc == PERSONA_E_SHAPE;
}

persona_code study_controls(studying *s, persona_err *e)
{
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        const struct control *c = &controls[i];
        persona_err why = {.code = PERSONA_OK};
        char what[64];
        if ((!c->always && !s->o->all_controls) || persona_study_vector(s->x, c->condition)) {
            continue;
        }
        const persona_code rc = run_control(s, c, &why);
        if (rc != PERSONA_OK && !may_miss(rc)) {
            return persona_err_set(e, rc, "%s", why.msg);
        }
        if (rc != PERSONA_OK) {
            snprintf(what, sizeof what, "no %s", c->condition);
            study_note(s->x, what, why.msg);
            study_void_control(s, c->condition, why.msg);
        }
    }
    return PERSONA_OK;
}
