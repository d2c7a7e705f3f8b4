/* SPDX-License-Identifier: MIT
 *
 * witness_json.c - what else is known of the scores, as JSON.
 */
#include "workbench/results.h"

#include <math.h>

void row_panel_json(json_out *o, const persona_row *r)
{
    jo_object(o, "panel");
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        jo_number(o, persona_panel_name(d), r->panel[d]);
    }
    jo_end(o);
}

static void panel_json(json_out *o, const persona_witness *w)
{
    jo_array(o, "panel");
    for (persona_panel_dim d = 0; w && d < PERSONA_PANEL_DIMS; d++) {
        const persona_panel_effect *p = &w->panel[d];
        jo_object(o, NULL);
        jo_string(o, "dimension", persona_panel_name(d));
        jo_string(o, "unit", persona_panel_unit(d));
        jo_string(o, "list", persona_panel_list(d));
        jo_bool(o, "counted", p->counted);
        jo_int(o, "n", (long long)p->n);
        interval_json(o, "spearman", &p->spearman);
        jo_object(o, "swing");
        interval_json(o, "transferred", &p->swing);
        interval_json(o, "native", &p->of_native);
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
}

void witness_json(json_out *o, const persona_witness *w)
{
    panel_json(o, w);
    if (!w) {
        jo_null(o, "length");
        jo_null(o, "second_judge");
        jo_null(o, "neutral");
        jo_null(o, "caution");
        return;
    }
    jo_object(o, "length");
    interval_json(o, "swing", &w->length.swing);
    interval_json(o, "beside", &w->length.beside);
    jo_bool(o, "explains", w->length.explains);
    jo_end(o);
    if (*w->second.name) {
        jo_object(o, "second_judge");
        jo_string(o, "judge", w->second.name);
        jo_int(o, "n", (long long)w->second.n);
        interval_json(o, "spearman", &w->second.spearman);
        jo_number(o, "same_side", w->second.same_side);
        interval_json(o, "difference", &w->second.difference);
        jo_end(o);
    } else {
        jo_null(o, "second_judge");
    }
    jo_object(o, "neutral");
    jo_number(o, "judge", w->neutral.neutral);
    jo_int(o, "n", (long long)w->neutral.n);
    interval_json(o, "shift", &w->neutral.shift);
    jo_end(o);
    jo_string(o, "caution", w->caution);
}
