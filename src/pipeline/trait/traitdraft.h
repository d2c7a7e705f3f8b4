/* SPDX-License-Identifier: MIT
 *
 * traitdraft.h - a trait pack that grows out of a model's answers. No model is needed here: text
 * in, verdicts out, the same text always the same verdicts.
 */
#ifndef PERSONA_PIPELINE_TRAITDRAFT_H
#define PERSONA_PIPELINE_TRAITDRAFT_H

#include "core/text/trait_text.h"
#include "persona/traitwrite.h"

typedef enum draft_part { DRAFT_DESCRIPTION, DRAFT_PAIRS, DRAFT_QUESTIONS } draft_part;

typedef struct trait_draft {
    persona_trait *t; /* n_pairs and n_questions grow; questions in the order of acceptance */
    char *adjectives; /* key of both adjectives and the name */
    char *pair_keys[TRAIT_N_PAIRS][2];
    char *question_keys[TRAIT_N_QUESTIONS];
    persona_write_report counts;
} trait_draft;

/* description may be NULL. Errors: USAGE (a word that no pack may have). draft_free in any case. */
PERSONA_CHECK persona_code draft_init(trait_draft *d, const char *name, const char *positive,
                                      const char *negative, const char *description,
                                      persona_err *e);
void draft_free(trait_draft *d);
size_t draft_missing(const trait_draft *d, draft_part part);
/* Takes what is good and missing from one answer, and counts what is not. An answer that is no
 * JSON, or another JSON, gives nothing. Errors: NOMEM. */
PERSONA_CHECK persona_code draft_take(trait_draft *d, draft_part part, const char *answer,
                                      persona_err *e);
/* The whole pack, checked; d is empty afterwards but for its counts. Errors: NEGATIVE (something is
 * missing), FORMAT (the check). */
PERSONA_CHECK persona_code draft_finish(trait_draft *d, persona_trait **out, persona_err *e);

#endif
