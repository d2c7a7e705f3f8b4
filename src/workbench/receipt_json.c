/* SPDX-License-Identifier: MIT
 *
 * receipt_json.c - what is known of a model and of a steering, as JSON (results.h).
 */
#include "workbench/results.h"

#include <math.h>

void model_json(json_out *o, const char *key, const persona_model_info *info)
{
    jo_object(o, key);
    jo_string(o, "name", info->name);
    jo_string(o, "arch", info->arch);
    jo_string(o, "path", info->path);
    jo_string(o, "quant", info->quant);
    jo_string(o, "chat", persona_chat_name(info->chat));
    jo_int(o, "n_layer", info->n_layer);
    jo_int(o, "n_embd", info->n_embd);
    jo_end(o);
}

void receipt_json(json_out *o, const persona_receipt *r, size_t n_steered, double moved)
{
    if (r == NULL) {
        jo_null(o, "steering");
        return;
    }
    jo_object(o, "steering");
    jo_string(o, "expression", r->expression);
    jo_string(o, "unit", r->unit);
    jo_array(o, "layers");
    for (size_t i = 0; i < r->n_layers; i++) {
        jo_int(o, NULL, r->layers[i]);
    }
    jo_end(o);
    jo_number(o, "delta_projection", r->delta_projection);
    jo_int(o, "n_steered", (long long)n_steered);
    jo_number(o, "moved", n_steered > 0 ? moved / (double)n_steered : (double)NAN);
    jo_string(o, "note", r->note);
    jo_end(o);
}
