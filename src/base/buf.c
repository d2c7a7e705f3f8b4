/* SPDX-License-Identifier: MIT
 *
 * buf.c - the growable string. Invariant: p is NULL, or p[len] is NUL, len <= max and len < cap.
 *
 * A failed append leaves the text as it was before that append, never half of it.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { CAP_FIRST = 64 };

void buf_init(buf *b, size_t max)
{
    *b = (buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void buf_free(buf *b)
{
    mem_free(b->p);
    b->p = NULL;
    b->len = b->cap = 0;
}

void buf_clear(buf *b)
{
    b->len = 0;
    b->failed = PERSONA_OK;
    if (b->p) {
        b->p[0] = '\0';
    }
}

/* Room for n more bytes and the NUL; doubles, so that appending is linear in total. */
static bool buf_reserve(buf *b, size_t n)
{
    if (b->failed) {
        return false;
    }
    if (n > b->max - b->len) {
        b->failed = PERSONA_E_SHAPE;
        return false;
    }
    const size_t need = b->len + n + 1;
    if (need <= b->cap) {
        return true;
    }
    size_t cap = b->cap > b->max / 2 ? b->max + 1 : b->cap * 2;
    if (cap < CAP_FIRST) {
        cap = CAP_FIRST;
    }
    if (cap < need) {
        cap = need;
    }
    char *p = mem_realloc(b->p, cap, 1);
    if (!p) {
        b->failed = PERSONA_E_NOMEM;
        return false;
    }
    p[b->len] = '\0';
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n)) {
        return;
    }
    if (n > 0) {
        memcpy(b->p + b->len, p, n);
    }
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_puts(buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) {
        if (!b->failed) {
            b->failed = PERSONA_E_SHAPE;
        }
    } else if (buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_str(const buf *b)
{
    return b->p ? b->p : "";
}

char *buf_take(buf *b)
{
    if (!buf_reserve(b, 0)) {
        return NULL;
    }
    char *p = b->p;
    b->p = NULL;
    b->len = b->cap = 0;
    return p;
}

persona_code buf_ok(const buf *b, const char *what, persona_err *e)
{
    if (b->failed == PERSONA_E_NOMEM) {
        return mem_err(e, what);
    }
    if (b->failed) {
        return persona_err_set(e, b->failed, "%s is longer than the allowed %zu bytes", what,
                               b->max);
    }
    return PERSONA_OK;
}
