/* SPDX-License-Identifier: MIT
 *
 * pace.h - how many threads the machine bears at the moment.
 */
#ifndef PERSONA_ENGINE_PACE_H
#define PERSONA_ENGINE_PACE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pace {
    int most;                        /* threads that were asked for */
    int threads;                     /* threads in use */
    double wall, cpu;                /* clocks at the beginning of the window, seconds */
    double retry;                    /* time to wait before more threads are tried again */
    double lowered_at;               /* wall clock; when threads were last taken away */
    double kept_at;                  /* likewise; when so many were found to be worth it */
    int before;                      /* the number until now, while another is tried; 0: no trial */
    double rows, calls;              /* of the window */
    double rate_before, size_before; /* rows per second and call in the window before the trial */
} pace;

void pace_init(pace *p, int threads, double wall, double cpu);
/* To be called after every computation with the time spent in computations so far (wall, and
 * processor time of the process): what happens between them does not count. rows: of this one.
 * Returns true if p->threads has changed. */
bool pace_update(pace *p, double wall, double cpu, size_t rows);

#endif
