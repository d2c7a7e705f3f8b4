/* SPDX-License-Identifier: MIT
 *
 * buf.h - a growable byte string that is born with a maximum, always NUL-terminated.
 *
 * A failed append (maximum or memory) is remembered: later appends do nothing, and buf_ok tells
 * once at the end, so that building text needs no check per line.
 */
#ifndef PERSONA_BASE_BUF_H
#define PERSONA_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "persona/error.h"

typedef struct buf {
    char *p; /* never NULL after the first append; "" via buf_str */
    size_t len, cap, max;
    persona_code failed; /* OK, NOMEM, or SHAPE when max would be passed */
} buf;

void buf_init(buf *b, size_t max); /* max: bytes without the NUL */
void buf_free(buf *b);
void buf_clear(buf *b); /* empties, forgets a failure, keeps the memory */
void buf_add(buf *b, const void *p, size_t n);
void buf_puts(buf *b, const char *s);
void buf_putc(buf *b, char c);
void buf_printf(buf *b, const char *fmt, ...) PERSONA_PRINTF(2, 3);
void buf_vprintf(buf *b, const char *fmt, va_list ap) PERSONA_PRINTF(2, 0);
/* "" when empty. */
const char *buf_str(const buf *b);
/* Hands the string over (mem_free it), leaving b empty; NULL if b has failed (see buf_ok). */
char *buf_take(buf *b);
/* OK, or the remembered failure with a message naming `what` and the maximum. */
persona_code buf_ok(const buf *b, const char *what, persona_err *e);

#endif
