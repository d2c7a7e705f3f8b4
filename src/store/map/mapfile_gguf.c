/* SPDX-License-Identifier: MIT
 *
 * mapfile_gguf.c - maps as GGUF files: the table of keys, and writing.
 *
 * KEY                               TYPE       MEANING
 * general.architecture              str        "persona-map"
 * persona.map.version, .seed        u32
 * persona.map.method, .pairing      str
 * persona.map.{from,to}.name, .architecture, .sha256, .template.sha256   str
 * persona.map.{from,to}.n_layer, .n_embd                                 u32
 * persona.map.{from,to}.h_median    f32[n_layer]   NAN: block not read
 * persona.map.traits                str[]
 * persona.map.texts                 str        hashes, 16 hex digits each
 * persona.map.n_texts, ...          u32
 * persona.map.without, .leave       str        what was left out, and how: name, loose, strict
 * persona.map.n_named, .n_leaning   u32        texts left out for their name; for what they show
 * persona.map.blocks                i32[3 n]   from, to, rank of each pair, most promising first
 * persona.map.lambda, .r2_*         f32[n]     NAN: not measured
 * persona.map.readings.*            see mapfile_readings.c
 * TENSOR map.FROM.TO.left           f32 (d_from, k), .right (d_to, k); null.FROM.TO.left, .right
 *
 * GGUF lists the fastest dimension first. Reading is mapfile_gguf_read.c.
 */
#include <gguf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/ggufwrite.h"
#include "store/map/mapfile.h"

#define AT(field) offsetof(persona_map, field)
#define BLOCK(field) offsetof(persona_map_block, field)

const mapfile_key mapfile_strings[] = {
    {"persona.map.method", AT(method)},
    {"persona.map.pairing", AT(pairing)},
    {"persona.map.texts", AT(texts)},
    {"persona.map.library", AT(library)},
    {"persona.map.from.name", AT(from.name)},
    {"persona.map.from.architecture", AT(from.arch)},
    {"persona.map.from.sha256", AT(from.hash)},
    {"persona.map.from.template.sha256", AT(from.template_hash)},
    {"persona.map.to.name", AT(to.name)},
    {"persona.map.to.architecture", AT(to.arch)},
    {"persona.map.to.sha256", AT(to.hash)},
    {"persona.map.to.template.sha256", AT(to.template_hash)},
};
const size_t mapfile_n_strings = sizeof mapfile_strings / sizeof *mapfile_strings;

const mapfile_key mapfile_counts[] = {
    {"persona.map.n_texts", AT(n_texts)},
    {"persona.map.n_rows", AT(n_rows)},
    {"persona.map.n_contrasts", AT(n_contrasts)},
    {"persona.map.n_groups", AT(n_groups)},
};
const size_t mapfile_n_counts = sizeof mapfile_counts / sizeof *mapfile_counts;

const mapfile_key mapfile_reals[] = {
    {"persona.map.lambda", BLOCK(lambda)},
    {"persona.map.r2_heldout", BLOCK(r2_heldout)},
    {"persona.map.r2_contrast", BLOCK(r2_contrast)},
    {"persona.map.r2_shuffled", BLOCK(r2_shuffled)},
    {"persona.map.r2_shuffled_max", BLOCK(r2_shuffled_max)},
};
const size_t mapfile_n_reals = sizeof mapfile_reals / sizeof *mapfile_reals;

/* Files of 0.1.0 may lack these. */
const mapfile_key mapfile_later[] = {
    {"persona.map.r2_trait", BLOCK(by_trait.rows)},
    {"persona.map.r2_trait_contrast", BLOCK(by_trait.contrasts)},
    {"persona.map.r2_both", BLOCK(by_both.rows)},
    {"persona.map.r2_both_contrast", BLOCK(by_both.contrasts)},
};
const size_t mapfile_n_later = sizeof mapfile_later / sizeof *mapfile_later;

/* values: room for one per block. */
static void put_reals(struct gguf_context *g, const persona_map *m, const mapfile_key *keys,
                      size_t n_keys, float *values)
{
    for (size_t k = 0; k < n_keys; k++) {
        for (size_t i = 0; i < m->n_blocks; i++) {
            values[i] = (float)*(const double *)mapfile_member_const(&m->blocks[i], keys[k].at);
        }
        gguf_set_arr_data(g, keys[k].key, GGUF_TYPE_FLOAT32, values, m->n_blocks);
    }
}

static void put_side(struct gguf_context *g, const char *which, const persona_map_side *s)
{
    char key[64];
    snprintf(key, sizeof key, "persona.map.%s.n_layer", which);
    gguf_set_val_u32(g, key, (uint32_t)s->n_layer);
    snprintf(key, sizeof key, "persona.map.%s.n_embd", which);
    gguf_set_val_u32(g, key, (uint32_t)s->n_embd);
    snprintf(key, sizeof key, "persona.map.%s.h_median", which);
    gguf_set_arr_data(g, key, GGUF_TYPE_FLOAT32, s->h_median, (size_t)s->n_layer);
}

static persona_code put_traits(struct gguf_context *g, const persona_map *m, persona_err *e)
{
    const char **names = mem_calloc(m->n_traits, sizeof *names);
    if (!names) {
        return mem_err(e, "the keys of a map");
    }
    for (size_t i = 0; i < m->n_traits; i++) {
        names[i] = m->traits[i];
    }
    gguf_set_arr_str(g, "persona.map.traits", names, m->n_traits);
    mem_free(names);
    return PERSONA_OK;
}

static void put_keys(struct gguf_context *g, const persona_map *m)
{
    gguf_set_val_str(g, "general.architecture", MAPFILE_ARCHITECTURE);
    gguf_set_val_u32(g, "persona.map.version", m->readings ? MAPFILE_VERSION : 1);
    gguf_set_val_u32(g, "persona.map.seed", m->seed);
    gguf_set_val_str(g, MAPFILE_WITHOUT, m->without ? m->without : "");
    gguf_set_val_str(g, MAPFILE_LEAVE, persona_leave_name(m->leave));
    gguf_set_val_u32(g, MAPFILE_NAMED, (uint32_t)m->n_named);
    gguf_set_val_u32(g, MAPFILE_LEANING, (uint32_t)m->n_leaning);
    for (size_t i = 0; i < mapfile_n_strings; i++) {
        gguf_set_val_str(g, mapfile_strings[i].key,
                         *(char *const *)mapfile_member_const(m, mapfile_strings[i].at));
    }
    for (size_t i = 0; i < mapfile_n_counts; i++) {
        gguf_set_val_u32(g, mapfile_counts[i].key,
                         (uint32_t) *
                             (const size_t *)mapfile_member_const(m, mapfile_counts[i].at));
    }
    put_side(g, "from", &m->from);
    put_side(g, "to", &m->to);
}

static persona_code put_blocks(struct gguf_context *g, const persona_map *m, persona_err *e)
{
    int32_t *which = mem_calloc(m->n_blocks, 3 * sizeof *which);
    float *values = mem_calloc(m->n_blocks, sizeof *values);
    if (which && values) {
        for (size_t i = 0; i < m->n_blocks; i++) {
            which[3 * i] = m->blocks[i].from;
            which[3 * i + 1] = m->blocks[i].to;
            which[3 * i + 2] = m->blocks[i].rank;
        }
        gguf_set_arr_data(g, "persona.map.blocks", GGUF_TYPE_INT32, which, 3 * m->n_blocks);
        put_reals(g, m, mapfile_reals, mapfile_n_reals, values);
        put_reals(g, m, mapfile_later, mapfile_n_later, values);
    }
    mem_free(which);
    mem_free(values);
    return which && values ? PERSONA_OK : mem_err(e, "the keys of a map");
}

/* kind: "map" or "null". */
static void put_factors(gguf_out *o, const persona_map *m, const persona_map_block *b,
                        const char *kind, const persona_map_factors *f)
{
    char name[64];
    if (f->k == 0) {
        return;
    }
    snprintf(name, sizeof name, "%s.%d.%d.left", kind, b->from, b->to);
    gguf_out_floats(o, name, f->left, (size_t)m->from.n_embd, f->k);
    snprintf(name, sizeof name, "%s.%d.%d.right", kind, b->from, b->to);
    gguf_out_floats(o, name, f->right, (size_t)m->to.n_embd, f->k);
}

/* ggml ends the program on a name that occurs twice. */
static persona_code check_pairs(const persona_map *m, const char *path, persona_err *e)
{
    for (size_t i = 0; i < m->n_blocks; i++) {
        for (size_t k = 0; k < i; k++) {
            if (m->blocks[i].from == m->blocks[k].from && m->blocks[i].to == m->blocks[k].to) {
                return persona_err_set(e, PERSONA_E_SHAPE, "%s: the map has blocks %d to %d twice",
                                       path, m->blocks[i].from, m->blocks[i].to);
            }
        }
    }
    return PERSONA_OK;
}

persona_code persona_map_write(const persona_map *m, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    gguf_out o = {0};
    TRY(gguf_out_new(&o, 4 * m->n_blocks + mapfile_n_reading_tensors(m), path, e));
    TRY(check_pairs(m, path, e));
    put_keys(o.keys, m);
    TRY(put_traits(o.keys, m, e));
    TRY(put_blocks(o.keys, m, e));
    for (size_t i = 0; i < m->n_blocks; i++) {
        put_factors(&o, m, &m->blocks[i], "map", &m->blocks[i].map);
        put_factors(&o, m, &m->blocks[i], "null", &m->blocks[i].null);
    }
    TRY(m->readings ? mapfile_put_readings(&o, m, e) : PERSONA_OK);
    TRY(gguf_out_write(&o, path, e));
out:
    gguf_out_free(&o);
    return rc;
}
