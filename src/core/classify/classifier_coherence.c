/* SPDX-License-Identifier: MIT
 *
 * classifier_coherence.c - what makes a text read like the corpus, learned from the corpus itself.
 *
 * The filter of a classifier holds every pair and triple of adjacent words, so the texts it was
 * made from would all look perfect. What a text is worth to readers who have not seen it is
 * therefore measured without its own group (its question): a pair counts as known only if another
 * group has it. Each text is compared with a damaged version of itself (some words replaced by
 * others of the corpus, a stretch shuffled or repeated, or all of it), whose target is the share
 * left whole; pairs, triples and repetition get their weights by least squares.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/classify/classifier_train.h"
#include "core/classify/folds.h"
#include "core/measure/stats.h"
#include "core/text/words.h"

enum { MIN_TEXTS = 20, MAX_TEXTS = 8000, N_FEATURES = 4, LOOP = 6 };
#define MIN_BITS (UINT64_C(1) << 13)
#define MAX_BITS (UINT64_C(1) << 27)
#define BITS_PER_GRAM 16 /* two bits set: one in seventy strange n-grams looks known */
#define TEXT_MAX ((size_t)256 << 20)

/* Who says an n-gram: 1 + its group, 0: free, MANY: several groups. */
typedef struct sayer {
    uint64_t hash;
    size_t by;
} sayer;
static const size_t MANY = SIZE_MAX;

typedef struct corpus {
    words *texts; /* (n) */
    size_t *group;
    size_t n;
    sayer *table;
    size_t n_grams, cap; /* cap: a power of two, at most half full */
} corpus;

/* ---- who says what --------------------------------------------------------------------------- */

static sayer *find(sayer *table, size_t cap, uint64_t hash)
{
    size_t i = (size_t)(hash ^ hash >> 32) & (cap - 1);
    while (table[i].by != 0 && table[i].hash != hash) {
        i = (i + 1) & (cap - 1);
    }
    return &table[i];
}

static bool grow(corpus *c)
{
    const size_t cap = c->cap ? 2 * c->cap : 4096;
    sayer *table = mem_calloc(cap, sizeof *table);
    if (!table) {
        return false;
    }
    for (size_t i = 0; i < c->cap; i++) {
        if (c->table[i].by != 0) {
            *find(table, cap, c->table[i].hash) = c->table[i];
        }
    }
    mem_free(c->table);
    c->table = table;
    c->cap = cap;
    return true;
}

static bool learn(corpus *c, size_t text)
{
    const words *w = &c->texts[text];
    for (size_t order = 2; order <= 3; order++) {
        for (size_t i = 0; i + order <= w->n; i++) {
            size_t len = 0;
            const char *p = words_gram(w, i, order, &len);
            const uint64_t hash = hash_bytes(HASH_SEED, p, len);
            if (2 * (c->n_grams + 1) > c->cap && !grow(c)) {
                return false;
            }
            sayer *s = find(c->table, c->cap, hash);
            c->n_grams += s->by == 0;
            s->hash = hash;
            if (s->by == 0) {
                s->by = 1 + c->group[text];
            } else if (s->by != 1 + c->group[text]) {
                s->by = MANY;
            }
        }
    }
    return true;
}

static void corpus_clear(corpus *c)
{
    for (size_t i = 0; i < c->n; i++) {
        words_free(&c->texts[i]);
    }
    mem_free(c->texts);
    mem_free(c->group);
    mem_free(c->table);
}

/* Texts of fewer than three words have no coherence and are left out. */
static persona_code corpus_build(const train_text *texts, size_t n, corpus *c, persona_err *e)
{
    const char **questions = mem_calloc(n, sizeof *questions);
    bool ok = questions != NULL;
    c->texts = mem_calloc(n, sizeof *c->texts);
    c->group = mem_calloc(n, sizeof *c->group);
    ok = ok && c->texts && c->group && grow(c);
    for (size_t i = 0; ok && i < n; i++) {
        words *w = &c->texts[c->n];
        ok = words_split(texts[i].text, w);
        if (ok && w->n < 3) {
            words_free(w);
        } else if (ok) {
            words_trim(w);
            questions[c->n++] = texts[i].question;
        }
    }
    ok = ok && (c->n == 0 || folds_group(questions, c->n, c->group) > 0);
    for (size_t i = 0; ok && i < c->n; i++) {
        ok = learn(c, i);
    }
    mem_free(questions);
    if (!ok) {
        return mem_err(e, "the n-grams of a corpus");
    }
    if (c->n < MIN_TEXTS) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%zu texts of three and more words (at least %d are needed to learn "
                               "what is coherent)",
                               c->n, MIN_TEXTS);
    }
    return PERSONA_OK;
}

/* ---- features -------------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* 1, f2, f3, r as classifier.c defines them, for a text of this group; hashes: room for (w->n). */
static void features(const corpus *c, const words *w, size_t group, uint64_t *hashes,
                     double out[N_FEATURES])
{
    out[0] = 1;
    for (size_t order = 2; order <= 3; order++) {
        size_t known = 0;
        for (size_t i = 0; i + order <= w->n; i++) {
            size_t len = 0;
            const char *p = words_gram(w, i, order, &len);
            hashes[i] = hash_bytes(HASH_SEED, p, len);
            const sayer *s = find(c->table, c->cap, hashes[i]);
            known += s->by != 0 && s->by != 1 + group;
        }
        out[order - 1] = (double)known / (double)(w->n - order + 1);
    }
    const size_t n = w->n - 2;
    size_t distinct = 1;
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (size_t i = 1; i < n; i++) {
        distinct += hashes[i] != hashes[i - 1];
    }
    out[3] = 1 - (double)distinct / (double)n;
}

/* ---- damage ---------------------------------------------------------------------------------- */

enum damage { REPLACE, SHUFFLE, REPEAT };
#define N_DAMAGES 3

/* A word as (text, index); texts of the corpus do not move. */
typedef struct place {
    const words *of;
    size_t at;
} place;

static place random_word(const corpus *c, rng *r)
{
    const words *w = &c->texts[rng_below(r, (uint32_t)c->n)];
    return (place){w, rng_below(r, (uint32_t)w->n)};
}

/* Damages `n` of the words of list (len), 1 <= n <= len. Returns how many cannot be read any
 * more. */
static size_t damage(const corpus *c, rng *r, enum damage how, place *list, size_t len, size_t n)
{
    assert(n >= 1 && n <= len);
    const size_t start = rng_below(r, (uint32_t)(len - n + 1));
    if (how == REPLACE) {
        for (size_t i = 0; i < n; i++) {
            list[start + i] = random_word(c, r);
        }
        return n;
    }
    if (how == SHUFFLE) {
        for (size_t i = n; i > 1; i--) {
            const size_t j = rng_below(r, (uint32_t)i);
            const place x = list[start + i - 1];
            list[start + i - 1] = list[start + j];
            list[start + j] = x;
        }
        return n > 2 ? n : 0;
    }
    /* REPEAT: the end of the text is what stood before it, again and again */
    const size_t head = len - n, period = (size_t)1 + rng_below(r, LOOP);
    const size_t from = head > period ? head - period : 0;
    const size_t width = head > from ? head - from : period < len ? period : len;
    for (size_t i = 0; i < n; i++) {
        list[head + i] = list[from + i % width];
    }
    return n > width ? n - width : 0;
}

/* Text i with a share of its words damaged, as words. False: out of memory. */
static bool damaged(const corpus *c, size_t i, rng *r, enum damage how, double share, words *out,
                    double *whole)
{
    const words *w = &c->texts[i];
    size_t n = (size_t)(share * (double)w->n);
    place *list = mem_calloc(w->n, sizeof *list);
    buf text;
    buf_init(&text, TEXT_MAX);
    if (!list) {
        return false;
    }
    n = n < 1 ? 1 : n > w->n ? w->n : n;
    for (size_t k = 0; k < w->n; k++) {
        list[k] = (place){w, k};
    }
    *whole = 1 - (double)damage(c, r, how, list, w->n, n) / (double)w->n;
    for (size_t k = 0; k < w->n; k++) {
        size_t len = 0;
        const char *p = words_gram(list[k].of, list[k].at, 1, &len);
        buf_add(&text, p, len);
        buf_putc(&text, ' ');
    }
    const bool ok = text.failed == PERSONA_OK && words_split(text.p, out);
    buf_free(&text);
    mem_free(list);
    return ok;
}

/* ---- least squares --------------------------------------------------------------------------- */

typedef struct squares {
    double xx[N_FEATURES * N_FEATURES], xy[N_FEATURES];
} squares;

static void add_row(squares *s, const double x[N_FEATURES], double y)
{
    for (size_t i = 0; i < N_FEATURES; i++) {
        for (size_t j = 0; j < N_FEATURES; j++) {
            s->xx[i * N_FEATURES + j] += x[i] * x[j];
        }
        s->xy[i] += x[i] * y;
    }
}

/* Room for one text's hashes and features of a damaged version. */
static bool damaged_features(const corpus *c, size_t i, rng *r, enum damage how, double share,
                             uint64_t *hashes, double x[N_FEATURES], double *whole)
{
    words w = {0};
    if (!damaged(c, i, r, how, share, &w, whole)) {
        return false;
    }
    features(c, &w, c->group[i], hashes, x);
    words_free(&w);
    return true;
}

static persona_code fit(const corpus *c, size_t step, uint32_t seed, uint64_t *hashes,
                        coherence_model *m, persona_err *e)
{
    squares s = {{0}, {0}};
    rng r;
    rng_seed(&r, seed, 2);
    for (size_t i = 0; i < c->n; i += step) {
        double x[N_FEATURES], whole = 0;
        features(c, &c->texts[i], c->group[i], hashes, x);
        add_row(&s, x, 1);
        for (int how = REPLACE; how < N_DAMAGES; how++) {
            const double share = rng_unit(&r) < 0.25 ? 1 : rng_unit(&r);
            if (!damaged_features(c, i, &r, (enum damage)how, share, hashes, x, &whole)) {
                return mem_err(e, "a damaged text");
            }
            add_row(&s, x, whole);
        }
    }
    const persona_code rc = linalg_solve_spd(s.xx, N_FEATURES, 1e-6 * (double)c->n, s.xy, 1, e);
    m->bias = round(s.xy[0] * 1e4) / 1e4;
    m->pairs = round(s.xy[1] * 1e4) / 1e4;
    m->triples = round(s.xy[2] * 1e4) / 1e4;
    m->repetition = round(s.xy[3] * 1e4) / 1e4;
    return rc;
}

/* ---- report and filter ----------------------------------------------------------------------- */

static double coherence_of(const coherence_model *m, const double x[N_FEATURES])
{
    const double y = m->bias + m->pairs * x[1] + m->triples * x[2] + m->repetition * x[3];
    return 100 * fmin(fmax(y, 0), 1);
}

static persona_code measure(const corpus *c, size_t step, uint32_t seed, uint64_t *hashes,
                            const coherence_model *m, coherence_report *out, persona_err *e)
{
    const size_t n = (c->n + step - 1) / step;
    double *clean = mem_calloc(n, (1 + N_DAMAGES) * sizeof *clean);
    rng r;
    if (!clean) {
        return mem_err(e, "the report of a training");
    }
    rng_seed(&r, seed, 3);
    for (size_t k = 0; k < n; k++) {
        double x[N_FEATURES], ignored = 0;
        const size_t i = k * step;
        features(c, &c->texts[i], c->group[i], hashes, x);
        clean[k] = coherence_of(m, x);
        for (int how = REPLACE; how < N_DAMAGES; how++) {
            const words *w = &c->texts[i];
            const double share = how == REPEAT && w->n > LOOP ? 1 - LOOP / (double)w->n : 1;
            if (!damaged_features(c, i, &r, (enum damage)how, share, hashes, x, &ignored)) {
                mem_free(clean);
                return mem_err(e, "a damaged text");
            }
            clean[(1 + (size_t)how) * n + k] = coherence_of(m, x);
        }
    }
    const double *shuffled = clean + (1 + SHUFFLE) * n;
    *out = (coherence_report){.n = c->n,
                              .n_grams = c->n_grams,
                              .clean = stat_mean(clean, n),
                              .clean_p5 = stat_quantile(clean, n, 0.05),
                              .shuffled = stat_mean(shuffled, n),
                              .replaced = stat_mean(clean + (1 + REPLACE) * n, n),
                              .looped = stat_mean(clean + (1 + REPEAT) * n, n),
                              .auroc = stat_auroc(clean, n, shuffled, n)};
    mem_free(clean);
    return PERSONA_OK;
}

static persona_code fill_filter(const corpus *c, coherence_model *m, persona_err *e)
{
    m->bits = MIN_BITS;
    while (m->bits < MAX_BITS && m->bits / BITS_PER_GRAM < c->n_grams) {
        m->bits *= 2;
    }
    m->filter = mem_calloc((size_t)(m->bits / 8), 1);
    if (!m->filter) {
        return mem_err(e, "the filter of a classifier");
    }
    for (size_t i = 0; i < c->cap; i++) {
        if (c->table[i].by == 0) {
            continue;
        }
        const uint64_t h = c->table[i].hash;
        const uint64_t at[2] = {(h & 0xffffffffU) % m->bits, (h >> 32) % m->bits};
        for (size_t k = 0; k < 2; k++) {
            m->filter[at[k] >> 3] = (unsigned char)(m->filter[at[k] >> 3] | 1U << (at[k] & 7));
        }
    }
    return PERSONA_OK;
}

persona_code train_coherence(const train_text *texts, size_t n, uint32_t seed, coherence_model *out,
                             coherence_report *report, persona_err *e)
{
    corpus c = {0};
    uint64_t *hashes = NULL;
    size_t longest = 0;
    *out = (coherence_model){0};
    *report = (coherence_report){0};
    persona_code rc = PERSONA_OK;
    TRY(corpus_build(texts, n, &c, e));
    const size_t step = 1 + (c.n - 1) / MAX_TEXTS;
    for (size_t i = 0; i < c.n; i++) {
        longest = c.texts[i].n > longest ? c.texts[i].n : longest;
    }
    hashes = mem_calloc(longest, sizeof *hashes);
    if (!hashes || longest > UINT32_MAX || c.n > UINT32_MAX) {
        rc = mem_err(e, "the texts of a training");
        goto out;
    }
    TRY(fit(&c, step, seed, hashes, out, e));
    TRY(measure(&c, step, seed, hashes, out, report, e));
    TRY(fill_filter(&c, out, e));
out:
    mem_free(hashes);
    corpus_clear(&c);
    return rc;
}
