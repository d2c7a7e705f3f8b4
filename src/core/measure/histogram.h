/* SPDX-License-Identifier: MIT
 *
 * histogram.h - quantiles of a stream of sizes (norms) in flat memory.
 */
#ifndef PERSONA_CORE_HISTOGRAM_H
#define PERSONA_CORE_HISTOGRAM_H

#include <stdint.h>

#include "persona/error.h"

#define HISTOGRAM_OCTAVES 255

/* {0} is empty. A quantile is off by at most HISTOGRAM_ERROR of its value. */
typedef struct histogram {
    uint64_t n, n_zero;                  /* n counts the zeros, too */
    float min, max;                      /* exact; undefined while n == 0 */
    uint64_t *octave[HISTOGRAM_OCTAVES]; /* counts between 2^k and 2^(k+1); NULL: none */
} histogram;

#define HISTOGRAM_ERROR 0x1p-10

void histogram_free(histogram *h); /* leaves it empty */
/* NUMERIC unless x is finite and not negative; NOMEM. What is refused is not counted. */
PERSONA_CHECK persona_code histogram_add(histogram *h, float x, persona_err *e);
/* Type 7 as stat_quantile; NAN when empty or q is outside 0 .. 1. */
double histogram_quantile(const histogram *h, double q);
double histogram_median(const histogram *h);

#endif
