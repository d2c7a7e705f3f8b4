/* SPDX-License-Identifier: MIT
 *
 * words.h - texts as words and n-grams, the same for a classifier that scores and one that learns.
 *
 * ASCII letters in lower case; a word is a maximal run of [a-z0-9'] or of bytes >= 0x80; any other
 * byte that is not white space is a word of its own. A text is kept as its words joined by one
 * space, so that every n-gram is a slice of that string and looking one up copies nothing.
 */
#ifndef PERSONA_CORE_WORDS_H
#define PERSONA_CORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Word i is text[start[i]] .. text[end[i]). */
typedef struct words {
    char *text;
    size_t *start, *end;
    size_t n;
} words;

/* False: out of memory (nothing to free then). */
bool words_split(const char *text, words *w);
void words_free(words *w);
/* Gives back what splitting took too much, for words that stay. */
void words_trim(words *w);
/* The n-gram that begins at word i, i + order <= n; its length into *len. */
const char *words_gram(const words *w, size_t i, size_t order, size_t *len);

#endif
