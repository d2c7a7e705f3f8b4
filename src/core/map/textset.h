/* SPDX-License-Identifier: MIT
 *
 * textset.h - which texts something was made from: sets of hashes, for telling in-sample from
 * held-out.
 *
 * A vector and a map each carry the hashes of the answers behind them. Whoever maps a vector can
 * then see whether the map was fitted on the vector's own texts (methods 5.2), whatever they are
 * called.
 */
#ifndef PERSONA_CORE_TEXTSET_H
#define PERSONA_CORE_TEXTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

/* The first 8 bytes, big-endian, of the SHA-256 of the text without white space at its ends. */
uint64_t textset_hash(const char *text);
/* Sorts h and drops what is double; returns how many are left. */
size_t textset_sort(uint64_t *h, size_t n);
/* Whether a sorted set holds x. */
bool textset_has(const uint64_t *h, size_t n, uint64_t x);
/* How many members two sorted sets share. */
size_t textset_overlap(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b);

/* A sorted set as text, 16 hex digits a member without separators; mem_free it. */
PERSONA_CHECK persona_code textset_format(const uint64_t *h, size_t n, char **out, persona_err *e);
/* Back again, sorted; *h is NULL for "". Errors: FORMAT (says where), NOMEM. */
PERSONA_CHECK persona_code textset_parse(const char *text, uint64_t **h, size_t *n, persona_err *e);

#endif
