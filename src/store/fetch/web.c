/* SPDX-License-Identifier: MIT
 *
 * web.c - redirects and the token (web.h).
 */
#include "store/fetch/web.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"

#define WAIT_ASKED_MAX 600.0 /* seconds that a server may ask for */
#define SLICE 0.1            /* longest wait between two looks at the cancel flag, seconds */

enum { REDIRECTS = 10, HEADERS = 4, TOKEN_MAX = 1024 };

/* A header of this would be two, or none. */
static bool is_token(const char *s)
{
    const size_t n = strnlen(s, TOKEN_MAX + 1);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7F) {
            return false;
        }
    }
    return n > 0 && n <= TOKEN_MAX;
}

persona_code web_open(web *w, const char *hub, const char *token, double stall,
                      const persona_cancel *cancel, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *w = (web){.hub = hub, .token = token, .cancel = cancel};
    if (hub) {
        TRY(fetch_check_url(hub, e));
    }
    if (token && !is_token(token)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the hub's token is empty, too long, or holds spaces or signs that no "
                             "token has");
        goto out;
    }
    TRY(fetch_line_new(stall, &w->line, e));
out:
    return rc;
}

void web_close(web *w)
{
    fetch_line_free(w->line);
    *w = (web){0};
}

bool web_may_have_token(const web *w, const char *url)
{
    return w->token && w->hub && fetch_same_origin(w->hub, url) &&
           (fetch_is_https(url) || fetch_is_loopback(url));
}

bool web_may_follow(const char *from, const char *to)
{
    return fetch_check_url(to, NULL) == PERSONA_OK && (!fetch_is_https(from) || fetch_is_https(to));
}

/* One request, with the token if it goes to the hub. */
static persona_code ask(web *w, const char *url, const char *const *headers, size_t n,
                        const fetch_sink *sink, fetch_got *out, persona_err *e)
{
    const char *all[HEADERS + 2] = {"Accept-Encoding: identity"};
    size_t n_all = 1;
    char *key = NULL;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n && i < HEADERS; i++) {
        all[n_all++] = headers[i];
    }
    if (web_may_have_token(w, url)) {
        key = mem_printf("Authorization: Bearer %s", w->token);
        TRY(key ? PERSONA_OK : mem_err(e, "an HTTP request"));
        all[n_all++] = key;
    }
    rc = fetch_get(w->line, url, all, n_all, sink, w->cancel, out, e);
out:
    mem_free(key);
    return rc;
}

static void note_linked(web *w, const fetch_head *h)
{
    if (http_sha256(h->linked_etag, w->linked_sha256)) {
        w->has_linked_size = http_number(h->linked_size, &w->linked_size);
    } else {
        w->linked_sha256[0] = '\0';
    }
}

static bool is_redirect(int status)
{
    return status >= 300 && status < 400 && status != 304;
}

/* Knows the hub's word before it hands the head on. */
typedef struct listening {
    web *w;
    const fetch_sink *to;
} listening;

static bool on_head(void *ud, const fetch_head *h)
{
    const listening *x = ud;
    if (x->w->at_hub) {
        note_linked(x->w, h);
    }
    return x->to->head(x->to->ud, h);
}

static bool on_data(void *ud, const void *p, size_t n)
{
    const listening *x = ud;
    return x->to->data(x->to->ud, p, n);
}

static void refuse_redirect(fetch_got *out, const char *why)
{
    out->end = FETCH_BROKEN;
    snprintf(out->why, sizeof out->why, "%s", why);
}

persona_code web_get(web *w, const char *url, const char *const *headers, size_t n,
                     const fetch_sink *sink, fetch_got *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *here = mem_strdup(url);
    listening x = {w, sink};
    const fetch_sink mine = {&x, on_head, on_data};
    *out = (fetch_got){.end = FETCH_BROKEN};
    w->linked_sha256[0] = '\0';
    w->has_linked_size = false;
    TRY(here ? PERSONA_OK : mem_err(e, "an address"));
    for (int hops = 0;; hops++) {
        w->at_hub = w->hub && fetch_same_origin(w->hub, here);
        TRY(ask(w, here, headers, n, &mine, out, e));
        if (out->end != FETCH_WHOLE || !is_redirect(out->head.status)) {
            break;
        }
        if (w->at_hub) {
            note_linked(w, &out->head);
        }
        if (!out->location || hops == REDIRECTS) {
            refuse_redirect(out, out->location ? "more than 10 redirects"
                                               : "a redirect that points nowhere");
            break;
        }
        if (!web_may_follow(here, out->location)) {
            refuse_redirect(out, "a redirect to an address that is not followed (only https from "
                                 "https, and no passwords)");
            break;
        }
        mem_free(here);
        here = out->location;
        out->location = NULL;
    }
out:
    mem_free(out->location);
    out->location = NULL;
    mem_free(here);
    return rc;
}

bool web_may_retry(const fetch_got *got)
{
    static const int status[] = {408, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof status / sizeof *status; i++) {
        if (got->head.status == status[i]) {
            return true;
        }
    }
    return got->end == FETCH_BROKEN && !is_redirect(got->head.status);
}

double web_wait(const fetch_got *got, double wait)
{
    return got->head.retry_after > 0 ? fmin(got->head.retry_after, WAIT_ASKED_MAX) : wait;
}

persona_code web_pause(const web *w, double seconds, persona_err *e)
{
    double left = seconds;
    while (left > 0 && !persona_canceled(w->cancel)) {
        const struct timespec t = {0, (long)(fmin(left, SLICE) * 1e9)};
        nanosleep(&t, NULL); /* a signal ends it early */
        left -= SLICE;
    }
    return persona_canceled(w->cancel) ? persona_err_set(e, PERSONA_E_CANCELED, "interrupted")
                                       : PERSONA_OK;
}

persona_code web_refused(const web *w, const char *url, const fetch_got *got, persona_err *e)
{
    const int status = got->head.status;
    char *bare = fetch_url_bare(url);
    const char *name = bare ? bare : "the address";
    const char *hint = "";
    persona_code rc = PERSONA_E_UNAVAILABLE;
    if (got->end == FETCH_BROKEN) {
        persona_err_set(e, rc, "%.200s: %s", name, got->why);
    } else if (status == 404 || status == 410) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "%.200s: no such file there (HTTP %d)", name,
                             status);
    } else {
        if ((status == 401 || status == 403) && w->at_hub) {
            hint = w->token ? "; the hub does not know it, or HF_TOKEN does not open it"
                            : "; the hub does not know it, or wants a token in HF_TOKEN";
        }
        persona_err_set(e, rc, "%.200s: the server refuses it (HTTP %d)%s", name, status, hint);
    }
    mem_free(bare);
    return rc;
}
