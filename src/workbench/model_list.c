/* SPDX-License-Identifier: MIT
 *
 * model_list.c - the GGUF files at hand, without opening them (library.h).
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "workbench/library.h"

static int by_path(const void *a, const void *b)
{
    return strcmp(((const model_file *)a)->path, ((const model_file *)b)->path);
}

static bool is_gguf(const char *name)
{
    const size_t n = strlen(name);
    return n > 5 && name[0] != '.' && strcmp(name + n - 5, ".gguf") == 0;
}

static persona_code add_file(model_list *l, const char *dir, const char *name, persona_err *e)
{
    struct stat st;
    char *path = path_join(dir, name);
    if (path == NULL) {
        return mem_err(e, "a list of models");
    }
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        mem_free(path);
        return PERSONA_OK;
    }
    model_file *grown = mem_realloc(l->files, l->n + 1, sizeof *grown);
    if (grown == NULL) {
        mem_free(path);
        return mem_err(e, "a list of models");
    }
    l->files = grown;
    l->files[l->n++] = (model_file){path, (uint64_t)st.st_size};
    return PERSONA_OK;
}

static persona_code add_folder(model_list *l, const char *data_dir, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t first = l->n;
    char *dir = path_join(data_dir, "models");
    DIR *d = dir != NULL ? opendir(dir) : NULL;
    TRY(dir != NULL ? PERSONA_OK : mem_err(e, "a path"));
    for (const struct dirent *f = d != NULL ? readdir(d) : NULL; f != NULL; f = readdir(d)) {
        if (is_gguf(f->d_name)) {
            TRY(add_file(l, dir, f->d_name, e));
        }
    }
    if (l->n > first) {
        qsort(l->files + first, l->n - first, sizeof *l->files, by_path);
    }
out:
    if (d != NULL) {
        closedir(d);
    }
    mem_free(dir);
    return rc;
}

persona_code model_list_find(model_list *l, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *l = (model_list){NULL, 0};
    char **dirs = path_data_dirs();
    if (dirs == NULL) {
        return mem_err(e, "a path");
    }
    for (size_t i = 0; dirs[i] != NULL; i++) {
        rc = rc == PERSONA_OK ? add_folder(l, dirs[i], e) : rc;
        mem_free(dirs[i]);
    }
    mem_free(dirs);
    if (rc != PERSONA_OK) {
        model_list_free(l);
    }
    return rc;
}

void model_list_free(model_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->files[i].path);
    }
    mem_free(l->files);
    *l = (model_list){NULL, 0};
}

void model_list_json(json_out *o, const model_list *l)
{
    jo_array(o, "models");
    for (size_t i = 0; i < l->n; i++) {
        jo_object(o, NULL);
        jo_string(o, "name", path_base(l->files[i].path));
        jo_string(o, "path", l->files[i].path);
        jo_int(o, "size_bytes", (long long)l->files[i].size_bytes);
        jo_end(o);
    }
    jo_end(o);
}
