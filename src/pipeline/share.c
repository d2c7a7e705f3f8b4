/* SPDX-License-Identifier: MIT
 *
 * share.c - part I of N has the answers from n*I/N up to n*(I+1)/N: every answer is in one part,
 * and the parts differ by at most one answer. One that has none is done at once.
 */
#include "pipeline/share.h"

#include <stdint.h>
#include <stdio.h>

static size_t border(persona_shard s, int index, size_t n)
{
    return (size_t)((uint64_t)n * (uint64_t)index / (uint64_t)s.count);
}

size_t shard_skip(persona_shard s, bool *skip, size_t n, persona_shard_report *r)
{
    if (s.count == 0) {
        return 0;
    }
    const size_t first = border(s, s.index, n), end = border(s, s.index + 1, n);
    for (size_t i = 0; i < n; i++) {
        const bool mine = i >= first && i < end;
        r->n_resumed += mine && skip[i];
        skip[i] = skip[i] || !mine;
    }
    r->n_mine += end - first;
    r->n_all += n;
    return n - (end - first);
}

persona_code shard_note(persona_shard s, job *j, const char *stage, size_t n, persona_err *e)
{
    char key[128], text[32];
    if (s.count == 0) {
        return PERSONA_OK;
    }
    snprintf(key, sizeof key, JOB_SHARD "%s", stage);
    snprintf(text, sizeof text, "%zu", n);
    return job_put_value(j, key, text, e);
}
