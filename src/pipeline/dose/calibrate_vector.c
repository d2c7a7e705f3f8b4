/* SPDX-License-Identifier: MIT
 *
 * calibrate_vector.c - everything that an extraction measures of a vector on its model, for a
 * vector that was not extracted here: one of another program, a sum, one of another file of the
 * same model.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "persona/dose.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/dose/neutral.h"
#include "pipeline/dose/steered.h"
#include "pipeline/pipeline.h"

#define DEPTH 0.65 /* where vectors of published work act best */

static bool steerable(const persona_vector *v, int block, int n_layer)
{
    return block > 0 && block < v->n_layer && block < n_layer - 1 && v->layers[block].present &&
           v->layers[block].norm > 0;
}

static persona_code choose_block(const persona_subject *who, const persona_vector *v, int block,
                                 persona_calibrated *out, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(who->session));
    const int n_layer = info->n_layer;
    if (v->n_embd != info->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE, "the vector is %d wide, the model %s is %d",
                               v->n_embd, info->name, info->n_embd);
    }
    out->block = block >= 0 ? block : v->from.best_layer;
    out->block_chosen = out->block < 0;
    if (out->block_chosen) {
        const double wanted = DEPTH * n_layer;
        for (int b = 1; b < n_layer - 1; b++) {
            if (steerable(v, b, n_layer) &&
                (out->block < 0 || fabs(b - wanted) < fabs(out->block - wanted))) {
                out->block = b;
            }
        }
    }
    if (!steerable(v, out->block, n_layer)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "the vector has no direction that can be calibrated at block %d (of "
                               "%d; neither the first nor the last)",
                               out->block, n_layer);
    }
    return PERSONA_OK;
}

/* What was measured on another model, or at another block, is not true here. */
static void forget(persona_vector *v)
{
    v->from.dose = v->from.dose_kl = NAN;
    v->from.safe_low = v->from.safe_high = v->from.promote = v->from.suppress = NAN;
    for (int b = 0; b < v->n_layer; b++) {
        v->layers[b].dose = NAN;
    }
}

/* Also the sizes of activations, if they are of another model. */
static persona_code take_over(const persona_subject *who, persona_vector *v, persona_err *e)
{
    const char *sha = "";
    persona_code rc = PERSONA_OK;
    persona_model *m = persona_session_model(who->session);
    TRY(persona_model_sha256(m, &sha, e));
    if (strcmp(sha, v->from.model_hash) != 0) {
        for (int b = 0; b < v->n_layer; b++) {
            persona_vector_layer *l = &v->layers[b];
            l->h_median = l->neutral_mean = l->neutral_sd = l->token_mean = l->token_sd = NAN;
            for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
                l->quantiles[i] = NAN;
            }
        }
    }
    TRY(vector_label_model(v, m, e));
out:
    return rc;
}

static persona_code find_dose(const persona_subject *who, persona_vector *v,
                              const persona_hooks *hooks, persona_calibrated *out, persona_err *e)
{
    persona_err why = {0};
    const persona_code rc =
        persona_calibrate(who->session, v, out->block, who->questions->extraction,
                          who->questions->n_extraction, hooks, &why);
    if (rc == PERSONA_E_NUMERIC) {
        v->from.dose = v->from.dose_kl = NAN;
        snprintf(out->note, sizeof out->note, "%.250s", why.msg);
        return PERSONA_OK;
    }
    return rc == PERSONA_OK ? rc : persona_err_set(e, rc, "%s", why.msg);
}

static persona_code find_range(const persona_subject *who, persona_vector *v, uint32_t seed,
                               const persona_hooks *hooks, persona_calibrated *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_trait nameless = {.name = v->from.trait};
    const bool judged =
        who->trait && who->judge && persona_judge_knows(who->judge, who->trait->name);
    const settling x = {.s = who->session,
                        .v = v,
                        .trait = who->trait ? who->trait : &nameless,
                        .questions = who->questions,
                        .judge = judged ? who->judge : NULL,
                        .curve = &out->curve,
                        .seed = seed,
                        .tag = "calibrate",
                        .hooks = hooks};
    TRY(steered_curve(&x, e));
    out->safe_by = judged ? "judge" : "fluency";
out:
    return rc;
}

persona_code persona_calibrate_vector(const persona_subject *who, persona_vector *v, int block,
                                      uint32_t seed, const persona_hooks *hooks,
                                      persona_calibrated *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = (persona_calibrated){.safe_by = ""};
    TRY(persona_vector_addable(v, v->from.trait, e));
    TRY(choose_block(who, v, block, out, e));
    forget(v);
    TRY(take_over(who, v, e));
    v->from.best_layer = out->block;
    TRY(persona_neutral(who->session, v, who->questions->extraction, who->questions->n_extraction,
                        seed, hooks, e));
    TRY(find_dose(who, v, hooks, out, e));
    if (isfinite(v->from.dose)) {
        TRY(find_range(who, v, seed, hooks, out, e));
    }
out:
    return rc;
}
