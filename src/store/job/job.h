/* SPDX-License-Identifier: MIT
 *
 * job.h - resumable jobs: one SQLite file per job, holding everything that was computed so far.
 *
 * A job is identified by its manifest, a JSON object of everything that decides about the result.
 * Work is a number of stages; a stage is a list of answers numbered from 0. The same command opens
 * the same file, asks what is there (job_done), computes the rest and stores it (job_put_answers).
 * What a put has returned survives kill -9 at any moment; a power cut may take the last puts, but
 * leaves a sound file. FORMATS.md has the tables.
 *
 * One process works on a job at a time (PATH.lock, a lock that dies with the process); others may
 * read beside it. A handle belongs to one thread, and not to a forked child.
 */
#ifndef PERSONA_STORE_JOB_H
#define PERSONA_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/session.h"
#include "persona/shard.h"

typedef struct job job;

/* ---- opening -------------------------------------------------------------------------------- */

/* Opens PATH for work, creating it (and its folder) if missing; fresh: whatever is there is removed
 * first. PATH NULL: a private job that vanishes with the handle; it lies on disk where it is
 * large. Errors: USAGE (the manifest differs from the file's: names the first member that does,
 * and both values), UNAVAILABLE (another process works on it: says which), FORMAT (not a job,
 * damaged, or the manifest is no JSON object), IO, NOMEM. */
PERSONA_CHECK persona_code job_open(const char *path, const char *manifest, bool fresh, job **out,
                                    persona_err *e);
/* The same for one part of a job, whose manifest says which one it is ("shard"); count 0: job_open.
 * A part wants a path. Errors: those of job_open, USAGE (the file is another part, or a whole). */
PERSONA_CHECK persona_code job_open_shard(const char *path, const char *manifest,
                                          persona_shard shard, bool fresh, job **out,
                                          persona_err *e);
/* Opens an existing job for reading, also while another process works on it: puts fail.
 * Errors: NOTFOUND, FORMAT, IO, UNAVAILABLE, NOMEM. */
PERSONA_CHECK persona_code job_read(const char *path, job **out, persona_err *e);
/* NULL is fine. */
void job_close(job *j);
const char *job_path(const job *j);
const char *job_manifest(const job *j); /* the text that the job was begun with */

/* ---- answers -------------------------------------------------------------------------------- */

typedef struct job_answer {
    const char *stage;                      /* "extract", ... */
    int64_t id;                             /* 0, 1, ...: its place in the stage */
    const char *text, *analysis, *question; /* NULL is stored as "" */
    const char *system, *prompt;       /* prompt: after the chat template. NULL: none, not kept */
    int polarity;                      /* +1, -1; 0: no instruction */
    int pair, question_index, rollout; /* where it comes from; -1: does not apply */
    uint32_t seed;
    bool answered;
    persona_finish finish;
    size_t n_prompt, n_answer, n_tokens;
    const float *mean;  /* (n_mean): usually (n_blocks, n_embd); NULL: none */
    const float *norms; /* (n_norms): usually (n_positions, n_blocks); NULL: none */
    size_t n_mean, n_norms;
} job_answer;

/* Stores n answers in one transaction: all of them or, on an error, none. A second answer of the
 * same stage and id is an error. Errors: IO (disk full), INTERNAL, NOMEM, ... */
PERSONA_CHECK persona_code job_put_answers(job *j, const job_answer *a, size_t n, persona_err *e);
PERSONA_CHECK persona_code job_has(job *j, const char *stage, int64_t id, bool *has,
                                   persona_err *e);
/* done[i] (n of them): is answer i there? *n_done counts (may be NULL). Errors: FORMAT (an answer
 * of this stage lies outside), IO, NOMEM. */
PERSONA_CHECK persona_code job_done(job *j, const char *stage, bool *done, size_t n, size_t *n_done,
                                    persona_err *e);

/* Where job_each_answer puts activations: room for so many floats. */
typedef struct job_room {
    float *mean, *norms; /* NULL: not wanted */
    size_t n_mean, n_norms;
} job_room;

typedef enum job_order {
    JOB_BY_ID,
    JOB_BY_QUESTION, /* as the published files: question, pair, rollout, positive before negative */
    JOB_BY_ARRIVAL,  /* as they were put: later ones never come before earlier ones */
} job_order;

/* Calls fn for every answer of a stage in order, until fn fails; its code is returned. Memory does
 * not grow with their number. The answer lives for the call; n_mean and n_norms always count
 * what is stored, mean and norms are the room's or NULL. room NULL: no activations are read. fn may
 * put scores and values, not answers. Errors: SHAPE (does not fit the room), FORMAT, IO, NOMEM. */
typedef persona_code (*job_answer_fn)(void *ud, const job_answer *a, persona_err *e);
PERSONA_CHECK persona_code job_each_answer(job *j, const char *stage, job_order order,
                                           const job_room *room, job_answer_fn fn, void *ud,
                                           persona_err *e);
/* n floats of one answer's mean, from number offset on, without reading the rest.
 * Errors: NOTFOUND (no such answer, or without a mean), SHAPE (past its end). */
PERSONA_CHECK persona_code job_read_mean(job *j, const char *stage, int64_t id, size_t offset,
                                         size_t n, float *out, persona_err *e);

/* ---- scores --------------------------------------------------------------------------------- */

/* What one judge said about one answer; NAN: not known. */
typedef struct job_score {
    int64_t id;
    double trait, coherence, mass;
} job_score;

/* Stores n scores by one judge in one transaction; a score of the same judge and answer is
 * replaced. Errors: NOTFOUND (no such answer), IO, NOMEM. */
PERSONA_CHECK persona_code job_put_scores(job *j, const char *stage, const char *judge,
                                          const job_score *s, size_t n, persona_err *e);
/* One score; *has tells whether it is there. */
PERSONA_CHECK persona_code job_get_score(job *j, const char *stage, const char *judge, int64_t id,
                                         job_score *out, bool *has, persona_err *e);
/* All of a judge's scores by rising id, as job_each_answer; fn may put values. */
typedef persona_code (*job_score_fn)(void *ud, const job_score *s, persona_err *e);
PERSONA_CHECK persona_code job_each_score(job *j, const char *stage, const char *judge,
                                          job_score_fn fn, void *ud, persona_err *e);

/* ---- values --------------------------------------------------------------------------------- */

/* Small results under a name: calibration points, the final document. */
PERSONA_CHECK persona_code job_put_value(job *j, const char *key, const char *text, persona_err *e);
/* *out is NULL if there is none; mem_free it. */
PERSONA_CHECK persona_code job_get_value(job *j, const char *key, char **out, persona_err *e);

/* Says that blocks are decided on by more questions; jobs of older versions have no such value. */
#define JOB_DECIDED "decided"
/* The value that says whether anything is left to do; opening a new job makes it "running". */
#define JOB_STATE "state"
#define JOB_RUNNING "running"
#define JOB_DONE "done"
/* Of a part: JOB_SHARD STAGE is how many answers the stage has in all parts together. */
#define JOB_SHARD "shard/"

/* ---- the shelf of jobs ---------------------------------------------------------------------- */

typedef struct job_count {
    char *stage, *judge; /* judge NULL: the answers themselves, else the scores by that judge */
    size_t n;
} job_count;

typedef struct job_info {
    char *path, *id; /* id: the file's name without .db */
    /* from the manifest, "" if it does not say: strings, or objects with a name */
    char *command, *trait, *model;
    bool done;
    bool running; /* a process works on it now; pid is 0 if it could not be learned */
    int pid;
    int64_t created, updated; /* seconds since 1970; updated: the last write */
    uint64_t n_bytes;         /* on disk */
    size_t n_answers;
    job_count *counts; /* (n_counts) by stage, answers before judges */
    size_t n_counts;
} job_info;

/* Reads without the lock. Errors: those of job_read; path, id, running, pid, updated and n_bytes
 * are filled in all the same, so free it in any case. */
PERSONA_CHECK persona_code job_info_read(const char *path, job_info *out, persona_err *e);
void job_info_free(job_info *i);

/* A member of a manifest, a number: the date that a chat template writes, named as the variable of
 * the environment that sets it. It does not change where a job lies, so that the job of yesterday
 * is found, and refused with this name, instead of begun anew. */
#define JOB_DATE "source_date_epoch"

/* Where a job lies if nobody says otherwise: jobs/<16 hex digits of the SHA-256 of the manifest but
 * for JOB_DATE>.db in the user's data folder. mem_free it. Errors: UNAVAILABLE (no home folder),
 * NOMEM. */
PERSONA_CHECK persona_code job_place(const char *manifest, char **out, persona_err *e);
/* That folder. mem_free it. */
PERSONA_CHECK persona_code job_folder(char **out, persona_err *e);
/* The paths of the *.db files in a folder, by name; a missing folder has none. Free with
 * persona_names_free. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code job_list(const char *folder, char ***paths, size_t *n, persona_err *e);
typedef struct job_merged {
    int n_parts;
    size_t n_answers, n_scores;
    bool was_there; /* OUT held all of it and was left as it is */
} job_merged;

/* Makes one job of all parts of one: OUT is there whole or not at all, and holds the answers in the
 * order of their numbers. An OUT that already is the job of these parts, and holds what they hold,
 * is left alone, so that a script may be run again. Errors: USAGE (a part is missing, doubled, of
 * another job or no part; OUT is something else or a part), UNAVAILABLE (a part is not done or is
 * worked on), those of opening jobs. Messages name the file and what to do. */
PERSONA_CHECK persona_code job_merge(const char *out, const char *const *parts, size_t n,
                                     job_merged *r, persona_err *e);

/* Removes the job's files, whatever is in them. Errors: NOTFOUND, UNAVAILABLE (being worked on),
 * IO, NOMEM. */
PERSONA_CHECK persona_code job_remove(const char *path, persona_err *e);

#endif
