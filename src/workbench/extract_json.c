/* SPDX-License-Identifier: MIT
 *
 * extract_json.c - the members of persona.extract/1 (FORMATS.md).
 */
#include <math.h>

#include "workbench/results.h"

static void put_pair(json_out *o, const char *key, size_t positive, size_t negative)
{
    jo_object(o, key);
    jo_int(o, "positive", (long long)positive);
    jo_int(o, "negative", (long long)negative);
    jo_end(o);
}

static void put_layers(json_out *o, const persona_vector *v)
{
    jo_array(o, "layers");
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present) {
            continue;
        }
        const struct {
            const char *key;
            double value;
        } numbers[] = {
            {"norm", (double)l->norm},
            {"h_median", (double)l->h_median},
            {"auroc", (double)l->auroc},
            {"cohen_d", (double)l->cohen_d},
            {"agreement", (double)l->agreement},
            {"split_half_cosine", (double)l->split_half},
            {"split_half_sd", (double)l->split_half_sd},
            {"n_effective", (double)l->n_effective},
            {"length_cosine", (double)l->length_cosine},
            {"outlier_share", (double)l->outlier_share},
            {"neutral_mean", (double)l->neutral_mean},
            {"neutral_sd", (double)l->neutral_sd},
            {"dose", (double)l->dose},
            {"ratio", (double)l->dose * (double)l->norm / (double)l->h_median},
        };
        jo_object(o, NULL);
        jo_int(o, "layer", b);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            jo_number(o, numbers[i].key, numbers[i].value);
        }
        jo_end(o);
    }
    jo_end(o);
}

void dose_curve_json(json_out *o, const persona_curve *curve)
{
    jo_array(o, "curve");
    for (size_t i = 0; i < curve->n; i++) {
        jo_object(o, NULL);
        jo_number(o, "coefficient", curve->points[i].coefficient);
        jo_number(o, "score", curve->points[i].score);
        jo_number(o, "coherence", curve->points[i].coherence);
        jo_number(o, "nll", curve->points[i].nll);
        jo_number(o, "repetition", curve->points[i].repetition);
        jo_number(o, "length", curve->points[i].length);
        jo_end(o);
    }
    jo_end(o);
}

static void put_coefficients(json_out *o, const persona_provenance *f)
{
    jo_object(o, "coefficient");
    jo_array(o, "safe");
    jo_number(o, NULL, (double)f->safe_low);
    jo_number(o, NULL, (double)f->safe_high);
    jo_end(o);
    jo_number(o, "promote", (double)f->promote);
    jo_number(o, "suppress", (double)f->suppress);
    jo_end(o);
}

static void put_methods(json_out *o, const persona_extract_report *r)
{
    jo_array(o, "methods");
    for (size_t i = 0; i < r->n_methods; i++) {
        const persona_extract_method *m = &r->methods[i];
        const int b = m->vector ? m->vector->from.best_layer : -1;
        const persona_vector_layer *l = b >= 0 ? &m->vector->layers[b] : NULL;
        jo_object(o, NULL);
        jo_string(o, "method", m->name);
        jo_int(o, "best_layer", b);
        jo_string(o, "layer_choice", m->layer_choice);
        jo_number(o, "norm", l ? (double)l->norm : (double)NAN);
        jo_number(o, "auroc", l ? (double)l->auroc : (double)NAN);
        jo_number(o, "cohen_d", l ? (double)l->cohen_d : (double)NAN);
        jo_number(o, "split_half_cosine", l ? (double)l->split_half : (double)NAN);
        jo_number(o, "cosine", m->cosine);
        jo_number(o, "swing", m->swing);
        jo_number(o, "dose", m->vector ? (double)m->vector->from.dose : (double)NAN);
        dose_curve_json(o, &m->curve);
        jo_string(o, "note", m->note);
        jo_end(o);
    }
    jo_end(o);
}

void extract_json(json_out *o, const extract_result *x)
{
    const persona_extract_report *r = x->report;
    const persona_extract_method *m = &r->methods[0];
    jo_string(o, "trait", x->v->from.trait);
    jo_string(o, "model", x->rig->info->path);
    jo_string(o, "method", m->name);
    put_pair(o, "generated", r->n_generated_pos, r->n_generated_neg);
    put_pair(o, "kept", r->n_kept_pos, r->n_kept_neg);
    jo_int(o, "unanswered", (long long)r->n_unanswered);
    jo_int(o, "unjudged", (long long)r->n_unjudged);
    jo_int(o, "best_layer", x->v->from.best_layer);
    jo_string(o, "layer_choice", m->layer_choice);
    jo_number(o, "swing", m->swing);
    jo_number(o, "dose", (double)x->v->from.dose);
    jo_number(o, "dose_kl", (double)x->v->from.dose_kl);
    put_coefficients(o, &x->v->from);
    dose_curve_json(o, &m->curve);
    jo_object(o, "scores");
    jo_number(o, "positive", r->score_pos);
    jo_number(o, "negative", r->score_neg);
    jo_number(o, "coherence_positive", r->coherence_pos);
    jo_number(o, "coherence_negative", r->coherence_neg);
    jo_end(o);
    put_layers(o, x->v);
    if (r->n_methods > 1) {
        put_methods(o, r);
    }
    jo_string(o, "judge", x->rig->judge ? persona_judge_name(x->rig->judge) : NULL);
    jo_string(o, "judge_validity", x->rig->judge ? r->judge_validity : NULL);
    jo_string(o, "note", m->note);
    jo_int(o, "seed", (long long)x->v->from.seed);
    jo_string(o, "output", x->path);
    jo_string(o, "job", x->job);
    jo_int(o, "resumed", (long long)r->n_resumed);
    jo_int(o, "n_tokens", (long long)r->n_tokens);
    jo_number(o, "seconds", r->seconds);
}
