/* SPDX-License-Identifier: MIT
 *
 * model_hash.h - SHA-256 of model files, remembered: hashing gigabytes takes seconds at every
 * start, and minutes for a list.
 *
 * Kept in the cache folder, by path and state of every part: device, inode, size, and both times of
 * change, to the nanosecond. The second of them (ctime) is set by the kernel alone, so a file that
 * was changed and got its old date back is read again; so is one that was changed so lately that a
 * further change might leave the same times.
 */
#ifndef PERSONA_WORKBENCH_MODEL_HASH_H
#define PERSONA_WORKBENCH_MODEL_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

typedef struct model_hashes model_hashes;
/* Never fails: what cannot be read is empty. NULL: no memory, which the others accept. */
model_hashes *model_hashes_open(void);
/* Writes what is new; best effort, since it is a cache. */
void model_hashes_close(model_hashes *h);
/* paths: the parts (n) in order. False: not known. */
bool model_hashes_get(const model_hashes *h, const char *const *paths, size_t n, char out[65]);
/* The hash as it is remembered, else of the bytes, and remembered then unless the files have
 * changed meanwhile. Errors: those of sha256_file. */
PERSONA_CHECK persona_code model_hashes_file(model_hashes *h, const char *const *paths, size_t n,
                                             const persona_cancel *cancel, char out[65],
                                             persona_err *e);
/* The same, opened and closed: persona_model_opts.hash of every model that the programs open. */
PERSONA_CHECK persona_code model_hash_file(const char *const *paths, size_t n,
                                           const persona_cancel *cancel, char out[65],
                                           persona_err *e);
/* For files whose bytes were hashed while they were written; they are settled a moment later. */
void model_hash_remember(const char *const *paths, size_t n, const char *sha256);

/* The names of the vectors in the user's library that are made for a model of this hash.
 * persona_names_free them. Errors: NOMEM. */
PERSONA_CHECK persona_code model_vectors(const char *sha256, char ***names, size_t *n,
                                         persona_err *e);

#endif
