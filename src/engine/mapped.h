/* SPDX-License-Identifier: MIT
 *
 * mapped.h - model files under the weights that are mapped from them.
 *
 * libllama maps a model's file; somebody may write to the file in place meanwhile. Where it was cut
 * the kernel has nothing to show and ends the process (SIGBUS). In a program that asked for it
 * (mapped_catch) such pages of a model become zeros instead, and what is computed from then on is
 * an error of this model alone.
 */
#ifndef PERSONA_ENGINE_MAPPED_H
#define PERSONA_ENGINE_MAPPED_H

#include "persona/error.h"

typedef struct mapped_files mapped_files;

/* Takes SIGBUS, once per process: what is no mapped model ends the program with a line that says
 * what a bus error usually is. */
void mapped_catch(void);
/* Notes what the files (n) of a model are now and where they are mapped. Errors: NOMEM. */
PERSONA_CHECK persona_code mapped_note(char *const *paths, size_t n, mapped_files **out,
                                       persona_err *e);
/* Before the model is closed. NULL is fine. */
void mapped_free(mapped_files *f);
/* False, from then on, once a page was missing or a file is not what it was: another size, or
 * written to. The file system is asked at most once a second. Any thread; NULL: true. */
bool mapped_intact(mapped_files *f);

#endif
