/* SPDX-License-Identifier: MIT
 *
 * report.h - one self-contained page about the studies of several traits.
 */
#ifndef PERSONA_PIPELINE_REPORT_H
#define PERSONA_PIPELINE_REPORT_H

#include "persona/study.h"

typedef struct report_trait {
    const persona_trait *pack;
    persona_study *result; /* NULL: failed */
    const char *failure;   /* why, or NULL */
} report_trait;

/* Everything is borrowed. */
typedef struct report {
    const persona_model_info *from, *to;
    const char *from_hash, *to_hash; /* sha256 of the files */
    const char *judge;
    const char *questions; /* name of the question set; NULL: the trait packs' own */
    const report_trait *chapters;
    size_t n_chapters;
    uint32_t seed;
    double seconds;
} report;

/* HTML with inline CSS and SVG, light and dark, no scripts, nothing from the network. No date: the
 * same run writes the same bytes but for the duration. Errors: NOMEM, SHAPE (over 16 MB), IO. */
PERSONA_CHECK persona_code report_write(const report *r, const char *path, persona_err *e);

#endif
