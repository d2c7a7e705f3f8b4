/* SPDX-License-Identifier: MIT
 *
 * judge.c - a text classifier: one logistic n-gram score per trait, and a membership score for
 * coherence. Pure arithmetic on text; the file format is store/judgefile.c.
 *
 * Words: ASCII letters in lower case; a word is a maximal run of [a-z0-9'] or of bytes >= 0x80; any
 * other byte that is not white space is a word of its own. A text is kept as its words joined by
 * one space, so that every n-gram is a slice of that string and looking one up copies nothing.
 *
 *   score     = 100 sigmoid(bias + sum of weights of all n-gram occurrences / number of words)
 *   coherence = 100 (bias + pairs f2 + triples f3 + repetition r), clamped to 0..100; f2 and f3 are
 *               the shares of adjacent word pairs and triples found in a Bloom filter of the
 *               judge's corpus, r = 1 - distinct triples / triples
 *
 * Dividing by the number of words makes the score independent of length, the largest confound of
 * trait judges (methods 1.3). A text without words scores 50; under three words coherence is 0.
 */
#include "persona/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/judge_build.h"

#define MAX_AXES 256

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
} axis;

struct persona_judge {
    char *name;
    int orders[JUDGE_MAX_ORDER];
    size_t n_orders;
    axis *axes;
    size_t n_axes;
    judge_coherence coherence;
};

/* A text as words: word i is text[start[i]] .. text[end[i]). */
typedef struct words {
    char *text;
    size_t *start, *end;
    size_t n;
} words;

/* ---- words ---------------------------------------------------------------------------------- */

enum byte_class { BYTE_SPACE, BYTE_SINGLE, BYTE_ASCII_WORD, BYTE_HIGH };

static enum byte_class classify(unsigned char c)
{
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return BYTE_SPACE;
    if (c >= 0x80)
        return BYTE_HIGH;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'')
        return BYTE_ASCII_WORD;
    return BYTE_SINGLE;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void words_free(words *w)
{
    mem_free(w->text);
    mem_free(w->start);
    mem_free(w->end);
    *w = (words){0};
}

/* False: out of memory. The joined text needs at most two bytes per byte of input. */
static bool words_split(const char *text, words *w)
{
    const size_t len = strlen(text);
    size_t out = 0;
    *w = (words){0};
    if (len > SIZE_MAX / 2 - 1)
        return false;
    w->text = mem_calloc(2 * len + 1, 1);
    w->start = mem_calloc(len, sizeof *w->start);
    w->end = mem_calloc(len, sizeof *w->end);
    if (!w->text || !w->start || !w->end) {
        words_free(w);
        return false;
    }
    for (size_t i = 0; i < len;) {
        const enum byte_class kind = classify((unsigned char)text[i]);
        if (kind == BYTE_SPACE) {
            i++;
            continue;
        }
        if (w->n > 0)
            w->text[out++] = ' ';
        w->start[w->n] = out;
        do
            w->text[out++] = lower(text[i++]);
        while (kind != BYTE_SINGLE && i < len && classify((unsigned char)text[i]) == kind);
        w->end[w->n++] = out;
    }
    return true;
}

static uint64_t fnv1a(const char *p, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
    return h;
}

/* ---- table of weights ----------------------------------------------------------------------- */

/* The slot that holds the key, or the free one where it would go. cap > 0. */
static slot *slot_find(slot *slots, size_t cap, uint64_t hash, const char *key, size_t len)
{
    size_t i = (size_t)hash & (cap - 1);
    while (slots[i].key &&
           (slots[i].hash != hash || slots[i].len != len || memcmp(slots[i].key, key, len) != 0))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static bool axis_grow(axis *a)
{
    const size_t cap = a->cap ? 2 * a->cap : 64;
    slot *slots = mem_calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < a->cap; i++)
        if (a->slots[i].key)
            *slot_find(slots, cap, a->slots[i].hash, a->slots[i].key, a->slots[i].len) =
                a->slots[i];
    mem_free(a->slots);
    a->slots = slots;
    a->cap = cap;
    return true;
}

static double axis_weight(const axis *a, const char *key, size_t len)
{
    if (a->cap == 0)
        return 0;
    const slot *s = slot_find(a->slots, a->cap, fnv1a(key, len), key, len);
    return s->key ? s->weight : 0;
}

/* ---- building ------------------------------------------------------------------------------- */

persona_code judge_new(const char *name, const int *orders, size_t n, persona_judge **out,
                       persona_err *e)
{
    *out = NULL;
    if (n < 1 || n > JUDGE_MAX_ORDER)
        return persona_err_set(e, PERSONA_E_FORMAT, "%zu n-gram lengths (expected 1 to %d)", n,
                               JUDGE_MAX_ORDER);
    for (size_t i = 0; i < n; i++) {
        if (orders[i] < 1 || orders[i] > JUDGE_MAX_ORDER)
            return persona_err_set(e, PERSONA_E_FORMAT, "n-gram length %d (expected 1 to %d)",
                                   orders[i], JUDGE_MAX_ORDER);
        for (size_t k = 0; k < i; k++)
            if (orders[k] == orders[i])
                return persona_err_set(e, PERSONA_E_FORMAT, "n-gram length %d is given twice",
                                       orders[i]);
    }
    persona_judge *j = mem_calloc(1, sizeof *j);
    char *copy = mem_strdup(name);
    if (!j || !copy) {
        mem_free(j);
        mem_free(copy);
        return mem_err(e, "a judge");
    }
    j->name = copy;
    memcpy(j->orders, orders, n * sizeof *orders);
    j->n_orders = n;
    *out = j;
    return PERSONA_OK;
}

void persona_judge_free(persona_judge *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->n_axes; i++) {
        for (size_t k = 0; k < j->axes[i].cap; k++)
            mem_free(j->axes[i].slots[k].key);
        mem_free(j->axes[i].slots);
        mem_free(j->axes[i].trait);
    }
    mem_free(j->axes);
    mem_free(j->coherence.filter);
    mem_free(j->name);
    mem_free(j);
}

static const axis *axis_find(const persona_judge *j, const char *trait)
{
    for (size_t i = 0; i < j->n_axes; i++)
        if (strcmp(j->axes[i].trait, trait) == 0)
            return &j->axes[i];
    return NULL;
}

persona_code judge_add_axis(persona_judge *j, const char *trait, double bias, persona_err *e)
{
    if (axis_find(j, trait))
        return persona_err_set(e, PERSONA_E_FORMAT, "axis '%s' is given twice", trait);
    if (j->n_axes == MAX_AXES)
        return persona_err_set(e, PERSONA_E_FORMAT, "more than %d axes", MAX_AXES);
    axis *axes = mem_realloc(j->axes, j->n_axes + 1, sizeof *axes);
    if (!axes)
        return mem_err(e, "the axes of a judge");
    j->axes = axes;
    char *copy = mem_strdup(trait);
    if (!copy)
        return mem_err(e, "an axis of a judge");
    axes[j->n_axes++] = (axis){.trait = copy, .bias = bias};
    return PERSONA_OK;
}

/* Whether a text of n words can contain this n-gram as it is spelled. */
static bool can_match(const persona_judge *j, const words *w, const char *ngram)
{
    if (strcmp(w->text, ngram) != 0)
        return false;
    for (size_t i = 0; i < j->n_orders; i++)
        if ((size_t)j->orders[i] == w->n)
            return true;
    return false;
}

persona_code judge_add_weight(persona_judge *j, const char *ngram, double weight, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    axis *a = &j->axes[j->n_axes - 1];
    words w = {0};
    if (!words_split(ngram, &w)) {
        rc = mem_err(e, "a weight of a judge");
        goto out;
    }
    if (!can_match(j, &w, ngram)) {
        rc = persona_err_set(
            e, PERSONA_E_FORMAT,
            "n-gram '%.60s' can never match (expected lower-case words joined by one "
            "space, of a length listed in 'ngrams')",
            ngram);
        goto out;
    }
    if (2 * (a->n + 1) > a->cap && !axis_grow(a)) {
        rc = mem_err(e, "the weights of a judge");
        goto out;
    }
    const size_t len = strlen(ngram);
    const uint64_t hash = fnv1a(ngram, len);
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

void judge_set_coherence(persona_judge *j, const judge_coherence *c)
{
    mem_free(j->coherence.filter);
    j->coherence = *c;
}

/* ---- scoring -------------------------------------------------------------------------------- */

const char *persona_judge_name(const persona_judge *j)
{
    return j->name;
}

bool persona_judge_knows(const persona_judge *j, const char *trait)
{
    return axis_find(j, trait) != NULL;
}

static persona_code unknown_trait(const persona_judge *j, const char *trait, persona_err *e)
{
    buf known;
    buf_init(&known, 300);
    for (size_t i = 0; i < j->n_axes; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", j->axes[i].trait);
    const persona_code rc = persona_err_set(
        e, PERSONA_E_NOTFOUND, "judge '%.60s' does not know the trait '%.60s' (it knows: %s)",
        j->name, trait, buf_str(&known));
    buf_free(&known);
    return rc;
}

persona_code persona_judge_score(const persona_judge *j, const char *trait, const char *text,
                                 float *score, persona_err *e)
{
    const axis *a = axis_find(j, trait);
    words w = {0};
    double sum = 0;
    if (!a)
        return unknown_trait(j, trait, e);
    if (!words_split(text, &w))
        return mem_err(e, "the words of an answer");
    for (size_t k = 0; k < j->n_orders; k++) {
        const size_t order = (size_t)j->orders[k];
        for (size_t i = 0; i + order <= w.n; i++)
            sum += axis_weight(a, w.text + w.start[i], w.end[i + order - 1] - w.start[i]);
    }
    *score = 50;
    if (w.n > 0)
        *score = (float)(100 / (1 + exp(-(a->bias + sum / (double)w.n))));
    words_free(&w);
    return PERSONA_OK;
}

static bool filter_has(const judge_coherence *c, uint64_t h)
{
    const uint64_t a = (h & 0xffffffffu) % c->bits, b = (h >> 32) % c->bits;
    return (c->filter[a >> 3] >> (a & 7) & 1) && (c->filter[b >> 3] >> (b & 7) & 1);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* hashes: (n) of the n-grams of this order; returns the share that the filter knows. */
static double share_known(const judge_coherence *c, const words *w, size_t order, uint64_t *hashes)
{
    const size_t n = w->n - order + 1;
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        hashes[i] = fnv1a(w->text + w->start[i], w->end[i + order - 1] - w->start[i]);
        known += filter_has(c, hashes[i]);
    }
    return (double)known / (double)n;
}

/* NAN when out of memory: a number would be taken for a verdict. */
float persona_judge_coherence(const persona_judge *j, const char *text)
{
    const judge_coherence *c = &j->coherence;
    words w = {0};
    uint64_t *hashes = NULL;
    double value = (double)NAN;
    if (!words_split(text, &w))
        goto out;
    if (w.n < 3 || c->bits == 0) {
        value = 0;
        goto out;
    }
    hashes = mem_calloc(w.n, sizeof *hashes);
    if (!hashes)
        goto out;
    const double f2 = share_known(c, &w, 2, hashes), f3 = share_known(c, &w, 3, hashes);
    const size_t n = w.n - 2; /* triples; share_known left their hashes */
    size_t distinct = 1;
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (size_t i = 1; i < n; i++)
        distinct += hashes[i] != hashes[i - 1];
    const double repeated = 1 - (double)distinct / (double)n;
    value = 100 * (c->bias + c->pairs * f2 + c->triples * f3 + c->repetition * repeated);
    value = value < 0 ? 0 : value > 100 ? 100 : value;
out:
    mem_free(hashes);
    words_free(&w);
    return (float)value;
}
