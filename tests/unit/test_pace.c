/* SPDX-License-Identifier: MIT
 *
 * test_pace.c - threads follow what the machine gives, on clocks of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pace.h"

typedef struct machine {
    double wall, cpu;
} machine;

/* Runs for some seconds in steps of 10 ms; every thread gets `share` of a core. */
static int run_for(pace *p, machine *m, double seconds, double share, int *changes)
{
    const double end = m->wall + seconds;
    while (m->wall < end) {
        m->wall += 0.01;
        m->cpu += 0.01 * share * p->threads;
        *changes += pace_update(p, m->wall, m->cpu);
    }
    return p->threads;
}

static void idle_machine_keeps_all(void **state)
{
    (void)state;
    pace p;
    machine m = {100, 5};
    int changes = 0;
    pace_init(&p, 8, m.wall, m.cpu);
    assert_int_equal(run_for(&p, &m, 60, 0.99, &changes), 8);
    assert_int_equal(changes, 0);
}

static void busy_machine_takes_them_away_and_gives_them_back(void **state)
{
    (void)state;
    pace p;
    machine m = {100, 5};
    int changes = 0;
    pace_init(&p, 4, m.wall, m.cpu);
    assert_int_equal(run_for(&p, &m, 0.3, 0.4, &changes), 2);
    assert_int_equal(run_for(&p, &m, 0.3, 0.4, &changes), 1);
    /* one thread gets its core: it stays, apart from short trials */
    int ones = 0, steps = 0;
    for (int i = 0; i < 6000; i++) {
        m.wall += 0.01;
        m.cpu += 0.01 * (p.threads == 1 ? 1.0 : 0.5 * p.threads);
        pace_update(&p, m.wall, m.cpu);
        ones += p.threads == 1;
        steps++;
    }
    assert_true(ones > steps * 9 / 10);
    /* idle again: all threads are back within half a minute or so */
    assert_int_equal(run_for(&p, &m, 40, 0.98, &changes), 4);
}

static void one_thread_is_left_alone(void **state)
{
    (void)state;
    pace p;
    machine m = {0, 0};
    int changes = 0;
    pace_init(&p, 1, 0, 0);
    assert_int_equal(run_for(&p, &m, 10, 0.1, &changes), 1);
    assert_int_equal(changes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_machine_keeps_all),
        cmocka_unit_test(busy_machine_takes_them_away_and_gives_them_back),
        cmocka_unit_test(one_thread_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
