/* SPDX-License-Identifier: MIT
 *
 * leaveparts.c - held-out errors of dual ridge for any rows that are left out together, in closed
 * form, from the one inverse that the fit has anyway.
 *
 * The formula of leaveout.c holds for every set S of rows, not for groups only: the errors of a fit
 * without S, means included, on S are e_S = M^-1 (lambda G Y~)_S with M = lambda G_SS - 11^T/n.
 * Of S only some rows T are tested (a trait's answers to one question, where all of the trait and
 * all answers to the question are left out): e_T takes |T| columns of M^-1, so what it costs grows
 * with |S|^3, and with the width of the target only times |S| |T|.
 *
 * Rows that are of no trait are in no test, and so help every fit as they help the map itself.
 * Lambda is the one that leaving out questions chose.
 */
#include "core/map/leaveparts.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

#define LEAST_LEFT 8 /* rows that a fit needs, as a map does */

typedef struct parting {
    const leaveout *l;
    const leaveparts *p;
    const map_side *y;
    const float *solved;
    size_t *rows;  /* (n) left out; the tested ones first */
    double *block; /* (n, n) */
    double *unit;  /* (n, n) */
    float *weight; /* (n, n) M^-1, the tested columns, one per row */
    float *side;   /* (n, d) */
    float *test;   /* (n, d) */
    float *errors; /* (n, d) of all rows */
    bool *tested;  /* (n) */
} parting;

static void parting_end(parting *x)
{
    mem_free(x->rows);
    mem_free(x->block);
    mem_free(x->unit);
    mem_free(x->weight);
    mem_free(x->side);
    mem_free(x->test);
    mem_free(x->errors);
    mem_free(x->tested);
}

/* most: rows that can be left out at once. */
static persona_code parting_begin(parting *x, size_t most, persona_err *e)
{
    const size_t n = x->l->n, d = x->y->d;
    x->rows = mem_calloc(n, sizeof *x->rows);
    x->block = mem_calloc(most, most * sizeof *x->block);
    x->unit = mem_calloc(most, most * sizeof *x->unit);
    x->weight = mem_calloc(most, most * sizeof *x->weight);
    x->side = mem_calloc(most, d * sizeof *x->side);
    x->test = mem_calloc(most, d * sizeof *x->test);
    x->errors = mem_calloc(n, d * sizeof *x->errors);
    x->tested = mem_calloc(n, sizeof *x->tested);
    const bool ok =
        x->rows && x->block && x->unit && x->weight && x->side && x->test && x->errors && x->tested;
    return ok ? PERSONA_OK : mem_err(e, "the held-out errors of a map");
}

/* Errors of the first n_test of the n_out rows in x->rows. */
static persona_code leave(parting *x, size_t n_out, size_t n_test, persona_err *e)
{
    const leaveout *l = x->l;
    const size_t n = l->n, d = x->y->d;
    const double means = l->centered ? 1 / (double)n : 0;
    persona_code rc = PERSONA_OK;
    if (n_test == 0 || n - n_out < LEAST_LEFT) {
        return PERSONA_OK;
    }
    memset(x->unit, 0, n_out * n_test * sizeof *x->unit);
    for (size_t i = 0; i < n_out; i++) {
        const size_t row = x->rows[i] * n;
        for (size_t k = 0; k < n_out; k++) {
            const size_t at = row + x->rows[k];
            const double g = l->exact ? l->wide[at] : (double)l->g[at];
            x->block[i * n_out + k] = l->lambda * g - means;
        }
        if (i < n_test) {
            x->unit[i * n_test + i] = 1;
        }
        memcpy(x->side + i * d, x->solved + x->rows[i] * d, d * sizeof *x->side);
    }
    TRY(linalg_solve_spd(x->block, n_out, 0, x->unit, n_test, e));
    for (size_t i = 0; i < n_out * n_test; i++) {
        x->weight[i] = (float)(l->lambda * x->unit[i]);
    }
    linalg_gemm_single(x->weight, true, x->side, false, x->test, n_test, n_out, d);
    for (size_t i = 0; i < n_test; i++) {
        memcpy(x->errors + x->rows[i] * d, x->test + i * d, d * sizeof *x->errors);
        x->tested[x->rows[i]] = true;
    }
out:
    return rc;
}

static persona_code leave_trait(parting *x, int trait, persona_err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < x->l->n; i++) {
        if (x->p->trait[i] == trait) {
            x->rows[n++] = i;
        }
    }
    return leave(x, n, n, e);
}

/* Rows of group k and of the trait are tested; the rest of both is left out with them. */
static persona_code leave_both(parting *x, int trait, size_t k, persona_err *e)
{
    const size_t first = x->l->groups->start[k], end = x->l->groups->start[k + 1];
    size_t n_test = 0, n = 0;
    for (size_t i = first; i < end; i++) {
        if (x->p->trait[i] == trait) {
            x->rows[n_test++] = i;
        }
    }
    n = n_test;
    for (size_t i = 0; n_test > 0 && i < x->l->n; i++) {
        const bool here = i >= first && i < end;
        if (here != (x->p->trait[i] == trait)) {
            x->rows[n++] = i;
        }
    }
    return leave(x, n, n_test, e);
}

/* What the errors of the tested rows come to. */
static void sum_up(const parting *x, map_r2 *out)
{
    const leaveparts *p = x->p;
    const size_t n = x->l->n, d = x->y->d;
    double left = 0, total = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i * d; x->tested[i] && j < (i + 1) * d; j++) {
            left += (double)x->errors[j] * (double)x->errors[j];
            total += (double)x->y->z[j] * (double)x->y->z[j];
        }
    }
    out->rows = total > 0 ? 1 - left / total : (double)NAN;
    left = total = 0;
    for (size_t c = 0; c < p->n_contrasts; c++) {
        const size_t a = p->pos[c] * d, b = p->neg[c] * d;
        const bool both = x->tested[p->pos[c]] && x->tested[p->neg[c]];
        kept += both;
        for (size_t j = 0; both && j < d; j++) {
            const double error = (double)x->errors[a + j] - (double)x->errors[b + j];
            const double whole = (double)x->y->z[a + j] - (double)x->y->z[b + j];
            left += error * error;
            total += whole * whole;
        }
    }
    out->contrasts = kept > 0 ? 1 - left / total : (double)NAN;
}

/* The most rows that any test leaves out: those of the largest trait and of the largest group. */
static size_t most_left_out(const leaveout *l, const leaveparts *p)
{
    size_t most = 0;
    for (size_t t = 0; t < p->n_traits; t++) {
        size_t n = 0;
        for (size_t i = 0; i < l->n; i++) {
            n += p->trait[i] == (int)t;
        }
        most = n > most ? n : most;
    }
    return most + l->groups->largest < l->n ? most + l->groups->largest : l->n;
}

persona_code leaveparts_r2(const leaveout *l, const leaveparts *p, const map_side *y,
                           const float *solved, map_r2 *trait, map_r2 *both, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    parting x = {.l = l, .p = p, .y = y, .solved = solved};
    *trait = *both = (map_r2){(double)NAN, (double)NAN};
    if (!p->trait) {
        return PERSONA_OK;
    }
    TRY(parting_begin(&x, most_left_out(l, p), e));
    for (size_t t = 0; t < p->n_traits; t++) {
        TRY(leave_trait(&x, (int)t, e));
    }
    sum_up(&x, trait);
    memset(x.tested, 0, l->n * sizeof *x.tested);
    for (size_t t = 0; t < p->n_traits; t++) {
        for (size_t k = 0; k < l->groups->n_used; k++) {
            TRY(leave_both(&x, (int)t, k, e));
        }
    }
    sum_up(&x, both);
out:
    parting_end(&x);
    return rc;
}
