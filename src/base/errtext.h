/* SPDX-License-Identifier: MIT
 *
 * errtext.h - what an errno says, in English, from any thread.
 */
#ifndef PERSONA_BASE_ERRTEXT_H
#define PERSONA_BASE_ERRTEXT_H

/* Never NULL; valid until the thread asks again. */
const char *errtext(int number);

#endif
