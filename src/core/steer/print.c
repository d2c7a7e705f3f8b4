/* SPDX-License-Identifier: MIT
 *
 * print.c - the canonical text of an expression.
 *
 * One space around what joins terms, a coefficient of 1 left out, every number as short as it reads
 * back, names quoted where they must be. A condition that all terms share stands at the end, any
 * other behind the run of terms that has it, in parentheses.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/steer/parts.h"

static void put_number(buf *out, double x)
{
    char text[40] = "";
    if (fabs(x) < 1e15 && trunc(x) >= x && trunc(x) <= x) {
        buf_printf(out, "%.0f", fabs(x) > 0 ? x : 0);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        const double back = strtod(text, NULL);
        if (back <= x && back >= x) {
            break;
        }
    }
    buf_puts(out, text);
}

static void put_name(buf *out, const char *name)
{
    buf_printf(out, steer_is_bare(name) ? "%s" : "'%s'", name);
}

static void put_direction(buf *out, const steer_direction *v)
{
    if (v->kind == STEER_NAMED) {
        put_name(out, v->name);
        return;
    }
    buf_puts(out, v->kind == STEER_ALONG ? "along(" : "without(");
    put_direction(out, v->a);
    buf_puts(out, ", ");
    put_direction(out, v->b);
    buf_putc(out, ')');
}

char *steer_direction_text(const steer_direction *v)
{
    buf b;
    buf_init(&b, (size_t)1 << 16);
    put_direction(&b, v);
    return buf_take(&b);
}

static void put_operator(buf *out, const steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    size_t n = op->n_arguments;
    while (n > op->n_needed && t->arguments[n - 1] <= op->without[n - 1] &&
           t->arguments[n - 1] >= op->without[n - 1]) {
        n--;
    }
    buf_printf(out, "%s(", op->name);
    put_direction(out, &t->v);
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, ", ");
        put_number(out, t->arguments[i]);
    }
    buf_putc(out, ')');
}

static void put_manner(buf *out, const steer_term *t)
{
    for (size_t i = 0; i < STEER_N_PHASES; i++) {
        if ((t->phases & steer_phases[i].bit) != 0) {
            buf_printf(out, ":%s", steer_phases[i].name);
        }
    }
    if (t->after > 0) {
        buf_printf(out, ":after=%d", t->after);
    }
    if (t->first > 0) {
        buf_printf(out, ":first=%d", t->first);
    }
    if (t->syntax_off) {
        buf_puts(out, ":syntax=off");
    }
}

static void put_sign(buf *out, bool first, bool minus)
{
    if (!first) {
        buf_puts(out, minus ? " - " : " + ");
    } else if (minus) {
        buf_putc(out, '-');
    }
}

/* Without the manner, which a joint group has as a whole. */
static void put_term(buf *out, const steer_term *t, bool first)
{
    const double size = fabs(t->coefficient);
    put_sign(out, first, t->coefficient < 0);
    if (size < 1 || size > 1) {
        put_number(out, size);
        buf_putc(out, '*');
    }
    if (t->unit != STEER_DOSE) {
        buf_printf(out, "%s:", steer_unit_name(t->unit));
    }
    if (t->op == STEER_ADD) {
        put_direction(out, &t->v);
    } else {
        put_operator(out, t);
    }
    if (t->block_a >= 0) {
        buf_printf(out, "@%d", t->block_a);
    }
    if (t->block_b > t->block_a) {
        buf_printf(out, "-%d", t->block_b);
    }
}

/* The joint group that begins here; how many terms it has. */
static size_t put_joint(buf *out, const steer_term *t, size_t n, bool first)
{
    size_t k = 0;
    put_sign(out, first, false);
    buf_puts(out, "joint(");
    for (; k < n && t[k].joint == t->joint; k++) {
        put_term(out, &t[k], k == 0);
    }
    if (t->budget > 0) {
        buf_puts(out, ", ");
        put_number(out, t->budget);
    }
    buf_putc(out, ')');
    put_manner(out, t);
    return k;
}

static void put_run(buf *out, const steer_term *t, size_t n, bool first)
{
    for (size_t i = 0; i < n;) {
        const bool at_start = first && i == 0;
        if (t[i].joint > 0) {
            i += put_joint(out, &t[i], n - i, at_start);
        } else {
            put_term(out, &t[i], at_start);
            put_manner(out, &t[i]);
            i++;
        }
    }
}

static void put_when(buf *out, const steer_term *t)
{
    for (size_t i = 0; i < t->n_when; i++) {
        const steer_comparison *c = &t->when[i];
        buf_puts(out, i == 0 ? " when " : " and ");
        put_name(out, c->probe);
        if (c->block >= 0) {
            buf_printf(out, "@%d", c->block);
        }
        buf_puts(out, c->above ? " > " : " < ");
        put_number(out, c->open);
        if (c->close < c->open || c->close > c->open) {
            buf_puts(out, " until ");
            put_number(out, c->close);
        }
    }
}

/* How many terms from here on have the conditions of the first. */
static size_t run_length(const steer_term *t, size_t n)
{
    size_t k = 1;
    while (k < n && steer_same_when(t, &t[k])) {
        k++;
    }
    return k;
}

void steer_print(const steer_expr *x, buf *out)
{
    for (size_t i = 0; i < x->n;) {
        const steer_term *t = &x->terms[i];
        const size_t n = run_length(t, x->n - i);
        const bool inside = t->n_when > 0 && n < x->n;
        if (inside) {
            put_sign(out, i == 0, false);
            buf_putc(out, '(');
        }
        put_run(out, t, n, i == 0 || inside);
        put_when(out, t);
        if (inside) {
            buf_putc(out, ')');
        }
        i += n;
    }
}
