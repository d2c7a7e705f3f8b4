/* SPDX-License-Identifier: MIT
 *
 * timeslice.c - the length of a thread's turns (timeslice.h). libc has no function for it before
 * glibc 2.41, so the kernel's structure stands here. Other systems keep their turns.
 */
#include "base/timeslice.h"

#ifdef __linux__
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define SHORT_NS 500000

#ifdef SYS_sched_setattr
typedef struct sched_attributes { /* the kernel's struct sched_attr, version 0 */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} sched_attributes;

/* 0: the system's own. Only threads of the usual policy are touched; a failure changes nothing. */
static void set_turns(uint64_t ns)
{
    sched_attributes a = {.size = sizeof a};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0 && a.policy == 0) {
        a.runtime = ns;
        (void)syscall(SYS_sched_setattr, 0, &a, 0);
    }
}
#else
static void set_turns(unsigned ns)
{
    (void)ns;
}
#endif

void timeslice_short(void)
{
    set_turns(SHORT_NS);
}

void timeslice_usual(void)
{
    set_turns(0);
}
