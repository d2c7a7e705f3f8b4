/* SPDX-License-Identifier: MIT
 *
 * job_queue.h - long tasks of the server: made by a request, run one after the other, watched,
 * canceled, resumed after a restart.
 *
 * What was asked stands in the server's database before anybody is told that the job exists; what
 * the task computes is in the job file of its own kind (store/job/job.h), which the same request
 * finds again. So a server that was killed goes on where it was. Results stay in the database until
 * the job is deleted. One runner thread; its requests to the model are batch requests, so that
 * interactive ones go before them and both share the batch.
 *
 * Threads: any number.
 */
#ifndef PERSONA_SERVER_JOB_QUEUE_H
#define PERSONA_SERVER_JOB_QUEUE_H

#include "server/api/field.h"
#include "server/jobs/job_speed.h"
#include "server/serve/registry.h"
#include "server/store/server_db.h"
#include "workbench/library.h"

enum { JOB_ID_MAX = 32, JOBS_MAX = 10000, JOB_ARGS_MAX = 512 };

typedef enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELED,
} job_state;
const char *job_state_name(job_state s);

/* What a task works with. */
typedef struct job_context {
    registry *models;
    library *library;
    persona_hooks hooks; /* progress and cancellation */
    const json_doc *doc; /* of the request */
} job_context;

/* What a job would have models write: parts, of n answers of at most max_tokens each. */
enum { JOB_PLAN_PARTS = 12 };
typedef struct job_plan_part {
    const char *what; /* static */
    char model[SERVED_ID_MAX];
    size_t n;
    int max_tokens;
} job_plan_part;
typedef struct job_plan {
    job_plan_part parts[JOB_PLAN_PARTS];
    size_t n_parts;
} job_plan;

/* A kind of job; kinds.c has the table. */
typedef struct job_kind {
    const char *name;
    const field *fields;
    size_t args_size;
    void (*init)(void *args);
    /* What can be refused at once. NULL: nothing. Errors: USAGE, NOTFOUND. */
    persona_code (*check)(const void *args, const job_context *c, persona_err *e);
    /* Does it; writes the result as members of the object that is open. */
    persona_code (*run)(const void *args, const job_context *c, json_out *result, persona_err *e);
    /* What it would do (job_plan.h); nothing is computed. May load models. NULL: nobody asks. */
    persona_code (*plan)(const void *args, const job_context *c, job_plan *out, persona_err *e);
    const char *summary;
} job_kind;
extern const job_kind *const JOB_KINDS[]; /* NULL-terminated */
/* args_size is at most JOB_ARGS_MAX */
extern const field job_extract_fields[], job_transfer_fields[], job_sweep_fields[],
    job_screen_fields[], job_pull_fields[];
const job_kind *job_kind_named(const char *name);

/* What a job is about, as the request names it; "": it does not. */
typedef struct job_subject {
    char model[SERVED_ID_MAX], to[SERVED_ID_MAX];
    char what[128]; /* trait, vector or source; of several the first */
} job_subject;

typedef struct job_status {
    char id[JOB_ID_MAX];
    job_subject subject;
    const job_kind *kind;
    job_state state;
    int64_t created, started, ended; /* seconds since 1970; 0: not yet */
    char stage[64];
    size_t done, total, n_tokens;
    double seconds;     /* that it has run */
    double rate, eta_s; /* tokens a second; NAN: not known */
    bool resumed;       /* after a restart of the server */
    size_t place;       /* in the queue, from 1; 0: it does not wait */
    uint64_t version;   /* grows with every change */
    char error[512];
} job_status;

typedef struct jobs jobs;
/* d: borrowed. Jobs that were not finished are queued again. Errors: those of the database. */
PERSONA_CHECK persona_code jobs_new(server_db *d, registry *models, library *l, jobs **out,
                                    persona_err *e);
/* Starts the runner. */
PERSONA_CHECK persona_code jobs_start(jobs *j, persona_err *e);
/* Interrupts what runs, which stays to be resumed, and ends the runner and every wait. NULL is
 * fine. */
void jobs_stop(jobs *j);
/* The same, and nobody may ask any more. NULL is fine. */
void jobs_free(jobs *j);

/* args: the request's body, an object as text. *id as in job_status. Errors: USAGE, those of
 * check, UNAVAILABLE (too many jobs), those of the database. */
PERSONA_CHECK persona_code jobs_add(jobs *j, const job_kind *kind, const char *args, char *id,
                                    persona_err *e);
/* What a job with these arguments would do. Errors: as jobs_add, and those of loading models. */
PERSONA_CHECK persona_code jobs_plan(jobs *j, const job_kind *kind, const char *args, job_plan *out,
                                     persona_err *e);
/* Newest first; *out: mem_free it. */
PERSONA_CHECK persona_code jobs_list(jobs *j, job_status **out, size_t *n, persona_err *e);
/* Errors: NOTFOUND. */
PERSONA_CHECK persona_code jobs_get(jobs *j, const char *id, job_status *out, persona_err *e);
/* Request and result as JSON texts (mem_free them; result NULL: not wanted; *result NULL: none
 * yet). Errors: NOTFOUND, those of the database. */
PERSONA_CHECK persona_code jobs_texts(jobs *j, const char *id, char **args, char **result,
                                      persona_err *e);
/* What happened to it: lines of a time in seconds since 1970, a space and words, oldest first;
 * mem_free it. Errors: NOTFOUND, those of the database. */
PERSONA_CHECK persona_code jobs_log(jobs *j, const char *id, char **out, persona_err *e);
/* How fast it has been since the server began. Errors: NOTFOUND. */
PERSONA_CHECK persona_code jobs_speed(jobs *j, const char *id, job_speed *out, persona_err *e);
/* The job files in which its answers are kept, in the order in which they were begun; mem_free_list
 * them. Errors: NOTFOUND, those of the database. */
PERSONA_CHECK persona_code jobs_files(jobs *j, const char *id, char ***files, size_t *n,
                                      persona_err *e);
/* Waits at most that long until the job's version is beyond `version`, or it has ended. Errors:
 * NOTFOUND, UNAVAILABLE (the server ends). */
PERSONA_CHECK persona_code jobs_wait(jobs *j, const char *id, uint64_t version, double seconds,
                                     job_status *out, persona_err *e);
/* A job that has ended stays as it is. Errors: NOTFOUND, those of the database. */
PERSONA_CHECK persona_code jobs_cancel(jobs *j, const char *id, persona_err *e);
/* Queues a canceled or failed job again. Errors: NOTFOUND, USAGE (it is not), those of the
 * database. */
PERSONA_CHECK persona_code jobs_resume(jobs *j, const char *id, persona_err *e);
/* Forgets a job that has ended. Errors: NOTFOUND, USAGE (it has not), those of the database. */
PERSONA_CHECK persona_code jobs_delete(jobs *j, const char *id, persona_err *e);

#endif
