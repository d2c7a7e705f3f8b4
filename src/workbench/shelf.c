/* SPDX-License-Identifier: MIT
 *
 * shelf.c - names on shelves to paths (shelf.h).
 */
#include "workbench/shelf.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "persona/vector.h"

static const char ending[] = ".gguf";

bool shelf_is_id(const char *id)
{
    return strlen(id) == SHELF_ID && id[strspn(id, "0123456789abcdef")] == '\0';
}

bool shelf_is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    const size_t n = strlen(name);
    return n > 0 && n <= SHELF_NAME_MAX && name[0] != '.' && strspn(name, allowed) == n &&
           persona_vector_format_of(name) == NULL;
}

/* $XDG_DATA_HOME/persona/vectors, or the shelf in it */
static persona_code folder(const char *id, char **out, persona_err *e)
{
    char *data = path_user_data();
    *out = NULL;
    if (data == NULL) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "neither XDG_DATA_HOME nor HOME is set: there is no place for "
                               "vectors");
    }
    *out = id != NULL ? mem_printf("%s/vectors/%s", data, id) : mem_printf("%s/vectors", data);
    mem_free(data);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static persona_code add(char ***list, size_t *n, const char *name, persona_err *e)
{
    char **more = mem_realloc(*list, *n + 1, sizeof *more);
    if (more == NULL) {
        return mem_err(e, "the names of vectors");
    }
    *list = more;
    more[*n] = mem_strdup(name);
    if (more[*n] == NULL) {
        return mem_err(e, "the names of vectors");
    }
    ++*n;
    return PERSONA_OK;
}

persona_code shelf_list(char ***ids, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL;
    DIR *d = NULL;
    *ids = NULL;
    *n = 0;
    TRY(folder(NULL, &dir, e));
    d = opendir(dir);
    for (struct dirent *x = d != NULL ? readdir(d) : NULL; x != NULL; x = readdir(d)) {
        if (shelf_is_id(x->d_name)) {
            TRY(add(ids, n, x->d_name, e));
        }
    }
    if (*n > 0 && *ids != NULL) {
        qsort(*ids, *n, sizeof **ids, by_name);
    }
out:
    if (d != NULL) {
        closedir(d);
    }
    mem_free(dir);
    if (rc != PERSONA_OK) {
        mem_free_list(*ids, *n);
        *ids = NULL;
        *n = 0;
    }
    return rc;
}

persona_code shelf_names(const char *id, char ***names, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL, **files = NULL;
    size_t n_files = 0;
    *names = NULL;
    *n = 0;
    TRY(folder(id, &dir, e));
    rc = file_list(dir, ending, &files, &n_files, e);
    TRY(rc == PERSONA_E_IO ? PERSONA_OK : rc); /* a folder that cannot be read has none */
    for (size_t i = 0; i < n_files; i++) {
        char *base = mem_strdup(path_base(files[i]));
        TRY(base != NULL ? PERSONA_OK : mem_err(e, "the names of vectors"));
        base[strlen(base) - (sizeof ending - 1)] = '\0';
        rc = shelf_is_name(base) ? add(names, n, base, e) : PERSONA_OK;
        mem_free(base);
        TRY(rc);
    }
out:
    mem_free_list(files, n_files);
    mem_free(dir);
    if (rc != PERSONA_OK) {
        mem_free_list(*names, *n);
        *names = NULL;
        *n = 0;
    }
    return rc;
}

persona_code shelf_place(const char *id, const char *name, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL;
    *path = NULL;
    if (!shelf_is_id(id) || !shelf_is_name(name)) {
        return persona_err_set(e, PERSONA_E_USAGE, "'%.80s' cannot be the name of a vector", name);
    }
    TRY(folder(id, &dir, e));
    *path = mem_printf("%s/%s%s", dir, name, ending);
    TRY(*path != NULL ? PERSONA_OK : mem_err(e, "a path"));
out:
    mem_free(dir);
    return rc;
}

static persona_code not_there(const char *id, const char *name, persona_err *e)
{
    char **names = NULL;
    size_t n = 0;
    persona_code rc = shelf_names(id, &names, &n, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const char *near = name_nearest((const char *const *)names, n, name);
    rc = near != NULL
             ? persona_err_set(e, PERSONA_E_NOTFOUND,
                               "this model has no vector '%.80s' (did you mean '%.80s'?)", name,
                               near)
             : persona_err_set(e, PERSONA_E_NOTFOUND, "this model has no vector '%.80s'", name);
    mem_free_list(names, n);
    return rc;
}

persona_code shelf_find(const char *id, const char *name, char **path, persona_err *e)
{
    const persona_code rc = shelf_place(id, name, path, e);
    if (rc != PERSONA_OK || file_exists(*path)) {
        return rc;
    }
    mem_free(*path);
    *path = NULL;
    return not_there(id, name, e);
}
