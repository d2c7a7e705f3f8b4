/* SPDX-License-Identifier: MIT
 *
 * pivot.c - the rows of an evaluation by condition and coefficient.
 *
 * Coefficients are compared with a tolerance: they may come from LOW:HIGH:N arithmetic.
 */
#include "pipeline/report/pivot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double same = 1e-9;

static size_t place_condition(pivot *p, const char *name)
{
    size_t i = 0;
    while (i < p->n_conditions && strcmp(p->conditions[i], name) != 0) {
        i++;
    }
    if (i == p->n_conditions && i < PIVOT_CONDITIONS) {
        p->conditions[p->n_conditions++] = name;
    }
    return i;
}

static void add_coefficient(pivot *p, double c)
{
    size_t i = 0;
    while (i < p->n_coefficients && p->coefficients[i] < c - same) {
        i++;
    }
    const bool known = i < p->n_coefficients && p->coefficients[i] < c + same;
    if (known || p->n_coefficients == PIVOT_COLUMNS) {
        return;
    }
    memmove(p->coefficients + i + 1, p->coefficients + i,
            (p->n_coefficients - i) * sizeof *p->coefficients);
    p->coefficients[i] = c;
    p->n_coefficients++;
}

void pivot_make(pivot *p, const persona_evaluation *x)
{
    *p = (pivot){.n_conditions = 0};
    for (size_t i = 0; i < x->n_rows; i++) {
        add_coefficient(p, x->rows[i].coefficient);
    }
    for (size_t i = 0; i < x->n_rows; i++) {
        const size_t c = place_condition(p, x->rows[i].condition);
        for (size_t k = 0; c < PIVOT_CONDITIONS && k < p->n_coefficients; k++) {
            if (fabs(p->coefficients[k] - x->rows[i].coefficient) < same) {
                p->at[c][k] = &x->rows[i];
            }
        }
    }
}

size_t pivot_answers(const pivot *p, size_t condition)
{
    size_t n = 0;
    for (size_t k = 0; k < p->n_coefficients; k++) {
        const persona_row *r = p->at[condition][k];
        n = r && r->n > n ? r->n : n;
    }
    return n;
}

const char *pivot_coefficient(double c, char *out, size_t size)
{
    snprintf(out, size, fabs(c) < same ? "0" : "%+g", c);
    return out;
}
