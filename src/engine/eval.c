/* SPDX-License-Identifier: MIT
 *
 * eval.c - the code that runs inside libllama's graph (cb_eval): it edits and reads the rows of the
 * nodes named l_out-b, the residual stream after block b, in qwen2 and gpt-oss alike.
 *
 * Invariants: (1) `ask` is true only for blocks that some row of this decode wants, because every
 * wanted node splits the graph. (2) Taps see a row after its edits, those that say so before them.
 * (3) One decode call is one micro-batch, so row j of the node is row j of eval_state.rows; in the
 * last block only rows with requested logits survive, in order. A node of another size is an error,
 * never a guess. (4) Rows in host memory are changed in place; of others the node is fetched once
 * and each run of edited rows put back at once. (5) Nobody is called back from here: what taps read
 * lies in their own memory and is handed out after the decode.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"

persona_code eval_init(eval_state *x, int n_layer, int n_embd, size_t max_rows, persona_err *e)
{
    memset(x, 0, sizeof *x);
    x->n_layer = n_layer;
    x->n_embd = n_embd;
    x->cap_rows = max_rows;
    x->stop_block = -1;
    x->rows = mem_calloc(max_rows, sizeof *x->rows);
    x->want = mem_calloc((size_t)n_layer, sizeof *x->want);
    if (x->rows == NULL || x->want == NULL) {
        return mem_err(e, "the evaluation state");
    }
    return PERSONA_OK;
}

void eval_free(eval_state *x)
{
    mem_free(x->rows);
    mem_free(x->reads);
    mem_free(x->want);
    mem_free(x->scratch);
    memset(x, 0, sizeof *x);
}

void eval_clear(eval_state *x)
{
    x->n_rows = 0;
    x->n_reads = 0;
}

static persona_code add_read(eval_state *x, tap_state *tap, size_t pos, persona_err *e)
{
    if (x->n_reads == x->cap_reads) {
        const size_t cap = x->cap_reads == 0 ? 64 : x->cap_reads * 2;
        eval_read *grown = mem_realloc(x->reads, cap, sizeof *grown);
        if (grown == NULL) {
            return mem_err(e, "the evaluation state");
        }
        x->reads = grown;
        x->cap_reads = cap;
    }
    eval_read *r = &x->reads[x->n_reads];
    persona_code rc = tap_position(tap, pos, &r->row, e);
    if (rc == PERSONA_OK) {
        r->tap = tap;
        x->n_reads++;
    }
    return rc;
}

persona_code eval_add(eval_state *x, const eval_row *row, token_at at, tap_state *taps,
                      size_t n_taps, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    eval_row *to = &x->rows[x->n_rows];
    *to = *row;
    to->first_read = x->n_reads;
    for (size_t i = 0; i < n_taps; i++) {
        if (tap_wants(&taps[i], at)) {
            TRY(add_read(x, &taps[i], at.pos, e));
        }
    }
    to->n_reads = x->n_reads - to->first_read;
    x->n_rows++;
out:
    return rc;
}

void eval_prepare(eval_state *x, bool cvec)
{
    memset(x->want, 0, (size_t)x->n_layer * sizeof *x->want);
    x->err.code = PERSONA_OK;
    for (size_t r = 0; r < x->n_rows; r++) {
        eval_row *row = &x->rows[r];
        if (row->plan != NULL && cvec) {
            plan_tally_cvec(row->plan, row->memory, row->tally);
            row->plan = NULL;
            row->edited = true;
        }
        for (int b = 0; row->plan != NULL && b < x->n_layer; b++) {
            x->want[b] = x->want[b] || plan_wants(row->plan, b, &row->at, row->memory);
        }
    }
    for (size_t r = 0; r < x->n_reads; r++) {
        const persona_tap *tap = &x->reads[r].tap->tap;
        for (size_t i = 0; i < tap->n_blocks; i++) {
            x->want[tap->blocks[i]] = true;
        }
    }
}

/* Block number of a node named l_out-b, else -1. */
static int block_of(const char *name)
{
    if (strncmp(name, "l_out-", 6) != 0) {
        return -1;
    }
    char *end;
    long b = strtol(name + 6, &end, 10);
    return *end == '\0' && b >= 0 && b < 4096 ? (int)b : -1;
}

/* Host pointer to the node's rows: the tensor itself or a copy. NULL on failure. */
static float *map_rows(eval_state *x, struct ggml_tensor *t, bool *copied)
{
    size_t n = (size_t)t->ne[0] * (size_t)t->ne[1];
    const struct ggml_tensor *owner = t->view_src != NULL ? t->view_src : t;
    *copied = x->no_host || !ggml_backend_buffer_is_host(owner->buffer);
    if (!*copied) {
        return t->data;
    }
    if (n > x->scratch_n) {
        float *grown = mem_realloc(x->scratch, n, sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        x->scratch = grown;
        x->scratch_n = n;
    }
    ggml_backend_tensor_get(t, x->scratch, 0, n * sizeof(float));
    return x->scratch;
}

static void read_row(eval_state *x, const eval_row *row, int block, bool before, const float *h)
{
    for (size_t i = 0; i < row->n_reads; i++) {
        const eval_read *read = &x->reads[row->first_read + i];
        if (read->tap->tap.before_edits == before) {
            tap_row(read->tap, block, read->row, h);
        }
    }
}

/* Reads and edits one row; true if it was edited. */
static bool process_row(eval_state *x, eval_row *row, int block, float *h)
{
    read_row(x, row, block, true, h);
    const bool edited =
        row->plan != NULL && plan_apply(row->plan, block, &row->at, row->memory, row->tally, h);
    row->edited = row->edited || edited;
    read_row(x, row, block, false, h);
    return edited;
}

/* Puts the rows first .. end-1 of a copy back. */
static void put_back(const eval_state *x, struct ggml_tensor *t, size_t first, size_t end)
{
    const size_t size = (size_t)x->n_embd * sizeof(float);
    ggml_backend_tensor_set(t, x->scratch + first * (size_t)x->n_embd, first * size,
                            (end - first) * size);
}

/* Rows of the node: those of the batch, in the last block only the outputs among them. */
static size_t expected_rows(const eval_state *x, bool last)
{
    size_t n_out = 0;
    for (size_t r = 0; r < x->n_rows; r++) {
        n_out += x->rows[r].output;
    }
    return last ? n_out : x->n_rows;
}

static void process_block(eval_state *x, struct ggml_tensor *t, int block)
{
    const size_t d = (size_t)x->n_embd;
    const bool last = block == x->n_layer - 1;
    const size_t expect = expected_rows(x, last);
    if (t->type != GGML_TYPE_F32 || (size_t)t->ne[0] != d || (size_t)t->ne[1] != expect ||
        !ggml_is_contiguous(t)) {
        persona_err_set(&x->err, PERSONA_E_INTERNAL,
                        "node %s has shape (%lld, %lld), expected (%zu, %zu) float32", t->name,
                        (long long)t->ne[0], (long long)t->ne[1], d, expect);
        return;
    }
    if (expect == 0) {
        return;
    }
    bool copied;
    float *rows = map_rows(x, t, &copied);
    if (rows == NULL) {
        persona_err_set(&x->err, PERSONA_E_NOMEM, "out of memory reading node %s", t->name);
        return;
    }
    size_t j = 0, edited = 0; /* rows j - edited .. j - 1 are edited and not yet put back */
    for (size_t r = 0; r < x->n_rows; r++) {
        if (last && !x->rows[r].output) {
            continue;
        }
        if (process_row(x, &x->rows[r], block, rows + j * d)) {
            edited++;
        } else if (edited > 0) {
            if (copied) {
                put_back(x, t, j - edited, j);
            }
            edited = 0;
        }
        j++;
    }
    if (copied && edited > 0) {
        put_back(x, t, j - edited, j);
    }
}

bool eval_callback(struct ggml_tensor *t, bool ask, void *ud)
{
    eval_state *x = ud;
    int block = block_of(t->name);
    bool wanted = block >= 0 && block < x->n_layer && x->want[block];
    if (ask) {
        return wanted;
    }
    if (!wanted) {
        return true;
    }
    if (x->err.code == PERSONA_OK) {
        const double begun = clock_now();
        process_block(x, t, block);
        x->seconds += clock_now() - begun;
    }
    return x->err.code == PERSONA_OK && block != x->stop_block;
}
