/* SPDX-License-Identifier: MIT
 *
 * judge_build.h - how a reader of classifier files builds a persona_judge, piece by piece.
 *
 * The scoring is in judge.c, the text format in store/judgefile.c; this is the seam between them,
 * so that core stays free of files and JSON.
 */
#ifndef PERSONA_CORE_JUDGE_BUILD_H
#define PERSONA_CORE_JUDGE_BUILD_H

#include <stdint.h>

#include "persona/judge.h"

#define JUDGE_MAX_ORDER 8 /* longest n-gram */

/* Coherence = clamp(100 (bias + pairs f2 + triples f3 + repetition r), 0, 100); see judge.c. */
typedef struct judge_coherence {
    uint64_t bits;         /* size of the Bloom filter, a multiple of 8 */
    unsigned char *filter; /* bits/8 bytes; bit i is byte i>>3, bit i&7 */
    double bias, pairs, triples, repetition;
} judge_coherence;

/* orders[0..n): the n-gram lengths that are scored, each 1..JUDGE_MAX_ORDER, no doubles. */
PERSONA_CHECK persona_code judge_new(const char *name, const int *orders, size_t n,
                                     persona_judge **out, persona_err *e);
/* Starts an axis; weights go to the axis started last. */
PERSONA_CHECK persona_code judge_add_axis(persona_judge *j, const char *trait, double bias,
                                          persona_err *e);
/* FORMAT when the n-gram could never match (upper case, other spacing, a length not in orders) or
 * is given twice. */
PERSONA_CHECK persona_code judge_add_weight(persona_judge *j, const char *ngram, double weight,
                                            persona_err *e);
/* Takes c->filter over. */
void judge_set_coherence(persona_judge *j, const judge_coherence *c);

#endif
