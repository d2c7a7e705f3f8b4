/* SPDX-License-Identifier: MIT
 *
 * golden.h - numbers out of tests/fixtures/golden_*.json (made by tools/gen_golden.py).
 */
#ifndef PERSONA_TEST_GOLDEN_H
#define PERSONA_TEST_GOLDEN_H

#include <math.h>

#include "base/json.h"

static inline json_doc *golden_open(const char *name)
{
    char path[1024];
    json_doc *d = NULL;
    persona_err e = {0};
    snprintf(path, sizeof path, "%s/tests/fixtures/%s", PERSONA_SOURCE_DIR, name);
    if (json_read(path, 1 << 20, &d, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return d;
}

static inline double golden_number(const json_val *obj, const char *key)
{
    return json_number(json_get(obj, key), (double)NAN);
}

/* Copies the array obj[key] into out (max values); returns its length. */
static inline size_t golden_array(const json_val *obj, const char *key, double *out, size_t max)
{
    const json_val *a = json_get(obj, key);
    const size_t n = json_len(a);
    assert_true(n > 0 && n <= max);
    for (size_t i = 0; i < n; i++) {
        out[i] = json_number(json_at(a, i), (double)NAN);
    }
    return n;
}

static inline void golden_near(const char *what, double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%s: %.17g, expected %.17g within %g", what, value, expected, tolerance);
    }
}

#endif
