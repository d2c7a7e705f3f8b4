/* SPDX-License-Identifier: MIT
 *
 * trash.c - moving files out of the library and back (trash.h). What an item was is written before
 * its file is moved, and removed after it: whatever happens in between, no file is lost.
 */
#include "workbench/trash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "persona/recipe.h"
#include "persona/trait.h"

#define SCHEMA "persona.trash/1"
#define NOTE_MAX ((size_t)4096)

static const char *const KINDS[TRASH_N_KINDS + 1] = {"vector", "trait", "recipe", "?"};

const char *trash_kind_name(trash_kind k)
{
    return KINDS[k];
}

/* ---- places ---------------------------------------------------------------------------------- */

static persona_code folder(char **out, persona_err *e)
{
    char *data = path_user_data();
    *out = data != NULL ? path_join(data, "trash") : NULL;
    const bool home = data != NULL;
    mem_free(data);
    if (!home) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "neither XDG_DATA_HOME nor HOME is set");
    }
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

static persona_code in_folder(const char *id, const char *ending, char **out, persona_err *e)
{
    char *dir = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(folder(&dir, e));
    *out = mem_printf("%s/%s%s", dir, id, ending);
    TRY(*out != NULL ? PERSONA_OK : mem_err(e, "a path"));
out:
    mem_free(dir);
    return rc;
}

/* Where the user's file of that name lies. */
static persona_code place_of(trash_kind kind, const char *shelf, const char *name, char **out,
                             persona_err *e)
{
    *out = NULL;
    switch (kind) {
    case TRASH_VECTOR:
        return shelf_place(shelf, name, out, e);
    case TRASH_TRAIT:
        return persona_trait_place(name, out, e);
    case TRASH_RECIPE:
    case TRASH_N_KINDS:
        break;
    }
    return persona_recipe_place(name, out, e);
}

static persona_code move(const char *from, const char *to, persona_err *e)
{
    if (rename(from, to) == 0) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_IO, "%s cannot be moved to %s: %s", from, to,
                           errtext(errno));
}

/* ---- notes ----------------------------------------------------------------------------------- */

static persona_code write_note(const trash_item *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    json_out o;
    buf text;
    buf_init(&text, NOTE_MAX);
    TRY(in_folder(x->id, ".json", &path, e));
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_string(&o, "kind", KINDS[x->kind]);
    jo_string(&o, "shelf", x->shelf);
    jo_string(&o, "name", x->name);
    jo_int(&o, "deleted", x->deleted);
    jo_end(&o);
    buf_putc(&text, '\n');
    TRY(buf_ok(&text, "a note", e));
    TRY(file_write(path, text.p, text.len, e));
out:
    mem_free(path);
    buf_free(&text);
    return rc;
}

static persona_code parse_note(const json_doc *d, trash_item *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const json_val *root = json_root(d);
    const char *schema = NULL, *kind = NULL, *shelf = NULL, *name = NULL;
    double deleted = 0;
    TRY(json_need_string(d, root, "schema", &schema, e));
    TRY(json_need_string(d, root, "kind", &kind, e));
    TRY(json_need_string(d, root, "shelf", &shelf, e));
    TRY(json_need_string(d, root, "name", &name, e));
    TRY(json_need_number(d, root, "deleted", 0, 1e15, &deleted, e));
    while (x->kind < TRASH_N_KINDS && strcmp(KINDS[x->kind], kind) != 0) {
        x->kind++;
    }
    if (strcmp(schema, SCHEMA) != 0 || x->kind == TRASH_N_KINDS || !shelf_is_name(name) ||
        (x->kind == TRASH_VECTOR && !shelf_is_id(shelf))) {
        return json_bad(d, root, "schema", e, "is none of %s", SCHEMA);
    }
    snprintf(x->shelf, sizeof x->shelf, "%.*s", SHELF_ID, shelf);
    snprintf(x->name, sizeof x->name, "%s", name);
    x->deleted = (int64_t)deleted;
out:
    return rc;
}

/* NOTFOUND also where the file is gone. */
static persona_code read_note(const char *id, trash_item *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL, *item = NULL;
    json_doc *d = NULL;
    struct stat st;
    *out = (trash_item){.kind = TRASH_VECTOR};
    snprintf(out->id, sizeof out->id, "%s", id);
    TRY(in_folder(id, ".json", &path, e));
    TRY(in_folder(id, ".item", &item, e));
    if (stat(item, &st) != 0 || !file_exists(path)) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "the trash holds no '%.60s'", id);
        goto out;
    }
    out->size_bytes = (uint64_t)st.st_size;
    TRY(json_read(path, NOTE_MAX, &d, e));
    TRY(parse_note(d, out, e));
out:
    json_free(d);
    mem_free(item);
    mem_free(path);
    return rc;
}

/* ---- in and out ------------------------------------------------------------------------------ */

static void name_item(trash_item *x)
{
    struct tm t;
    const time_t now = time(NULL);
    enum { BYTES = 4 };
    char hex[2 * BYTES + 1];
    (void)random_hex(hex, BYTES);
    x->deleted = (int64_t)now;
    gmtime_r(&now, &t);
    const size_t n = strftime(x->id, sizeof x->id, "%Y%m%dT%H%M%S-", &t);
    snprintf(x->id + n, sizeof x->id - n, "%s", hex);
}

persona_code trash_put(trash_kind kind, const char *shelf, const char *name, trash_item *out,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *from = NULL, *to = NULL;
    struct stat st;
    trash_item x = {.kind = kind};
    TRY(place_of(kind, shelf, name, &from, e));
    if (stat(from, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "there is no %s '%.80s'", KINDS[kind], name);
        goto out;
    }
    snprintf(x.shelf, sizeof x.shelf, "%s", shelf != NULL ? shelf : "");
    snprintf(x.name, sizeof x.name, "%s", name);
    x.size_bytes = (uint64_t)st.st_size;
    name_item(&x);
    TRY(in_folder(x.id, ".item", &to, e));
    TRY(write_note(&x, e));
    TRY(move(from, to, e));
    *out = x;
out:
    mem_free(from);
    mem_free(to);
    return rc;
}

static void forget_note(const char *id)
{
    char *path = NULL;
    if (in_folder(id, ".json", &path, NULL) == PERSONA_OK) {
        unlink(path);
    }
    mem_free(path);
}

static bool is_id(const char *id)
{
    return *id != '\0' && strlen(id) < TRASH_ID_MAX && id[strspn(id, "0123456789abcdefT-")] == '\0';
}

persona_code trash_restore(const char *id, trash_item *out, bool *taken, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *from = NULL, *to = NULL, *dir = NULL;
    *taken = false;
    TRY(is_id(id) ? PERSONA_OK
                  : persona_err_set(e, PERSONA_E_NOTFOUND, "the trash holds no '%.60s'", id));
    TRY(read_note(id, out, e));
    TRY(in_folder(id, ".item", &from, e));
    TRY(place_of(out->kind, out->shelf, out->name, &to, e));
    dir = path_dir(to);
    TRY(dir != NULL ? file_mkdirs(dir, e) : mem_err(e, "a path"));
    if (link(from, to) != 0) { /* unlike rename it never replaces */
        *taken = errno == EEXIST;
        rc = *taken ? persona_err_set(e, PERSONA_E_USAGE, "there is a %s '%.80s' again",
                                      KINDS[out->kind], out->name)
                    : move(from, to, e);
        TRY(rc);
    }
    unlink(from);
    forget_note(id);
out:
    mem_free(dir);
    mem_free(from);
    mem_free(to);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const trash_item *x = a, *y = b;
    return x->deleted != y->deleted ? (x->deleted < y->deleted ? 1 : -1) : strcmp(y->id, x->id);
}

persona_code trash_list(trash_item **out, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL, **files = NULL;
    size_t n_files = 0;
    *out = NULL;
    *n = 0;
    TRY(folder(&dir, e));
    TRY(file_list(dir, ".json", &files, &n_files, e));
    *out = mem_calloc(n_files + 1, sizeof **out);
    if (*out == NULL) {
        rc = mem_err(e, "a list of what was deleted");
        goto out;
    }
    for (size_t i = 0; i < n_files; i++) {
        char id[TRASH_ID_MAX];
        const char *base = path_base(files[i]);
        snprintf(id, sizeof id, "%.*s", (int)(strlen(base) - strlen(".json")), base);
        *n += is_id(id) && read_note(id, &(*out)[*n], NULL) == PERSONA_OK;
    }
    qsort(*out, *n, sizeof **out, newest_first);
out:
    mem_free_list(files, n_files);
    mem_free(dir);
    return rc;
}

persona_code trash_purge(int days, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trash_item *all = NULL;
    size_t n_all = 0;
    const int64_t before = (int64_t)time(NULL) - (int64_t)days * 86400;
    *n = 0;
    TRY(trash_list(&all, &n_all, e));
    for (size_t i = 0; i < n_all; i++) {
        char *path = NULL;
        if (all[i].deleted < before) {
            TRY(in_folder(all[i].id, ".item", &path, e));
            *n += unlink(path) == 0;
            mem_free(path);
            forget_note(all[i].id);
        }
    }
out:
    mem_free(all);
    return rc;
}
