/* SPDX-License-Identifier: MIT
 *
 * mapobject.h - what the library does to maps that programs need not.
 */
#ifndef PERSONA_CORE_MAPOBJECT_H
#define PERSONA_CORE_MAPOBJECT_H

#include "persona/map.h"

/* Block `to` becomes the best one of a mapped vector; what its map is worth follows. */
void map_stamp(const persona_map *m, int to, persona_vector *v);

/* Whether a trait is in a list with commas; NULL: an empty one. */
bool map_names_trait(const char *list, const char *trait);

#endif
