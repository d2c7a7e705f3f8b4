/* SPDX-License-Identifier: MIT
 *
 * steer.c - the parser of steering expressions; the grammar is in steer.h.
 *
 * One pass by hand, no tokens: a term is so short that every error can say its column and what
 * would have been right. A name may hold "-" and ".", so a minus sign between terms needs white
 * space in front of it; where it is missing, the message says so. What the language will have later
 * (ablate, cap, ...) is named as such, since "unknown name" would send the user looking for
 * a file.
 */
#include "core/steer/expression.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "persona/session.h"

#define TEXT_MAX 4096
#define TERMS_MAX 256
#define BLOCK_MAX 4096

typedef struct parser {
    const char *text, *at;
    persona_err *e;
} parser;

static const char *const later_operators[] = {"ablate", "cap", "floor", "clamp", "rotate"};
static const struct {
    const char *name;
    unsigned bit;
} phases[] = {
    {"prompt", PERSONA_PHASE_PROMPT},
    {"response", PERSONA_PHASE_RESPONSE},
    {"analysis", PERSONA_PHASE_ANALYSIS},
    {"final", PERSONA_PHASE_FINAL},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '/' || c == '-';
}

static void skip_space(parser *p)
{
    while (*p->at == ' ' || (*p->at >= '\t' && *p->at <= '\r')) {
        p->at++;
    }
}

static persona_code wrong(const parser *p, const char *at, const char *expected)
{
    return persona_err_set(p->e, PERSONA_E_USAGE, "steering expression, column %zu: expected %s",
                           (size_t)(at - p->text) + 1, expected);
}

static bool spells(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

static bool listed(const char *s, size_t len, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (spells(s, len, words[i])) {
            return true;
        }
    }
    return false;
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    while (is_name(s[n])) {
        n++;
    }
    return n;
}

/* ---- parts of a term ------------------------------------------------------------------------ */

/* Length of a decimal number without sign; 0: none. "nan", "inf" and hexadecimal are names. */
static size_t number_length(const char *s)
{
    size_t n = 0, digits = 0;
    for (; is_digit(s[n]); n++) {
        digits++;
    }
    if (s[n] == '.') {
        for (n++; is_digit(s[n]); n++) {
            digits++;
        }
    }
    if (digits == 0) {
        return 0;
    }
    if (s[n] == 'e' || s[n] == 'E') {
        const size_t sign = n + 1 + (s[n + 1] == '+' || s[n + 1] == '-');
        if (is_digit(s[sign])) {
            for (n = sign; is_digit(s[n]); n++)
                ;
        }
    }
    return n;
}

/* [sign] [number "*"]; without a number the coefficient is 1. After an operator a sign needs a
 * number: "a - -0.5*b" is meant, "a - -b" is a slip. */
static persona_code parse_coefficient(parser *p, bool first, double *out)
{
    double sign = 1;
    char digits[64];
    const char *begin = p->at;
    if (*p->at == '+' || *p->at == '-') {
        sign = *p->at++ == '-' ? -1 : 1;
        skip_space(p);
    }
    const char *start = p->at;
    const size_t n = number_length(start);
    *out = sign;
    if (n == 0) {
        return first || start == begin ? PERSONA_OK : wrong(p, begin, "one sign between two terms");
    }
    if (n >= sizeof digits) {
        return wrong(p, start, "a shorter number");
    }
    memcpy(digits, start, n);
    digits[n] = '\0';
    char *end = NULL;
    const double x = strtod(digits, &end);
    if (*end != '\0' || !isfinite(x)) {
        return wrong(p, start, "a finite number");
    }
    p->at = start + n;
    skip_space(p);
    if (*p->at != '*') {
        return wrong(p, p->at, "'*' after the coefficient, as in 0.5*silly");
    }
    p->at++;
    skip_space(p);
    *out = sign * x;
    return PERSONA_OK;
}

/* "raw:" or "ratio:" in front of a name. */
static persona_code parse_unit(parser *p, steer_unit *out)
{
    const size_t n = name_length(p->at);
    *out = STEER_DOSE;
    if (p->at[n] != ':') {
        return PERSONA_OK;
    }
    if (spells(p->at, n, "raw")) {
        *out = STEER_RAW;
    } else if (spells(p->at, n, "ratio")) {
        *out = STEER_RATIO;
    } else {
        return PERSONA_OK;
    }
    p->at += n + 1;
    if (number_length(p->at) > 0) {
        return wrong(p, p->at,
                     "a name after the unit; the coefficient comes first, as in "
                     "2*raw:silly");
    }
    return PERSONA_OK;
}

static persona_code parse_quoted(parser *p, char **out)
{
    const char *start = p->at + 1, *end = strchr(start, '\'');
    if (!end) {
        return wrong(p, p->at, "a closing quote");
    }
    if (end == start) {
        return wrong(p, start, "a name between the quotes");
    }
    *out = mem_strndup(start, (size_t)(end - start));
    p->at = end + 1;
    return *out ? PERSONA_OK : mem_err(p->e, "a steering expression");
}

static persona_code parse_name(parser *p, char **out)
{
    if (*p->at == '\'') {
        return parse_quoted(p, out);
    }
    const size_t n = name_length(p->at);
    if (n == 0 || !(is_letter(*p->at) || *p->at == '.' || *p->at == '/')) {
        return wrong(p, p->at, "the name of a trait or a vector file, as in 0.5*silly");
    }
    if (p->at[n] == '(') {
        return persona_err_set(
            p->e, PERSONA_E_USAGE,
            listed(p->at, n, later_operators, sizeof later_operators / sizeof later_operators[0])
                ? "steering expression, column %zu: '%.*s' belongs to the "
                  "language but not to this version (only addition does)"
                : "steering expression, column %zu: there is no operator '%.*s'",
            (size_t)(p->at - p->text) + 1, (int)n, p->at);
    }
    *out = mem_strndup(p->at, n);
    p->at += n;
    return *out ? PERSONA_OK : mem_err(p->e, "a steering expression");
}

static persona_code parse_block(parser *p, int *out)
{
    int n = 0;
    if (!is_digit(*p->at)) {
        return wrong(p, p->at, "a layer number");
    }
    for (; is_digit(*p->at); p->at++) {
        n = n * 10 + (*p->at - '0');
        if (n > BLOCK_MAX) {
            return wrong(p, p->at, "a layer number of at most 4096");
        }
    }
    *out = n;
    return PERSONA_OK;
}

/* ["@" A ["-" B]]. In "silly@5-7" the minus belongs to the range, in "silly@5 - x" to the sum. */
static persona_code parse_range(parser *p, steer_term *t)
{
    t->block_a = t->block_b = -1;
    if (*p->at != '@') {
        return PERSONA_OK;
    }
    p->at++;
    const char *start = p->at;
    persona_code rc = parse_block(p, &t->block_a);
    if (rc != PERSONA_OK) {
        return rc;
    }
    t->block_b = t->block_a;
    if (*p->at != '-') {
        return PERSONA_OK;
    }
    p->at++;
    if (!is_digit(*p->at)) {
        return wrong(p, p->at, "the last layer of the range, or white space in front of '-'");
    }
    rc = parse_block(p, &t->block_b);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (*p->at == '.' || *p->at == '*') {
        return wrong(p, start, "white space in front of '-' where it is not a range of layers");
    }
    if (t->block_b < t->block_a) {
        return wrong(p, start, "a range of layers in ascending order");
    }
    return PERSONA_OK;
}

static persona_code parse_phases(parser *p, unsigned *out)
{
    *out = 0;
    while (*p->at == ':') {
        p->at++;
        const size_t n = name_length(p->at);
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
            bit |= spells(p->at, n, phases[i].name) ? phases[i].bit : 0;
        }
        if (bit == 0) {
            return wrong(p, p->at, "a phase: prompt, response, analysis or final");
        }
        *out |= bit;
        p->at += n;
    }
    return PERSONA_OK;
}

/* ---- terms and sums ------------------------------------------------------------------------- */

static persona_code parse_term(parser *p, bool first, double sign, steer_term *t)
{
    persona_code rc;
    if ((rc = parse_coefficient(p, first, &t->coefficient)) || (rc = parse_unit(p, &t->unit)) ||
        (rc = parse_name(p, &t->name)) || (rc = parse_range(p, t)) ||
        (rc = parse_phases(p, &t->phases))) {
        return rc;
    }
    t->coefficient *= sign;
    return PERSONA_OK;
}

static persona_code add_term(parser *p, double sign, steer_expr *out)
{
    steer_term t = {0};
    if (out->n == TERMS_MAX) {
        return wrong(p, p->at, "at most 256 terms");
    }
    persona_code rc = parse_term(p, out->n == 0, sign, &t);
    steer_term *terms = NULL;
    if (rc == PERSONA_OK) {
        terms = mem_realloc(out->terms, out->n + 1, sizeof *terms);
        if (!terms) {
            rc = mem_err(p->e, "a steering expression");
        }
    }
    if (rc != PERSONA_OK) {
        mem_free(t.name);
        return rc;
    }
    out->terms = terms;
    terms[out->n++] = t;
    return PERSONA_OK;
}

persona_code steer_parse(const char *text, steer_expr *out, persona_err *e)
{
    parser p = {.text = text, .at = text, .e = e};
    persona_code rc = PERSONA_OK;
    double sign = 1;
    *out = (steer_expr){0};
    if (strlen(text) > TEXT_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "steering expression: longer than %d bytes",
                               TEXT_MAX);
    }
    skip_space(&p);
    if (*p.at == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "steering expression: empty (expected something like 1.0*silly)");
    }
    for (;;) {
        rc = add_term(&p, sign, out);
        if (rc != PERSONA_OK) {
            break;
        }
        skip_space(&p);
        if (*p.at == '\0') {
            break;
        }
        if (*p.at != '+' && *p.at != '-') {
            rc = wrong(&p, p.at, "'+', '-' (with white space in front) or the end");
            break;
        }
        sign = *p.at++ == '-' ? -1 : 1;
        skip_space(&p);
    }
    if (rc != PERSONA_OK) {
        steer_expr_free(out);
    }
    return rc;
}

void steer_expr_free(steer_expr *x)
{
    for (size_t i = 0; i < x->n; i++) {
        mem_free(x->terms[i].name);
    }
    mem_free(x->terms);
    *x = (steer_expr){0};
}

const char *steer_unit_name(steer_unit u)
{
    static const char *const names[] = {
        [STEER_DOSE] = "dose", [STEER_RAW] = "raw", [STEER_RATIO] = "ratio"};
    return names[u];
}
