/* SPDX-License-Identifier: MIT
 *
 * cond.c - waits by the monotonic clock (cond.h). macOS cannot give a condition variable another
 * clock, but can wait for a while that is counted from now.
 */
#include "base/cond.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "base/clock.h"

#define MOST_S 1e6 /* then the caller looks again */

static struct timespec in_parts(double seconds)
{
    const double whole = floor(seconds);
    return (struct timespec){.tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - whole) * 1e9)};
}

#ifdef __APPLE__
void cond_init(pthread_cond_t *c)
{
    pthread_cond_init(c, NULL);
}

bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, double until)
{
    const double left = fmin(fmax(until - clock_now(), 0), MOST_S);
    const struct timespec t = in_parts(left);
    return pthread_cond_timedwait_relative_np(c, lock, &t) != ETIMEDOUT || left >= MOST_S;
}
#else
void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, double until)
{
    const double most = clock_now() + MOST_S;
    const struct timespec t = in_parts(fmin(fmax(until, 0), most));
    return pthread_cond_timedwait(c, lock, &t) != ETIMEDOUT || until > most;
}
#endif
