/* SPDX-License-Identifier: MIT
 *
 * classifier.h - the text classifier that judges without a model: what it scores, and how a reader
 * of classifier files builds one, piece by piece.
 *
 * The arithmetic is in classifier.c, the text format in store/classifier/classifierfile.c, the
 * judge that asks it in pipeline/judge/judge_classifier.c; so core stays free of files and JSON.
 */
#ifndef PERSONA_CORE_CLASSIFIER_H
#define PERSONA_CORE_CLASSIFIER_H

#include <stdint.h>

#include "persona/error.h"

#define CLASSIFIER_MAX_ORDER 8 /* longest n-gram */

typedef struct classifier classifier;

/* Coherence = clamp(100 (bias + pairs f2 + triples f3 + repetition r), 0, 100); see
 * classifier.c. */
typedef struct coherence_model {
    uint64_t bits;         /* size of the Bloom filter, a multiple of 8 */
    unsigned char *filter; /* bits/8 bytes; bit i is byte i>>3, bit i&7 */
    double bias, pairs, triples, repetition;
} coherence_model;

/* What is known of an axis beside its weights. */
typedef struct axis_facts {
    double neutral;             /* the score of an answer that does not show the trait */
    size_t n, n_groups;         /* held-out labelled answers and questions; n 0: not measured */
    double spearman, same_side; /* NAN: unknown */
} axis_facts;

/* Where the labels and texts of a classifier came from. */
typedef struct classifier_origin {
    char labels_by[64], labels_of[64]; /* "" unknown */
    char *texts;                       /* a set as text (textset.h); NULL unknown */
} classifier_origin;

/* ---- building -------------------------------------------------------------------------------- */

/* orders[0..n): the n-gram lengths that are scored, each 1..CLASSIFIER_MAX_ORDER, no doubles. */
PERSONA_CHECK persona_code classifier_new(const char *name, const int *orders, size_t n,
                                          classifier **out, persona_err *e);
void classifier_free(classifier *c);
/* Starts an axis; weights go to the axis started last. */
PERSONA_CHECK persona_code classifier_add_axis(classifier *c, const char *trait, double bias,
                                               persona_err *e);
/* FORMAT when the n-gram could never match (upper case, other spacing, a length not in orders) or
 * is given twice. */
PERSONA_CHECK persona_code classifier_add_weight(classifier *c, const char *ngram, double weight,
                                                 persona_err *e);
/* Of the axis started last; without it neutral is 50 and nothing measured. */
void classifier_set_facts(classifier *c, const axis_facts *f);
/* Takes o->texts over. */
void classifier_set_origin(classifier *c, const classifier_origin *o);
/* Takes m->filter over. */
void classifier_set_coherence(classifier *c, const coherence_model *m);

/* ---- scoring --------------------------------------------------------------------------------- */

const char *classifier_name(const classifier *c);
const classifier_origin *classifier_origin_of(const classifier *c);
/* NULL: it does not know the trait. */
const axis_facts *classifier_facts(const classifier *c, const char *trait);
bool classifier_knows(const classifier *c, const char *trait);
/* "silly, evil": every axis, for messages. mem_free() it; NULL: out of memory. */
char *classifier_axes(const classifier *c);
/* One answer (UTF-8), 0..100. Errors: UNAVAILABLE (unknown trait; lists the known ones), NOMEM. */
PERSONA_CHECK persona_code classifier_score(const classifier *c, const char *trait,
                                            const char *text, float *out, persona_err *e);
PERSONA_CHECK persona_code classifier_coherence(const classifier *c, const char *text, float *out,
                                                persona_err *e);

#endif
