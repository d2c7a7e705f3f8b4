/* SPDX-License-Identifier: MIT
 *
 * mapfile_readings.c - the readings of a map as part of its file: what controls need.
 *
 * persona.map.readings.questions, .texts     str[n]
 * persona.map.readings.hashes                u64[n]   of texts, before they were cut
 * persona.map.readings.trait, .polarity, .group, .chunks   i32[n]
 * persona.map.readings.traits                str[]    names; trait is an index, -1: none
 * persona.map.readings.n_groups, .n_cut, .rank, .anchors   u32
 * persona.map.readings.lambda                f64      0: searched
 * persona.map.readings.judge                 str      with .neutral f32, .scores f32[n]; or not
 * TENSOR readings.from.B, readings.to.B      f32 (rows, width): of each text its response, then its
 *                                            chunks
 *
 * Reading is mapfile_readings_read.c.
 */
#include <gguf.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/map/mapfile.h"

#define KEY(name) MAPFILE_READINGS name

size_t mapfile_n_reading_tensors(const persona_map *m)
{
    return m->readings ? m->readings->side[0].n_blocks + m->readings->side[1].n_blocks : 0;
}

static void put_side(gguf_out *o, const persona_map_readings *r, const readings_side *s,
                     const char *which, int width)
{
    for (size_t i = 0; i < s->n_blocks; i++) {
        char name[64];
        snprintf(name, sizeof name, "readings.%s.%d", which, s->blocks[i]);
        gguf_out_floats(o, name, s->rows[i], (size_t)width, r->n_rows);
    }
}

static persona_code put_strings(struct gguf_context *g, const persona_map_readings *r,
                                persona_err *e)
{
    const char **s = mem_calloc(r->n > r->n_names ? r->n : r->n_names, sizeof *s);
    if (!s) {
        return mem_err(e, "the keys of a map");
    }
    for (size_t i = 0; i < r->n; i++) {
        s[i] = r->texts[i].question;
    }
    gguf_set_arr_str(g, KEY("questions"), s, r->n);
    for (size_t i = 0; i < r->n; i++) {
        s[i] = r->texts[i].text;
    }
    gguf_set_arr_str(g, KEY("texts"), s, r->n);
    for (size_t i = 0; i < r->n_names; i++) {
        s[i] = r->names[i];
    }
    gguf_set_arr_str(g, KEY("traits"), s, r->n_names);
    mem_free(s);
    return PERSONA_OK;
}

static persona_code put_numbers(struct gguf_context *g, const persona_map_readings *r,
                                persona_err *e)
{
    static const char *const keys[4] = {KEY("trait"), KEY("polarity"), KEY("group"), KEY("chunks")};
    persona_code rc = PERSONA_OK;
    uint64_t *hashes = mem_calloc(r->n, sizeof *hashes);
    int32_t *x = mem_calloc(r->n, 4 * sizeof *x);
    float *scores = mem_calloc(r->n, sizeof *scores);
    TRY(hashes && x && scores ? PERSONA_OK : mem_err(e, "the keys of a map"));
    for (size_t i = 0; i < r->n; i++) {
        const readings_text *t = &r->texts[i];
        hashes[i] = t->hash;
        x[i] = t->trait;
        x[r->n + i] = t->polarity;
        x[2 * r->n + i] = (int32_t)t->group;
        x[3 * r->n + i] = (int32_t)t->n_chunks;
        scores[i] = t->score;
    }
    gguf_set_arr_data(g, KEY("hashes"), GGUF_TYPE_UINT64, hashes, r->n);
    for (size_t k = 0; k < 4; k++) {
        gguf_set_arr_data(g, keys[k], GGUF_TYPE_INT32, x + k * r->n, r->n);
    }
    if (r->judge) {
        gguf_set_val_str(g, KEY("judge"), r->judge);
        gguf_set_val_f32(g, KEY("neutral"), (float)r->neutral);
        gguf_set_arr_data(g, KEY("scores"), GGUF_TYPE_FLOAT32, scores, r->n);
    }
out:
    mem_free(scores);
    mem_free(x);
    mem_free(hashes);
    return rc;
}

persona_code mapfile_put_readings(gguf_out *o, const persona_map *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_map_readings *r = m->readings;
    TRY(put_strings(o->keys, r, e));
    TRY(put_numbers(o->keys, r, e));
    gguf_set_val_u32(o->keys, KEY("n_groups"), (uint32_t)r->n_groups);
    gguf_set_val_u32(o->keys, KEY("n_cut"), (uint32_t)r->n_cut);
    gguf_set_val_u32(o->keys, KEY("rank"), (uint32_t)r->rank);
    gguf_set_val_u32(o->keys, KEY("anchors"), (uint32_t)r->n_anchors);
    gguf_set_val_f64(o->keys, KEY("lambda"), r->lambda);
    put_side(o, r, &r->side[0], "from", m->from.n_embd);
    put_side(o, r, &r->side[1], "to", m->to.n_embd);
out:
    return rc;
}
