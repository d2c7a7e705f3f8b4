/* SPDX-License-Identifier: MIT
 *
 * steering_recipes.c - recipes in expressions: "0.5*calm" is half of what calm stands for, as if it
 * stood there in parentheses.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/recipe.h"
#include "pipeline/dose/resolve.h"

static bool names_recipe(const steer_term *t)
{
    return t->op == STEER_ADD && t->v.kind == STEER_NAMED && persona_recipe_exists(t->v.name);
}

/* That the name means the recipe and nothing else. */
static persona_code only_recipe(persona_model *m, const steer_term *t, persona_err *e)
{
    const char *name = t->v.name;
    char *vector = NULL, *recipe = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_place(m, name, &vector, e));
    TRY(persona_recipe_place(name, &recipe, e));
    if (file_exists(vector)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "'%s' is ambiguous: a recipe, %s, and a vector of the library, %s "
                             "(write the whole path for the vector, or rename one)",
                             name, recipe, vector);
    } else if (t->unit != STEER_DOSE || t->block_a >= 0 || t->phases != 0 || t->first > 0 ||
               t->after > 0 || t->syntax_off || t->joint > 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "'%s' is a recipe, which takes a coefficient and a condition, but no "
                             "unit, blocks, phases or windows, and does not stand in joint(...)",
                             name);
    }
out:
    mem_free(vector);
    mem_free(recipe);
    return rc;
}

/* Puts the recipe in the place of term i; *n: how many terms it has. */
static persona_code expand(persona_model *m, steer_expr *x, size_t i, size_t *n, persona_err *e)
{
    persona_recipe *r = NULL;
    steer_expr by = {0};
    persona_code rc = PERSONA_OK;
    TRY(only_recipe(m, &x->terms[i], e));
    TRY(persona_recipe_find(x->terms[i].v.name, &r, e));
    TRY(steer_parse(r->expression, &by, e));
    for (size_t k = 0; k < by.n; k++) {
        if (names_recipe(&by.terms[k])) {
            rc = persona_err_set(e, PERSONA_E_USAGE,
                                 "the recipe '%s' holds another recipe, '%s' (write its expression "
                                 "out)",
                                 r->name, by.terms[k].v.name);
            goto out;
        }
    }
    *n = by.n;
    TRY(steer_replace(x, i, &by, e));
out:
    steer_expr_free(&by);
    persona_recipe_free(r);
    return rc;
}

persona_code recipes_expand(persona_model *m, steer_expr *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0, n = 1; i < x->n; i += n) {
        n = 1;
        if (names_recipe(&x->terms[i])) {
            char place[STEER_PLACE];
            steer_place(x, i, place);
            rc = expand(m, x, i, &n, e);
            if (rc != PERSONA_OK) {
                persona_err_wrap(e, "%s", place);
                return rc;
            }
        }
    }
    return steer_check(x, e);
}
