/* SPDX-License-Identifier: MIT
 *
 * gguf_scan.c - a strict walk over a GGUF header, before ggml sees it.
 *
 *   "GGUF" u32 version, u64 tensors, u64 keys
 *   keys:     string name, u32 type, value        (array: u32 type, u64 n, values)
 *   tensors:  string name, u32 dims, u64[dims], u32 type, u64 offset
 *   string:   u64 length, bytes                   all little-endian
 *
 * ggml's reader is made for files that one trusts: depending on its version it divides by a
 * dimension of 0, asserts on an alignment of another type, and takes time that grows with the
 * square of the counts. An assertion ends the program, so nothing that could reach one gets
 * through here. The limits are far above any vector file.
 */
#include "store/vector/gguf_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX_KEYS 4096
#define MAX_TENSORS 8192
#define MAX_NAME 63 /* ggml keeps 64 bytes with the NUL */
#define MAX_KEY 65535
#define MAX_ALIGNMENT 65536
#define MAX_ELEMENTS ((uint64_t)1 << 31)

enum { TYPE_UINT32 = 4, TYPE_STRING = 8, TYPE_ARRAY = 9, N_TYPES = 13 };
static const unsigned char type_size[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct scan {
    const char *path;
    const unsigned char *p;
    size_t len, at;
    persona_err *e;
} scan;

static persona_code wrong(const scan *s, const char *what)
{
    return persona_err_set(s->e, PERSONA_E_FORMAT,
                           "%s: damaged or truncated GGUF header: %s (byte %zu)", s->path, what,
                           s->at);
}

static bool take(scan *s, size_t n, uint64_t *out)
{
    if (n > s->len - s->at) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        *out |= (uint64_t)s->p[s->at + i] << 8 * i;
    }
    s->at += n;
    return true;
}

static bool skip(scan *s, uint64_t n)
{
    if (n > s->len - s->at) {
        return false;
    }
    s->at += (size_t)n;
    return true;
}

static bool take_string(scan *s, const unsigned char **text, uint64_t *n)
{
    if (!take(s, 8, n)) {
        return false;
    }
    *text = s->p + s->at;
    return skip(s, *n);
}

static bool spells(const unsigned char *text, uint64_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, (size_t)n) == 0;
}

/* n values of a type that is no array. */
static bool skip_values(scan *s, uint64_t type, uint64_t n)
{
    const unsigned char *text;
    uint64_t len;
    if (type != TYPE_STRING) {
        return n <= s->len / type_size[type] && skip(s, n * type_size[type]);
    }
    if (n > (s->len - s->at) / 8) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!take_string(s, &text, &len)) {
            return false;
        }
    }
    return true;
}

static persona_code scan_alignment(scan *s, uint64_t type)
{
    uint64_t n = 0;
    if (type != TYPE_UINT32) {
        return wrong(s, "general.alignment is not u32");
    }
    if (!take(s, 4, &n)) {
        return wrong(s, "a value runs over the end");
    }
    if (n == 0 || (n & (n - 1)) != 0 || n > MAX_ALIGNMENT) {
        return wrong(s, "general.alignment is no power of two up to 65536");
    }
    return PERSONA_OK;
}

static persona_code scan_key(scan *s)
{
    const unsigned char *name = NULL;
    uint64_t len = 0, type = 0, n = 1;
    if (!take_string(s, &name, &len) || len > MAX_KEY) {
        return wrong(s, "the name of a key runs over the end");
    }
    if (len == 0) {
        return wrong(s, "a key without a name");
    }
    if (!take(s, 4, &type)) {
        return wrong(s, "a value runs over the end");
    }
    if (spells(name, len, "general.alignment")) {
        return scan_alignment(s, type);
    }
    if (type == TYPE_ARRAY && (!take(s, 4, &type) || !take(s, 8, &n))) {
        return wrong(s, "an array runs over the end");
    }
    if (type >= N_TYPES || type == TYPE_ARRAY) {
        return wrong(s, "a value of an unknown type");
    }
    return skip_values(s, type, n) ? PERSONA_OK : wrong(s, "a value runs over the end");
}

/* at: where the infos begin; the first n were scanned. ggml refuses doubled names without saying
 * which. */
static persona_code check_name(const scan *s, scan before, uint64_t n, const unsigned char *name,
                               uint64_t len)
{
    const unsigned char *other = NULL;
    uint64_t other_len = 0, dims = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!take_string(&before, &other, &other_len) || !take(&before, 4, &dims) ||
            !skip(&before, dims * 8 + 12)) {
            break;
        }
        if (other_len == len && memcmp(other, name, (size_t)len) == 0) {
            return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: tensor '%.*s' occurs twice",
                                   s->path, (int)len, (const char *)name);
        }
    }
    return PERSONA_OK;
}

static persona_code scan_tensor(scan *s, const scan *infos, uint64_t i)
{
    const unsigned char *name = NULL;
    uint64_t len = 0, dims = 0, n = 1, d = 0;
    if (!take_string(s, &name, &len) || len > MAX_NAME) {
        return wrong(s, "the name of a tensor is longer than 63 bytes or runs over the end");
    }
    if (memchr(name, 0, (size_t)len)) {
        return wrong(s, "the name of a tensor holds a NUL");
    }
    const persona_code rc = check_name(s, *infos, i, name, len);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (!take(s, 4, &dims) || dims < 1 || dims > 4) {
        return wrong(s, "a tensor without 1 to 4 dimensions");
    }
    for (uint64_t k = 0; k < dims; k++) {
        if (!take(s, 8, &d) || d == 0 || d > MAX_ELEMENTS / n) {
            return wrong(s, "a tensor of no elements or of too many");
        }
        n *= d;
    }
    return skip(s, 12) ? PERSONA_OK : wrong(s, "a tensor runs over the end");
}

persona_code gguf_scan(const char *path, const unsigned char *p, size_t len, persona_err *e)
{
    scan s = {.path = path, .p = p, .len = len, .at = 4, .e = e};
    uint64_t version = 0, n_tensors = 0, n_keys = 0;
    persona_code rc = PERSONA_OK;
    if (len < 4 || memcmp(p, "GGUF", 4) != 0) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: not a GGUF file", path);
    }
    if (!take(&s, 4, &version) || !take(&s, 8, &n_tensors) || !take(&s, 8, &n_keys)) {
        return wrong(&s, "it ends in the counts");
    }
    if (version < 2 || version > 3) {
        return wrong(&s, "the version is not 2 or 3");
    }
    if (n_tensors > MAX_TENSORS || n_keys > MAX_KEYS) {
        return wrong(&s, "more than 8192 tensors or 4096 keys");
    }
    for (uint64_t i = 0; rc == PERSONA_OK && i < n_keys; i++) {
        rc = scan_key(&s);
    }
    const scan infos = s;
    for (uint64_t i = 0; rc == PERSONA_OK && i < n_tensors; i++) {
        rc = scan_tensor(&s, &infos, i);
    }
    return rc;
}
