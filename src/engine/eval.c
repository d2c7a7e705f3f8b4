/* SPDX-License-Identifier: MIT
 *
 * eval.c - the code that runs inside libllama's graph (cb_eval): it edits and reads the rows of the
 * nodes named l_out-b, the residual stream after block b, in qwen2 and gpt-oss alike.
 *
 * Invariants: (1) `ask` is true only for blocks that some row of this decode wants, because every
 * wanted node splits the graph. (2) Edits come before reads, so a tap sees the steered state.
 * (3) One decode call is one micro-batch, so row j of the node is row j of eval_state.rows; in the
 * last block only rows with requested logits survive, in order. A node of another size is an error,
 * never a guess. (4) Rows in host memory are changed in place; others are fetched and put back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
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
    mem_free(x->want);
    mem_free(x->scratch);
    memset(x, 0, sizeof *x);
}

void eval_prepare(eval_state *x, bool cvec)
{
    memset(x->want, 0, (size_t)x->n_layer * sizeof *x->want);
    x->err.code = PERSONA_OK;
    for (size_t r = 0; r < x->n_rows; r++) {
        eval_row *row = &x->rows[r];
        if (row->plan != NULL && cvec) {
            *row->n_edits += row->plan->n;
            row->plan = NULL;
        }
        for (size_t i = 0; row->plan != NULL && i < row->plan->n; i++) {
            if ((row->plan->steps[i].phases & row->phase) != 0) {
                x->want[row->plan->steps[i].block] = true;
            }
        }
        for (size_t i = 0; row->tap != NULL && i < row->tap->tap.n_blocks; i++) {
            x->want[row->tap->blocks[i]] = true;
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

static void process_block(eval_state *x, struct ggml_tensor *t, int block)
{
    size_t d = (size_t)x->n_embd;
    size_t n_out = 0;
    for (size_t r = 0; r < x->n_rows; r++) {
        n_out += x->rows[r].output;
    }
    bool last = block == x->n_layer - 1;
    size_t expect = last ? n_out : x->n_rows;
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
    size_t j = 0;
    for (size_t r = 0; r < x->n_rows; r++) {
        eval_row *row = &x->rows[r];
        if (last && !row->output) {
            continue;
        }
        float *h = rows + j * d;
        if (row->plan != NULL && plan_apply(row->plan, block, row->phase, h)) {
            ++*row->n_edits;
            if (copied) {
                ggml_backend_tensor_set(t, h, j * d * sizeof(float), d * sizeof(float));
            }
        }
        if (row->tap != NULL) {
            tap_row(row->tap, block, row->tap_row, h);
        }
        j++;
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
        process_block(x, t, block);
    }
    return x->err.code == PERSONA_OK && block != x->stop_block;
}
