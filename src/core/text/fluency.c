/* SPDX-License-Identifier: MIT
 *
 * fluency.c - how much a text repeats itself: coherence without a judge (methods 6.2).
 *
 * Over-steered text loops: words, phrases, single characters. The measures are for comparing texts
 * of like length, for every one of them falls (or grows) with length in good text too.
 *
 * Words: maximal runs of letters, digits and apostrophes (case does not count in ASCII; outside it,
 * what is not known as a sign is a letter); a Chinese or Japanese character is a word of its own,
 * for those scripts put no spaces. Everything else separates. Invalid UTF-8 counts byte for byte.
 *
 *   distinct-n      distinct runs of n words / all runs of n words
 *   longest repeat  length of the longest run of words that occurs at two places, which may overlap
 *                   ("ha ha ha": 2)
 *   redundancy      1 - cost / bytes of a coder that replaces what occurred before: a literal costs
 *                   one byte, a copy of at least 4 bytes costs 3; the candidate is the last place
 *                   with the same 4 bytes (as in LZ4). It sees "!!!!!!", which has no words
 *
 * Runs of words are compared by rank: equal runs of length L have equal ranks, and ranks of length
 * L + M come from sorting pairs (rank of L here, rank of M at L further). Doubling finds the
 * longest repeat in n log^2 n whatever the text.
 */
#include "core/text/fluency.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

#define MAX_BYTES (1u << 20)
#define MAX_LEVELS 21 /* 2^20 words at most */
#define MIN_COPY 4
#define COPY_COST 3
#define HASH_BITS 15

/* ---- words ---------------------------------------------------------------------------------- */

typedef struct word {
    const char *p;
    size_t len;
} word;

/* Bytes of the character at p (len left), its code point in *code; a bad byte is itself. */
static size_t decode(const unsigned char *p, size_t len, uint32_t *code)
{
    const size_t n = p[0] < 0xc2 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 1;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *code = p[0];
    if (n == 1 || n > len) {
        return 1;
    }
    uint32_t c = p[0] & masks[n];
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 1;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    *code = c;
    return n;
}

enum kind { SEPARATOR, LETTER, WHOLE };

/* Ranges outside ASCII that are not letters of an ordinary word; ascending. */
static const struct {
    uint32_t first, last;
    enum kind kind;
} ranges[] = {
    {0x0080, 0x00a9, SEPARATOR}, /* C1 controls, no-break space, Latin-1 signs */
    {0x00ab, 0x00b4, SEPARATOR}, /* ... around the ordinals and the micro sign */
    {0x00b6, 0x00b9, SEPARATOR}, {0x00bb, 0x00bf, SEPARATOR},
    {0x2000, 0x2018, SEPARATOR}, /* punctuation up to the apostrophe ... */
    {0x201a, 0x2bff, SEPARATOR}, /* ... and after it; currency, arrows, boxes, dingbats */
    {0x3000, 0x303f, SEPARATOR}, /* CJK punctuation */
    {0x3040, 0x30ff, WHOLE},     /* kana */
    {0x3400, 0x9fff, WHOLE},     /* CJK ideographs */
    {0xf900, 0xfaff, WHOLE},     /* compatibility ideographs */
    {0xfe00, 0xfe0f, SEPARATOR}, /* variation selectors */
    {0xfe30, 0xfe4f, SEPARATOR}, /* CJK compatibility punctuation */
    {0xff00, 0xff0f, SEPARATOR}, /* full-width punctuation */
    {0xff1a, 0xff20, SEPARATOR}, {0x1f000, 0x1faff, WHOLE}, /* emoji */
    {0x20000, 0x3ffff, WHOLE},                              /* further ideographs */
};

static enum kind kind_of(uint32_t c)
{
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '\''
                   ? LETTER
                   : SEPARATOR;
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return ranges[i].kind;
        }
    }
    return LETTER;
}

/* words (len): slices of text; returns how many. */
static size_t split(const char *text, size_t len, word *words)
{
    size_t n = 0;
    bool open = false;
    for (size_t i = 0; i < len;) {
        uint32_t code;
        const size_t size = decode((const unsigned char *)text + i, len - i, &code);
        const enum kind kind = kind_of(code);
        if (kind != SEPARATOR && (kind == WHOLE || !open)) {
            words[n++] = (word){text + i, 0};
        }
        if (kind != SEPARATOR) {
            words[n - 1].len += size;
        }
        open = kind == LETTER;
        i += size;
    }
    return n;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int by_word(const word *a, const word *b)
{
    for (size_t i = 0; i < a->len && i < b->len; i++) {
        if (lower(a->p[i]) != lower(b->p[i])) {
            return lower(a->p[i]) < lower(b->p[i]) ? -1 : 1;
        }
    }
    return (a->len > b->len) - (a->len < b->len);
}

/* ---- ranks ---------------------------------------------------------------------------------- */

typedef struct run {
    uint32_t first, second, at;
} run;

static int by_run(const void *a, const void *b)
{
    const run *x = a, *y = b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    return (x->second > y->second) - (x->second < y->second);
}

/* Ranks of the runs of length la + lb from those of la and lb; returns how many distinct ones there
 * are. n: words; out has n - la - lb + 1 ranks. out may be a or b. */
static size_t join(const uint32_t *a, size_t la, const uint32_t *b, size_t lb, size_t n, run *work,
                   uint32_t *out)
{
    if (la + lb > n) {
        return 0;
    }
    const size_t count = n - la - lb + 1;
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        work[i] = (run){a[i], b[i + la], (uint32_t)i};
    }
    qsort(work, count, sizeof *work, by_run);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && by_run(&work[i - 1], &work[i]) != 0) {
            rank++;
        }
        out[work[i].at] = rank;
    }
    return rank + 1;
}

typedef struct ranked_word {
    word w;
    size_t at;
} ranked_word;

static int by_ranked_word(const void *a, const void *b)
{
    const ranked_word *x = a, *y = b;
    return by_word(&x->w, &y->w);
}

/* ranks (n); returns how many distinct words there are, SIZE_MAX: out of memory. */
static size_t rank_words(const word *words, size_t n, uint32_t *ranks)
{
    uint32_t rank = 0;
    ranked_word *sorted = mem_calloc(n, sizeof *sorted);
    if (!sorted) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (ranked_word){words[i], i};
    }
    qsort(sorted, n, sizeof *sorted, by_ranked_word);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && by_word(&sorted[i - 1].w, &sorted[i].w) != 0) {
            rank++;
        }
        ranks[sorted[i].at] = rank;
    }
    mem_free(sorted);
    return n > 0 ? rank + 1 : 0;
}

/* Longest run that occurs twice: doubles while some run of 2^k repeats, then adds what still does,
 * from long to short. levels: ranks of 2^k words. Repeats of a length mean fewer distinct runs. */
static persona_code longest_repeat(const uint32_t *ranks, size_t n, size_t n_distinct, run *work,
                                   size_t *out, persona_err *e)
{
    uint32_t *levels[MAX_LEVELS] = {0};
    size_t top = 0, length = 1;
    persona_code rc = PERSONA_OK;
    *out = 0;
    if (n_distinct == n) {
        return PERSONA_OK;
    }
    uint32_t *now = mem_calloc(n, sizeof *now);
    for (bool repeats = true; now && repeats && top < MAX_LEVELS; top += repeats) {
        const size_t half = (size_t)1 << top >> 1;
        levels[top] = mem_calloc(n, sizeof *levels[top]);
        if (!levels[top]) {
            break;
        }
        if (top == 0) {
            memcpy(levels[0], ranks, n * sizeof *ranks);
        } else {
            repeats = join(levels[top - 1], half, levels[top - 1], half, n, work, levels[top]) +
                          2 * half <=
                      n;
        }
    }
    if (!now || !levels[top]) {
        rc = mem_err(e, "the repeats of a text");
        goto out;
    }
    /* 2^(top-1) words repeat, 2^top do not. */
    length = (size_t)1 << (top - 1);
    memcpy(now, levels[top - 1], n * sizeof *now);
    for (size_t k = top - 1; k-- > 0;) {
        const size_t more = (size_t)1 << k, longer = length + more;
        uint32_t *tried = levels[top];
        const size_t distinct = join(now, length, levels[k], more, n, work, tried);
        if (distinct == 0 || distinct + longer > n) {
            continue;
        }
        memcpy(now, tried, n * sizeof *now);
        length = longer;
    }
    *out = length;
out:
    for (size_t k = 0; k < MAX_LEVELS; k++) {
        mem_free(levels[k]);
    }
    mem_free(now);
    return rc;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static size_t hash_four(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const uint32_t x =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return x * 2654435761u >> (32 - HASH_BITS);
}

/* See the top of the file. A hash collision hides a candidate and can do no other harm. */
static persona_code measure_redundancy(const char *text, size_t len, double *out, persona_err *e)
{
    size_t cost = 0;
    *out = (double)NAN;
    if (len == 0) {
        return PERSONA_OK;
    }
    uint32_t *last = mem_calloc((size_t)1 << HASH_BITS, sizeof *last); /* place + 1; 0: none */
    if (!last) {
        return mem_err(e, "the redundancy of a text");
    }
    for (size_t i = 0; i < len;) {
        size_t copy = 0, step = 1;
        if (len - i >= MIN_COPY) {
            const size_t from = last[hash_four(text + i)];
            while (from > 0 && i + copy < len && text[from - 1 + copy] == text[i + copy]) {
                copy++;
            }
        }
        if (copy >= MIN_COPY) {
            step = copy;
        }
        cost += copy >= MIN_COPY ? COPY_COST : 1;
        for (; step > 0; step--, i++) {
            if (len - i >= MIN_COPY) {
                last[hash_four(text + i)] = (uint32_t)i + 1;
            }
        }
    }
    mem_free(last);
    *out = 1 - (double)cost / (double)len;
    return PERSONA_OK;
}

persona_code fluency_measure(const char *text, fluency *out, persona_err *e)
{
    const size_t len = strlen(text);
    *out = (fluency){.distinct2 = (double)NAN, .distinct3 = (double)NAN, .redundancy = (double)NAN};
    if (len > MAX_BYTES) {
        return persona_err_set(e, PERSONA_E_SHAPE, "a text of %zu bytes (at most %u)", len,
                               MAX_BYTES);
    }
    word *words = mem_calloc(len, sizeof *words);
    uint32_t *ranks = mem_calloc(len, sizeof *ranks), *pairs = mem_calloc(len, sizeof *pairs);
    run *work = mem_calloc(len, sizeof *work);
    persona_code rc = PERSONA_OK;
    if (!words || !ranks || !pairs || !work) {
        rc = mem_err(e, "the words of a text");
        goto out;
    }
    const size_t n = split(text, len, words), n_distinct = rank_words(words, n, ranks);
    out->n_words = n;
    if (n_distinct == SIZE_MAX) {
        rc = mem_err(e, "the words of a text");
        goto out;
    }
    if (n >= 2) {
        out->distinct2 = (double)join(ranks, 1, ranks, 1, n, work, pairs) / (double)(n - 1);
    }
    if (n >= 3) {
        out->distinct3 = (double)join(pairs, 2, ranks, 1, n, work, pairs) / (double)(n - 2);
    }
    TRY(longest_repeat(ranks, n, n_distinct, work, &out->longest_repeat, e));
    TRY(measure_redundancy(text, len, &out->redundancy, e));
out:
    mem_free(work);
    mem_free(pairs);
    mem_free(ranks);
    mem_free(words);
    return rc;
}
