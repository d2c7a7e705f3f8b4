/* SPDX-License-Identifier: MIT
 *
 * web.h - a GET that follows redirects, and the one place that knows where a token may go.
 *
 * At most 10 redirects, never from https to http. The hub's token goes to the hub's own address
 * (scheme, host, port) and nowhere else, and over plain http only within this machine.
 */
#ifndef PERSONA_STORE_WEB_H
#define PERSONA_STORE_WEB_H

#include "store/fetch/fetch_get.h"

typedef struct web {
    fetch_line *line;
    const char *hub;   /* fetch_check_url has accepted it; NULL: none */
    const char *token; /* for the hub; NULL: none */
    const persona_cancel *cancel;
    /* what the hub itself said on the way to the last answer */
    char linked_sha256[65]; /* "": nothing */
    uint64_t linked_size;
    bool has_linked_size;
    bool at_hub; /* the last answer is the hub's own */
} web;

/* Borrows hub, token and cancel. Errors: USAGE (hub, or a token that is no header), NOMEM,
 * UNAVAILABLE. */
PERSONA_CHECK persona_code web_open(web *w, const char *hub, const char *token, double stall,
                                    const persona_cancel *cancel, persona_err *e);
void web_close(web *w);

/* url: fetch_check_url has accepted it. Up to 4 headers. out->location is NULL. A redirect that is
 * not followed is FETCH_BROKEN with the redirect's status. Errors: those of fetch_get. */
PERSONA_CHECK persona_code web_get(web *w, const char *url, const char *const *headers, size_t n,
                                   const fetch_sink *sink, fetch_got *out, persona_err *e);

/* Whether a redirect from one address to another is followed, and whether the token goes there. */
bool web_may_follow(const char *from, const char *to);
bool web_may_have_token(const web *w, const char *url);
/* Whether asking again later may help: no answer, 408, 425, 429, 500, 502, 503, 504. */
bool web_may_retry(const fetch_got *got);
/* How long to wait before the next try: what the server asks for, up to 10 minutes, else `wait`. */
double web_wait(const fetch_got *got, double wait);
/* Sleeps, at most 0.1 s beyond a cancel. Errors: CANCELED. */
PERSONA_CHECK persona_code web_pause(const web *w, double seconds, persona_err *e);
/* What a status says that no retry will change. NOTFOUND for 404 and 410, else UNAVAILABLE. */
PERSONA_CHECK persona_code web_refused(const web *w, const char *url, const fetch_got *got,
                                       persona_err *e);

#endif
