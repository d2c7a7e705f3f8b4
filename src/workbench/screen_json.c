/* SPDX-License-Identifier: MIT
 *
 * screen_json.c - a screening as JSON.
 */
#include "workbench/results.h"

void screen_vectors_json(json_out *o, const persona_probes *p, const persona_screening *r)
{
    jo_array(o, "vectors");
    for (size_t k = 0; k < p->n; k++) {
        const persona_screen_vector *v = &r->vectors[k];
        jo_object(o, NULL);
        jo_string(o, "vector", p->list[k].name);
        jo_int(o, "block", p->list[k].block);
        interval_json(o, "delta_projection", &v->delta);
        jo_number(o, "limit", v->limit);
        jo_string(o, "limit_by", v->by_neutral ? "neutral" : "median");
        jo_int(o, "flagged", (long long)v->n_flagged);
        jo_end(o);
    }
    jo_end(o);
}

void screen_item_json(json_out *o, const persona_probes *p, const persona_screening *r, size_t i)
{
    for (size_t k = 0; k < p->n; k++) {
        const persona_screen_item *x = &r->items[i * p->n + k];
        jo_object(o, NULL);
        jo_int(o, "index", (long long)i);
        jo_int(o, "line", (long long)r->lines[i]);
        jo_string(o, "vector", p->list[k].name);
        jo_int(o, "block", p->list[k].block);
        jo_number(o, "delta_projection", x->delta);
        jo_number(o, "given", x->given);
        jo_number(o, "own", x->own);
        jo_number(o, "own_se", x->own_se);
        jo_bool(o, "flagged", x->flagged);
        if (x->rank > 0) {
            jo_int(o, "rank", (long long)x->rank);
        } else {
            jo_null(o, "rank");
        }
        jo_end(o);
    }
}
