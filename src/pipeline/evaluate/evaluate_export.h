/* SPDX-License-Identifier: MIT
 *
 * evaluate_export.h - private: answers and texts as JSON lines.
 */
#ifndef PERSONA_PIPELINE_EVALUATE_EXPORT_H
#define PERSONA_PIPELINE_EVALUATE_EXPORT_H

#include "pipeline/ask.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/transfer/pairs_parts.h"

/* One answer and where it belongs; all borrowed. */
typedef struct export_answer {
    const eval_cell *cell;
    const char *question, *system;
    const answer *answer;
    const persona_judgement *judged;
    size_t question_index, rollout;
    uint32_t seed;
    int64_t id;          /* its place in the stage of the job */
    const double *panel; /* of the lexical panel; NULL: there was no answer */
    double second;       /* the second judge's score; NAN */
} export_answer;

/* folder/answers.jsonl. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code export_answers(const char *folder, const export_answer *answers,
                                          size_t n, persona_err *e);
/* folder/texts.jsonl: the texts of a map, which of them it saw, and what they show of the trait. */
PERSONA_CHECK persona_code export_texts(const char *folder, const persona_pairs *p,
                                        const persona_fit_opts *fit, persona_err *e);

#endif
