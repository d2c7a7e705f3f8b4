/* SPDX-License-Identifier: MIT
 *
 * ngrams.c - counting n-grams: one pass finds in how many texts each occurs, one fills the matrix.
 *
 * The table is open addressing over slices of the texts' words, which stay where they are. Its
 * order never shows: what it yields is sorted.
 */
#include "core/text/ngrams.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"

#define MAX_GRAMS ((size_t)16 << 20) /* in the table: 768 MB, far beyond what trains in a day */

typedef struct entry {
    uint64_t hash;
    ngram gram; /* p == NULL: free */
    uint32_t last, column;
} entry;

typedef struct counter {
    entry *entries;
    size_t n, cap; /* a power of two, at most half full */
} counter;

#define NO_COLUMN UINT32_MAX

static entry *find(entry *entries, size_t cap, uint64_t hash, const char *p, size_t len)
{
    size_t i = (size_t)hash & (cap - 1);
    while (entries[i].gram.p && (entries[i].hash != hash || entries[i].gram.len != len ||
                                 memcmp(entries[i].gram.p, p, len) != 0)) {
        i = (i + 1) & (cap - 1);
    }
    return &entries[i];
}

static bool grow(counter *c)
{
    const size_t cap = c->cap ? 2 * c->cap : 1024;
    entry *entries = mem_calloc(cap, sizeof *entries);
    if (!entries) {
        return false;
    }
    for (size_t i = 0; i < c->cap; i++) {
        const entry *x = &c->entries[i];
        if (x->gram.p) {
            *find(entries, cap, x->hash, x->gram.p, x->gram.len) = *x;
        }
    }
    mem_free(c->entries);
    c->entries = entries;
    c->cap = cap;
    return true;
}

static persona_code count_text(counter *c, const words *w, uint32_t text, size_t order,
                               persona_err *e)
{
    for (size_t i = 0; i + order <= w->n; i++) {
        size_t len = 0;
        const char *p = words_gram(w, i, order, &len);
        const uint64_t hash = hash_bytes(HASH_SEED, p, len);
        if (2 * (c->n + 1) > c->cap && !grow(c)) {
            return mem_err(e, "the n-grams of a corpus");
        }
        entry *x = find(c->entries, c->cap, hash, p, len);
        if (!x->gram.p) {
            if (c->n == MAX_GRAMS) {
                return persona_err_set(e, PERSONA_E_SHAPE,
                                       "more than %zu different n-grams (train on fewer texts, or "
                                       "on shorter n-grams)",
                                       MAX_GRAMS);
            }
            *x = (entry){.hash = hash, .gram = {.p = p, .len = len, .n_texts = 1}, .last = text};
            c->n++;
        } else if (x->last != text) {
            x->last = text;
            x->gram.n_texts++;
        }
    }
    return PERSONA_OK;
}

/* ---- columns --------------------------------------------------------------------------------- */

static int compare_bytes(const ngram *a, const ngram *b)
{
    const size_t n = a->len < b->len ? a->len : b->len;
    const int c = memcmp(a->p, b->p, n);
    return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_bytes(const void *a, const void *b)
{
    return compare_bytes(a, b);
}

static int by_texts(const void *a, const void *b)
{
    const ngram *x = a, *y = b;
    if (x->n_texts != y->n_texts) {
        return x->n_texts < y->n_texts ? 1 : -1;
    }
    return compare_bytes(x, y);
}

static bool choose_columns(counter *c, size_t min_texts, size_t max_grams, ngrams *g)
{
    size_t n = 0;
    for (size_t i = 0; i < c->cap; i++) {
        c->entries[i].column = NO_COLUMN;
        n += c->entries[i].gram.p && c->entries[i].gram.n_texts >= min_texts;
    }
    g->grams = mem_calloc(n, sizeof *g->grams);
    if (!g->grams) {
        return false;
    }
    n = 0;
    for (size_t i = 0; i < c->cap; i++) {
        if (c->entries[i].gram.p && c->entries[i].gram.n_texts >= min_texts) {
            g->grams[n++] = c->entries[i].gram;
        }
    }
    qsort(g->grams, n, sizeof *g->grams, by_texts);
    g->n = n < max_grams ? n : max_grams;
    qsort(g->grams, g->n, sizeof *g->grams, by_bytes);
    for (size_t k = 0; k < g->n; k++) {
        const ngram *x = &g->grams[k];
        find(c->entries, c->cap, hash_bytes(HASH_SEED, x->p, x->len), x->p, x->len)->column =
            (uint32_t)k;
    }
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Columns of all occurrences in a text, sorted, into list; how many. */
static size_t list_columns(const counter *c, const words *w, const int *orders, size_t n_orders,
                           uint32_t *list)
{
    size_t n = 0;
    for (size_t k = 0; k < n_orders; k++) {
        for (size_t i = 0; i + (size_t)orders[k] <= w->n; i++) {
            size_t len = 0;
            const char *p = words_gram(w, i, (size_t)orders[k], &len);
            const uint32_t column =
                find(c->entries, c->cap, hash_bytes(HASH_SEED, p, len), p, len)->column;
            if (column != NO_COLUMN) {
                list[n++] = column;
            }
        }
    }
    qsort(list, n, sizeof *list, by_number);
    return n;
}

static bool fill_rows(const counter *c, const int *orders, size_t n_orders, ngrams *g)
{
    size_t longest = 0, total = 0, used = 0;
    for (size_t i = 0; i < g->n_texts; i++) {
        longest = g->texts[i].n > longest ? g->texts[i].n : longest;
        total += g->texts[i].n * n_orders; /* each word is many bytes of memory already */
    }
    uint32_t *list = mem_calloc(longest, n_orders * sizeof *list);
    g->row = mem_calloc(g->n_texts + 1, sizeof *g->row);
    g->col = mem_calloc(total, sizeof *g->col);
    g->count = mem_calloc(total, sizeof *g->count);
    if (!list || !g->row || !g->col || !g->count) {
        mem_free(list);
        return false;
    }
    for (size_t i = 0; i < g->n_texts; i++) {
        const size_t n = list_columns(c, &g->texts[i], orders, n_orders, list);
        for (size_t k = 0; k < n; k++) {
            if (k == 0 || list[k] != list[k - 1]) {
                g->col[used] = list[k];
                g->count[used++] = 0;
            }
            g->count[used - 1]++;
        }
        g->row[i + 1] = used;
    }
    mem_free(list);
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void ngrams_clear(ngrams *g)
{
    for (size_t i = 0; i < g->n_texts; i++) {
        words_free(&g->texts[i]);
    }
    mem_free(g->texts);
    mem_free(g->grams);
    mem_free(g->row);
    mem_free(g->col);
    mem_free(g->count);
    *g = (ngrams){0};
}

persona_code ngrams_build(const char *const *texts, size_t n_texts, const int *orders,
                          size_t n_orders, size_t min_texts, size_t max_grams, ngrams *out,
                          persona_err *e)
{
    counter c = {0};
    persona_code rc = PERSONA_OK;
    *out = (ngrams){0};
    if (n_texts >= UINT32_MAX || max_grams >= NO_COLUMN) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%zu texts are too many", n_texts);
    }
    out->texts = mem_calloc(n_texts, sizeof *out->texts);
    TRY(out->texts && grow(&c) ? PERSONA_OK : mem_err(e, "the n-grams of a corpus"));
    for (size_t i = 0; i < n_texts; i++) {
        words *w = &out->texts[i];
        TRY(words_split(texts[i], w) ? PERSONA_OK : mem_err(e, "the words of a corpus"));
        out->n_texts++;
        words_trim(w);
        for (size_t k = 0; k < n_orders; k++) {
            TRY(count_text(&c, w, (uint32_t)i, (size_t)orders[k], e));
        }
    }
    if (!choose_columns(&c, min_texts, max_grams, out) || !fill_rows(&c, orders, n_orders, out)) {
        rc = mem_err(e, "the n-grams of a corpus");
    }
out:
    mem_free(c.entries);
    return rc;
}
