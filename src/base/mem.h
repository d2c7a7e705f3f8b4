/* SPDX-License-Identifier: MIT
 *
 * mem.h - allocation with checked sizes. The only door to malloc for the library; a test may make
 * the k-th allocation fail (persona_mem_fail_at) to reach every error path.
 */
#ifndef PERSONA_BASE_MEM_H
#define PERSONA_BASE_MEM_H

#include <stddef.h>

#include "persona/error.h"

/* Zeroed array of n elements; NULL when n*size overflows or memory is out; n == 0 gives a byte. */
void *mem_calloc(size_t n, size_t size);
/* Grows or shrinks; the old block stays valid on failure; new bytes are not zeroed. */
void *mem_realloc(void *p, size_t n, size_t size);
void mem_free(void *p);
/* A list of n strings, each one and the list. */
void mem_free_list(char **list, size_t n);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
/* printf into a new string; NULL on failure. */
char *mem_printf(const char *fmt, ...) PERSONA_PRINTF(1, 2);
/* Sets NOMEM with what was wanted; returns the code. */
persona_code mem_err(persona_err *e, const char *what);
/* Test hook: the k-th allocation from now on fails (1 = the next); 0 turns it off. */
void persona_mem_fail_at(size_t k);

#endif
