/* SPDX-License-Identifier: MIT
 *
 * recipe.c - recipes on disk (persona/recipe.h).
 *
 *   {"schema": "persona.recipe/1", "name": "calm", "description": "...", "expression": "..."}
 *
 * The expression is kept in canonical form, and read again whenever a recipe is made or read, so a
 * recipe that exists can be parsed. Whether its vectors exist depends on the model and shows when
 * it is used.
 */
#include "persona/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/steer/expression.h"

#define SCHEMA "persona.recipe/1"
#define NAME_MAX_BYTES 64
#define FILE_MAX ((size_t)64 << 10)
#define DESCRIPTION_MAX ((size_t)4 << 10)

void persona_recipe_free(persona_recipe *r)
{
    if (r) {
        mem_free(r->name);
        mem_free(r->description);
        mem_free(r->expression);
        mem_free(r);
    }
}

static bool is_name(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char more[] = "0123456789_-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const words[] = {"when", "and", "until", "raw", "ratio"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(s, words[i]) == 0) {
            return false;
        }
    }
    return *s && strchr(letters, *s) && s[strspn(s, more)] == '\0' && strlen(s) <= NAME_MAX_BYTES;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* No term of a recipe is one. */
static persona_code holds_no_recipe(const char *name, const steer_expr *x, persona_err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        const steer_direction *v = &x->terms[i].v;
        if (v->kind == STEER_NAMED &&
            (strcmp(v->name, name) == 0 || persona_recipe_exists(v->name))) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "'%s' is a recipe, and a recipe holds no other recipes (write "
                                   "its expression out)",
                                   v->name);
        }
    }
    return PERSONA_OK;
}

static persona_code canonical(const char *expression, char **out, persona_err *e)
{
    steer_expr x = {0};
    buf text;
    persona_code rc = PERSONA_OK;
    buf_init(&text, STEER_TEXT_MAX);
    TRY(steer_parse_any(expression, &x, e));
    steer_print(&x, &text);
    TRY(buf_ok(&text, "a recipe", e));
    *out = buf_take(&text);
    TRY(*out ? PERSONA_OK : mem_err(e, "a recipe"));
out:
    buf_free(&text);
    steer_expr_free(&x);
    return rc;
}

persona_code persona_recipe_new(const char *name, const char *description, const char *expression,
                                persona_recipe **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_recipe *r = NULL;
    *out = NULL;
    if (!is_name(name)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%.80s' cannot be the name of a recipe (expected a letter, then "
                               "letters, digits, _ and -, at most %d)",
                               name, NAME_MAX_BYTES);
    }
    if (strlen(description) > DESCRIPTION_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "a description of more than %zu bytes",
                               DESCRIPTION_MAX);
    }
    r = mem_calloc(1, sizeof *r);
    TRY(r ? PERSONA_OK : mem_err(e, "a recipe"));
    r->name = mem_strdup(name);
    r->description = mem_strdup(description);
    TRY(r->name && r->description ? PERSONA_OK : mem_err(e, "a recipe"));
    TRY(canonical(expression, &r->expression, e));
    *out = r;
    r = NULL;
out:
    persona_recipe_free(r);
    return rc;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Keeps the first key that nobody knows. */
static bool meet_key(void *ud, const char *key, const json_val *val)
{
    static const char *const keys[] = {"schema", "name", "description", "expression"};
    (void)val;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    *(const char **)ud = key;
    return false;
}

static persona_code parse(const json_doc *d, persona_recipe **out, persona_err *e)
{
    const json_val *root = json_root(d);
    const char *schema = NULL, *name = NULL, *description = "", *expression = NULL;
    const char *unknown = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_need_string(d, root, "schema", &schema, e));
    if (strcmp(schema, SCHEMA) != 0) {
        return json_bad(d, root, "schema", e, "is \"%.40s\" (expected \"%s\")", schema, SCHEMA);
    }
    json_each(root, meet_key, &unknown);
    if (unknown) {
        return json_bad(d, root, unknown, e,
                        "is not known (expected schema, name, description, expression)");
    }
    TRY(json_need_string(d, root, "name", &name, e));
    if (json_get(root, "description")) {
        TRY(json_need_string(d, root, "description", &description, e));
    }
    TRY(json_need_string(d, root, "expression", &expression, e));
    persona_err why = {0};
    rc = persona_recipe_new(name, description, expression, out, &why);
    if (rc == PERSONA_E_USAGE) {
        rc = json_bad(d, root, strstr(why.msg, "name of a recipe") ? "name" : "expression", e,
                      "is no good: %s", why.msg);
    } else if (rc != PERSONA_OK) {
        persona_err_set(e, rc, "%s", why.msg);
    }
out:
    return rc;
}

persona_code persona_recipe_read(const char *path, persona_recipe **out, persona_err *e)
{
    json_doc *d = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(json_read(path, FILE_MAX, &d, e));
    TRY(parse(d, out, e));
out:
    json_free(d);
    return rc;
}

persona_code persona_recipe_write(const persona_recipe *r, const char *path, persona_err *e)
{
    json_out o;
    buf text;
    steer_expr x = {0};
    persona_code rc = PERSONA_OK;
    buf_init(&text, FILE_MAX);
    TRY(steer_parse_any(r->expression, &x, e));
    TRY(holds_no_recipe(r->name, &x, e));
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_string(&o, "name", r->name);
    jo_string(&o, "description", r->description);
    jo_string(&o, "expression", r->expression);
    jo_end(&o);
    buf_putc(&text, '\n');
    TRY(buf_ok(&text, path, e));
    TRY(file_write(path, text.p, text.len, e));
out:
    steer_expr_free(&x);
    buf_free(&text);
    return rc;
}

/* ---- the user's folder ----------------------------------------------------------------------- */

static persona_code folder(char **out, persona_err *e)
{
    char *data = path_user_data();
    if (!data) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "neither XDG_DATA_HOME nor HOME is set: there is no place for "
                               "recipes");
    }
    *out = path_join(data, "recipes");
    mem_free(data);
    return *out ? PERSONA_OK : mem_err(e, "a path");
}

persona_code persona_recipe_place(const char *name, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL;
    *path = NULL;
    if (!is_name(name)) {
        return persona_err_set(e, PERSONA_E_USAGE, "'%.80s' cannot be the name of a recipe", name);
    }
    TRY(folder(&dir, e));
    *path = mem_printf("%s/%s.json", dir, name);
    TRY(*path ? PERSONA_OK : mem_err(e, "a path"));
out:
    mem_free(dir);
    return rc;
}

bool persona_recipe_exists(const char *name)
{
    char *path = NULL;
    const bool there =
        is_name(name) && persona_recipe_place(name, &path, NULL) == PERSONA_OK && file_exists(path);
    mem_free(path);
    return there;
}

persona_code persona_recipe_names(char ***names, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL, **list = NULL;
    size_t n_list = 0;
    *names = NULL;
    *n = 0;
    TRY(folder(&dir, e));
    TRY(file_list(dir, ".json", &list, &n_list, e));
    for (size_t i = 0; i < n_list; i++) {
        const char *base = path_base(list[i]);
        char *name = mem_strndup(base, strlen(base) - strlen(".json"));
        TRY(name ? PERSONA_OK : mem_err(e, "the names of recipes"));
        mem_free(list[i]);
        list[i] = name;
    }
    *names = list;
    *n = n_list;
    list = NULL;
out:
    mem_free_list(list, n_list);
    mem_free(dir);
    return rc;
}

persona_code persona_recipe_find(const char *name, persona_recipe **out, persona_err *e)
{
    char *path = NULL;
    persona_recipe *r = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(persona_recipe_place(name, &path, e));
    if (!file_exists(path)) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "no recipe '%s' (`persona recipes list` shows those that there are)",
                             name);
        goto out;
    }
    TRY(persona_recipe_read(path, &r, e));
    if (r && strcmp(r->name, name) != 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: field 'name' is \"%s\" (expected \"%s\")",
                             path, r->name, name);
        goto out;
    }
    *out = r;
    r = NULL;
out:
    persona_recipe_free(r);
    mem_free(path);
    return rc;
}
