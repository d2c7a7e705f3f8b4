/* SPDX-License-Identifier: MIT
 *
 * pickle.h - the pickle of one plain tensor, and nothing else.
 */
#ifndef PERSONA_STORE_PICKLE_H
#define PERSONA_STORE_PICKLE_H

#include "store/vector/vecfile.h"

typedef struct pickle_tensor {
    vecfile_type type;
    const char *key; /* (key_len) name of the storage: the member data/KEY; inside the pickle */
    size_t key_len;
    int64_t n_storage, offset; /* elements; where the tensor begins */
    int64_t rows, columns, row_stride, column_stride;
} pickle_tensor;

/* Runs the pickle p[0..n) of torch.save(tensor). Errors: FORMAT: any opcode, global or shape of
 * arguments that such a file does not have, named with its byte. */
PERSONA_CHECK persona_code pickle_read(const vecfile *f, const unsigned char *p, size_t n,
                                       pickle_tensor *out);
/* Appends the pickle of a contiguous float32 tensor whose storage is data/0. */
void pickle_write(buf *b, int64_t rows, int64_t columns);

#endif
