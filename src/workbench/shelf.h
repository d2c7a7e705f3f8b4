/* SPDX-License-Identifier: MIT
 *
 * shelf.h - the user's vectors on disk, without a model: one shelf for each model, a folder named
 * by the first 16 hex digits of the model's sha256. What persona_vector_place and
 * persona_vector_find do for an open model stands in persona/steer.h.
 */
#ifndef PERSONA_WORKBENCH_SHELF_H
#define PERSONA_WORKBENCH_SHELF_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

enum { SHELF_ID = 16, SHELF_NAME_MAX = 127 };

/* 16 lower-case hex digits. */
bool shelf_is_id(const char *id);
/* A name that can only be a vector's: letters, digits and "._-", not beginning with a dot, without
 * the ending of a file of vectors. */
bool shelf_is_name(const char *name);
/* The shelves that there are; mem_free_list them. A folder that cannot be read has none. */
PERSONA_CHECK persona_code shelf_list(char ***ids, size_t *n, persona_err *e);
/* The names on a shelf, sorted; mem_free_list them. One that is not there, or cannot be read, has
 * none. */
PERSONA_CHECK persona_code shelf_names(const char *id, char ***names, size_t *n, persona_err *e);
/* Where a vector lies or would lie; mem_free it. Errors: USAGE (no such name can be), NOTFOUND (no
 * home folder). */
PERSONA_CHECK persona_code shelf_place(const char *id, const char *name, char **path,
                                       persona_err *e);
/* The same of one that is there. Errors: NOTFOUND besides. */
PERSONA_CHECK persona_code shelf_find(const char *id, const char *name, char **path,
                                      persona_err *e);

#endif
