/* SPDX-License-Identifier: MIT
 *
 * study_parts.h - what the files of a study share.
 */
#ifndef PERSONA_PIPELINE_STUDY_PARTS_H
#define PERSONA_PIPELINE_STUDY_PARTS_H

#include "persona/study.h"
#include "pipeline/dose/settle.h"
#include "store/job/job.h"

/* Answers of the target at the block that is steered, and directions of shuffled maps there. */
typedef struct study_own {
    float *rows;   /* (n, d) */
    double *score; /* (n) NAN: not judged */
    int *polarity; /* (n) */
    size_t *group; /* (n) questions */
    size_t n, room, d, n_groups;
    int block;
    float *null; /* (n_null, d) */
    size_t n_null;
} study_own;

/* Draws of the nulls where nobody says how many: random directions; shuffled maps and random source
 * vectors, each. */
enum { STUDY_RANDOM = 20, STUDY_DRAWS = 5 };

/* What is to be done. */
typedef struct study_task {
    const persona_study_side *from, *to;
    const persona_pairs *pairs;
    const persona_trait *trait;
    const persona_study_opts *o;
    const persona_hooks *hooks;
} study_task;

/* What the repeats of a study have in common. */
typedef struct study_shared {
    const persona_study *first; /* NULL: this is the first, or the only one */
    size_t repeat;
    persona_lean *lean;
    char void_reason[384]; /* of any of them; "" */
} study_shared;

typedef struct studying {
    const persona_study_side *from, *to;
    const persona_pairs *pairs; /* NULL: only a map */
    persona_pairs *of_map;      /* they, where it keeps readings; NULL: given, or none */
    const persona_map *map;
    const persona_trait *trait;
    const persona_study_opts *o;
    const persona_hooks *hooks;
    const persona_questions *questions; /* for the target */
    job *job;                           /* what the target answers is kept there */
    study_shared *shared;
    /* what the texts show of the trait, of the repeats or of the map; NULL: not known */
    persona_lean *lean;
    persona_fit_opts fit; /* with what is left out */
    persona_study *x;
    study_own *own;
    char void_reason[384]; /* why there can be no PASS; "" */
    char no_control[384];  /* the first control that must run and could not be made, and why; "" */
} studying;

/* study.c: one study from begin to end. */
PERSONA_CHECK persona_code study_once(const study_task *task, study_shared *shared,
                                      persona_study **out, persona_err *e);
void study_repeats_free(persona_study *x);

/* The judge that filters and settles on a side, if it knows the trait. */
persona_judge *study_select(const persona_study_side *side, const persona_trait *trait);
/* target: the vector will steer this side, so it needs block and dose. */
PERSONA_CHECK persona_code study_extract(const studying *s, bool target, persona_vector **out,
                                         persona_err *e);

/* study_job.c: opens the job of everything after the map. Errors: those of jobs. */
PERSONA_CHECK persona_code study_open_job(studying *s, persona_err *e);
/* What an interrupted study has kept, in the message. */
persona_code study_how_to_resume(const studying *s, persona_code rc, persona_err *e);
/* How the evaluation will be run, before its vectors are known. */
persona_evaluate_opts study_evaluation(const studying *s);

/* study_leave.c: sets fit, lean and x->left. Errors: those of judges and of maps. */
PERSONA_CHECK persona_code study_leave(studying *s, persona_err *e);
/* study_void.c: what makes a PASS impossible, whatever the numbers say. */
PERSONA_CHECK persona_code study_void(studying *s, persona_err *e);
/* A control that could not be made, and why: without some there is no PASS. */
void study_void_control(studying *s, const char *condition, const char *why);
/* Errors: USAGE (texts of the map answer questions of the evaluation). */
PERSONA_CHECK persona_code study_no_overlap(const studying *s, persona_err *e);

/* One more vector to evaluate; takes v over, unless it fails. */
PERSONA_CHECK persona_code study_add_arm(studying *s, const char *condition, persona_vector *v,
                                         const char *note, persona_err *e);
/* out (d): mean of a trait's positive texts less that of its negative ones, at a block. */
PERSONA_CHECK persona_code study_contrast(const persona_pairs *p, bool target, int block, int trait,
                                          float *out, persona_err *e);
/* Block and dose of a control. at: the block it must have; -1: its own. */
PERSONA_CHECK persona_code study_place(const studying *s, persona_vector *v, const char *condition,
                                       int at, persona_err *e);
/* study_draws.c: the controls that are drawn. */
PERSONA_CHECK persona_code study_draw_shuffled(studying *s, persona_err *e);
PERSONA_CHECK persona_code study_draw_random(studying *s, persona_err *e);
PERSONA_CHECK persona_code study_draw_sources(studying *s, persona_err *e);
PERSONA_CHECK persona_code study_draw_traits(studying *s, persona_err *e);
/* study_cosines.c: how like the native vector they all are, and shuffled maps would be. */
PERSONA_CHECK persona_code study_cosines(studying *s, persona_err *e);

/* study_auroc.c: whether the carried direction reads the trait in the target's answers. */
PERSONA_CHECK persona_code study_auroc(studying *s, persona_err *e);
/* As persona_extract_opts.on_answer, with a study_own (block and d set) as ud. */
persona_code study_take_own(void *ud, const persona_extract_answer *a, persona_err *e);
/* One more direction of a shuffled map. */
PERSONA_CHECK persona_code study_keep_null(const studying *s, const persona_vector *v,
                                           persona_err *e);
void study_own_free(study_own *own);

/* How vectors of the target are settled here. */
settling study_settling(const studying *s, persona_vector *v, const char *condition);
/* Block and dose of a vector of the target; swing (may be NULL) as persona_settle. */
PERSONA_CHECK persona_code study_settle(const studying *s, persona_vector *v, const char *condition,
                                        double *swing, persona_err *e);
/* Adds the controls to x->arms; what cannot be made for a reason that lies in the data is left out
 * with a note. */
PERSONA_CHECK persona_code study_controls(studying *s, persona_err *e);
/* A few answers for reading. */
PERSONA_CHECK persona_code study_ask_samples(studying *s, persona_err *e);
void study_note(persona_study *x, const char *what, const char *why);

#endif
