/* SPDX-License-Identifier: MIT
 *
 * score_text.h - the score that a judge's words give, if they give one.
 */
#ifndef PERSONA_PIPELINE_SCORE_TEXT_H
#define PERSONA_PIPELINE_SCORE_TEXT_H

#include <stdbool.h>

/* 0..100, or NAN: a refusal, no number, another scale, several that contradict each other. Thinking
 * (<think>…</think>, also where only its end is there) is passed over. *at_end (may be NULL): the
 * number ends the text, so that more digits may have been cut off. */
double score_of_text(const char *text, bool *at_end);

#endif
