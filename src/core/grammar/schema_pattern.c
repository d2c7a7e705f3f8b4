/* SPDX-License-Identifier: MIT
 *
 * schema_pattern.c - regular expressions of `pattern`: letters, ".", classes, groups, "|" and
 * repetitions between ^ and $. What a JSON string would have to escape is left out of classes; as
 * a letter of its own it is written with its escape.
 */
#include <string.h>

#include "core/grammar/schema_parts.h"

#define MAX_DEPTH 24
#define NEVER "\"\\\\\\x00-\\x1F\\x7F"

typedef struct regex {
    schema_builder *b;
    const char *path, *p, *end;
    int depth;
    persona_code rc;
} regex;

static bool fail(regex *x, const char *why)
{
    if (x->rc == PERSONA_OK) {
        x->rc = schema_bad(x->b, x->path, "pattern", "%s", why);
    }
    return false;
}

static bool is_word(unsigned c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A letter inside a class or quotes of the grammar. */
static void put_letter(regex *x, unsigned c)
{
    if (is_word(c)) {
        buf_putc(&x->b->out, (char)c);
    } else if (c < 0x80) {
        buf_printf(&x->b->out, "\\x%02X", c);
    } else {
        buf_printf(&x->b->out, "\\U%08X", c);
    }
}

/* The code point at x->p, which is behind it then. */
static unsigned next(regex *x)
{
    const unsigned char *s = (const unsigned char *)x->p;
    const size_t left = (size_t)(x->end - x->p);
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    unsigned c = n == 1 ? s[0] : s[0] & (0x7FU >> n);
    for (size_t i = 1; i < n && i < left; i++) {
        c = c << 6 | (s[i] & 0x3FU);
    }
    x->p += n < left ? n : left;
    return c;
}

/* ---- classes --------------------------------------------------------------------------------- */

/* Letters a to b of a class but those that JSON escapes. */
static size_t put_letters(regex *x, unsigned a, unsigned b)
{
    static const unsigned ESCAPED[] = {'"', '\\', 0x7F};
    size_t n = 0;
    a = a < ' ' ? ' ' : a;
    for (size_t i = 0; i < 4 && a <= b; i++) {
        const unsigned hole = i < 3 && ESCAPED[i] <= b ? ESCAPED[i] : b + 1;
        if (hole < a) {
            continue;
        }
        if (hole > a) {
            put_letter(x, a);
            if (hole - 1 > a) {
                buf_putc(&x->b->out, '-');
                put_letter(x, hole - 1);
            }
            n++;
        }
        a = hole + 1;
    }
    return n;
}

/* \d, \w, \s: what is inside the brackets; NULL: no such. */
static const char *shorthand(unsigned c)
{
    return c == 'd' ? "0-9" : c == 'w' ? "A-Za-z0-9_" : c == 's' ? " " : NULL;
}

/* A letter of a class, perhaps escaped. *set: it was a shorthand, which is written. */
static bool class_letter(regex *x, unsigned *c, bool *set)
{
    *set = false;
    *c = next(x);
    if (*c != '\\') {
        return true;
    }
    if (x->p >= x->end) {
        return fail(x, "ends in a backslash");
    }
    *c = next(x);
    if (shorthand(*c) != NULL) {
        buf_puts(&x->b->out, shorthand(*c));
        *set = true;
    } else if (is_word(*c)) {
        return fail(x, "an escape in a class is not supported (only \\d, \\w, \\s and signs)");
    }
    return true;
}

/* Behind "[". */
static bool put_class(regex *x)
{
    size_t n = 0;
    const bool negated = x->p < x->end && *x->p == '^';
    x->p += negated;
    buf_puts(&x->b->out, negated ? "[^" : "[");
    while (x->p < x->end && *x->p != ']') {
        unsigned a = 0, b = 0;
        bool set = false;
        if (!class_letter(x, &a, &set)) {
            return false;
        }
        if (set) {
            n++;
            continue;
        }
        b = a;
        if (x->p + 1 < x->end && x->p[0] == '-' && x->p[1] != ']') {
            x->p++;
            if (!class_letter(x, &b, &set)) {
                return false;
            }
            if (set || b < a) {
                return fail(x, "a range in a class is not one");
            }
        }
        n += put_letters(x, a, b);
    }
    if (x->p >= x->end) {
        return fail(x, "a class is not closed");
    }
    x->p++;
    if (n == 0 && !negated) {
        return fail(x, "a class allows no letter that JSON does not escape");
    }
    buf_puts(&x->b->out, negated ? NEVER "]" : "]");
    return true;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void put_one(regex *x, unsigned c)
{
    buf_putc(&x->b->out, '"');
    if (c == '"' || c == '\\') {
        put_letter(x, '\\');
    }
    put_letter(x, c);
    buf_putc(&x->b->out, '"');
}

static bool put_escape(regex *x)
{
    if (x->p >= x->end) {
        return fail(x, "ends in a backslash");
    }
    const unsigned c = next(x);
    if (shorthand(c) != NULL) {
        buf_printf(&x->b->out, "[%s]", shorthand(c));
    } else if (is_word(c) || c < ' ') {
        return fail(x, "an escape is not supported (only \\d, \\w, \\s and signs)");
    } else {
        put_one(x, c);
    }
    return true;
}

static bool number(regex *x, long *n)
{
    *n = -1;
    for (int i = 0; i < 5 && x->p < x->end && *x->p >= '0' && *x->p <= '9'; i++) {
        *n = (*n < 0 ? 0 : *n * 10) + (*x->p++ - '0');
    }
    return *n >= 0;
}

/* {m}, {m,}, {m,n} behind "{". */
static bool put_braces(regex *x, long *min)
{
    long max = -1;
    if (!number(x, min)) {
        return fail(x, "a repetition is not {m}, {m,} or {m,n}");
    }
    if (x->p < x->end && *x->p == ',') {
        x->p++;
        (void)number(x, &max);
    } else {
        max = *min;
    }
    if (x->p >= x->end || *x->p != '}' || max == 0) {
        return fail(x, "a repetition is not {m}, {m,} or {m,n}");
    }
    x->p++;
    x->rc = schema_repeat(x->b, x->path, "pattern", *min, max);
    return x->rc == PERSONA_OK;
}

/* A repetition, if there is one. nullable: of the atom, and of what it becomes. */
static bool put_repetition(regex *x, bool *nullable)
{
    const char c = x->p < x->end ? *x->p : '\0';
    long min = c == '+' ? 1 : 0;
    if (c == '\0' || strchr("?*+{", c) == NULL) {
        return true;
    }
    if (*nullable && c != '?') {
        return fail(x, "a repetition of something that may be empty is not supported");
    }
    x->p++;
    if (c == '{') {
        if (!put_braces(x, &min)) {
            return false;
        }
    } else {
        buf_putc(&x->b->out, c);
    }
    *nullable = *nullable || min == 0;
    x->p += x->p < x->end && *x->p == '?'; /* lazy: the same texts */
    if (x->p < x->end && strchr("*+{", *x->p) != NULL) {
        return fail(x, "a repetition of a repetition is not supported");
    }
    return true;
}

static bool put_choice(regex *x, bool *nullable);

static bool put_atom(regex *x, bool *nullable)
{
    const unsigned c = next(x);
    *nullable = false;
    switch (c) {
    case '.':
        buf_puts(&x->b->out, "[^" NEVER "]");
        return true;
    case '[':
        return put_class(x);
    case '\\':
        return put_escape(x);
    case '(':
        if (x->end - x->p > 1 && x->p[0] == '?' && x->p[1] != ':') {
            return fail(x, "groups that look around or have names are not supported");
        }
        x->p += x->p < x->end && *x->p == '?' ? 2 : 0;
        if (++x->depth > MAX_DEPTH) {
            return fail(x, "groups are nested too deep");
        }
        buf_putc(&x->b->out, '(');
        if (!put_choice(x, nullable)) {
            return false;
        }
        if (x->p >= x->end || *x->p != ')') {
            return fail(x, "a group is not closed");
        }
        buf_putc(&x->b->out, ')');
        x->p++;
        x->depth--;
        return true;
    default:
        if (c < ' ' || c == 0x7F || strchr("?*+{}^$", (int)(c < 0x80 ? c : 'a')) != NULL) {
            return fail(x, "only ^ in front, $ at the end, letters, classes, groups and "
                           "repetitions are supported");
        }
        put_one(x, c);
        return true;
    }
}

static bool put_choice(regex *x, bool *nullable)
{
    bool empty = true;
    *nullable = false;
    while (x->p < x->end && *x->p != ')') {
        if (*x->p == '|') {
            x->p++;
            buf_puts(&x->b->out, empty ? "\"\" | " : " | ");
            *nullable = *nullable || empty;
            empty = true;
            continue;
        }
        bool atom = false;
        const size_t at = x->b->out.len;
        if (!put_atom(x, &atom) || !put_repetition(x, &atom)) {
            return false;
        }
        if (x->b->out.len > at) {
            buf_putc(&x->b->out, ' ');
        }
        empty = empty && atom;
    }
    buf_puts(&x->b->out, empty ? "\"\"" : "");
    *nullable = *nullable || empty;
    return true;
}

persona_code schema_pattern(schema_builder *b, const char *path, const char *text)
{
    const size_t n = text != NULL ? strlen(text) : 0;
    if (n < 2 || text[0] != '^' || text[n - 1] != '$' || text[n - 2] == '\\') {
        return schema_bad(b, path, "pattern", "must begin with ^ and end with $");
    }
    bool nullable = false;
    regex x = {.b = b, .path = path, .p = text + 1, .end = text + n - 1};
    int depth = 0;
    for (const char *p = x.p; p < x.end; p++) { /* ^a|b$ means something else */
        if (*p == '\\') {
            p++;
        } else if (*p == '[') {
            while (p < x.end && *p != ']') {
                p += 1 + (*p == '\\');
            }
        } else {
            depth += (*p == '(') - (*p == ')');
            if (*p == '|' && depth == 0) {
                return schema_bad(b, path, "pattern", "alternatives must stand in a group");
            }
        }
    }
    buf_puts(&b->out, "\"\\\"\" (");
    if (put_choice(&x, &nullable) && x.p < x.end) {
        (void)fail(&x, "a group is closed that is not open");
    }
    buf_puts(&b->out, ") \"\\\"\"");
    return x.rc;
}
