/* SPDX-License-Identifier: MIT
 *
 * scan.c - the letters of steering expressions: spaces, words, numbers, names.
 *
 * There are no tokens: a term is so short that every error can say its column and what would have
 * been right there. A name may hold "-" and ".", so a minus sign between terms needs white space in
 * front of it; where it is missing, the message says so.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "core/steer/parts.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool begins_name(char c)
{
    return is_letter(c) || c == '.' || c == '/';
}

static bool is_name(char c)
{
    return begins_name(c) || is_digit(c) || c == '_' || c == '-';
}

void scan_space(scanner *p)
{
    while (*p->at == ' ' || (*p->at >= '\t' && *p->at <= '\r')) {
        p->at++;
    }
}

size_t scan_column(const scanner *p, const char *at)
{
    return (size_t)(at - p->text) + 1;
}

persona_code scan_wrong(const scanner *p, const char *at, const char *expected)
{
    return persona_err_set(p->e, PERSONA_E_USAGE, "steering expression, column %zu: expected %s",
                           scan_column(p, at), expected);
}

/* ---- words ----------------------------------------------------------------------------------- */

bool steer_spells(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

size_t scan_word_length(const char *s)
{
    size_t n = 0;
    while (is_name(s[n])) {
        n++;
    }
    return n;
}

bool scan_word(scanner *p, const char *word)
{
    const size_t n = scan_word_length(p->at);
    if (!steer_spells(p->at, n, word)) {
        return false;
    }
    p->at += n;
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

size_t scan_number_length(const char *s)
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

persona_code scan_number(scanner *p, double *out)
{
    char digits[64];
    const char *start = p->at;
    const size_t n = scan_number_length(start);
    if (n == 0) {
        return scan_wrong(p, start, "a number");
    }
    if (n >= sizeof digits) {
        return scan_wrong(p, start, "a shorter number");
    }
    memcpy(digits, start, n);
    digits[n] = '\0';
    char *end = NULL;
    *out = strtod(digits, &end);
    if (*end != '\0' || !isfinite(*out)) {
        return scan_wrong(p, start, "a finite number");
    }
    p->at = start + n;
    return PERSONA_OK;
}

persona_code scan_signed(scanner *p, const char *expected, double *out)
{
    const char *start = p->at;
    const double sign = *p->at == '-' ? -1 : 1;
    p->at += *p->at == '-' || *p->at == '+';
    if (scan_number_length(p->at) == 0) {
        return scan_wrong(p, start, expected);
    }
    const persona_code rc = scan_number(p, out);
    *out = sign < 0 ? 0 - *out : *out; /* no negative zero */
    return rc;
}

persona_code scan_whole(scanner *p, int max, const char *expected, const char *too_much, int *out)
{
    int n = 0;
    if (!is_digit(*p->at)) {
        return scan_wrong(p, p->at, expected);
    }
    for (; is_digit(*p->at); p->at++) {
        n = n * 10 + (*p->at - '0');
        if (n > max) {
            return scan_wrong(p, p->at, too_much);
        }
    }
    *out = n;
    return PERSONA_OK;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The words between terms and behind them. */
static bool is_reserved(const char *s, size_t n)
{
    return steer_spells(s, n, "when") || steer_spells(s, n, "and") || steer_spells(s, n, "until");
}

bool steer_is_bare(const char *name)
{
    const size_t n = scan_word_length(name);
    const bool unit = strcmp(name, "raw") == 0 || strcmp(name, "ratio") == 0;
    return n > 0 && name[n] == '\0' && begins_name(*name) && !is_reserved(name, n) && !unit;
}

static persona_code take(scanner *p, const char *start, size_t n, char **out)
{
    *out = mem_strndup(start, n);
    return *out ? PERSONA_OK : mem_err(p->e, "a steering expression");
}

static persona_code scan_quoted(scanner *p, char **out)
{
    const char *start = p->at + 1, *end = strchr(start, '\'');
    if (!end) {
        return scan_wrong(p, p->at, "a closing quote");
    }
    const size_t n = (size_t)(end - start);
    if (n == 0) {
        return scan_wrong(p, start, "a name between the quotes");
    }
    if (utf8_span(start, n) < n) {
        return scan_wrong(p, start + utf8_span(start, n), "a name in UTF-8");
    }
    for (const char *c = start; c < end; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return scan_wrong(p, c, "no control character in a name");
        }
    }
    p->at = end + 1;
    return take(p, start, n, out);
}

persona_code scan_name(scanner *p, char **out)
{
    if (*p->at == '\'') {
        return scan_quoted(p, out);
    }
    const size_t n = scan_word_length(p->at);
    if (n == 0 || !begins_name(*p->at)) {
        return scan_wrong(p, p->at, "the name of a trait or a vector file, as in 0.5*silly");
    }
    if (is_reserved(p->at, n)) {
        return scan_wrong(p, p->at, "a name ('when', 'and' and 'until' as names want quotes)");
    }
    p->at += n;
    return take(p, p->at - n, n, out);
}
