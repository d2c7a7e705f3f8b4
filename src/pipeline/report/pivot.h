/* SPDX-License-Identifier: MIT
 *
 * pivot.h - the rows of an evaluation by condition and coefficient, for tables and plots.
 */
#ifndef PERSONA_PIPELINE_PIVOT_H
#define PERSONA_PIPELINE_PIVOT_H

#include "persona/evaluate.h"

enum { PIVOT_COLUMNS = 16, PIVOT_CONDITIONS = 16 };

typedef struct pivot {
    const char *conditions[PIVOT_CONDITIONS]; /* in the order in which they first occur */
    double coefficients[PIVOT_COLUMNS];       /* ascending */
    size_t n_conditions, n_coefficients;
    const persona_row *at[PIVOT_CONDITIONS][PIVOT_COLUMNS]; /* NULL: not run */
} pivot;

/* Rows are borrowed from x. What does not fit is left out. */
void pivot_make(pivot *p, const persona_evaluation *x);
/* The largest number of answers in a cell of the condition. */
size_t pivot_answers(const pivot *p, size_t condition);
/* "+1", "-0.5", "0" into out. */
const char *pivot_coefficient(double c, char *out, size_t size);

#endif
