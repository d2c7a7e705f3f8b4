/* SPDX-License-Identifier: MIT
 *
 * trait_set.c - reading every trait pack (trait_set.h).
 */
#include "workbench/trait_set.h"

#include <string.h>

#include "base/mem.h"
#include "base/try.h"

static persona_code add_pack(trait_set *t, const char *name_or_path, persona_err *e)
{
    const persona_code rc = persona_trait_find(name_or_path, &t->p[t->n], e);
    t->n += rc == PERSONA_OK;
    return rc;
}

persona_code trait_set_open(const persona_trait *wanted, trait_set *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    *out = (trait_set){NULL, 0};
    TRY(persona_trait_names(&names, &n, e));
    out->p = mem_calloc(n + 1, sizeof(persona_trait *));
    TRY(out->p != NULL ? PERSONA_OK : mem_err(e, "trait packs"));
    if (wanted != NULL) { /* a path given by the user wins over the pack of that name */
        TRY(add_pack(out, wanted->path, e));
    }
    for (size_t i = 0; i < n; i++) {
        if (wanted == NULL || strcmp(names[i], wanted->name) != 0) {
            TRY(add_pack(out, names[i], e));
        }
    }
out:
    persona_names_free(names, n);
    if (rc != PERSONA_OK) {
        trait_set_free(out);
    }
    return rc;
}

void trait_set_free(trait_set *t)
{
    for (size_t i = 0; i < t->n; i++) {
        persona_trait_free(t->p[i]);
    }
    mem_free(t->p);
    *t = (trait_set){NULL, 0};
}
