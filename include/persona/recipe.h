/* SPDX-License-Identifier: MIT
 *
 * recipe.h - named steering expressions: files of the schema persona.recipe/1 in the user's folder
 * $XDG_DATA_HOME/persona/recipes. Where an expression is wanted, the name of a recipe stands for
 * its expression in parentheses (persona/steer.h). A recipe holds no other recipes.
 */
#ifndef PERSONA_RECIPE_H
#define PERSONA_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_recipe {
    char *name;        /* a letter, then letters, digits, "_" and "-" */
    char *description; /* may be empty */
    char *expression;  /* in canonical form */
} persona_recipe;
void persona_recipe_free(persona_recipe *r);

/* From parts; the expression is parsed. Errors: USAGE (name, expression), NOMEM. */
PERSONA_CHECK persona_code persona_recipe_new(const char *name, const char *description,
                                              const char *expression, persona_recipe **out,
                                              persona_err *e);
/* Errors: NOTFOUND, IO, FORMAT (names the field). */
PERSONA_CHECK persona_code persona_recipe_read(const char *path, persona_recipe **out,
                                               persona_err *e);
PERSONA_CHECK persona_code persona_recipe_write(const persona_recipe *r, const char *path,
                                                persona_err *e);

/* Where a recipe of that name lies or would lie; free() it. Errors: USAGE (no such name can be),
 * NOTFOUND (no home folder). */
PERSONA_CHECK persona_code persona_recipe_place(const char *name, char **path, persona_err *e);
/* A recipe found by name has to call itself by that name. Errors: NOTFOUND, those of reading. */
PERSONA_CHECK persona_code persona_recipe_find(const char *name, persona_recipe **out,
                                               persona_err *e);
/* Whether there is one of that name; false for what can be no name. */
bool persona_recipe_exists(const char *name);
/* The names of all of the user's, sorted; whether each can be read shows when it is found. Free
 * them with persona_names_free (persona/trait.h). */
PERSONA_CHECK persona_code persona_recipe_names(char ***names, size_t *n, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
