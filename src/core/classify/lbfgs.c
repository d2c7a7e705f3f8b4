/* SPDX-License-Identifier: MIT
 *
 * lbfgs.c - Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5, with a line search
 * that halves or doubles its bracket until the strong form of sufficient decrease and the weak one
 * of curvature hold (algorithm of Lewis and Overton); then every update keeps the matrix positive.
 */
#include "core/classify/lbfgs.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum { HISTORY = 10, MAX_STEPS = 40 };
#define DECREASE 1e-4
#define CURVATURE 0.9

typedef struct state {
    lbfgs_fn fn;
    void *ud;
    size_t n;
    double *x, *g;           /* here */
    double *next, *next_g;   /* where the line search looks */
    double *d;               /* direction */
    double *s, *y;           /* (HISTORY, n), a ring */
    double rho[HISTORY];     /* 1 / (s . y) */
    size_t n_stored, newest; /* newest: the row written last */
    double value;
} state;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static double largest(const double *a, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++) {
        m = fmax(m, fabs(a[i]));
    }
    return m;
}

/* d = -H g, the two loops over the history. */
static void direction(state *t)
{
    double alpha[HISTORY];
    const size_t n = t->n;
    for (size_t i = 0; i < n; i++) {
        t->d[i] = -t->g[i];
    }
    for (size_t k = 0; k < t->n_stored; k++) {
        const size_t row = (t->newest + HISTORY - k) % HISTORY;
        alpha[row] = t->rho[row] * dot(t->s + row * n, t->d, n);
        for (size_t i = 0; i < n; i++) {
            t->d[i] -= alpha[row] * t->y[row * n + i];
        }
    }
    if (t->n_stored > 0) {
        const double *y = t->y + t->newest * n;
        const double scale = 1 / (t->rho[t->newest] * dot(y, y, n));
        for (size_t i = 0; i < n; i++) {
            t->d[i] *= scale;
        }
    }
    for (size_t k = t->n_stored; k-- > 0;) {
        const size_t row = (t->newest + HISTORY - k) % HISTORY;
        const double beta = t->rho[row] * dot(t->y + row * n, t->d, n);
        for (size_t i = 0; i < n; i++) {
            t->d[i] += (alpha[row] - beta) * t->s[row * n + i];
        }
    }
}

/* A step that goes down enough and has left the steep part. False: none was found. */
static bool line_search(state *t, double first)
{
    const double slope = dot(t->g, t->d, t->n);
    double low = 0, high = INFINITY, step = first;
    if (!(slope < 0)) {
        return false;
    }
    for (int k = 0; k < MAX_STEPS; k++) {
        for (size_t i = 0; i < t->n; i++) {
            t->next[i] = t->x[i] + step * t->d[i];
        }
        const double value = t->fn(t->ud, t->next, t->next_g);
        if (!(value <= t->value + DECREASE * step * slope)) {
            high = step;
        } else if (dot(t->next_g, t->d, t->n) < CURVATURE * slope) {
            low = step;
        } else {
            t->value = value;
            return true;
        }
        step = isinf(high) ? 2 * step : (low + high) / 2;
    }
    return false;
}

/* Moves to `next` and remembers the step. */
static void advance(state *t)
{
    const size_t row = t->n_stored == 0 ? 0 : (t->newest + 1) % HISTORY, n = t->n;
    double *s = t->s + row * n, *y = t->y + row * n;
    for (size_t i = 0; i < n; i++) {
        s[i] = t->next[i] - t->x[i];
        y[i] = t->next_g[i] - t->g[i];
    }
    memcpy(t->x, t->next, n * sizeof *t->x);
    memcpy(t->g, t->next_g, n * sizeof *t->g);
    const double sy = dot(s, y, n);
    if (!(sy > 1e-300)) { /* flat to the last bit: nothing to learn */
        return;
    }
    t->rho[row] = 1 / sy;
    t->newest = row;
    t->n_stored += t->n_stored < HISTORY;
}

persona_code lbfgs(const lbfgs_task *task, double *x, size_t n, lbfgs_result *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    state t = {.fn = task->fn, .ud = task->ud, .n = n, .x = x};
    double *room = n > SIZE_MAX / 64 ? NULL : mem_calloc((4 + 2 * HISTORY) * n, sizeof *room);
    if (!room) {
        return mem_err(e, "the minimum of a function");
    }
    t.g = room;
    t.next = room + n;
    t.next_g = room + 2 * n;
    t.d = room + 3 * n;
    t.s = room + 4 * n;
    t.y = t.s + HISTORY * n;
    *out = (lbfgs_result){0};
    t.value = task->fn(task->ud, x, t.g);
    if (!isfinite(t.value)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC, "the function is not finite at the start");
        goto out;
    }
    while (largest(t.g, n) > task->tolerance && out->n_iterations < task->max_iterations) {
        if (persona_canceled(task->cancel)) {
            rc = persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
            goto out;
        }
        direction(&t);
        const double first = t.n_stored > 0 ? 1 : 1 / fmax(1, sqrt(dot(t.g, t.g, n)));
        if (!line_search(&t, first)) {
            if (t.n_stored == 0) {
                break;
            }
            t.n_stored = 0; /* once more, straight down */
            continue;
        }
        advance(&t);
        out->n_iterations++;
    }
    out->value = t.value;
    out->gradient = largest(t.g, n);
out:
    mem_free(room);
    return rc;
}
