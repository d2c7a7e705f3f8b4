/* SPDX-License-Identifier: MIT
 *
 * textset.c - sets of text hashes. 64 bits: among a million texts the odds of a false match are
 * about one in 10^7. As text a set costs 16 bytes a member, so that every vector format can hold
 * it as a string.
 */
#include "core/map/textset.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { DIGITS = 16 };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* DIGITS hex digits; false if there is something else. */
static bool number(const char *p, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < DIGITS; i++) {
        const int d = digit(p[i]);
        if (d < 0) {
            return false;
        }
        *out = *out << 4 | (uint64_t)d;
    }
    return true;
}

uint64_t textset_hash(const char *text)
{
    char hex[65];
    uint64_t h = 0;
    size_t n = strlen(text);
    for (; n > 0 && is_space(text[n - 1]); n--)
        ;
    for (; n > 0 && is_space(*text); text++, n--)
        ;
    sha256_hex(text, n, hex);
    (void)number(hex, &h);
    return h;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t textset_sort(uint64_t *h, size_t n)
{
    size_t kept = 0;
    if (n > 0) {
        qsort(h, n, sizeof *h, by_value);
    }
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || h[kept - 1] != h[i]) {
            h[kept++] = h[i];
        }
    }
    return kept;
}

bool textset_has(const uint64_t *h, size_t n, uint64_t x)
{
    return n > 0 && bsearch(&x, h, n, sizeof *h, by_value) != NULL;
}

size_t textset_overlap(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < n_a && j < n_b;) {
        n += a[i] == b[j];
        const bool low = a[i] <= b[j];
        j += a[i] >= b[j];
        i += low;
    }
    return n;
}

persona_code textset_format(const uint64_t *h, size_t n, char **out, persona_err *e)
{
    static const char hex[] = "0123456789abcdef";
    char *text = mem_calloc(n + 1, DIGITS);
    *out = text;
    if (!text) {
        return mem_err(e, "the hashes of texts");
    }
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < DIGITS; k++) {
            text[i * DIGITS + (size_t)k] = hex[h[i] >> (4 * (DIGITS - 1 - k)) & 15];
        }
    }
    return PERSONA_OK;
}

persona_code textset_parse(const char *text, uint64_t **h, size_t *n, persona_err *e)
{
    const size_t len = strlen(text);
    *h = NULL;
    *n = 0;
    if (len == 0) {
        return PERSONA_OK;
    }
    if (len % DIGITS != 0) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "hashes of texts: %zu characters (expected a multiple of %d)", len,
                               DIGITS);
    }
    uint64_t *set = mem_calloc(len / DIGITS, sizeof *set);
    if (!set) {
        return mem_err(e, "the hashes of texts");
    }
    for (size_t i = 0; i < len / DIGITS; i++) {
        if (!number(text + i * DIGITS, &set[i])) {
            mem_free(set);
            return persona_err_set(e, PERSONA_E_FORMAT,
                                   "hashes of texts: number %zu is not %d hex digits", i, DIGITS);
        }
    }
    *n = textset_sort(set, len / DIGITS);
    *h = set;
    return PERSONA_OK;
}
