/* SPDX-License-Identifier: MIT
 *
 * pace.c - fewer threads on a busy machine.
 *
 * The threads of one graph wait for each other after every node. Where other programs want the same
 * cores, one of them is always behind, and all of them stand still for a time slice, hundreds of
 * times per token: two threads then do a fraction of the work of one. It shows in the processor
 * time that the process gets: with all threads running (or spinning) it is wall time times
 * threads. A window in which it stays far below halves the threads; after a while more are tried
 * again, and ever more seldom if that does not help.
 *
 * What counts in the end are rows per second: a window after a change is compared with that before
 * it, if their calls were of about the same size. A machine that is busy with the very clients of
 * this program never gives every thread its core, and yet two may be faster than one. Results do
 * not depend on the number of threads.
 */
#include "engine/pace.h"

#define WINDOW 0.25 /* seconds */
#define BUSY 0.70   /* share of the wanted processor time below which threads are taken away */
#define FREE 0.85   /* above which a trial of more threads is kept */
#define WORTH 1.10  /* what more threads must bring where the machine is not free */
#define ALIKE 1.25  /* calls of windows that can be compared */
#define FIRST_RETRY 2.0
#define LAST_RETRY 30.0

void pace_init(pace *p, int threads, double wall, double cpu)
{
    *p = (pace){.most = threads,
                .threads = threads,
                .wall = wall,
                .cpu = cpu,
                .retry = FIRST_RETRY,
                .kept_at = wall - LAST_RETRY};
}

static bool set(pace *p, int threads, double rate, double size)
{
    const bool changed = threads != p->threads;
    p->rate_before = rate;
    p->size_before = size;
    p->threads = threads;
    return changed;
}

/* How fast this window was beside the one before the change; 0: they cannot be compared. */
static double beside(const pace *p, double rate, double size)
{
    const bool alike = size < ALIKE * p->size_before && p->size_before < ALIKE * size;
    return alike && p->rate_before > 0 ? rate / p->rate_before : 0;
}

static void wait_longer(pace *p)
{
    p->retry = p->retry * 2 < LAST_RETRY ? p->retry * 2 : LAST_RETRY;
}

bool pace_update(pace *p, double wall, double cpu, size_t rows)
{
    const double span = wall - p->wall;
    p->rows += (double)rows;
    p->calls++;
    if (p->most < 2 || span < WINDOW) {
        return false;
    }
    const double share = (cpu - p->cpu) / (span * p->threads);
    const double rate = p->rows / span, size = p->rows / p->calls;
    const int before = p->before;
    p->wall = wall;
    p->cpu = cpu;
    p->rows = 0;
    p->calls = 0;
    p->before = 0;
    if (before > p->threads) { /* were fewer worth it? */
        const double faster = beside(p, rate, size);
        if (faster > 0 && faster * WORTH < 1) {
            p->kept_at = wall;
            wait_longer(p);
            return set(p, before, rate, size);
        }
    } else if (before > 0 && share < FREE && beside(p, rate, size) < WORTH) {
        p->lowered_at = wall; /* back to what worked, for longer */
        wait_longer(p);
        return set(p, before, rate, size);
    } else if (before > 0) {
        p->retry = FIRST_RETRY;
        p->kept_at = wall;
    }
    if (p->threads > 1 && share < BUSY && wall - p->kept_at >= p->retry) {
        p->lowered_at = wall;
        p->before = p->threads;
        return set(p, p->threads / 2, rate, size);
    }
    if (p->threads < p->most && wall - p->lowered_at >= p->retry) {
        p->before = p->threads;
        return set(p, p->threads * 2 < p->most ? p->threads * 2 : p->most, rate, size);
    }
    return false;
}
