/* SPDX-License-Identifier: MIT
 *
 * httptext.h - values of HTTP fields, read strictly: what is not exactly right is not there.
 */
#ifndef PERSONA_STORE_HTTPTEXT_H
#define PERSONA_STORE_HTTPTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_SIZE_MAX ((uint64_t)1 << 53) /* of a file */

/* Digits and nothing else, up to HTTP_SIZE_MAX. */
bool http_number(const char *s, uint64_t *out);

/* Content-Range. */
typedef struct http_range {
    bool unsatisfied;     /* "bytes *" + "/total": nothing was sent */
    bool has_total;       /* false: "*" */
    uint64_t first, last; /* inclusive */
    uint64_t total;
} http_range;
bool http_content_range(const char *s, http_range *out);

/* An entity tag that may stand in If-Range: quoted and not weak. */
bool http_strong_etag(const char *s);
/* The hub's X-Linked-Etag as SHA-256, 64 lower-case digits; the tag may be weak or bare. */
bool http_sha256(const char *s, char out[65]);

/* The last segment of a URL's path as the name of a file: percent signs decoded, UTF-8, without
 * slashes, control characters or a dot or dash in front. False: there is no such name, or it does
 * not fit. */
bool http_file_name(const char *path, char *out, size_t size);

#endif
