/* SPDX-License-Identifier: MIT
 *
 * lens.c - directions through the output norm and the output matrix (persona/lens.h): one pass over
 * the matrix for all blocks, ROWS tokens at a time, of which only the strongest are kept.
 */
#include "persona/lens.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/unembed.h"

#define ROWS ((size_t)256)

typedef struct lens_work {
    const persona_model *m;
    persona_lens *x;
    unembed u;
    float *axes;        /* (n_layers, d): g * v/||v|| * sqrt(d) */
    float *rows;        /* (ROWS, d) */
    float *products;    /* (ROWS, n_layers) */
    double *sum, *sum2; /* (n_layers) */
    size_t n_held;      /* of the lists */
} lens_work;

static persona_code count_blocks(lens_work *w, const persona_vector *v, size_t top, persona_err *e)
{
    persona_lens *x = w->x;
    const int d = w->m->info.n_embd;
    if (v->n_embd != d) {
        return persona_err_set(e, PERSONA_E_SHAPE, "the vector is %d wide, the model %s is %d",
                               v->n_embd, w->m->info.name, d);
    }
    x->layers = mem_calloc((size_t)v->n_layer, sizeof *x->layers);
    if (x->layers == NULL) {
        return mem_err(e, "blocks");
    }
    x->n = top;
    for (int b = 0; b < v->n_layer; b++) {
        if (!v->layers[b].present || !(v->layers[b].norm > 0)) {
            continue;
        }
        persona_lens_layer *l = &x->layers[x->n_layers++];
        l->block = b;
        l->promoted = mem_calloc(top, sizeof *l->promoted);
        l->suppressed = mem_calloc(top, sizeof *l->suppressed);
        if (l->promoted == NULL || l->suppressed == NULL) {
            return mem_err(e, "tokens");
        }
    }
    return x->n_layers > 0 ? PERSONA_OK
                           : persona_err_set(e, PERSONA_E_SHAPE, "the vector holds no direction");
}

static persona_code make_axes(lens_work *w, const persona_vector *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t d = (size_t)v->n_embd, n = w->x->n_layers;
    w->axes = mem_calloc(n, d * sizeof *w->axes);
    w->rows = mem_calloc(ROWS, d * sizeof *w->rows);
    w->products = mem_calloc(ROWS, n * sizeof *w->products);
    w->sum = mem_calloc(n, sizeof *w->sum);
    w->sum2 = mem_calloc(n, sizeof *w->sum2);
    TRY(w->axes && w->rows && w->products && w->sum && w->sum2 ? PERSONA_OK
                                                               : mem_err(e, "a matrix"));
    TRY(unembed_rows(&w->u.norm, 0, 1, w->rows, e));
    for (size_t k = 0; k < n; k++) {
        const float *row = persona_vector_row(v, w->x->layers[k].block);
        const double scale = sqrt((double)d) / vec_norm(row, d);
        double mean = 0;
        for (size_t i = 0; i < d && w->u.centers; i++) {
            mean += (double)row[i] / (double)d;
        }
        for (size_t i = 0; i < d; i++) {
            w->axes[k * d + i] = (float)(((double)row[i] - mean) * scale * (double)w->rows[i]);
        }
    }
out:
    return rc;
}

/* Keeps the list's strongest, sign +1 for the highest, -1 for the lowest. */
static void offer(persona_lens_token *list, size_t n_held, size_t top, persona_token id, float x,
                  float sign)
{
    size_t at = n_held < top ? n_held : top;
    while (at > 0 && sign * x > sign * list[at - 1].logit) {
        if (at < top) {
            list[at] = list[at - 1];
        }
        at--;
    }
    if (at < top) {
        list[at] = (persona_lens_token){id, x};
    }
}

static bool is_left_out(const persona_model *m, size_t t)
{
    const unsigned attr = (unsigned)llama_vocab_get_attr(m->vocab, (llama_token)t);
    if ((attr & LLAMA_TOKEN_ATTR_USER_DEFINED) != 0) { /* markup that libllama calls text */
        const char *text = llama_vocab_get_text(m->vocab, (llama_token)t);
        const control_token *c = control_at(&m->controls, text, strlen(text));
        return c != NULL && c->id == (llama_token)t;
    }
    return (attr &
            (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_UNUSED)) != 0;
}

static void take_token(lens_work *w, size_t t, const float *x)
{
    for (size_t k = 0; k < w->x->n_layers; k++) {
        const persona_lens_layer *l = &w->x->layers[k];
        offer(l->promoted, w->n_held, w->x->n, (persona_token)t, x[k], 1);
        offer(l->suppressed, w->n_held, w->x->n, (persona_token)t, x[k], -1);
        w->sum[k] += (double)x[k];
        w->sum2[k] += (double)x[k] * (double)x[k];
    }
    w->n_held += w->n_held < w->x->n;
    w->x->n_tokens++;
}

static persona_code look_through(lens_work *w, const persona_cancel *cancel, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const unembed_tensor *t = &w->u.matrix;
    const size_t n_vocab = (size_t)w->m->info.n_vocab, n = w->x->n_layers;
    const size_t n_rows = t->n_rows < n_vocab ? t->n_rows : n_vocab;
    for (size_t first = 0; first < n_rows; first += ROWS) {
        const size_t count = n_rows - first < ROWS ? n_rows - first : ROWS;
        if (persona_canceled(cancel)) {
            rc = persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
            goto out;
        }
        TRY(unembed_rows(t, first, count, w->rows, e));
        linalg_gemm_single(w->rows, false, w->axes, true, w->products, count, t->width, n);
        for (size_t i = 0; i < count; i++) {
            if (is_left_out(w->m, first + i)) {
                w->x->n_left_out++;
            } else {
                take_token(w, first + i, w->products + i * n);
            }
        }
    }
out:
    return rc;
}

/* Less the mean, which changes no probability. */
static void center(lens_work *w)
{
    persona_lens *x = w->x;
    const double n = (double)x->n_tokens;
    x->n = x->n_tokens < x->n ? x->n_tokens : x->n;
    for (size_t k = 0; k < x->n_layers; k++) {
        const double mean = w->sum[k] / n;
        x->layers[k].sd = sqrt(fmax(0, w->sum2[k] / n - mean * mean));
        for (size_t i = 0; i < x->n; i++) {
            x->layers[k].promoted[i].logit -= (float)mean;
            x->layers[k].suppressed[i].logit -= (float)mean;
        }
    }
}

persona_code persona_vector_explain(const persona_model *m, const persona_vector *v, size_t top,
                                    const persona_cancel *cancel, persona_lens **out,
                                    persona_err *e)
{
    persona_code rc = PERSONA_OK;
    lens_work w = {.m = m, .x = mem_calloc(1, sizeof(persona_lens))};
    *out = NULL;
    TRY(w.x != NULL ? PERSONA_OK : mem_err(e, "a lens"));
    TRY(count_blocks(&w, v, top > 0 ? top : 1, e));
    TRY(unembed_open(m, &w.u, e));
    TRY(make_axes(&w, v, e));
    TRY(look_through(&w, cancel, e));
    center(&w);
    w.x->matrix = w.u.matrix.name;
    *out = w.x;
    w.x = NULL;
out:
    persona_lens_free(w.x);
    unembed_close(&w.u);
    mem_free(w.axes);
    mem_free(w.rows);
    mem_free(w.products);
    mem_free(w.sum);
    mem_free(w.sum2);
    return rc;
}

void persona_lens_free(persona_lens *x)
{
    if (x == NULL) {
        return;
    }
    for (size_t k = 0; k < x->n_layers; k++) {
        mem_free(x->layers[k].promoted);
        mem_free(x->layers[k].suppressed);
    }
    mem_free(x->layers);
    mem_free(x);
}
