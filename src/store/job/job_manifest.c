/* SPDX-License-Identifier: MIT
 *
 * job_manifest.c - do two manifests say the same, and if not, where do they differ first?
 *
 * Members are compared by name, so order and number spelling do not count. The walk follows the
 * stored manifest, then looks for members that only the given one has. It is as deep as what both
 * have in common, which is what this program wrote.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/job/job_impl.h"

enum { MAX_DEPTH = 32, PATH_LEN_MAX = 200, SHOWN_MAX = 40 };

typedef struct walk {
    char at[PATH_LEN_MAX + 1]; /* "sampling.temperature", "traits[2]" */
    char stored[SHOWN_MAX + 24], given[SHOWN_MAX + 24];
    int depth;
    bool differ;
    const json_val *other;
} walk;

/* Bytes of s to show: at most SHOWN_MAX, no half characters. */
static int shown_len(const char *s)
{
    size_t n = strnlen(s, SHOWN_MAX + 1);
    if (n > SHOWN_MAX) {
        for (n = SHOWN_MAX; n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80;) {
            n--;
        }
    }
    return (int)n;
}

/* A value as a message shows it: scalars whole, containers by their size. */
static void show(const json_val *v, bool there, char *out, size_t size)
{
    buf b;
    json_out o;
    if (!there) {
        snprintf(out, size, "not set");
        return;
    }
    switch (json_typeof(v)) {
    case JSON_NULL:
        snprintf(out, size, "null");
        return;
    case JSON_BOOL:
        snprintf(out, size, "%s", json_bool(v, false) ? "true" : "false");
        return;
    case JSON_NUMBER:
        buf_init(&b, 64);
        jo_init(&o, &b, false);
        jo_number(&o, NULL, json_number(v, 0));
        snprintf(out, size, "%s", buf_str(&b));
        buf_free(&b);
        return;
    case JSON_STRING:
        snprintf(out, size, "\"%.*s%s", shown_len(json_string(v)), json_string(v),
                 strlen(json_string(v)) > SHOWN_MAX ? "...\"" : "\"");
        return;
    case JSON_ARRAY:
        snprintf(out, size, "a list of %zu", json_len(v));
        return;
    case JSON_OBJECT:
        snprintf(out, size, "%zu members", json_len(v));
        return;
    }
}

static void differ(walk *w, const json_val *stored, bool stored_there, const json_val *given,
                   bool given_there)
{
    w->differ = true;
    show(stored, stored_there, w->stored, sizeof w->stored);
    show(given, given_there, w->given, sizeof w->given);
}

static void compare(walk *w, const json_val *stored, const json_val *given);

/* Goes one step down; the path keeps its text where a difference was found. */
static size_t push(walk *w, const char *key, size_t index)
{
    const size_t n = strlen(w->at);
    if (key) {
        snprintf(w->at + n, sizeof w->at - n, "%s%s", n > 0 ? "." : "", key);
    } else {
        snprintf(w->at + n, sizeof w->at - n, "[%zu]", index);
    }
    return n;
}

static bool compare_member(void *ud, const char *key, const json_val *stored)
{
    walk *w = ud;
    const json_val *parent = w->other, *given = json_get(parent, key);
    const size_t n = push(w, key, 0);
    if (given) {
        compare(w, stored, given);
    } else {
        differ(w, stored, true, NULL, false);
    }
    w->other = parent;
    if (!w->differ) {
        w->at[n] = '\0';
    }
    return !w->differ;
}

/* The other way round: only what the stored one lacks is new. */
static bool find_new(void *ud, const char *key, const json_val *given)
{
    walk *w = ud;
    if (json_get(w->other, key)) {
        return true;
    }
    push(w, key, 0);
    differ(w, NULL, false, given, true);
    return false;
}

static void compare_objects(walk *w, const json_val *stored, const json_val *given)
{
    w->other = given;
    json_each(stored, compare_member, w);
    if (w->differ) {
        return;
    }
    w->other = stored;
    json_each(given, find_new, w);
}

static void compare_arrays(walk *w, const json_val *stored, const json_val *given)
{
    const size_t len = json_len(stored);
    if (len != json_len(given)) {
        differ(w, stored, true, given, true);
        return;
    }
    for (size_t i = 0; i < len && !w->differ; i++) {
        const size_t n = push(w, NULL, i);
        compare(w, json_at(stored, i), json_at(given, i));
        if (!w->differ) {
            w->at[n] = '\0';
        }
    }
}

static bool same_scalar(const json_val *a, const json_val *b)
{
    const json_type type = json_typeof(a);
    if (type == JSON_STRING) {
        return strcmp(json_string(a), json_string(b)) == 0;
    }
    if (type == JSON_NUMBER) {
        return json_number(a, 0) == json_number(b, 0);
    }
    return type == JSON_NULL || json_bool(a, false) == json_bool(b, false);
}

static void compare(walk *w, const json_val *stored, const json_val *given)
{
    const json_type type = json_typeof(stored);
    if (type != json_typeof(given) || w->depth == MAX_DEPTH) {
        differ(w, stored, true, given, true);
        return;
    }
    w->depth++;
    if (type == JSON_OBJECT) {
        compare_objects(w, stored, given);
    } else if (type == JSON_ARRAY) {
        compare_arrays(w, stored, given);
    } else if (!same_scalar(stored, given)) {
        differ(w, stored, true, given, true);
    }
    w->depth--;
}

static persona_code parse(const char *text, const char *name, json_doc **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(json_parse(text, strlen(text), name, out, e));
    if (json_typeof(json_root(*out)) != JSON_OBJECT) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: is no JSON object", name);
        goto out;
    }
out:
    return rc;
}

persona_code job_manifest_check(const char *given, persona_err *e)
{
    json_doc *d = NULL;
    const persona_code rc = parse(given, "the manifest", &d, e);
    json_free(d);
    return rc;
}

/* ---- parts ----------------------------------------------------------------------------------- */

#define SHARD "shard"
static const char shard_begins[] = ",\"" SHARD "\":{";

static persona_shard shard_of(const json_val *root)
{
    const json_val *s = json_get(root, SHARD);
    const double index = json_number(json_get(s, "index"), -1);
    const double count = json_number(json_get(s, "count"), 0);
    if (!(index >= 0 && index < count && count <= PERSONA_SHARDS_MAX)) {
        return (persona_shard){0, 0};
    }
    return (persona_shard){.index = (int)index, .count = (int)count};
}

/* No string can hold an unescaped quote, and json_out writes no spaces. */
char *job_manifest_of_shard(const char *manifest, persona_shard s)
{
    const size_t n = strlen(manifest);
    return mem_printf("%.*s%s\"index\":%d,\"count\":%d}}", (int)(n - 1), manifest, shard_begins,
                      s.index, s.count);
}

char *job_manifest_of_whole(const char *manifest)
{
    const char *at = strstr(manifest, shard_begins);
    return at ? mem_printf("%.*s}", (int)(at - manifest), manifest) : mem_strdup(manifest);
}

persona_code job_manifest_shard(const char *path, const char *manifest, persona_shard *out,
                                persona_err *e)
{
    json_doc *d = NULL;
    persona_code rc = PERSONA_OK;
    *out = (persona_shard){0, 0};
    TRY(parse(manifest, path, &d, e));
    *out = shard_of(json_root(d));
out:
    json_free(d);
    return rc;
}

static persona_code compare_shards(const char *path, const json_val *stored, const json_val *given,
                                   persona_err *e)
{
    const persona_shard was = shard_of(stored), is = shard_of(given);
    if (was.index == is.index && was.count == is.count) {
        return PERSONA_OK;
    }
    if (was.count == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "job %s is a whole and not shard %d/%d: name another file (%%i in "
                               "its name becomes the shard's number), or leave --shard away",
                               path, is.index, is.count);
    }
    if (is.count == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "job %s is only shard %d/%d: give --shard %d/%d, or put all shards "
                               "together with 'persona jobs merge'",
                               path, was.index, was.count, was.index, was.count);
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "job %s is shard %d/%d, now it is %d/%d: name another file (%%i in its "
                           "name becomes the shard's number), or start over with --fresh",
                           path, was.index, was.count, is.index, is.count);
}

persona_code job_manifest_same(const char *path_a, const char *a, const char *path_b, const char *b,
                               persona_err *e)
{
    json_doc *x = NULL, *y = NULL;
    walk w = {.depth = 0};
    char *whole_a = job_manifest_of_whole(a), *whole_b = job_manifest_of_whole(b);
    persona_code rc = PERSONA_OK;
    TRY(whole_a && whole_b ? PERSONA_OK : mem_err(e, path_a));
    TRY(parse(whole_a, path_a, &x, e));
    TRY(parse(whole_b, path_b, &y, e));
    compare(&w, json_root(x), json_root(y));
    if (w.differ) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s and %s are of two jobs: %s is %s in the first, %s in the second; "
                             "run the wrong one again with the options of the other",
                             path_a, path_b, w.at, w.stored, w.given);
        goto out;
    }
out:
    json_free(x);
    json_free(y);
    mem_free(whole_a);
    mem_free(whole_b);
    return rc;
}

persona_code job_manifest_compare(const char *path, const char *stored, const char *given,
                                  persona_err *e)
{
    json_doc *a = NULL, *b = NULL;
    walk w = {.depth = 0};
    char *name = mem_printf("%s: the manifest in it", path);
    persona_code rc = PERSONA_OK;
    TRY(name ? parse(stored, name, &a, e) : mem_err(e, path));
    TRY(parse(given, "the manifest", &b, e));
    TRY(compare_shards(path, json_root(a), json_root(b), e));
    compare(&w, json_root(a), json_root(b));
    if (w.differ) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "job %s was begun with %s %s, now it is %s: give the old value, or "
                             "start over with --fresh",
                             path, w.at, w.stored, w.given);
        goto out;
    }
out:
    json_free(b);
    json_free(a);
    mem_free(name);
    return rc;
}
