/* SPDX-License-Identifier: MIT
 *
 * alarm.c - EWMA and CUSUM (Montgomery, Introduction to Statistical Quality Control, ch. 9).
 *
 *   Z_t = lambda z_t + (1 - lambda) Z_(t-1)          in its own sd: |Z_t| / sqrt(lambda/(2-lambda))
 *   C+_t = max(0, C+_(t-1) + z_t - k),  C-_t = max(0, C-_(t-1) - z_t - k)
 *
 * with lambda 0.2 and k 0.5. CUSUM is fed the raw z, not the smoothed one. Textbook thresholds hold
 * for independent normal values only, so ours are order statistics of what neutral series reach.
 */
#include "core/measure/alarm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

void alarm_step(alarm_state *s, double z, double *ewma, double *cusum)
{
    s->smooth = ALARM_LAMBDA * z + (1 - ALARM_LAMBDA) * s->smooth;
    s->high = fmax(0, s->high + z - ALARM_SLACK);
    s->low = fmax(0, s->low - z - ALARM_SLACK);
    *ewma = fabs(s->smooth) / sqrt(ALARM_LAMBDA / (2 - ALARM_LAMBDA));
    *cusum = fmax(s->high, s->low);
}

alarm_peaks alarm_peaks_of(const double *z, size_t n)
{
    alarm_state s = {0};
    alarm_peaks peaks = {0};
    for (size_t i = 0; i < n; i++) {
        double ewma, cusum;
        alarm_step(&s, z[i], &ewma, &cusum);
        peaks.ewma = fmax(peaks.ewma, ewma);
        peaks.cusum = fmax(peaks.cusum, cusum);
    }
    return peaks;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double alarm_threshold(const double *peaks, size_t n, double rate)
{
    double *sorted = mem_calloc(n, sizeof *sorted);
    double h = (double)NAN;
    if (sorted != NULL && n > 0) {
        const size_t above = (size_t)floor(rate * (double)n + 1e-9);
        memcpy(sorted, peaks, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_value);
        h = sorted[above >= n ? 0 : n - 1 - above];
    }
    mem_free(sorted);
    return h;
}

persona_code alarm_draw(const double *z, size_t n, size_t length, size_t n_runs, uint32_t seed,
                        alarm_peaks *peaks, persona_err *e)
{
    rng r;
    double *series = mem_calloc(length, sizeof *series);
    if (series == NULL || n == 0) {
        mem_free(series);
        return mem_err(e, "a series");
    }
    rng_seed(&r, seed, 0);
    for (size_t i = 0; i < n_runs; i++) {
        for (size_t k = 0; k < length; k++) {
            series[k] = z[rng_below(&r, (uint32_t)n)];
        }
        peaks[i] = alarm_peaks_of(series, length);
    }
    mem_free(series);
    return PERSONA_OK;
}
