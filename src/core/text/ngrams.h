/* SPDX-License-Identifier: MIT
 *
 * ngrams.h - a collection of texts as a sparse matrix of n-gram counts.
 *
 * Columns are the n-grams that occur in at least min_texts texts, in the order of their bytes;
 * rows are the texts. The labels of texts have no say in which n-grams are columns, so held-out
 * texts may be among the rows.
 */
#ifndef PERSONA_CORE_NGRAMS_H
#define PERSONA_CORE_NGRAMS_H

#include <stdint.h>

#include "core/text/words.h"
#include "persona/error.h"

typedef struct ngram {
    const char *p; /* len bytes inside `texts`, no NUL after them */
    size_t len, n_texts;
} ngram;

typedef struct ngrams {
    words *texts; /* (n_texts) */
    size_t n_texts, n;
    ngram *grams; /* (n) */
    /* Row i is entries row[i] .. row[i+1]; each is count[k] occurrences of grams[col[k]]. */
    size_t *row; /* (n_texts + 1) */
    uint32_t *col, *count;
} ngrams;

/* Of more than max_grams, those in most texts stay. Errors: NOMEM, SHAPE (too many n-grams to
 * count).
 * *out is to be cleared in any case. */
PERSONA_CHECK persona_code ngrams_build(const char *const *texts, size_t n_texts, const int *orders,
                                        size_t n_orders, size_t min_texts, size_t max_grams,
                                        ngrams *out, persona_err *e);
void ngrams_clear(ngrams *g);

#endif
