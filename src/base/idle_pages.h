/* SPDX-License-Identifier: MIT
 *
 * idle_pages.h - memory that a thread was given and holds nothing.
 *
 * libc clears the thread-local storage of all libraries when a thread begins, and OpenBLAS has 60
 * KB of it: a thousand threads that compute nothing hold 60 MB of zeros. A page of zeros may be
 * given back: it comes again, as zeros, when it is touched.
 */
#ifndef PERSONA_BASE_IDLE_PAGES_H
#define PERSONA_BASE_IDLE_PAGES_H

/* Gives back, of the calling thread's stack and thread-local storage, what is zeros above the
 * caller's frame, and all that is below it. Does nothing in the first thread, whose stack is the
 * kernel's. */
void idle_pages_drop(void);

#endif
