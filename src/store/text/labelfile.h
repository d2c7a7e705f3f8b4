/* SPDX-License-Identifier: MIT
 *
 * labelfile.h - answers with labels: JSON lines, or the published CSV (FORMATS.md, "Labelled
 * answers").
 */
#ifndef PERSONA_STORE_LABELFILE_H
#define PERSONA_STORE_LABELFILE_H

#include "persona/error.h"

typedef struct labelled {
    char *trait, *question, *response; /* question may be NULL */
    float label, coherence;            /* 0..100; coherence: NAN if the line has none */
    float neutral; /* label of an answer without the trait: 50 of two poles (JSON), 0 (CSV) */
} labelled;

typedef struct labels {
    labelled *p;
    size_t n, cap;
    size_t n_unscored; /* rows of CSV whose score is empty: the labeller refused */
} labels;

/* Adds the answers of a file that are about `trait` (NULL: all of them) to *out, which starts as
 * {0}. A line without a trait is about `trait`; of CSV, question_id and a column name it. Errors
 * name file and line: FORMAT, NOTFOUND, IO, SHAPE. */
PERSONA_CHECK persona_code labels_read(const char *path, const char *trait, labels *out,
                                       persona_err *e);
void labels_clear(labels *l);

#endif
