/* SPDX-License-Identifier: MIT
 *
 * stops.c - stop strings in a stream: nothing is released that could still become one.
 */
#include <string.h>

#include "server/answer/answer_parts.h"

/* The longest end of text (n bytes) that a stop string begins with. */
static size_t begun(const char *text, size_t n, const char *stop)
{
    const size_t len = strlen(stop);
    for (size_t k = len - 1 < n ? len - 1 : n; k > 0; k--) {
        if (memcmp(text + n - k, stop, k) == 0) {
            return k;
        }
    }
    return 0;
}

bool stops_scan(const answer_spec *x, const buf *held, size_t *ready)
{
    const char *text = buf_str(held), *first = NULL;
    size_t most = 0;
    for (size_t i = 0; i < x->n_stops; i++) {
        const char *at = strstr(text, x->stops[i]);
        first = at != NULL && (first == NULL || at < first) ? at : first;
        const size_t k = begun(text, held->len, x->stops[i]);
        most = k > most ? k : most;
    }
    *ready = first != NULL ? (size_t)(first - text) : held->len - most;
    return first != NULL;
}

void stops_drop(buf *held, size_t n)
{
    if (n > 0 && n <= held->len) {
        memmove(held->p, held->p + n, held->len - n + 1);
        held->len -= n;
    }
}
