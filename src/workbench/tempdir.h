/* SPDX-License-Identifier: MIT
 *
 * tempdir.h - a private folder for files that only pass through: what readers and writers of files
 * take from a request or give to a reply.
 */
#ifndef PERSONA_WORKBENCH_TEMPDIR_H
#define PERSONA_WORKBENCH_TEMPDIR_H

#include "persona/error.h"

/* NULL: not open. */
typedef struct tempdir {
    char *dir;
} tempdir;

/* Under $TMPDIR or /tmp, for this user only. Errors: IO. */
PERSONA_CHECK persona_code tempdir_open(tempdir *s, persona_err *e);
/* The path of a file in it; mem_free it. name: ours, never a client's. */
PERSONA_CHECK persona_code tempdir_path(const tempdir *s, const char *name, char **out,
                                        persona_err *e);
/* Removes it with the files in it. */
void tempdir_close(tempdir *s);

#endif
