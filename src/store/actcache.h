/* SPDX-License-Identifier: MIT
 *
 * actcache.h - what a model wrote and read, kept between runs: one SQLite file per model.
 *
 * A reading is one text under one key; for each block it holds rows of activations (the mean over
 * the response, then over each of its chunks) and the norms of the tokens. Blocks may be added
 * later. The key is a hash of everything that decides about the bits; who makes it is
 * pipeline/transfer/pairs_read.c. Nothing is trusted: a row whose size or checksum is wrong, or
 * that holds a value which is not finite, is taken out and counted as stale, so that it is read
 * again. Texts that a model wrote are kept the same way.
 *
 * Processes may share a file. A handle belongs to one thread.
 */
#ifndef PERSONA_STORE_ACTCACHE_H
#define PERSONA_STORE_ACTCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

typedef struct actcache actcache;

/* path NULL: a private one that vanishes with the handle. d: width of the model. Folders are made.
 * Errors: IO, FORMAT (the file is something else), UNAVAILABLE, NOMEM. */
PERSONA_CHECK persona_code actcache_open(const char *path, size_t d, actcache **out,
                                         persona_err *e);
/* Commits what is there. NULL is fine. */
void actcache_close(actcache *c);

/* Puts are gathered into transactions; a flush makes them last. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code actcache_flush(actcache *c, persona_err *e);

/* One text as it was read. Borrowed. */
typedef struct act_reading {
    const char *key;
    const int *blocks; /* (n_blocks) */
    size_t n_blocks, n_rows, n_tokens;
} act_reading;

/* data: (n_rows, n_blocks, d), norms: (n_tokens, n_blocks). Replaces what is there for these
 * blocks. */
PERSONA_CHECK persona_code actcache_put(actcache *c, const act_reading *r, const float *data,
                                        const float *norms, persona_err *e);
/* Are all blocks of r there, whole and sound? Fills r->n_tokens; *n_stale grows by those that were
 * taken out. */
PERSONA_CHECK persona_code actcache_has(actcache *c, act_reading *r, bool *has, size_t *n_stale,
                                        persona_err *e);
/* Row `row` of one block: out (d). Errors: NOTFOUND, SHAPE. */
PERSONA_CHECK persona_code actcache_row(actcache *c, const char *key, int block, size_t row,
                                        float *out, persona_err *e);
/* Norms of one block's tokens: at most `most` into out. */
PERSONA_CHECK persona_code actcache_norms(actcache *c, const char *key, int block, float *out,
                                          size_t most, size_t *n, persona_err *e);

PERSONA_CHECK persona_code actcache_put_text(actcache *c, const char *key, const char *text,
                                             persona_err *e);
/* *text NULL: not there; mem_free it. */
PERSONA_CHECK persona_code actcache_get_text(actcache *c, const char *key, char **text,
                                             persona_err *e);

/* Takes out the readings that were put longest ago until the file needs at most max_bytes; the
 * room is used again. */
PERSONA_CHECK persona_code actcache_limit(actcache *c, uint64_t max_bytes, persona_err *e);

#endif
