/* SPDX-License-Identifier: MIT
 *
 * library.h - the vectors that are at hand.
 *
 * They are kept once read, and read again only when their file has changed (device, inode, size,
 * time of change); the one that was not used for longest goes when there are more than
 * LIBRARY_MAX_VECTORS.
 *
 * Threads: any number may use one library.
 */
#ifndef PERSONA_WORKBENCH_LIBRARY_H
#define PERSONA_WORKBENCH_LIBRARY_H

#include "persona/steer.h"

#define LIBRARY_MAX_VECTORS 64

typedef struct library library;
PERSONA_CHECK persona_code library_new(library **out, persona_err *e);
/* Everything that was handed out must have been released. */
void library_free(library *l);

/* A vector by name or path, as persona_vector_find; read only, until library_release. Errors: those
 * of persona_vector_find. */
PERSONA_CHECK persona_code library_vector(library *l, persona_model *m, const char *name,
                                          persona_vector **out, persona_err *e);
void library_release(library *l, persona_vector *v);
/* As persona_steer, with the library's vectors. */
PERSONA_CHECK persona_code library_steer(library *l, persona_model *m, const char *expression,
                                         persona_plan **plan, persona_receipt *receipt,
                                         persona_err *e);
/* The same for names that strangers give: only vectors of the library, never files; what is in the
 * working folder makes no difference. */
PERSONA_CHECK persona_code library_vector_named(library *l, persona_model *m, const char *name,
                                                persona_vector **out, persona_err *e);
PERSONA_CHECK persona_code library_steer_named(library *l, persona_model *m, const char *expression,
                                               persona_plan **plan, persona_receipt *receipt,
                                               persona_err *e);
/* How many files were read so far. */
size_t library_reads(library *l);

#endif
