/* SPDX-License-Identifier: MIT
 *
 * rollout.h - the answers of an extraction: planned, asked or read, kept in the job, judged.
 *
 * In memory a rollout is a few dozen bytes; its text and activations live in the job. So memory
 * hardly grows with their number, and whoever runs the same command again finds what was done.
 */
#ifndef PERSONA_PIPELINE_ROLLOUT_H
#define PERSONA_PIPELINE_ROLLOUT_H

#include "persona/extract.h"
#include "pipeline/ask.h"
#include "store/job/job.h"

#define ROLLOUT_STAGE "rollout"
#define ROLLOUT_ALONE SIZE_MAX /* has no partner */

typedef struct rollout {
    signed char polarity; /* +1, -1; 0: no instruction */
    bool answered;        /* has answer tokens (harmony: reached the final channel) */
    bool kept;
    int pair, repeat;       /* which instruction, which of its answers; -1: does not apply */
    size_t question;        /* group of the statistics, below n_questions */
    size_t partner;         /* the rollout it is filtered with */
    size_t mate;            /* its opposite for methods that need pairs */
    size_t length;          /* answer tokens */
    float score, coherence; /* NAN: not judged, or the judge left it open */
} rollout;

/* What makes the rollouts: written by the model (rollout_write.c) or read from files
 * (rollout_read.c). Called by rising i; what is handed out lives until the next call. */
typedef struct rollout_source {
    void *ud;
    persona_code (*make)(void *ud, size_t i, ask *q, persona_err *e);
    /* Adds question, system, prompt and seed to what is kept, and a label (NAN) that came along. */
    persona_code (*describe)(void *ud, size_t i, job_answer *a, job_score *label, persona_err *e);
    /* Puts the place of the item in hand in front of a message. May be NULL. */
    persona_code (*blame)(void *ud, persona_code rc, persona_err *e);
    void (*free)(void *ud);
} rollout_source;

typedef struct rollouts {
    persona_session *s;
    job *job;
    rollout *r;
    size_t n, n_questions; /* questions: groups */
    size_t n_blocks, d;    /* blocks captured: 0 .. n_blocks-1 */
    size_t max_norms;      /* floats of the longest answer's norms */
    size_t n_resumed;      /* answers that the job had already */
    persona_shard shard;   /* only these are asked */
    persona_shard_report part;
    rollout_source source;
} rollouts;

/* Plans 5 instruction pairs x questions x repeats of both poles, and one answer per question
 * without an instruction. Everything is borrowed. Errors: NOMEM. */
PERSONA_CHECK persona_code rollouts_write(rollouts *x, const persona_trait *trait,
                                          const persona_questions *questions, size_t n_questions,
                                          const persona_extract_opts *o, persona_err *e);
/* Plans the reading of opts' files; both poles must be there. Errors: those of text files,
 * USAGE. */
PERSONA_CHECK persona_code rollouts_read(rollouts *x, const persona_trait *trait,
                                         const persona_extract_opts *o, persona_err *e);

/* Asks (or reads) what the job does not have yet and what is this shard's. Errors: those of
 * sessions and jobs. */
PERSONA_CHECK persona_code rollouts_run(rollouts *x, const char *stage, const persona_hooks *hooks,
                                        persona_err *e);
/* Scores every answer that this judge has not scored yet. judge NULL: nothing to do. */
PERSONA_CHECK persona_code rollouts_judge(rollouts *x, persona_judge *judge,
                                          const persona_trait *trait, const persona_hooks *hooks,
                                          persona_err *e);
/* The published filter (extract.h); fills the counts and means of the report. Errors: NEGATIVE. */
PERSONA_CHECK persona_code rollouts_filter(rollouts *x, const persona_extract_opts *o,
                                           const char *trait, persona_extract_report *report,
                                           persona_err *e);
void rollouts_free(rollouts *x);

#endif
