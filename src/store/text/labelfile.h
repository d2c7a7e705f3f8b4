/* SPDX-License-Identifier: MIT
 *
 * labelfile.h - answers with labels, one JSON object a line (FORMATS.md, "Labelled answers").
 */
#ifndef PERSONA_STORE_LABELFILE_H
#define PERSONA_STORE_LABELFILE_H

#include "persona/error.h"

typedef struct labelled {
    char *trait, *question, *response; /* question may be NULL */
    float label, coherence;            /* 0..100; coherence: NAN if the line has none */
} labelled;

typedef struct labels {
    labelled *p;
    size_t n, cap;
} labels;

/* Adds the lines of a file that are about `trait` (NULL: all of them) to *out, which starts as
 * {0}. A line without a trait is about `trait`. Errors name file and line: FORMAT, NOTFOUND, IO,
 * SHAPE. */
PERSONA_CHECK persona_code labels_read(const char *path, const char *trait, labels *out,
                                       persona_err *e);
void labels_clear(labels *l);

#endif
