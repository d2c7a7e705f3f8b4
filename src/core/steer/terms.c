/* SPDX-License-Identifier: MIT
 *
 * terms.c - lists of terms: building, freeing, comparing, and putting one list into another.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/steer/parts.h"

/* ---- freeing --------------------------------------------------------------------------------- */

void steer_direction_free(steer_direction *v)
{
    steer_direction *const parts[] = {v->a, v->b};
    for (size_t i = 0; i < 2; i++) {
        if (parts[i]) {
            steer_direction_free(parts[i]); /* no deeper than STEER_NESTING_MAX */
            mem_free(parts[i]);
        }
    }
    mem_free(v->name);
    *v = (steer_direction){0};
}

void steer_when_free(steer_comparison *when, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(when[i].probe);
    }
    mem_free(when);
}

void steer_term_free(steer_term *t)
{
    steer_direction_free(&t->v);
    steer_when_free(t->when, t->n_when);
    *t = (steer_term){0};
}

void steer_expr_free(steer_expr *x)
{
    for (size_t i = 0; i < x->n; i++) {
        steer_term_free(&x->terms[i]);
    }
    mem_free(x->terms);
    *x = (steer_expr){0};
}

/* ---- building -------------------------------------------------------------------------------- */

persona_code steer_add_term(steer_expr *x, steer_term *t, persona_err *e)
{
    steer_term *grown = mem_realloc(x->terms, x->n + 1, sizeof *grown);
    if (!grown) {
        steer_term_free(t);
        return mem_err(e, "a steering expression");
    }
    x->terms = grown;
    grown[x->n++] = *t;
    *t = (steer_term){0};
    return PERSONA_OK;
}

persona_code steer_add_when(steer_term *t, const steer_comparison *when, size_t n, persona_err *e)
{
    if (n == 0) {
        return PERSONA_OK;
    }
    steer_comparison *grown = mem_realloc(t->when, t->n_when + n, sizeof *grown);
    if (!grown) {
        return mem_err(e, "a steering expression");
    }
    t->when = grown;
    for (size_t i = 0; i < n; i++) {
        grown[t->n_when] = when[i];
        grown[t->n_when].probe = mem_strdup(when[i].probe);
        if (!grown[t->n_when].probe) {
            return mem_err(e, "a steering expression");
        }
        t->n_when++;
    }
    return PERSONA_OK;
}

static persona_code copy_direction(const steer_direction *from, steer_direction *to, persona_err *e)
{
    const steer_direction *const parts[] = {from->a, from->b};
    steer_direction **const copies[] = {&to->a, &to->b};
    persona_code rc = PERSONA_OK;
    *to = (steer_direction){.kind = from->kind};
    if (from->name) {
        to->name = mem_strdup(from->name);
        TRY(to->name ? PERSONA_OK : mem_err(e, "a steering expression"));
    }
    for (size_t i = 0; i < 2; i++) {
        if (parts[i]) {
            *copies[i] = mem_calloc(1, sizeof **copies[i]);
            TRY(*copies[i] ? PERSONA_OK : mem_err(e, "a steering expression"));
            TRY(copy_direction(parts[i], *copies[i], e));
        }
    }
out:
    return rc;
}

static persona_code copy_term(const steer_term *from, steer_term *to, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *to = *from;
    to->v = (steer_direction){0};
    to->when = NULL;
    to->n_when = 0;
    TRY(copy_direction(&from->v, &to->v, e));
    TRY(steer_add_when(to, from->when, from->n_when, e));
out:
    if (rc != PERSONA_OK) {
        steer_term_free(to);
    }
    return rc;
}

static size_t last_joint(const steer_expr *x)
{
    size_t last = 0;
    for (size_t i = 0; i < x->n; i++) {
        last = x->terms[i].joint > last ? x->terms[i].joint : last;
    }
    return last;
}

void steer_number_joints(steer_expr *x)
{
    size_t n = 0, before = 0;
    for (size_t i = 0; i < x->n; i++) {
        size_t *joint = &x->terms[i].joint;
        const size_t was = *joint;
        n += was > 0 && was != before;
        *joint = was > 0 ? n : 0;
        before = was;
    }
}

/* One term of `by` as it stands in the place of `at`. */
static persona_code add_scaled(steer_expr *x, const steer_term *from, const steer_term *at,
                               size_t joints, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    steer_term t = {0};
    TRY(copy_term(from, &t, e));
    t.coefficient *= at->coefficient;
    t.joint += t.joint > 0 ? joints : 0;
    t.column = at->column;
    TRY(steer_add_when(&t, at->when, at->n_when, e));
    TRY(steer_add_term(x, &t, e));
out:
    steer_term_free(&t);
    return rc;
}

persona_code steer_replace(steer_expr *x, size_t i, const steer_expr *by, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    steer_expr made = {0};
    const size_t joints = last_joint(x);
    if (x->n - 1 + by->n > STEER_TERMS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "steering expression: %zu terms with what its names stand for (at "
                               "most %d)",
                               x->n - 1 + by->n, STEER_TERMS_MAX);
    }
    for (size_t k = 0; k < x->n; k++) {
        steer_term copy = {0};
        for (size_t j = 0; k == i && j < by->n; j++) {
            TRY(add_scaled(&made, &by->terms[j], &x->terms[i], joints, e));
        }
        if (k != i) {
            TRY(copy_term(&x->terms[k], &copy, e));
            TRY(steer_add_term(&made, &copy, e));
        }
    }
    steer_expr_free(x);
    *x = made;
    made = (steer_expr){0};
    steer_number_joints(x);
out:
    steer_expr_free(&made);
    return rc;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_number(double a, double b)
{
    return a <= b && a >= b;
}

bool steer_direction_equal(const steer_direction *a, const steer_direction *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    return a->kind == STEER_NAMED
               ? strcmp(a->name, b->name) == 0
               : steer_direction_equal(a->a, b->a) && steer_direction_equal(a->b, b->b);
}

bool steer_same_when(const steer_term *a, const steer_term *b)
{
    bool same = a->n_when == b->n_when;
    for (size_t i = 0; same && i < a->n_when; i++) {
        const steer_comparison *p = &a->when[i], *q = &b->when[i];
        same = strcmp(p->probe, q->probe) == 0 && p->block == q->block && p->above == q->above &&
               same_number(p->open, q->open) && same_number(p->close, q->close);
    }
    return same;
}

bool steer_same_manner(const steer_term *a, const steer_term *b)
{
    return a->phases == b->phases && a->first == b->first && a->after == b->after &&
           a->syntax_off == b->syntax_off && same_number(a->budget, b->budget) &&
           steer_same_when(a, b);
}

static bool same_term(const steer_term *a, const steer_term *b)
{
    bool same = a->op == b->op && same_number(a->coefficient, b->coefficient) &&
                a->unit == b->unit && steer_direction_equal(&a->v, &b->v) &&
                a->block_a == b->block_a && a->block_b == b->block_b && a->joint == b->joint &&
                steer_same_manner(a, b);
    for (size_t i = 0; i < STEER_ARGUMENTS; i++) {
        same = same && same_number(a->arguments[i], b->arguments[i]);
    }
    return same;
}

bool steer_equal(const steer_expr *a, const steer_expr *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        same = same_term(&a->terms[i], &b->terms[i]);
    }
    return same;
}
