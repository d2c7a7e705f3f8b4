/* SPDX-License-Identifier: MIT
 *
 * chunks.h - a text cut at places that do not depend on any tokenizer, so that two models can be
 * compared piece by piece (methods 5.3).
 */
#ifndef PERSONA_CORE_CHUNKS_H
#define PERSONA_CORE_CHUNKS_H

#include <stddef.h>

enum { CHUNKS_MOST = 64, CHUNKS_VERSION = 1 };

/* ends (CHUNKS_MOST): where each chunk of the text ends, in bytes, the last one at its length:
 * behind a sentence of at least 8 words, or behind 32 words; a shorter rest joins the chunk
 * before. A run without white space counts as a word per 12 bytes and is cut between characters
 * only. Returns how many; 0 for a text without words. What is more than CHUNKS_MOST is in the last
 * one. */
size_t chunk_ends(const char *text, size_t *ends);

/* Which tokens belong to a chunk: those whose last byte does. n tokens of `length` bytes each; out
 * (n_ends): behind the last token of each chunk, as persona_tap.ends wants it. */
void chunk_tokens(const size_t *ends, size_t n_ends, const size_t *length, size_t n, size_t *out);

#endif
