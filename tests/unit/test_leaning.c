/* SPDX-License-Identifier: MIT
 *
 * test_leaning.c - which texts are left out of a trait's map for what they show.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/map/mapobject.h"

static void expect(double neutral, double score, bool loose, bool strict)
{
    const persona_lean x = {.score = &score, .n = 1, .neutral = neutral};
    assert_false(persona_lean_leaves_out(&x, 0, PERSONA_LEAVE_NAME));
    assert_int_equal(persona_lean_leaves_out(&x, 0, PERSONA_LEAVE_LOOSE), loose);
    assert_int_equal(persona_lean_leaves_out(&x, 0, PERSONA_LEAVE_STRICT), strict);
}

/* Both poles lean: more than 5 points from 50, clearly beyond 15. */
static void two_poles(void **state)
{
    (void)state;
    expect(50, 50, false, false);
    expect(50, 55, false, false);
    expect(50, 55.1, false, true);
    expect(50, 44.9, false, true);
    expect(50, 65, false, true);
    expect(50, 65.1, true, true);
    expect(50, 0, true, true);
}

/* From absent to strongest: 30 leans, 60 clearly. */
static void one_pole(void **state)
{
    (void)state;
    expect(0, 0, false, false);
    expect(0, 29.9, false, false);
    expect(0, 30, false, true);
    expect(0, 59.9, false, true);
    expect(0, 60, true, true);
}

/* What the judge left open may show anything. */
static void open_scores(void **state)
{
    (void)state;
    expect(50, (double)NAN, true, true);
    expect(0, (double)NAN, true, true);
}

static void lists(void **state)
{
    (void)state;
    assert_true(map_names_trait("silly", "silly"));
    assert_true(map_names_trait("evil,silly,poetic", "silly"));
    assert_true(map_names_trait("evil,silly", "silly"));
    assert_false(map_names_trait("silliness,evil", "silly"));
    assert_false(map_names_trait("unsilly", "silly"));
    assert_false(map_names_trait("", "silly"));
    assert_false(map_names_trait(NULL, "silly"));
    assert_string_equal(persona_leave_name(PERSONA_LEAVE_STRICT), "strict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_poles), cmocka_unit_test(one_pole),
                                       cmocka_unit_test(open_scores), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
