/* SPDX-License-Identifier: MIT
 *
 * zip.c - ZIP archives of stored members (PKWARE's APPNOTE, what PyTorch uses of it).
 *
 *   local header + data, ..., directory of entries, [zip64 end, its locator], end
 *
 * Reading starts at the end and believes nothing twice: every offset is checked against the bytes
 * that are there, a local header must agree with its entry, and where 32-bit fields and zip64 both
 * give a number they must agree. PyTorch writes the zip64 end always, also where nothing needs it.
 * Compression, encryption and archives in several parts are refused. Writing needs no zip64.
 */
#include "store/vector/zip.h"

#include <assert.h>
#include <string.h>

#define MAX_ENTRIES 1024
#define ALIGN 64

enum {
    END_SIG = 0x06054b50,
    END64_SIG = 0x06064b50,
    LOCATOR_SIG = 0x07064b50,
    ENTRY_SIG = 0x02014b50,
    LOCAL_SIG = 0x04034b50,
    END_LEN = 22,
    END64_LEN = 56,
    LOCATOR_LEN = 20,
    ENTRY_LEN = 46,
    LOCAL_LEN = 30,
};
#define NONE16 0xffffU
#define NONE32 0xffffffffU

static uint64_t get(const unsigned char *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++) {
        x |= (uint64_t)p[i] << 8 * i;
    }
    return x;
}

/* CRC-32 (reflected 0x04c11db7), four bits at a time. */
static uint32_t crc32(const unsigned char *p, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = NONE32;
    for (size_t i = 0; i < n; i++) {
        crc = crc >> 4 ^ table[(crc ^ p[i]) & 0xf];
        crc = crc >> 4 ^ table[(crc ^ (uint32_t)(p[i] >> 4)) & 0xf];
    }
    return ~crc;
}

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct directory {
    size_t at, size;
    uint64_t n;
} directory;

/* The 64-bit end record, where there is one; numbers of both kinds must agree. */
static persona_code read_end64(const vecfile *f, size_t end, directory *d)
{
    if (end < LOCATOR_LEN || get(f->p + end - LOCATOR_LEN, 4) != LOCATOR_SIG) {
        if (d->n == NONE16 || d->size == NONE32 || d->at == NONE32) {
            return vecfile_bad(f, "the zip archive lacks its 64-bit end");
        }
        return PERSONA_OK;
    }
    const uint64_t at = get(f->p + end - LOCATOR_LEN + 8, 8);
    if (end < LOCATOR_LEN + END64_LEN || at > end - LOCATOR_LEN - END64_LEN ||
        get(f->p + at, 4) != END64_SIG) {
        return vecfile_bad(f, "the 64-bit end of the zip archive is not where it should be");
    }
    const uint64_t n = get(f->p + at + 32, 8), size = get(f->p + at + 40, 8),
                   offset = get(f->p + at + 48, 8);
    if ((d->n != NONE16 && d->n != n) || (d->size != NONE32 && d->size != size) ||
        (d->at != NONE32 && d->at != offset)) {
        return vecfile_bad(f, "the two ends of the zip archive contradict each other");
    }
    if (offset > at || size > at - offset) {
        return vecfile_bad(f, "the directory of the zip archive runs over its end");
    }
    *d = (directory){.at = (size_t)offset, .size = (size_t)size, .n = n};
    return PERSONA_OK;
}

static persona_code read_end(const vecfile *f, directory *d)
{
    /* A comment of up to 65535 bytes may follow the end record. */
    size_t end = f->len >= END_LEN ? f->len - END_LEN : 0;
    const size_t stop = end > NONE16 ? end - NONE16 : 0;
    while (end > stop &&
           !(get(f->p + end, 4) == END_SIG && get(f->p + end + 20, 2) == f->len - end - END_LEN)) {
        end--;
    }
    if (f->len < END_LEN || get(f->p + end, 4) != END_SIG) {
        return vecfile_bad(f, "the zip archive has no end (truncated?)");
    }
    if (get(f->p + end + 4, 4) != 0 || get(f->p + end + 8, 2) != get(f->p + end + 10, 2)) {
        return vecfile_bad(f, "a zip archive in several parts");
    }
    *d = (directory){.n = get(f->p + end + 10, 2),
                     .size = (size_t)get(f->p + end + 12, 4),
                     .at = (size_t)get(f->p + end + 16, 4)};
    const persona_code rc = read_end64(f, end, d);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (d->at > end || d->size > end - d->at || d->n > MAX_ENTRIES) {
        return vecfile_bad(f, "the directory of the zip archive runs over its end");
    }
    return PERSONA_OK;
}

typedef struct entry {
    const unsigned char *p; /* of the directory */
    uint64_t size, packed, local;
    size_t name_len, total;
} entry;

/* Numbers that did not fit into 32 bits stand in the extra field 1, in this order. */
static bool read_extra64(entry *e, const unsigned char *extra, size_t n)
{
    uint64_t *const fields[] = {&e->size, &e->packed, &e->local};
    while (n >= 4) {
        const size_t id = (size_t)get(extra, 2);
        size_t len = (size_t)get(extra + 2, 2);
        if (len > n - 4) {
            return false;
        }
        const unsigned char *p = extra + 4;
        for (size_t i = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != NONE32) {
                continue;
            }
            if (len < 8) {
                return false;
            }
            *fields[i] = get(p, 8);
            p += 8;
            len -= 8;
        }
        const size_t whole = (size_t)get(extra + 2, 2) + 4;
        extra += whole;
        n -= whole;
    }
    return true;
}

static persona_code read_entry(const vecfile *f, const directory *d, size_t at, entry *e)
{
    const size_t left = d->size - at;
    const unsigned char *p = f->p + d->at + at;
    if (left < ENTRY_LEN || get(p, 4) != ENTRY_SIG) {
        return vecfile_bad(f, "a damaged entry in the directory of the zip archive");
    }
    *e = (entry){.p = p,
                 .packed = get(p + 20, 4),
                 .size = get(p + 24, 4),
                 .local = get(p + 42, 4),
                 .name_len = (size_t)get(p + 28, 2)};
    const size_t extra = (size_t)get(p + 30, 2), comment = (size_t)get(p + 32, 2);
    e->total = ENTRY_LEN + e->name_len + extra + comment;
    if (e->total > left || !read_extra64(e, p + ENTRY_LEN + e->name_len, extra)) {
        return vecfile_bad(f, "a damaged entry in the directory of the zip archive");
    }
    return PERSONA_OK;
}

static persona_code open_entry(const vecfile *f, const directory *d, const entry *e,
                               zip_member *out)
{
    const char *name = (const char *)e->p + ENTRY_LEN;
    const int shown = e->name_len > 60 ? 60 : (int)e->name_len;
    if (get(e->p + 8, 2) & 1 || get(e->p + 10, 2) != 0 || e->packed != e->size) {
        return vecfile_bad(f,
                           "'%.*s' in the zip archive is compressed or encrypted (expected "
                           "stored, as torch.save does)",
                           shown, name);
    }
    if (e->local > d->at || d->at - e->local < LOCAL_LEN || get(f->p + e->local, 4) != LOCAL_SIG) {
        return vecfile_bad(f, "'%.*s' is not where the zip archive says", shown, name);
    }
    const unsigned char *local = f->p + e->local;
    const size_t room = d->at - (size_t)e->local - LOCAL_LEN;
    const size_t skip = (size_t)get(local + 26, 2) + (size_t)get(local + 28, 2);
    if (skip > room || e->size > room - skip || get(local + 8, 2) != 0 ||
        get(local + 26, 2) != e->name_len || memcmp(local + LOCAL_LEN, name, e->name_len) != 0) {
        return vecfile_bad(f,
                           "'%.*s' runs over the end of the zip archive, or its two headers "
                           "contradict each other",
                           shown, name);
    }
    *out = (zip_member){
        .p = local + LOCAL_LEN + skip, .n = (size_t)e->size, .name = name, .name_len = e->name_len};
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* no fuzzer guesses a checksum */
    if (crc32(out->p, out->n) != get(e->p + 16, 4)) {
        return vecfile_bad(f, "'%.*s' in the zip archive is damaged (CRC)", shown, name);
    }
#endif
    return PERSONA_OK;
}

persona_code zip_find(const vecfile *f, const char *prefix, size_t prefix_len, const char *suffix,
                      zip_member *out)
{
    directory d = {0};
    const size_t suffix_len = strlen(suffix);
    *out = (zip_member){0};
    persona_code rc = read_end(f, &d);
    for (size_t i = 0, at = 0; rc == PERSONA_OK && i < d.n; i++) {
        entry e = {0};
        rc = read_entry(f, &d, at, &e);
        if (rc != PERSONA_OK || !e.p) {
            break;
        }
        at += e.total;
        const char *name = (const char *)e.p + ENTRY_LEN;
        if (e.name_len < suffix_len ||
            memcmp(name + e.name_len - suffix_len, suffix, suffix_len) != 0 ||
            (prefix &&
             (e.name_len != prefix_len + suffix_len || memcmp(name, prefix, prefix_len) != 0))) {
            continue;
        }
        if (out->p) {
            rc = vecfile_bad(f, "several '%s' in the zip archive", suffix);
        } else {
            rc = open_entry(f, &d, &e, out);
        }
    }
    return rc;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put(buf *b, uint64_t x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, (char)(unsigned char)(x >> 8 * i));
    }
}

/* What local headers and entries have in common: version, flags, method, time, CRC, sizes. */
static void put_common(buf *b, uint32_t crc, uint32_t size, size_t name_len, size_t extra)
{
    put(b, 20, 2); /* version needed: 2.0 */
    put(b, 0, 2);
    put(b, 0, 2);          /* stored */
    put(b, 0x00210000, 4); /* 1980-01-01 00:00 */
    put(b, crc, 4);
    put(b, size, 4);
    put(b, size, 4);
    put(b, name_len, 2);
    put(b, extra, 2);
}

void zip_add(zip_out *z, const char *name, const void *p, size_t n)
{
    const size_t name_len = strlen(name), head = z->b->len + LOCAL_LEN + name_len;
    /* PyTorch pads with an extra field "FB"; an extra field is at least its own 4 bytes. */
    const size_t extra = 4 + (ALIGN - (head + 4) % ALIGN) % ALIGN;
    assert(z->n < ZIP_MAX_MEMBERS && n < NONE32 && z->b->len < NONE32);
    z->members[z->n].name = name;
    z->members[z->n].crc = crc32(p, n);
    z->members[z->n].size = (uint32_t)n;
    z->members[z->n].at = (uint32_t)z->b->len;
    put(z->b, LOCAL_SIG, 4);
    put_common(z->b, z->members[z->n].crc, (uint32_t)n, name_len, extra);
    buf_puts(z->b, name);
    buf_puts(z->b, "FB");
    put(z->b, extra - 4, 2);
    for (size_t i = 4; i < extra; i++) {
        buf_putc(z->b, 'Z');
    }
    buf_add(z->b, p, n);
    z->n++;
}

void zip_end(zip_out *z)
{
    const size_t at = z->b->len;
    for (size_t i = 0; i < z->n; i++) {
        put(z->b, ENTRY_SIG, 4);
        put(z->b, 20, 2); /* made by: 2.0 */
        put_common(z->b, z->members[i].crc, z->members[i].size, strlen(z->members[i].name), 0);
        put(z->b, 0, 2); /* comment */
        put(z->b, 0, 2); /* part */
        put(z->b, 0, 2); /* attributes */
        put(z->b, 0, 4);
        put(z->b, z->members[i].at, 4);
        buf_puts(z->b, z->members[i].name);
    }
    const size_t size = z->b->len - at;
    put(z->b, END_SIG, 4);
    put(z->b, 0, 4); /* parts */
    put(z->b, z->n, 2);
    put(z->b, z->n, 2);
    put(z->b, size, 4);
    put(z->b, at, 4);
    put(z->b, 0, 2); /* comment */
}
