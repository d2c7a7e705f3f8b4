/* SPDX-License-Identifier: MIT
 *
 * vector.c - the persona vector in memory: one block of rows, what is known per layer, provenance.
 *
 * Owns every string of the provenance (none is ever NULL) and the two arrays. Invariants kept here:
 * a present row is finite and its norm is current; an absent row is zero. Rows enter only through
 * persona_vector_set, so a value that is not a number is named where it first appears. Arithmetic
 * is core/vector/vecmath.c, files are store/vector/vecfile.c.
 */
#include "persona/vector.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"

/* Bounds well above any model (126 blocks, width 16384); they keep a hostile file from asking for
 * the whole machine. */
#define MAX_LAYERS 4098
#define MAX_WIDTH (1 << 20)
#define MAX_VALUES ((size_t)1 << 28)

/* Where the strings of a provenance are: new, clone and free walk the same table. */
static const size_t string_fields[] = {
    offsetof(persona_provenance, trait),       offsetof(persona_provenance, method),
    offsetof(persona_provenance, model_name),  offsetof(persona_provenance, model_arch),
    offsetof(persona_provenance, model_hash),  offsetof(persona_provenance, template_hash),
    offsetof(persona_provenance, judge),       offsetof(persona_provenance, library),
    offsetof(persona_provenance, parent_hash), offsetof(persona_provenance, parent_model),
    offsetof(persona_provenance, map),         offsetof(persona_provenance, verdict),
    offsetof(persona_provenance, unit),        offsetof(persona_provenance, source),
    offsetof(persona_provenance, note),        offsetof(persona_provenance, sample),
    offsetof(persona_provenance, texts),       offsetof(persona_provenance, unapplied),
};
#define N_STRINGS (sizeof string_fields / sizeof string_fields[0])

static char **string_at(persona_provenance *from, size_t i)
{
    return (char **)(void *)((unsigned char *)from + string_fields[i]);
}

static const char *string_value(const persona_provenance *from, size_t i)
{
    return *(char *const *)(const void *)((const unsigned char *)from + string_fields[i]);
}

/* Numbers of an unknown origin; the strings keep their place. */
static void numbers_unknown(persona_provenance *from)
{
    from->best_layer = -1;
    from->layer_from = -1;
    from->dose = from->dose_kl = NAN;
    from->safe_low = from->safe_high = from->promote = from->suppress = NAN;
    from->lambda = from->r2_heldout = from->r2_contrast = from->r2_shuffled = NAN;
}

persona_code persona_vector_label(char **field, const char *value, persona_err *e)
{
    char *copy = mem_strdup(value ? value : "");
    if (!copy) {
        return mem_err(e, "a label of a vector");
    }
    mem_free(*field);
    *field = copy;
    return PERSONA_OK;
}

persona_code persona_vector_new(int n_layer, int n_embd, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *v = NULL;
    *out = NULL;
    if (n_layer < 1 || n_layer > MAX_LAYERS || n_embd < 1 || n_embd > MAX_WIDTH ||
        (size_t)n_layer > MAX_VALUES / (size_t)n_embd) {
        rc =
            persona_err_set(e, PERSONA_E_SHAPE,
                            "a vector of %d layers of width %d is out of range (at most %d layers, "
                            "width %d, 2^28 values)",
                            n_layer, n_embd, MAX_LAYERS, MAX_WIDTH);
        goto out;
    }
    v = mem_calloc(1, sizeof *v);
    if (!v) {
        goto nomem;
    }
    v->n_layer = n_layer;
    v->n_embd = n_embd;
    v->data = mem_calloc((size_t)n_layer * (size_t)n_embd, sizeof *v->data);
    v->layers = mem_calloc((size_t)n_layer, sizeof *v->layers);
    if (!v->data || !v->layers) {
        goto nomem;
    }
    for (size_t i = 0; i < N_STRINGS; i++) {
        rc = persona_vector_label(string_at(&v->from, i), "", e);
        if (rc != PERSONA_OK) {
            goto out;
        }
    }
    rc = persona_vector_label(&v->from.unit, PERSONA_UNIT_RAW, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    numbers_unknown(&v->from);
    for (int b = 0; b < n_layer; b++) {
        v->layers[b] = (persona_vector_layer){.h_median = NAN,
                                              .auroc = NAN,
                                              .cohen_d = NAN,
                                              .agreement = NAN,
                                              .split_half = NAN,
                                              .split_half_sd = NAN,
                                              .n_effective = NAN,
                                              .length_cosine = NAN,
                                              .outlier_share = NAN,
                                              .dose = NAN,
                                              .neutral_mean = NAN,
                                              .neutral_sd = NAN,
                                              .token_mean = NAN,
                                              .token_sd = NAN};
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            v->layers[b].quantiles[i] = NAN;
        }
    }
    *out = v;
    v = NULL;
    goto out;
nomem:
    rc = mem_err(e, "a vector");
out:
    persona_vector_free(v);
    return rc;
}

int persona_quantile_percent(size_t i)
{
    static const int percents[PERSONA_N_QUANTILES] = {1, 5, 10, 25, 50, 75, 90, 95, 99};
    return percents[i];
}

double persona_vector_percentile(const persona_vector_layer *l, double p)
{
    for (size_t i = 0; i + 1 < PERSONA_N_QUANTILES; i++) {
        const double low = persona_quantile_percent(i), high = persona_quantile_percent(i + 1);
        if (p >= low && p <= high) {
            const double a = (double)l->quantiles[i], b = (double)l->quantiles[i + 1];
            return a + (b - a) * (p - low) / (high - low);
        }
    }
    return (double)NAN;
}

void persona_vector_free(persona_vector *v)
{
    if (!v) {
        return;
    }
    for (size_t i = 0; i < N_STRINGS; i++) {
        mem_free(*string_at(&v->from, i));
    }
    mem_free(v->layers);
    mem_free(v->data);
    mem_free(v);
}

persona_code persona_vector_clone(const persona_vector *v, persona_vector **out, persona_err *e)
{
    persona_vector *c = NULL;
    *out = NULL;
    persona_code rc = persona_vector_new(v->n_layer, v->n_embd, &c, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    for (size_t i = 0; i < N_STRINGS; i++) {
        rc = persona_vector_label(string_at(&c->from, i), string_value(&v->from, i), e);
        if (rc != PERSONA_OK) {
            goto out;
        }
    }
    /* The structure goes over as a whole, so that a new number needs no line here; then each side
     * gets its own strings back. */
    persona_provenance own = c->from;
    c->from = v->from;
    for (size_t i = 0; i < N_STRINGS; i++) {
        *string_at(&c->from, i) = *string_at(&own, i);
    }
    memcpy(c->layers, v->layers, (size_t)v->n_layer * sizeof *v->layers);
    memcpy(c->data, v->data, (size_t)v->n_layer * (size_t)v->n_embd * sizeof *v->data);
    *out = c;
    c = NULL;
out:
    persona_vector_free(c);
    return rc;
}

persona_code persona_vector_addable(const persona_vector *v, const char *name, persona_err *e)
{
    if (*v->from.unapplied == '\0') {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_FORMAT,
                           "%.200s: says %.200s, which is not applied here: directions are added "
                           "to the output of their block (make one for that with persona extract)",
                           name, v->from.unapplied);
}

const float *persona_vector_row(const persona_vector *v, int block)
{
    if (block < 0 || block >= v->n_layer) {
        return NULL;
    }
    return v->data + (size_t)block * (size_t)v->n_embd;
}

persona_code persona_vector_set(persona_vector *v, int block, const float *row, persona_err *e)
{
    const size_t width = (size_t)v->n_embd;
    size_t bad = 0;
    if (block < 0 || block >= v->n_layer) {
        return persona_err_set(e, PERSONA_E_SHAPE, "layer %d is out of range (expected 0..%d)",
                               block, v->n_layer - 1);
    }
    if (!vec_finite(row, width, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "layer %d: value %zu is not finite (%g)",
                               block, bad, (double)row[bad]);
    }
    memmove(v->data + (size_t)block * width, row, width * sizeof *row);
    v->layers[block].present = true;
    v->layers[block].norm = (float)vec_norm(row, width);
    return PERSONA_OK;
}
