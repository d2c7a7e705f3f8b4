/* SPDX-License-Identifier: MIT
 *
 * vecfile_safetensors.c - persona vectors as safetensors.
 *
 *   u64 n, little-endian     length of the header
 *   n bytes                  JSON: {"__metadata__": {...strings...},
 *                                   "direction.3": {"dtype": "F32", "shape": [width],
 *                                                   "data_offsets": [begin, end]}, ...}
 *   the rest                 the data; offsets count from here and cover it without gap or overlap
 *
 * Ours name their tensors as in GGUF, direction.B with B the 0-based block (block 0 may be there),
 * and keep the whole provenance as one JSON text in __metadata__.persona. Others (saklas) are read
 * where every tensor is one row named direction.N or layer_N.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/vector/vecfile.h"

#define HEADER_MAX ((size_t)16 << 20)
#define FORMAT_NAME "persona.vector/1"

/* ---- writing -------------------------------------------------------------------------------- */

static void put_header(const persona_vector *v, buf *header, buf *provenance)
{
    json_out o;
    long long at = 0;
    const long long bytes = (long long)v->n_embd * (long long)sizeof(float);
    jo_init(&o, provenance, false);
    vecfile_put_json(&o, NULL, v);
    jo_init(&o, header, false);
    jo_object(&o, NULL);
    jo_object(&o, "__metadata__");
    jo_string(&o, "format", FORMAT_NAME);
    jo_string(&o, "model_hint", v->from.model_arch);
    jo_string(&o, "persona", buf_str(provenance));
    jo_end(&o);
    for (int b = 0; b < v->n_layer; b++) {
        char name[32];
        if (!v->layers[b].present) {
            continue;
        }
        snprintf(name, sizeof name, "direction.%d", b);
        jo_object(&o, name);
        jo_string(&o, "dtype", "F32");
        jo_array(&o, "shape");
        jo_int(&o, NULL, v->n_embd);
        jo_end(&o);
        jo_array(&o, "data_offsets");
        jo_int(&o, NULL, at);
        jo_int(&o, NULL, at + bytes);
        jo_end(&o);
        jo_end(&o);
        at += bytes;
    }
    jo_end(&o);
    while (header->len % 8 != 0 && !header->failed) { /* data on a multiple of 8 bytes */
        buf_putc(header, ' ');
    }
}

static persona_code write_safetensors(const persona_vector *v, const char *path, buf *note,
                                      persona_err *e)
{
    buf header, provenance;
    file_out file = {0};
    int n = 0;
    (void)note; /* everything fits */
    buf_init(&header, HEADER_MAX);
    buf_init(&provenance, HEADER_MAX);
    persona_code rc = vecfile_count(v, 0, path, &n, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    put_header(v, &header, &provenance);
    if ((rc = buf_ok(&provenance, path, e)) || (rc = buf_ok(&header, path, e)) ||
        (rc = file_out_open(&file, path, e))) {
        goto out;
    }
    unsigned char length[8];
    for (size_t i = 0; i < sizeof length; i++) {
        length[i] = (unsigned char)((uint64_t)header.len >> 8 * i);
    }
    (void)!fwrite(length, 1, sizeof length, file.fp); /* commit reports what fails */
    (void)!fwrite(header.p, 1, header.len, file.fp);
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            (void)!fwrite(persona_vector_row(v, b), sizeof(float), (size_t)v->n_embd, file.fp);
        }
    }
    rc = file_out_commit(&file, e);
out:
    buf_free(&provenance);
    buf_free(&header);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct tensor {
    int block;
    vecfile_type type;
    size_t width, begin, end;
} tensor;

typedef struct reader {
    const vecfile *f;
    const json_doc *d;
    size_t data, n_data; /* where the data begin, and how many bytes they are */
    tensor *tensors;     /* room for every member of the header */
    size_t n;
    persona_code rc;
} reader;

static bool sniff_safetensors(const vecfile *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8 && f->len > 8; i++) {
        n |= (uint64_t)f->p[i] << 8 * i;
    }
    return n >= 2 && f->len > 8 && n <= f->len - 8 && f->p[8] == '{';
}

/* A whole number of the file as a size. */
static bool take_size(const json_val *v, size_t *out)
{
    const double x = json_number(v, -1);
    if (!(x >= 0 && x <= (double)VECFILE_MAX && x == floor(x))) {
        return false;
    }
    *out = (size_t)x;
    return true;
}

static persona_code take_tensor(const reader *r, const char *name, const json_val *v, tensor *t)
{
    static const struct {
        const char *name;
        vecfile_type type;
    } types[] = {{"F32", VECFILE_F32}, {"F16", VECFILE_F16}, {"BF16", VECFILE_BF16}};
    const json_val *shape = json_get(v, "shape"), *offsets = json_get(v, "data_offsets");
    const char *dtype = json_string(json_get(v, "dtype"));
    size_t i = 0;
    t->block = vecfile_block(name, strlen(name), "direction.");
    if (t->block < 0) {
        t->block = vecfile_block(name, strlen(name), "layer_");
    }
    if (t->block < 0 || t->block > VECFILE_MAX_BLOCK) {
        return vecfile_bad(r->f, "tensor '%.60s' is not a direction (expected direction.N)", name);
    }
    while (dtype && i < sizeof types / sizeof types[0] && strcmp(types[i].name, dtype) != 0) {
        i++;
    }
    if (!dtype || i == sizeof types / sizeof types[0]) {
        return vecfile_bad(r->f, "tensor '%s' is of type %.20s (expected F32, F16 or BF16)", name,
                           dtype ? dtype : "unknown");
    }
    t->type = types[i].type;
    if (json_len(shape) != 1 || !take_size(json_at(shape, 0), &t->width) || t->width < 1 ||
        t->width > VECFILE_MAX_WIDTH) {
        return vecfile_bad(r->f, "tensor '%s' is no row of 1 to 1048576 values (see its shape)",
                           name);
    }
    if (json_len(offsets) != 2 || !take_size(json_at(offsets, 0), &t->begin) ||
        !take_size(json_at(offsets, 1), &t->end) || t->begin > t->end || t->end > r->n_data ||
        t->end - t->begin != t->width * vecfile_type_size(t->type)) {
        return vecfile_bad(r->f,
                           "tensor '%s' has data_offsets that do not fit its shape and the "
                           "file (truncated?)",
                           name);
    }
    return PERSONA_OK;
}

static bool take_member(void *ud, const char *key, const json_val *val)
{
    reader *r = ud;
    if (strcmp(key, "__metadata__") == 0) {
        if (json_typeof(val) != JSON_OBJECT) {
            r->rc = vecfile_bad(r->f, "'__metadata__' is not an object of texts");
        }
        return r->rc == PERSONA_OK;
    }
    tensor *t = &r->tensors[r->n];
    r->rc = take_tensor(r, key, val, t);
    if (r->rc == PERSONA_OK && r->n > 0 && t->width != r->tensors[0].width) {
        r->rc = vecfile_bad(r->f, "tensor '%s' has width %zu (expected %zu, as the first has)", key,
                            t->width, r->tensors[0].width);
    }
    r->n += r->rc == PERSONA_OK;
    return r->rc == PERSONA_OK;
}

static int by_offset(const void *a, const void *b)
{
    const tensor *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The format's own rule: the tensors cover the data once, without holes. */
static persona_code check_cover(const reader *r, int *highest)
{
    size_t at = 0;
    *highest = 0;
    qsort(r->tensors, r->n, sizeof *r->tensors, by_offset);
    for (size_t i = 0; i < r->n; i++) {
        const tensor *t = &r->tensors[i];
        if (t->begin != at) {
            return vecfile_bad(r->f,
                               "the data of layer %d begin at byte %zu (expected %zu: "
                               "tensors follow each other without gap or overlap)",
                               t->block, t->begin, at);
        }
        at = t->end;
        *highest = t->block > *highest ? t->block : *highest;
    }
    if (at != r->n_data) {
        return vecfile_bad(r->f, "%zu bytes of data belong to no tensor", r->n_data - at);
    }
    return PERSONA_OK;
}

static persona_code read_rows(const reader *r, persona_vector *v)
{
    persona_code rc = PERSONA_OK;
    float *row = mem_calloc((size_t)v->n_embd, sizeof *row);
    if (!row) {
        return mem_err(r->f->e, r->f->path);
    }
    for (size_t i = 0; rc == PERSONA_OK && i < r->n; i++) {
        const tensor *t = &r->tensors[i];
        if (v->layers[t->block].present) {
            rc = vecfile_bad(r->f, "the direction of layer %d occurs twice", t->block);
            break;
        }
        vecfile_widen(t->type, r->f->p + r->data + t->begin, t->width, row);
        rc = persona_vector_set(v, t->block, row, r->f->e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(r->f->e, "%s", r->f->path);
        }
    }
    mem_free(row);
    return rc;
}

/* __metadata__.persona as a document of its own; *out NULL if there is none. */
static persona_code open_provenance(const reader *r, json_doc **out)
{
    const char *text = json_string(json_get(json_get(json_root(r->d), "__metadata__"), "persona"));
    *out = NULL;
    if (!text) {
        return PERSONA_OK;
    }
    const persona_code rc = json_parse(text, strlen(text), r->f->path, out, r->f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(r->f->e, "__metadata__.persona of");
    }
    return rc;
}

static persona_code describe_foreign(const reader *r, persona_vector *v)
{
    bool narrow = false;
    buf note;
    buf_init(&note, VECFILE_NOTE_MAX);
    for (size_t i = 0; i < r->n; i++) {
        narrow = narrow || r->tensors[i].type != VECFILE_F32;
    }
    buf_puts(&note, "tensor N is block N");
    if (narrow) {
        vecfile_remark(&note, "half precision widened");
    }
    const persona_code rc = vecfile_imported(r->f, v, "safetensors", "", &note);
    buf_free(&note);
    return rc;
}

static persona_code build(const reader *r, persona_vector **out)
{
    persona_vector *v = NULL;
    json_doc *own = NULL;
    int highest = 0, n_layer = 0;
    persona_code rc = PERSONA_OK;
    TRY(check_cover(r, &highest));
    TRY(open_provenance(r, &own));
    n_layer = highest + 1;
    if (own) {
        TRY(vecfile_json_n_layer(own, json_root(own), highest, &n_layer, r->f->e));
    }
    rc = persona_vector_new(n_layer, (int)r->tensors[0].width, &v, r->f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(r->f->e, "%s", r->f->path);
        goto out;
    }
    TRY(read_rows(r, v));
    TRY(own ? vecfile_take_json(r->f, own, json_root(own), v) : describe_foreign(r, v));
    TRY(vecfile_meanings(r->f, v, "", json_get(json_root(r->d), "__metadata__")));
    *out = v;
    v = NULL;
out:
    json_free(own);
    persona_vector_free(v);
    return rc;
}

static persona_code read_safetensors(const vecfile *f, persona_vector **out)
{
    json_doc *d = NULL;
    reader r = {.f = f};
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++) {
        n |= (uint64_t)f->p[i] << 8 * i;
    }
    if (n > HEADER_MAX) {
        return vecfile_bad(f, "the header is larger than 16 MiB");
    }
    persona_code rc = PERSONA_OK;
    TRY(json_parse((const char *)f->p + 8, (size_t)n, f->path, &d, f->e));
    r.d = d;
    r.data = 8 + (size_t)n;
    r.n_data = f->len - r.data;
    r.tensors = mem_calloc(json_len(json_root(d)) + 1, sizeof *r.tensors);
    TRY(r.tensors ? PERSONA_OK : mem_err(f->e, f->path));
    json_each(json_root(d), take_member, &r);
    TRY(r.rc);
    if (r.n == 0) {
        rc = vecfile_bad(f, "holds no direction");
        goto out;
    }
    TRY(build(&r, out));
out:
    mem_free(r.tensors);
    json_free(d);
    return rc;
}

const vecfile_format vecfile_safetensors = {
    "safetensors", ".safetensors", sniff_safetensors, read_safetensors, write_safetensors,
};
