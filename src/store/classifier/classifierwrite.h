/* SPDX-License-Identifier: MIT
 *
 * classifierwrite.h - a trained classifier into a file (FORMATS.md, "Classifier").
 */
#ifndef PERSONA_STORE_CLASSIFIERWRITE_H
#define PERSONA_STORE_CLASSIFIERWRITE_H

#include "core/classify/classifier_train.h"

typedef struct classifier_draft {
    const char *name;
    const train_opts *opts;    /* what it was trained with */
    const char *const *traits; /* (n_axes) */
    const trained_axis *axes;
    const double *neutral; /* (n_axes) 0 or 50 */
    size_t n_axes;
    const char *labels_by, *labels_of; /* NULL: not said */
    const char *texts;                 /* hashes of what it was trained on (textset.h) */
    const coherence_model *coherence;
    const coherence_report *report;
} classifier_draft;

/* The same draft gives the same bytes. Errors: IO, NOMEM, SHAPE (larger than can be read). */
PERSONA_CHECK persona_code classifier_write(const char *path, const classifier_draft *d,
                                            persona_err *e);

#endif
