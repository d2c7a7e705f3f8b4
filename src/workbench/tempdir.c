/* SPDX-License-Identifier: MIT
 *
 * tempdir.c - a private folder for files that only pass through (tempdir.h).
 */
#include "workbench/tempdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/file.h"
#include "base/mem.h"

persona_code tempdir_open(tempdir *s, persona_err *e)
{
    const char *tmp = getenv("TMPDIR");
    s->dir = mem_printf("%s/persona-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (s->dir == NULL) {
        return mem_err(e, "a path");
    }
    if (mkdtemp(s->dir) == NULL) {
        const char *why = errtext(errno);
        persona_err_set(e, PERSONA_E_IO, "cannot make a folder %s: %s", s->dir, why);
        mem_free(s->dir);
        s->dir = NULL;
        return PERSONA_E_IO;
    }
    return PERSONA_OK;
}

persona_code tempdir_path(const tempdir *s, const char *name, char **out, persona_err *e)
{
    *out = path_join(s->dir, name);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

void tempdir_close(tempdir *s)
{
    DIR *d = s->dir != NULL ? opendir(s->dir) : NULL;
    for (const struct dirent *x = d != NULL ? readdir(d) : NULL; x != NULL; x = readdir(d)) {
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0) {
            unlinkat(dirfd(d), x->d_name, 0);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (s->dir != NULL) {
        rmdir(s->dir);
    }
    mem_free(s->dir);
    s->dir = NULL;
}
