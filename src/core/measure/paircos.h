/* SPDX-License-Identifier: MIT
 *
 * paircos.h - how far the differences of pairs agree on one direction: the mean cosine between any
 * two of them, from one sum of unit differences.
 */
#ifndef PERSONA_CORE_PAIRCOS_H
#define PERSONA_CORE_PAIRCOS_H

#include <stddef.h>

/* Adds (pos - neg) / ||pos - neg|| to sum (d); a pair without a difference points nowhere. */
void paircos_add(const float *pos, const float *neg, size_t d, double *sum);
/* Of n pairs; NAN below two. Those without a difference have cosine 0 to all others, and count as
 * if they had one to themselves: they lower the mean. */
double paircos_mean(const double *sum, size_t d, size_t n);

#endif
