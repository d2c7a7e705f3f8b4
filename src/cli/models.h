/* SPDX-License-Identifier: MIT
 *
 * models.h - the GGUF files in the models/ folders that are searched.
 */
#ifndef PERSONA_CLI_MODELS_H
#define PERSONA_CLI_MODELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

typedef struct model_file {
    char *path;
    uint64_t size_bytes;
} model_file;

typedef struct model_list {
    model_file *files;
    size_t n;
} model_list;

void models_find(model_list *l);
void models_free(model_list *l);
/* "models": [{name, path, size_bytes}] */
void models_json(json_out *o, const model_list *l);

#endif
