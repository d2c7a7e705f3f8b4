/* SPDX-License-Identifier: MIT
 *
 * page.c - the web page: one document and what it loads. They say nothing about anybody, so they
 * need no token; what the page then asks for does.
 *
 * Names of assets hold a hash of their bytes (web/build.mjs), so a browser keeps them for good; the
 * document that names them is asked for each time and answered with 304 if it is still the same.
 */
#include <stdio.h>
#include <string.h>

#include "server/page/page_files.h"
#include "server/routes/routes.h"

static const struct {
    const char *end, *type;
} TYPES[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        const size_t n = strlen(name), end = strlen(TYPES[i].end);
        if (n > end && strcmp(name + n - end, TYPES[i].end) == 0) {
            return TYPES[i].type;
        }
    }
    return "application/octet-stream";
}

/* No browser refuses gzip with a weight of zero; who does gets it all the same as plain bytes. */
static bool takes_gzip(const http_request *r)
{
    const char *accepted = http_header(r, "Accept-Encoding");
    return accepted != NULL && strstr(accepted, "gzip") != NULL &&
           strstr(accepted, "gzip;q=0") == NULL;
}

static persona_code send_file(call *c, const char *name, const char *keep, persona_err *e)
{
    const page_file *f = page_file_find(name);
    if (f == NULL) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "the page has no file %.60s", name);
    }
    char tag[32];
    snprintf(tag, sizeof tag, "\"%s\"", f->hash);
    http_reply_header(c->reply, "Cache-Control", keep);
    http_reply_header(c->reply, "ETag", tag);
    http_reply_header(c->reply, "Vary", "Accept-Encoding");
    c->reply->type = type_of(name);
    const char *known = http_header(c->request, "If-None-Match");
    if (known != NULL && strstr(known, tag) != NULL) {
        c->reply->status = 304;
        return PERSONA_OK;
    }
    const bool packed = takes_gzip(c->request);
    const unsigned char *from = packed ? f->packed : f->plain;
    if (packed) {
        http_reply_header(c->reply, "Content-Encoding", "gzip");
    }
    buf_add(&c->reply->body, from, (size_t)((packed ? f->packed_end : f->plain_end) - from));
    return PERSONA_OK;
}

static persona_code document(call *c, persona_err *e)
{
    return send_file(c, "index.html", "no-cache", e);
}

static persona_code asset(call *c, persona_err *e)
{
    return send_file(c, c->parts[0], "public, max-age=31536000, immutable", e);
}

const route routes_page[] = {
    {.method = "GET",
     .path = "/",
     .flags = ROUTE_OPEN,
     .errors = ERRORS_OPENAI,
     .run = document,
     .tag = "Server",
     .summary = "The web page"},
    {.method = "GET",
     .path = "/assets/{file}",
     .flags = ROUTE_OPEN,
     .errors = ERRORS_OPENAI,
     .run = asset,
     .tag = "Server",
     .summary = "What the web page loads, gzipped for who takes that"},
    {.method = NULL},
};
