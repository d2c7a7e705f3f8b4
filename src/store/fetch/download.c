/* SPDX-License-Identifier: MIT
 *
 * download.c - asking until the file is whole (download.h).
 *
 * A server may cut the connection, ignore the range, answer with another range, or have another
 * file than yesterday; what it says is believed only as far as it agrees with what is known. What
 * could be two files is begun anew. A try that brings at least 1 MiB starts the count of tries
 * again.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/download_impl.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"

#define WAIT_MAX 30.0    /* seconds between tries */
#define ENOUGH (1 << 20) /* bytes that make a try count as progress */

typedef struct run {
    web *w;
    const download_opts *o;
    part p;
    bool no_range; /* the server cannot be trusted with them */
    bool asked;    /* the request had a range */
    /* why the sink stopped: a fault that no retry will change, or one that another try may */
    persona_code fault;
    persona_err *e;
    char again[160]; /* "": nothing */
} run;

static void report(const run *r, download_stage stage, double wait, const char *note)
{
    if (r->o->progress) {
        const download_progress p = {stage, r->p.n, r->p.size, wait, note};
        r->o->progress(r->o->ud, &p);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Stops this try; the next begins at 0. */
static bool begin_anew(run *r, const char *why)
{
    snprintf(r->again, sizeof r->again, "%s", why);
    r->fault = part_restart(&r->p, r->e);
    return false;
}

/* What a new file is known by. False: it is not the one that was asked for. */
static bool identify(run *r, const fetch_head *h, uint64_t total)
{
    part *p = &r->p;
    const char *sum = r->w->linked_sha256;
    if (r->o->sha256 && sum[0] && strcmp(sum, r->o->sha256) != 0) {
        r->fault = persona_err_set(r->e, PERSONA_E_FORMAT,
                                   "%.200s: the hub's file has the SHA-256 %s, expected %s",
                                   p->goal, sum, r->o->sha256);
        return false;
    }
    const uint64_t said[] = {total, r->w->has_linked_size ? r->w->linked_size : 0, r->o->size};
    for (size_t i = 0; i < 3; i++) {
        if (said[i] && p->size && said[i] != p->size) {
            r->fault = persona_err_set(r->e, PERSONA_E_UNAVAILABLE,
                                       "%.200s: said to have %" PRIu64 " bytes and %" PRIu64
                                       " bytes; it may be changing, try again later",
                                       p->goal, p->size, said[i]);
            return false;
        }
        p->size = said[i] ? said[i] : p->size;
    }
    snprintf(p->sha256, sizeof p->sha256, "%s", r->o->sha256 ? r->o->sha256 : sum);
    snprintf(p->etag, sizeof p->etag, "%s", http_strong_etag(h->etag) ? h->etag : "");
    return true;
}

/* 206: the rest of the very file that the part is of, from its end on. */
static bool continues(run *r, const fetch_head *h)
{
    const part *p = &r->p;
    http_range range;
    const char *sum = r->w->linked_sha256;
    if (!r->asked) {
        return begin_anew(r, "an answer to a question that was not asked");
    }
    if (!http_content_range(h->range, &range) || range.unsatisfied || range.first != p->n) {
        r->no_range = true;
        return begin_anew(r, "the server sends other bytes than asked for");
    }
    if ((range.has_total && p->size && range.total != p->size) ||
        (p->etag[0] && http_strong_etag(h->etag) && strcmp(p->etag, h->etag) != 0) ||
        (p->sha256[0] && sum[0] && strcmp(p->sha256, sum) != 0)) {
        return begin_anew(r, "the file has changed");
    }
    return true;
}

static bool on_head(void *ud, const fetch_head *h)
{
    run *r = ud;
    part *p = &r->p;
    uint64_t total = 0;
    if (h->encoding[0] && strcasecmp(h->encoding, "identity") != 0) {
        r->fault = persona_err_set(r->e, PERSONA_E_UNAVAILABLE,
                                   "%.200s: the server packs it (%s) although it was asked not to",
                                   p->goal, h->encoding);
        return false;
    }
    if (h->status == 206) {
        if (!continues(r, h)) {
            return false;
        }
    } else if (h->status == 200) {
        r->fault = part_restart(p, r->e);
        if (r->fault != PERSONA_OK || !identify(r, h, http_number(h->length, &total) ? total : 0)) {
            return false;
        }
    } else {
        return begin_anew(r, "an answer without a file");
    }
    if (p->size > p->n) {
        r->fault = part_room(p, p->size - p->n, r->e);
    }
    if (r->fault == PERSONA_OK && h->status == 200) {
        r->fault = part_note(p, r->o->url, r->e);
    }
    return r->fault == PERSONA_OK;
}

/* Whether n bytes at the end of the part can be the beginning of such a file. */
static bool begins_right(const run *r, const char *data, size_t n)
{
    const size_t len = r->o->magic ? strlen(r->o->magic) : 0;
    for (size_t i = 0; i < n && r->p.n + i < len; i++) {
        if (data[i] != r->o->magic[r->p.n + i]) {
            return false;
        }
    }
    return true;
}

static persona_code not_magic(const run *r, persona_err *e)
{
    return persona_err_set(e, PERSONA_E_FORMAT,
                           "%.200s: what the server sends is no %s file (it does not begin with "
                           "\"%s\"; a page that wants a login?)",
                           r->p.goal, r->o->magic, r->o->magic);
}

static bool on_data(void *ud, const void *data, size_t n)
{
    run *r = ud;
    part *p = &r->p;
    if (!begins_right(r, data, n)) {
        r->fault = not_magic(r, r->e);
        return false;
    }
    if (p->size && n > p->size - p->n) {
        r->no_range = true;
        return begin_anew(r, "the server sends more bytes than the file has");
    }
    r->fault = part_write(p, data, n, r->e);
    report(r, DOWNLOAD_FETCH, 0, "");
    return r->fault == PERSONA_OK;
}

/* ---- tries ----------------------------------------------------------------------------------- */

static persona_code ask(run *r, fetch_got *got)
{
    char range[64], if_range[220];
    const char *headers[] = {range, if_range};
    const part *p = &r->p;
    const fetch_sink sink = {r, on_head, on_data};
    /* without a tag, the sum at the end tells */
    r->asked = p->n > 0 && !r->no_range && (p->etag[0] || p->sha256[0]);
    snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-", p->n);
    snprintf(if_range, sizeof if_range, "If-Range: %s", p->etag);
    const size_t n = !r->asked ? 0 : p->etag[0] ? 2 : 1;
    return web_get(r->w, r->o->url, headers, n, &sink, got, r->e);
}

/* What one answer means; *done: the part is whole. r->again says why another try is due. */
static persona_code judge(run *r, const fetch_got *got, bool *done, persona_err *e)
{
    part *p = &r->p;
    http_range range;
    *done = false;
    if (r->fault != PERSONA_OK || r->again[0]) {
        return r->fault;
    }
    if (got->head.status == 416 && r->asked) {
        if (http_content_range(got->head.range, &range) && range.has_total && range.total == p->n) {
            p->size = p->n; /* all of it is here */
            *done = true;
            return PERSONA_OK;
        }
        begin_anew(r, "the server has fewer bytes than are here");
        return r->fault;
    }
    if (web_may_retry(got)) {
        if (got->end == FETCH_BROKEN) {
            snprintf(r->again, sizeof r->again, "%.150s", got->why);
        } else {
            snprintf(r->again, sizeof r->again, "HTTP %d", got->head.status);
        }
        return PERSONA_OK;
    }
    if (got->head.status < 200 || got->head.status > 299) {
        return web_refused(r->w, r->o->url, got, e);
    }
    *done = p->size == 0 || p->n == p->size;
    if (!*done) {
        snprintf(r->again, sizeof r->again, "the answer ended early");
    }
    p->size = *done ? p->n : p->size;
    return PERSONA_OK;
}

static persona_code wait_for(const run *r, double seconds, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double left = seconds;
    while (left > 0) {
        report(r, DOWNLOAD_WAIT, left, r->again);
        TRY(web_pause(r->w, fmin(left, 1), e));
        left -= 1;
    }
out:
    return rc;
}

static persona_code fetch_rest(run *r, persona_err *e)
{
    const download_opts *o = r->o;
    persona_code rc = PERSONA_OK;
    bool done = r->p.n > 0 && r->p.n == r->p.size;
    double wait = o->wait;
    for (int tries = 1; !done; tries++) {
        const uint64_t before = r->p.n;
        fetch_got got;
        r->again[0] = '\0';
        r->fault = PERSONA_OK;
        report(r, DOWNLOAD_FETCH, 0, "");
        TRY(ask(r, &got));
        TRY(judge(r, &got, &done, e));
        if (done) {
            break;
        }
        if (r->p.n >= before + ENOUGH) {
            tries = 1;
            wait = o->wait;
        }
        if (tries >= o->tries) {
            rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                 "%.200s: given up after %d tries: %s; the same command goes on",
                                 r->p.goal, tries, r->again);
            break;
        }
        TRY(wait_for(r, web_wait(&got, wait), e));
        wait = fmin(2 * wait, WAIT_MAX);
    }
out:
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static persona_code check_whole(run *r, char sum[65], persona_err *e)
{
    const char *const path = r->p.path;
    const char *wanted = r->o->sha256 ? r->o->sha256 : r->p.sha256;
    char head[16] = "";
    FILE *f = r->o->magic ? fopen(path, "rb") : NULL;
    const size_t len = f ? strlen(r->o->magic) : 0;
    const bool right = len == 0 || (len < sizeof head && fread(head, 1, len, f) == len &&
                                    memcmp(head, r->o->magic, len) == 0);
    persona_code rc = PERSONA_OK;
    if (f) {
        (void)fclose(f); /* only read */
    }
    if (!right) {
        return not_magic(r, e);
    }
    report(r, DOWNLOAD_CHECK, 0, "");
    TRY(sha256_file(&path, 1, r->w->cancel, sum, e));
    if (wanted[0] && strcmp(wanted, sum) != 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%.150s: damaged or another file: its SHA-256 is %s, expected %s; the "
                             "part is removed",
                             r->p.goal, sum, wanted);
    }
out:
    return rc;
}

static persona_code already(const download_opts *o, const persona_cancel *cancel,
                            download_result *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    out->present = true;
    if (o->sha256) {
        TRY(sha256_file(&o->path, 1, cancel, out->sha256, e));
        out->compared = strcmp(out->sha256, o->sha256) == 0;
        if (!out->compared) {
            rc = persona_err_set(e, PERSONA_E_FORMAT,
                                 "%.150s is there, but its SHA-256 is %s, expected %s (--force "
                                 "fetches it again)",
                                 o->path, out->sha256, o->sha256);
        }
    }
out:
    return rc;
}

/* What is said of a part that stays. */
static persona_code kept(const run *r, persona_code rc, persona_err *e)
{
    if (rc != PERSONA_E_CANCELED || r->p.n == 0) {
        return rc;
    }
    char of[32] = "";
    if (r->p.size) {
        snprintf(of, sizeof of, " of %.2f", (double)r->p.size / 1e9);
    }
    return persona_err_set(e, rc,
                           "interrupted; %.2f%s GB stay in %.250s, and the same command "
                           "goes on from there",
                           (double)r->p.n / 1e9, of, r->p.path);
}

persona_code download_run(web *w, const download_opts *o, download_result *out, persona_err *e)
{
    persona_err local = {.code = PERSONA_OK};
    run r = {.w = w, .o = o, .p.fd = -1, .e = e ? e : &local};
    persona_code rc = PERSONA_OK;
    *out = (download_result){0};
    if (!o->force && file_exists(o->path)) {
        return already(o, w->cancel, out, r.e);
    }
    TRY(part_open(o->path, o->url, o->sha256, &r.p, r.e));
    if (!o->force && file_exists(o->path)) { /* another process has just finished it */
        TRY(part_restart(&r.p, r.e));
        TRY(already(o, w->cancel, out, r.e));
        goto out;
    }
    if (r.p.n > r.p.size && r.p.size > 0) {
        TRY(part_restart(&r.p, r.e));
    }
    out->n_kept = r.p.n;
    TRY(fetch_rest(&r, r.e));
    TRY(check_whole(&r, out->sha256, r.e));
    out->compared = o->sha256 || r.p.sha256[0];
    out->size = r.p.n;
    TRY(part_finish(&r.p, r.e));
out:
    if (rc == PERSONA_E_FORMAT && r.p.fd >= 0) {
        part_remove(&r.p);
    }
    rc = kept(&r, rc, r.e);
    part_close(&r.p);
    return rc;
}
