/* SPDX-License-Identifier: MIT
 *
 * utf8.h - what is UTF-8 and what is not (Unicode, table 3-7: no overlong forms, no surrogates).
 */
#ifndef PERSONA_BASE_UTF8_H
#define PERSONA_BASE_UTF8_H

#include <stddef.h>

/* Length of the sequence that begins at s (n > 0 bytes left); 0 if there is none. */
size_t utf8_sequence(const unsigned char *s, size_t n);
/* Offset of the first byte that is not UTF-8; n if all of them are. */
size_t utf8_span(const char *s, size_t n);

#endif
