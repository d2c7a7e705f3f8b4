/* SPDX-License-Identifier: MIT
 *
 * classifier.c - a text classifier: one logistic n-gram score per trait, and a membership score for
 * coherence. Pure arithmetic on words (words.h); the file format is
 * store/classifier/classifierfile.c.
 *
 *   score     = 100 sigmoid(bias + sum of weights of all n-gram occurrences / number of words)
 *   coherence = 100 (bias + pairs f2 + triples f3 + repetition r), clamped to 0..100; f2 and f3 are
 *               the shares of adjacent word pairs and triples found in a Bloom filter of the
 *               classifier's corpus, r = 1 - distinct triples / triples
 *
 * Dividing by the number of words makes the score independent of length, the largest confound of
 * trait judges (methods 1.3). A text without words scores what an answer without the trait does, 50
 * or 0; under three words coherence is 0.
 */
#include "core/classify/classifier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/text/words.h"

#define MAX_AXES 256
static const axis_facts UNKNOWN = {.neutral = 50, .spearman = NAN, .same_side = NAN};

/* Open addressing, capacity a power of two, at most half full. key == NULL: free. */
typedef struct slot {
    uint64_t hash;
    char *key;
    size_t len;
    double weight;
} slot;

typedef struct axis {
    char *trait;
    double bias;
    slot *slots;
    size_t n, cap;
    axis_facts facts;
} axis;

struct classifier {
    char *name;
    int orders[CLASSIFIER_MAX_ORDER];
    size_t n_orders;
    axis *axes;
    size_t n_axes;
    coherence_model coherence;
    classifier_origin origin;
};

/* ---- table of weights ----------------------------------------------------------------------- */

/* The slot that holds the key, or the free one where it would go. cap > 0. */
static slot *slot_find(slot *slots, size_t cap, uint64_t hash, const char *key, size_t len)
{
    size_t i = (size_t)hash & (cap - 1);
    while (slots[i].key &&
           (slots[i].hash != hash || slots[i].len != len || memcmp(slots[i].key, key, len) != 0)) {
        i = (i + 1) & (cap - 1);
    }
    return &slots[i];
}

static bool axis_grow(axis *a)
{
    const size_t cap = a->cap ? 2 * a->cap : 64;
    slot *slots = mem_calloc(cap, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < a->cap; i++) {
        if (a->slots[i].key) {
            *slot_find(slots, cap, a->slots[i].hash, a->slots[i].key, a->slots[i].len) =
                a->slots[i];
        }
    }
    mem_free(a->slots);
    a->slots = slots;
    a->cap = cap;
    return true;
}

static double axis_weight(const axis *a, const char *key, size_t len)
{
    if (a->cap == 0) {
        return 0;
    }
    const slot *s = slot_find(a->slots, a->cap, hash_bytes(HASH_SEED, key, len), key, len);
    return s->key ? s->weight : 0;
}

/* ---- building ------------------------------------------------------------------------------- */

persona_code classifier_new(const char *name, const int *orders, size_t n, classifier **out,
                            persona_err *e)
{
    *out = NULL;
    if (n < 1 || n > CLASSIFIER_MAX_ORDER) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%zu n-gram lengths (expected 1 to %d)", n,
                               CLASSIFIER_MAX_ORDER);
    }
    for (size_t i = 0; i < n; i++) {
        if (orders[i] < 1 || orders[i] > CLASSIFIER_MAX_ORDER) {
            return persona_err_set(e, PERSONA_E_FORMAT, "n-gram length %d (expected 1 to %d)",
                                   orders[i], CLASSIFIER_MAX_ORDER);
        }
        for (size_t k = 0; k < i; k++) {
            if (orders[k] == orders[i]) {
                return persona_err_set(e, PERSONA_E_FORMAT, "n-gram length %d is given twice",
                                       orders[i]);
            }
        }
    }
    classifier *c = mem_calloc(1, sizeof *c);
    char *copy = mem_strdup(name);
    if (!c || !copy) {
        mem_free(c);
        mem_free(copy);
        return mem_err(e, "a classifier");
    }
    c->name = copy;
    memcpy(c->orders, orders, n * sizeof *orders);
    c->n_orders = n;
    *out = c;
    return PERSONA_OK;
}

void classifier_free(classifier *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->n_axes; i++) {
        for (size_t k = 0; k < c->axes[i].cap; k++) {
            mem_free(c->axes[i].slots[k].key);
        }
        mem_free(c->axes[i].slots);
        mem_free(c->axes[i].trait);
    }
    mem_free(c->axes);
    mem_free(c->coherence.filter);
    mem_free(c->origin.texts);
    mem_free(c->name);
    mem_free(c);
}

static const axis *axis_find(const classifier *c, const char *trait)
{
    for (size_t i = 0; i < c->n_axes; i++) {
        if (strcmp(c->axes[i].trait, trait) == 0) {
            return &c->axes[i];
        }
    }
    return NULL;
}

persona_code classifier_add_axis(classifier *c, const char *trait, double bias, persona_err *e)
{
    if (axis_find(c, trait)) {
        return persona_err_set(e, PERSONA_E_FORMAT, "axis '%s' is given twice", trait);
    }
    if (c->n_axes == MAX_AXES) {
        return persona_err_set(e, PERSONA_E_FORMAT, "more than %d axes", MAX_AXES);
    }
    axis *axes = mem_realloc(c->axes, c->n_axes + 1, sizeof *axes);
    if (!axes) {
        return mem_err(e, "the axes of a classifier");
    }
    c->axes = axes;
    char *copy = mem_strdup(trait);
    if (!copy) {
        return mem_err(e, "an axis of a classifier");
    }
    axes[c->n_axes++] = (axis){.trait = copy, .bias = bias, .facts = UNKNOWN};
    return PERSONA_OK;
}

/* Whether a text of n words can contain this n-gram as it is spelled. */
static bool can_match(const classifier *c, const words *w, const char *ngram)
{
    if (strcmp(w->text, ngram) != 0) {
        return false;
    }
    for (size_t i = 0; i < c->n_orders; i++) {
        if ((size_t)c->orders[i] == w->n) {
            return true;
        }
    }
    return false;
}

persona_code classifier_add_weight(classifier *c, const char *ngram, double weight, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    axis *a = &c->axes[c->n_axes - 1];
    words w = {0};
    if (!words_split(ngram, &w)) {
        rc = mem_err(e, "a weight of a classifier");
        goto out;
    }
    if (!can_match(c, &w, ngram)) {
        rc = persona_err_set(
            e, PERSONA_E_FORMAT,
            "n-gram '%.60s' can never match (expected lower-case words joined by one "
            "space, of a length listed in 'ngrams')",
            ngram);
        goto out;
    }
    if (2 * (a->n + 1) > a->cap && !axis_grow(a)) {
        rc = mem_err(e, "the weights of a classifier");
        goto out;
    }
    const size_t len = strlen(ngram);
    const uint64_t hash = hash_bytes(HASH_SEED, ngram, len);
    slot *s = slot_find(a->slots, a->cap, hash, ngram, len);
    if (s->key) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "n-gram '%.60s' is given twice", ngram);
        goto out;
    }
    *s = (slot){.hash = hash, .key = w.text, .len = len, .weight = weight};
    w.text = NULL;
    a->n++;
out:
    words_free(&w);
    return rc;
}

void classifier_set_facts(classifier *c, const axis_facts *f)
{
    c->axes[c->n_axes - 1].facts = *f;
}

void classifier_set_origin(classifier *c, const classifier_origin *o)
{
    mem_free(c->origin.texts);
    c->origin = *o;
}

void classifier_set_coherence(classifier *c, const coherence_model *m)
{
    mem_free(c->coherence.filter);
    c->coherence = *m;
}

/* ---- scoring -------------------------------------------------------------------------------- */

const char *classifier_name(const classifier *c)
{
    return c->name;
}

const classifier_origin *classifier_origin_of(const classifier *c)
{
    return &c->origin;
}

const axis_facts *classifier_facts(const classifier *c, const char *trait)
{
    const axis *a = axis_find(c, trait);
    return a ? &a->facts : NULL;
}

bool classifier_knows(const classifier *c, const char *trait)
{
    return axis_find(c, trait) != NULL;
}

char *classifier_axes(const classifier *c)
{
    buf known;
    buf_init(&known, 1 << 16);
    buf_puts(&known, "");
    for (size_t i = 0; i < c->n_axes; i++) {
        buf_printf(&known, "%s%s", i ? ", " : "", c->axes[i].trait);
    }
    return buf_take(&known);
}

static persona_code unknown_trait(const classifier *c, const char *trait, persona_err *e)
{
    char *known = classifier_axes(c);
    const persona_code rc =
        persona_err_set(e, PERSONA_E_UNAVAILABLE,
                        "judge '%.60s' does not know the trait '%.60s' (it knows: %.300s)", c->name,
                        trait, known ? known : "");
    mem_free(known);
    return rc;
}

persona_code classifier_score(const classifier *c, const char *trait, const char *text,
                              float *score, persona_err *e)
{
    const axis *a = axis_find(c, trait);
    words w = {0};
    double sum = 0;
    if (!a) {
        return unknown_trait(c, trait, e);
    }
    if (!words_split(text, &w)) {
        return mem_err(e, "the words of an answer");
    }
    for (size_t k = 0; k < c->n_orders; k++) {
        const size_t order = (size_t)c->orders[k];
        for (size_t i = 0; i + order <= w.n; i++) {
            sum += axis_weight(a, w.text + w.start[i], w.end[i + order - 1] - w.start[i]);
        }
    }
    *score = (float)a->facts.neutral;
    if (w.n > 0) {
        *score = (float)(100 / (1 + exp(-(a->bias + sum / (double)w.n))));
    }
    words_free(&w);
    return PERSONA_OK;
}

static bool filter_has(const coherence_model *m, uint64_t h)
{
    const uint64_t a = (h & 0xffffffffu) % m->bits, b = (h >> 32) % m->bits;
    return (m->filter[a >> 3] >> (a & 7) & 1) && (m->filter[b >> 3] >> (b & 7) & 1);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* hashes: (n) of the n-grams of this order; returns the share that the filter knows. */
static double share_known(const coherence_model *m, const words *w, size_t order, uint64_t *hashes)
{
    const size_t n = w->n - order + 1;
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        hashes[i] =
            hash_bytes(HASH_SEED, w->text + w->start[i], w->end[i + order - 1] - w->start[i]);
        known += filter_has(m, hashes[i]);
    }
    return (double)known / (double)n;
}

persona_code classifier_coherence(const classifier *c, const char *text, float *out, persona_err *e)
{
    const coherence_model *m = &c->coherence;
    persona_code rc = PERSONA_OK;
    words w = {0};
    uint64_t *hashes = NULL;
    if (!words_split(text, &w)) {
        rc = mem_err(e, "the words of an answer");
        goto out;
    }
    *out = 0;
    if (w.n < 3 || m->bits == 0) {
        goto out;
    }
    hashes = mem_calloc(w.n, sizeof *hashes);
    if (!hashes) {
        rc = mem_err(e, "the words of an answer");
        goto out;
    }
    const double f2 = share_known(m, &w, 2, hashes), f3 = share_known(m, &w, 3, hashes);
    const size_t n = w.n - 2; /* triples; share_known left their hashes */
    size_t distinct = 1;
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (size_t i = 1; i < n; i++) {
        distinct += hashes[i] != hashes[i - 1];
    }
    const double repeated = 1 - (double)distinct / (double)n;
    const double value =
        100 * (m->bias + m->pairs * f2 + m->triples * f3 + m->repetition * repeated);
    *out = (float)(value < 0 ? 0 : value > 100 ? 100 : value);
out:
    mem_free(hashes);
    words_free(&w);
    return rc;
}
