/* SPDX-License-Identifier: MIT
 *
 * fetch_get.c - one GET at a time over libcurl's multi interface (fetch_get.h).
 *
 * Header lines are looked at one by one; an interim answer (1xx) begins the head anew, a proxy's
 * own head is not shown, trailers are not heads. A server that sends nothing for `stall` seconds is
 * given up. There is no limit for the whole: a large file takes as long as it takes.
 */
#include "store/fetch/fetch_get.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/fetch.h"
#include "store/fetch/fetch_impl.h"

enum { DROP_MAX = 1 << 20, BUFFER = 1 << 18 }; /* bytes */

struct fetch_line {
    CURLM *multi;
    CURL *easy;
    long stall; /* seconds */
};

typedef struct getting {
    CURL *easy;
    const fetch_sink *sink;
    fetch_head *head;
    bool in_body, wanted, stopped;
    size_t n_dropped;
} getting;

persona_code fetch_line_new(double stall, fetch_line **out, persona_err *e)
{
    *out = NULL;
    const persona_code ready = fetch_begin(e);
    if (ready != PERSONA_OK) {
        return ready;
    }
    fetch_line *l = mem_calloc(1, sizeof *l);
    if (l) {
        l->multi = curl_multi_init();
        l->easy = curl_easy_init();
        l->stall = stall < 1 ? 1 : (long)ceil(stall);
    }
    if (!l || !l->multi || !l->easy) {
        fetch_line_free(l);
        return mem_err(e, "an HTTP client");
    }
    *out = l;
    return PERSONA_OK;
}

void fetch_line_free(fetch_line *l)
{
    if (l) {
        curl_easy_cleanup(l->easy);
        curl_multi_cleanup(l->multi);
        mem_free(l);
    }
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* The value of a line if it is this field, trimmed, into out; too long: "". */
static void take_field(const char *line, size_t n, const char *name, char *out, size_t size)
{
    const size_t len = strlen(name);
    if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0) {
        return;
    }
    const char *v = line + len + 1, *end = line + n;
    while (v < end && (*v == ' ' || *v == '\t')) {
        v++;
    }
    while (end > v && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n')) {
        end--;
    }
    const size_t got = (size_t)(end - v);
    if (got < size && !memchr(v, 0, got)) {
        memcpy(out, v, got);
        out[got] = '\0';
        fetch_one_line(out);
    } else {
        out[0] = '\0';
    }
}

static size_t on_header(char *p, size_t size, size_t n, void *ud)
{
    getting *g = ud;
    fetch_head *h = g->head;
    n *= size;
    if (g->in_body) {
        return n;
    }
    if (n > 5 && strncmp(p, "HTTP/", 5) == 0) {
        *h = (fetch_head){.retry_after = (double)NAN};
        return n;
    }
    if (n > 2 || (n > 0 && p[0] != '\r' && p[0] != '\n')) {
        take_field(p, n, "Content-Length", h->length, sizeof h->length);
        take_field(p, n, "Content-Range", h->range, sizeof h->range);
        take_field(p, n, "Content-Type", h->type, sizeof h->type);
        take_field(p, n, "Content-Encoding", h->encoding, sizeof h->encoding);
        take_field(p, n, "ETag", h->etag, sizeof h->etag);
        take_field(p, n, "X-Linked-Etag", h->linked_etag, sizeof h->linked_etag);
        take_field(p, n, "X-Linked-Size", h->linked_size, sizeof h->linked_size);
        return n;
    }
    long status = 0;
    if (curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 200) {
        return n;
    }
    h->status = (int)status;
    g->in_body = true;
    g->wanted = status < 300;
    g->stopped = g->wanted && !g->sink->head(g->sink->ud, h);
    return g->stopped ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ud)
{
    getting *g = ud;
    n *= size;
    if (!g->wanted) {
        g->n_dropped += n;
        return g->n_dropped <= DROP_MAX ? n : CURL_WRITEFUNC_ERROR;
    }
    g->stopped = !g->sink->data(g->sink->ud, p, n);
    return g->stopped ? CURL_WRITEFUNC_ERROR : n;
}

/* ---- a request ------------------------------------------------------------------------------- */

/* Only memory can be the reason of a failure. */
static bool set_up(const fetch_line *l, const char *url, struct curl_slist *headers, getting *g,
                   char *why)
{
    CURL *c = l->easy;
    int bad = 0;
    curl_easy_reset(c); /* keeps connections, forgets options */
    bad |= (int)curl_easy_setopt(c, CURLOPT_URL, url);
    bad |= (int)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= (int)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MAX);
    bad |= (int)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, l->stall);
    bad |= (int)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)BUFFER);
    bad |= (int)curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_USERAGENT, "persona/" PERSONA_VERSION);
    bad |= (int)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    bad |= (int)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    bad |= (int)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    bad |= (int)curl_easy_setopt(c, CURLOPT_HEADERDATA, g);
    bad |= (int)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    bad |= (int)curl_easy_setopt(c, CURLOPT_WRITEDATA, g);
    if (fetch_is_loopback(url)) {
        bad |= (int)curl_easy_setopt(c, CURLOPT_PROXY, "");
    }
    return bad == 0;
}

/* Until the request has ended; *failed is libcurl's result. */
static persona_code perform(const fetch_line *l, const persona_cancel *cancel, CURLcode *failed,
                            persona_err *e)
{
    for (;;) {
        int running = 0, left = 0;
        if (persona_canceled(cancel)) {
            return persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
        }
        CURLMcode rc = curl_multi_perform(l->multi, &running);
        for (const CURLMsg *m; (m = curl_multi_info_read(l->multi, &left)) != NULL;) {
            if (m->msg == CURLMSG_DONE) {
                *failed = m->data.result;
                return PERSONA_OK;
            }
        }
        if (rc == CURLM_OK) { /* a signal ends the poll early, too */
            rc = curl_multi_poll(l->multi, NULL, 0, (int)(1000 * FETCH_SLICE), NULL);
        }
        if (rc != CURLM_OK) {
            return persona_err_set(e, PERSONA_E_UNAVAILABLE, "libcurl: %s",
                                   curl_multi_strerror(rc));
        }
    }
}

static persona_code collect(CURL *c, const getting *g, CURLcode failed, const char *why,
                            fetch_got *out, persona_err *e)
{
    char *to = NULL;
    curl_off_t wait = 0;
    if (failed == CURLE_OUT_OF_MEMORY) {
        return mem_err(e, "an HTTP request");
    }
    out->end = g->stopped ? FETCH_STOPPED : failed == CURLE_OK ? FETCH_WHOLE : FETCH_BROKEN;
    if (out->end == FETCH_BROKEN) {
        snprintf(out->why, sizeof out->why, "%.190s", why[0] ? why : curl_easy_strerror(failed));
        fetch_one_line(out->why);
    }
    if (curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
        out->head.retry_after = (double)wait;
    }
    if (curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to) == CURLE_OK && to) {
        out->location = mem_strdup(to);
        return out->location ? PERSONA_OK : mem_err(e, "an address");
    }
    return PERSONA_OK;
}

persona_code fetch_get(fetch_line *l, const char *url, const char *const *headers, size_t n,
                       const fetch_sink *sink, const persona_cancel *cancel, fetch_got *out,
                       persona_err *e)
{
    struct curl_slist *list = NULL;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode failed = CURLE_OK;
    getting g = {.easy = l->easy, .sink = sink, .head = &out->head};
    *out = (fetch_got){.head.retry_after = (double)NAN};
    for (size_t i = 0; i < n; i++) {
        struct curl_slist *longer = curl_slist_append(list, headers[i]);
        if (!longer) {
            curl_slist_free_all(list);
            return mem_err(e, "an HTTP request");
        }
        list = longer;
    }
    if (!set_up(l, url, list, &g, why) || curl_multi_add_handle(l->multi, l->easy) != CURLM_OK) {
        curl_slist_free_all(list);
        return mem_err(e, "an HTTP request");
    }
    persona_code rc = PERSONA_OK;
    TRY(perform(l, cancel, &failed, e));
    TRY(collect(l->easy, &g, failed, why, out, e));
out:
    curl_multi_remove_handle(l->multi, l->easy);
    curl_slist_free_all(list);
    return rc;
}
