/* SPDX-License-Identifier: MIT
 *
 * model_hash.c - a small JSON file of hashes (model_hash.h). Two processes may write it at once:
 * one of them wins, and the other's entry is computed again some day.
 */
#include "workbench/model_hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/httptext.h"
#include "workbench/shelf.h"

#define SCHEMA "persona.hashes/1"

enum { ENTRIES = 256, FILE_LIMIT = 1 << 20 };

typedef struct entry {
    char *state;
    char sha256[65];
} entry;

struct model_hashes {
    entry e[ENTRIES];
    size_t n;
    bool changed;
};

static char *cache_file(void)
{
    char *dir = path_user_cache();
    char *path = dir ? path_join(dir, "model-hashes.json") : NULL;
    mem_free(dir);
    return path;
}

/* A clock tick of the kernel, which stamps files with it, and then some; in nanoseconds. Where
 * times have whole seconds only, two of those. */
#define TICK 20000000
#define COARSE_TICK 2000000000

/* Whether a further change now might leave the time of the last change as it is. */
static bool is_fresh(struct timespec changed)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double age =
        (double)(now.tv_sec - changed.tv_sec) * 1e9 + (double)now.tv_nsec - (double)changed.tv_nsec;
    return age < (changed.tv_nsec != 0 ? TICK : COARSE_TICK);
}

/* Everything that changes with the files; NULL: one is not there. *settled: a later change will
 * show. */
static char *state_of(const char *const *paths, size_t n, bool *settled)
{
    buf b;
    bool there = true;
    *settled = true;
    buf_init(&b, 1 << 18);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        there = there && stat(paths[i], &st) == 0;
        if (there) {
            const struct timespec written = file_mtime(&st), changed = file_ctime(&st);
            *settled = *settled && !is_fresh(written) && !is_fresh(changed);
            buf_printf(&b, "%s%llu:%llu:%lld:%lld.%09ld:%lld.%09ld:%s", i ? "|" : "",
                       (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                       (long long)st.st_size, (long long)written.tv_sec, written.tv_nsec,
                       (long long)changed.tv_sec, changed.tv_nsec, paths[i]);
        }
    }
    char *state = there ? buf_take(&b) : NULL;
    buf_free(&b);
    return state;
}

static void read_entry(model_hashes *h, const json_val *v)
{
    const char *state = json_string(json_get(v, "state"));
    const char *sum = json_string(json_get(v, "sha256"));
    entry *x = &h->e[h->n];
    if (state && sum && http_sha256(sum, x->sha256)) {
        x->state = mem_strdup(state);
        h->n += x->state != NULL;
    }
}

model_hashes *model_hashes_open(void)
{
    model_hashes *h = mem_calloc(1, sizeof *h);
    char *path = h ? cache_file() : NULL;
    json_doc *d = NULL;
    if (path && json_read(path, FILE_LIMIT, &d, NULL) == PERSONA_OK) {
        const json_val *r = json_root(d), *files = json_get(r, "files");
        const char *schema = json_string(json_get(r, "schema"));
        for (size_t i = 0; schema && strcmp(schema, SCHEMA) == 0 && i < json_len(files); i++) {
            if (h->n < ENTRIES) {
                read_entry(h, json_at(files, i));
            }
        }
    }
    json_free(d);
    mem_free(path);
    return h;
}

static void write_down(const model_hashes *h)
{
    buf b;
    json_out o;
    char *path = cache_file();
    buf_init(&b, FILE_LIMIT);
    jo_init(&o, &b, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_array(&o, "files");
    for (size_t i = 0; i < h->n; i++) {
        jo_object(&o, NULL);
        jo_string(&o, "state", h->e[i].state);
        jo_string(&o, "sha256", h->e[i].sha256);
        jo_end(&o);
    }
    jo_end(&o);
    jo_end(&o);
    if (path && b.failed == PERSONA_OK) {
        const persona_code rc = file_write(path, b.p, b.len, NULL);
        (void)rc; /* a cache */
    }
    buf_free(&b);
    mem_free(path);
}

void model_hashes_close(model_hashes *h)
{
    if (!h) {
        return;
    }
    if (h->changed) {
        write_down(h);
    }
    for (size_t i = 0; i < h->n; i++) {
        mem_free(h->e[i].state);
    }
    mem_free(h);
}

static bool find(const model_hashes *h, const char *state, char out[65])
{
    bool found = false;
    for (size_t i = 0; h && state && i < h->n && !found; i++) {
        found = strcmp(h->e[i].state, state) == 0;
        if (found) {
            memcpy(out, h->e[i].sha256, 65);
        }
    }
    return found;
}

bool model_hashes_get(const model_hashes *h, const char *const *paths, size_t n, char out[65])
{
    bool settled;
    char *state = state_of(paths, n, &settled);
    const bool found = find(h, state, out);
    mem_free(state);
    return found;
}

/* Takes over state. */
static void put(model_hashes *h, char *state, const char *sha256)
{
    char known[65];
    if (!h || (find(h, state, known) && strcmp(known, sha256) == 0)) {
        mem_free(state);
        return;
    }
    if (h->n == ENTRIES) { /* the oldest goes */
        mem_free(h->e[0].state);
        memmove(&h->e[0], &h->e[1], (ENTRIES - 1) * sizeof h->e[0]);
        h->n--;
    }
    entry *x = &h->e[h->n++];
    x->state = state;
    snprintf(x->sha256, sizeof x->sha256, "%s", sha256);
    h->changed = true;
}

persona_code model_hashes_file(model_hashes *h, const char *const *paths, size_t n,
                               const persona_cancel *cancel, char out[65], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool settled, still;
    char *before = state_of(paths, n, &settled), *after = NULL;
    if (find(h, before, out)) {
        goto out;
    }
    TRY(sha256_file(paths, n, cancel, out, e));
    after = state_of(paths, n, &still);
    if (settled && before && after && strcmp(before, after) == 0) {
        put(h, before, out);
        before = NULL;
    }
out:
    mem_free(before);
    mem_free(after);
    return rc;
}

persona_code model_hash_file(const char *const *paths, size_t n, const persona_cancel *cancel,
                             char out[65], persona_err *e)
{
    model_hashes *h = model_hashes_open();
    const persona_code rc = model_hashes_file(h, paths, n, cancel, out, e);
    model_hashes_close(h);
    return rc;
}

void model_hash_remember(const char *const *paths, size_t n, const char *sha256)
{
    const struct timespec tick = {.tv_nsec = TICK};
    bool settled;
    char *before = state_of(paths, n, &settled);
    if (!settled) {
        (void)nanosleep(&tick, NULL);
    }
    char *after = state_of(paths, n, &settled);
    if (settled && before && after && strcmp(before, after) == 0) {
        model_hashes *h = model_hashes_open();
        put(h, after, sha256);
        after = NULL;
        model_hashes_close(h);
    }
    mem_free(before);
    mem_free(after);
}

persona_code model_vectors(const char *sha256, char ***names, size_t *n, persona_err *e)
{
    char id[SHELF_ID + 1];
    char *data = path_user_data();
    const bool home = data != NULL;
    mem_free(data);
    *names = NULL;
    *n = 0;
    snprintf(id, sizeof id, "%.*s", SHELF_ID, sha256);
    return home ? shelf_names(id, names, n, e) : PERSONA_OK; /* else there is no library */
}
