/* SPDX-License-Identifier: MIT
 *
 * vecfile_json.c - the vector JSON of cross-model-persona-steering, and sidecars named by mistake.
 *
 *   {"model_id": "...", "trait_id": "...", "generated_at": "...", "generation_time": 1.5,
 *    "vectors": {"layer_0": [...], "layer_1": [...]}, "effectiveness_scores": {...},
 *    "metadata": {...}, "responses": {"positive": [], "negative": []}}
 *
 * layer_N is the output of the 0-based block N (one more than the paper's count). That program
 * makes unit vectors. We write the values as they are, all fields it looks for, and our provenance
 * as one more member "persona"; responses and scores of its own files are not kept. A JSON file
 * that is the sidecar of raw floats leads to them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "store/vector/vecfile.h"

#define TEXT_MAX ((size_t)1 << 30)
#define READ_MAX ((size_t)256 << 20)

/* ---- writing -------------------------------------------------------------------------------- */

static void put_vectors(json_out *o, const persona_vector *v)
{
    jo_object(o, "vectors");
    for (int b = 0; b < v->n_layer; b++) {
        char name[32];
        if (!v->layers[b].present) {
            continue;
        }
        const float *row = persona_vector_row(v, b);
        snprintf(name, sizeof name, "layer_%d", b);
        jo_array(o, name);
        for (int i = 0; i < v->n_embd; i++) {
            jo_number(o, NULL, (double)row[i]);
        }
        jo_end(o);
    }
    jo_end(o);
}

static persona_code write_json(const persona_vector *v, const char *path, buf *note, persona_err *e)
{
    json_out o;
    buf text;
    int n = 0;
    buf_init(&text, TEXT_MAX);
    persona_code rc = PERSONA_OK;
    TRY(vecfile_count(v, 0, path, &n, e));
    if (strcmp(v->from.unit, PERSONA_UNIT_ONE) != 0) {
        vecfile_remark(note, "the original project expects unit vectors; these are written as they "
                             "are (--normalize changes that)");
    }
    jo_init(&o, &text, false);
    jo_object(&o, NULL);
    jo_string(&o, "model_id", v->from.model_name);
    jo_string(&o, "trait_id", v->from.trait);
    jo_string(&o, "generated_at", "");
    jo_number(&o, "generation_time", 0);
    put_vectors(&o, v);
    jo_object(&o, "effectiveness_scores");
    jo_end(&o);
    jo_object(&o, "metadata");
    jo_int(&o, "num_layers_processed", n);
    jo_end(&o);
    jo_object(&o, "responses");
    jo_array(&o, "positive");
    jo_end(&o);
    jo_array(&o, "negative");
    jo_end(&o);
    jo_end(&o);
    vecfile_put_json(&o, "persona", v);
    jo_end(&o);
    buf_putc(&text, '\n');
    TRY(buf_ok(&text, path, e));
    TRY(file_write(path, text.p, text.len, e));
out:
    buf_free(&text);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct reader {
    const vecfile *f;
    const json_doc *d;
    const json_val *vectors;
    size_t width;
    int highest;
    float *row; /* (width) */
    persona_vector *v;
    persona_code rc;
} reader;

/* The highest layer and the width, before anything is allocated. */
static bool survey_layer(void *ud, const char *key, const json_val *val)
{
    reader *r = ud;
    const int block = vecfile_block(key, strlen(key), "layer_");
    const size_t n = json_typeof(val) == JSON_ARRAY ? json_len(val) : 0;
    if (block < 0 || block > VECFILE_MAX_BLOCK) {
        r->rc = vecfile_bad(r->f, "field 'vectors.%.60s' is not a layer (expected layer_N)", key);
    } else if (n < 1 || n > VECFILE_MAX_WIDTH) {
        r->rc = vecfile_bad(r->f, "field 'vectors.%s' is no array of 1 to 1048576 numbers", key);
    } else if (r->width > 0 && n != r->width) {
        r->rc = vecfile_bad(r->f, "field 'vectors.%s' has %zu values (expected %zu, as the first)",
                            key, n, r->width);
    }
    r->width = n;
    r->highest = block > r->highest ? block : r->highest;
    return r->rc == PERSONA_OK;
}

static bool take_layer(void *ud, const char *key, const json_val *val)
{
    reader *r = ud;
    const int block = vecfile_block(key, strlen(key), "layer_");
    if (r->v->layers[block].present) {
        r->rc = vecfile_bad(r->f, "field 'vectors.%s' occurs twice", key);
        return false;
    }
    for (size_t i = 0; i < r->width; i++) {
        const json_val *item = json_at(val, i);
        const double x = json_number(item, (double)NAN);
        if (!vecfile_fits(x)) {
            r->rc = vecfile_bad(r->f, "field 'vectors.%s[%zu]' is not a float32 number", key, i);
            return false;
        }
        r->row[i] = (float)x;
    }
    r->rc = persona_vector_set(r->v, block, r->row, r->f->e);
    return r->rc == PERSONA_OK;
}

/* A text that may be missing. */
static persona_code optional_text(const reader *r, const char *key, char **field)
{
    const char *text = NULL;
    const json_val *root = json_root(r->d);
    if (json_typeof(json_get(root, key)) == JSON_NULL) {
        return PERSONA_OK;
    }
    const persona_code rc = json_need_string(r->d, root, key, &text, r->f->e);
    return rc == PERSONA_OK ? vecfile_label(r->f, text, field) : rc;
}

static persona_code describe_foreign(const reader *r)
{
    buf note;
    buf_init(&note, VECFILE_NOTE_MAX);
    buf_puts(&note, "layer_N is block N; responses and scores left out");
    persona_code rc = PERSONA_OK;
    TRY(optional_text(r, "model_id", &r->v->from.model_name));
    TRY(optional_text(r, "trait_id", &r->v->from.trait));
    TRY(vecfile_imported(r->f, r->v, "cross-model-persona-steering", "", &note));
out:
    buf_free(&note);
    return rc;
}

static persona_code read_vectors(reader *r)
{
    const json_val *root = json_root(r->d), *own = json_get(root, "persona");
    int n_layer = 0;
    persona_code rc = json_need(r->d, root, "vectors", JSON_OBJECT, &r->vectors, r->f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (json_len(r->vectors) == 0) {
        return vecfile_bad(r->f, "field 'vectors' holds no direction");
    }
    json_each(r->vectors, survey_layer, r);
    if (r->rc != PERSONA_OK) {
        return r->rc;
    }
    rc = vecfile_json_n_layer(r->d, own, r->highest, &n_layer, r->f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    rc = persona_vector_new(n_layer, (int)r->width, &r->v, r->f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(r->f->e, "%s", r->f->path);
        return rc;
    }
    r->row = mem_calloc(r->width, sizeof *r->row);
    if (!r->row) {
        return mem_err(r->f->e, r->f->path);
    }
    json_each(r->vectors, take_layer, r);
    if (r->rc != PERSONA_OK) {
        return r->rc;
    }
    rc = own ? vecfile_take_json(r->f, r->d, own, r->v) : describe_foreign(r);
    return rc == PERSONA_OK ? vecfile_meanings(r->f, r->v, "", root) : rc;
}

static bool sniff_json(const vecfile *f)
{
    size_t i = utf8_mark((const char *)f->p, f->len);
    while (i < f->len && (f->p[i] == ' ' || (f->p[i] >= '\t' && f->p[i] <= '\r'))) {
        i++;
    }
    return i < f->len && f->p[i] == '{';
}

static persona_code read_json(const vecfile *f, persona_vector **out)
{
    json_doc *d = NULL;
    if (f->len > READ_MAX) {
        return vecfile_bad(f, "is larger than 256 MiB of JSON");
    }
    persona_code rc = json_parse((const char *)f->p, f->len, f->path, &d, f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (vecfile_is_sidecar(d)) {
        rc = vecfile_f32_beside(f, out);
    } else {
        reader r = {.f = f, .d = d};
        rc = read_vectors(&r);
        mem_free(r.row);
        if (rc == PERSONA_OK) {
            *out = r.v;
        } else {
            persona_vector_free(r.v);
        }
    }
    json_free(d);
    return rc;
}

const vecfile_format vecfile_json = {"json", ".json", sniff_json, read_json, write_json};
