/* SPDX-License-Identifier: MIT
 *
 * pace.c - fewer threads on a busy machine.
 *
 * The threads of one graph wait for each other after every node. Where other programs want the same
 * cores, one of them is always behind, and all of them stand still for a time slice, hundreds of
 * times per token: two threads then do a fraction of the work of one. It shows in the processor
 * time that the process gets: with all threads running (or spinning) it is wall time times
 * threads. A window in which it stays far below halves the threads; after a while more are tried
 * again, and ever more seldom if that does not help. Results do not depend on the number of
 * threads.
 */
#include "engine/pace.h"

#define WINDOW 0.25 /* seconds */
#define BUSY 0.70   /* share of the wanted processor time below which threads are taken away */
#define FREE 0.85   /* above which a trial of more threads is kept */
#define FIRST_RETRY 2.0
#define LAST_RETRY 30.0

void pace_init(pace *p, int threads, double wall, double cpu)
{
    *p =
        (pace){.most = threads, .threads = threads, .wall = wall, .cpu = cpu, .retry = FIRST_RETRY};
}

static bool set(pace *p, int threads)
{
    const bool changed = threads != p->threads;
    p->threads = threads;
    return changed;
}

bool pace_update(pace *p, double wall, double cpu)
{
    const double span = wall - p->wall;
    if (p->most < 2 || span < WINDOW) {
        return false;
    }
    const double share = (cpu - p->cpu) / (span * p->threads);
    const int before = p->before;
    p->wall = wall;
    p->cpu = cpu;
    p->before = 0;
    if (before > 0 && share < FREE) { /* back to what worked, for longer */
        p->lowered_at = wall;
        p->retry = p->retry * 2 < LAST_RETRY ? p->retry * 2 : LAST_RETRY;
        return set(p, before);
    }
    if (before > 0) {
        p->retry = FIRST_RETRY;
    }
    if (p->threads > 1 && share < BUSY) {
        p->lowered_at = wall;
        return set(p, p->threads / 2);
    }
    if (p->threads < p->most && wall - p->lowered_at >= p->retry) {
        p->before = p->threads;
        return set(p, p->threads * 2 < p->most ? p->threads * 2 : p->most);
    }
    return false;
}
