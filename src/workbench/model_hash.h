/* SPDX-License-Identifier: MIT
 *
 * model_hash.h - SHA-256 of model files, remembered: hashing gigabytes for a list would take
 * minutes. Only lists believe what is remembered; work with a model hashes it.
 *
 * Kept in the cache folder, by path and state (device, inode, size, time of change) of every part.
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
void model_hashes_put(model_hashes *h, const char *const *paths, size_t n, const char *sha256);
/* One entry, opened and closed. */
void model_hash_remember(const char *const *paths, size_t n, const char *sha256);

/* The names of the vectors in the user's library that are made for a model of this hash.
 * persona_names_free them. Errors: NOMEM. */
PERSONA_CHECK persona_code model_vectors(const char *sha256, char ***names, size_t *n,
                                         persona_err *e);

#endif
