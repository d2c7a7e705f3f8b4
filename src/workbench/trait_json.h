/* SPDX-License-Identifier: MIT
 *
 * trait_json.h - trait packs as JSON.
 */
#ifndef PERSONA_WORKBENCH_TRAIT_JSON_H
#define PERSONA_WORKBENCH_TRAIT_JSON_H

#include "base/json.h"
#include "persona/trait.h"

/* Members of the object that is open. path: "path" is told; full: instructions, questions and the
 * judge's prompt, too. */
void trait_json(json_out *o, const persona_trait *t, bool path, bool full);

#endif
