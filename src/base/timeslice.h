/* SPDX-License-Identifier: MIT
 *
 * timeslice.h - how long a thread runs when its turn has come on a busy processor.
 *
 * The threads that compute never sleep within a call. Who hands on what they have computed needs
 * the processor for a moment at once, but would wait until their turns end, some milliseconds for
 * each thread on the way of a token. A thread that asks for short turns goes first when it wakes
 * (Linux from 6.12 on; elsewhere nothing happens). It gets no larger share.
 */
#ifndef PERSONA_BASE_TIMESLICE_H
#define PERSONA_BASE_TIMESLICE_H

/* For the calling thread, and threads that it makes from now on. */
void timeslice_short(void);
/* As the system has them: for a thread that computes and may have been made by one of the above. */
void timeslice_usual(void);

#endif
