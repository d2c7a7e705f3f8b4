/* SPDX-License-Identifier: MIT
 *
 * trait_json.c - trait packs as JSON (trait_json.h).
 */
#include "workbench/trait_json.h"

void trait_json(json_out *o, const persona_trait *t, bool path, bool full)
{
    jo_string(o, "name", t->name);
    jo_string(o, "positive", t->positive);
    jo_string(o, "negative", t->negative);
    jo_string(o, "description", t->description);
    jo_int(o, "n_instructions", (long long)t->n_pairs);
    jo_int(o, "n_questions", (long long)t->n_questions);
    if (path) {
        jo_string(o, "path", t->path);
    }
    if (!full) {
        return;
    }
    jo_array(o, "instructions");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(o, NULL);
        jo_string(o, "positive", t->pairs[i].pos);
        jo_string(o, "negative", t->pairs[i].neg);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "questions");
    for (size_t i = 0; i < t->n_questions; i++) {
        jo_string(o, NULL, t->questions[i]);
    }
    jo_end(o);
    jo_string(o, "eval_prompt", t->eval_prompt);
}
