/* SPDX-License-Identifier: MIT
 *
 * fetch_impl.h - what the files that include libcurl share.
 */
#ifndef PERSONA_STORE_FETCH_IMPL_H
#define PERSONA_STORE_FETCH_IMPL_H

#include "persona/error.h"

#define FETCH_SLICE 0.1         /* longest wait between two looks at the cancel flag, seconds */
#define FETCH_CONNECT_MAX 10000 /* longest wait for a connection, milliseconds */

/* Starts libcurl, once. Errors: UNAVAILABLE. */
PERSONA_CHECK persona_code fetch_begin(persona_err *e);
/* Texts of servers and of libcurl as one line. */
void fetch_one_line(char *s);

#endif
