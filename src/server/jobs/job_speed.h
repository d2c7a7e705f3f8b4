/* SPDX-License-Identifier: MIT
 *
 * job_speed.h - how fast a job has been since it began, in a fixed number of points: when they are
 * full, two become one and the next ones stand twice as far apart. And how long what it does now
 * still takes: a stage may go through several rounds, each of which counts from its own beginning.
 */
#ifndef PERSONA_SERVER_JOB_SPEED_H
#define PERSONA_SERVER_JOB_SPEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOB_SPEEDS = 240 };
typedef struct job_speed_point {
    int64_t at;  /* seconds since 1970 */
    double rate; /* tokens a second since the point before */
} job_speed_point;
typedef struct job_speed {
    job_speed_point points[JOB_SPEEDS];
    size_t n;
    double every;    /* seconds between points at least; 0: nothing was added yet */
    double last;     /* clock of the last point */
    size_t n_tokens; /* then */
} job_speed;

/* now: any clock that only grows; at: the time of day; n_tokens: since the job began. */
void job_speed_add(job_speed *s, double now, int64_t at, size_t n_tokens);

typedef struct job_round {
    double begun;
    size_t first; /* that were done when it began: kept from before */
    size_t done, total;
} job_round;
/* next: a stage begins. */
void job_round_add(job_round *r, double now, bool next, size_t done, size_t total);
/* Seconds; NAN: too soon to tell. */
double job_round_left(const job_round *r, double now);

#endif
