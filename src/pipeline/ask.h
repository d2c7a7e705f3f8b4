/* SPDX-License-Identifier: MIT
 *
 * ask.h - many questions to one session at once: the only way the pipelines use the scheduler.
 *
 * ask_each streams: questions are made when a slot is free and answers are handed over as they are
 * done, in any order, so memory does not grow with their number. ask_all is the same over arrays.
 */
#ifndef PERSONA_PIPELINE_ASK_H
#define PERSONA_PIPELINE_ASK_H

#include "persona/session.h"

/* Times as long as an answer may a model think before it. */
enum { ASK_THOUGHT = 4 };

typedef struct ask {
    const char *system; /* NULL: no system message */
    const char *question;
    const persona_message *messages; /* a whole conversation instead of the two above */
    size_t n_messages;
    const char *raw; /* text instead of a conversation: no template, no added special tokens */
    /* answer to read instead of generating one (harmony: in the final channel) */
    const char *forced;
    /* told the tokens of `forced` before they are read; they live until the answer is done */
    persona_code (*take_forced)(void *ud, const persona_tokens *t, persona_err *e);
    const persona_token *forced_tokens; /* the same as tokens; wins over `forced` */
    size_t n_forced_tokens;
    bool skip_analysis; /* harmony: answer without reasoning first */
    bool same_prompt;   /* others of the session follow this very prompt: it is computed once */
    persona_sampling sampling;
    persona_plan *plan;
    const persona_tap *tap;
    const persona_tap *also; /* a second one; NULL: none */
    void *ud;                /* for on_logits and take_forced */
    bool want_logits;
    void (*on_logits)(void *ud, size_t i, const float *logits, size_t n_vocab);
} ask;

typedef struct answer {
    char *text, *analysis;
    bool answered;
    persona_finish finish;
    size_t n_prompt, n_answer, n_steered;
    double moved;          /* as in persona_result */
    persona_token *tokens; /* all generated tokens */
    size_t n_tokens;
    size_t n_blocks, n_positions; /* of the tap */
    /* What the tap read (persona_acts.data); for MEAN (1 + n_ends, n_blocks, n_embd). NULL without
     * a tap or tokens that it reads */
    float *mean;
    float *norms;      /* MEAN: (n_positions, n_blocks) */
    size_t *positions; /* ALL, PROJECT: (n_positions) of the tokens, prompt and reply from 0 */
    float *also;       /* (n_also) what the second tap read; NULL: nothing */
    size_t n_also;
    const persona_token *prompt; /* (n_prompt), for the call of done only */
} answer;

typedef struct ask_stream {
    void *ud;
    /* Fills in question i (zeroed); what it points to must live until it is done. */
    persona_code (*make)(void *ud, size_t i, ask *q, persona_err *e);
    /* Takes answer i; members it keeps must be set to NULL. Never called for interrupted ones. */
    persona_code (*done)(void *ud, size_t i, answer *a, persona_err *e);
    const bool *skip; /* n: those that are not asked again; NULL: all are asked */
    size_t n_others;  /* of the skipped: those that are another run's and do not count as done */
    /* Says whose fault it is that question i failed, in front of the message; returns the code.
     * NULL: nobody says */
    persona_code (*blame)(void *ud, size_t i, persona_code rc, persona_err *e);
} ask_stream;

/* Asks questions 0 .. n-1. Neighbors should share prefixes. stage names the work in progress
 * reports. In a session of fixed shape the batch is as wide as min(n, slots) whatever is skipped,
 * so that an answer is the same in every run. Errors: those of the session and of the callbacks;
 * what had been handed over stays handed over. */
PERSONA_CHECK persona_code ask_each(persona_session *s, size_t n, const ask_stream *stream,
                                    const char *stage, const persona_hooks *hooks, persona_err *e);
/* answers[i] belongs to asks[i] (zeroed first). On failure answers hold what was done; clear them
 * all the same. */
PERSONA_CHECK persona_code ask_all(persona_session *s, const ask *asks, size_t n, const char *stage,
                                   const persona_hooks *hooks, answer *answers, persona_err *e);
void answer_clear(answer *a);
void answers_clear(answer *answers, size_t n);

#endif
