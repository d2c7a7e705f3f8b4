/* SPDX-License-Identifier: MIT
 *
 * choices.h - two-choice questions without a judge: how likely a model is to give the answer that
 * matches a behavior rather than the other one, as it is and steered.
 *
 * L = log P(matching answer | question) - log P(other answer | question), in nats. Where the
 * question lists its choices, (A) and (B), it is asked in both orders, and L is the mean of both,
 * so that a liking for one letter cancels.
 */
#ifndef PERSONA_CHOICES_H
#define PERSONA_CHOICES_H

#include "persona/interval.h"
#include "persona/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Means over questions. */
typedef struct persona_choices_side {
    persona_interval log_odds;    /* L */
    persona_interval probability; /* 1 / (1 + exp(-L)), of each order */
    double share;                 /* of questions (and orders) with L > 0 */
    double mass;                  /* P(matching) + P(other): how far it answers as asked at all */
    double first; /* log odds for the choice that stands first; NAN: none is listed */
} persona_choices_side;

/* One question; NAN: not asked. [0] unsteered, [1] steered. */
typedef struct persona_choice_item {
    size_t line;       /* of the file, or number in its array, from 1 */
    int n_orders;      /* 2: both orders were asked */
    double odds[2][2]; /* (condition, order) */
} persona_choice_item;

typedef struct persona_choices {
    persona_choice_item *items; /* (n) */
    size_t n;
    persona_choices_side unsteered, steered; /* steered: NAN without a plan */
    persona_interval log_odds, probability;  /* steered less unsteered, question by question */
    size_t n_toward;                         /* questions whose L rises */
} persona_choices;

/* Asks the questions of a file (FORMATS.md, "Two-choice questions"). system: a system message,
 * NULL: none. plan: NULL: only unsteered. Errors: those of the file (FORMAT, NOTFOUND, IO),
 * sessions. */
PERSONA_CHECK persona_code persona_choices_run(persona_session *s, const char *file,
                                               const char *system, persona_plan *plan,
                                               uint32_t seed, const persona_hooks *hooks,
                                               persona_choices **out, persona_err *e);
void persona_choices_free(persona_choices *x);

#ifdef __cplusplus
}
#endif
#endif
