/* SPDX-License-Identifier: MIT
 *
 * folds.h - which texts are held out together.
 */
#ifndef PERSONA_CORE_FOLDS_H
#define PERSONA_CORE_FOLDS_H

#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

enum { MAX_FOLDS = 50 };

/* group[i] (n) in 0..result-1: equal keys share a group, a NULL key is alone; numbered in the
 * order of first appearance. 0: out of memory, or n is 0. */
size_t folds_group(const char *const *key, size_t n, size_t *group);

/* Deals whole groups to folds, in random order, each to the fold that has fewest items of the side
 * that the group leans to. side[i] is 1, -1, or 0 for neither; fold[i] (n) in 0..n_folds-1.
 * Errors: SHAPE
 * (without one of the folds a side would be empty), NOMEM. */
PERSONA_CHECK persona_code folds_deal(const size_t *group, size_t n_groups, const signed char *side,
                                      size_t n, size_t n_folds, uint32_t seed, size_t *fold,
                                      persona_err *e);

#endif
