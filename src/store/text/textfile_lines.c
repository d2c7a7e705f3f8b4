/* SPDX-License-Identifier: MIT
 *
 * textfile_lines.c - lines of a file, of standard input or of bytes in memory.
 *
 * Invariant: p[pos..len) is what was fetched and not handed out. A line may be longer than a chunk;
 * it grows in the caller's buf, whose maximum is the only limit. A byte order mark at the very
 * beginning is dropped. Text that is not UTF-8, or holds a NUL, is refused here, once for every
 * format: a tokenizer would make something of it, silently.
 */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/text/textfile_impl.h"

enum { CHUNK = 256 * 1024 };

persona_code lines_open(text_lines *in, const char *path, persona_err *e)
{
    const bool standard = strcmp(path, "-") == 0;
    *in = (text_lines){.fd = -1, .owns_fd = !standard};
    in->name = mem_strdup(standard ? "standard input" : path);
    in->chunk = mem_calloc(CHUNK, 1);
    if (!in->name || !in->chunk) {
        return mem_err(e, path);
    }
    in->p = in->chunk;
    if (!standard) {
        return file_in_open(path, &in->fd, e);
    }
    in->fd = STDIN_FILENO;
    return PERSONA_OK;
}

persona_code lines_open_bytes(text_lines *in, const char *name, const void *p, size_t n,
                              persona_err *e)
{
    *in = (text_lines){.fd = -1, .p = p, .len = n, .end = true, .name = mem_strdup(name)};
    return in->name ? PERSONA_OK : mem_err(e, name);
}

void lines_close(text_lines *in)
{
    if (in->owns_fd && in->fd >= 0) {
        close(in->fd);
    }
    mem_free(in->chunk);
    mem_free(in->name);
    *in = (text_lines){.fd = -1};
}

/* Fetches more behind what is there, moving that to the front. A full chunk stays as it is. */
static persona_code fetch(text_lines *in, persona_err *e)
{
    if (in->end) {
        return PERSONA_OK;
    }
    if (in->pos > 0) {
        memmove(in->chunk, in->chunk + in->pos, in->len - in->pos);
        in->len -= in->pos;
        in->pos = 0;
    }
    if (in->len == CHUNK) {
        return PERSONA_OK;
    }
    size_t got = 0;
    const persona_code code =
        file_in_read(in->fd, in->name, in->chunk + in->len, CHUNK - in->len, &got, e);
    in->end = got == 0;
    in->len += got;
    return code;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

persona_code lines_peek(text_lines *in, const char **p, size_t *n, persona_err *e)
{
    for (;;) {
        const size_t before = in->len;
        size_t at = in->pos + utf8_mark(in->p + in->pos, in->len - in->pos);
        while (at < in->len && is_space(in->p[at])) {
            at++;
        }
        const bool enough = at < in->len && memchr(in->p + at, '\n', in->len - at);
        const persona_code code = enough ? PERSONA_OK : fetch(in, e);
        if (code) {
            return code;
        }
        if (enough || in->end || in->len == before) {
            *p = in->p + at;
            *n = in->len - at;
            return PERSONA_OK;
        }
    }
}

persona_code lines_check(const text_lines *in, const char *what, const char *p, size_t n,
                         persona_err *e)
{
    const char *nul = memchr(p, '\0', n);
    const size_t good = utf8_span(p, n);
    if (nul && (size_t)(nul - p) < good) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: byte %zu of the %s is NUL (expected text)", in->name,
                               in->line, (size_t)(nul - p), what);
    }
    if (good < n) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: byte %zu of the %s, 0x%02x, is not UTF-8 (convert the "
                               "file, for example with iconv -t UTF-8)",
                               in->name, in->line, good, what, (unsigned)(unsigned char)p[good]);
    }
    return PERSONA_OK;
}

persona_code lines_next(text_lines *in, buf *text, bool *end, persona_err *e)
{
    const size_t start = text->len;
    *end = false;
    in->line++;
    for (bool first = true;; first = false) {
        while (in->pos == in->len && !in->end) {
            const persona_code code = fetch(in, e);
            if (code) {
                return code;
            }
        }
        if (in->pos == in->len) {
            *end = first;
            break;
        }
        const char *p = in->p + in->pos;
        const char *stop = memchr(p, '\n', in->len - in->pos);
        const size_t n = stop ? (size_t)(stop - p) : in->len - in->pos;
        buf_add(text, p, n);
        in->pos += n + (stop ? 1 : 0);
        if (text->failed == PERSONA_E_NOMEM) {
            return mem_err(e, in->name);
        }
        if (text->failed) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "%s:%zu: is longer than the allowed %zu bytes", in->name,
                                   in->line, text->max);
        }
        if (stop) {
            break;
        }
    }
    const size_t mark = in->line == 1 ? utf8_mark(buf_str(text) + start, text->len - start) : 0;
    if (mark > 0) {
        memmove(text->p + start, text->p + start + mark, text->len - start - mark + 1);
        text->len -= mark;
    }
    return lines_check(in, "line", buf_str(text) + start, text->len - start, e);
}
