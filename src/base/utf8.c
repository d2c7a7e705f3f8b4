/* SPDX-License-Identifier: MIT
 *
 * utf8.c - the table of well-formed sequences, and checks and repairs by it.
 */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t utf8_sequence(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first byte; of the second */
        unsigned char len;
    } table[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (s[0] < 0x80) {
        return 1;
    }
    size_t i = 0;
    while (i < sizeof table / sizeof table[0] && s[0] > table[i].last) {
        i++;
    }
    if (i == sizeof table / sizeof table[0] || s[0] < table[i].first || n < table[i].len) {
        return 0;
    }
    bool good = s[1] >= table[i].low && s[1] <= table[i].high;
    for (size_t j = 2; j < table[i].len; j++) {
        good = good && (s[j] & 0xC0) == 0x80;
    }
    return good ? table[i].len : 0;
}

size_t utf8_span(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        const size_t len = utf8_sequence((const unsigned char *)s + i, n - i);
        if (len == 0) {
            break;
        }
        i += len;
    }
    return i;
}

size_t utf8_mark(const char *s, size_t n)
{
    static const char mark[] = "\xEF\xBB\xBF";
    const size_t len = sizeof mark - 1;
    return n >= len && memcmp(s, mark, len) == 0 ? len : 0;
}

/* Whether n bytes (too few for it) begin a code point. */
static bool begins_one(const unsigned char *s, size_t n)
{
    const size_t whole = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC2 ? 2 : 0;
    unsigned char tried[4] = {0x80, 0x80, 0x80, 0x80};
    if (n >= whole || s[0] > 0xF4) {
        return false;
    }
    memcpy(tried, s, n);
    return n == 1 || utf8_sequence(tried, whole) == whole;
}

size_t utf8_unfinished(const char *s, size_t n)
{
    const size_t most = n < 3 ? n : 3;
    size_t k = 1; /* no byte that begins a code point stands inside of another, so one k fits */
    while (k <= most && !begins_one((const unsigned char *)s + n - k, k)) {
        k++;
    }
    return k <= most ? k : 0;
}

void utf8_repair(buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t good = utf8_span(s + i, n - i);
        buf_add(out, s + i, good);
        i += good;
        if (i < n) {
            buf_puts(out, "\xEF\xBF\xBD");
        }
    }
}

persona_code utf8_check(const char *what, const char *s, size_t n, persona_err *e)
{
    const size_t good = utf8_span(s, n);
    const char *nul = memchr(s, '\0', good);
    if (nul != NULL) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte %zu is NUL, which no text has", what,
                               (size_t)(nul - s));
    }
    if (good < n) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: byte %zu, 0x%02x, is not UTF-8 (convert it, for example with "
                               "iconv -t UTF-8)",
                               what, good, (unsigned)(unsigned char)s[good]);
    }
    return PERSONA_OK;
}
