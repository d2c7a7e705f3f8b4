/* SPDX-License-Identifier: MIT
 *
 * test_fluency.c - repetition against a slow reference and zlib, and at the edges of UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/measure/stats.h"
#include "core/text/fluency.h"
#include "golden.h"

static fluency measure(const char *text)
{
    fluency f;
    persona_err e = {0};
    if (fluency_measure(text, &f, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return f;
}

static void near_or_nan(const char *what, double value, double expected)
{
    if (isnan(expected)) {
        assert_true(isnan(value));
    } else {
        golden_near(what, value, expected, 1e-12);
    }
}

static void golden(void **state)
{
    (void)state;
    double ours[32], theirs[32];
    size_t n = 0;
    json_doc *doc = golden_open("golden_fluency.json");
    const json_val *cases = json_get(json_root(doc), "cases");
    for (size_t i = 0; i < json_len(cases); i++) {
        const json_val *c = json_at(cases, i);
        const fluency f = measure(json_string(json_get(c, "text")));
        assert_int_equal(f.n_words, (size_t)golden_number(c, "n_words"));
        near_or_nan("distinct2", f.distinct2, golden_number(c, "distinct2"));
        near_or_nan("distinct3", f.distinct3, golden_number(c, "distinct3"));
        assert_int_equal(f.longest_repeat, (size_t)golden_number(c, "longest"));
        if (f.n_words < 100) {
            continue;
        }
        ours[n] = f.redundancy;
        theirs[n++] = golden_number(c, "zlib");
    }
    assert_int_equal(n, 5);
    golden_near("order of redundancy", stat_spearman(ours, theirs, n), 1, 1e-12);
    json_free(doc);
}

static void known(void **state)
{
    (void)state;
    fluency f = measure("");
    assert_true(f.n_words == 0 && f.longest_repeat == 0);
    assert_true(isnan(f.distinct2) && isnan(f.distinct3) && isnan(f.redundancy));
    f = measure("to be or not to be");
    assert_int_equal(f.longest_repeat, 2);
    golden_near("distinct2", f.distinct2, 4 / 5.0, 1e-12);
    golden_near("distinct3", f.distinct3, 1, 0);
    /* One literal and one copy. */
    golden_near("run", measure("!!!!!!!!!!!!!!!!!!!!").redundancy, 1 - 4 / 20.0, 1e-12);
    golden_near("nothing", measure("abcdefghijklmnop").redundancy, 0, 0);
    golden_near("copy", measure("abcdefghabcdefgh").redundancy, 1 - 11 / 16.0, 1e-12);
    assert_int_equal(measure("ha ha ha ha").longest_repeat, 3);
    assert_int_equal(measure("ha").longest_repeat, 0);
    assert_int_equal(measure("\xe4\xbd\xa0\xe5\xa5\xbd").n_words, 2);
    assert_int_equal(measure("\xc3\xa9t\xc3\xa9\xc2\xa0\xe2\x80\xa6 ok").n_words, 2);
}

/* Any bytes: no crash, counts that fit together, and doubling a text repeats all of it. */
static void any_bytes(void **state)
{
    (void)state;
    char text[512], twice[1025];
    rng r;
    rng_seed(&r, 7, 0);
    for (int round = 0; round < 400; round++) {
        const size_t len = rng_below(&r, sizeof text);
        for (size_t i = 0; i < len; i++) {
            text[i] = round % 2 ? (char)(1 + rng_below(&r, 255)) : "ab \xc3"[rng_below(&r, 4)];
        }
        text[len] = 0;
        const fluency f = measure(text);
        assert_true(f.n_words <= len);
        assert_true(f.n_words < 2 || (f.distinct2 > 0 && f.distinct2 <= 1));
        assert_true(f.n_words < 3 || (f.distinct3 > 0 && f.distinct3 <= 1));
        assert_true(f.longest_repeat == 0 || f.longest_repeat < f.n_words);
        assert_true(len == 0 || (f.redundancy >= 0 && f.redundancy < 1));
        snprintf(twice, sizeof twice, "%s\n%s", text, text);
        const fluency g = measure(twice);
        assert_int_equal(g.n_words, 2 * f.n_words);
        assert_true(g.longest_repeat >= f.n_words);
        assert_true(len < 40 || g.redundancy > f.redundancy);
    }
}

static void limits(void **state)
{
    (void)state;
    const size_t size = (1 << 20) + 1;
    char *text = calloc(size + 1, 1);
    fluency f;
    persona_err e = {0};
    assert_non_null(text);
    memset(text, 'a', size);
    assert_int_equal(fluency_measure(text, &f, &e), PERSONA_E_SHAPE);
    text[size - 1] = 0;
    assert_int_equal(fluency_measure(text, &f, &e), PERSONA_OK);
    assert_int_equal(f.n_words, 1);
    for (size_t i = 1; i < 1 << 16; i += 2) { /* the worst case of comparing runs */
        text[i] = ' ';
    }
    text[1 << 16] = 0;
    assert_int_equal(measure(text).longest_repeat, (1 << 15) - 1);
    free(text);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = fluency_measure("a b c a b c a b c", &f, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    assert_int_equal(f.longest_repeat, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(known),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
