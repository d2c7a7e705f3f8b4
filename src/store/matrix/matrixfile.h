/* SPDX-License-Identifier: MIT
 *
 * matrixfile.h - float32 arrays of (rows, blocks, width) that are written row by row, and whose
 * number of rows is known at the end only: .npy (NumPy) and .safetensors.
 */
#ifndef PERSONA_STORE_MATRIXFILE_H
#define PERSONA_STORE_MATRIXFILE_H

#include "base/file.h"

typedef struct matrix_out {
    file_out file;
    bool npy;
    const int *blocks; /* (n_blocks), borrowed */
    size_t n_blocks, width, n_rows, n_header;
} matrix_out;

/* Whether the end of the name is one that is written here. Errors: USAGE. */
PERSONA_CHECK persona_code matrix_out_check(const char *path, persona_err *e);
/* Errors: USAGE (the end of the name), IO. */
PERSONA_CHECK persona_code matrix_out_open(matrix_out *m, const char *path, const int *blocks,
                                           size_t n_blocks, size_t width, persona_err *e);
/* n rows of (n_blocks, width). A failing write is reported by the commit. */
void matrix_out_rows(matrix_out *m, const float *rows, size_t n);
/* Writes the header and makes the file visible. Errors: IO (a pipe has no beginning to go back to,
 * disk full). */
PERSONA_CHECK persona_code matrix_out_commit(matrix_out *m, persona_err *e);
void matrix_out_abort(matrix_out *m);

#endif
