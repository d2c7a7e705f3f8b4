/* SPDX-License-Identifier: MIT
 *
 * model_remove.c - removing models (model_remove.h).
 *
 * Names are names of files in one folder: no path, nothing hidden. Links are neither followed nor
 * removed: whoever made one knows better what it is for.
 */
#include "workbench/model_remove.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/download.h"
#include "workbench/model_list.h"
#include "workbench/model_pull.h"
#include "workbench/model_source.h"

/* Adds the file if it is there. */
static persona_code add(model_removal *r, const char *path, persona_err *e)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return PERSONA_OK;
    }
    if (!S_ISREG(st.st_mode)) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s is a link or no file; it is left alone (remove it by hand)",
                               path);
    }
    char **more = mem_realloc(r->names, r->n + 1, sizeof *more);
    if (!more) {
        return mem_err(e, "a list of files");
    }
    r->names = more;
    r->names[r->n] = mem_strdup(path_base(path));
    if (!r->names[r->n]) {
        return mem_err(e, "a list of files");
    }
    r->n++;
    r->n_bytes += (uint64_t)st.st_size;
    return PERSONA_OK;
}

static persona_code add_all(model_removal *r, const char *path, persona_err *e)
{
    static const char *const endings[] = {"", ".part", ".part.json"};
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < 3; i++) {
        char *name = mem_printf("%s%s", path, endings[i]);
        rc = name ? add(r, name, e) : mem_err(e, "a path");
        mem_free(name);
        TRY(rc);
    }
out:
    return rc;
}

persona_code model_removal_find(const char *name, model_removal *out, persona_err *e)
{
    char *file = NULL, *path = NULL, *first = NULL, **parts = NULL;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    *out = (model_removal){NULL, NULL, 0, 0};
    file = mem_printf("%s%s", name, path_ends(name, ".gguf") ? "" : ".gguf");
    TRY(file ? PERSONA_OK : mem_err(e, "a name"));
    if (!model_name_ok(file)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "'%.200s' is no name of a model (expected the name of a file in the "
                             "user's models folder, without a path)",
                             name);
        goto out;
    }
    TRY(model_folder(&out->folder, e));
    path = path_join(out->folder, file);
    TRY(path ? PERSONA_OK : mem_err(e, "a path"));
    first = model_split_other(path, 1);
    TRY(model_part_paths(first ? first : path, &parts, &n, e));
    for (size_t i = 0; i < n; i++) {
        TRY(add_all(out, parts[i], e));
    }
    if (out->n == 0) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "%s: no such model (only those in this folder are removed)", path);
    }
out:
    mem_free_list(parts, n);
    mem_free(first);
    mem_free(path);
    mem_free(file);
    if (rc != PERSONA_OK) {
        model_removal_free(out);
    }
    return rc;
}

static persona_code remove_one(const char *path, persona_err *e)
{
    struct stat st;
    if (path_ends(path, ".part")) {
        return download_forget(path, e);
    }
    if (lstat(path, &st) != 0) {
        return PERSONA_OK; /* gone meanwhile */
    }
    if (!S_ISREG(st.st_mode) || (unlink(path) != 0 && errno != ENOENT)) {
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot be removed: %s", path,
                               errtext(S_ISREG(st.st_mode) ? errno : EINVAL));
    }
    return PERSONA_OK;
}

persona_code model_removal_run(const model_removal *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    /* parts of downloads first: one that is at work stops it all */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < r->n; i++) {
            if (path_ends(r->names[i], ".part") != (round == 0)) {
                continue;
            }
            mem_free(path);
            path = path_join(r->folder, r->names[i]);
            TRY(path ? PERSONA_OK : mem_err(e, "a path"));
            TRY(remove_one(path, e));
        }
    }
out:
    mem_free(path);
    return rc;
}

void model_removal_free(model_removal *r)
{
    mem_free(r->folder);
    mem_free_list(r->names, r->n);
    *r = (model_removal){NULL, NULL, 0, 0};
}
