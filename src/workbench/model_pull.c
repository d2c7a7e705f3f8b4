/* SPDX-License-Identifier: MIT
 *
 * model_pull.c - which files make up the model, where they lie, and fetching them one by one.
 *
 * Of a repository the hub's list of files is asked for first: it says the parts of a split model,
 * their sizes and their SHA-256. Of a URL nothing is known but its name.
 */
#include "workbench/model_pull.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"
#include "workbench/model_hash.h"
#include "workbench/model_source.h"

#define HUB "https://huggingface.co"

#define WAIT_MAX 30.0 /* seconds between tries */

enum { LIST_MAX = 16 << 20 };

typedef struct wanted {
    char *url, *path; /* from where, to where */
    uint64_t size;    /* 0: not known */
    char sha256[65];  /* "": not known */
} wanted;

typedef struct pulling {
    const model_pull_opts *o;
    web w;
    wanted *files;
    size_t n, at;
    uint64_t before, total;
    char *folder;
} pulling;

model_pull_opts model_pull_defaults(void)
{
    const char *hub = getenv("HF_ENDPOINT"), *token = getenv("HF_TOKEN");
    return (model_pull_opts){.hub = hub && *hub ? hub : HUB,
                             .token = token && *token ? token : NULL,
                             .tries = 8,
                             .wait = 0.5,
                             .stall = 60};
}

persona_code model_folder(char **out, persona_err *e)
{
    char *data = path_user_data();
    *out = data ? path_join(data, "models") : NULL;
    mem_free(data);
    if (*out) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_NOTFOUND,
                           "no folder for models: neither HOME nor XDG_DATA_HOME is set");
}

/* ---- the list of files ----------------------------------------------------------------------- */

static bool take_head(void *ud, const fetch_head *h)
{
    (void)ud;
    return h->status == 200;
}

static bool take_data(void *ud, const void *p, size_t n)
{
    buf *b = ud;
    buf_add(b, p, n);
    return b->failed == PERSONA_OK;
}

static persona_code read_list(pulling *x, const char *repo, hub_files *out, persona_err *e)
{
    buf b;
    fetch_got got;
    persona_code rc = PERSONA_OK;
    const fetch_sink sink = {&b, take_head, take_data};
    const char *hub = x->o->hub;
    size_t n = strlen(hub);
    while (n > 0 && hub[n - 1] == '/') {
        n--;
    }
    char *url = mem_printf("%.*s/api/models/%s/tree/main?recursive=true", (int)n, hub, repo);
    buf_init(&b, LIST_MAX);
    TRY(url ? PERSONA_OK : mem_err(e, "an address"));
    for (int i = 1;; i++) {
        buf_clear(&b);
        TRY(web_get(&x->w, url, NULL, 0, &sink, &got, e));
        TRY(buf_ok(&b, "the hub's list of files", e));
        if (i >= x->o->tries || !web_may_retry(&got)) {
            break;
        }
        TRY(web_pause(&x->w, web_wait(&got, fmin(x->o->wait * i, WAIT_MAX)), e));
    }
    if (got.end != FETCH_WHOLE || got.head.status != 200) {
        rc = web_refused(&x->w, url, &got, e);
        goto out;
    }
    TRY(hub_files_read(buf_str(&b), b.len, out, e));
out:
    buf_free(&b);
    mem_free(url);
    return rc;
}

/* A path in a URL. */
static void add_escaped(buf *b, const char *s)
{
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL;
        if (plain) {
            buf_putc(b, (char)c);
        } else {
            buf_printf(b, "%%%02X", c);
        }
    }
}

static persona_code add_wanted(pulling *x, char *url, const char *name, const hub_file *known,
                               persona_err *e)
{
    wanted *w = &x->files[x->n++];
    *w = (wanted){.url = url, .path = path_join(x->folder, name)};
    if (known) {
        w->size = known->size;
        memcpy(w->sha256, known->sha256, sizeof w->sha256);
    }
    return url && w->path ? PERSONA_OK : mem_err(e, "an address");
}

static char *resolve_url(const char *hub, const char *repo, const char *path)
{
    buf b;
    size_t n = strlen(hub);
    while (n > 0 && hub[n - 1] == '/') {
        n--;
    }
    buf_init(&b, 1 << 16);
    buf_printf(&b, "%.*s/%s/resolve/main/", (int)n, hub, repo);
    add_escaped(&b, path);
    return buf_take(&b);
}

static persona_code plan_repo(pulling *x, const model_source *s, persona_err *e)
{
    hub_files list = {NULL, 0};
    const hub_file *first = NULL;
    int no = 1, count = 1;
    char *path = NULL;
    persona_code rc = PERSONA_OK;
    TRY(read_list(x, s->repo, &list, e));
    TRY(hub_files_choose(&list, s->repo, s->file, &first, e));
    const bool split = model_split(first->path, &no, &count);
    x->files = mem_calloc((size_t)count, sizeof *x->files);
    TRY(x->files ? PERSONA_OK : mem_err(e, "a list of files"));
    for (int i = 1; i <= count; i++) {
        mem_free(path);
        path = split ? model_split_other(first->path, i) : mem_strdup(first->path);
        TRY(path ? PERSONA_OK : mem_err(e, "a name"));
        const hub_file *f = hub_files_find(&list, path);
        if (!f) {
            rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                                 "%.100s has part %d of %d of a model only, "
                                 "not %.200s",
                                 s->repo, no, count, path);
            goto out;
        }
        TRY(add_wanted(x, resolve_url(x->o->hub, s->repo, path), path_base(path), f, e));
    }
out:
    mem_free(path);
    hub_files_free(&list);
    return rc;
}

static persona_code plan_url(pulling *x, const char *url, persona_err *e)
{
    char name[MODEL_NAME_MAX + 1] = "", *path = fetch_url_path(url);
    int no = 1, count = 1;
    persona_code rc = PERSONA_OK;
    TRY(path ? PERSONA_OK : mem_err(e, "an address"));
    const bool named = http_file_name(path, name, sizeof name);
    const bool split = named && model_split(name, &no, &count);
    x->files = mem_calloc((size_t)count, sizeof *x->files);
    TRY(x->files ? PERSONA_OK : mem_err(e, "a list of files"));
    for (int i = 1; i <= count; i++) {
        char *here = split ? model_split_other(url, i) : mem_strdup(url);
        char *called = split ? model_split_other(name, i) : mem_strdup(name);
        rc = called ? add_wanted(x, here, called, NULL, e) : mem_err(e, "a name");
        mem_free(called);
        TRY(rc);
    }
out:
    mem_free(path);
    return rc;
}

/* ---- fetching -------------------------------------------------------------------------------- */

/* Bytes of a file that are there, whole (unless that one is to be replaced) or in part. */
static uint64_t bytes_there(const char *path, bool replace)
{
    struct stat st;
    char *half = mem_printf("%s.part", path);
    uint64_t n = !replace && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    if (n == 0 && half && stat(half, &st) == 0) {
        n = (uint64_t)st.st_size;
    }
    mem_free(half);
    return n;
}

/* Before the first byte: whether all that is still to come has room. */
static persona_code check_room(pulling *x, persona_err *e)
{
    uint64_t more = 0;
    bool known = true;
    for (size_t i = 0; i < x->n; i++) {
        const uint64_t size = x->files[i].size, there = bytes_there(x->files[i].path, x->o->force);
        known = known && size > 0;
        x->total += size;
        more += size > there ? size - there : 0;
    }
    x->total = known ? x->total : 0;
    persona_code rc = PERSONA_OK;
    TRY(file_mkdirs(x->folder, e));
    if (more > 0) {
        TRY(download_room(x->folder, more, e));
    }
out:
    return rc;
}

static void pass_on(void *ud, const download_progress *now)
{
    const pulling *x = ud;
    const model_pull_progress p = {
        path_base(x->files[x->at].path), x->at, x->n, x->before, x->total, *now};
    x->o->progress(x->o->ud, &p);
}

static persona_code fetch_all(pulling *x, model_pulled *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    out->files = mem_calloc(x->n, sizeof *out->files);
    TRY(out->files ? PERSONA_OK : mem_err(e, "a list of files"));
    for (x->at = 0; x->at < x->n; x->at++) {
        wanted *f = &x->files[x->at];
        pulled_file *got = &out->files[x->at];
        const char *sum = x->o->sha256 ? x->o->sha256 : f->sha256[0] ? f->sha256 : NULL;
        const download_opts o = {.url = f->url,
                                 .path = f->path,
                                 .sha256 = sum,
                                 .size = f->size,
                                 .magic = "GGUF",
                                 .force = x->o->force,
                                 .tries = x->o->tries,
                                 .wait = x->o->wait,
                                 .ud = x,
                                 .progress = x->o->progress ? pass_on : NULL};
        TRY(download_run(&x->w, &o, &got->got, e));
        got->path = f->path;
        f->path = NULL;
        out->n++;
        if (got->got.present) {
            got->got.size = bytes_there(got->path, false);
        }
        x->before += got->got.size;
        if (x->n == 1 && got->got.sha256[0]) {
            const char *const path = got->path;
            model_hash_remember(&path, 1, got->got.sha256);
        }
    }
out:
    return rc;
}

static persona_code check_sum(const pulling *x, char *lower, persona_err *e)
{
    if (!x->o->sha256) {
        return PERSONA_OK;
    }
    if (!http_sha256(x->o->sha256, lower)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%.100s' is no SHA-256 (expected 64 hexadecimal digits)",
                               x->o->sha256);
    }
    if (x->n > 1) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "a SHA-256 is one file's, and this model has %zu", x->n);
    }
    return PERSONA_OK;
}

persona_code model_pull(const char *what, const model_pull_opts *o, model_pulled *out,
                        persona_err *e)
{
    model_pull_opts mine = *o;
    pulling x = {.o = &mine};
    model_source s = {0};
    char lower[65] = "";
    persona_code rc = PERSONA_OK;
    *out = (model_pulled){NULL, 0};
    TRY(model_source_parse(what, &s, e));
    if (o->folder) {
        x.folder = mem_strdup(o->folder);
        TRY(x.folder ? PERSONA_OK : mem_err(e, "a path"));
    } else {
        TRY(model_folder(&x.folder, e));
    }
    TRY(web_open(&x.w, o->hub, o->token, o->stall, o->cancel, e));
    TRY(s.url ? plan_url(&x, s.url, e) : plan_repo(&x, &s, e));
    TRY(check_sum(&x, lower, e));
    mine.sha256 = lower[0] ? lower : NULL;
    TRY(check_room(&x, e));
    TRY(fetch_all(&x, out, e));
out:
    for (size_t i = 0; i < x.n; i++) {
        mem_free(x.files[i].url);
        mem_free(x.files[i].path);
    }
    mem_free(x.files);
    mem_free(x.folder);
    web_close(&x.w);
    model_source_free(&s);
    return rc;
}

void model_pulled_free(model_pulled *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->files[i].path);
    }
    mem_free(p->files);
    *p = (model_pulled){NULL, 0};
}

void model_pulled_json(json_out *o, const model_pulled *p)
{
    jo_array(o, "files");
    for (size_t i = 0; i < p->n; i++) {
        const pulled_file *f = &p->files[i];
        jo_object(o, NULL);
        jo_string(o, "name", path_base(f->path));
        jo_string(o, "path", f->path);
        jo_int(o, "size_bytes", (long long)f->got.size);
        jo_string(o, "sha256", f->got.sha256[0] ? f->got.sha256 : NULL);
        jo_bool(o, "compared", f->got.compared);
        jo_bool(o, "present", f->got.present);
        jo_int(o, "n_kept", (long long)f->got.n_kept);
        jo_end(o);
    }
    jo_end(o);
}
