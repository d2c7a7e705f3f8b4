/* SPDX-License-Identifier: MIT
 *
 * ggufwrite.c - what every GGUF file that we write has in common (vectors and maps).
 */
#include "store/ggufwrite.h"

#include <ggml.h>
#include <gguf.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"

persona_code gguf_out_new(gguf_out *o, size_t most_tensors, const char *what, persona_err *e)
{
    o->keys = gguf_init_empty();
    o->tensors = ggml_init((struct ggml_init_params){
        .mem_size = (most_tensors + 1) * ggml_tensor_overhead(), .no_alloc = true});
    return o->keys && o->tensors ? PERSONA_OK : mem_err(e, what);
}

void gguf_out_floats(gguf_out *o, const char *name, const float *p, size_t d, size_t k)
{
    struct ggml_tensor *t = ggml_new_tensor_2d(o->tensors, GGML_TYPE_F32, (int64_t)d, (int64_t)k);
    ggml_set_name(t, name);
    gguf_add_tensor(o->keys, t);
    gguf_set_tensor_data(o->keys, name, p);
}

persona_code gguf_out_write(const gguf_out *o, const char *path, persona_err *e)
{
    file_out file = {0};
    const persona_code rc = file_out_open(&file, path, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    /* A failing write leaves its mark on the stream; commit reports it with the reason. */
    if (!gguf_write_to_file_ptr(o->keys, file.fp, false) && !ferror(file.fp)) {
        file_out_abort(&file);
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot write the file", path);
    }
    return file_out_commit(&file, e);
}

void gguf_out_free(gguf_out *o)
{
    if (o->tensors) {
        ggml_free(o->tensors);
    }
    if (o->keys) {
        gguf_free(o->keys);
    }
    *o = (gguf_out){0};
}
