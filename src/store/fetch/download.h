/* SPDX-License-Identifier: MIT
 *
 * download.h - one large file from the network to the disk, whole or not at all.
 *
 * It grows as GOAL.part, with what is known of it in GOAL.part.json, and gets its name when it is
 * whole, its first bytes are right and its SHA-256 is the expected one. What is interrupted is gone
 * on with by the same call: If-Range with the server's entity tag, or the SHA-256 at the end, makes
 * sure that no file is put together of two. Nothing is printed; nothing here is for models alone.
 */
#ifndef PERSONA_STORE_DOWNLOAD_H
#define PERSONA_STORE_DOWNLOAD_H

#include "store/fetch/web.h"

typedef enum download_stage {
    DOWNLOAD_FETCH,
    DOWNLOAD_WAIT,  /* for another try; note says why */
    DOWNLOAD_CHECK, /* SHA-256 of what is there */
} download_stage;

typedef struct download_progress {
    download_stage stage;
    uint64_t done, total; /* bytes of the file; total 0: not known */
    double wait;          /* seconds */
    const char *note;     /* "" or one line */
} download_progress;

typedef struct download_opts {
    const char *url; /* fetch_check_url has accepted it */
    const char *path;
    const char *sha256; /* 64 lower-case digits; NULL: the hub's, if it says one */
    uint64_t size;      /* as somebody else said it; 0: not known */
    const char *magic;  /* what the file begins with; NULL: anything */
    bool force;         /* over a file that is there */
    int tries;          /* in a row that bring less than 1 MiB; at least 1 */
    double wait;        /* seconds before the second try; doubled up to 30 s */
    void *ud;
    void (*progress)(void *ud, const download_progress *p); /* NULL: none */
} download_opts;

typedef struct download_result {
    uint64_t size, n_kept; /* n_kept: bytes that were there from an earlier call */
    char sha256[65];
    bool present;  /* it was there; nothing was fetched, sha256 is "" unless one was asked for */
    bool compared; /* sha256 is the one that was asked for, or that the hub says */
} download_result;

/* Errors: UNAVAILABLE (the server, or another process fetches it), NOTFOUND, FORMAT (not what was
 * expected; the part is gone), IO (disk), CANCELED (the part is kept), NOMEM. */
PERSONA_CHECK persona_code download_run(web *w, const download_opts *o, download_result *out,
                                        persona_err *e);

/* Removes PATH, which ends in ".part", and its note. Errors: UNAVAILABLE (a download is at work),
 * IO. */
PERSONA_CHECK persona_code download_forget(const char *path, persona_err *e);
/* Whether the disk of this folder has room for so many bytes more. Errors: IO. */
PERSONA_CHECK persona_code download_room(const char *folder, uint64_t more, persona_err *e);

#endif
