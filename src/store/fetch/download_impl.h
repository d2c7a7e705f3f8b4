/* SPDX-License-Identifier: MIT
 *
 * download_impl.h - a file on its way: the part on disk, shared by the files of download.h.
 */
#ifndef PERSONA_STORE_DOWNLOAD_IMPL_H
#define PERSONA_STORE_DOWNLOAD_IMPL_H

#include "store/fetch/download.h"

typedef struct part {
    const char *goal;
    char *path, *note; /* GOAL.part, GOAL.part.json */
    int fd;            /* locked; -1: closed */
    uint64_t n;        /* bytes that are there */
    /* what is known of the file that the bytes are of */
    uint64_t size; /* 0: not known */
    char etag[200], sha256[65];
} part;

/* Opens and locks; takes up what an earlier call left if it is of the same address (or the same
 * SHA-256, where one is asked for), else begins anew. Errors: UNAVAILABLE (locked), IO, NOMEM. */
PERSONA_CHECK persona_code part_open(const char *goal, const char *url, const char *sha256,
                                     part *out, persona_err *e);
/* Closes; an empty part is removed. */
void part_close(part *p);
/* Removes both files. */
void part_remove(part *p);
/* Forgets the bytes and what is known. Errors: IO. */
PERSONA_CHECK persona_code part_restart(part *p, persona_err *e);
/* Writes down what is known. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code part_note(const part *p, const char *url, persona_err *e);
PERSONA_CHECK persona_code part_write(part *p, const void *data, size_t n, persona_err *e);
/* Whether the file system has room for this many bytes more. Errors: IO. */
PERSONA_CHECK persona_code part_room(const part *p, uint64_t more, persona_err *e);
/* To the disk and under its name. Errors: IO. */
PERSONA_CHECK persona_code part_finish(part *p, persona_err *e);

#endif
