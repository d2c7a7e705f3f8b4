/* SPDX-License-Identifier: MIT
 *
 * find.h - where named things lie, and whether a result may go where the user wants it.
 *
 * Every path that comes out is new memory (mem_free it).
 */
#ifndef PERSONA_WORKBENCH_FIND_H
#define PERSONA_WORKBENCH_FIND_H

#include <stddef.h>

#include "persona/model.h"

/* "sub/file" in the first shipped or user data folder that has it; *out NULL if none has. Errors:
 * NOMEM. */
PERSONA_CHECK persona_code find_data(const char *relative, char **out, persona_err *e);
/* A path that does not exist but looks like a plain name is looked for in the models/ folders;
 * else a copy of the path. Errors: NOMEM. */
PERSONA_CHECK persona_code find_model(const char *path, char **out, persona_err *e);
/* `name` beside the file `path`; absolute names stay. Errors: NOMEM. */
PERSONA_CHECK persona_code find_beside(const char *path, const char *name, char **out,
                                       persona_err *e);

/* Whether a file could be written there, asked before hours of work. Errors: USAGE, IO. */
PERSONA_CHECK persona_code output_writable(const char *path, persona_err *e);
/* Whether an output is none of the inputs (n; NULL ones are skipped). Errors: USAGE. */
PERSONA_CHECK persona_code output_distinct(const char *output, const char *const *inputs, size_t n,
                                           persona_err *e);
/* Where a vector of the model goes: `wanted`, or the user's library. Errors: USAGE (the extension
 * names no format), and those of persona_vector_place. */
PERSONA_CHECK persona_code output_vector_path(persona_model *m, const char *trait,
                                              const char *wanted, char **out, persona_err *e);

#endif
