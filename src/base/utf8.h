/* SPDX-License-Identifier: MIT
 *
 * utf8.h - what is UTF-8 and what is not, the one place that knows (Unicode, table 3-7: no
 * overlong forms, no surrogates).
 */
#ifndef PERSONA_BASE_UTF8_H
#define PERSONA_BASE_UTF8_H

#include <stddef.h>

#include "base/buf.h"
#include "persona/error.h"

/* Length of the sequence that begins at s (n > 0 bytes left); 0 if there is none. */
size_t utf8_sequence(const unsigned char *s, size_t n);
/* Offset of the first byte that is not UTF-8; n if all of them are. */
size_t utf8_span(const char *s, size_t n);
/* Bytes of a byte order mark that the text begins with: 3 or 0. */
size_t utf8_mark(const char *s, size_t n);
/* How many bytes at the end of a text begin a code point that more bytes may complete: 0 to 3. */
size_t utf8_unfinished(const char *s, size_t n);
/* Appends a text in which every byte that is not UTF-8 has become U+FFFD. */
void utf8_repair(buf *out, const char *s, size_t n);
/* FORMAT "WHAT: byte N …" for what is not UTF-8, or holds a NUL. A tokenizer would make something
 * of it, silently. */
PERSONA_CHECK persona_code utf8_check(const char *what, const char *s, size_t n, persona_err *e);

#endif
