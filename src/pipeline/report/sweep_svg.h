/* SPDX-License-Identifier: MIT
 *
 * sweep_svg.h - a sweep as a picture, and as a page around it.
 */
#ifndef PERSONA_PIPELINE_SWEEP_SVG_H
#define PERSONA_PIPELINE_SWEEP_SVG_H

#include "base/buf.h"
#include "persona/model.h"
#include "persona/sweep.h"

/* Score with intervals above coherence, one line per curve. alone: with its own style, for a file
 * of its own. */
void sweep_svg(buf *b, const persona_sweep *x, bool alone);

/* What the page says about where the sweep comes from. Borrowed. */
typedef struct sweep_origin {
    const persona_model_info *model;
    const char *vector, *judge; /* judge NULL: none */
    uint32_t seed;
} sweep_origin;
/* One self-contained page, as report.h's. Errors: NOMEM, SHAPE (over 16 MB), IO. */
PERSONA_CHECK persona_code sweep_page_write(const persona_sweep *x, const sweep_origin *from,
                                            const char *path, persona_err *e);
PERSONA_CHECK persona_code sweep_svg_write(const persona_sweep *x, const char *path,
                                           persona_err *e);

#endif
