/* SPDX-License-Identifier: MIT
 *
 * expression.c - the words of the language, and what no expression may say, wherever it comes from.
 *
 * The parser refuses at once what is no text of the language. Everything else (a coefficient that
 * overflowed in parentheses, a strength above 1, a condition on a vector that its own terms add) is
 * looked for here, in a finished list: the same for texts, objects and expanded recipes.
 */
#include "core/steer/expression.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "core/steer/parts.h"
#include "persona/plan.h"

#define Z_MAX 1000

static const char percentile[] =
    "a percentile of neutral traffic from 0 to 100, as in cap(silly, 75)";
static const char z_score[] = "a neutral z-score from -1000 to 1000, as in clamp(silly, 1)";

const steer_op_info steer_ops[STEER_N_OPS] = {
    [STEER_ADD] = {.name = "add", .unit = true},
    [STEER_ABLATE] = {.name = "ablate", .strength = true},
    [STEER_CAP] = {"cap", 1, 1, {percentile}, {0}, {100}, {0}, .strength = true},
    [STEER_FLOOR] = {"floor", 1, 1, {percentile}, {0}, {100}, {0}, .strength = true},
    [STEER_CLAMP] = {"clamp", 1, 1, {z_score}, {-Z_MAX}, {Z_MAX}, {0}, .strength = true},
    [STEER_ROTATE] = {"rotate",
                      1,
                      1,
                      {"degrees from -180 to 180, as in rotate(silly, 10)"},
                      {-180},
                      {180},
                      {0},
                      .strength = false},
    [STEER_KEEPNORM] = {.name = "keepnorm", .unit = true},
    [STEER_HOLD] = {"hold",
                    1,
                    2,
                    {z_score,
                     "half of a band in z-scores from 0 to 1000, as in hold(silly, 1, 0.5)"},
                    {-Z_MAX, 0},
                    {Z_MAX, Z_MAX},
                    {0, 0.5},
                    .strength = true},
};

const steer_word steer_phases[STEER_N_PHASES] = {
    {"prompt", PERSONA_PHASE_PROMPT},
    {"response", PERSONA_PHASE_RESPONSE},
    {"analysis", PERSONA_PHASE_ANALYSIS},
    {"final", PERSONA_PHASE_FINAL},
};

const char *steer_unit_name(steer_unit u)
{
    static const char *const names[] = {
        [STEER_DOSE] = "dose", [STEER_RAW] = "raw", [STEER_RATIO] = "ratio"};
    return names[u];
}

const char *steer_op_name(steer_op op)
{
    return steer_ops[op].name;
}

void steer_place(const steer_expr *x, size_t term, char out[STEER_PLACE])
{
    buf b;
    buf_init(&b, STEER_PLACE - 1);
    if (term < x->n && x->terms[term].column > 0) {
        buf_printf(&b, "steering expression, column %zu", x->terms[term].column);
    } else {
        buf_printf(&b, "steering object, terms[%zu]", term);
    }
    memcpy(out, buf_str(&b), b.len + 1);
    buf_free(&b);
}

/* ---- faults ---------------------------------------------------------------------------------- */

typedef struct fault {
    const char *field, *wants;
} fault;

static const fault sound = {NULL, NULL};

static bool is_name(const char *s)
{
    const size_t n = strlen(s);
    bool plain = n > 0 && n <= STEER_TEXT_MAX && utf8_span(s, n) == n;
    for (size_t i = 0; plain && i < n; i++) {
        plain = (unsigned char)s[i] >= ' ' && s[i] != 0x7f && s[i] != '\'';
    }
    return plain;
}

/* "" fits; else what was expected. */
static const char *direction_fault(const steer_direction *v, int depth)
{
    if (v->kind == STEER_NAMED) {
        return is_name(v->name) ? NULL : "a name without quotes or control characters";
    }
    if (depth == STEER_DIRECTIONS_MAX) {
        return "along and without at most 8 deep in each other";
    }
    const char *a = direction_fault(v->a, depth + 1);
    return a ? a : direction_fault(v->b, depth + 1);
}

static bool mentions(const steer_direction *v, const char *name)
{
    return v->kind == STEER_NAMED ? strcmp(v->name, name) == 0
                                  : mentions(v->a, name) || mentions(v->b, name);
}

static fault coefficient_fault(const steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    if (!isfinite(t->coefficient)) {
        return (fault){"coefficient", "a finite coefficient"};
    }
    if (op->strength && (t->coefficient < 0 || t->coefficient > 1)) {
        return (fault){"coefficient", "a strength from 0 to 1 as the coefficient of ablate, cap, "
                                      "floor, clamp and hold"};
    }
    if (t->op == STEER_ROTATE && fabs(t->coefficient * t->arguments[0]) > 180) {
        return (fault){"coefficient", "a rotation of at most 180 degrees"};
    }
    if (t->unit != STEER_DOSE && !op->unit) {
        return (fault){"unit", "no unit here: only added vectors and keepnorm have one"};
    }
    return sound;
}

static fault arguments_fault(const steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    for (size_t i = 0; i < op->n_arguments; i++) {
        if (!(t->arguments[i] >= op->low[i] && t->arguments[i] <= op->high[i])) {
            return (fault){"arguments", op->wants[i]};
        }
    }
    return sound;
}

static fault place_fault(const steer_term *t)
{
    const unsigned all = PERSONA_PHASE_ALL | PERSONA_PHASE_ANALYSIS | PERSONA_PHASE_FINAL;
    const bool best = t->block_a == -1 && t->block_b == -1;
    if (!best && (t->block_a < 0 || t->block_b < t->block_a || t->block_b > STEER_BLOCK_MAX)) {
        return (fault){"blocks", "a range of layers in ascending order, at most 4096"};
    }
    if ((t->phases & ~all) != 0) {
        return (fault){"phases", "prompt, response, analysis or final"};
    }
    if (t->phases == PERSONA_PHASE_PROMPT &&
        (t->first > 0 || t->after > 0 || t->syntax_off || t->n_when > 0)) {
        return (fault){"phases", "more than the prompt: windows, syntax and conditions are about "
                                 "tokens of the reply"};
    }
    if (t->first < 0 || t->first > STEER_WINDOW_MAX) {
        return (fault){"first", "a number of tokens from 1 to 16777216"};
    }
    if (t->after < 0 || t->after > STEER_WINDOW_MAX) {
        return (fault){"after", "a number of tokens from 1 to 16777216"};
    }
    return sound;
}

static fault when_fault(const steer_term *t)
{
    if (t->n_when > STEER_COMPARISONS_MAX) {
        return (fault){"when", "at most 8 comparisons for one term"};
    }
    for (size_t i = 0; i < t->n_when; i++) {
        const steer_comparison *c = &t->when[i];
        if (!is_name(c->probe)) {
            return (fault){"when", "a probe's name without quotes or control characters"};
        }
        if (c->block < -1 || c->block > STEER_BLOCK_MAX) {
            return (fault){"when", "a layer number of at most 4096"};
        }
        if (!isfinite(c->open) || !isfinite(c->close)) {
            return (fault){"when", "finite z-scores"};
        }
        if (c->above ? c->close > c->open : c->close < c->open) {
            return (fault){"when", "an end of the condition on the far side of its beginning"};
        }
        if (mentions(&t->v, c->probe)) {
            return (fault){"when", "a condition on another vector than what it switches: a term "
                                   "cannot wait for itself (hold(x, z) keeps a trait at a level)"};
        }
    }
    return sound;
}

/* `before`: the term in front of it, or NULL. */
static fault joint_fault(const steer_term *t, const steer_term *before, bool fresh)
{
    if (t->joint == 0) {
        return t->budget > 0 || t->budget < 0 ? (fault){"joint", "a budget only of a joint group"}
                                              : sound;
    }
    if (!(t->budget >= 0) || !isfinite(t->budget)) {
        return (fault){"joint", "a budget above 0"};
    }
    if (t->op != STEER_ADD) {
        return (fault){"joint", "added vectors, not operators"};
    }
    if (before && before->joint == t->joint) {
        return steer_same_manner(before, t)
                   ? sound
                   : (fault){"joint", "one budget, window, set of phases and condition for all "
                                      "terms of the group"};
    }
    return fresh ? sound : (fault){"joint", "the terms of one group beside each other"};
}

static bool is_fresh(const steer_expr *x, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (x->terms[k].joint == x->terms[i].joint) {
            return false;
        }
    }
    return true;
}

static fault term_fault(const steer_expr *x, size_t i)
{
    const steer_term *t = &x->terms[i];
    const char *wants = direction_fault(&t->v, 0);
    const fault faults[] = {
        wants ? (fault){"vector", wants} : sound,
        coefficient_fault(t),
        arguments_fault(t),
        place_fault(t),
        wants ? sound : when_fault(t),
        joint_fault(t, i > 0 ? &x->terms[i - 1] : NULL, is_fresh(x, i)),
    };
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
        if (faults[k].wants) {
            return faults[k];
        }
    }
    return sound;
}

const char *steer_fault(const steer_expr *x, size_t *term, const char **field)
{
    *term = 0;
    *field = "vector";
    if (x->n > STEER_TERMS_MAX) {
        *term = STEER_TERMS_MAX;
        return "at most 256 terms";
    }
    for (size_t i = 0; i < x->n; i++) {
        const fault f = term_fault(x, i);
        if (f.wants) {
            *term = i;
            *field = f.field;
            return f.wants;
        }
    }
    buf text;
    buf_init(&text, STEER_TEXT_MAX);
    steer_print(x, &text);
    const bool fits = text.failed != PERSONA_E_SHAPE;
    buf_free(&text);
    return fits ? NULL : "an expression whose canonical text has at most 4096 bytes";
}

persona_code steer_check(const steer_expr *x, persona_err *e)
{
    size_t i = 0;
    const char *field = NULL, *wants = steer_fault(x, &i, &field);
    if (!wants) {
        return PERSONA_OK;
    }
    if (i < x->n && x->terms[i].column > 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "steering expression, column %zu: expected %s",
                               x->terms[i].column, wants);
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "steering object: field 'terms[%zu].%s': expected %s", i, field, wants);
}
