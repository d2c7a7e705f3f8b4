/* SPDX-License-Identifier: MIT
 *
 * zip.h - ZIP archives of stored members, as PyTorch writes them: finding one, writing some.
 */
#ifndef PERSONA_STORE_ZIP_H
#define PERSONA_STORE_ZIP_H

#include <stdint.h>

#include "base/buf.h"
#include "store/vector/vecfile.h"

typedef struct zip_member {
    const unsigned char *p; /* (n) the bytes, inside the file */
    size_t n;
    const char *name; /* (name_len) inside the file, no NUL */
    size_t name_len;
} zip_member;

/* Finds the one member whose name ends in `suffix` ("/data.pkl"); prefix (prefix_len bytes) must
 * stand before it, unless it is NULL. The CRC is checked. *out has p NULL where there is none.
 * Errors: FORMAT: no archive, a damaged one, several such members, compression, encryption. */
PERSONA_CHECK persona_code zip_find(const vecfile *f, const char *prefix, size_t prefix_len,
                                    const char *suffix, zip_member *out);

/* ---- writing: members in the order of zip_add, then zip_end ---------------------------------- */

enum { ZIP_MAX_MEMBERS = 8 };
typedef struct zip_out {
    buf *b;
    size_t n;
    struct {
        const char *name; /* borrowed until zip_end */
        uint32_t crc, size, at;
    } members[ZIP_MAX_MEMBERS];
} zip_out;

/* Data begin on a multiple of 64 bytes. Sizes stay below 4 GiB (a programming error otherwise). */
void zip_add(zip_out *z, const char *name, const void *p, size_t n);
void zip_end(zip_out *z);

#endif
