/* SPDX-License-Identifier: MIT
 *
 * fetch.c - HTTP over libcurl's multi interface, in the calling thread.
 *
 * A client owns n_parallel transfers; each is an easy handle that is used again, with the bytes of
 * the answer that is coming in. An answer longer than max_answer is cut off by refusing the write,
 * so that a server cannot fill the memory. Only http and https; redirects are reported, not
 * followed, since a header with a key must not wander to another host. Proxy variables count, but
 * never for this machine's own addresses. libcurl sets no signal handlers, and giving up never
 * waits for a name lookup in progress.
 */
#include "store/fetch/fetch.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/fetch/fetch_impl.h"

#define MAX_PARALLEL 256

typedef struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    buf answer;
    char why[CURL_ERROR_SIZE];
    size_t tag;
    bool busy;
} transfer;

struct fetch {
    CURLM *multi;
    transfer *transfers; /* (n) */
    size_t n, n_busy;
    long timeout; /* milliseconds */
};

/* ---- a client -------------------------------------------------------------------------------- */

fetch_opts fetch_defaults(void)
{
    return (fetch_opts){.n_parallel = 4, .timeout = 60, .max_answer = (size_t)8 << 20};
}

persona_code fetch_new(const fetch_opts *opts, fetch **out, persona_err *e)
{
    *out = NULL;
    if (opts->n_parallel < 1 || opts->n_parallel > MAX_PARALLEL) {
        return persona_err_set(e, PERSONA_E_USAGE, "%d requests at once (expected 1 to %d)",
                               opts->n_parallel, MAX_PARALLEL);
    }
    if (!(opts->timeout >= 0.001 && opts->timeout <= 86400)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "a timeout of %g s (expected 0.001 to 86400 seconds)",
                               opts->timeout);
    }
    const persona_code ready = fetch_begin(e);
    if (ready != PERSONA_OK) {
        return ready;
    }
    fetch *f = mem_calloc(1, sizeof *f);
    if (!f) {
        return mem_err(e, "an HTTP client");
    }
    f->timeout = (long)ceil(opts->timeout * 1000);
    f->transfers = mem_calloc((size_t)opts->n_parallel, sizeof *f->transfers);
    f->multi = curl_multi_init();
    if (!f->transfers || !f->multi) {
        goto nomem;
    }
    for (; f->n < (size_t)opts->n_parallel; f->n++) {
        transfer *t = &f->transfers[f->n];
        t->easy = curl_easy_init();
        if (!t->easy) {
            goto nomem;
        }
        buf_init(&t->answer, opts->max_answer);
    }
    *out = f;
    return PERSONA_OK;
nomem:
    fetch_free(f);
    return mem_err(e, "an HTTP client");
}

static void transfer_end(fetch *f, transfer *t)
{
    if (t->busy) {
        curl_multi_remove_handle(f->multi, t->easy);
        f->n_busy--;
    }
    t->busy = false;
    curl_slist_free_all(t->headers);
    t->headers = NULL;
}

void fetch_free(fetch *f)
{
    if (!f) {
        return;
    }
    for (size_t i = 0; i < f->n; i++) {
        transfer_end(f, &f->transfers[i]);
        curl_easy_cleanup(f->transfers[i].easy);
        buf_free(&f->transfers[i].answer);
    }
    if (f->multi) {
        curl_multi_cleanup(f->multi);
    }
    mem_free(f->transfers);
    mem_free(f);
}

/* ---- requests -------------------------------------------------------------------------------- */

static size_t on_bytes(char *p, size_t size, size_t n, void *ud)
{
    transfer *t = ud;
    buf_add(&t->answer, p, size * n);
    return t->answer.failed == PERSONA_OK ? size * n : CURL_WRITEFUNC_ERROR;
}

size_t fetch_room(const fetch *f)
{
    return f->n - f->n_busy;
}

static bool add_headers(transfer *t, const fetch_request *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        struct curl_slist *longer = curl_slist_append(t->headers, r->headers[i]);
        if (!longer) {
            return false;
        }
        t->headers = longer;
    }
    return true;
}

/* Options of one request. They are checked as one: only memory can be the reason. */
static bool set_up(const fetch *f, transfer *t, const fetch_request *r)
{
    CURL *c = t->easy;
    int bad = 0;
    curl_easy_reset(c); /* keeps connections, forgets options */
    bad |= (int)curl_easy_setopt(c, CURLOPT_URL, r->url);
    bad |= (int)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= (int)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
    bad |= (int)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, f->timeout);
    bad |= (int)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                                 f->timeout < FETCH_CONNECT_MAX ? f->timeout : FETCH_CONNECT_MAX);
    bad |= (int)curl_easy_setopt(c, CURLOPT_USERAGENT, "persona/" PERSONA_VERSION);
    bad |= (int)curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
    bad |= (int)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
    bad |= (int)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    bad |= (int)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    bad |= (int)curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    if (fetch_is_loopback(r->url)) {
        bad |= (int)curl_easy_setopt(c, CURLOPT_PROXY, "");
    }
    if (r->body) {
        bad |= (int)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->n_body);
        bad |= (int)curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
    }
    return bad == 0;
}

persona_code fetch_start(fetch *f, const fetch_request *r, size_t tag, persona_err *e)
{
    transfer *t = NULL;
    for (size_t i = 0; i < f->n && !t; i++) {
        t = f->transfers[i].busy ? NULL : &f->transfers[i];
    }
    if (!t) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "more than %zu requests at once", f->n);
    }
    buf_clear(&t->answer);
    t->why[0] = '\0';
    t->tag = tag;
    if (!add_headers(t, r) || !set_up(f, t, r) ||
        curl_multi_add_handle(f->multi, t->easy) != CURLM_OK) {
        transfer_end(f, t);
        return mem_err(e, "an HTTP request");
    }
    t->busy = true;
    f->n_busy++;
    return PERSONA_OK;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void explain(const fetch *f, const transfer *t, CURLcode failed, fetch_answer *a)
{
    char *to = NULL;
    if (failed == CURLE_WRITE_ERROR && t->answer.failed == PERSONA_E_SHAPE) {
        snprintf(a->why, sizeof a->why, "the answer is longer than %zu bytes", t->answer.max);
    } else if (failed == CURLE_OPERATION_TIMEDOUT) {
        snprintf(a->why, sizeof a->why, "no answer within %g s", (double)f->timeout / 1000);
    } else if (failed != CURLE_OK) {
        snprintf(a->why, sizeof a->why, "%.190s", t->why[0] ? t->why : curl_easy_strerror(failed));
    } else if (curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to) == CURLE_OK && to) {
        snprintf(a->why, sizeof a->why, "redirected to %.170s", to);
    }
    fetch_one_line(a->why);
}

static persona_code collect(fetch *f, transfer *t, CURLcode failed, fetch_answer *a, persona_err *e)
{
    long status = 0;
    curl_off_t wait = 0;
    *a = (fetch_answer){.retry_after = (double)NAN};
    explain(f, t, failed, a);
    if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
        a->retry_after = (double)wait;
    }
    if (failed == CURLE_OK &&
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
        a->status = (int)status;
        a->n_body = t->answer.len;
        a->body = buf_take(&t->answer);
        if (!a->body) {
            failed = CURLE_OUT_OF_MEMORY;
        }
    }
    const bool nomem = failed == CURLE_OUT_OF_MEMORY || t->answer.failed == PERSONA_E_NOMEM;
    transfer_end(f, t);
    if (!nomem) {
        return PERSONA_OK;
    }
    mem_free(a->body);
    *a = (fetch_answer){.retry_after = (double)NAN};
    return mem_err(e, "an HTTP answer");
}

/* A transfer that has ended, or NULL. */
static transfer *ended(fetch *f, CURLcode *failed)
{
    int left = 0;
    for (const CURLMsg *m; (m = curl_multi_info_read(f->multi, &left)) != NULL;) {
        transfer *t = NULL;
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        *failed = m->data.result;
        if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t) {
            return t;
        }
    }
    return NULL;
}

persona_code fetch_wait(fetch *f, double seconds, const persona_cancel *cancel, bool *got,
                        size_t *tag, fetch_answer *answer, persona_err *e)
{
    const double end = clock_now() + seconds;
    *got = false;
    for (;;) {
        if (persona_canceled(cancel)) {
            return persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
        }
        int running = 0;
        CURLcode failed = CURLE_OK;
        CURLMcode rc = curl_multi_perform(f->multi, &running);
        transfer *t = rc == CURLM_OK ? ended(f, &failed) : NULL;
        if (t) {
            *got = true;
            *tag = t->tag;
            return collect(f, t, failed, answer, e);
        }
        const double left = end - clock_now();
        if (rc == CURLM_OK && left <= 0) {
            return PERSONA_OK;
        }
        if (rc == CURLM_OK) { /* a signal ends the poll early, too */
            rc =
                curl_multi_poll(f->multi, NULL, 0, (int)ceil(1000 * fmin(left, FETCH_SLICE)), NULL);
        }
        if (rc != CURLM_OK) {
            return persona_err_set(e, PERSONA_E_UNAVAILABLE, "libcurl: %s",
                                   curl_multi_strerror(rc));
        }
    }
}
