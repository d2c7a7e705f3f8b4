/* SPDX-License-Identifier: MIT
 *
 * model_source.c - names, addresses and listings of models (model_source.h).
 *
 * The table has the repositories and a part of the name of the file, not sizes or sums: those the
 * hub says, and a file that its owner renames is found all the same.
 */
#include "workbench/model_source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"

enum { SEGMENT_MAX = 96, PATH_LONGEST = 1024, LISTED = 12, SPLIT_LEN = 20 };

static const model_known known[] = {
    {"qwen2.5-7b-instruct", "Qwen/Qwen2.5-7B-Instruct-GGUF", "q4_k_m"},
    {"qwen2.5-1.5b-instruct", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "q4_k_m"},
    {"qwen2.5-0.5b-instruct", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "q4_k_m"},
    {"gpt-oss-20b", "ggml-org/gpt-oss-20b-GGUF", "mxfp4"},
    {"smollm2-1.7b-instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "q4_k_m"},
    {"smollm2-360m-instruct", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", "q8_0"},
    {"smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF", "q8_0"},
};
enum { N_KNOWN = sizeof known / sizeof *known };

const model_known *model_known_at(size_t i)
{
    return i < N_KNOWN ? &known[i] : NULL;
}

/* ---- names of files -------------------------------------------------------------------------- */

bool model_name_ok(const char *name)
{
    char same[MODEL_NAME_MAX + 1];
    return http_file_name(name, same, sizeof same) && strcmp(same, name) == 0 &&
           path_ends(name, ".gguf");
}

/* "-00002-of-00003.gguf" */
static bool read_split(const char *s, int *no, int *count)
{
    static const char form[] = "-00000-of-00000.gguf";
    int x[2] = {0, 0}, at = 0;
    for (size_t i = 0; i < SPLIT_LEN; i++) {
        if (form[i] != '0') {
            at += form[i] == 'o';
            if (s[i] != form[i]) {
                return false;
            }
        } else if (isdigit((unsigned char)s[i])) {
            x[at] = x[at] * 10 + (s[i] - '0');
        } else {
            return false;
        }
    }
    *no = x[0];
    *count = x[1];
    return x[0] >= 1 && x[0] <= x[1] && x[1] <= MODEL_PARTS_MAX;
}

bool model_split(const char *name, int *no, int *count)
{
    const size_t n = strlen(name);
    return n > SPLIT_LEN && read_split(name + n - SPLIT_LEN, no, count);
}

char *model_split_other(const char *path, int no)
{
    const size_t n = strcspn(path, "?#");
    int old = 0, count = 0;
    if (n <= SPLIT_LEN || !read_split(path + n - SPLIT_LEN, &old, &count)) {
        return NULL;
    }
    return mem_printf("%.*s-%05d-of-%05d.gguf%s", (int)(n - SPLIT_LEN), path, no, count, path + n);
}

/* ---- what was given -------------------------------------------------------------------------- */

static bool is_segment(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i])) {
            return false;
        }
    }
    return n > 0 && n <= SEGMENT_MAX && s[0] != '.' && s[0] != '-';
}

/* A path without steps out of the repository; printable. */
static bool is_repo_path(const char *s)
{
    size_t n = 0;
    for (const char *p = s;; p += n + 1) {
        n = strcspn(p, "/");
        if (n == 0 || (n <= 2 && strspn(p, ".") >= n)) {
            return false;
        }
        if (p[n] == '\0') {
            break;
        }
    }
    for (const char *p = s; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7F || *p == '\\') {
            return false;
        }
    }
    return strlen(s) <= PATH_LONGEST;
}

/* "OWNER/REPO[:FILE]" or a known name with the same end. */
static persona_code parse_repo(const char *text, const model_known *k, size_t n, model_source *out,
                               persona_err *e)
{
    const char *slash = memchr(text, '/', n);
    const char *file = text[n] == ':' ? text + n + 1 : k ? k->file : NULL;
    const bool repo_ok = k || (slash && is_segment(text, (size_t)(slash - text)) &&
                               is_segment(slash + 1, n - (size_t)(slash - text) - 1));
    if (!repo_ok || (file && !is_repo_path(file))) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%.200s' is no repository (expected hf:OWNER/REPO or "
                               "hf:OWNER/REPO:FILE)",
                               text);
    }
    out->repo = k ? mem_strdup(k->repo) : mem_strndup(text, n);
    out->file = file ? mem_strdup(file) : NULL;
    return out->repo && (out->file || !file) ? PERSONA_OK : mem_err(e, "a name");
}

static persona_code parse_url(const char *text, model_source *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char name[MODEL_NAME_MAX + 1], *path = NULL;
    TRY(fetch_check_url(text, e));
    path = fetch_url_path(text);
    TRY(path ? PERSONA_OK : mem_err(e, "an address"));
    if (!http_file_name(path, name, sizeof name) || !model_name_ok(name)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the path of the URL does not end in the name of a .gguf file");
        goto out;
    }
    out->url = mem_strdup(text);
    rc = out->url ? PERSONA_OK : mem_err(e, "an address");
out:
    mem_free(path);
    return rc;
}

static persona_code unknown(const char *text, persona_err *e)
{
    const char *names[N_KNOWN];
    for (size_t i = 0; i < N_KNOWN; i++) {
        names[i] = known[i].name;
    }
    const char *near = name_nearest(names, N_KNOWN, text);
    const char *slash = strchr(text, '/');
    return persona_err_set(e, PERSONA_E_USAGE,
                           "no known model '%.100s'%s%s%s%s; a URL or hf:OWNER/REPO[:FILE] fetches "
                           "any other",
                           text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                           slash && !near ? " (hf: in front makes it a repository)" : "");
}

persona_code model_source_parse(const char *text, model_source *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = (model_source){0};
    const size_t n = strcspn(text, ":");
    const model_known *k = NULL;
    for (size_t i = 0; i < N_KNOWN && !k; i++) {
        k = strlen(known[i].name) == n && strncasecmp(known[i].name, text, n) == 0 ? &known[i]
                                                                                   : NULL;
    }
    if (k) {
        TRY(parse_repo(text, k, n, out, e));
    } else if (strncmp(text, "hf:", 3) == 0) {
        TRY(parse_repo(text + 3, NULL, strcspn(text + 3, ":"), out, e));
    } else if (strstr(text, "://")) {
        TRY(parse_url(text, out, e));
    } else {
        rc = unknown(text, e);
    }
out:
    if (rc != PERSONA_OK) {
        model_source_free(out);
    }
    return rc;
}

void model_source_free(model_source *s)
{
    mem_free(s->url);
    mem_free(s->repo);
    mem_free(s->file);
    *s = (model_source){0};
}

/* ---- listings -------------------------------------------------------------------------------- */

static persona_code add_file(hub_files *f, const json_val *v, persona_err *e)
{
    const char *type = json_string(json_get(v, "type"));
    const char *path = json_string(json_get(v, "path"));
    const json_val *lfs = json_get(v, "lfs");
    const char *oid = json_string(json_get(lfs, "oid"));
    const double size = json_number(json_get(lfs, "size"), json_number(json_get(v, "size"), 0));
    if (!type || strcmp(type, "file") != 0 || !path || !is_repo_path(path) ||
        !model_name_ok(path_base(path))) {
        return PERSONA_OK;
    }
    hub_file *more = mem_realloc(f->p, f->n + 1, sizeof *more);
    if (!more) {
        return mem_err(e, "a listing");
    }
    f->p = more;
    hub_file *x = &f->p[f->n];
    *x = (hub_file){.path = mem_strdup(path)};
    if (!x->path) {
        return mem_err(e, "a listing");
    }
    f->n++;
    x->size = size > 0 && size <= (double)HTTP_SIZE_MAX ? (uint64_t)size : 0;
    if (!oid || !http_sha256(oid, x->sha256)) {
        x->sha256[0] = '\0';
    }
    return PERSONA_OK;
}

persona_code hub_files_read(const char *text, size_t n, hub_files *out, persona_err *e)
{
    json_doc *d = NULL;
    persona_code rc = PERSONA_OK;
    *out = (hub_files){NULL, 0};
    TRY(json_parse(text, n, "the hub's list of files", &d, e));
    const json_val *root = json_root(d);
    if (json_typeof(root) != JSON_ARRAY) {
        rc = json_bad(d, root, NULL, e, "is no array");
        goto out;
    }
    for (size_t i = 0; i < json_len(root); i++) {
        TRY(add_file(out, json_at(root, i), e));
    }
out:
    json_free(d);
    if (rc != PERSONA_OK) {
        hub_files_free(out);
    }
    return rc;
}

void hub_files_free(hub_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        mem_free(f->p[i].path);
    }
    mem_free(f->p);
    *f = (hub_files){NULL, 0};
}

const hub_file *hub_files_find(const hub_files *f, const char *path)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->p[i].path, path) == 0) {
            return &f->p[i];
        }
    }
    return NULL;
}

/* 0: not this one; else how well: a part of the name, all of a word, the name, the path. */
static int match(const char *path, const char *wanted)
{
    const char *name = path_base(path);
    const size_t n = strlen(wanted);
    int best = 0;
    if (strcmp(path, wanted) == 0) {
        return 4;
    }
    if (strcmp(name, wanted) == 0) {
        return 3;
    }
    for (const char *s = path; *s; s++) {
        if (strncasecmp(s, wanted, n) == 0) {
            const bool word = (s == path || strchr("-./", s[-1])) && s[n] && strchr("-./", s[n]);
            best = word ? 2 : best > 1 ? best : 1;
        }
    }
    return best;
}

/* Whether this file stands for a model: the first part, and no part of another kind of file. */
static bool stands_for_model(const char *path)
{
    int no = 1, count = 1;
    return strncasecmp(path_base(path), "mmproj", 6) != 0 && !strstr(path, "imatrix") &&
           (!model_split(path, &no, &count) || no == 1);
}

static persona_code several(const hub_files *f, const char *repo, const char *file, int best,
                            persona_err *e)
{
    buf b;
    size_t n = 0;
    buf_init(&b, 300);
    for (size_t i = 0; i < f->n; i++) {
        if (stands_for_model(f->p[i].path) && (!file || match(f->p[i].path, file) == best)) {
            n++;
            if (n <= LISTED && b.len + strlen(f->p[i].path) < 290) {
                buf_printf(&b, "%s%s", n > 1 ? ", " : "", f->p[i].path);
            }
        }
    }
    const persona_code rc = persona_err_set(
        e, PERSONA_E_USAGE, "%.100s has %zu such files, say which one: %s", repo, n, buf_str(&b));
    buf_free(&b);
    return rc;
}

persona_code hub_files_choose(const hub_files *f, const char *repo, const char *file,
                              const hub_file **out, persona_err *e)
{
    int best = 1;
    size_t n = 0;
    *out = NULL;
    for (size_t i = 0; i < f->n; i++) {
        const char *path = f->p[i].path;
        const int m = file ? match(path, file) : 1;
        if (m < best || (m < 3 && !stands_for_model(path))) {
            continue;
        }
        n = m > best ? 1 : n + 1;
        best = m;
        *out = &f->p[i];
    }
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%.100s has no GGUF file%s%.100s", repo,
                               file ? " like " : "", file ? file : "");
    }
    return n == 1 ? PERSONA_OK : several(f, repo, file, best, e);
}
