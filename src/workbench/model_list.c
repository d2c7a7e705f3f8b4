/* SPDX-License-Identifier: MIT
 *
 * model_list.c - the GGUF files at hand, without opening them (library.h).
 */
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "workbench/library.h"

static persona_code add_folder(model_list *l, const char *data_dir, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **paths = NULL;
    size_t n = 0;
    struct stat st;
    char *dir = path_join(data_dir, "models");
    TRY(dir != NULL ? PERSONA_OK : mem_err(e, "a path"));
    rc = file_list(dir, ".gguf", &paths, &n, e);
    if (rc == PERSONA_E_IO) { /* a folder that cannot be read has no models */
        rc = PERSONA_OK;
    }
    if (rc != PERSONA_OK || n == 0) {
        goto out;
    }
    model_file *grown = mem_realloc(l->files, l->n + n, sizeof *grown);
    TRY(grown != NULL ? PERSONA_OK : mem_err(e, "a list of models"));
    l->files = grown;
    for (size_t i = 0; i < n; i++) {
        if (stat(paths[i], &st) == 0) {
            l->files[l->n++] = (model_file){paths[i], (uint64_t)st.st_size};
            paths[i] = NULL;
        }
    }
out:
    mem_free_list(paths, n);
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
