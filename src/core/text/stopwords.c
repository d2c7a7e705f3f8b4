/* SPDX-License-Identifier: MIT
 *
 * stopwords.c - Knuth, Morris and Pratt's automaton for every word, one step of each per byte. The
 * longest beginning of a word that the text ends with is what must be held back.
 */
#include "core/text/stopwords.h"

#include <string.h>

static size_t step(const stopwords *x, size_t w, size_t matched, unsigned char c)
{
    if (matched == x->len[w]) {
        matched = x->fall[w][matched - 1];
    }
    while (matched > 0 && x->word[w][matched] != c) {
        matched = x->fall[w][matched - 1];
    }
    return matched + (x->word[w][matched] == c);
}

persona_code stopwords_init(stopwords *x, const char *const *words, size_t n, persona_err *e)
{
    memset(x, 0, sizeof *x);
    x->found = -1;
    if (n > STOPWORDS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "%zu stop strings, at most %d are possible", n,
                               STOPWORDS_MAX);
    }
    for (size_t w = 0; w < n; w++) {
        const size_t len = strnlen(words[w], STOPWORD_MAX_BYTES + 1);
        if (len == 0 || len > STOPWORD_MAX_BYTES) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "stop string %zu does not have 1 to %d bytes", w,
                                   STOPWORD_MAX_BYTES);
        }
        memcpy(x->word[w], words[w], len);
        x->len[w] = len;
        for (size_t i = 1; i < len; i++) {
            x->fall[w][i] = (uint16_t)step(x, w, x->fall[w][i - 1], x->word[w][i]);
        }
    }
    x->n = n;
    return PERSONA_OK;
}

static void release(stopwords *x, size_t n, buf *out)
{
    buf_add(out, x->held, n);
    memmove(x->held, x->held + n, x->n_held - n);
    x->n_held -= n;
    x->at += n;
}

bool stopwords_feed(stopwords *x, const char *text, size_t len, buf *out)
{
    for (size_t i = 0; i < len && x->found < 0; i++) {
        size_t longest = 0;
        x->held[x->n_held++] = text[i];
        for (size_t w = 0; w < x->n; w++) {
            x->matched[w] = step(x, w, x->matched[w], (unsigned char)text[i]);
            longest = x->matched[w] > longest ? x->matched[w] : longest;
            if (x->matched[w] == x->len[w] &&
                (x->found < 0 || x->len[w] > x->len[(size_t)x->found])) {
                x->found = (int)w;
            }
        }
        release(x, x->n_held - (x->found < 0 ? longest : x->len[(size_t)x->found]), out);
    }
    return x->found < 0;
}

void stopwords_end(stopwords *x, buf *out)
{
    if (x->found < 0) {
        release(x, x->n_held, out);
        memset(x->matched, 0, sizeof x->matched);
    }
}
