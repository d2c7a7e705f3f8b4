/* SPDX-License-Identifier: MIT
 *
 * fetch.h - HTTP requests, many at once, and addresses; this folder is the only one that includes
 * libcurl.
 *
 * A client keeps its connections for the next request. Requests are started, then collected one by
 * one in the order in which they end. A request that got no answer is a result like any other, with
 * status 0 and a reason: what to do about it (wait, ask again, give up) is the caller's matter.
 */
#ifndef PERSONA_STORE_FETCH_H
#define PERSONA_STORE_FETCH_H

#include "persona/error.h"

typedef struct fetch fetch;

typedef struct fetch_opts {
    int n_parallel;    /* requests at once, 1..256; default 4 */
    double timeout;    /* seconds for a whole request; default 60 */
    size_t max_answer; /* bytes of a body; default 8 MB */
} fetch_opts;
fetch_opts fetch_defaults(void);

/* Errors: NOMEM, UNAVAILABLE (libcurl does not start). */
PERSONA_CHECK persona_code fetch_new(const fetch_opts *opts, fetch **out, persona_err *e);
void fetch_free(fetch *f); /* gives up what is still open, at once */

/* Everything is borrowed until the request has been collected, or the client freed. */
typedef struct fetch_request {
    const char *url;            /* fetch_check_url has accepted it */
    const char *const *headers; /* n_headers of "Name: value", without line breaks */
    size_t n_headers;
    const char *body; /* POSTed; NULL: GET */
    size_t n_body;
} fetch_request;

typedef struct fetch_answer {
    int status; /* HTTP; 0: no whole answer, `why` says what happened */
    char *body; /* n_body bytes and a NUL; mem_free it; NULL: no answer */
    size_t n_body;
    double retry_after; /* seconds the server asks to wait; NAN: it does not */
    char why[200];      /* one line: the failure, or where a redirect points to; else "" */
} fetch_answer;

/* USAGE unless the URL is http:// or https:// with a host, and without a name or password in it
 * (URLs stand in messages). */
PERSONA_CHECK persona_code fetch_check_url(const char *url, persona_err *e);

/* Of URLs that fetch_check_url has accepted. */
bool fetch_is_https(const char *url);
bool fetch_is_loopback(const char *url);              /* this machine's own */
bool fetch_same_origin(const char *a, const char *b); /* scheme, host and port */
/* The path as it is written; the URL without query and fragment, which may hold secrets. mem_free
 * them; NULL: no memory. */
char *fetch_url_path(const char *url);
char *fetch_url_bare(const char *url);

/* How many may be started now. */
size_t fetch_room(const fetch *f);
/* Starts a request, when there is room; tag comes back with its answer. Redirects are not
 * followed. */
PERSONA_CHECK persona_code fetch_start(fetch *f, const fetch_request *r, size_t tag,
                                       persona_err *e);
/* Waits up to `seconds` for one request to end. *got is false if none did; then nothing is written
 * to tag and answer. A cancel request ends the waiting with CANCELED within 0.1 s. */
PERSONA_CHECK persona_code fetch_wait(fetch *f, double seconds, const persona_cancel *cancel,
                                      bool *got, size_t *tag, fetch_answer *answer, persona_err *e);

#endif
