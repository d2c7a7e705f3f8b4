/* SPDX-License-Identifier: MIT
 *
 * fetch_url.c - addresses, by libcurl's own parser, so that what was checked is what is asked.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "store/fetch/fetch.h"
#include "store/fetch/fetch_impl.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start_curl(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

persona_code fetch_begin(persona_err *e)
{
    pthread_once(&once, start_curl);
    if (started != CURLE_OK) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "libcurl does not start: %s",
                               curl_easy_strerror(started));
    }
    return PERSONA_OK;
}

void fetch_one_line(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7F) {
            *s = ' ';
        }
    }
}

/* The part of a URL into out (curl_free it), NULL when it has none. False: no URL at all. */
static bool url_part(const char *url, CURLUPart part, char **out)
{
    CURLU *u = curl_url();
    *out = NULL;
    const bool ok = u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    if (ok && curl_url_get(u, part, out, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        *out = NULL;
    }
    curl_url_cleanup(u);
    return ok;
}

persona_code fetch_check_url(const char *url, persona_err *e)
{
    char *user = NULL, *password = NULL, *scheme = NULL;
    persona_code rc = PERSONA_OK;
    const bool ok = url_part(url, CURLUPART_SCHEME, &scheme) && scheme &&
                    url_part(url, CURLUPART_USER, &user) &&
                    url_part(url, CURLUPART_PASSWORD, &password);
    if (user || password) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "a URL with a name or password in it (keys belong into the "
                             "environment)");
    } else if (!ok || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "'%.200s' is no URL (expected http://HOST… or https://HOST…)", url);
    }
    curl_free(scheme);
    curl_free(user);
    curl_free(password);
    return rc;
}

static bool same_part(const char *a, const char *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    const bool same =
        url_part(a, part, &x) && url_part(b, part, &y) && x && y && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

static bool is_scheme(const char *url, const char *scheme)
{
    char *s = NULL;
    const bool yes = url_part(url, CURLUPART_SCHEME, &s) && s && strcmp(s, scheme) == 0;
    curl_free(s);
    return yes;
}

bool fetch_is_https(const char *url)
{
    return is_scheme(url, "https");
}

bool fetch_is_loopback(const char *url)
{
    char *host = NULL;
    const bool yes = url_part(url, CURLUPART_HOST, &host) && host &&
                     (strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
                      strcmp(host, "[::1]") == 0);
    curl_free(host);
    return yes;
}

bool fetch_same_origin(const char *a, const char *b)
{
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
           same_part(a, b, CURLUPART_PORT);
}

char *fetch_url_path(const char *url)
{
    char *path = NULL;
    const bool ok = url_part(url, CURLUPART_PATH, &path) && path;
    char *out = ok ? mem_strdup(path) : NULL;
    curl_free(path);
    return out;
}

char *fetch_url_bare(const char *url)
{
    return mem_strndup(url, strcspn(url, "?#"));
}
