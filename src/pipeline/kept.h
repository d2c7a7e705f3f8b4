/* SPDX-License-Identifier: MIT
 *
 * kept.h - answers and scores that a job keeps as they are made: what is there is not asked again.
 *
 * One piece for everything that asks many questions and has a judge score the answers: sweeps,
 * evaluations, samples; extraction shares the judging. In a session of fixed shape an answer is the
 * same bytes whenever it is asked, so a run that was killed ends where an uninterrupted one ends.
 */
#ifndef PERSONA_PIPELINE_KEPT_H
#define PERSONA_PIPELINE_KEPT_H

#include "persona/judge.h"
#include "persona/shard.h"
#include "pipeline/ask.h"
#include "store/job/job.h"

/* Where things are kept. Everything is borrowed. */
typedef struct kept {
    job *job;          /* NULL: nowhere */
    const char *stage; /* of the job; says what its answers depend on besides the manifest */
    const char *trait; /* the job's own; scores for another one are kept under JUDGE/TRAIT */
    const char *title; /* of the work, in progress reports */
    const persona_hooks *hooks;
    persona_shard shard;        /* kept_ask asks only these */
    persona_shard_report *part; /* what it adds to; NULL without a shard */
} kept;

/* Asks asks[i] (n) unless answer i is there, or asks[i] has no question. rows[i] says where it
 * comes from: question, system, polarity, pair, question_index, rollout, seed; the rest is filled
 * in here. answers (n; other parts' stay empty) have texts and counts, no tokens or activations;
 * clear them in any case. *n_found (may be NULL): how many the job had. Errors: those of sessions
 * and jobs. */
PERSONA_CHECK persona_code kept_ask(const kept *k, persona_session *s, const ask *asks,
                                    const job_answer *rows, size_t n, answer *answers,
                                    size_t *n_found, persona_err *e);

/* got[i]: what the judge says about items[i] (n); NAN where its answer is NULL. ids[i]: the
 * answer's place in the stage; NULL: i. Errors: those of judges and jobs. */
PERSONA_CHECK persona_code kept_judge(const kept *k, persona_judge *judge,
                                      const persona_trait *trait, const persona_judge_item *items,
                                      const int64_t *ids, size_t n, persona_judgement *got,
                                      persona_err *e);

/* ---- the judging alone ----------------------------------------------------------------------- */

/* A judge at work on answers of a stage, some of which may be scored already. */
typedef struct scoring {
    const kept *k;
    persona_judge *judge;
    const persona_trait *trait;
    char *key;             /* under which the scores are kept */
    size_t n_done, n_todo; /* of all answers, for progress reports */
} scoring;

PERSONA_CHECK persona_code scoring_begin(const kept *k, persona_judge *judge,
                                         const persona_trait *trait, scoring *out, persona_err *e);
void scoring_end(scoring *s);
/* Judges n items and stores each score soon after it is known, also where the run then fails.
 * got (n): may be NULL. */
PERSONA_CHECK persona_code scoring_run(scoring *s, const persona_judge_item *items,
                                       const int64_t *ids, size_t n, persona_judgement *got,
                                       persona_err *e);

/* Tells the hooks (NULL: nobody) where answers are kept; path NULL: nowhere. */
void kept_tell(const persona_hooks *hooks, const char *path);

#endif
