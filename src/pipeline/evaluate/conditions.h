/* SPDX-License-Identifier: MIT
 *
 * conditions.h - the conditions of an evaluation: one table for the verdict, tables and plots.
 */
#ifndef PERSONA_PIPELINE_CONDITIONS_H
#define PERSONA_PIPELINE_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct condition_kind {
    const char *name, *what; /* what: for legends */
    bool null;               /* a control that must do nothing */
    bool must_run;           /* without it there is no PASS */
    bool is_vector;          /* an arm of persona_evaluate */
} condition_kind;

/* In the order of reports; NULL after the last. */
const condition_kind *condition_at(size_t i);
const condition_kind *condition_find(const char *name); /* NULL: unknown */

#endif
