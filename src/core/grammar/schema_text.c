/* SPDX-License-Identifier: MIT
 *
 * schema_text.c - strings and whole numbers: lengths, formats, and ranges by their digits.
 */
#include <math.h>
#include <string.h>

#include "base/try.h"
#include "core/grammar/schema_parts.h"

#define MAX_DIGITS 16
#define MAX_VALUE 9999999999999999LL
#define MAX_SAFE 9007199254740991LL

/* ---- strings --------------------------------------------------------------------------------- */

#define DAY_28 "(\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8])"
#define DAY_30 "(\"0\" [1-9] | [12] [0-9] | \"30\")"
#define DAY_31 "(\"0\" [1-9] | [12] [0-9] | \"3\" [01])"
#define DATE                                                                                       \
    "[0-9]{4,4} \"-\" (\"02-\" " DAY_28 " | (\"04\" | \"06\" | \"09\" | \"11\") \"-\" " DAY_30     \
    " | (\"0\" [13578] | \"1\" [02]) \"-\" " DAY_31 ")"
#define HOUR "([01] [0-9] | \"2\" [0-3])"
#define TIME                                                                                       \
    HOUR " \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? (\"Z\" | [+-] " HOUR            \
         " \":\" [0-5] [0-9])"
#define HEX "[0-9a-f]"
#define UUID                                                                                       \
    HEX "{8,8} \"-\" " HEX "{4,4} \"-\" " HEX "{4,4} \"-\" " HEX "{4,4} \"-\" " HEX "{12,12}"

static persona_code put_format(schema_builder *b, const json_val *v, const char *path)
{
    static const struct {
        const char *name, *text;
    } FORMATS[] = {
        {"date", DATE}, {"time", TIME}, {"date-time", DATE " \"T\" " TIME}, {"uuid", UUID}};
    const char *name = json_string(json_get(v, "format"));
    for (size_t i = 0; name != NULL && i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcmp(name, FORMATS[i].name) == 0) {
            buf_printf(&b->out, "\"\\\"\" %s \"\\\"\"", FORMATS[i].text);
            return PERSONA_OK;
        }
    }
    return schema_bad(b, path, "format", "only date, time, date-time and uuid are supported");
}

persona_code schema_string(schema_builder *b, size_t id)
{
    static const char *const KEYS[] = {"pattern", "format", "minLength", "maxLength"};
    const json_val *v = b->nodes[id].v;
    const char *path = b->nodes[id].path;
    long min = 0, max = -1;
    persona_code rc = PERSONA_OK;
    TRY(schema_count(b, v, path, "minLength", 0, &min));
    TRY(schema_count(b, v, path, "maxLength", -1, &max));
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = i + 1; k < 4 && json_get(v, KEYS[i]) != NULL; k++) {
            if (json_get(v, KEYS[k]) != NULL) {
                rc = schema_bad(b, path, KEYS[k], "not supported beside %s", KEYS[i]);
                goto out;
            }
        }
    }
    if (json_get(v, "pattern") != NULL) {
        rc = schema_pattern(b, path, json_string(json_get(v, "pattern")));
    } else if (json_get(v, "format") != NULL) {
        rc = put_format(b, v, path);
    } else if (min == 0 && max < 0) {
        (void)schema_share(b, SHARE_STRING);
        buf_puts(&b->out, "string");
    } else if (max == 0 && min == 0) {
        buf_puts(&b->out, "\"\\\"\\\"\"");
    } else {
        (void)schema_share(b, SHARE_CHAR);
        buf_puts(&b->out, "\"\\\"\" char");
        TRY(schema_repeat(b, path, "minLength", min, max));
        buf_puts(&b->out, " \"\\\"\"");
    }
out:
    return rc;
}

/* ---- whole numbers --------------------------------------------------------------------------- */

static void put_any(buf *out, int n)
{
    if (n > 0) {
        buf_puts(out, "[0-9]");
        if (n > 1) {
            buf_printf(out, "{%d,%d}", n, n);
        }
    }
}

static void put_digit(buf *out, long long a, long long b)
{
    if (a == b) {
        buf_printf(out, "[%lld]", a);
    } else {
        buf_printf(out, "[%lld-%lld]", a, b);
    }
}

/* Numbers of n digits from low to high. Calls itself once for every digit. */
static void put_digits(buf *out, long long low, long long high, int n)
{
    long long p = 1;
    for (int i = 1; i < n; i++) {
        p *= 10;
    }
    if (n == 0 || (low == 0 && high == p * 10 - 1)) {
        put_any(out, n);
        return;
    }
    long long a = low / p, b = high / p;
    if (n == 1 || a == b) {
        put_digit(out, a, b);
        if (n > 1) {
            buf_putc(out, ' ');
            put_digits(out, low % p, high % p, n - 1);
        }
        return;
    }
    const char * or = "";
    buf_putc(out, '(');
    if (low % p != 0) {
        put_digit(out, a, a);
        buf_putc(out, ' ');
        put_digits(out, low % p, p - 1, n - 1);
        a++;
        or = " | ";
    }
    const bool tail = high % p != p - 1;
    b -= tail;
    if (a <= b) {
        buf_puts(out, or);
        put_digit(out, a, b);
        buf_putc(out, ' ');
        put_any(out, n - 1);
        or = " | ";
    }
    if (tail) {
        buf_puts(out, or);
        put_digit(out, b + 1, b + 1);
        buf_putc(out, ' ');
        put_digits(out, 0, high % p, n - 1);
    }
    buf_putc(out, ')');
}

/* From low to high, 0 <= low <= high, without leading zeros, each number of digits apart. */
static void put_range(buf *out, const char *sign, long long low, long long high)
{
    const char * or = "";
    long long first = 0, last = 9;
    for (int n = 1; n <= MAX_DIGITS; n++) {
        const long long a = low > first ? low : first, b = high < last ? high : last;
        if (a <= b) {
            buf_printf(out, "%s%s", or, sign);
            put_digits(out, a, b, n);
            or = " | ";
        }
        first = last + 1;
        last = last * 10 + 9;
    }
}

static persona_code bound(schema_builder *b, size_t id, const char *key, bool up, bool open,
                          long long *limit)
{
    const json_val *x = json_get(b->nodes[id].v, key);
    if (x == NULL) {
        return PERSONA_OK;
    }
    const double d = json_number(x, NAN);
    if (json_typeof(x) != JSON_NUMBER || !(fabs(d) <= (double)MAX_SAFE)) {
        return schema_bad(b, b->nodes[id].path, key, "must be a number within +-(2^53-1)");
    }
    long long n = (long long)(up ? floor(d) : ceil(d));
    n += open && (double)n == d ? (up ? -1 : 1) : 0;
    *limit = up ? (n < *limit ? n : *limit) : (n > *limit ? n : *limit);
    return PERSONA_OK;
}

persona_code schema_integer(schema_builder *b, size_t id)
{
    long long low = -MAX_VALUE, high = MAX_VALUE;
    persona_code rc = PERSONA_OK;
    TRY(bound(b, id, "minimum", false, false, &low));
    TRY(bound(b, id, "exclusiveMinimum", false, true, &low));
    TRY(bound(b, id, "maximum", true, false, &high));
    TRY(bound(b, id, "exclusiveMaximum", true, true, &high));
    if (low == -MAX_VALUE && high == MAX_VALUE) {
        (void)schema_share(b, SHARE_INTEGER);
        buf_puts(&b->out, "integer");
        return PERSONA_OK;
    }
    if (low > high) {
        rc = schema_bad(b, b->nodes[id].path, NULL, "no whole number is within its limits");
        goto out;
    }
    buf_putc(&b->out, '(');
    if (low < 0) {
        put_range(&b->out, "\"-\" ", high < 0 ? -high : 1, -low);
        buf_puts(&b->out, high >= 0 ? " | " : "");
    }
    if (high >= 0) {
        put_range(&b->out, "", low > 0 ? low : 0, high);
    }
    buf_putc(&b->out, ')');
out:
    return rc;
}
