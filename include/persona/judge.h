/* SPDX-License-Identifier: MIT
 *
 * judge.h - scoring answers: trait expression and coherence, each 0..100, 50 = no lean.
 *
 * One kind now: a text classifier from a file (FORMATS.md, "classifier"): n-gram logistic scores per
 * axis and an n-gram membership score for coherence. It says itself on which axes it is valid.
 */
#ifndef PERSONA_JUDGE_H
#define PERSONA_JUDGE_H

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_judge persona_judge;

/* Errors: NOTFOUND, FORMAT (names the field). */
PERSONA_CHECK persona_code persona_judge_read(const char *path, persona_judge **out,
                                              persona_err *e);
void persona_judge_free(persona_judge *j);
const char *persona_judge_name(const persona_judge *j);
/* Whether the judge can score this trait. */
bool persona_judge_knows(const persona_judge *j, const char *trait);
/* Scores one answer (UTF-8). Errors: NOTFOUND (trait unknown to the judge; lists those it knows). */
PERSONA_CHECK persona_code persona_judge_score(const persona_judge *j, const char *trait,
                                               const char *text, float *score, persona_err *e);
/* Coherence of one answer; NAN when out of memory. */
float persona_judge_coherence(const persona_judge *j, const char *text);

#ifdef __cplusplus
}
#endif
#endif
