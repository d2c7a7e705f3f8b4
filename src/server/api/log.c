/* SPDX-License-Identifier: MIT
 *
 * log.c - lines of logfmt (log.h), written by one call each, so that threads do not mix them.
 */
#include "server/api/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1024 };

/* Quoted, with control characters, quotes and backslashes escaped. */
static void quoted(char *out, size_t n, const char *text)
{
    size_t at = 0;
    for (const char *p = text; *p != '\0' && at + 5 < n; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < ' ' || c == 0x7f) {
            at += (size_t)snprintf(out + at, n - at, "\\x%02x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at] = '\0';
}

static void stamp(char *out, size_t n)
{
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    const size_t len = strftime(out, n, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out + len, n - len, ".%03ldZ", now.tv_nsec / 1000000);
}

void log_request(const http_request *r, int status, double seconds, bool whole)
{
    char when[40], method[40], path[256], line[LINE_MAX_BYTES];
    stamp(when, sizeof when);
    quoted(method, sizeof method, r->method);
    quoted(path, sizeof path, r->path);
    const int n = snprintf(line, sizeof line,
                           "time=%s level=info request=%llu client=%s method=%s path=\"%s\" "
                           "status=%d seconds=%.3f whole=%s\n",
                           when, (unsigned long long)r->id, r->peer, method, path, status, seconds,
                           whole ? "yes" : "no");
    (void)fwrite(line, 1, n > 0 && n < (int)sizeof line ? (size_t)n : 0, stderr);
}

void log_failure(const http_request *r, const persona_err *e)
{
    char when[40], why[2 * sizeof e->msg], line[2 * sizeof e->msg + 256];
    stamp(when, sizeof when);
    quoted(why, sizeof why, e->msg);
    const int n =
        snprintf(line, sizeof line, "time=%s level=error request=%llu code=%s message=\"%s\"\n",
                 when, (unsigned long long)r->id, persona_code_name(e->code), why);
    (void)fwrite(line, 1, n > 0 && n < (int)sizeof line ? (size_t)n : 0, stderr);
}
