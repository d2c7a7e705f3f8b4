/* SPDX-License-Identifier: MIT
 *
 * httptext.c - values of HTTP fields (httptext.h). They come from any server.
 */
#include "store/fetch/httptext.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -1: none. */
static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    const char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Digits at *s, which moves behind them. */
static bool take_number(const char **s, uint64_t *out)
{
    uint64_t x = 0;
    if (!is_digit(**s)) {
        return false;
    }
    for (; is_digit(**s); (*s)++) {
        x = x * 10 + (uint64_t)(**s - '0');
        if (x > HTTP_SIZE_MAX) {
            return false;
        }
    }
    *out = x;
    return true;
}

bool http_number(const char *s, uint64_t *out)
{
    return take_number(&s, out) && *s == '\0';
}

bool http_content_range(const char *s, http_range *out)
{
    http_range r = {0};
    if (strncasecmp(s, "bytes ", 6) != 0) {
        return false;
    }
    s += 6;
    r.unsatisfied = *s == '*';
    if (r.unsatisfied) {
        s++;
    } else if (!take_number(&s, &r.first) || *s++ != '-' || !take_number(&s, &r.last)) {
        return false;
    }
    if (*s++ != '/') {
        return false;
    }
    r.has_total = *s != '*';
    if (r.has_total && !take_number(&s, &r.total)) {
        return false;
    }
    s += !r.has_total;
    const bool fits =
        r.unsatisfied ? r.has_total : r.first <= r.last && (!r.has_total || r.last < r.total);
    *out = r;
    return *s == '\0' && fits;
}

bool http_strong_etag(const char *s)
{
    const size_t n = strlen(s);
    if (n < 2 || s[0] != '"' || s[n - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < n; i++) {
        const unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == '"' || c == 0x7F) {
            return false;
        }
    }
    return true;
}

bool http_sha256(const char *s, char out[65])
{
    if (strncmp(s, "W/", 2) == 0) {
        s += 2;
    }
    const bool quoted = *s == '"';
    s += quoted;
    for (size_t i = 0; i < 64; i++) {
        const int x = hex_digit(s[i]);
        if (x < 0) {
            return false;
        }
        out[i] = "0123456789abcdef"[x];
    }
    out[64] = '\0';
    return strcmp(s + 64, quoted ? "\"" : "") == 0;
}

bool http_file_name(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = 0;
    for (const char *s = slash ? slash + 1 : path; *s; s++) {
        int c = (unsigned char)*s;
        if (c == '%') {
            const int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);
            if (low < 0) {
                return false;
            }
            c = 16 * high + low;
            s += 2;
        }
        if (c < ' ' || c == 0x7F || c == '/' || c == '\\' || n + 1 >= size) {
            return false;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return n > 0 && out[0] != '.' && out[0] != '-' && utf8_span(out, n) == n;
}
