/* SPDX-License-Identifier: MIT
 *
 * model_remove.h - removing models from the user's folder, and nothing else.
 */
#ifndef PERSONA_WORKBENCH_MODEL_REMOVE_H
#define PERSONA_WORKBENCH_MODEL_REMOVE_H

#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

/* What removing would remove: the file, all its parts, and what an interrupted download left. */
typedef struct model_removal {
    char *folder;
    char **names; /* (n) of files in it */
    size_t n;
    uint64_t n_bytes;
} model_removal;
/* name: a plain name with or without .gguf. Errors: USAGE (a path, a strange name), NOTFOUND,
 * FORMAT (a link, or no file), NOMEM. */
PERSONA_CHECK persona_code model_removal_find(const char *name, model_removal *out, persona_err *e);
/* Errors: UNAVAILABLE (a download is at work), IO. */
PERSONA_CHECK persona_code model_removal_run(const model_removal *r, persona_err *e);
void model_removal_free(model_removal *r);

#endif
