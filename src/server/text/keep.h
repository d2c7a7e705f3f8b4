/* SPDX-License-Identifier: MIT
 *
 * keep.h - answers whose request says "store": true, kept as runs: what was asked, and everything
 * that came of it.
 */
#ifndef PERSONA_SERVER_KEEP_H
#define PERSONA_SERVER_KEEP_H

#include "server/text/text_stream.h"

/* body: of the request. What cannot be kept is told in the log; the answer has been given. */
void keep_run(server *s, const http_request *r, const char *body, const collected *x);

#endif
