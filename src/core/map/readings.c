/* SPDX-License-Identifier: MIT
 *
 * readings.c - readings of a map in memory (readings.h). Who fills them is pipeline/transfer or
 * store/map.
 */
#include "core/map/readings.h"

#include "base/mem.h"

static void insert(readings_side *s, int block)
{
    size_t at = 0;
    while (at < s->n_blocks && s->blocks[at] < block) {
        at++;
    }
    if (at < s->n_blocks && s->blocks[at] == block) {
        return;
    }
    for (size_t i = s->n_blocks++; i > at; i--) {
        s->blocks[i] = s->blocks[i - 1];
    }
    s->blocks[at] = block;
}

persona_code readings_side_new(const persona_map *m, bool target, readings_side *out,
                               persona_err *e)
{
    *out = (readings_side){.blocks = mem_calloc(m->n_blocks, sizeof *out->blocks),
                           .rows = mem_calloc(m->n_blocks, sizeof *out->rows)};
    if (!out->blocks || !out->rows) {
        return mem_err(e, "the readings of a map");
    }
    for (size_t i = 0; i < m->n_blocks; i++) {
        insert(out, target ? m->blocks[i].to : m->blocks[i].from);
    }
    return PERSONA_OK;
}

void readings_lay_out(persona_map_readings *r)
{
    r->n_rows = 0;
    for (size_t i = 0; i < r->n; i++) {
        r->texts[i].first = r->n_rows;
        r->n_rows += 1 + r->texts[i].n_chunks;
    }
}

const float *readings_rows(const readings_side *s, int block)
{
    for (size_t i = 0; i < s->n_blocks; i++) {
        if (s->blocks[i] == block) {
            return s->rows[i];
        }
    }
    return NULL;
}

size_t readings_bytes(const persona_map *m)
{
    const persona_map_readings *r = m->readings;
    return !r ? 0
              : r->n_rows * sizeof(float) *
                    (r->side[0].n_blocks * (size_t)m->from.n_embd +
                     r->side[1].n_blocks * (size_t)m->to.n_embd);
}

static void side_free(readings_side *s)
{
    for (size_t i = 0; s->rows && i < s->n_blocks; i++) {
        mem_free(s->rows[i]);
    }
    mem_free(s->rows);
    mem_free(s->blocks);
}

void readings_free(persona_map_readings *r)
{
    if (!r) {
        return;
    }
    for (size_t i = 0; r->texts && i < r->n; i++) {
        mem_free(r->texts[i].question);
        mem_free(r->texts[i].text);
    }
    for (size_t i = 0; r->names && i < r->n_names; i++) {
        mem_free(r->names[i]);
    }
    side_free(&r->side[0]);
    side_free(&r->side[1]);
    mem_free(r->texts);
    mem_free(r->names);
    mem_free(r->judge);
    mem_free(r);
}
