/* SPDX-License-Identifier: MIT
 *
 * job_side.h - a served model at a job's work: what the command line opens for itself (rig.h), with
 * the server's own session in it.
 */
#ifndef PERSONA_SERVER_JOB_SIDE_H
#define PERSONA_SERVER_JOB_SIDE_H

#include "server/jobs/job_queue.h"
#include "workbench/rig.h"

typedef struct job_side {
    registry *models;
    served *m;                /* held */
    rig x;                    /* model and session are m's */
    persona_model_info shown; /* info, with the model's id for a path: for results */
    persona_questions *own;
    const persona_questions *questions;
} job_side;

typedef struct job_side_opts {
    const char *model; /* id; NULL: the default one */
    const char *judge; /* "auto" (NULL), "none" or "self" */
    int n_questions;   /* 0: all */
} job_side_opts;

/* The values of job_side_opts.judge. */
extern const char *const JOB_JUDGES[];

/* other: the side opened before, whose judge may serve both; NULL. trait NULL: no questions yet.
 * Errors: those of registry_acquire and rig_open_judge. */
PERSONA_CHECK persona_code job_side_open(const job_context *c, const job_side_opts *o,
                                         const job_side *other, const persona_trait *trait,
                                         job_side *out, persona_err *e);
void job_side_close(job_side *s);

/* A vector of the side's library by name, the caller's own. Errors: those of
 * library_vector_named. */
PERSONA_CHECK persona_code job_vector(const job_context *c, const job_side *s, const char *name,
                                      persona_vector **out, persona_err *e);
/* Where that vector's file is; *path: mem_free it. Errors: the same. */
PERSONA_CHECK persona_code job_vector_place(const job_context *c, const job_side *s,
                                            const char *name, char **path, persona_err *e);
/* A pack by name, never by path. Errors: NOTFOUND, those of persona_trait_find. */
PERSONA_CHECK persona_code job_trait(const char *name, persona_trait **out, persona_err *e);

#endif
