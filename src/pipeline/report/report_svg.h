/* SPDX-License-Identifier: MIT
 *
 * report_svg.h - the pictures of the report: plain SVG text, coloured by the page's style sheet.
 */
#ifndef PERSONA_PIPELINE_REPORT_SVG_H
#define PERSONA_PIPELINE_REPORT_SVG_H

#include "base/buf.h"
#include "pipeline/report/pivot.h"

/* How the page writes one condition: its CSS class is "c-NAME". */
typedef struct svg_line {
    const char *condition, *label;
} svg_line;

/* Text with the five special characters escaped. */
void html_text(buf *b, const char *s);
/* A real minus sign, none before zeros, a dash for NAN. */
void html_number(buf *b, double x, int decimals);
/* "+1", "−0.5", "0" with a real minus sign. */
void html_signed(buf *b, double x);

/* x: coefficient, y: score 0..100, one line per condition with 95 % bars; the unsteered interval is
 * a band. coherence: y is coherence, no bars. id makes title and description unique on the page. */
void svg_dose_response(buf *b, const pivot *p, const char *id, const char *title, bool coherence);

/* One row per interval on a common axis from -50 to 100 points; names of conditions. */
typedef struct svg_interval {
    const char *condition, *label;
    persona_interval x;
} svg_interval;
void svg_forest(buf *b, const svg_interval *rows, size_t n, const char *id, const char *title);

/* A bar per block: ||v|| / ||h||, with AUROC below where it was measured; `best` stands out. */
void svg_layers(buf *b, const persona_vector *v, const char *id, const char *title);

#endif
