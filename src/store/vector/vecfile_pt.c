/* SPDX-License-Identifier: MIT
 *
 * vecfile_pt.c - the .pt files of persona_vectors: torch.save of one [n_layers + 1, width] tensor.
 *
 *   zip (zip.c)   NAME/data.pkl   the pickle of one tensor (pickle.c)
 *                 NAME/data/KEY   its values
 *                 NAME/byteorder  "little" (absent in old files)
 *
 * Row i is hidden_states[i]: row 0 the embeddings, row b + 1 the output of block b. The last row is
 * taken after the final norm, so it belongs to no residual stream; these two are left out, and the
 * note says so. Written rows without a direction are zeros, and rows of zeros are read as none. The
 * format holds nothing but the values: provenance is dropped, with a note.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/vector/pickle.h"
#include "store/vector/vecfile.h"
#include "store/vector/zip.h"

#define OUT_MAX ((size_t)1 << 31)

/* ---- writing -------------------------------------------------------------------------------- */

static void put_archive(const persona_vector *v, const float *rows, buf *pickle, buf *out)
{
    zip_out z = {.b = out};
    const size_t n = ((size_t)v->n_layer + 1) * (size_t)v->n_embd * sizeof *rows;
    pickle_write(pickle, v->n_layer + 1, v->n_embd);
    zip_add(&z, "archive/data.pkl", buf_str(pickle), pickle->len);
    zip_add(&z, "archive/byteorder", "little", 6);
    zip_add(&z, "archive/data/0", rows, n);
    zip_add(&z, "archive/version", "3\n", 2);
    zip_end(&z);
}

static persona_code write_pt(const persona_vector *v, const char *path, buf *note, persona_err *e)
{
    const size_t width = (size_t)v->n_embd, last = (size_t)v->n_layer - 1;
    int n = 0;
    buf pickle, out;
    float *rows = NULL; /* (n_layer + 1, n_embd) */
    buf_init(&pickle, 4096);
    buf_init(&out, OUT_MAX);
    persona_code rc = PERSONA_OK;
    TRY(vecfile_count(v, 0, path, &n, e));
    if (n == 1 && v->layers[last].present) {
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "%s: the only direction is that of the last block, for which the "
                             "format has no row",
                             path);
        goto out;
    }
    rows = mem_calloc(((size_t)v->n_layer + 1) * width, sizeof *rows);
    if (!rows) {
        rc = mem_err(e, path);
        goto out;
    }
    memcpy(rows + width, v->data, last * width * sizeof *rows);
    put_archive(v, rows, &pickle, &out);
    TRY(buf_ok(&pickle, path, e));
    TRY(buf_ok(&out, path, e));
    TRY(file_write(path, out.p, out.len, e));
    if (v->layers[last].present) {
        vecfile_remark(note, "block %zu left out: the last row is taken after the final norm",
                       last);
    }
    vecfile_remark(note, "a tensor only: provenance, dose and statistics left out");
out:
    mem_free(rows);
    buf_free(&out);
    buf_free(&pickle);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool sniff_pt(const vecfile *f)
{
    static const unsigned char zip[] = {'P', 'K', 3, 4}, old[] = {0x80, 2, 0x8a, 0x0a};
    return f->len >= 4 && (memcmp(f->p, zip, 4) == 0 || memcmp(f->p, old, 4) == 0);
}

static persona_code check_tensor(const vecfile *f, const pickle_tensor *t, size_t n_bytes)
{
    if (t->rows < 3 || t->rows > VECFILE_MAX_BLOCK + 2 || t->columns < 1 ||
        t->columns > VECFILE_MAX_WIDTH) {
        return vecfile_bad(f,
                           "a tensor of shape [%lld, %lld] (expected [n_layers + 1, width] with "
                           "3 to 4098 rows)",
                           (long long)t->rows, (long long)t->columns);
    }
    if (t->row_stride != t->columns || t->column_stride != 1) {
        return vecfile_bad(f,
                           "a tensor of strides [%lld, %lld] (expected a contiguous one: save "
                           "x.contiguous())",
                           (long long)t->row_stride, (long long)t->column_stride);
    }
    const int64_t n = t->rows * t->columns;
    if (t->n_storage < n || t->offset < 0 || t->offset > t->n_storage - n ||
        (uint64_t)t->n_storage > n_bytes / vecfile_type_size(t->type)) {
        return vecfile_bad(f, "the tensor's data are %zu bytes (expected %lld values from %lld on)",
                           n_bytes, (long long)n, (long long)t->offset);
    }
    return PERSONA_OK;
}

static persona_code open_tensor(const vecfile *f, pickle_tensor *t, zip_member *data)
{
    zip_member pickle = {0}, order = {0};
    char name[32] = "/data/";
    persona_code rc = PERSONA_OK;
    TRY(zip_find(f, NULL, 0, "/data.pkl", &pickle));
    if (!pickle.p) {
        rc = vecfile_bad(f, "a zip archive without data.pkl (expected what torch.save writes)");
        goto out;
    }
    const size_t root = pickle.name_len - strlen("/data.pkl");
    TRY(zip_find(f, pickle.name, root, "/byteorder", &order));
    if (order.p && (order.n != 6 || memcmp(order.p, "little", 6) != 0)) {
        rc = vecfile_bad(f, "the values are not little-endian");
        goto out;
    }
    TRY(pickle_read(f, pickle.p, pickle.n, t));
    memcpy(name + strlen(name), t->key, t->key_len); /* at most 16 bytes */
    TRY(zip_find(f, pickle.name, root, name, data));
    if (!data->p) {
        rc = vecfile_bad(f, "the zip archive has no member '%.*s%s'", (int)root, pickle.name, name);
        goto out;
    }
    TRY(check_tensor(f, t, data->n));
out:
    return rc;
}

static persona_code take_rows(const vecfile *f, const pickle_tensor *t, const unsigned char *p,
                              persona_vector *v)
{
    persona_code rc = PERSONA_OK;
    const size_t width = (size_t)v->n_embd, row_bytes = width * vecfile_type_size(t->type);
    int n_present = 0;
    float *row = mem_calloc(width, sizeof *row);
    if (!row) {
        return mem_err(f->e, f->path);
    }
    for (int b = 0; b < v->n_layer - 1; b++) {
        bool zero = true;
        vecfile_widen(t->type, p + ((size_t)b + 1) * row_bytes, width, row);
        for (size_t i = 0; zero && i < width; i++) {
            zero = row[i] == 0.0F;
        }
        if (zero) {
            continue;
        }
        n_present++;
        rc = persona_vector_set(v, b, row, f->e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(f->e, "%s: row %d", f->path, b + 1);
            goto out;
        }
    }
    if (n_present == 0) {
        rc = vecfile_bad(f, "holds no direction, only zeros");
    }
out:
    mem_free(row);
    return rc;
}

static persona_code read_pt(const vecfile *f, persona_vector **out)
{
    pickle_tensor t = {0};
    zip_member data = {0};
    persona_vector *v = NULL;
    buf note;
    buf_init(&note, VECFILE_NOTE_MAX);
    if (f->p[0] == 0x80) {
        return vecfile_bad(f, "a PyTorch file from before version 1.6 (load and save it again)");
    }
    persona_code rc = PERSONA_OK;
    TRY(open_tensor(f, &t, &data));
    rc = persona_vector_new((int)t.rows - 1, (int)t.columns, &v, f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(f->e, "%s", f->path);
        goto out;
    }
    TRY(take_rows(f, &t, data.p + (size_t)t.offset * vecfile_type_size(t.type), v));
    buf_puts(&note, "row N+1 is block N; row 0 (embeddings) and the last row (after the final "
                    "norm) left out");
    if (t.type != VECFILE_F32) {
        vecfile_remark(&note, "half precision widened");
    }
    TRY(vecfile_imported(f, v, "persona_vectors", PERSONA_UNIT_RAW, &note));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    buf_free(&note);
    return rc;
}

const vecfile_format vecfile_pt = {"pt", ".pt", sniff_pt, read_pt, write_pt};
