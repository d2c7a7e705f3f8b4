/* SPDX-License-Identifier: MIT
 *
 * matrixfile.c - the header is as long for any number of rows: room is left for it, the rows follow
 * as they come, and commit goes back to fill it in.
 *
 *   .npy           \x93NUMPY, version 1.0, u16 length, a Python dict padded by spaces, the array
 *   .safetensors   u64 length, JSON padded by spaces, one tensor `activations`, the array; the
 *                  numbers of the blocks stand in __metadata__.blocks
 *
 * Numbers are written as the machine has them; ggml runs on little-endian ones only.
 */
#include "store/matrix/matrixfile.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"

#define NPY_HEADER ((size_t)192)
#define ROWS_MOST ((size_t)1 << 44)
#define HEADER_MAX ((size_t)1 << 20)

persona_code matrix_out_check(const char *path, persona_err *e)
{
    if (path_ends(path, ".npy") || path_ends(path, ".safetensors")) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "%s: activations go into a file that ends in .npy or .safetensors",
                           path);
}

static void npy_header(const matrix_out *m, buf *out)
{
    static const char magic[] = "\x93NUMPY\x01";
    const size_t n = NPY_HEADER - 10;
    buf_add(out, magic, sizeof magic); /* with the 0 of version 1.0 */
    buf_putc(out, (char)(n & 255));
    buf_putc(out, (char)(n >> 8));
    buf_printf(out, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu, %zu), }",
               m->n_rows, m->n_blocks, m->width);
    while (out->len + 1 < NPY_HEADER && !out->failed) {
        buf_putc(out, ' ');
    }
    buf_putc(out, '\n');
}

static void put_blocks(const matrix_out *m, json_out *o)
{
    buf list;
    buf_init(&list, HEADER_MAX);
    for (size_t i = 0; i < m->n_blocks; i++) {
        buf_printf(&list, "%s%d", i > 0 ? "," : "", m->blocks[i]);
    }
    jo_string(o, "blocks", buf_str(&list));
    buf_free(&list);
}

/* size 0: as long as it comes. */
static void safetensors_header(const matrix_out *m, size_t n_rows, size_t size, buf *out)
{
    json_out o;
    buf text;
    const size_t n_bytes = n_rows * m->n_blocks * m->width * sizeof(float);
    buf_init(&text, HEADER_MAX);
    jo_init(&o, &text, false);
    jo_object(&o, NULL);
    jo_object(&o, "__metadata__");
    jo_string(&o, "format", "persona.activations/1");
    put_blocks(m, &o);
    jo_end(&o);
    jo_object(&o, "activations");
    jo_string(&o, "dtype", "F32");
    jo_array(&o, "shape");
    jo_int(&o, NULL, (long long)n_rows);
    jo_int(&o, NULL, (long long)m->n_blocks);
    jo_int(&o, NULL, (long long)m->width);
    jo_end(&o);
    jo_array(&o, "data_offsets");
    jo_int(&o, NULL, 0);
    jo_int(&o, NULL, (long long)n_bytes);
    jo_end(&o);
    jo_end(&o);
    jo_end(&o);
    while ((text.len % 8 != 0 || text.len + 8 < size) && !text.failed) {
        buf_putc(&text, ' ');
    }
    for (size_t i = 0; i < 8; i++) {
        buf_putc(out, (char)((uint64_t)text.len >> 8 * i & 255));
    }
    buf_add(out, buf_str(&text), text.len);
    if (text.failed) {
        out->failed = text.failed;
    }
    buf_free(&text);
}

static void put_header(const matrix_out *m, buf *out)
{
    if (m->npy) {
        npy_header(m, out);
    } else {
        safetensors_header(m, m->n_rows, m->n_header, out);
    }
}

persona_code matrix_out_open(matrix_out *m, const char *path, const int *blocks, size_t n_blocks,
                             size_t width, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf header;
    buf_init(&header, HEADER_MAX);
    *m = (matrix_out){
        .npy = path_ends(path, ".npy"), .blocks = blocks, .n_blocks = n_blocks, .width = width};
    TRY(matrix_out_check(path, e));
    if (m->npy) {
        npy_header(m, &header);
    } else { /* as long as the longest */
        safetensors_header(m, ROWS_MOST / (n_blocks * width), 0, &header);
    }
    TRY(buf_ok(&header, path, e));
    m->n_header = header.len;
    TRY(file_out_open(&m->file, path, e));
    (void)!fwrite(header.p, 1, header.len, m->file.fp); /* commit reports what fails */
out:
    buf_free(&header);
    return rc;
}

void matrix_out_rows(matrix_out *m, const float *rows, size_t n)
{
    (void)!fwrite(rows, m->n_blocks * m->width * sizeof *rows, n, m->file.fp);
    m->n_rows += n;
}

persona_code matrix_out_commit(matrix_out *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf header;
    buf_init(&header, HEADER_MAX);
    put_header(m, &header);
    TRY(buf_ok(&header, m->file.path, e));
    if (!ferror(m->file.fp) && fseek(m->file.fp, 0, SEEK_SET) != 0) {
        rc = persona_err_set(e, PERSONA_E_IO,
                             "%s: cannot go back to its beginning to say how many rows there are "
                             "(give a file, not a pipe)",
                             m->file.path);
        goto out;
    }
    (void)!fwrite(header.p, 1, header.len, m->file.fp);
    TRY(file_out_commit(&m->file, e));
out:
    matrix_out_abort(m);
    buf_free(&header);
    return rc;
}

void matrix_out_abort(matrix_out *m)
{
    file_out_abort(&m->file);
}
