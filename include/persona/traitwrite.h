/* SPDX-License-Identifier: MIT
 *
 * traitwrite.h - a local model writes a trait pack for two adjectives.
 *
 * The model writes instruction pairs, questions and, if none is given, the description, in small
 * pieces under a grammar; what breaks a rule of packs, mentions the trait or repeats what is there
 * is dropped and asked for again. The judge's prompt is a fixed text around the description, and
 * the sampling change that of every trait. Nothing is padded: a pack is whole, or there is none.
 */
#ifndef PERSONA_TRAITWRITE_H
#define PERSONA_TRAITWRITE_H

#include "persona/session.h"
#include "persona/trait.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_write_opts {
    uint32_t seed;
    float temperature; /* default 0.8 */
    int max_tokens;    /* of one answer; default 1024 */
    int n_tries;       /* rounds of requests; default 8 */
} persona_write_opts;

typedef struct persona_write_report {
    int n_tries;          /* rounds that were needed */
    size_t n_pairs;       /* accepted */
    size_t n_questions;   /* accepted */
    size_t n_unreadable;  /* answers that were no JSON: cut, or the model could not go on */
    size_t n_unfit;       /* texts that were dropped: length; a pair of equal sides */
    size_t n_no_question; /* neither a question nor a request */
    size_t n_mention;     /* named the trait */
    size_t n_repeat;      /* equal or nearly equal to an accepted one */
    size_t n_tokens;      /* processed, prompts included */
    double seconds;
} persona_write_report;

persona_write_opts persona_write_defaults(void);

/* What is known of the new trait. Borrowed. */
typedef struct persona_trait_words {
    const char *name;                /* a-z, 0-9, '_' and '-' */
    const char *positive, *negative; /* adjectives */
    const char *description;         /* NULL: the model writes it */
} persona_trait_words;

/* The accepted questions go to the two halves in turn. The session should
 * have 2048 tokens per slot or more. Errors: USAGE (name, adjectives, description or options; a
 * context that is too short), NEGATIVE (not enough usable text after n_tries; says what is
 * missing), UNAVAILABLE (no chat template), CANCELED. */
PERSONA_CHECK persona_code persona_trait_write(persona_session *s, const persona_trait_words *words,
                                               const persona_write_opts *opts,
                                               const persona_hooks *hooks, persona_trait **out,
                                               persona_write_report *report, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
