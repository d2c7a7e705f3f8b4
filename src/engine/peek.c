/* SPDX-License-Identifier: MIT
 *
 * peek.c - a walk over the header of a GGUF file (peek.h; the layout is in gguf_scan.c, which is
 * for small files in memory).
 *
 * The file is read through a window, since a vocabulary makes the header megabytes long, and not
 * mapped, since a file that is cut off meanwhile would end the program.
 */
#include "engine/peek.h"

#include <fcntl.h>
#include <llama.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"

enum { WINDOW = 1 << 16, MAX_KEYS = 1 << 16, MAX_TENSORS = 1 << 17, KEY_MAX = 128, DIMS = 4 };
enum { T_U8, T_I8, T_U16, T_I16, T_U32, T_I32, T_F32, T_BOOL, T_STRING, T_ARRAY, T_U64, T_I64 };
enum { N_TYPES = 13 };

static const unsigned char type_size[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct walk {
    const char *path;
    int fd;
    unsigned char *window; /* holds have bytes of the file, from `from` on */
    uint64_t from, at, size;
    size_t have;
    model_peek *out;
    uint64_t alignment, end; /* end: of the last tensor, within the data */
    bool arch_late;          /* a number came before the architecture */
    persona_err *e;
} walk;

static persona_code bad(const walk *w, const char *what)
{
    return persona_err_set(w->e, PERSONA_E_FORMAT, "%s: damaged or truncated: %s", w->path, what);
}

static persona_code runs_over(const walk *w)
{
    return bad(w, "its header runs over the end");
}

/* n bytes at `at`, at most WINDOW, which moves behind them. */
static persona_code take(walk *w, size_t n, const unsigned char **p)
{
    if (n > w->size - w->at) {
        return runs_over(w);
    }
    if (w->at < w->from || w->at + n > w->from + w->have) {
        w->from = w->at;
        w->have = 0;
        while (w->have < n) {
            const ssize_t got =
                pread(w->fd, w->window + w->have, WINDOW - w->have, (off_t)(w->from + w->have));
            if (got <= 0) {
                return persona_err_set(w->e, PERSONA_E_IO, "%s: cannot be read", w->path);
            }
            w->have += (size_t)got;
        }
    }
    *p = w->window + (w->at - w->from);
    w->at += n;
    return PERSONA_OK;
}

static persona_code take_number(walk *w, size_t n, uint64_t *out)
{
    const unsigned char *p = NULL;
    const persona_code rc = take(w, n, &p);
    *out = 0;
    for (size_t i = 0; rc == PERSONA_OK && p && i < n; i++) {
        *out |= (uint64_t)p[i] << 8 * i;
    }
    return rc;
}

static persona_code skip(walk *w, uint64_t n)
{
    if (n > w->size - w->at) {
        return runs_over(w);
    }
    w->at += n;
    return PERSONA_OK;
}

/* A string; of one that does not fit into out, nothing. out NULL: passed over. */
static persona_code take_string(walk *w, char *out, size_t size)
{
    uint64_t n = 0;
    const unsigned char *p = NULL;
    persona_code rc = PERSONA_OK;
    TRY(take_number(w, 8, &n));
    if (!out || n >= size) {
        if (out) {
            out[0] = '\0';
        }
        return skip(w, n);
    }
    TRY(take(w, (size_t)n, &p));
    memcpy(out, p, (size_t)n);
    out[n] = '\0';
out:
    return rc;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static persona_code skip_values(walk *w, uint64_t type, uint64_t n)
{
    persona_code rc = PERSONA_OK;
    if (type >= N_TYPES || type == T_ARRAY) {
        return bad(w, "a value of an unknown type");
    }
    if (type != T_STRING) {
        return n > w->size / type_size[type] ? runs_over(w) : skip(w, n * type_size[type]);
    }
    for (uint64_t i = 0; i < n; i++) {
        TRY(take_string(w, NULL, 0));
    }
out:
    return rc;
}

/* Letters that a terminal can show, or nothing. */
static void make_plain(char *s)
{
    if (utf8_span(s, strlen(s)) != strlen(s)) {
        s[0] = '\0';
    }
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7F) {
            *s = ' ';
        }
    }
}

/* Where a number of this name goes; NULL: nowhere. */
static uint32_t *place_of(walk *w, const char *key)
{
    static const char *const names[] = {".block_count", ".embedding_length", ".context_length"};
    uint32_t *const places[] = {&w->out->n_layer, &w->out->n_embd, &w->out->n_ctx_train};
    const size_t n = strlen(w->out->arch);
    for (size_t i = 0; i < 3; i++) {
        if (n == 0 && path_ends(key, names[i])) {
            w->arch_late = true;
        } else if (n > 0 && strncmp(key, w->out->arch, n) == 0 && strcmp(key + n, names[i]) == 0) {
            return places[i];
        }
    }
    return NULL;
}

static persona_code take_u32(walk *w, const char *key)
{
    uint64_t x = 0;
    const persona_code rc = take_number(w, 4, &x);
    uint32_t *place = place_of(w, key);
    if (place) {
        *place = (uint32_t)x;
    } else if (strcmp(key, "general.file_type") == 0 && x < 1024) {
        w->out->quant = llama_ftype_name((enum llama_ftype)x);
    } else if (strcmp(key, "general.alignment") == 0) {
        w->alignment = x;
    }
    return rc;
}

static persona_code take_key(walk *w)
{
    char key[KEY_MAX];
    uint64_t type = 0, n = 1;
    persona_code rc = PERSONA_OK;
    TRY(take_string(w, key, sizeof key));
    TRY(take_number(w, 4, &type));
    if (type == T_STRING && strcmp(key, "general.architecture") == 0) {
        TRY(take_string(w, w->out->arch, sizeof w->out->arch));
        make_plain(w->out->arch);
    } else if (type == T_STRING && strcmp(key, "general.name") == 0) {
        TRY(take_string(w, w->out->name, sizeof w->out->name));
        make_plain(w->out->name);
    } else if (type == T_U32) {
        TRY(take_u32(w, key));
    } else {
        w->out->has_template |= type == T_STRING && strcmp(key, "tokenizer.chat_template") == 0;
        if (type == T_ARRAY) {
            TRY(take_number(w, 4, &type));
            TRY(take_number(w, 8, &n));
        }
        TRY(skip_values(w, type, n));
    }
out:
    return rc;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static persona_code take_tensor(walk *w)
{
    uint64_t n_dims = 0, type = 0, offset = 0, n = 1, d = 0, row = 1;
    persona_code rc = PERSONA_OK;
    TRY(take_string(w, NULL, 0));
    TRY(take_number(w, 4, &n_dims));
    if (n_dims < 1 || n_dims > DIMS) {
        return bad(w, "a tensor without 1 to 4 dimensions");
    }
    for (uint64_t i = 0; i < n_dims; i++) {
        TRY(take_number(w, 8, &d));
        if (d == 0 || d > (UINT64_MAX >> 16) / n) {
            return bad(w, "a tensor of no elements or of too many");
        }
        row = i == 0 ? d : row;
        n *= d;
    }
    TRY(take_number(w, 4, &type));
    TRY(take_number(w, 8, &offset));
    const int64_t block = type < GGML_TYPE_COUNT ? ggml_blck_size((enum ggml_type)type) : 0;
    if (block <= 0 || row % (uint64_t)block != 0) {
        return bad(w, "a tensor of a type that this ggml does not know, or of half a block");
    }
    const uint64_t bytes = n / (uint64_t)block * ggml_type_size((enum ggml_type)type);
    if (offset > w->size || bytes > w->size - offset) {
        return bad(w, "it is cut off; fetch it again");
    }
    w->end = offset + bytes > w->end ? offset + bytes : w->end;
    w->out->n_params += n;
out:
    return rc;
}

static persona_code walk_header(walk *w)
{
    uint64_t version = 0, n_tensors = 0, n_keys = 0;
    const unsigned char *p = NULL;
    persona_code rc = PERSONA_OK;
    w->at = 0;
    w->arch_late = false;
    if (w->size < 4) {
        return bad(w, "it is too short for a GGUF file");
    }
    TRY(take(w, 4, &p));
    if (memcmp(p, "GGUF", 4) != 0) {
        return persona_err_set(w->e, PERSONA_E_FORMAT, "%s: not a GGUF file", w->path);
    }
    TRY(take_number(w, 4, &version));
    TRY(take_number(w, 8, &n_tensors));
    TRY(take_number(w, 8, &n_keys));
    if (version < 2 || version > 3 || n_tensors > MAX_TENSORS || n_keys > MAX_KEYS) {
        return bad(w, "a version other than 2 or 3, or more keys or tensors than any model has");
    }
    for (uint64_t i = 0; i < n_keys; i++) {
        TRY(take_key(w));
    }
    w->out->n_tensors = n_tensors;
    w->out->n_params = 0;
    for (uint64_t i = 0; i < n_tensors; i++) {
        TRY(take_tensor(w));
    }
out:
    return rc;
}

static persona_code judge(const walk *w)
{
    const uint64_t a = w->alignment;
    if (a == 0 || (a & (a - 1)) != 0 || a > 1 << 16) {
        return bad(w, "general.alignment is no power of two up to 65536");
    }
    const uint64_t data = (w->at + a - 1) / a * a;
    if (w->end > 0 && (data > w->size || w->end > w->size - data)) {
        return bad(w, "it is cut off; fetch it again");
    }
    if (strcmp(w->out->arch, "controlvector") == 0) {
        return persona_err_set(w->e, PERSONA_E_FORMAT, "%s: is a control vector, not a model",
                               w->path);
    }
    return PERSONA_OK;
}

persona_code model_peek_read(const char *path, model_peek *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct stat st;
    walk w = {.path = path, .fd = -1, .out = out, .alignment = 32, .e = e};
    *out = (model_peek){.quant = NULL};
    w.window = mem_calloc(WINDOW, 1);
    TRY(w.window ? PERSONA_OK : mem_err(e, path));
    TRY(file_in_open(path, &w.fd, e));
    w.size = fstat(w.fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    TRY(walk_header(&w));
    if (w.arch_late) {
        TRY(walk_header(&w));
    }
    TRY(judge(&w));
out:
    if (w.fd >= 0) {
        close(w.fd);
    }
    mem_free(w.window);
    return rc;
}
