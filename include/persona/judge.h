/* SPDX-License-Identifier: MIT
 *
 * judge.h - scoring answers: trait expression and coherence, each 0..100.
 *
 * One interface, four kinds, chosen per run:
 *   classifier  a text classifier from a file (FORMATS.md): no model at run time
 *   model       a language model reads the trait's eval_prompt; the score is the expectation over
 *               the probabilities of its answer, 0..100 (METHOD.md, "Judges"); nothing is sampled
 *   endpoint    the same question to an OpenAI-compatible server
 *   labels      scores that came with the input
 * A judge says itself what it is worth (persona_judge_measured, persona_judge_validity) and which
 * score says "not at all" (persona_judge_neutral). An answer it cannot score is NAN, counted by the
 * caller, never a low score.
 */
#ifndef PERSONA_JUDGE_H
#define PERSONA_JUDGE_H

#include "persona/model.h"
#include "persona/trait.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_judge persona_judge;

/* What is judged. Strings are borrowed for the call. */
typedef struct persona_judge_item {
    const char *question, *answer;
    float label_trait,
        label_coherence; /* came with the input; NAN: none. Only `labels` reads them */
} persona_judge_item;

/* NAN: not answered (a refusal, too little probability on valid answers, a judge that failed). */
typedef struct persona_judgement {
    float trait, coherence; /* 0..100 */
    float mass; /* probability on valid answers to the trait question; 1: not applicable */
} persona_judgement;

/* One result, as soon as it is known, in any order. Anything but OK ends the run with that code. */
typedef persona_code (*persona_judge_sink)(void *ud, size_t i, const persona_judgement *r,
                                           persona_err *e);

/* Judges n answers to the trait. Errors: UNAVAILABLE (the judge does not know the trait, or an
 * endpoint stays unreachable: what was judged before has reached the sink), CANCELED, those of the
 * sink. */
PERSONA_CHECK persona_code persona_judge_run(persona_judge *j, const persona_trait *trait,
                                             const persona_judge_item *items, size_t n,
                                             const persona_hooks *hooks, persona_judge_sink sink,
                                             void *ud, persona_err *e);
/* The same into an array of n. */
PERSONA_CHECK persona_code persona_judge_all(persona_judge *j, const persona_trait *trait,
                                             const persona_judge_item *items, size_t n,
                                             const persona_hooks *hooks, persona_judgement *out,
                                             persona_err *e);

void persona_judge_free(persona_judge *j);
/* "pair", "Qwen2.5-7B-Instruct", "gpt-4.1-mini", "labels": what is written into vector files. */
const char *persona_judge_name(const persona_judge *j);
/* "classifier", "model", "endpoint", "labels". */
const char *persona_judge_kind(const persona_judge *j);
/* Whether the judge can score this trait at all. */
bool persona_judge_knows(const persona_judge *j, const char *trait);

/* ---- what it is worth ------------------------------------------------------------------------ */

/* A judge below this should not decide which answers a vector is made of. */
#define PERSONA_JUDGE_MIN_SPEARMAN 0.6

/* What was measured of a judge's scores of a trait, on labelled answers that it had not seen. */
typedef struct persona_judge_measure {
    size_t n, n_groups; /* labelled answers; questions, 0: unknown */
    double spearman;    /* -1..1 of score and label */
    double same_side;   /* 0..1: share on the same side of 50; NAN: unknown */
    char labels_by[64]; /* who labelled; "" unknown */
    char labels_of[64]; /* whose answers; "" unknown */
} persona_judge_measure;

/* False: nobody measured it (models and servers, without persona_judge_read_validity), *out is
 * cleared. */
bool persona_judge_measured(const persona_judge *j, const char *trait, persona_judge_measure *out);
/* The score of an answer that does not show the trait: 50 where the scale has two poles, 0 where it
 * runs from absent to strongest. */
double persona_judge_neutral(const persona_judge *j, const char *trait);
/* Hashes of the texts that it was trained on, as persona_provenance.texts; "" if unknown. */
const char *persona_judge_texts(const persona_judge *j);
/* What somebody else measured of its scores of this trait, from a file of `persona judge test
 * --save`: it now counts as measured. Errors: NOTFOUND, FORMAT (names the field), UNAVAILABLE (the
 * file is about another judge, another trait, or another question about it). */
PERSONA_CHECK persona_code persona_judge_read_validity(persona_judge *j, const persona_trait *trait,
                                                       const char *path, persona_err *e);
/* One line on what its scores of this trait are worth, into out; returns out. */
const char *persona_judge_validity(const persona_judge *j, const char *trait, char *out,
                                   size_t size);

/* ---- kinds ----------------------------------------------------------------------------------- */

/* A classifier file. Errors: NOTFOUND, FORMAT (names the field). */
PERSONA_CHECK persona_code persona_judge_read(const char *path, persona_judge **out,
                                              persona_err *e);

/* Labels that came with the items. */
PERSONA_CHECK persona_code persona_judge_labels(persona_judge **out, persona_err *e);

typedef struct persona_judge_model_opts {
    int n_slots;    /* prompts judged together; default 8 */
    int n_ctx;      /* tokens of question, answer and rubric; default 4096, at most the model's */
    int n_threads;  /* 0: the session's default */
    float min_mass; /* less probability on valid answers: not answered; default 0.25 */
} persona_judge_model_opts;
persona_judge_model_opts persona_judge_model_defaults(void);
/* A model as judge, in an unsteered context of its own. The model must outlive the judge and needs
 * a chat template. Errors: UNAVAILABLE (no template; digits are not tokens), those of sessions. */
PERSONA_CHECK persona_code persona_judge_model(persona_model *m,
                                               const persona_judge_model_opts *opts,
                                               persona_judge **out, persona_err *e);

typedef struct persona_judge_endpoint_opts {
    const char *url;   /* base, such as http://127.0.0.1:8000/v1 */
    const char *model; /* name sent to it */
    /* variable that holds the key; default OPENAI_API_KEY; unset: no key sent */
    const char *key_env;
    double timeout; /* seconds per request; default 60 */
    int n_retries;  /* after the first try, with backoff; default 6 */
    int n_parallel; /* requests at once; default 4 */
    float min_mass; /* default 0.25 */
} persona_judge_endpoint_opts;
persona_judge_endpoint_opts persona_judge_endpoint_defaults(void);
PERSONA_CHECK persona_code persona_judge_endpoint(const persona_judge_endpoint_opts *opts,
                                                  persona_judge **out, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
