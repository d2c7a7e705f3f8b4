/* SPDX-License-Identifier: MIT
 *
 * sweep_json.c - a sweep as JSON: the keys that the contract names, and more beside them.
 */
#include "workbench/results.h"

#include <math.h>

static void range_json(json_out *o, const char *key, double low, double high)
{
    jo_array(o, key);
    jo_number(o, NULL, low);
    jo_number(o, NULL, high);
    jo_end(o);
}

static void point_json(json_out *o, const persona_sweep_point *p)
{
    jo_object(o, NULL);
    jo_string(o, "condition", p->condition);
    jo_string(o, "operator", p->op);
    jo_string(o, "phase", p->phase);
    if (p->block >= 0) {
        jo_int(o, "layer", p->block);
    } else {
        jo_null(o, "layer");
    }
    jo_number(o, "coefficient", p->coefficient);
    jo_number(o, "score", p->score.value);
    range_json(o, "ci", p->score.low, p->score.high);
    interval_json(o, "shift", &p->shift);
    if (p->n_thoughts > 0) {
        interval_json(o, "thoughts", &p->thoughts);
        jo_int(o, "n_thoughts", (long long)p->n_thoughts);
    }
    jo_number(o, "coherence", p->coherence);
    jo_number(o, "coherence_sd", p->coherence_sd);
    jo_number(o, "kl", p->kl);
    jo_number(o, "kl_p95", p->kl_p95);
    jo_number(o, "nll", p->nll);
    jo_number(o, "repetition", p->repetition);
    jo_number(o, "tokens", p->tokens);
    jo_int(o, "n", (long long)p->n);
    jo_int(o, "n_unanswered", (long long)p->n_unanswered);
    jo_int(o, "n_unjudged", (long long)p->n_unjudged);
    jo_int(o, "n_prompt", (long long)p->n_prompt);
    jo_string(o, "text", p->sample);
    jo_end(o);
}

static void curve_json(json_out *o, const persona_sweep_curve *c)
{
    jo_object(o, NULL);
    jo_string(o, "operator", c->op);
    jo_string(o, "phase", c->phase);
    jo_int(o, "layer", c->block);
    jo_number(o, "agreement", c->agreement);
    jo_number(o, "spearman", c->spearman);
    jo_number(o, "anti_steered", c->anti_steered);
    jo_int(o, "n_sloped", (long long)c->n_sloped);
    range_json(o, "safe", c->low, c->high);
    jo_number(o, "promote", c->promote);
    jo_number(o, "suppress", c->suppress);
    jo_end(o);
}

void sweep_json(json_out *o, const persona_sweep *x)
{
    jo_string(o, "trait", x->trait);
    jo_string(o, "unit", x->unit);
    jo_string(o, "question", x->question);
    jo_int(o, "n_questions", (long long)x->n_questions);
    jo_array(o, "points");
    for (size_t i = 0; i < x->n_points; i++) {
        point_json(o, &x->points[i]);
    }
    jo_end(o);
    jo_number(o, "spearman", x->n_curves > 0 ? x->curves[0].spearman : (double)NAN);
    jo_number(o, "coherence_from", x->coherence_from);
    jo_array(o, "curves");
    for (size_t i = 0; i < x->n_curves; i++) {
        curve_json(o, &x->curves[i]);
    }
    jo_end(o);
    jo_int(o, "n_resumed", (long long)x->n_resumed);
}
