/* SPDX-License-Identifier: MIT
 *
 * ask.h - many questions to one session at once: the only way the pipelines use the scheduler.
 */
#ifndef PERSONA_PIPELINE_ASK_H
#define PERSONA_PIPELINE_ASK_H

#include "persona/session.h"

typedef struct ask {
    const char *system; /* NULL: no system message */
    const char *question;
    const char
        *forced; /* answer to read instead of generating one (harmony: in the final channel) */
    const persona_token *forced_tokens; /* the same as tokens; wins over `forced` */
    size_t n_forced_tokens;
    bool skip_analysis; /* harmony: answer without reasoning first */
    persona_sampling sampling;
    const persona_plan *plan;
    const persona_tap *tap;
    void *ud; /* for on_logits */
    bool want_logits;
    void (*on_logits)(void *ud, size_t i, const float *logits, size_t n_vocab);
} ask;

typedef struct answer {
    char *text;
    bool answered;
    persona_finish finish;
    size_t n_prompt, n_answer, n_steered;
    persona_token *tokens; /* all generated tokens */
    size_t n_tokens;
    size_t n_blocks, n_positions; /* of the tap */
    float *mean;  /* (n_blocks, n_embd); NULL without a tap or without answer tokens */
    float *norms; /* (n_positions, n_blocks) */
} answer;

/* Asks all n; answers[i] belongs to asks[i] (zeroed first). Neighbours should share prefixes. Stage
 * names the work in progress reports. On failure answers hold what was done; free them all the same.
 * Errors: those of the session. */
PERSONA_CHECK persona_code ask_all(persona_session *s, const ask *asks, size_t n, const char *stage,
                                   const persona_hooks *hooks, answer *answers, persona_err *e);
void answers_clear(answer *answers, size_t n);

#endif
