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

/* One call of ten rows: every thread gets `share` of a core. */
static bool call(pace *p, machine *m, double seconds, double share)
{
    m->wall += seconds;
    m->cpu += seconds * share * p->threads;
    return pace_update(p, m->wall, m->cpu, 10);
}

/* Runs for some seconds. Where every thread gets its core, more are faster; else they wait for each
 * other. */
static int run_for(pace *p, machine *m, double seconds, double share, int *changes)
{
    const double end = m->wall + seconds;
    while (m->wall < end) {
        *changes += call(p, m, share > 0.9 ? 0.04 / p->threads : 0.01 * p->threads, share);
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
        call(&p, &m, 0.01 * p.threads, p.threads == 1 ? 1.0 : 0.5);
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

/* Clients take a third of the machine, and two threads still do more than one. */
static void what_is_faster_counts(void **state)
{
    (void)state;
    pace p;
    machine m = {100, 5};
    int twos = 0, steps = 0;
    pace_init(&p, 2, m.wall, m.cpu);
    for (int i = 0; i < 8000; i++) {
        call(&p, &m, p.threads == 1 ? 0.014 : 0.01, p.threads == 1 ? 0.9 : 0.65);
        twos += p.threads == 2;
        steps++;
    }
    assert_true(twos > steps * 9 / 10);
    p.threads = 1; /* as a busier time may have left it */
    for (int i = 0; i < 4000; i++) {
        call(&p, &m, p.threads == 1 ? 0.014 : 0.01, p.threads == 1 ? 0.9 : 0.65);
    }
    assert_int_equal(p.threads, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_faster_counts),
        cmocka_unit_test(idle_machine_keeps_all),
        cmocka_unit_test(busy_machine_takes_them_away_and_gives_them_back),
        cmocka_unit_test(one_thread_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
