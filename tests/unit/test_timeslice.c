/* SPDX-License-Identifier: MIT
 *
 * test_timeslice.c - a thread's turns are short when it asks, those of its threads too, and usual
 * again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/timeslice.h"

/* What the kernel says of the calling thread, in ns; 0: it cannot. */
static uint64_t turn(void)
{
    uint64_t a[8] = {0}; /* struct sched_attr: its fourth word is sched_runtime */
#ifdef SYS_sched_getattr
    if (syscall(SYS_sched_getattr, 0, a, sizeof a, 0) != 0) {
        return 0;
    }
#endif
    return a[3];
}

static bool kernel_can(void)
{
    struct utsname u;
    char *end = NULL;
    if (uname(&u) != 0) {
        return false;
    }
    const long major = strtol(u.release, &end, 10);
    const long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return major > 6 || (major == 6 && minor >= 12);
}

static void *its_turn(void *out)
{
    *(uint64_t *)out = turn();
    timeslice_usual();
    return NULL;
}

static void short_and_usual(void **state)
{
    (void)state;
    if (!kernel_can()) {
        skip();
    }
    const uint64_t usual = turn();
    uint64_t inherited = 0;
    pthread_t t;
    timeslice_short();
    const uint64_t now = turn();
    assert_true(now > 0 && now < 1000000);
    assert_true(now < usual);
    assert_int_equal(pthread_create(&t, NULL, its_turn, &inherited), 0);
    pthread_join(t, NULL);
    assert_int_equal(inherited, now);
    assert_int_equal(turn(), now); /* the other thread has changed its own */
    timeslice_usual();
    assert_int_equal(turn(), usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(short_and_usual)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
