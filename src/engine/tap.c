/* SPDX-License-Identifier: MIT
 *
 * tap.c - reading activations of one request: means (double sums), last row, all rows, or their
 * projections.
 *
 * A position is announced once (tap_position), then its row arrives block by block while the graph
 * runs (tap_row). MEAN keeps one double sum per block and segment, and one norm per position and
 * block (for medians), so memory hardly grows with the text. A segment's sum is its own; the whole
 * is their sum and that of what lies behind the last one. The last row is held until the next one
 * comes, since a call that fails is made again and then brings it once more.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"

#define MAX_ROWS ((size_t)1 << 20)

static bool keeps_rows(const tap_state *t)
{
    return t->tap.mode == PERSONA_TAP_ALL || t->tap.mode == PERSONA_TAP_PROJECT;
}

/* Which columns each block fills; PROJECT may name a block more than once. */
static persona_code index_blocks(tap_state *t, const persona_tap *tap, persona_err *e)
{
    const bool repeats = tap->mode == PERSONA_TAP_PROJECT;
    for (size_t i = 0; i < t->tap.n_blocks; i++) {
        const int b = tap->blocks == NULL ? (int)i : tap->blocks[i];
        if (b < 0 || b + repeats <= t->last_block || b > t->n_layer - 2) {
            return persona_err_set(
                e, PERSONA_E_SHAPE,
                "tap: block %d (blocks must ascend within 0..%d; the last block's "
                "rows are reduced to outputs)",
                b, t->n_layer - 2);
        }
        t->blocks[i] = b;
        t->first[b + 1]++;
        t->last_block = b;
    }
    for (int b = 0; b < t->n_layer; b++) {
        t->first[b + 1] += t->first[b];
    }
    t->tap.blocks = t->blocks;
    return PERSONA_OK;
}

static persona_code copy_axes(tap_state *t, persona_err *e)
{
    const size_t d = (size_t)t->n_embd, n = t->tap.n_blocks;
    if (t->tap.directions == NULL || t->tap.blocks == NULL || n == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "tap: a projection wants its directions and a block for each");
    }
    for (size_t i = 0; i < n; i++) {
        size_t bad;
        if (!vec_finite(t->tap.directions + i * d, d, &bad)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "tap: component %zu of direction %zu is not finite", bad, i);
        }
    }
    t->axes = mem_calloc(n, d * sizeof *t->axes);
    if (t->axes == NULL) {
        return mem_err(e, "a tap");
    }
    memcpy(t->axes, t->tap.directions, n * d * sizeof *t->axes);
    t->tap.directions = t->axes;
    t->width = 1;
    return PERSONA_OK;
}

static persona_code make_room(tap_state *t, persona_err *e)
{
    const bool mean = t->tap.mode == PERSONA_TAP_MEAN;
    const size_t n = t->tap.n_blocks, row = n * t->width, n_rows = mean ? 1 + t->tap.n_ends : 1;
    t->cap_rows = 1;
    t->rows = mem_calloc(n_rows, row * sizeof *t->rows);
    bool ok = t->rows != NULL;
    if (mean) {
        t->sum = mem_calloc(n_rows, row * sizeof *t->sum);
        t->held = mem_calloc(n, t->width * sizeof *t->held);
        t->held_row = mem_calloc(n, sizeof *t->held_row);
        t->norms = mem_calloc(n, sizeof *t->norms);
        ok = ok && t->sum != NULL && t->held != NULL && t->held_row != NULL && t->norms != NULL;
    } else if (keeps_rows(t)) {
        t->at = mem_calloc(1, sizeof *t->at);
        ok = ok && t->at != NULL;
    }
    return ok ? PERSONA_OK : mem_err(e, "a tap");
}

persona_code tap_begin(tap_state *t, const persona_tap *tap, int n_layer, int n_embd,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    memset(t, 0, sizeof *t);
    t->tap = *tap;
    t->n_layer = n_layer;
    t->n_embd = n_embd;
    t->width = (size_t)n_embd;
    t->last_block = -1;
    t->tap.n_blocks = tap->blocks == NULL ? (size_t)n_layer - 1 : tap->n_blocks;
    if (tap->mode == PERSONA_TAP_PROJECT) {
        TRY(copy_axes(t, e));
    }
    t->blocks = mem_calloc(t->tap.n_blocks, sizeof *t->blocks);
    t->first = mem_calloc((size_t)n_layer + 1, sizeof *t->first);
    if (t->blocks == NULL || t->first == NULL) {
        rc = mem_err(e, "a tap");
        goto out;
    }
    TRY(index_blocks(t, tap, e));
    for (size_t i = 1; i < tap->n_ends; i++) {
        if (tap->ends[i] < tap->ends[i - 1]) {
            rc = persona_err_set(e, PERSONA_E_SHAPE, "tap: segment %zu ends before it begins", i);
            goto out;
        }
    }
    rc = make_room(t, e);
out:
    return rc;
}

void tap_end(tap_state *t)
{
    mem_free(t->blocks);
    mem_free(t->first);
    mem_free(t->axes);
    mem_free(t->sum);
    mem_free(t->held);
    mem_free(t->held_row);
    mem_free(t->norms);
    mem_free(t->rows);
    mem_free(t->at);
    memset(t, 0, sizeof *t);
}

bool tap_wants(const tap_state *t, token_at at)
{
    switch (t->tap.span) {
    case PERSONA_SPAN_PROMPT:
        return at.pos > 0 && at.pos < at.n_prompt;
    case PERSONA_SPAN_LAST_PROMPT:
        return at.pos + 1 == at.n_prompt;
    case PERSONA_SPAN_RESPONSE:
        return at.pos >= at.n_prompt && at.class == TOKEN_ANSWER;
    }
    return false;
}

size_t tap_first_read(const tap_state *t, size_t n_prompt)
{
    switch (t->tap.span) {
    case PERSONA_SPAN_PROMPT:
        return n_prompt > 1 ? 1 : 0;
    case PERSONA_SPAN_LAST_PROMPT:
        return n_prompt - 1;
    case PERSONA_SPAN_RESPONSE:
        break;
    }
    return n_prompt;
}

/* Doubles one array of `width` items per row. */
static persona_code grow(tap_state *t, void **array, size_t width, size_t size, persona_err *e)
{
    void *grown = mem_realloc(*array, t->cap_rows * 2 * width, size);
    if (grown == NULL) {
        return mem_err(e, "captured rows");
    }
    *array = grown;
    return PERSONA_OK;
}

persona_code tap_position(tap_state *t, size_t pos, size_t *row, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool last = t->tap.mode == PERSONA_TAP_LAST;
    *row = last ? 0 : t->n_positions;
    if (t->n_positions == MAX_ROWS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "tap: more than %zu positions", MAX_ROWS);
    }
    if (!last && t->n_positions == t->cap_rows) {
        const size_t n = t->tap.n_blocks;
        void *rows = t->rows, *norms = t->norms, *at = t->at;
        if (keeps_rows(t)) {
            rc = grow(t, &rows, n * t->width, sizeof *t->rows, e);
            rc = rc == PERSONA_OK ? grow(t, &at, 1, sizeof *t->at, e) : rc;
        } else {
            rc = grow(t, &norms, n, sizeof *t->norms, e);
        }
        t->rows = rows;
        t->norms = norms;
        t->at = at;
        TRY(rc);
        t->cap_rows *= 2;
    }
    if (t->at != NULL) {
        t->at[t->n_positions] = pos;
    }
    t->n_positions++;
out:
    return rc;
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

/* The row that the column holds goes into its sum. */
static void add_held(tap_state *t, size_t column)
{
    const size_t d = (size_t)t->n_embd, n = t->tap.n_blocks;
    const float *restrict h = t->held + column * d;
    if (t->held_row[column] == 0) {
        return;
    }
    double *restrict sum = t->sum + (segment_of(t, t->held_row[column] - 1) * n + column) * d;
    for (size_t k = 0; k < d; k++) {
        sum[k] += (double)h[k];
    }
    t->held_row[column] = 0;
}

static void hold_row(tap_state *t, size_t column, size_t row, const float *restrict h)
{
    const size_t d = (size_t)t->n_embd;
    double square = 0;
    if (t->held_row[column] != row + 1) {
        add_held(t, column);
    }
    memcpy(t->held + column * d, h, d * sizeof *h);
    t->held_row[column] = row + 1;
    for (size_t k = 0; k < d; k++) {
        square += (double)h[k] * (double)h[k];
    }
    t->norms[row * t->tap.n_blocks + column] = (float)sqrt(square);
}

void tap_row(tap_state *t, int block, size_t row, const float *h)
{
    const size_t d = (size_t)t->n_embd, n = t->tap.n_blocks;
    for (size_t i = (size_t)t->first[block]; i < (size_t)t->first[block + 1]; i++) {
        switch (t->tap.mode) {
        case PERSONA_TAP_MEAN:
            hold_row(t, i, row, h);
            break;
        case PERSONA_TAP_PROJECT:
            t->rows[row * n + i] = (float)vec_dot(h, t->axes + i * d, d);
            break;
        case PERSONA_TAP_LAST:
        case PERSONA_TAP_ALL:
            memcpy(t->rows + (row * n + i) * d, h, d * sizeof *h);
            break;
        }
    }
}

/* rows from sums; may be asked again. */
static void means(tap_state *t)
{
    const size_t n = t->tap.n_blocks * (size_t)t->n_embd;
    for (size_t i = 0; i < t->tap.n_blocks; i++) {
        add_held(t, i);
    }
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
                      .width = t->width,
                      .positions = t->at,
                      .n_positions = t->n_positions};
    if (t->n_positions == 0) {
        return a;
    }
    a.n_rows = keeps_rows(t) ? t->n_positions : 1;
    if (t->tap.mode == PERSONA_TAP_MEAN) {
        a.n_rows = 1 + t->tap.n_ends;
        means(t);
    }
    return a;
}
