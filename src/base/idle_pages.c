/* SPDX-License-Identifier: MIT
 *
 * idle_pages.c - a thread's empty pages (idle_pages.h). glibc puts thread-local storage at the end
 * of the stack's mapping, so one walk from here to that end sees both. Elsewhere nothing is
 * given back.
 */
#include "base/idle_pages.h"

#ifdef __linux__
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The stack is full of red zones that are none of its business. */
__attribute__((no_sanitize("address", "thread"))) static bool is_zero(const uint64_t *p,
                                                                      size_t bytes)
{
    uint64_t any = 0;
    for (size_t i = 0; i < bytes / sizeof *p && any == 0; i++) {
        any = p[i];
    }
    return any == 0;
}

static bool stack_of_thread(uintptr_t *low, uintptr_t *high)
{
    pthread_attr_t a;
    void *base = NULL;
    size_t size = 0;
    if (getpid() == gettid() || pthread_getattr_np(pthread_self(), &a) != 0) {
        return false;
    }
    const bool ok = pthread_attr_getstack(&a, &base, &size) == 0;
    pthread_attr_destroy(&a);
    *low = (uintptr_t)base;
    *high = *low + size;
    return ok;
}

void idle_pages_drop(void)
{
    enum { SPARE = 2 }; /* pages below here: this function's callees, a signal's frame */
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(page - 1);
    uintptr_t low = 0, high = 0;
    if (!stack_of_thread(&low, &high) || here < low || here >= high) {
        return;
    }
    low = (low + page - 1) & ~(page - 1);
    if (here > low + SPARE * page) {
        madvise((void *)low, here - SPARE * page - low, MADV_DONTNEED);
    }
    for (uintptr_t p = here + page; p + page <= high; p += page) {
        if (is_zero((const uint64_t *)p, page)) {
            madvise((void *)p, page, MADV_DONTNEED);
        }
    }
}
#else
void idle_pages_drop(void)
{
}
#endif
