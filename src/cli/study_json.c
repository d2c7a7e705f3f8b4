/* SPDX-License-Identifier: MIT
 *
 * study_json.c - a study as JSON: the keys that the contract names, and more beside them.
 */
#include "cli/study_print.h"

#include <math.h>
#include <string.h>

static void interval(json_out *o, const char *key, const persona_interval *x)
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
    jo_int(o, "n", (long long)r->n);
    jo_int(o, "n_unanswered", (long long)r->n_unanswered);
    jo_int(o, "n_unjudged", (long long)r->n_unjudged);
    jo_string(o, "sample", r->sample);
    jo_end(o);
}

static void evaluation_json(json_out *o, const persona_evaluation *v)
{
    static const persona_interval none = {NAN, NAN, NAN};
    const struct {
        const char *name;
        const persona_interval *x;
    } swings[] = {
        {"native", v ? &v->swing_native : &none},
        {"transferred", v ? &v->swing_transferred : &none},
        {"random", v ? &v->swing_random : &none},
        {"shuffled", v ? &v->swing_shuffled : &none},
        {"sampling", v ? &v->swing_sampling : &none},
        {"prompt", v ? &v->swing_prompt : &none},
    };
    jo_array(o, "rows");
    for (size_t i = 0; v && i < v->n_rows; i++)
        row_json(o, &v->rows[i]);
    jo_end(o);
    interval(o, "retained", v ? &v->retained : &none);
    jo_object(o, "swing");
    for (size_t i = 0; i < sizeof swings / sizeof *swings; i++)
        interval(o, swings[i].name, swings[i].x);
    jo_end(o);
    jo_object(o, "spearman");
    jo_number(o, "native", v ? v->spearman_native : none.value);
    jo_number(o, "transferred", v ? v->spearman_transferred : none.value);
    jo_end(o);
}

static void samples_json(json_out *o, const study *x)
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

void study_json(json_out *o, const study *x)
{
    jo_int(o, "kept", (long long)study_kept(x));
    jo_int(o, "layer_from", study_layer_from(x));
    jo_int(o, "layer_to", study_layer_to(x));
    jo_number(o, "lambda", x->map.lambda);
    jo_int(o, "n_texts", (long long)x->map.n_texts);
    jo_number(o, "r2_heldout", x->map.r2_heldout);
    jo_number(o, "r2_shuffled", x->map.r2_shuffled);
    jo_number(o, "dose", (double)x->transferred->from.dose);
    jo_string(o, "unit", isfinite(x->transferred->from.dose) ? "dose" : "raw");
    evaluation_json(o, x->evaluation);
    jo_string(o, "verdict", study_verdict(x));
    jo_string(o, "reason", x->evaluation ? x->evaluation->reason : NULL);
    jo_string(o, "note", x->note);
    samples_json(o, x);
}
