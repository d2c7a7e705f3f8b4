/* SPDX-License-Identifier: MIT
 *
 * fetch_get.h - one GET whose body is handed on as it comes, for files that are larger than memory.
 *
 * A line keeps its connections for the next request. One redirect is one request: fetch_get follows
 * none and says where it points to.
 */
#ifndef PERSONA_STORE_FETCH_GET_H
#define PERSONA_STORE_FETCH_GET_H

#include <stdint.h>

#include "persona/error.h"

typedef struct fetch_line fetch_line;
/* stall: seconds without a byte after which a request is given up. Errors: NOMEM, UNAVAILABLE. */
PERSONA_CHECK persona_code fetch_line_new(double stall, fetch_line **out, persona_err *e);
void fetch_line_free(fetch_line *l);

/* What an answer says before its body; a field that is not there, or is longer than this, is "". */
typedef struct fetch_head {
    int status;         /* 0: no answer */
    double retry_after; /* seconds; NAN: not said */
    char length[24], etag[200], range[100], type[100], encoding[40];
    char linked_etag[200], linked_size[24]; /* X-Linked-Etag, X-Linked-Size */
} fetch_head;

/* Both return false to end the request. head is called for answers 200 to 299 only; the bodies of
 * others are dropped. */
typedef struct fetch_sink {
    void *ud;
    bool (*head)(void *ud, const fetch_head *h);
    bool (*data)(void *ud, const void *p, size_t n);
} fetch_sink;

typedef enum fetch_end {
    FETCH_WHOLE,   /* an answer, to its end */
    FETCH_BROKEN,  /* no answer, or a part of it; why says what happened */
    FETCH_STOPPED, /* the sink did */
} fetch_end;

typedef struct fetch_got {
    fetch_head head;
    fetch_end end;
    char *location; /* where a redirect points to, absolute; NULL: none. mem_free it */
    char why[200];
} fetch_got;

/* headers: n of "Name: value" without line breaks. Errors: CANCELED (within 0.1 s), NOMEM,
 * UNAVAILABLE (libcurl itself). */
PERSONA_CHECK persona_code fetch_get(fetch_line *l, const char *url, const char *const *headers,
                                     size_t n, const fetch_sink *sink, const persona_cancel *cancel,
                                     fetch_got *out, persona_err *e);

#endif
