/* SPDX-License-Identifier: MIT
 *
 * judge.h - private: what a kind of judge is, and the prompts that judging models are given.
 */
#ifndef PERSONA_PIPELINE_JUDGE_H
#define PERSONA_PIPELINE_JUDGE_H

#include "persona/judge.h"
#include "persona/session.h"

/* One row per kind. self is the kind's own object. */
typedef struct judge_kind {
    const char *name;
    bool asks; /* wants the trait's eval_prompt */
    void (*free)(void *self);
    bool (*knows)(const void *self, const char *trait);
    /* without numbers: what else is to be said; with them: what limits them, or "" */
    void (*validity)(const void *self, const char *trait, bool measured, char *out, size_t size);
    /* NULL where nothing is known: never measured, neutral 0, no texts */
    bool (*measured)(const void *self, const char *trait, persona_judge_measure *out);
    double (*neutral)(const void *self, const char *trait);
    const char *(*texts)(const void *self);
    persona_code (*run)(void *self, const persona_trait *trait, const persona_judge_item *items,
                        size_t n, const persona_hooks *hooks, persona_judge_sink sink, void *ud,
                        persona_err *e);
} judge_kind;

/* Takes self over, also on failure (then it is freed). id (may be NULL) tells it from another
 * judge of the same name: the hash of a file, the address of a server. */
PERSONA_CHECK persona_code judge_new(const judge_kind *kind, void *self, const char *name,
                                     const char *id, persona_judge **out, persona_err *e);

/* The kind's own object; NULL: the judge is of another kind. */
void *judge_self(const persona_judge *j, const judge_kind *kind);

/* A name under which scores of this trait can be kept: kind, name, identity, and the question that
 * is asked. mem_free() it; NULL: out of memory. */
char *judge_score_key(const persona_judge *j, const persona_trait *trait);

/* The trait question about one answer: the pack's eval_prompt with {question} and {answer} filled
 * in; and the coherence question, the same for every trait. mem_free() the result; NULL: out of
 * memory. */
char *judge_trait_prompt(const persona_trait *trait, const persona_judge_item *item);
char *judge_coherence_prompt(const persona_judge_item *item);

/* The session of a model that judges, for whoever wants to give it a model thread; NULL: another
 * kind of judge. */
persona_session *judge_model_session(const persona_judge *j);

#endif
