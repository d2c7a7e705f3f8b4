/* SPDX-License-Identifier: MIT
 *
 * study_json.c - a study as JSON: the keys that the contract names, and more beside them.
 */
#include "workbench/results.h"

#include <math.h>
#include <string.h>

#include "pipeline/evaluate/conditions.h"

void interval_json(json_out *o, const char *key, const persona_interval *x)
{
    jo_object(o, key);
    jo_number(o, "value", x->value);
    jo_array(o, "ci");
    jo_number(o, NULL, x->low);
    jo_number(o, NULL, x->high);
    jo_end(o);
    jo_end(o);
}

static void row_json(json_out *o, const persona_row *r)
{
    jo_object(o, NULL);
    jo_string(o, "condition", r->condition);
    jo_number(o, "coefficient", r->coefficient);
    jo_number(o, "score", r->score.value);
    jo_array(o, "ci");
    jo_number(o, NULL, r->score.low);
    jo_number(o, NULL, r->score.high);
    jo_end(o);
    jo_number(o, "coherence", r->coherence);
    jo_number(o, "coherence_sd", r->coherence_sd);
    jo_number(o, "tokens", r->tokens);
    jo_number(o, "tokens_sd", r->tokens_sd);
    jo_number(o, "cut", r->cut);
    jo_int(o, "n", (long long)r->n);
    jo_int(o, "n_unanswered", (long long)r->n_unanswered);
    jo_int(o, "n_unjudged", (long long)r->n_unjudged);
    jo_string(o, "sample", r->sample);
    row_panel_json(o, r);
    jo_end(o);
}

static void spreads_json(json_out *o, const persona_evaluation *v)
{
    jo_object(o, "spreads");
    for (size_t i = 0; v && i < v->n_spreads; i++) {
        const persona_spread *s = &v->spreads[i];
        jo_object(o, s->condition);
        jo_int(o, "n", (long long)s->n);
        jo_number(o, "mean", s->mean);
        jo_number(o, "sd", s->sd);
        jo_number(o, "z", s->z);
        jo_number(o, "p", s->p);
        jo_int(o, "n_reaching", (long long)s->n_reaching);
        jo_array(o, "draws");
        for (size_t k = 0; k < s->n; k++) {
            jo_object(o, NULL);
            if (s->what[k][0]) {
                jo_string(o, "trait", s->what[k]);
            }
            interval_json(o, "swing", &s->swing[k]);
            jo_end(o);
        }
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
}

static void margins_json(json_out *o, const persona_evaluation *v)
{
    jo_array(o, "margins");
    for (size_t i = 0; v && i < v->n_margins; i++) {
        jo_object(o, NULL);
        jo_string(o, "condition", v->margins[i].condition);
        if (v->margins[i].what[0]) {
            jo_string(o, "trait", v->margins[i].what);
        }
        interval_json(o, "points", &v->margins[i].points);
        jo_end(o);
    }
    jo_end(o);
}

static void swings_json(json_out *o, const persona_evaluation *v)
{
    static const persona_interval none = {NAN, NAN, NAN};
    jo_object(o, "swing");
    for (size_t i = 0; condition_at(i); i++) {
        const persona_swing *s = persona_evaluation_swing(v, condition_at(i)->name);
        if (strcmp(condition_at(i)->name, "unsteered") != 0 && !condition_at(i)->only_ones) {
            interval_json(o, condition_at(i)->name, s ? &s->swing : &none);
        }
    }
    jo_end(o);
    const persona_spread *random = persona_evaluation_spread(v, "random");
    jo_array(o, "random");
    for (size_t k = 0; random && k < random->n; k++) {
        interval_json(o, NULL, &random->swing[k]);
    }
    jo_end(o);
    spreads_json(o, v);
    margins_json(o, v);
    jo_object(o, "spearman");
    for (size_t i = 0; v && i < v->n_swings; i++) {
        jo_number(o, v->swings[i].condition, v->swings[i].spearman);
    }
    jo_end(o);
    jo_object(o, "retained_by");
    for (size_t i = 0; v && i < v->n_swings; i++) {
        if (isfinite(v->swings[i].retained.value)) {
            interval_json(o, v->swings[i].condition, &v->swings[i].retained);
        }
    }
    jo_end(o);
    jo_object(o, "notes");
    for (size_t i = 0; v && i < v->n_swings; i++) {
        if (v->swings[i].note[0]) {
            jo_string(o, v->swings[i].condition, v->swings[i].note);
        }
    }
    jo_end(o);
}

static void best_point_json(json_out *o, const char *key, const persona_best_point *p)
{
    if (!isfinite(p->gain)) {
        jo_null(o, key);
        return;
    }
    jo_object(o, key);
    jo_number(o, "coefficient", p->coefficient);
    jo_number(o, "gain", p->gain);
    jo_number(o, "coherence", p->coherence);
    jo_end(o);
}

static void bests_json(json_out *o, const persona_evaluation *v)
{
    jo_object(o, "best");
    for (size_t i = 0; v && i < v->n_bests; i++) {
        jo_object(o, v->bests[i].condition);
        best_point_json(o, "plus", &v->bests[i].plus);
        best_point_json(o, "minus", &v->bests[i].minus);
        jo_end(o);
    }
    jo_end(o);
    jo_string(o, "coherence_validity", v ? v->coherence_validity : NULL);
}

static void evaluation_json(json_out *o, const persona_evaluation *v)
{
    static const persona_interval none = {NAN, NAN, NAN};
    jo_array(o, "rows");
    for (size_t i = 0; v && i < v->n_rows; i++) {
        row_json(o, &v->rows[i]);
    }
    jo_end(o);
    bests_json(o, v);
    interval_json(o, "retained", v ? &v->retained : &none);
    swings_json(o, v);
    jo_array(o, "specificity");
    for (size_t i = 0; v && i < v->n_crosses; i++) {
        jo_object(o, NULL);
        jo_string(o, "trait", v->crosses[i].trait);
        interval_json(o, "swing", &v->crosses[i].swing);
        jo_end(o);
    }
    jo_end(o);
    witness_json(o, v ? &v->witness : NULL);
    if (v) {
        jo_bool(o, "specific", v->specific);
    } else {
        jo_null(o, "specific");
    }
}

static void samples_json(json_out *o, const persona_study *x)
{
    jo_string(o, "question", x->question);
    jo_array(o, "samples");
    for (size_t i = 0; i < x->n_samples; i++) {
        jo_object(o, NULL);
        jo_string(o, "condition", x->samples[i].condition);
        jo_number(o, "coefficient", x->samples[i].coefficient);
        jo_string(o, "text", x->samples[i].text);
        jo_end(o);
    }
    jo_end(o);
}

/* What was left out of the map, and the swing where less was. */
static void left_json(json_out *o, const persona_study *x)
{
    static const char *const conditions[] = {"leave-name", "leave-loose", "transferred"};
    const persona_study_left *l = &x->left;
    jo_object(o, "leave_out");
    jo_string(o, "judge", l->judge);
    jo_number(o, "neutral", l->judge ? l->neutral : (double)NAN);
    jo_int(o, "n_texts", (long long)l->n_texts);
    jo_int(o, "n_open", (long long)l->n_open);
    jo_bool(o, "decidable", l->decidable);
    jo_array(o, "levels");
    for (persona_leave how = PERSONA_LEAVE_NAME; l->judge && how <= PERSONA_LEAVE_STRICT; how++) {
        const persona_swing *s = persona_evaluation_swing(x->evaluation, conditions[how]);
        jo_object(o, NULL);
        jo_string(o, "leave", persona_leave_name(how));
        jo_int(o, "n_left", (long long)l->n_left[how]);
        jo_int(o, "n_leaning", (long long)(l->n_left[PERSONA_LEAVE_NAME] - l->n_left[how]));
        if (s) {
            interval_json(o, "swing", &s->swing);
        }
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
}

static void cosines_json(json_out *o, const persona_study *x)
{
    jo_array(o, "arms");
    for (size_t i = 0; i < x->n_arms; i++) {
        const persona_study_arm *a = &x->arms[i];
        jo_object(o, NULL);
        jo_string(o, "condition", a->condition);
        jo_string(o, "note", a->note[0] ? a->note : NULL);
        jo_int(o, "layer", a->vector->from.best_layer);
        jo_number(o, "dose", (double)a->vector->from.dose);
        jo_number(o, "dose_kl", (double)a->vector->from.dose_kl);
        const int b = a->vector->from.best_layer;
        const persona_vector_layer *l = b >= 0 ? &a->vector->layers[b] : NULL;
        jo_number(o, "ratio",
                  l && l->h_median > 0
                      ? (double)a->vector->from.dose * (double)l->norm / (double)l->h_median
                      : (double)NAN);
        jo_number(o, "cosine_native", a->cosine);
        jo_end(o);
    }
    jo_end(o);
    jo_object(o, "cosine_null");
    jo_int(o, "n", (long long)x->n_null_cosines);
    jo_number(o, "mean", x->null_cosine);
    jo_number(o, "max", x->null_cosine_max);
    jo_end(o);
}

/* Whether the carried direction reads the trait in the target's answers. */
static void auroc_json(json_out *o, const persona_study_auroc *a)
{
    jo_object(o, "auroc");
    jo_number(o, "value", a->area.value);
    jo_array(o, "ci");
    jo_number(o, NULL, a->area.low);
    jo_number(o, NULL, a->area.high);
    jo_end(o);
    jo_string(o, "of", a->of);
    jo_string(o, "class", a->by);
    jo_int(o, "n_shown", (long long)a->n_shown);
    jo_int(o, "n_not", (long long)a->n_not);
    jo_int(o, "n_questions", (long long)a->n_questions);
    jo_object(o, "null");
    jo_int(o, "n", (long long)a->n_null);
    jo_number(o, "mean", a->null_mean);
    jo_number(o, "sd", a->null_sd);
    jo_number(o, "max", a->null_max);
    jo_number(o, "p", a->p);
    jo_end(o);
    jo_string(o, "reason", a->reason[0] ? a->reason : NULL);
    jo_end(o);
}

void map_r2_json(json_out *o, const persona_map_r2 *question, const persona_map_r2 *trait,
                 const persona_map_r2 *both)
{
    const struct {
        const char *key;
        const persona_map_r2 *r2;
    } all[] = {{"question", question}, {"trait", trait}, {"both", both}};
    jo_object(o, "r2");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        jo_object(o, all[i].key);
        jo_number(o, "rows", all[i].r2->rows);
        jo_number(o, "contrasts", all[i].r2->contrasts);
        jo_end(o);
    }
    jo_end(o);
}

/* What intervals cover, and what each repeat did. */
static void repeats_json(json_out *o, const persona_study *x)
{
    static const char *const shown[] = {"transferred", "native", "text-bridge", "lexical"};
    jo_string(o, "interval",
              !x->evaluation      ? NULL
              : x->n_repeats == 0 ? "questions, given this vector"
                                  : "questions and repeats");
    jo_array(o, "repeats");
    for (size_t k = 0; k < x->n_repeats; k++) {
        const persona_study_repeat *r = &x->repeats[k];
        jo_object(o, NULL);
        jo_int(o, "seed", r->seed);
        jo_int(o, "layer_from", r->layer_from);
        jo_int(o, "layer_to", r->layer_to);
        jo_int(o, "n_texts", (long long)r->n_texts);
        jo_number(o, "r2_contrast", r->r2_contrast);
        jo_number(o, "dose", r->dose);
        jo_number(o, "cosine_native", r->cosine);
        jo_object(o, "swing");
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
            const persona_swing *s = persona_evaluation_swing(r->evaluation, shown[i]);
            if (s) {
                jo_number(o, shown[i], s->swing.value);
            }
        }
        jo_end(o);
        jo_number(o, "seconds", r->seconds);
        jo_end(o);
    }
    jo_end(o);
}

void study_json(json_out *o, const persona_study *x)
{
    jo_int(o, "kept", (long long)persona_study_kept(x));
    jo_int(o, "layer_from", persona_study_layer_from(x));
    jo_int(o, "layer_to", persona_study_layer_to(x));
    jo_string(o, "method", x->map.method);
    jo_string(o, "pairing", x->map.pairing);
    jo_number(o, "lambda", x->map.lambda);
    jo_int(o, "rank", x->map.rank);
    jo_int(o, "n_texts", (long long)x->map.n_texts);
    jo_int(o, "n_rows", (long long)x->map.n_rows);
    jo_int(o, "n_contrasts", (long long)x->map.n_contrasts);
    jo_number(o, "r2_heldout", x->map.r2_heldout);
    jo_number(o, "r2_contrast", x->map.r2_contrast);
    jo_number(o, "r2_shuffled", x->map.r2_shuffled);
    jo_number(o, "r2_shuffled_max", x->map.r2_shuffled_max);
    const persona_map_r2 question = {x->map.r2_heldout, x->map.r2_contrast};
    map_r2_json(o, &question, &x->map.by_trait, &x->map.by_both);
    jo_string(o, "sample", x->transferred->from.sample);
    jo_number(o, "dose", (double)x->transferred->from.dose);
    jo_string(o, "unit", isfinite(x->transferred->from.dose) ? "dose" : "raw");
    repeats_json(o, x);
    left_json(o, x);
    cosines_json(o, x);
    auroc_json(o, &x->auroc);
    evaluation_json(o, x->evaluation);
    jo_string(o, "verdict", persona_study_verdict(x));
    jo_string(o, "reason", x->evaluation ? x->evaluation->reason : NULL);
    jo_string(o, "note", x->note);
    jo_string(o, "job", x->job);
    jo_int(o, "resumed", (long long)x->n_resumed);
    samples_json(o, x);
}

void study_json_matrix(json_out *o, persona_study *const *x, size_t n)
{
    jo_array(o, "matrix");
    for (size_t i = 0; i < n; i++) {
        const persona_evaluation *v = x[i] ? x[i]->evaluation : NULL;
        for (size_t k = 0; v && k < v->n_crosses; k++) {
            jo_object(o, NULL);
            jo_string(o, "steered", v->trait);
            jo_string(o, "scored", v->crosses[k].trait);
            interval_json(o, "swing", &v->crosses[k].swing);
            jo_end(o);
        }
    }
    jo_end(o);
}
