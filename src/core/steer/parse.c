/* SPDX-License-Identifier: MIT
 *
 * parse.c - texts to terms, by recursive descent; the grammar is in persona/steer.h.
 *
 * What a pair of parentheses holds is parsed into the list like everything else; behind the closing
 * one its coefficient is multiplied into the terms that are new, and a "when" is copied to each.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/steer/parts.h"
#include "persona/plan.h"

typedef struct parser {
    scanner s;
    steer_expr *out;
    int depth;              /* open parentheses of groups and joint */
    size_t n_joints, joint; /* joint: the group being read, 0: none */
} parser;

static persona_code parse_sum(parser *p);

/* ---- coefficient and unit -------------------------------------------------------------------- */

/* number "*" */
static persona_code parse_times(scanner *s, double *out)
{
    const persona_code rc = scan_number(s, out);
    if (rc != PERSONA_OK) {
        return rc;
    }
    scan_space(s);
    if (*s->at != '*') {
        return scan_wrong(s, s->at, "'*' after the coefficient, as in 0.5*silly");
    }
    s->at++;
    scan_space(s);
    return PERSONA_OK;
}

/* "raw:" or "ratio:". */
static bool scan_unit(scanner *s, steer_unit *out)
{
    const size_t n = scan_word_length(s->at);
    if (s->at[n] != ':') {
        return false;
    }
    if (steer_spells(s->at, n, "raw")) {
        *out = STEER_RAW;
    } else if (steer_spells(s->at, n, "ratio")) {
        *out = STEER_RATIO;
    } else {
        return false;
    }
    s->at += n + 1;
    return true;
}

/* [sign] [number "*"] [unit], or unit number "*". Without a number the coefficient is 1. After an
 * operator a sign needs a number: "a - -0.5*b" is meant, "a - -b" is a slip. */
static persona_code parse_coefficient(scanner *s, bool first, steer_term *t)
{
    persona_code rc = PERSONA_OK;
    const char *begin = s->at;
    double sign = 1;
    if (*s->at == '+' || *s->at == '-') {
        sign = *s->at++ == '-' ? -1 : 1;
        scan_space(s);
    }
    const char *start = s->at;
    bool given = scan_number_length(s->at) > 0;
    t->coefficient = 1;
    if (given) {
        TRY(parse_times(s, &t->coefficient));
    }
    if (scan_unit(s, &t->unit) && scan_number_length(s->at) > 0) {
        if (given) {
            return scan_wrong(s, s->at, "one coefficient: 2*raw:silly, or raw:2*silly");
        }
        given = true;
        TRY(parse_times(s, &t->coefficient));
    }
    if (!given && !first && start != begin) {
        return scan_wrong(s, begin, "one sign between two terms");
    }
    t->coefficient *= sign;
out:
    return rc;
}

/* ---- directions ------------------------------------------------------------------------------ */

/* The word in front of "(", which is stepped over; NULL: there is none. */
static const char *scan_call(scanner *s, size_t *len)
{
    const char *word = s->at;
    *len = scan_word_length(word);
    scanner ahead = *s;
    ahead.at += *len;
    scan_space(&ahead);
    if (*len == 0 || *ahead.at != '(') {
        return NULL;
    }
    s->at = ahead.at + 1;
    scan_space(s);
    return word;
}

static persona_code expect(scanner *s, char c, const char *expected)
{
    scan_space(s);
    if (*s->at != c) {
        return scan_wrong(s, s->at, expected);
    }
    s->at++;
    scan_space(s);
    return PERSONA_OK;
}

static persona_code parse_direction(scanner *s, int depth, steer_direction *out);

/* What stands in the parentheses of along or without. */
static persona_code parse_two(scanner *s, int depth, steer_direction_kind kind,
                              steer_direction *out)
{
    persona_code rc = PERSONA_OK;
    if (depth == STEER_DIRECTIONS_MAX) {
        return scan_wrong(s, s->at, "along and without at most 8 deep in each other");
    }
    out->kind = kind;
    out->a = mem_calloc(1, sizeof *out->a);
    out->b = mem_calloc(1, sizeof *out->b);
    TRY(out->a && out->b ? PERSONA_OK : mem_err(s->e, "a steering expression"));
    TRY(parse_direction(s, depth + 1, out->a));
    TRY(expect(s, ',', "',' and a second vector"));
    TRY(parse_direction(s, depth + 1, out->b));
    TRY(expect(s, ')', "')' behind two vectors"));
out:
    return rc;
}

static bool direction_word(const char *word, size_t n, steer_direction_kind *kind)
{
    *kind = steer_spells(word, n, "along") ? STEER_ALONG : STEER_WITHOUT;
    return *kind == STEER_ALONG || steer_spells(word, n, "without");
}

static persona_code parse_direction(scanner *s, int depth, steer_direction *out)
{
    const char *start = s->at;
    size_t n = 0;
    steer_direction_kind kind;
    const char *word = scan_call(s, &n);
    if (!word) {
        out->kind = STEER_NAMED;
        return scan_name(s, &out->name);
    }
    if (!direction_word(word, n, &kind)) {
        return scan_wrong(s, start, "a vector: a name, along(a, b) or without(a, b)");
    }
    return parse_two(s, depth, kind, out);
}

/* ---- what follows a vector or an operator ---------------------------------------------------- */

/* ["@" A ["-" B]]. In "silly@5-7" the minus belongs to the range, in "silly@5 - x" to the sum. */
static persona_code parse_range(scanner *s, steer_term *t)
{
    static const char one[] = "a layer number", much[] = "a layer number of at most 4096";
    persona_code rc = PERSONA_OK;
    t->block_a = t->block_b = -1;
    if (*s->at != '@') {
        return PERSONA_OK;
    }
    s->at++;
    const char *start = s->at;
    TRY(scan_whole(s, STEER_BLOCK_MAX, one, much, &t->block_a));
    t->block_b = t->block_a;
    if (*s->at != '-') {
        return PERSONA_OK;
    }
    s->at++;
    TRY(scan_whole(s, STEER_BLOCK_MAX,
                   "the last layer of the range, or white space in front of '-'", much,
                   &t->block_b));
    if (*s->at == '.' || *s->at == '*') {
        rc = scan_wrong(s, start, "white space in front of '-' where it is not a range of layers");
    } else if (t->block_b < t->block_a) {
        rc = scan_wrong(s, start, "a range of layers in ascending order");
    }
out:
    return rc;
}

/* "first=N", "after=N" */
static persona_code parse_window(scanner *s, const char *word, int *out)
{
    const char *start = s->at;
    persona_code rc = PERSONA_OK;
    TRY(scan_word(s, word) ? PERSONA_OK : scan_wrong(s, start, word));
    TRY(*s->at == '=' ? PERSONA_OK
                      : scan_wrong(s, s->at, "'=' and a number of tokens, as in :first=20"));
    s->at++;
    if (*out > 0) {
        return scan_wrong(s, start, "each window once");
    }
    const char *number = s->at;
    TRY(scan_whole(s, STEER_WINDOW_MAX, "a number of tokens", "at most 16777216 tokens", out));
    if (*out == 0) {
        rc = scan_wrong(s, number, "a number of tokens from 1 on");
    }
out:
    return rc;
}

static persona_code parse_suffix(scanner *s, steer_term *t)
{
    const size_t n = scan_word_length(s->at);
    for (size_t i = 0; i < STEER_N_PHASES; i++) {
        if (steer_spells(s->at, n, steer_phases[i].name)) {
            t->phases |= steer_phases[i].bit;
            s->at += n;
            return PERSONA_OK;
        }
    }
    if (steer_spells(s->at, n, "first")) {
        return parse_window(s, "first", &t->first);
    }
    if (steer_spells(s->at, n, "after")) {
        return parse_window(s, "after", &t->after);
    }
    if (strncmp(s->at, "syntax=", 7) == 0) {
        s->at += 7;
        t->syntax_off = scan_word(s, "off");
        return t->syntax_off ? PERSONA_OK : scan_wrong(s, s->at, "off, as in :syntax=off");
    }
    return scan_wrong(s, s->at,
                      "a phase (prompt, response, analysis or final), first=N, after=N or "
                      "syntax=off");
}

static persona_code parse_suffixes(const parser *p, scanner *s, steer_term *t)
{
    persona_code rc = PERSONA_OK;
    while (rc == PERSONA_OK && *s->at == ':') {
        if (p->joint > 0) {
            return scan_wrong(s, s->at, "phases and windows behind joint(...), not inside");
        }
        s->at++;
        rc = parse_suffix(s, t);
    }
    return rc;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* The numbers behind the vector, and the closing parenthesis. */
static persona_code parse_arguments(scanner *s, steer_term *t)
{
    const steer_op_info *op = &steer_ops[t->op];
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < op->n_arguments; i++) {
        scan_space(s);
        t->arguments[i] = op->without[i];
        if (*s->at != ',') {
            if (i < op->n_needed) {
                return scan_wrong(s, s->at, op->wants[i]);
            }
            continue;
        }
        s->at++;
        scan_space(s);
        const char *start = s->at;
        TRY(scan_signed(s, op->wants[i], &t->arguments[i]));
        if (t->arguments[i] < op->low[i] || t->arguments[i] > op->high[i]) {
            return scan_wrong(s, start, op->wants[i]);
        }
    }
    TRY(expect(s, ')',
               op->n_arguments > 0 ? "')' behind the numbers of the operator"
                                   : "')' behind one vector"));
out:
    return rc;
}

static persona_code parse_operator(parser *p, const char *word, size_t n, steer_term *t)
{
    scanner *s = &p->s;
    persona_code rc = PERSONA_OK;
    steer_direction_kind kind;
    if (direction_word(word, n, &kind)) {
        return parse_two(s, 0, kind, &t->v);
    }
    for (size_t i = STEER_ADD + 1; i < STEER_N_OPS; i++) {
        if (steer_spells(word, n, steer_ops[i].name)) {
            t->op = (steer_op)i;
        }
    }
    if (t->op == STEER_ADD) {
        return persona_err_set(s->e, PERSONA_E_USAGE,
                               "steering expression, column %zu: there is no operator '%.*s'",
                               scan_column(s, word), (int)(n < 40 ? n : 40), word);
    }
    if (p->joint > 0) {
        return scan_wrong(s, word, "vectors in joint(...), not operators");
    }
    TRY(parse_direction(s, 0, &t->v));
    TRY(parse_arguments(s, t));
out:
    return rc;
}

/* ---- terms, groups, sums --------------------------------------------------------------------- */

static persona_code add_term(parser *p, steer_term *t)
{
    if (p->out->n == STEER_TERMS_MAX) {
        return scan_wrong(&p->s, p->s.at, "at most 256 terms");
    }
    return steer_add_term(p->out, t, p->s.e);
}

static persona_code deeper(parser *p, const char *at)
{
    if (p->depth == STEER_NESTING_MAX) {
        return scan_wrong(&p->s, at, "at most 16 parentheses in each other");
    }
    p->depth++;
    return PERSONA_OK;
}

static void scale_from(const parser *p, size_t start, double by)
{
    for (size_t i = start; i < p->out->n; i++) {
        p->out->terms[i].coefficient *= by;
    }
}

static persona_code add_when_from(parser *p, size_t start, const char *at)
{
    persona_code rc = PERSONA_OK;
    steer_comparison *when = NULL;
    size_t n = 0;
    TRY(scan_conditions(&p->s, &when, &n));
    for (size_t i = start; i < p->out->n; i++) {
        if (p->out->terms[i].n_when + n > STEER_COMPARISONS_MAX) {
            rc = scan_wrong(&p->s, at, "at most 8 comparisons for one term");
            goto out;
        }
        TRY(steer_add_when(&p->out->terms[i], when, n, p->s.e));
    }
out:
    steer_when_free(when, n);
    return rc;
}

/* What the parentheses of a group hold; the first is passed. */
static persona_code parse_group(parser *p, double coefficient, const char *at)
{
    const size_t start = p->out->n;
    persona_code rc = PERSONA_OK;
    TRY(deeper(p, at));
    scan_space(&p->s);
    TRY(parse_sum(p));
    if (p->joint == 0) {
        TRY(add_when_from(p, start, p->s.at));
    }
    TRY(expect(&p->s, ')', "'+', '-' (with white space in front), 'when' or ')'"));
    p->depth--;
    scale_from(p, start, coefficient);
out:
    return rc;
}

/* The manner and the range behind a joint group go to its terms. */
static void spread(const parser *p, size_t start, const steer_term *manner, double budget)
{
    for (size_t i = start; i < p->out->n; i++) {
        steer_term *t = &p->out->terms[i];
        t->phases = manner->phases;
        t->first = manner->first;
        t->after = manner->after;
        t->syntax_off = manner->syntax_off;
        t->budget = budget;
        if (t->block_a < 0) {
            t->block_a = manner->block_a;
            t->block_b = manner->block_b;
        }
    }
}

static persona_code parse_budget(scanner *s, double *out)
{
    static const char wants[] = "a budget: the largest ||edit||/||h||, as in joint(a + b, 0.3)";
    scan_space(s);
    if (*s->at != ',') {
        return PERSONA_OK;
    }
    s->at++;
    scan_space(s);
    const char *start = s->at;
    const persona_code rc = scan_signed(s, wants, out);
    return rc == PERSONA_OK && !(*out > 0) ? scan_wrong(s, start, wants) : rc;
}

static persona_code parse_joint(parser *p, double coefficient, const char *at)
{
    scanner *s = &p->s;
    const size_t start = p->out->n;
    steer_term manner = {0};
    double budget = 0;
    persona_code rc = PERSONA_OK;
    if (p->joint > 0) {
        return scan_wrong(s, at, "no joint(...) in another");
    }
    TRY(deeper(p, at));
    p->joint = ++p->n_joints;
    TRY(parse_sum(p));
    p->joint = 0;
    p->depth--;
    TRY(parse_budget(s, &budget));
    if (*s->at != ')') {
        rc = scan_wrong(s, s->at, "'+', '-' (with white space in front), ',' and a budget, or ')'");
        goto out;
    }
    s->at++;
    TRY(parse_range(s, &manner));
    TRY(parse_suffixes(p, s, &manner));
    scale_from(p, start, coefficient);
    spread(p, start, &manner, budget);
out:
    return rc;
}

/* One term with its coefficient read; it goes into the list, as do those of a group. */
static persona_code parse_factor(parser *p, steer_term *t)
{
    scanner *s = &p->s;
    const char *start = s->at;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    const char *word = scan_call(s, &n);
    const bool joint = word && steer_spells(word, n, "joint");
    const bool group = !word && *s->at == '(';
    if ((joint || group) && t->unit != STEER_DOSE) {
        return scan_wrong(s, start, "a name behind the unit; inside parentheses each has its own");
    }
    if (joint) {
        return parse_joint(p, t->coefficient, start);
    }
    if (group) {
        s->at++;
        return parse_group(p, t->coefficient, start);
    }
    t->joint = p->joint;
    t->column = scan_column(s, start);
    TRY(word ? parse_operator(p, word, n, t) : parse_direction(s, 0, &t->v));
    TRY(parse_range(s, t));
    TRY(parse_suffixes(p, s, t));
    t->coefficient += 0; /* no negative zero */
    TRY(add_term(p, t));
out:
    return rc;
}

static persona_code parse_term(parser *p, bool first, double sign)
{
    steer_term t = {0};
    persona_code rc = PERSONA_OK;
    TRY(parse_coefficient(&p->s, first, &t));
    t.coefficient *= sign;
    TRY(parse_factor(p, &t));
out:
    steer_term_free(&t);
    return rc;
}

static persona_code parse_sum(parser *p)
{
    scanner *s = &p->s;
    persona_code rc = PERSONA_OK;
    double sign = 1;
    for (bool first = true;; first = false) {
        TRY(parse_term(p, first, sign));
        scan_space(s);
        if (*s->at != '+' && *s->at != '-') {
            break;
        }
        sign = *s->at++ == '-' ? -1 : 1;
        scan_space(s);
    }
out:
    return rc;
}

persona_code steer_parse(const char *text, steer_expr *out, persona_err *e)
{
    parser p = {.s = {.text = text, .at = text, .e = e}, .out = out};
    persona_code rc = PERSONA_OK;
    *out = (steer_expr){0};
    if (strlen(text) > STEER_TEXT_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "steering expression: longer than %d bytes",
                               STEER_TEXT_MAX);
    }
    scan_space(&p.s);
    if (*p.s.at == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "steering expression: empty (expected something like 1.0*silly)");
    }
    TRY(parse_sum(&p));
    TRY(add_when_from(&p, 0, p.s.at));
    scan_space(&p.s);
    if (*p.s.at != '\0') {
        rc = scan_wrong(&p.s, p.s.at, "'+', '-' (with white space in front), 'when' or the end");
        goto out;
    }
    TRY(steer_check(out, e));
out:
    if (rc != PERSONA_OK) {
        steer_expr_free(out);
    }
    return rc;
}

persona_code steer_parse_any(const char *text, steer_expr *out, persona_err *e)
{
    const char *at = text + strspn(text, " \t\r\n");
    return *at == '{' ? steer_parse_object(text, out, e) : steer_parse(text, out, e);
}
