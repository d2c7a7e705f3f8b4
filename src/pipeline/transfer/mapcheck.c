/* SPDX-License-Identifier: MIT
 *
 * mapcheck.c - is this the model that a map was fitted on? By the hash of the file: another
 * quantization of the same model has other activations, and a map that does not know them would
 * fail quietly.
 */
#include <string.h>

#include "persona/map.h"

persona_code persona_map_check(const persona_map *m, persona_model *model, bool target,
                               persona_err *e)
{
    const persona_map_side *side = target ? &m->to : &m->from;
    const persona_model_info *info = persona_model_info_get(model);
    const char *sha = NULL;
    const persona_code rc = persona_model_sha256(model, &sha, e);
    if (rc != PERSONA_OK || strcmp(sha, side->hash) == 0) {
        return rc;
    }
    return persona_err_set(
        e, PERSONA_E_SHAPE,
        "the map was fitted %s %s (%s, sha256 %.12s), not %s %s (%.12s); use that "
        "file, or fit a map for this one with 'persona map fit'",
        target ? "for the target" : "on the source", side->name, side->arch, side->hash,
        target ? "for" : "on", info->path, sha);
}
