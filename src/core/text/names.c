/* SPDX-License-Identifier: MIT
 *
 * names.c - edit distance (optimal string alignment) over three rows on the stack.
 *
 * Names are short identifiers; anything longer than a row is not a misspelling of one, so no memory
 * is asked for and nothing can fail.
 */
#include "core/text/names.h"

#include <stdint.h>
#include <string.h>

#define ROW 64

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t name_distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    size_t row[3][ROW];
    if (n >= ROW || m >= ROW) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= m; k++) {
        row[0][k] = k;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3];
        const size_t *above = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= m; k++) {
            const char x = fold(a[i - 1]), y = fold(b[k - 1]);
            now[k] = least(least(now[k - 1], above[k]) + 1, above[k - 1] + (x != y));
            if (i > 1 && k > 1 && x == fold(b[k - 2]) && y == fold(a[i - 2])) {
                now[k] = least(now[k], before[k - 2] + 1);
            }
        }
    }
    return row[n % 3][m];
}

const char *name_nearest(const char *const *names, size_t n, const char *wanted)
{
    const char *best = NULL;
    size_t best_distance = strlen(wanted) / 3 + 2; /* further off, it is another word */
    for (size_t i = 0; i < n; i++) {
        const size_t d = name_distance(names[i], wanted);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}
