/* SPDX-License-Identifier: MIT
 *
 * model_list.h - the models at hand, by the headers of their files; no weights are read. Files that
 * are damaged are listed with their fault.
 */
#ifndef PERSONA_WORKBENCH_MODEL_LIST_H
#define PERSONA_WORKBENCH_MODEL_LIST_H

#include "base/json.h"
#include "engine/peek.h"
#include "workbench/model_hash.h"

typedef struct model_file {
    char *path;          /* the first part, where there are several */
    uint64_t size_bytes; /* of all parts that are there */
    int n_parts;
    model_peek head;
    char *fault;    /* one line; NULL: none */
    char **vectors; /* (n_vectors) names in the user's library that are made for this file */
    size_t n_vectors;
    bool vectors_known; /* false: the SHA-256 of a large file that was never computed */
} model_file;

typedef struct model_list {
    model_file *files; /* n, by folder in search order, then by path */
    size_t n;
} model_list;

/* The GGUF files in the models/ folders that are searched. Errors: NOMEM. */
PERSONA_CHECK persona_code model_list_find(model_list *l, persona_err *e);
/* The same with path, size and n_parts only: no file is opened. */
PERSONA_CHECK persona_code model_list_names(model_list *l, persona_err *e);
void model_list_free(model_list *l);
/* "models": [{name, path, size_bytes, ...}] */
void model_list_json(json_out *o, const model_list *l);

/* The parts of the model whose first part, or only file, this is. mem_free_list. Errors: NOMEM. */
PERSONA_CHECK persona_code model_part_paths(const char *path, char ***out, size_t *n,
                                            persona_err *e);

/* The SHA-256 of a model's file if it costs nothing: remembered, or of a small file. */
bool model_hash_at_hand(const char *path, uint64_t size_bytes, model_hashes *h, char out[65]);
/* The same in any case. Errors: those of sha256_file. */
PERSONA_CHECK persona_code model_file_hash(const char *path, char out[65], persona_err *e);

#endif
