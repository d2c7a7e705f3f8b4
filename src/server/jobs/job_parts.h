/* SPDX-License-Identifier: MIT
 *
 * job_parts.h - what job_queue.c and job_run.c share: the list of jobs and its lock.
 */
#ifndef PERSONA_SERVER_JOB_PARTS_H
#define PERSONA_SERVER_JOB_PARTS_H

#include <pthread.h>

#include "server/jobs/job_queue.h"
#include "server/store/jobs_db.h"

typedef struct job_entry {
    job_row row;
    job_subject subject;
    const job_kind *kind;
    persona_cancel *cancel; /* while it runs */
    bool canceling;
    char stage[64];
    job_round round;
    size_t n_tokens;
    double begun, stage_begun; /* clock_now */
    size_t stage_tokens;       /* when the stage began */
    job_speed *speed;          /* NULL: it has not run since the server began */
    bool resumed;
    uint64_t version;
} job_entry;

struct jobs {
    registry *models;
    library *library;
    server_db *db;
    pthread_mutex_t lock;
    pthread_cond_t work, news;
    pthread_t runner;
    bool running, ending;
    job_entry *list[JOBS_MAX]; /* (n) oldest first */
    size_t n;
};

/* Wants the lock. */
void job_changed(jobs *j, job_entry *x);
/* A line of the job's log, with the time. */
void job_note(jobs *j, const char *id, const char *words);

#endif
