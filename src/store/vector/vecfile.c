/* SPDX-License-Identifier: MIT
 *
 * vecfile.c - files of persona vectors: the table of formats, and what they share.
 *
 * Reading goes by content, never by name: magic numbers, an opening brace, and last the raw floats
 * that only their sidecar tells from noise. Writing goes by the extension or by the format's name.
 * Block numbers are 0-based in memory; every reader of a foreign format says in from.note how it
 * numbers its layers and what a direction's length means there.
 */
#include "store/vector/vecfile.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"

/* Raw floats come last: they are what nothing else claims. */
static const vecfile_format *const formats[] = {
    &vecfile_gguf, &vecfile_safetensors, &vecfile_json, &vecfile_pt, &vecfile_f32,
};
#define LABEL_MAX ((size_t)1 << 20)
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

/* ---- the table ------------------------------------------------------------------------------- */

const char *persona_vector_format(size_t i)
{
    return i < N_FORMATS ? formats[i]->name : NULL;
}

static const vecfile_format *by_extension(const char *path)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (path_ends(path, formats[i]->extension)) {
            return formats[i];
        }
    }
    return NULL;
}

const char *persona_vector_format_of(const char *path)
{
    const vecfile_format *f = by_extension(path);
    return f ? f->name : NULL;
}

static persona_code by_name(const char *name, const vecfile_format **out, persona_err *e)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (strcmp(name, formats[i]->name) == 0) {
            *out = formats[i];
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "no format '%.40s' (there are gguf, safetensors, json, f32 and pt)",
                           name);
}

persona_code vecfile_parse(const vecfile *f, persona_vector **out, const vecfile_format **format)
{
    *out = NULL;
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (!formats[i]->sniff(f)) {
            continue;
        }
        *format = formats[i];
        return formats[i]->read(f, out);
    }
    return vecfile_bad(f,
                       "%s (expected GGUF, safetensors, JSON, a PyTorch file, or raw floats "
                       "with their .json beside them)",
                       f->len == 0 ? "is empty" : "is no vector file of a known format");
}

persona_code persona_vector_read_as(const char *path, persona_vector **out, const char **format,
                                    persona_err *e)
{
    char *bytes = NULL;
    const vecfile_format *found = NULL;
    vecfile f = {.path = path, .e = e};
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(file_read(path, VECFILE_MAX, &bytes, &f.len, e));
    f.p = (const unsigned char *)bytes;
    TRY(vecfile_parse(&f, out, &found));
    if (format) {
        *format = found->name;
    }
out:
    mem_free(bytes);
    return rc;
}

persona_code persona_vector_read(const char *path, persona_vector **out, persona_err *e)
{
    return persona_vector_read_as(path, out, NULL, e);
}

persona_code persona_vector_write_as(const persona_vector *v, const char *path, const char *format,
                                     char **note, persona_err *e)
{
    const vecfile_format *f = by_extension(path);
    persona_code rc = PERSONA_OK;
    buf text;
    buf_init(&text, VECFILE_NOTE_MAX);
    if (note) {
        *note = NULL;
    }
    if (format) {
        TRY(by_name(format, &f, e));
    } else if (!f) {
        f = &vecfile_gguf;
    }
    if (f == &vecfile_pt && *v->from.unapplied) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%.200s: a .pt file cannot say %.200s, and would be added like any "
                             "other (choose gguf, safetensors, json or f32)",
                             path, v->from.unapplied);
        goto out;
    }
    TRY(f->write(v, path, &text, e));
    if (*v->from.unapplied) {
        vecfile_remark(&text, "%.300s is kept as persona.unapplied: not a vector to steer with",
                       v->from.unapplied);
    }
    if (note) {
        *note = mem_strdup(buf_str(&text));
        TRY(*note ? PERSONA_OK : mem_err(e, "a note"));
    }
out:
    buf_free(&text);
    return rc;
}

persona_code persona_vector_write(const persona_vector *v, const char *path, persona_err *e)
{
    return persona_vector_write_as(v, path, NULL, NULL, e);
}

/* ---- messages, notes and labels -------------------------------------------------------------- */

persona_code vecfile_bad(const vecfile *f, const char *fmt, ...)
{
    char text[sizeof f->e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return persona_err_set(f->e, PERSONA_E_FORMAT, "%s: %s", f->path, text);
}

void vecfile_remark(buf *note, const char *fmt, ...)
{
    va_list ap;
    if (note->len > 0) {
        buf_puts(note, "; ");
    }
    va_start(ap, fmt);
    buf_vprintf(note, fmt, ap);
    va_end(ap);
}

int vecfile_block(const char *name, size_t len, const char *prefix)
{
    const size_t skip = strlen(prefix);
    int n = 0;
    if (len <= skip || memcmp(name, prefix, skip) != 0 || (name[skip] == '0' && len > skip + 1)) {
        return -1;
    }
    for (size_t i = skip; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return -1;
        }
        n = n > VECFILE_MAX_BLOCK ? n : n * 10 + (name[i] - '0');
    }
    return n > VECFILE_MAX_BLOCK ? VECFILE_MAX_BLOCK + 1 : n;
}

static bool is_control(const unsigned char *s)
{
    return *s < 0x20 || *s == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

persona_code vecfile_label(const vecfile *f, const char *text, char **field)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t left = strlen(text);
    buf plain;
    buf_init(&plain, LABEL_MAX);
    while (left > 0) {
        const size_t n = utf8_sequence(s, left);
        if (n == 0) {
            buf_puts(&plain, "\xef\xbf\xbd"); /* U+FFFD */
        } else if (is_control(s)) {
            buf_putc(&plain, ' ');
        } else {
            buf_add(&plain, s, n);
        }
        s += n > 0 ? n : 1;
        left -= n > 0 ? n : 1;
    }
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&plain, f->path, f->e));
    TRY(persona_vector_label(field, buf_str(&plain), f->e));
out:
    buf_free(&plain);
    return rc;
}

persona_code vecfile_imported(const vecfile *f, persona_vector *v, const char *source,
                              const char *unit, buf *note)
{
    float low = INFINITY, high = 0;
    for (int b = 0; b < v->n_layer; b++) {
        if (!v->layers[b].present) {
            continue;
        }
        low = fminf(low, v->layers[b].norm);
        high = fmaxf(high, v->layers[b].norm);
    }
    if (low > 0.998F && high < 1.002F) {
        unit = PERSONA_UNIT_ONE;
    }
    if (*unit) {
        vecfile_remark(note, "%s", unit);
    } else {
        vecfile_remark(note, "unit unknown, norms %.3g to %.3g", (double)low, (double)high);
    }
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_label(&v->from.source, source, f->e));
    TRY(persona_vector_label(&v->from.unit, unit, f->e));
    TRY(persona_vector_label(&v->from.note, buf_str(note), f->e));
out:
    return rc;
}

persona_code vecfile_count(const persona_vector *v, int first, const char *path, int *n,
                           persona_err *e)
{
    *n = 0;
    for (int b = first; b < v->n_layer; b++) {
        *n += v->layers[b].present;
    }
    if (*n > 0) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_SHAPE,
                           "%s: the vector has no direction%s, nothing to write", path,
                           first > 0 ? " after block 0" : "");
}

/* ---- values ---------------------------------------------------------------------------------- */

size_t vecfile_type_size(vecfile_type type)
{
    return type == VECFILE_F32 ? 4 : 2;
}

/* IEEE binary16 to binary32: exact, so plain arithmetic does it. */
static float half_to_float(uint16_t h)
{
    const int exponent = h >> 10 & 0x1f, fraction = h & 0x3ff;
    float x;
    if (exponent == 0x1f) {
        x = fraction ? NAN : INFINITY;
    } else if (exponent == 0) {
        x = ldexpf((float)fraction, -24);
    } else {
        x = ldexpf((float)(fraction + 0x400), exponent - 25);
    }
    return h & 0x8000 ? -x : x;
}

void vecfile_widen(vecfile_type type, const unsigned char *p, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        if (type == VECFILE_F32) {
            bits = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 |
                   (uint32_t)p[4 * i + 3] << 24;
        } else {
            bits = (uint32_t)p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
            if (type == VECFILE_F16) {
                out[i] = half_to_float((uint16_t)bits);
                continue;
            }
            bits <<= 16;
        }
        memcpy(&out[i], &bits, sizeof bits);
    }
}
