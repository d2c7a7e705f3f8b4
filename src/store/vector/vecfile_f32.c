/* SPDX-License-Identifier: MIT
 *
 * vecfile_f32.c - ds4's direction files: raw float32 rows in NAME.f32, what they are in NAME.json.
 *
 *   NAME.f32    n_layer x n_embd float32, little-endian, no header; a block without a direction is
 *               a row of zeros
 *   NAME.json   {"format": "ds4-directional-steering-v1", "shape": [n_layer, n_embd], ...}
 *
 * Row B belongs to block B, but in ds4 to what its feed-forward or attention part writes, and ds4
 * subtracts the projection on it: the same numbers mean another operation there, so the note says
 * it, and they are not steered with. Our sidecars add "persona" (the provenance) and "sha256" (of
 * the rows), which tells a sidecar that was left behind by another file. The sidecar is written
 * first: rows without it are unreadable.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/vector/vecfile.h"

#define FORMAT_PREFIX "ds4-directional-steering"
#define FORMAT_NAME FORMAT_PREFIX "-v1"
#define SIDECAR_MAX ((size_t)16 << 20)

/* PATH with its extension replaced, "a/b.f32" -> "a/b.json", into out (PATH_MAX); without memory,
 * for sniffing must not fail. False: too long for a path, or the same as PATH. */
static bool sibling(const char *path, const char *extension, char *out)
{
    const char *dot = strrchr(path, '.');
    const size_t n = dot && dot > path_base(path) ? (size_t)(dot - path) : strlen(path);
    const int len = n < PATH_MAX ? snprintf(out, PATH_MAX, "%.*s%s", (int)n, path, extension) : -1;
    return len > 0 && len < PATH_MAX && strcmp(out, path) != 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static persona_code write_sidecar(const persona_vector *v, const char *path, const float *rows,
                                  persona_err *e)
{
    json_out o;
    buf text;
    char hash[65];
    sha256_hex(rows, (size_t)v->n_layer * (size_t)v->n_embd * sizeof *rows, hash);
    buf_init(&text, SIDECAR_MAX);
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    jo_string(&o, "format", FORMAT_NAME);
    jo_array(&o, "shape");
    jo_int(&o, NULL, v->n_layer);
    jo_int(&o, NULL, v->n_embd);
    jo_end(&o);
    jo_string(&o, "component", "residual");
    jo_string(&o, "model", v->from.model_name);
    jo_string(&o, "note",
              "row B is the direction of block B, from absence to presence of the "
              "trait; a row of zeros is none");
    jo_string(&o, "sha256", hash);
    vecfile_put_json(&o, "persona", v);
    jo_end(&o);
    buf_putc(&text, '\n');
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&text, path, e));
    TRY(file_write(path, text.p, text.len, e));
out:
    buf_free(&text);
    return rc;
}

/* The sidecar's name is not the user's choice: only another sidecar gives way to it. */
static persona_code may_replace(const char *sidecar, persona_err *e)
{
    json_doc *doc = NULL;
    if (!file_exists(sidecar)) {
        return PERSONA_OK;
    }
    const persona_code rc = json_read(sidecar, SIDECAR_MAX, &doc, NULL);
    const char *format = rc == PERSONA_OK ? json_string(json_get(json_root(doc), "format")) : NULL;
    const bool mine = format && strcmp(format, FORMAT_NAME) == 0;
    json_free(doc);
    return mine
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "%s is in the way: raw floats keep their provenance there (choose "
                                 "another name)",
                                 sidecar);
}

static persona_code write_f32(const persona_vector *v, const char *path, buf *note, persona_err *e)
{
    struct stat st;
    int n = 0;
    char sidecar[PATH_MAX];
    persona_code rc = PERSONA_OK;
    TRY(vecfile_count(v, 0, path, &n, e));
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s: raw floats need a file, so that their .json can lie beside it",
                             path);
        goto out;
    }
    if (!sibling(path, ".json", sidecar)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s: raw floats need another name than their .json", path);
        goto out;
    }
    TRY(may_replace(sidecar, e));
    TRY(write_sidecar(v, sidecar, v->data, e));
    TRY(file_write(path, v->data, (size_t)v->n_layer * (size_t)v->n_embd * sizeof(float), e));
    vecfile_remark(note,
                   "the provenance is in %s; ds4 itself subtracts projections and hooks "
                   "another place",
                   sidecar);
out:
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

bool vecfile_is_sidecar(const json_doc *d)
{
    const char *format = json_string(json_get(json_root(d), "format"));
    return format && strncmp(format, FORMAT_PREFIX, sizeof FORMAT_PREFIX - 1) == 0;
}

static persona_code read_shape(const vecfile *f, const json_doc *d, int *n_layer, int *n_embd)
{
    const json_val *shape = NULL;
    persona_code rc = json_need(d, json_root(d), "shape", JSON_ARRAY, &shape, f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const double a = json_number(json_at(shape, 0), 0), b = json_number(json_at(shape, 1), 0);
    if (json_len(shape) != 2 || !(a >= 1 && a <= VECFILE_MAX_BLOCK + 1 && a == floor(a)) ||
        !(b >= 1 && b <= VECFILE_MAX_WIDTH && b == floor(b))) {
        return json_bad(d, json_root(d), "shape", f->e,
                        "is not [blocks, width] (at most 4097 blocks of 1048576)");
    }
    *n_layer = (int)a;
    *n_embd = (int)b;
    return PERSONA_OK;
}

static persona_code check_hash(const vecfile *f, const json_doc *d, const char *raw_path,
                               const unsigned char *raw, size_t n)
{
    const char *want = NULL;
    char have[65];
    if (!json_get(json_root(d), "sha256")) {
        return PERSONA_OK;
    }
    const persona_code rc = json_need_string(d, json_root(d), "sha256", &want, f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    sha256_hex(raw, n, have);
    if (strcmp(want, have) == 0) {
        return PERSONA_OK;
    }
    return vecfile_bad(f, "field 'sha256' is not that of %s (a sidecar of other rows?)", raw_path);
}

static persona_code take_rows(const vecfile *f, const char *raw_path, const unsigned char *raw,
                              persona_vector *v)
{
    persona_code rc = PERSONA_OK;
    const size_t width = (size_t)v->n_embd;
    int n_present = 0;
    float *row = mem_calloc(width, sizeof *row);
    if (!row) {
        return mem_err(f->e, raw_path);
    }
    for (int b = 0; b < v->n_layer; b++) {
        bool zero = true;
        vecfile_widen(VECFILE_F32, raw + (size_t)b * width * sizeof *row, width, row);
        for (size_t i = 0; zero && i < width; i++) {
            zero = row[i] == 0.0F;
        }
        if (zero) {
            continue;
        }
        n_present++;
        rc = persona_vector_set(v, b, row, f->e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(f->e, "%s", raw_path);
            goto out;
        }
    }
    if (n_present == 0) {
        rc =
            persona_err_set(f->e, PERSONA_E_FORMAT, "%s: holds no direction, only zeros", raw_path);
    }
out:
    mem_free(row);
    return rc;
}

static persona_code describe_foreign(const vecfile *f, const json_doc *d, persona_vector *v)
{
    const json_val *root = json_root(d);
    const char *model = json_string(json_get(root, "model"));
    const char *component = json_string(json_get(root, "component"));
    char *hook = NULL; /* the component as plain text */
    buf note;
    buf_init(&note, VECFILE_NOTE_MAX);
    persona_code rc = PERSONA_OK;
    TRY(vecfile_label(f, component && strlen(component) < 40 ? component : "what a block writes",
                      &hook));
    if (model) {
        TRY(vecfile_label(f, model, &v->from.model_name));
    }
    buf_printf(&note,
               "row N is block N; in ds4 a direction of %s, whose projection is subtracted: sign "
               "and strength do not carry over",
               hook);
    TRY(vecfile_imported(f, v, "ds4 dir-steering", "", &note));
    TRY(vecfile_meaning(f, v, "operation", "projection, as " FORMAT_PREFIX " means it"));
out:
    buf_free(&note);
    mem_free(hook);
    return rc;
}

persona_code vecfile_f32_parse(const vecfile *f, const char *raw_path, const unsigned char *raw,
                               size_t n, persona_vector **out)
{
    json_doc *d = NULL;
    persona_vector *v = NULL;
    int n_layer = 0, n_embd = 0;
    persona_code rc = PERSONA_OK;
    TRY(json_parse((const char *)f->p, f->len, f->path, &d, f->e));
    if (!vecfile_is_sidecar(d)) {
        rc = json_bad(d, json_root(d), "format", f->e, "is not \"%s\"", FORMAT_NAME);
        goto out;
    }
    TRY(read_shape(f, d, &n_layer, &n_embd));
    if (n != (size_t)n_layer * (size_t)n_embd * sizeof(float)) {
        rc = persona_err_set(f->e, PERSONA_E_FORMAT,
                             "%s: has %zu bytes (expected %d x %d float32, as 'shape' of %s says)",
                             raw_path, n, n_layer, n_embd, f->path);
        goto out;
    }
    TRY(check_hash(f, d, raw_path, raw, n));
    rc = persona_vector_new(n_layer, n_embd, &v, f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(f->e, "%s", f->path);
        goto out;
    }
    TRY(take_rows(f, raw_path, raw, v));
    const json_val *own = json_get(json_root(d), "persona");
    TRY(own ? vecfile_take_json(f, d, own, v) : describe_foreign(f, d, v));
    TRY(vecfile_meanings(f, v, "", json_root(d)));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    json_free(d);
    return rc;
}

persona_code vecfile_f32_beside(const vecfile *sidecar, persona_vector **out)
{
    char *raw = NULL, path[PATH_MAX];
    size_t n = 0;
    if (!sibling(sidecar->path, ".f32", path)) {
        return vecfile_bad(sidecar, "is the sidecar of raw floats whose name cannot be told");
    }
    persona_code rc = file_read(path, VECFILE_MAX, &raw, &n, sidecar->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(sidecar->e, "%s is the sidecar of", sidecar->path);
        goto out;
    }
    TRY(vecfile_f32_parse(sidecar, path, (const unsigned char *)raw, n, out));
out:
    mem_free(raw);
    return rc;
}

/* Whole floats with a sidecar beside them: the content alone tells nothing. */
static bool sniff_f32(const vecfile *f)
{
    char path[PATH_MAX];
    return f->len > 0 && f->len % sizeof(float) == 0 && sibling(f->path, ".json", path) &&
           file_exists(path);
}

static persona_code read_f32(const vecfile *f, persona_vector **out)
{
    char *text = NULL, path[PATH_MAX];
    vecfile sidecar = {.path = path, .e = f->e};
    if (!sibling(f->path, ".json", path)) {
        return vecfile_bad(f, "raw floats without the name of a sidecar");
    }
    persona_code rc = PERSONA_OK;
    TRY(file_read(path, SIDECAR_MAX, &text, &sidecar.len, f->e));
    sidecar.p = (const unsigned char *)text;
    TRY(vecfile_f32_parse(&sidecar, f->path, f->p, f->len, out));
out:
    mem_free(text);
    return rc;
}

const vecfile_format vecfile_f32 = {"f32", ".f32", sniff_f32, read_f32, write_f32};
