/* SPDX-License-Identifier: MIT
 *
 * filelist.c - the files of a folder by the ending of their names (file_list of file.h): models,
 * vectors, trait packs and jobs are found by it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/errtext.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static persona_code list_add(char ***list, size_t *n, const char *dir, const char *name,
                             persona_err *e)
{
    char **more = mem_realloc(*list, *n + 1, sizeof *more);
    if (!more) {
        return mem_err(e, dir);
    }
    *list = more;
    char *path = path_join(dir, name);
    if (!path) {
        return mem_err(e, dir);
    }
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        more[(*n)++] = path;
    } else {
        mem_free(path);
    }
    return PERSONA_OK;
}

persona_code file_list(const char *dir, const char *ending, char ***paths, size_t *n,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **list = NULL;
    size_t count = 0;
    *paths = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (!d && errno != ENOENT) {
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot read the folder: %s", dir,
                               errtext(errno));
    }
    for (const struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
        if (f->d_name[0] != '.' && path_ends(f->d_name, ending)) {
            TRY(list_add(&list, &count, dir, f->d_name, e));
        }
    }
    if (count > 0) {
        qsort(list, count, sizeof *list, by_path);
    }
    *paths = list;
    *n = count;
    list = NULL;
out:
    mem_free_list(list, count);
    if (d) {
        closedir(d);
    }
    return rc;
}
