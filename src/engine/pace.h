/* SPDX-License-Identifier: MIT
 *
 * pace.h - how many threads the machine bears at the moment.
 */
#ifndef PERSONA_ENGINE_PACE_H
#define PERSONA_ENGINE_PACE_H

#include <stdbool.h>

typedef struct pace {
    int most;          /* threads that were asked for */
    int threads;       /* threads in use */
    double wall, cpu;  /* clocks at the beginning of the window, seconds */
    double retry;      /* time to wait before more threads are tried again */
    double lowered_at; /* wall clock; when threads were last taken away */
    int before;        /* the number that worked, while more are tried; 0: no trial */
} pace;

void pace_init(pace *p, int threads, double wall, double cpu);
/* To be called after every computation with the time spent in computations so far (wall, and
 * processor time of the process): what happens between them does not count.
 * Returns true if p->threads has changed. */
bool pace_update(pace *p, double wall, double cpu);

#endif
