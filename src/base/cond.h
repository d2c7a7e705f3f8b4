/* SPDX-License-Identifier: MIT
 *
 * cond.h - condition variables whose patience is measured by clock_now(), so that setting the
 * machine's clock neither ends a wait nor prolongs it.
 */
#ifndef PERSONA_BASE_COND_H
#define PERSONA_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>

void cond_init(pthread_cond_t *c);
/* Wants the lock. until: of clock_now(). false: that has come. May return true for nothing, as
 * every wait may. */
bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, double until);

#endif
