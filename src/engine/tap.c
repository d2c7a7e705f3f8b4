/* SPDX-License-Identifier: MIT
 *
 * tap.c - reading activations of one request: means (double sums), last row, or all rows.
 *
 * A position is announced once (tap_position), then its row arrives block by block while the graph
 * runs (tap_row). MEAN keeps one double sum per block and segment, and one norm per position and
 * block (for medians), so memory hardly grows with the text. A segment's sum is its own; the whole
 * is their sum and that of what lies behind the last one.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"

#define MAX_ROWS ((size_t)1 << 20)

persona_code tap_begin(tap_state *t, const persona_tap *tap, int n_layer, int n_embd,
                       persona_err *e)
{
    memset(t, 0, sizeof *t);
    t->tap = *tap;
    t->n_layer = n_layer;
    t->n_embd = n_embd;
    t->last_block = -1;
    size_t n = tap->blocks == NULL ? (size_t)n_layer - 1 : tap->n_blocks;
    t->tap.n_blocks = n;
    t->blocks = mem_calloc(n, sizeof *t->blocks);
    t->index = mem_calloc((size_t)n_layer, sizeof *t->index);
    if (t->blocks == NULL || t->index == NULL) {
        return mem_err(e, "a tap");
    }
    for (int b = 0; b < n_layer; b++) {
        t->index[b] = -1;
    }
    for (size_t i = 0; i < n; i++) {
        int b = tap->blocks == NULL ? (int)i : tap->blocks[i];
        if (b <= t->last_block || b > n_layer - 2) {
            return persona_err_set(
                e, PERSONA_E_SHAPE,
                "tap: block %d (blocks must ascend within 0..%d; the last block's "
                "rows are reduced to outputs)",
                b, n_layer - 2);
        }
        t->blocks[i] = b;
        t->index[b] = (int)i;
        t->last_block = b;
    }
    t->tap.blocks = t->blocks;
    bool mean = tap->mode == PERSONA_TAP_MEAN;
    size_t row = n * (size_t)n_embd, n_rows = mean ? 1 + tap->n_ends : 1;
    for (size_t i = 1; i < tap->n_ends; i++) {
        if (tap->ends[i] < tap->ends[i - 1]) {
            return persona_err_set(e, PERSONA_E_SHAPE, "tap: segment %zu ends before it begins", i);
        }
    }
    t->cap_rows = 1;
    t->rows = mem_calloc(n_rows, row * sizeof *t->rows);
    if (mean) {
        t->sum = mem_calloc(n_rows, row * sizeof *t->sum);
        t->norms = mem_calloc(n, sizeof *t->norms);
    }
    if (t->rows == NULL || (mean && (t->sum == NULL || t->norms == NULL))) {
        return mem_err(e, "a tap");
    }
    return PERSONA_OK;
}

void tap_end(tap_state *t)
{
    mem_free(t->blocks);
    mem_free(t->index);
    mem_free(t->sum);
    mem_free(t->norms);
    mem_free(t->rows);
    memset(t, 0, sizeof *t);
}

persona_code tap_position(tap_state *t, size_t *row, persona_err *e)
{
    *row = t->tap.mode == PERSONA_TAP_LAST ? 0 : t->n_positions;
    if (t->n_positions == MAX_ROWS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "tap: more than %zu positions", MAX_ROWS);
    }
    if (t->tap.mode != PERSONA_TAP_LAST && t->n_positions == t->cap_rows) {
        bool all = t->tap.mode == PERSONA_TAP_ALL;
        float **grows = all ? &t->rows : &t->norms;
        size_t width = t->tap.n_blocks * (all ? (size_t)t->n_embd : 1);
        float *grown = mem_realloc(*grows, t->cap_rows * 2 * width, sizeof *grown);
        if (grown == NULL) {
            return mem_err(e, "captured rows");
        }
        *grows = grown;
        t->cap_rows *= 2;
    }
    t->n_positions++;
    return PERSONA_OK;
}

/* 1 + the segment of a position; 0: in none. */
static size_t segment_of(const tap_state *t, size_t position)
{
    for (size_t s = 0; s < t->tap.n_ends; s++) {
        if (position < t->tap.ends[s]) {
            return 1 + s;
        }
    }
    return 0;
}

void tap_row(tap_state *t, int block, size_t row, const float *restrict h)
{
    int i = t->index[block];
    if (i < 0) {
        return;
    }
    size_t d = (size_t)t->n_embd;
    if (t->tap.mode == PERSONA_TAP_MEAN) {
        double *restrict sum = t->sum + (segment_of(t, row) * t->tap.n_blocks + (size_t)i) * d;
        double square = 0;
        for (size_t k = 0; k < d; k++) {
            sum[k] += (double)h[k];
            square += (double)h[k] * (double)h[k];
        }
        t->norms[row * t->tap.n_blocks + (size_t)i] = (float)sqrt(square);
        return;
    }
    memcpy(t->rows + (row * t->tap.n_blocks + (size_t)i) * d, h, d * sizeof *h);
}

/* rows from sums; may be asked again. */
static void means(tap_state *t)
{
    const size_t n = t->tap.n_blocks * (size_t)t->n_embd;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t s = 0; s <= t->tap.n_ends; s++) {
            sum += t->sum[s * n + k];
        }
        t->rows[k] = (float)(sum / (double)t->n_positions);
    }
    for (size_t s = 0; s < t->tap.n_ends; s++) {
        const size_t first = s > 0 ? t->tap.ends[s - 1] : 0;
        const size_t end = t->tap.ends[s] < t->n_positions ? t->tap.ends[s] : t->n_positions;
        for (size_t k = 0; k < n && end > first; k++) {
            t->rows[(1 + s) * n + k] = (float)(t->sum[(1 + s) * n + k] / (double)(end - first));
        }
    }
}

persona_acts tap_acts(tap_state *t)
{
    persona_acts a = {.data = t->rows,
                      .norms = t->norms,
                      .blocks = t->blocks,
                      .n_blocks = t->tap.n_blocks,
                      .n_embd = (size_t)t->n_embd,
                      .n_positions = t->n_positions};
    if (t->n_positions == 0) {
        return a;
    }
    a.n_rows = t->tap.mode == PERSONA_TAP_ALL ? t->n_positions : 1;
    if (t->tap.mode == PERSONA_TAP_MEAN) {
        a.n_rows = 1 + t->tap.n_ends;
        means(t);
    }
    return a;
}
