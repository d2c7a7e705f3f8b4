/* SPDX-License-Identifier: MIT
 *
 * steered.h - steered answers to a few questions at several blocks and multiples, judged.
 */
#ifndef PERSONA_PIPELINE_STEERED_H
#define PERSONA_PIPELINE_STEERED_H

#include "pipeline/dose/settle.h"

enum { STEERED_QUESTIONS = 8 }; /* unless somebody says */

/* One block at one multiple of its direction; score and coherence are means over the questions. */
typedef struct steered_cell {
    const persona_vector *v; /* NULL: the one that is settled */
    int block;
    double alpha;
    double score, coherence;
    double nll, repetition, length; /* steered_run with_fluency only */
} steered_cell;

/* with_fluency: also what needs no judge (NLL under the unsteered model, repetition, length). */
PERSONA_CHECK persona_code steered_run(const settling *x, steered_cell *cells, size_t n,
                                       bool with_fluency, const char *stage, persona_err *e);
/* Swing between the two signs, reduced in proportion to the square of what coherence lacks of
 * 70. */
double steered_value(const steered_cell *plus, const steered_cell *minus);
/* Response to coefficients at the chosen block: fills curve, safe range and recommendations of the
 * vector's provenance. Without a judge likelihood and repetition decide what is safe, and nothing
 * is recommended. */
PERSONA_CHECK persona_code steered_curve(const settling *x, persona_err *e);

#endif
