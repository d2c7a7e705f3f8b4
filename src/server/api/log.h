/* SPDX-License-Identifier: MIT
 *
 * log.h - logfmt lines on standard error: one for each request, one for each failure of ours; never
 * what was asked or answered.
 */
#ifndef PERSONA_SERVER_LOG_H
#define PERSONA_SERVER_LOG_H

#include "server/http/http.h"

/* whole: the client has the reply; false: it was broken off. */
void log_request(const http_request *r, int status, double seconds, bool whole);
/* Why a request failed, in full; the client is told less. */
void log_failure(const http_request *r, const persona_err *e);

#endif
