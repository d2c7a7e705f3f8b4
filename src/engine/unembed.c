/* SPDX-License-Identifier: MIT
 *
 * unembed.c - tensors by name out of a GGUF file, mapped read-only: the pages are those that
 * libllama has mapped already, and rows are widened one by one, so a matrix of gigabytes takes no
 * memory of its own.
 */
#include "engine/unembed.h"

#include <errno.h>
#include <fcntl.h>
#include <gguf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/mem.h"
#include "base/try.h"

struct unembed_part {
    char *path;
    unsigned char *map;
    size_t len;
    struct gguf_context *keys;
};

static persona_code map_file(unembed_part *p, persona_err *e)
{
    struct stat st;
    const int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot be read (%s)", p->path, errtext(why));
    }
    p->len = (size_t)st.st_size;
    void *map = mmap(NULL, p->len, PROT_READ, MAP_SHARED, fd, 0);
    const int why = errno;
    close(fd);
    if (map == MAP_FAILED) {
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot be mapped (%s)", p->path, errtext(why));
    }
    p->map = map;
    const struct gguf_init_params params = {.no_alloc = true};
    p->keys = gguf_init_from_file(p->path, params);
    return p->keys != NULL
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_FORMAT, "%s: broken GGUF header", p->path);
}

/* *out is left alone where no part has the tensor. */
static persona_code find(const unembed *u, const char *name, unembed_tensor *out, persona_err *e)
{
    for (size_t i = 0; i < u->n_parts; i++) {
        const unembed_part *p = &u->parts[i];
        const int64_t id = gguf_find_tensor(p->keys, name);
        if (id < 0) {
            continue;
        }
        const int64_t *ne = gguf_get_tensor_ne(p->keys, id);
        const size_t at = gguf_get_data_offset(p->keys) + gguf_get_tensor_offset(p->keys, id);
        const size_t size = gguf_get_tensor_size(p->keys, id);
        if (at > p->len || size > p->len - at || ne[2] != 1 || ne[3] != 1) {
            return persona_err_set(e, PERSONA_E_FORMAT,
                                   "%s: the tensor %s does not lie within the file", p->path, name);
        }
        *out = (unembed_tensor){.name = name,
                                .data = p->map + at,
                                .type = gguf_get_tensor_type(p->keys, id),
                                .width = (size_t)ne[0],
                                .n_rows = (size_t)ne[1]};
        out->row_size = ggml_row_size(out->type, ne[0]);
        return PERSONA_OK;
    }
    return PERSONA_OK;
}

/* Whether a file's metadata has ARCH.key. */
static bool has_key(const unembed *u, const char *key)
{
    for (size_t i = 0; i < u->n_parts; i++) {
        const struct gguf_context *keys = u->parts[i].keys;
        const int64_t arch = gguf_find_key(keys, "general.architecture");
        char name[128];
        if (arch < 0 || gguf_get_kv_type(keys, arch) != GGUF_TYPE_STRING) {
            continue;
        }
        snprintf(name, sizeof name, "%s.%s", gguf_get_val_str(keys, arch), key);
        if (gguf_find_key(keys, name) >= 0) {
            return true;
        }
    }
    return false;
}

/* LayerNorm subtracts the mean, RMSNorm does not, and a model's epsilon is named after its norm (T5
 * has both, and RMSNorm). A bias says LayerNorm, but Command-R's has none. */
static bool norm_centers(const unembed *u, bool has_bias)
{
    if (has_key(u, "attention.layer_norm_rms_epsilon")) {
        return false;
    }
    return has_bias || has_key(u, "attention.layer_norm_epsilon");
}

persona_code unembed_open(const persona_model *m, unembed *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **paths = NULL;
    size_t n = 0;
    unembed_tensor bias = {0};
    *out = (unembed){0};
    TRY(model_parts(m, &paths, &n, e));
    out->parts = mem_calloc(n, sizeof *out->parts);
    TRY(out->parts != NULL ? PERSONA_OK : mem_err(e, "a model's file"));
    out->n_parts = n;
    for (size_t i = 0; i < n; i++) {
        out->parts[i].path = paths[i];
        paths[i] = NULL;
        TRY(map_file(&out->parts[i], e));
    }
    TRY(find(out, "token_embd.weight", &out->matrix, e));
    TRY(find(out, "output.weight", &out->matrix, e));
    TRY(find(out, "output_norm.weight", &out->norm, e));
    TRY(find(out, "output_norm.bias", &bias, e));
    out->centers = norm_centers(out, bias.data != NULL);
    const size_t d = (size_t)m->info.n_embd;
    if (out->matrix.data == NULL || out->norm.data == NULL || out->matrix.width != d ||
        out->norm.width != d) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%s: has no output norm and output matrix of its width %zu "
                             "(output_norm.weight; output.weight or token_embd.weight)",
                             m->path, d);
    }
out:
    mem_free_list(paths, n);
    return rc;
}

void unembed_close(unembed *u)
{
    for (size_t i = 0; u->parts != NULL && i < u->n_parts; i++) {
        unembed_part *p = &u->parts[i];
        if (p->keys != NULL) {
            gguf_free(p->keys);
        }
        if (p->map != NULL) {
            munmap(p->map, p->len);
        }
        mem_free(p->path);
    }
    mem_free(u->parts);
    *u = (unembed){0};
}

persona_code unembed_rows(const unembed_tensor *t, size_t first, size_t n, float *out,
                          persona_err *e)
{
    const unsigned char *p = t->data + first * t->row_size;
    const struct ggml_type_traits *traits = ggml_get_type_traits(t->type);
    if (t->type == GGML_TYPE_F32) {
        memcpy(out, p, n * t->row_size);
        return PERSONA_OK;
    }
    if (traits->to_float == NULL) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "the tensor %s is of type %s, which ggml does "
                               "not widen",
                               t->name, traits->type_name);
    }
    for (size_t i = 0; i < n; i++) {
        traits->to_float(p + i * t->row_size, out + i * t->width, (int64_t)t->width);
    }
    return PERSONA_OK;
}
