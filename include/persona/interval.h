/* SPDX-License-Identifier: MIT
 *
 * persona/interval.h - a number that was measured, and how far it can be trusted.
 */
#ifndef PERSONA_INTERVAL_H
#define PERSONA_INTERVAL_H

/* 95 %: percentile bootstrap over questions, or, of what was repeated, Student's t over questions
 * and repeats. NAN: it cannot be computed. */
typedef struct persona_interval {
    double value, low, high;
} persona_interval;

#endif
