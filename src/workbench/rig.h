/* SPDX-License-Identifier: MIT
 *
 * rig.h - a model ready for work: its session, the judge that scores its answers, its questions.
 *
 * What the command line and a server have in common when they open things. Options name what the
 * user asked for; where they are silent the model's own file decides (persona.judge,
 * persona.questions). A named file that is missing is an error, never a silent switch.
 */
#ifndef PERSONA_WORKBENCH_RIG_H
#define PERSONA_WORKBENCH_RIG_H

#include "persona/judge.h"
#include "persona/model.h"
#include "persona/session.h"
#include "persona/study.h"
#include "persona/trait.h"
#include "workbench/talk.h"

/* Everything borrowed; zeros and NULLs mean the library's default. */
typedef struct rig_opts {
    persona_model_opts model; /* of every model that is opened; bulk is the task's */
    int n_threads, n_slots, n_ctx;
    const char *judge;                       /* see rig_judge.c; NULL: auto */
    const char *judge_select, *judge_score;  /* instead of it, for one of two uses; NULL: judge */
    const char *judge_model, *judge_key_env; /* of an endpoint */
    double judge_timeout;                    /* seconds */
    const char *judge_validity;              /* a file; NULL: what the judge says itself */
    const char *questions;                   /* a number or a file */
} rig_opts;

typedef struct rig {
    persona_model *model;
    persona_session *session;
    const persona_model_info *info;
    persona_judge *judge;        /* NULL: none */
    persona_model *judge_model;  /* the file behind it, if it is one */
    bool judge_borrowed;         /* from the other side of a pair */
    persona_judge *select;       /* filters and settles; NULL: judge does */
    persona_model *select_model; /* the file behind it */
    bool select_borrowed;
    persona_questions *questions; /* NULL: each trait pack's own */
    int n_questions;              /* limit from the option; 0: none */
    bool whole_texts;             /* for rig_open_session: a text of any length in one call */
    bool judges_itself;           /* weak evidence: the user should hear of it */
} rig;

/* Opens the model only. A bare NAME or NAME.gguf is also looked for in the models/ folders. bulk:
 * as in persona_model_opts. */
PERSONA_CHECK persona_code rig_open_model(const rig_opts *o, const char *path, bool bulk, rig *out,
                                          persona_err *e);
/* Adds a session; n_slots and n_ctx are what the task prefers (0: default), options win. */
PERSONA_CHECK persona_code rig_open_session(const rig_opts *o, rig *x, int n_slots, int n_ctx,
                                            persona_err *e);
/* Adds judge and question set. */
PERSONA_CHECK persona_code rig_open_judge(const rig_opts *o, rig *x, persona_err *e);
/* other: a side opened before, whose judge serves both where it does not depend on the model (close
 * it last); NULL: none. */
PERSONA_CHECK persona_code rig_open_judge_beside(const rig_opts *o, const rig *other, rig *x,
                                                 persona_err *e);
/* The three in one, for tasks that study a pair of models. other: the side opened before, whose
 * judge serves both where it does not depend on the model (close it last); NULL for the first. */
PERSONA_CHECK persona_code rig_open_side(const rig_opts *o, const char *path, const rig *other,
                                         rig *x, persona_err *e);
/* Says what the user should hear of it: a model that judges itself. */
void rig_warn(const rig *x, const talk_sink *t);
persona_study_side rig_side(const rig *x);
void rig_close(rig *x);

/* rig_judge.c: sets judge, judge_model, judge_borrowed and judges_itself as the option wants it;
 * x may have no model when the judge does not need one. */
PERSONA_CHECK persona_code rig_judge_open(const rig_opts *o, const rig *other, rig *x,
                                          persona_err *e);
/* Has the judge count as measured on this trait, as the option's file says; nothing without one.
 * Errors: USAGE (no judge), those of persona_judge_read_validity. */
PERSONA_CHECK persona_code rig_judge_measured(const rig_opts *o, const rig *x,
                                              const persona_trait *trait, persona_err *e);
void rig_judge_close(rig *x);

#endif
