/* SPDX-License-Identifier: MIT
 *
 * traitfind.c - finds trait packs by name in the data folders, and lists them.
 *
 * NAME is DIR/traits/NAME.json in the first folder of path_data_dirs that has it, so that a user's
 * pack hides a shipped one; else DIR/traits/more/NAME.json. The packs in more/ are near to others
 * (humorous to silly): they are there for whoever names them, but a map is not learned from them.
 * A name with a slash or ending in .json is a path. A pack found by name must call itself by that
 * name: vectors and judges are matched by it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "persona/trait.h"

static const char ending[] = ".json";
#define ENDING_LEN (sizeof ending - 1)
static const char *const folders[] = {"traits", "traits/more"};
enum { N_FOLDERS = sizeof folders / sizeof *folders };

static void dirs_free(char **dirs)
{
    for (size_t i = 0; dirs && dirs[i]; i++) {
        mem_free(dirs[i]);
    }
    mem_free(dirs);
}

/* ---- names ---------------------------------------------------------------------------------- */

typedef struct name_list {
    char **names;
    size_t n;
} name_list;

static persona_code add_name(name_list *l, const char *file, persona_err *e)
{
    const size_t len = strlen(file) - ENDING_LEN;
    for (size_t i = 0; i < l->n; i++) {
        if (strlen(l->names[i]) == len && strncmp(l->names[i], file, len) == 0) {
            return PERSONA_OK;
        }
    }
    char **names = mem_realloc(l->names, l->n + 1, sizeof *names);
    if (!names) {
        return mem_err(e, "the names of traits");
    }
    l->names = names;
    names[l->n] = mem_strndup(file, len);
    if (!names[l->n]) {
        return mem_err(e, "the names of traits");
    }
    l->n++;
    return PERSONA_OK;
}

/* A folder that cannot be read has no packs; only memory is an error. */
static persona_code add_folder(name_list *l, const char *dir, const char *sub, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **files = NULL;
    size_t n = 0;
    char *folder = path_join(dir, sub);
    TRY(folder ? PERSONA_OK : mem_err(e, "the names of traits"));
    rc = file_list(folder, ending, &files, &n, e);
    if (rc == PERSONA_E_IO) {
        rc = PERSONA_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = path_base(files[i]);
        if (strcmp(name, "schema.json") != 0) {
            TRY(add_name(l, name, e));
        }
    }
out:
    mem_free_list(files, n);
    mem_free(folder);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in folders[from..to). */
static persona_code list_names(size_t from, size_t to, char ***names, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    name_list l = {0};
    char **dirs = path_data_dirs();
    *names = NULL;
    *n = 0;
    TRY(dirs ? PERSONA_OK : mem_err(e, "the data folders"));
    for (size_t k = from; k < to; k++) {
        for (size_t i = 0; dirs[i]; i++) {
            TRY(add_folder(&l, dirs[i], folders[k], e));
        }
    }
    if (l.n > 0) {
        qsort(l.names, l.n, sizeof *l.names, by_name);
    }
    *names = l.names;
    *n = l.n;
    l = (name_list){0};
out:
    persona_names_free(l.names, l.n);
    dirs_free(dirs);
    return rc;
}

persona_code persona_trait_names(char ***names, size_t *n, persona_err *e)
{
    return list_names(0, 1, names, n, e);
}

persona_code persona_trait_more_names(char ***names, size_t *n, persona_err *e)
{
    return list_names(1, N_FOLDERS, names, n, e);
}

/* ---- finding -------------------------------------------------------------------------------- */

static persona_code not_found(const char *name, persona_err *e)
{
    char **names = NULL;
    size_t n = 0;
    persona_code rc = list_names(0, N_FOLDERS, &names, &n, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const char *near = name_nearest((const char *const *)names, n, name);
    if (near) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "no trait '%.80s' (did you mean '%s'?)", name,
                             near);
    } else {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "no trait '%.80s' (`persona traits list` shows the %zu known ones)",
                             name, n);
    }
    persona_names_free(names, n);
    return rc;
}

/* *out: the path of the first folder that has it, or NULL. */
static persona_code locate(const char *name, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **dirs = path_data_dirs();
    *out = NULL;
    if (!dirs) {
        return mem_err(e, "the data folders");
    }
    for (size_t k = 0; k < N_FOLDERS; k++) {
        for (size_t i = 0; dirs[i]; i++) {
            *out = mem_printf("%s/%s/%s%s", dirs[i], folders[k], name, ending);
            TRY(*out ? PERSONA_OK : mem_err(e, "the path of a trait"));
            if (file_exists(*out)) {
                goto out;
            }
            mem_free(*out);
            *out = NULL;
        }
    }
out:
    dirs_free(dirs);
    return rc;
}

persona_code persona_trait_find(const char *name_or_path, persona_trait **out, persona_err *e)
{
    char *path = NULL;
    *out = NULL;
    if (strchr(name_or_path, '/') || path_ends(name_or_path, ending)) {
        return persona_trait_read(name_or_path, out, e);
    }
    if (strcmp(name_or_path, "schema") == 0 || name_or_path[0] == '\0') {
        return not_found(name_or_path, e);
    }
    persona_code rc = PERSONA_OK;
    TRY(locate(name_or_path, &path, e));
    TRY(path ? PERSONA_OK : not_found(name_or_path, e));
    TRY(persona_trait_read(path, out, e));
    if (strcmp((*out)->name, name_or_path) != 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: field 'name' is '%s' (expected '%s', as the "
                             "file is called)",
                             path, (*out)->name, name_or_path);
        persona_trait_free(*out);
        *out = NULL;
    }
out:
    mem_free(path);
    return rc;
}
