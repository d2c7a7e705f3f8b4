/* SPDX-License-Identifier: MIT
 *
 * vector_json.c - vectors, what they promote and how they agree, as JSON (vector_json.h).
 */
#include "workbench/vector_json.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/try.h"

static void origin_json(json_out *o, const persona_provenance *p)
{
    jo_string(o, "trait", p->trait);
    jo_string(o, "method", p->method);
    jo_string(o, "model", p->model_name);
    jo_string(o, "arch", p->model_arch);
    jo_string(o, "model_sha256", p->model_hash);
    jo_string(o, "template_sha256", p->template_hash);
    jo_string(o, "judge", p->judge);
    jo_string(o, "library", p->library);
    jo_string(o, "parent_model", p->parent_model);
    jo_string(o, "parent_sha256", p->parent_hash);
    jo_string(o, "map", p->map);
    jo_string(o, "sample", p->sample);
    jo_string(o, "verdict", p->verdict);
    jo_string(o, "unit", p->unit);
    jo_string(o, "source", p->source);
    jo_string(o, "note", p->note);
    jo_string(o, "unapplied", p->unapplied);
    jo_int(o, "seed", (long long)p->seed);
    jo_object(o, "generated");
    jo_int(o, "positive", p->n_generated_pos);
    jo_int(o, "negative", p->n_generated_neg);
    jo_end(o);
    jo_object(o, "kept");
    jo_int(o, "positive", p->n_kept_pos);
    jo_int(o, "negative", p->n_kept_neg);
    jo_end(o);
    jo_int(o, "best_layer", p->best_layer);
    jo_number(o, "dose", (double)p->dose);
    jo_number(o, "dose_kl", (double)p->dose_kl);
    jo_int(o, "layer_from", p->layer_from);
    jo_int(o, "n_texts", p->n_texts);
    jo_number(o, "lambda", (double)p->lambda);
    jo_number(o, "r2_heldout", (double)p->r2_heldout);
    jo_number(o, "r2_contrast", (double)p->r2_contrast);
    jo_number(o, "r2_shuffled", (double)p->r2_shuffled);
}

void vector_json(json_out *o, const persona_vector *v)
{
    jo_int(o, "n_layer", v->n_layer);
    jo_int(o, "n_embd", v->n_embd);
    origin_json(o, &v->from);
    jo_array(o, "layers");
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present) {
            continue;
        }
        jo_object(o, NULL);
        jo_int(o, "layer", b);
        jo_number(o, "norm", (double)l->norm);
        jo_number(o, "h_median", (double)l->h_median);
        jo_number(o, "auroc", (double)l->auroc);
        jo_number(o, "cohen_d", (double)l->cohen_d);
        jo_number(o, "agreement", (double)l->agreement);
        jo_number(o, "split_half_cosine", (double)l->split_half);
        jo_number(o, "neutral_mean", (double)l->neutral_mean);
        jo_number(o, "neutral_sd", (double)l->neutral_sd);
        jo_number(o, "token_mean", (double)l->token_mean);
        jo_number(o, "token_sd", (double)l->token_sd);
        jo_array(o, "quantiles");
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            jo_number(o, NULL, (double)l->quantiles[i]);
        }
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
}

/* ---- through the model's output -------------------------------------------------------------- */

static persona_code texts_json(json_out *o, const persona_model *m, size_t n, const char *key,
                               const persona_lens_token *list, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *piece = NULL;
    jo_array(o, key);
    for (size_t i = 0; i < n; i++) {
        TRY(persona_detokenize(m, &list[i].id, 1, true, &piece, e));
        jo_string(o, NULL, piece);
        mem_free(piece);
        piece = NULL;
    }
    jo_end(o);
out:
    return rc;
}

static void numbers_json(json_out *o, size_t n, const char *side, const persona_lens_token *list)
{
    char key[32];
    snprintf(key, sizeof key, "%s_ids", side);
    jo_array(o, key);
    for (size_t i = 0; i < n; i++) {
        jo_int(o, NULL, list[i].id);
    }
    jo_end(o);
    snprintf(key, sizeof key, "%s_logits", side);
    jo_array(o, key);
    for (size_t i = 0; i < n; i++) {
        jo_number(o, NULL, (double)list[i].logit);
    }
    jo_end(o);
}

persona_code lens_json(json_out *o, const persona_model *m, const persona_lens *x, int best,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    jo_string(o, "matrix", x->matrix);
    jo_int(o, "n_tokens", (long long)x->n_tokens);
    jo_int(o, "n_left_out", (long long)x->n_left_out);
    jo_int(o, "best_layer", best);
    jo_array(o, "layers");
    for (size_t k = 0; k < x->n_layers; k++) {
        const persona_lens_layer *l = &x->layers[k];
        jo_object(o, NULL);
        jo_int(o, "layer", l->block);
        jo_number(o, "sd", l->sd);
        TRY(texts_json(o, m, x->n, "promoted", l->promoted, e));
        TRY(texts_json(o, m, x->n, "suppressed", l->suppressed, e));
        numbers_json(o, x->n, "promoted", l->promoted);
        numbers_json(o, x->n, "suppressed", l->suppressed);
        jo_end(o);
    }
    jo_end(o);
out:
    return rc;
}

/* ---- several --------------------------------------------------------------------------------- */

int vectors_depth(const persona_vector *a, const persona_vector *b)
{
    return a->n_layer < b->n_layer ? a->n_layer : b->n_layer;
}

bool vectors_share(const persona_vector *a, const persona_vector *b, int block)
{
    return block < vectors_depth(a, b) && a->layers[block].present && b->layers[block].present;
}

persona_code vectors_comparable(const persona_vector *a, const char *name_a,
                                const persona_vector *b, const char *name_b, persona_err *e)
{
    if (a->n_embd != b->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s is %d wide and %s is %d wide: vectors of different models have "
                               "no common space (carry one over with 'persona transfer')",
                               name_a, a->n_embd, name_b, b->n_embd);
    }
    for (int k = 0; k < vectors_depth(a, b); k++) {
        if (vectors_share(a, b, k)) {
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_SHAPE, "%s and %s have no block in common", name_a, name_b);
}

void cosines_json(json_out *o, const persona_vector *a, const persona_vector *b)
{
    jo_array(o, "layers");
    for (int k = 0; k < vectors_depth(a, b); k++) {
        if (!vectors_share(a, b, k)) {
            continue;
        }
        jo_object(o, NULL);
        jo_int(o, "layer", k);
        jo_number(o, "cosine", persona_vector_cosine(a, b, k));
        jo_end(o);
    }
    jo_end(o);
}
