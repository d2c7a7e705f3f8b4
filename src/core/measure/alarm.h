/* SPDX-License-Identifier: MIT
 *
 * alarm.h - two control charts over a series of z-scores, and thresholds for a wanted rate of false
 * alarms.
 */
#ifndef PERSONA_CORE_ALARM_H
#define PERSONA_CORE_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"

#define ALARM_LAMBDA 0.2
#define ALARM_SLACK 0.5

typedef struct alarm_state {
    double smooth, high, low;
} alarm_state;
/* Takes the next z; *ewma is |smoothed| in its own sd, *cusum the larger of both sums. */
void alarm_step(alarm_state *s, double z, double *ewma, double *cusum);

/* The largest of each over a series. */
typedef struct alarm_peaks {
    double ewma, cusum;
} alarm_peaks;
alarm_peaks alarm_peaks_of(const double *z, size_t n);

/* The smallest threshold that at most a share `rate` of the n peaks lies above: one of them; NAN
 * for n == 0 or no memory. */
double alarm_threshold(const double *peaks, size_t n, double rate);

/* n_runs series of `length` values drawn from z with replacement; peaks: (n_runs). */
PERSONA_CHECK persona_code alarm_draw(const double *z, size_t n, size_t length, size_t n_runs,
                                      uint32_t seed, alarm_peaks *peaks, persona_err *e);

#endif
