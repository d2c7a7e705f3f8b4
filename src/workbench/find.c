/* SPDX-License-Identifier: MIT
 *
 * find.c - names to paths, and checks of output paths before the work begins (find.h).
 */
#include "workbench/find.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/steer.h"
#include "persona/vector.h"

persona_code find_data(const char *relative, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    char **dirs = path_data_dirs();
    if (dirs == NULL) {
        return mem_err(e, "a path");
    }
    for (size_t i = 0; dirs[i] != NULL; i++) {
        char *path = *out == NULL && rc == PERSONA_OK ? path_join(dirs[i], relative) : NULL;
        if (path != NULL && file_exists(path)) {
            *out = path;
        } else {
            rc = *out == NULL && path == NULL ? mem_err(e, "a path") : rc;
            mem_free(path);
        }
        mem_free(dirs[i]);
    }
    mem_free(dirs);
    return rc;
}

persona_code find_model(const char *path, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *relative = NULL;
    *out = NULL;
    if (!file_exists(path) && strchr(path, '/') == NULL) {
        relative = mem_printf("models/%s%s", path, path_ends(path, ".gguf") ? "" : ".gguf");
        TRY(relative != NULL ? find_data(relative, out, e) : mem_err(e, "a path"));
    }
    if (*out == NULL) {
        *out = mem_strdup(path);
        TRY(*out != NULL ? PERSONA_OK : mem_err(e, "a path"));
    }
out:
    mem_free(relative);
    return rc;
}

persona_code find_beside(const char *path, const char *name, char **out, persona_err *e)
{
    char *dir = name[0] == '/' ? NULL : path_dir(path);
    *out = name[0] == '/' ? mem_strdup(name) : dir != NULL ? path_join(dir, name) : NULL;
    mem_free(dir);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

persona_code output_distinct(const char *output, const char *const *inputs, size_t n,
                             persona_err *e)
{
    struct stat out, in;
    if (stat(output, &out) != 0 || !S_ISREG(out.st_mode)) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (inputs[i] != NULL && stat(inputs[i], &in) == 0 && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "-o %s is also an input, which it would replace (choose another "
                                   "name)",
                                   output);
        }
    }
    return PERSONA_OK;
}

persona_code output_writable(const char *path, persona_err *e)
{
    struct stat st;
    if (*path == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE, "-o is empty");
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* opening a pipe would wait for a reader */
        return S_ISDIR(st.st_mode) ? persona_err_set(e, PERSONA_E_IO, "%s is a folder", path)
                                   : PERSONA_OK;
    }
    file_out f;
    const persona_code rc = file_out_open(&f, path, e);
    file_out_abort(&f);
    return rc;
}

persona_code output_vector_path(persona_model *m, const char *trait, const char *wanted, char **out,
                                persona_err *e)
{
    *out = NULL;
    if (wanted == NULL) {
        return persona_vector_place(m, trait, out, e);
    }
    const char *dot = strrchr(path_base(wanted), '.');
    struct stat st;
    const bool folder = stat(wanted, &st) == 0 && !S_ISREG(st.st_mode); /* said elsewhere */
    if (dot != NULL && dot[1] != '\0' && !folder && persona_vector_format_of(wanted) == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the extension names no format of vectors (.gguf, .safetensors, "
                               ".json, .f32, .pt)",
                               wanted);
    }
    *out = mem_strdup(wanted);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}
