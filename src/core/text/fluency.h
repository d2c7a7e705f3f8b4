/* SPDX-License-Identifier: MIT
 *
 * fluency.h - how much a text repeats itself: coherence without a judge.
 */
#ifndef PERSONA_CORE_FLUENCY_H
#define PERSONA_CORE_FLUENCY_H

#include <stddef.h>

#include "persona/error.h"

typedef struct fluency {
    size_t n_words;
    double distinct2, distinct3; /* distinct word pairs (triples) / all; NAN when there are none */
    size_t longest_repeat;       /* words in the longest run that occurs twice; 0: no word does */
    double redundancy;           /* share of the bytes that repeat earlier ones; NAN: no bytes */
} fluency;

/* text: UTF-8, which need not be valid. Errors: SHAPE (longer than a MiB), NOMEM. */
PERSONA_CHECK persona_code fluency_measure(const char *text, fluency *out, persona_err *e);

#endif
