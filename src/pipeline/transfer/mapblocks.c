/* SPDX-License-Identifier: MIT
 *
 * mapblocks.c - block pairing: relative depth as the prior, then what a map predicts of held-out
 * contrasts beyond what a shuffled one does; steering decides among the few that are left.
 *
 * R2 alone would favor the first blocks, where both models still spell the words of the text: they
 * are easy to predict and of little use. So a deep model is read between 40 and 85 % of its depth
 * only.
 */
#include "pipeline/transfer/mapblocks.h"

#include <math.h>
#include <stdbool.h>

#define FIRST_DEPTH 0.40
#define LAST_DEPTH 0.85
#define NEAR 0.25 /* difference of relative depths that the prior allows */

size_t mapblocks_candidates(int n_layer, int *out)
{
    size_t n = 0;
    const int usable = n_layer - 2; /* 1 .. n_layer - 2 */
    if (usable <= MAPBLOCKS_MOST) {
        for (int b = 1; b <= usable; b++) {
            out[n++] = b;
        }
        return n;
    }
    const int first = (int)lround(FIRST_DEPTH * n_layer), last = (int)lround(LAST_DEPTH * n_layer);
    const int count = last - first + 1 < MAPBLOCKS_MOST ? last - first + 1 : MAPBLOCKS_MOST;
    for (int i = 0; i < count; i++) {
        const int b = first + (int)lround((double)(last - first) * i / (count - 1));
        if (n == 0 || out[n - 1] != b) {
            out[n++] = b;
        }
    }
    return n;
}

static double depth(int block, int n_layer)
{
    return (block + 1.0) / n_layer;
}

static bool near(const grid_cell *c, int n_layer_from, int n_layer_to)
{
    return fabs(depth(c->from, n_layer_from) - depth(c->to, n_layer_to)) <= NEAR;
}

size_t mapblocks_choose(const grid_cell *cells, size_t n, int n_layer_from, int n_layer_to,
                        size_t n_most, size_t *chosen)
{
    size_t n_chosen = 0;
    while (n_chosen < n_most) {
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            bool taken = !isfinite(cells[i].score) || !near(&cells[i], n_layer_from, n_layer_to);
            for (size_t k = 0; k < n_chosen; k++) {
                taken = taken || cells[chosen[k]].to == cells[i].to;
            }
            if (!taken && (best == n || cells[i].score > cells[best].score)) {
                best = i;
            }
        }
        if (best == n) {
            break;
        }
        chosen[n_chosen++] = best;
    }
    return n_chosen;
}
