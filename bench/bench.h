/* SPDX-License-Identifier: MIT
 *
 * bench.h - what the cases of the benchmark share.
 *
 * A case measures rows. A row is either a comparison, ours and a yardstick in alternation, or a
 * plain value measured several times. Speeds are compared, so a share of 1 is as fast as the
 * yardstick and more is faster; each row has the share by wall clock and the share by processor
 * time, which neighbors on the machine disturb less. The case prints one JSON document, which
 * bench/run.py puts into the table.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/json.h"
#include "persona/persona.h"

#define BENCH_MOST 64 /* pairs of a row */

/* One run of one side: seconds, and how many tokens (or whatever the row counts) they gave. */
typedef struct bench_took {
    double wall, cpu, work;
} bench_took;
typedef bench_took (*bench_run)(void *ud);

typedef struct bench_side {
    bench_run run;
    void *ud;
} bench_side;

typedef struct bench {
    const char *path; /* of the model; NULL: none was given */
    int pairs;        /* at least so many */
    double seconds;   /* for a row; more pairs while there is time */
    int threads;
    json_out *o; /* inside the array of rows */
} bench;

/* What a row says of itself. ours and yardstick: what the two sides do, in a few words. */
typedef struct bench_row {
    const char *id, *ours, *yardstick, *unit;
    double target; /* the share that is wanted; for values: at most; 0: none is named */
} bench_row;

/* Warms up, then alternates: ours first in even pairs, the yardstick in odd ones. */
void bench_compare(bench *b, const bench_row *row, bench_side ours, bench_side yardstick);
/* What one of ours takes beyond the yardstick, v[i] of n pairs. Sorts v. */
void bench_value(bench *b, const bench_row *row, double *v, int n);

/* The clocks started. */
bench_took bench_start(void);
/* The time since, and the work. */
bench_took bench_stop(bench_took since, double work);
/* So many units that a run takes `seconds`, by a trial; least .. most. */
int bench_units(bench_took trial, double seconds, int least, int most);

void bench_die(const char *what);
void bench_must(persona_code rc, const persona_err *e);
void *bench_room(size_t n, size_t size); /* zeroed; never NULL */
/* n numbers in -1 .. 1, always the same for a seed. */
void bench_noise(float *v, size_t n, unsigned seed);
/* Token i of prompt k, never one of the control tokens at the ends of a vocabulary. */
persona_token bench_token(const persona_model *m, int k, int i);

/* What a case works with. */
persona_model *bench_model(const bench *b);
persona_session *bench_session(const bench *b, persona_model *m, int slots, int n_ctx);

/* ---- the cases ------------------------------------------------------------------------------- */

void case_decode(bench *b);
void case_steer(bench *b);
void case_probe(bench *b);
void case_prompt(bench *b);
void case_read(bench *b);
void case_extract(bench *b);
void case_dose(bench *b);
void case_memory(bench *b);
void case_map(bench *b);

#endif
