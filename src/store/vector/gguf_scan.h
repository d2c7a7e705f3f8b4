/* SPDX-License-Identifier: MIT
 *
 * gguf_scan.h - is this the header of a small GGUF file that ggml can be given?
 */
#ifndef PERSONA_STORE_GGUF_SCAN_H
#define PERSONA_STORE_GGUF_SCAN_H

#include <stddef.h>

#include "persona/error.h"

/* Walks the header of p[0..len), every count and length checked against the bytes that are there.
 * Errors: FORMAT with path, what was met and at which byte. */
PERSONA_CHECK persona_code gguf_scan(const char *path, const unsigned char *p, size_t len,
                                     persona_err *e);

#endif
