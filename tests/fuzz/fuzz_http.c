/* SPDX-License-Identifier: MIT
 *
 * fuzz_http.c - what servers and users say when a model is fetched. The first byte chooses the
 * reader: R Content-Range, E entity tag, S SHA-256, N file name of a path, M what to fetch, L a
 * hub's list of files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/fetch/httptext.h"
#include "workbench/model_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static bool read_range(const char *s)
{
    http_range r;
    const bool ok = http_content_range(s, &r);
    must(!ok || (r.unsatisfied ? r.has_total : r.first <= r.last));
    must(!ok || r.unsatisfied || !r.has_total || r.last < r.total);
    return ok;
}

static bool read_name(const char *s)
{
    char name[MODEL_NAME_MAX + 1];
    const bool ok = http_file_name(s, name, sizeof name);
    must(!ok || (*name && *name != '.' && !strpbrk(name, "/\\\r\n")));
    return ok && model_name_ok(name);
}

static bool read_source(const char *s)
{
    model_source m;
    persona_err e = {0};
    const bool ok = model_source_parse(s, &m, &e) == PERSONA_OK;
    must(ok ? !m.url != !m.repo : !m.url && !m.repo && *e.msg && !strchr(e.msg, '\n'));
    must(!m.file || (m.file[0] != '/' && !strstr(m.file, "/../")));
    char *other = m.url ? model_split_other(m.url, 1) : NULL;
    mem_free(other);
    model_source_free(&m);
    return ok;
}

static bool read_list(const char *s, size_t n)
{
    hub_files f;
    persona_err e = {0};
    const hub_file *one = NULL;
    if (hub_files_read(s, n, &f, &e) != PERSONA_OK) {
        must(!f.p && *e.msg && !strchr(e.msg, '\n'));
        return false;
    }
    const bool ok = hub_files_choose(&f, "a/b", NULL, &one, &e) == PERSONA_OK;
    must(!ok || hub_files_find(&f, one->path) != NULL);
    for (size_t i = 0; i < f.n; i++) {
        must(model_name_ok(path_base(f.p[i].path)));
        must(hub_files_choose(&f, "a/b", f.p[i].path, &one, &e) == PERSONA_OK ||
             hub_files_find(&f, f.p[i].path) != &f.p[i] || *e.msg);
    }
    hub_files_free(&f);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup(size ? (const char *)data + 1 : "", size ? size - 1 : 0);
    char sum[65];
    must(text != NULL);
    switch (size ? data[0] : 0) {
    case 'R':
        fuzz_accepted = read_range(text);
        break;
    case 'E':
        fuzz_accepted = http_strong_etag(text);
        break;
    case 'S':
        fuzz_accepted = http_sha256(text, sum) && strlen(sum) == 64;
        break;
    case 'N':
        fuzz_accepted = read_name(text);
        break;
    case 'M':
        fuzz_accepted = read_source(text);
        break;
    case 'L':
        fuzz_accepted = read_list((const char *)data + 1, size - 1);
        break;
    default:
        fuzz_accepted = false;
    }
    mem_free(text);
    return 0;
}
