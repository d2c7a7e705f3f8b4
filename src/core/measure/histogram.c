/* SPDX-License-Identifier: MIT
 *
 * histogram.c - quantiles of a stream of sizes (norms) in flat memory.
 *
 * A bin is all floats that share sign, exponent and the first 9 bits of the fraction: its number
 * stands in the float's own bits, so that no logarithm is taken and every machine counts alike. The
 * 512 bins of an octave are equally wide; each is at most 2^-9 of its lower edge wide and is
 * represented by its middle, hence within 2^-10 (0.098 %) of whatever fell into it. Order
 * statistics keep that bound, and so does the interpolation between two of them. Minimum and
 * maximum are kept exactly. Below 2^-126 (subnormal floats) everything counts as zero.
 *
 * An octave's 4 KiB are allocated when something falls into it: the norms of a block span a few
 * octaves, and at worst it is 1 MiB. Merging adds counts, so its order does not matter.
 */
#include "core/measure/histogram.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define FRACTION 23 /* bits of a float's fraction */
#define KEPT 9      /* of these tell bins apart */
#define BINS (1u << KEPT)

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The middle of a bin. */
static double bin_value(uint32_t octave, uint32_t bin)
{
    const uint32_t low = octave << FRACTION | bin << (FRACTION - KEPT);
    return (double)float_of(low | 1u << (FRACTION - KEPT - 1));
}

void histogram_free(histogram *h)
{
    if (!h) {
        return;
    }
    for (size_t o = 0; o < HISTOGRAM_OCTAVES; o++) {
        mem_free(h->octave[o]);
    }
    *h = (histogram){0};
}

static persona_code need_octave(histogram *h, size_t octave, persona_err *e)
{
    if (h->octave[octave]) {
        return PERSONA_OK;
    }
    h->octave[octave] = mem_calloc(BINS, sizeof *h->octave[octave]);
    return h->octave[octave] ? PERSONA_OK : mem_err(e, "a histogram");
}

static void note_range(histogram *h, float min, float max)
{
    h->min = h->n == 0 ? min : fminf(h->min, min);
    h->max = h->n == 0 ? max : fmaxf(h->max, max);
}

persona_code histogram_add(histogram *h, float x, persona_err *e)
{
    if (!(x >= 0) || !isfinite(x)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "histogram: %g (expected a finite number, not negative)", (double)x);
    }
    const uint32_t bits = bits_of(x) & 0x7fffffff, octave = bits >> FRACTION;
    if (octave > 0) {
        persona_code rc = need_octave(h, octave, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
        h->octave[octave][bits >> (FRACTION - KEPT) & (BINS - 1)]++;
    } else {
        h->n_zero++;
    }
    note_range(h, x, x);
    h->n++;
    return PERSONA_OK;
}

/* The value of the k-th smallest, k from 0 to n - 1. */
static double order_statistic(const histogram *h, uint64_t k)
{
    if (k == 0 || k < h->n_zero) {
        return k == 0 ? (double)h->min : 0;
    }
    if (k == h->n - 1) {
        return (double)h->max;
    }
    uint64_t before = h->n_zero;
    for (uint32_t o = 0; o < HISTOGRAM_OCTAVES; o++) {
        for (uint32_t i = 0; h->octave[o] && i < BINS; i++) {
            before += h->octave[o][i];
            if (k < before) {
                return fmax((double)h->min, fmin((double)h->max, bin_value(o, i)));
            }
        }
    }
    return (double)h->max;
}

double histogram_quantile(const histogram *h, double q)
{
    if (h->n == 0 || !(q >= 0 && q <= 1)) {
        return (double)NAN;
    }
    const double at = q * (double)(h->n - 1), part = at - floor(at);
    const uint64_t k = (uint64_t)at;
    const double low = order_statistic(h, k);
    return part > 0 ? low + part * (order_statistic(h, k + 1) - low) : low;
}

double histogram_median(const histogram *h)
{
    return histogram_quantile(h, 0.5);
}
