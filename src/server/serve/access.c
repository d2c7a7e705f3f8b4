/* SPDX-License-Identifier: MIT
 *
 * access.c - Host, Origin and tokens (access.h).
 */
#include "server/serve/access.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

typedef struct access_key {
    char hash[65]; /* sha256 of the token: of one length, whatever the token's is */
    char *steering;
} access_key;

struct access_rules {
    access_key *keys; /* (n_keys) */
    size_t n_keys;
    const char *const *hosts, *const *origins;
    size_t n_hosts, n_origins;
};

bool access_loopback(const char *host)
{
    return host == NULL || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static persona_code add_key(access_rules *a, const char *line, size_t len, size_t number,
                            persona_err *e)
{
    const size_t n = strcspn(line, " \t\r\n");
    const size_t token = n < len ? n : len;
    if (token < ACCESS_KEY_MIN || token > ACCESS_KEY_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "keys, line %zu: a token has %d to %d characters, not %zu (openssl "
                               "rand -hex 24 makes one)",
                               number, ACCESS_KEY_MIN, ACCESS_KEY_MAX, token);
    }
    if (a->n_keys == ACCESS_KEYS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "keys: more than %d", ACCESS_KEYS_MAX);
    }
    access_key *k = &a->keys[a->n_keys];
    sha256_hex(line, token, k->hash);
    const char *rest = line + token;
    const char *end = line + len;
    while (rest < end && isspace((unsigned char)*rest)) {
        rest++;
    }
    while (end > rest && isspace((unsigned char)end[-1])) {
        end--;
    }
    k->steering = rest < end ? mem_strndup(rest, (size_t)(end - rest)) : NULL;
    if (k->hash[0] == '\0' || (rest < end && k->steering == NULL)) {
        return mem_err(e, "keys");
    }
    a->n_keys++;
    return PERSONA_OK;
}

static persona_code read_keys(access_rules *a, const char *text, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t number = 0;
    for (const char *line = text; rc == PERSONA_OK && line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t len = end != NULL ? (size_t)(end - line) : strlen(line);
        const char *next = end != NULL ? end + 1 : NULL;
        number++;
        while (len > 0 && isspace((unsigned char)*line)) {
            line++;
            len--;
        }
        if (len > 0 && *line != '#') {
            rc = add_key(a, line, len, number, e);
        }
        line = next;
    }
    return rc;
}

persona_code access_new(const char *host, const char *keys, const char *const *hosts,
                        size_t n_hosts, const char *const *origins, size_t n_origins,
                        access_rules **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    access_rules *a = mem_calloc(1, sizeof *a);
    *out = NULL;
    TRY(a != NULL ? PERSONA_OK : mem_err(e, "rules of access"));
    *a = (access_rules){
        .hosts = hosts, .n_hosts = n_hosts, .origins = origins, .n_origins = n_origins};
    a->keys = mem_calloc(ACCESS_KEYS_MAX, sizeof *a->keys);
    TRY(a->keys != NULL ? PERSONA_OK : mem_err(e, "rules of access"));
    TRY(read_keys(a, keys, e));
    if (keys != NULL && a->n_keys == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "keys: none in there");
        goto out;
    }
    if (a->n_keys == 0 && !access_loopback(host)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "--host %s is reached from other machines: that wants a token "
                             "(--keys FILE, or PERSONA_API_KEY)",
                             host);
        goto out;
    }
    *out = a;
    a = NULL;
out:
    access_free(a);
    return rc;
}

void access_free(access_rules *a)
{
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < a->n_keys; i++) {
        mem_free(a->keys[i].steering);
    }
    mem_free(a->keys);
    mem_free(a);
}

bool access_has_keys(const access_rules *a)
{
    return a->n_keys > 0;
}

/* Takes the same time whatever differs. */
static bool same(const char *a, const char *b, size_t n)
{
    unsigned char diff = 0;
    for (size_t i = 0; i < n; i++) {
        diff |= (unsigned char)a[i] ^ (unsigned char)b[i];
    }
    return diff == 0;
}

bool access_key_ok(const access_rules *a, const char *authorization, const char **steering)
{
    static const char scheme[] = "Bearer ";
    char hash[65] = "";
    bool ok = false;
    *steering = NULL;
    if (a->n_keys == 0) {
        return true;
    }
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0 ||
        strlen(authorization) > ACCESS_KEY_MAX + sizeof scheme) {
        return false;
    }
    sha256_hex(authorization + sizeof scheme - 1, strlen(authorization + sizeof scheme - 1), hash);
    for (size_t i = 0; i < a->n_keys; i++) { /* all of them, always */
        const bool this = hash[0] != '\0' && same(hash, a->keys[i].hash, 64);
        *steering = this ? a->keys[i].steering : *steering;
        ok = ok || this;
    }
    return ok;
}

/* ---- Host and Origin ------------------------------------------------------------------------- */

/* "[::1]:8000" and "localhost:8000" without the port. */
static size_t host_len(const char *host)
{
    if (*host == '[') {
        const char *end = strchr(host, ']');
        return end != NULL ? (size_t)(end - host) + 1 : strlen(host);
    }
    return strcspn(host, ":");
}

static bool is(const char *host, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(host, name, n) == 0;
}

/* An address in numbers cannot be made to point here by whoever owns a name. */
static bool is_number(const char *host, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    const bool six = n > 2 && *host == '[';
    const size_t len = six ? n - 2 : n;
    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, host + (six ? 1 : 0), len);
    text[len] = '\0';
    return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}

static bool own_name(const access_rules *a, const char *host)
{
    const size_t n = host_len(host);
    if (is(host, n, "localhost")) {
        return true;
    }
    for (size_t i = 0; i < a->n_hosts; i++) {
        if (is(host, n, a->hosts[i])) {
            return true;
        }
    }
    return is_number(host, n);
}

bool access_host_ok(const access_rules *a, const char *host)
{
    return host != NULL && own_name(a, host);
}

bool access_origin_ok(const access_rules *a, const char *origin, const char *host)
{
    if (origin == NULL) {
        return true; /* no browser sent it, or the page is ours */
    }
    for (size_t i = 0; i < a->n_origins; i++) {
        if (strcasecmp(origin, a->origins[i]) == 0) {
            return true;
        }
    }
    const char *at = strstr(origin, "://");
    return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0 && own_name(a, host);
}
