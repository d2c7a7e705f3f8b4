/* SPDX-License-Identifier: MIT
 *
 * clock.h - seconds that only grow; for durations, never for dates.
 */
#ifndef PERSONA_BASE_CLOCK_H
#define PERSONA_BASE_CLOCK_H

double clock_now(void); /* wall clock */
double clock_cpu(void); /* processor time of the process, all threads */

#endif
