/* SPDX-License-Identifier: MIT
 *
 * names.h - "did you mean": the known name nearest to a misspelled one.
 */
#ifndef PERSONA_CORE_NAMES_H
#define PERSONA_CORE_NAMES_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b, ASCII case ignored; names
 * longer than 63 bytes count as infinitely far apart. */
size_t name_distance(const char *a, const char *b);
/* The nearest of n names, or NULL when none is near enough to be meant. */
const char *name_nearest(const char *const *names, size_t n, const char *wanted);

#endif
