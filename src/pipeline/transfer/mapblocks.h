/* SPDX-License-Identifier: MIT
 *
 * mapblocks.h - which blocks of two models are worth pairing (methods 5.3, 5.4).
 */
#ifndef PERSONA_PIPELINE_MAPBLOCKS_H
#define PERSONA_PIPELINE_MAPBLOCKS_H

#include "core/map/grid.h"

enum { MAPBLOCKS_MOST = 12 }; /* per side: a grid of 12 x 12 */

/* Blocks of a model to be read, ascending: all that can be steered of a shallow one, at most
 * MAPBLOCKS_MOST between 40 and 85 % of the depth of a deep one. Returns how many. */
size_t mapblocks_candidates(int n_layer, int *out);

/* From a grid's cells (n), the pairs to fit: for each target block its best source among those of
 * like relative depth, the targets with the highest score first, at most n_most. Returns how many;
 * chosen:
 * (n_most) indices into cells. */
size_t mapblocks_choose(const grid_cell *cells, size_t n, int n_layer_from, int n_layer_to,
                        size_t n_most, size_t *chosen);

#endif
