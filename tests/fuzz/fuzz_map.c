/* SPDX-License-Identifier: MIT
 *
 * fuzz_map.c - mapfile_gguf_read.c on bytes of any kind: a map that keeps its promises, or one
 * line.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/map/mapfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static void all_finite(const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        must(isfinite(p[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    persona_map *m = NULL;
    persona_err e = {0};
    const persona_code rc = mapfile_parse("file", data, size, &m, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc != PERSONA_OK) {
        must(!m && e.code == rc && *e.msg && !strchr(e.msg, '\n'));
        return 0;
    }
    must(m->n_blocks > 0 && m->from.n_embd > 0 && m->to.n_embd > 0);
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *b = &m->blocks[i];
        must(b->map.k > 0 && b->from < m->from.n_layer && b->to < m->to.n_layer);
        all_finite(b->map.left, b->map.k * (size_t)m->from.n_embd);
        all_finite(b->map.right, b->map.k * (size_t)m->to.n_embd);
    }
    persona_map_free(m);
    return 0;
}
