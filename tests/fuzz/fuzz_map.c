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

#include "core/map/readings.h"
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

static void sound_readings(const persona_map *m)
{
    const persona_map_readings *r = m->readings;
    must(r->n > 0 && r->n_rows >= r->n);
    for (size_t i = 0; i < r->n; i++) {
        const readings_text *t = &r->texts[i];
        must(t->text && t->question && t->trait >= -1 && t->trait < (int)r->n_names);
        must(t->group < r->n_groups && t->first + t->n_chunks < r->n_rows);
    }
    for (int side = 0; side < 2; side++) {
        const size_t d = (size_t)(side ? m->to.n_embd : m->from.n_embd);
        for (size_t k = 0; k < r->side[side].n_blocks; k++) {
            all_finite(r->side[side].rows[k], r->n_rows * d);
        }
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
    if (m->readings) {
        sound_readings(m);
    }
    persona_map_free(m);
    return 0;
}
