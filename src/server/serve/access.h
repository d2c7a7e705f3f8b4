/* SPDX-License-Identifier: MIT
 *
 * access.h - who may ask: the address the request was sent to (Host), the page it comes from
 * (Origin), the token it brings.
 *
 * Host guards against DNS rebinding: a foreign page that has its own name resolve to this machine
 * still sends its own name. Origin guards against pages of others that send requests from the
 * user's browser. Tokens are wanted as soon as there are any; they come from a file or the
 * environment, are compared in constant time, and are never taken from the address.
 */
#ifndef PERSONA_SERVER_ACCESS_H
#define PERSONA_SERVER_ACCESS_H

#include "persona/error.h"

typedef struct access_rules access_rules;

enum { ACCESS_KEYS_MAX = 256, ACCESS_KEY_MIN = 16, ACCESS_KEY_MAX = 512 };

/* keys: text of lines "TOKEN" or "TOKEN EXPRESSION" (what its requests are steered by), # begins a
 * comment; NULL: none. host: the address that is listened on. Errors: USAGE (which line). */
PERSONA_CHECK persona_code access_new(const char *host, const char *keys, const char *const *hosts,
                                      size_t n_hosts, const char *const *origins, size_t n_origins,
                                      access_rules **out, persona_err *e);
void access_free(access_rules *a);
bool access_has_keys(const access_rules *a);
/* Whether an address is only reached from this machine. */
bool access_loopback(const char *host);

/* NULL headers: not sent. */
bool access_host_ok(const access_rules *a, const char *host);
bool access_origin_ok(const access_rules *a, const char *origin, const char *host);
/* "Bearer TOKEN". *steering: the key's, or NULL. True where no keys are wanted. */
bool access_key_ok(const access_rules *a, const char *authorization, const char **steering);

#endif
