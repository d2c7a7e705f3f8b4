/* SPDX-License-Identifier: MIT
 *
 * classifier_train.h - what a text classifier (classifier.h) is trained to: one axis per trait from
 * labelled texts, and coherence from texts alone. No files; store/classifier/classifierwrite.c
 * writes the result.
 */
#ifndef PERSONA_CORE_CLASSIFIER_TRAIN_H
#define PERSONA_CORE_CLASSIFIER_TRAIN_H

#include "core/classify/classifier.h"

/* Strings are borrowed for the call. */
typedef struct train_text {
    const char *text, *question; /* texts of one question are held out together; NULL: alone */
    double label;                /* 0..100 */
} train_text;

typedef struct train_opts {
    int orders[CLASSIFIER_MAX_ORDER]; /* lengths of n-grams; default 1, 2 */
    size_t n_orders;
    size_t n_folds;   /* default 5 */
    size_t min_texts; /* an n-gram counts from so many texts on; default 3 */
    size_t max_grams; /* candidates, the most frequent; default 50000 */
    size_t n_keep;    /* weights in the end, the heaviest; default 4000 */
    uint32_t seed;
} train_opts;
train_opts train_defaults(void);

/* ---- an axis --------------------------------------------------------------------------------- */

/* Measured on texts that were held out. High: a label above 50; low: below. */
typedef struct axis_report {
    size_t n, n_high, n_low, n_groups, n_folds;
    size_t n_candidates, n_weights;
    double l2;       /* chosen */
    double auroc;    /* high against low */
    double spearman; /* of score and label */
    double accuracy; /* share of high and low whose score is on their side of 50 */
    double mae;
    double by_question; /* median over questions of Spearman within; NAN: no question has enough */
    size_t n_by_question;
} axis_report;

typedef struct trained_axis {
    double bias;
    char **grams; /* (n), in the order of their bytes */
    double *weights;
    size_t n;
    axis_report report;
} trained_axis;

/* Clear *out in any case. Errors: USAGE (options), SHAPE (too few texts of a side or groups; the
 * message does not name the trait), NOMEM, CANCELED. */
PERSONA_CHECK persona_code train_axis(const train_text *texts, size_t n, const train_opts *o,
                                      const persona_hooks *hooks, trained_axis *out,
                                      persona_err *e);
void trained_axis_clear(trained_axis *a);

/* ---- coherence ------------------------------------------------------------------------------- */

/* Measured on texts of which the filter knew only what other groups say, too. */
typedef struct coherence_report {
    size_t n, n_grams;         /* texts; different pairs and triples */
    double clean, clean_p5;    /* mean, 5th percentile */
    double shuffled, replaced; /* means: all words in random order; drawn from the corpus */
    double looped;             /* the first six words over and over */
    double auroc;              /* clean against shuffled */
} coherence_report;

/* mem_free() out->filter. Errors: SHAPE (fewer than 20 texts of three words), NOMEM, NUMERIC. */
PERSONA_CHECK persona_code train_coherence(const train_text *texts, size_t n, uint32_t seed,
                                           coherence_model *out, coherence_report *report,
                                           persona_err *e);

#endif
