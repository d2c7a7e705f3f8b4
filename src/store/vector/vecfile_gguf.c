/* SPDX-License-Identifier: MIT
 *
 * vecfile_gguf.c - persona vectors as GGUF control vectors: what we write.
 *
 * KEY                                       TYPE     MEANING
 * general.architecture                      str      "controlvector", what makes it one
 * controlvector.model_hint, .layer_count    str, u32 as llama.cpp's generator writes them
 * persona.*                                 vecfile_keys.c; absent: the fact is unknown
 * TENSOR direction.B                        f32 (n_embd), B >= 1: added to the output of block B
 *
 * Stock llama.cpp reads the tensors and no key at all, so everything that decides what the file
 * does is in the tensors, and what we add cannot break it elsewhere. It rejects direction.0, other
 * names, other types and unequal widths: none of them is ever written. Reading, also of the files
 * of others, is vecfile_gguf_read.c; the tensors are ggufwrite.c.
 */
#include <gguf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/ggufwrite.h"
#include "store/vector/vecfile_gguf.h"

#define FILE_VERSION 1

static float layer_value(const persona_vector *v, int block, size_t at)
{
    float x;
    memcpy(&x, vecfile_member_const(&v->layers[block], at), sizeof x);
    return x;
}

static void put_provenance(struct gguf_context *g, const persona_vector *v)
{
    const persona_provenance *from = &v->from;
    const int32_t counts[4] = {from->n_generated_pos, from->n_generated_neg, from->n_kept_pos,
                               from->n_kept_neg};
    gguf_set_val_u32(g, "persona.version", FILE_VERSION);
    gguf_set_val_u32(g, "persona.seed", from->seed);
    gguf_set_val_u32(g, "persona.n_layer", (uint32_t)v->n_layer);
    gguf_set_arr_data(g, "persona.counts", GGUF_TYPE_INT32, counts, 4);
    for (size_t i = 0; i < vecfile_n_strings; i++) {
        const char *s = *(char *const *)vecfile_member_const(from, vecfile_strings[i].at);
        if (s && *s) {
            gguf_set_val_str(g, vecfile_strings[i].key, s);
        }
    }
    for (size_t i = 0; i < vecfile_n_reals; i++) {
        const float x = *(const float *)vecfile_member_const(from, vecfile_reals[i].at);
        if (!isnan(x)) {
            gguf_set_val_f32(g, vecfile_reals[i].key, x);
        }
    }
    for (size_t i = 0; i < vecfile_n_ints; i++) {
        const int x = *(const int *)vecfile_member_const(from, vecfile_ints[i].at);
        if (x != vecfile_ints[i].unknown) {
            gguf_set_val_i32(g, vecfile_ints[i].key, x);
        }
    }
}

/* values: room for n_layer floats. */
static void put_layers(struct gguf_context *g, const persona_vector *v, float *values)
{
    for (size_t k = 0; k < vecfile_n_layers; k++) {
        bool known = false;
        for (int b = 0; b < v->n_layer; b++) {
            values[b] = layer_value(v, b, vecfile_layers[k].at);
            known = known || !isnan(values[b]);
        }
        if (known) {
            gguf_set_arr_data(g, vecfile_layers[k].key, GGUF_TYPE_FLOAT32, values,
                              (size_t)v->n_layer);
        }
    }
}

static void put_directions(gguf_out *o, const persona_vector *v)
{
    char name[32];
    for (int b = 1; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            snprintf(name, sizeof name, "direction.%d", b);
            gguf_out_floats(o, name, persona_vector_row(v, b), (size_t)v->n_embd, 1);
        }
    }
}

static persona_code write_gguf(const persona_vector *v, const char *path, buf *note, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    gguf_out o = {0};
    float *values = NULL;
    int n = 0;
    TRY(vecfile_count(v, 1, path, &n, e));
    TRY(gguf_out_new(&o, (size_t)n, path, e));
    values = mem_calloc((size_t)v->n_layer, sizeof *values);
    TRY(values ? PERSONA_OK : mem_err(e, path));
    if (v->layers[0].present) {
        vecfile_remark(note, "block 0 left out: llama.cpp cannot steer it");
    }
    gguf_set_val_str(o.keys, "general.architecture", "controlvector");
    gguf_set_val_str(o.keys, "controlvector.model_hint", v->from.model_arch);
    gguf_set_val_u32(o.keys, "controlvector.layer_count", (uint32_t)n);
    put_provenance(o.keys, v);
    put_layers(o.keys, v, values);
    put_directions(&o, v);
    TRY(gguf_out_write(&o, path, e));
out:
    gguf_out_free(&o);
    mem_free(values);
    return rc;
}

static bool sniff_gguf(const vecfile *f)
{
    return f->len >= 4 && memcmp(f->p, GGUF_MAGIC, 4) == 0;
}

const vecfile_format vecfile_gguf = {
    "gguf", ".gguf", sniff_gguf, vecfile_gguf_read, write_gguf,
};
