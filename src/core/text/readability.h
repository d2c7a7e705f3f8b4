/* SPDX-License-Identifier: MIT
 *
 * readability.h - Flesch's reading ease of English text.
 */
#ifndef PERSONA_CORE_READABILITY_H
#define PERSONA_CORE_READABILITY_H

#include <stddef.h>

/* Syllables of a word in lower case, by rule; at least 1. */
size_t readability_syllables(const char *word, size_t len);
/* How many sentences a text has: ends marked by . ! ? before white space or the end, and line ends
 * behind text without such a mark; at least 1. */
size_t readability_sentences(const char *text);
/* Flesch 1948: 206.835 - 1.015 words/sentence - 84.6 syllables/word. */
double readability_flesch(size_t n_words, size_t n_sentences, size_t n_syllables);

#endif
