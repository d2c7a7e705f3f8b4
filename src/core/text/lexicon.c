/* SPDX-License-Identifier: MIT
 *
 * lexicon.c - a hash table of phrases, open addressing, at most half full.
 *
 * A phrase is stored as its words joined by one space, which is also what words.h makes of a text:
 * looking one up copies nothing.
 */
#include "core/text/lexicon.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"

typedef struct entry {
    char *phrase; /* NULL: free */
    size_t len;
    double sum;
    size_t n;
} entry;

struct lexicon {
    entry *p; /* (cap) a power of two */
    size_t n, cap;
    size_t order; /* words of the longest phrase */
};

/* ---- texts ----------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* General punctuation, U+2010 to U+205E, as ASCII. */
static char plain(const unsigned char *s)
{
    const unsigned point = 0x2000U + (unsigned)((s[1] & 0x3F) << 6) + (s[2] & 0x3F);
    if (point == 0x2018 || point == 0x2019) {
        return '\'';
    }
    return point == 0x2026 ? '.' : ' ';
}

bool lexicon_split(const char *text, words *w)
{
    const size_t n = strlen(text);
    char *copy = mem_calloc(n + 1, 1);
    size_t out = 0;
    *w = (words){0};
    if (!copy) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char *s = (const unsigned char *)text + i;
        if (s[0] == 0xE2 && utf8_sequence(s, n - i) == 3 && (s[1] == 0x80 || s[1] == 0x81)) {
            copy[out++] = plain(s);
            i += 2;
        } else {
            copy[out++] = text[i];
        }
    }
    /* An apostrophe belongs to a word only between two letters. */
    for (size_t i = 0; i < out; i++) {
        if (copy[i] == '\'' && (i == 0 || !is_alnum(copy[i - 1]) || !is_alnum(copy[i + 1]))) {
            copy[i] = ' ';
        }
    }
    const bool ok = words_split(copy, w);
    mem_free(copy);
    return ok;
}

bool lexicon_is_word(const words *w, size_t i)
{
    const unsigned char c = (unsigned char)w->text[w->start[i]];
    /* U+2000 to U+2FFF are signs, what needs four bytes is mostly a picture. */
    return is_alnum((char)c) || (c >= 0xC3 && c < 0xF0 && c != 0xE2);
}

/* ---- the table ------------------------------------------------------------------------------- */

lexicon *lexicon_new(void)
{
    return mem_calloc(1, sizeof(lexicon));
}

void lexicon_free(lexicon *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; i < l->cap; i++) {
        mem_free(l->p[i].phrase);
    }
    mem_free(l->p);
    mem_free(l);
}

size_t lexicon_size(const lexicon *l)
{
    return l->n;
}

/* Where the phrase is, or the free place for it. */
static entry *place(entry *p, size_t cap, const char *phrase, size_t len)
{
    size_t i = (size_t)hash_bytes(HASH_SEED, phrase, len) & (cap - 1);
    while (p[i].phrase && (p[i].len != len || memcmp(p[i].phrase, phrase, len) != 0)) {
        i = (i + 1) & (cap - 1);
    }
    return &p[i];
}

static persona_code grow(lexicon *l, persona_err *e)
{
    const size_t cap = l->cap ? 2 * l->cap : 64;
    entry *p = mem_calloc(cap, sizeof *p);
    if (!p) {
        return mem_err(e, "a list of words");
    }
    for (size_t i = 0; i < l->cap; i++) {
        if (l->p[i].phrase) {
            *place(p, cap, l->p[i].phrase, l->p[i].len) = l->p[i];
        }
    }
    mem_free(l->p);
    l->p = p;
    l->cap = cap;
    return PERSONA_OK;
}

persona_code lexicon_add(lexicon *l, const char *phrase, double value, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    words w;
    TRY(lexicon_split(phrase, &w) ? PERSONA_OK : mem_err(e, "a list of words"));
    if (w.n == 0 || w.n > LEXICON_ORDER) {
        TRY(persona_err_set(e, PERSONA_E_SHAPE, "\"%.60s\" has %zu words (expected 1 to %d)",
                            phrase, w.n, LEXICON_ORDER));
    }
    if (2 * (l->n + 1) > l->cap) {
        TRY(grow(l, e));
    }
    size_t len = 0;
    const char *joined = words_gram(&w, 0, w.n, &len);
    entry *to = place(l->p, l->cap, joined, len);
    if (!to->phrase) {
        to->phrase = mem_strndup(joined, len);
        TRY(to->phrase ? PERSONA_OK : mem_err(e, "a list of words"));
        to->len = len;
        l->n++;
    }
    to->sum += value;
    to->n++;
    l->order = w.n > l->order ? w.n : l->order;
out:
    words_free(&w);
    return rc;
}

size_t lexicon_match(const lexicon *l, const words *w, size_t i, double *value)
{
    size_t order = w->n - i < l->order ? w->n - i : l->order;
    for (; order > 0; order--) {
        size_t len = 0;
        const char *phrase = words_gram(w, i, order, &len);
        const entry *at = place(l->p, l->cap, phrase, len);
        if (at->phrase) {
            *value = at->sum / (double)at->n;
            return order;
        }
    }
    return 0;
}
