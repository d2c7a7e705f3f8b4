/* SPDX-License-Identifier: MIT
 *
 * gram_json.c - the joint groups of a steering as JSON (results.h).
 */
#include "workbench/results.h"

static void put_gram(json_out *o, const persona_receipt_gram *g)
{
    jo_object(o, NULL);
    jo_int(o, "layer", g->block);
    jo_array(o, "vectors");
    for (size_t i = 0; i < g->n; i++) {
        jo_string(o, NULL, g->names[i]);
    }
    jo_end(o);
    jo_array(o, "cosines");
    for (size_t i = 0; i < g->n; i++) {
        jo_array(o, NULL);
        for (size_t k = 0; k < g->n; k++) {
            jo_number(o, NULL, g->cosines[i * g->n + k]);
        }
        jo_end(o);
    }
    jo_end(o);
    jo_number(o, "condition", g->condition);
    jo_end(o);
}

void grams_json(json_out *o, const persona_receipt *r)
{
    if (r->n_grams == 0) {
        return;
    }
    jo_array(o, "joint");
    for (size_t i = 0; i < r->n_grams; i++) {
        put_gram(o, &r->grams[i]);
    }
    jo_end(o);
}
