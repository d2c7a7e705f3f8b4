/* SPDX-License-Identifier: MIT
 *
 * stopwords.h - finds the strings that end a reply in a text that comes piece by piece, and holds
 * back what may become one of them.
 */
#ifndef PERSONA_CORE_STOPWORDS_H
#define PERSONA_CORE_STOPWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define STOPWORDS_MAX 16
#define STOPWORD_MAX_BYTES 256

typedef struct stopwords {
    size_t n, len[STOPWORDS_MAX];
    unsigned char word[STOPWORDS_MAX][STOPWORD_MAX_BYTES];
    uint16_t fall[STOPWORDS_MAX][STOPWORD_MAX_BYTES]; /* where a match of k+1 bytes falls back to */
    size_t matched[STOPWORDS_MAX];
    char held[STOPWORD_MAX_BYTES];
    size_t n_held;
    size_t at; /* bytes released; once one was found, where in the text it begins */
    int found; /* its index; -1: none yet */
} stopwords;

/* At most STOPWORDS_MAX words (none is fine) of 1 to STOPWORD_MAX_BYTES bytes, copied. Errors:
 * USAGE. */
PERSONA_CHECK persona_code stopwords_init(stopwords *x, const char *const *words, size_t n,
                                          persona_err *e);
/* The next piece; what cannot belong to a word any more is appended to out: whole code points, if
 * words and pieces are such. False: a word has been found, which ended first (of those that end in
 * the same place the longest), and all before it is out; more pieces do nothing. */
bool stopwords_feed(stopwords *x, const char *text, size_t len, buf *out);
/* The text ends here: what was held back is text after all. */
void stopwords_end(stopwords *x, buf *out);

#endif
