/* SPDX-License-Identifier: MIT
 *
 * conditions.h - the conditions of an evaluation: one table for the verdict, tables and plots.
 */
#ifndef PERSONA_PIPELINE_CONDITIONS_H
#define PERSONA_PIPELINE_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>

/* How a condition takes part in the verdict. */
typedef enum condition_test {
    TEST_NONE,   /* shown for comparison */
    TEST_BEYOND, /* a null: the transferred swing must be larger on the same questions */
    TEST_SPREAD, /* a null of many draws: the transferred swing must not be one of them */
    TEST_OWN     /* many draws that decide whether the effect is specific */
} condition_test;

typedef struct condition_kind {
    const char *name, *what; /* what: for legends */
    condition_test test;
    bool must_run;  /* without it there is no PASS */
    bool is_vector; /* an arm of persona_evaluate */
    bool drawn;     /* several arms, which share the questions */
    bool only_ones; /* at -1 and +1 only, and in no row of a report */
} condition_kind;

/* A control that must do nothing. */
static inline bool condition_is_null(const condition_kind *c)
{
    return c->test == TEST_BEYOND || c->test == TEST_SPREAD;
}

/* In the order of reports; NULL after the last. */
const condition_kind *condition_at(size_t i);
size_t condition_count(void);
const condition_kind *condition_find(const char *name); /* NULL: unknown */

#endif
