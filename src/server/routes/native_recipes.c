/* SPDX-License-Identifier: MIT
 *
 * native_recipes.c - /api/v1/recipes: named steering expressions.
 */
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/recipe.h"
#include "persona/trait.h"
#include "server/routes/call_parts.h"
#include "server/routes/trash_parts.h"

static void recipe_json(json_out *o, const persona_recipe *r)
{
    jo_string(o, "name", r->name);
    jo_string(o, "description", r->description);
    jo_string(o, "expression", r->expression);
}

typedef struct fault {
    const char *name; /* borrowed */
    persona_err why;
} fault;

static void damaged(json_out *o, const fault *faults, size_t n)
{
    jo_array(o, "damaged");
    for (size_t i = 0; i < n; i++) {
        damaged_json(o, faults[i].name, &faults[i].why);
    }
    jo_end(o);
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    fault *faults = NULL;
    size_t n = 0, n_faults = 0;
    TRY(persona_recipe_names(&names, &n, e));
    faults = mem_calloc(n + 1, sizeof *faults);
    TRY(faults != NULL ? PERSONA_OK : mem_err(e, "a list of recipes"));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "recipes");
    for (size_t i = 0; i < n; i++) {
        persona_recipe *r = NULL;
        faults[n_faults].name = names[i];
        if (persona_recipe_find(names[i], &r, &faults[n_faults].why) != PERSONA_OK) {
            n_faults++;
            continue;
        }
        jo_object(&c->out, NULL);
        recipe_json(&c->out, r);
        jo_end(&c->out);
        persona_recipe_free(r);
    }
    jo_end(&c->out);
    damaged(&c->out, faults, n_faults);
    jo_end(&c->out);
out:
    mem_free(faults);
    persona_names_free(names, n);
    return rc;
}

static persona_code show(call *c, persona_err *e)
{
    persona_recipe *r = NULL;
    const persona_code rc = persona_recipe_find(c->parts[0], &r, e);
    if (rc == PERSONA_OK) {
        jo_object(&c->out, NULL);
        recipe_json(&c->out, r);
        jo_end(&c->out);
    }
    persona_recipe_free(r);
    return rc;
}

/* ---- putting and deleting -------------------------------------------------------------------- */

typedef struct put_args {
    const char *description;
    const json_val *expression;
} put_args;

static const field put_fields[] = {
    {.name = "description",
     .type = FIELD_STRING,
     .max = 4096,
     .at = offsetof(put_args, description),
     .help = "What it is for"},
    {.name = "expression",
     .type = FIELD_ANY,
     .required = true,
     .at = offsetof(put_args, expression),
     .schema = "string | object",
     .help = "A steering expression, or the same as an object; it holds no other recipes"},
    FIELD_LAST,
};

static persona_code put(call *c, persona_err *e)
{
    const put_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_recipe *r = NULL;
    char *text = NULL, *path = NULL;
    TRY(steering_text(a->expression, "expression", &text, e));
    TRY(text != NULL ? PERSONA_OK
                     : persona_err_set(e, PERSONA_E_USAGE, "expression: wants an expression"));
    TRY(persona_recipe_new(c->parts[0], a->description != NULL ? a->description : "", text, &r, e));
    TRY(persona_recipe_place(r->name, &path, e));
    const bool there = file_exists(path);
    TRY(persona_recipe_write(r, path, e));
    jo_object(&c->out, NULL);
    recipe_json(&c->out, r);
    jo_bool(&c->out, "replaced", there);
    jo_end(&c->out);
out:
    persona_recipe_free(r);
    mem_free(text);
    mem_free(path);
    return rc;
}

static persona_code delete (call *c, persona_err *e)
{
    trash_item x;
    const persona_code rc = trash_put(TRASH_RECIPE, NULL, c->parts[0], &x, e);
    if (rc == PERSONA_OK) {
        deleted_json(&c->out, &x);
    }
    return rc;
}

#define RECIPE_FIELDS                                                                              \
    {.name = "name", .type = FIELD_STRING, .required = true},                                      \
        {.name = "description", .type = FIELD_STRING, .required = true},                           \
    {                                                                                              \
        .name = "expression", .type = FIELD_STRING, .required = true, .help = "In canonical form"  \
    }

static const field recipe_fields[] = {RECIPE_FIELDS, FIELD_LAST};
static const field done_fields[] = {
    RECIPE_FIELDS,
    {.name = "replaced",
     .type = FIELD_BOOL,
     .required = true,
     .help = "There was one of that name"},
    FIELD_LAST,
};
static const field recipe_element[] = {{.name = "", .type = FIELD_OBJECT, .of = recipe_fields}};
static const field list_fields[] = {
    {.name = "recipes", .type = FIELD_ARRAY, .required = true, .of = recipe_element},
    {.name = "damaged",
     .type = FIELD_ARRAY,
     .required = true,
     .of = damaged_element,
     .help = "Files that cannot be read"},
    FIELD_LAST,
};

const route routes_native_recipes[] = {
    {.method = "GET",
     .path = "/api/v1/recipes",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Recipes",
     .summary = "Named steering expressions; a name stands for its expression",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/recipes/{name}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Recipes",
     .summary = "One of them",
     .answer = recipe_fields},
    {.method = "PUT",
     .path = "/api/v1/recipes/{name}",
     .errors = ERRORS_OPENAI,
     .body = put_fields,
     .args_size = sizeof(put_args),
     .run = put,
     .tag = "Recipes",
     .summary = "Writes one, or another in its place",
     .answer = done_fields},
    {.method = "DELETE",
     .path = "/api/v1/recipes/{name}",
     .errors = ERRORS_OPENAI,
     .run = delete,
     .tag = "Recipes",
     .summary = "Moves one to the trash",
     .answer = deleted_fields},
    {.method = NULL},
};
