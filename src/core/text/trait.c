/* SPDX-License-Identifier: MIT
 *
 * trait.c - trait packs and question sets in memory: freeing, the system prompt, the split.
 *
 * The system prompt is that of Chen et al. 2025: "You are a(n) NAME assistant. INSTRUCTION", NAME
 * being the trait's adjective or its antonym; here the article is chosen, since a small model reads
 * "a(n)" as it stands. The first half of a pack's questions extracts, the second evaluates; they
 * never mix. Reading is store/trait/traitfile.c,
 * writing store/trait/traitsave.c.
 */
#include "persona/trait.h"

#include <string.h>

#include "base/mem.h"

void persona_names_free(char **names, size_t n)
{
    mem_free_list(names, n);
}

void persona_trait_free(persona_trait *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; t->pairs && i < t->n_pairs; i++) {
        mem_free(t->pairs[i].pos);
        mem_free(t->pairs[i].neg);
    }
    mem_free(t->pairs);
    mem_free_list(t->questions, t->n_questions);
    mem_free(t->name);
    mem_free(t->positive);
    mem_free(t->negative);
    mem_free(t->description);
    mem_free(t->eval_prompt);
    mem_free(t->about);
    mem_free(t->path);
    mem_free(t);
}

void persona_questions_free(persona_questions *q)
{
    if (!q) {
        return;
    }
    mem_free_list(q->extraction, q->n_extraction);
    mem_free_list(q->evaluation, q->n_evaluation);
    mem_free(q->name);
    mem_free(q);
}

/* ---- article -------------------------------------------------------------------------------- */

static bool starts(const char *word, const char *prefix)
{
    for (; *prefix; word++, prefix++) {
        const char c = *word >= 'A' && *word <= 'Z' ? (char)(*word - 'A' + 'a') : *word;
        if (c != *prefix) {
            return false;
        }
    }
    return true;
}

/* By sound, not by letter, as far as adjectives of character need it. The first prefix that fits
 * decides; after the table the first letter does. */
static bool takes_an(const char *word)
{
    static const struct {
        const char *prefix;
        bool an;
    } rules[] = {
        {"honest", true}, {"honor", true}, {"honour", true}, {"hour", true},  {"heir", true},
        {"eu", false},    {"ewe", false},  {"one", false},   {"once", false}, {"unin", true},
        {"unim", true},   {"unid", true},  {"uni", false},   {"use", false},  {"usu", false},
        {"utop", false},  {"util", false}, {"ubiq", false},  {"urin", false}, {"uran", false},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (starts(word, rules[i].prefix)) {
            return rules[i].an;
        }
    }
    return word[0] != '\0' && strchr("aeiouAEIOU", word[0]) != NULL;
}

persona_code persona_trait_system(const persona_trait *t, size_t i, bool positive, char **out,
                                  persona_err *e)
{
    *out = NULL;
    if (i >= t->n_pairs) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "trait '%s' has no instruction pair %zu (it has %zu)", t->name, i,
                               t->n_pairs);
    }
    const char *name = positive ? t->positive : t->negative;
    const char *instruction = positive ? t->pairs[i].pos : t->pairs[i].neg;
    *out =
        mem_printf("You are %s %s assistant. %s", takes_an(name) ? "an" : "a", name, instruction);
    return *out ? PERSONA_OK : mem_err(e, "a system prompt");
}

/* ---- questions ------------------------------------------------------------------------------ */

/* *n counts what was copied, so that a partial list can be freed. */
static bool strings_copy(char *const *list, size_t count, char ***out, size_t *n)
{
    *out = mem_calloc(count, sizeof **out);
    for (*n = 0; *out && *n < count; (*n)++) {
        (*out)[*n] = mem_strdup(list[*n]);
        if (!(*out)[*n]) {
            return false;
        }
    }
    return *out != NULL;
}

persona_code persona_questions_for(const persona_questions *given, const persona_trait *t,
                                   persona_questions **own, const persona_questions **out,
                                   persona_err *e)
{
    const persona_code rc = given == NULL ? persona_questions_of(t, own, e) : PERSONA_OK;
    if (given != NULL) {
        *own = NULL;
    }
    *out = given != NULL ? given : *own;
    return rc;
}

persona_code persona_questions_of(const persona_trait *t, persona_questions **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t half = t->n_questions / 2;
    persona_questions *q = mem_calloc(1, sizeof *q);
    *out = NULL;
    if (q) {
        q->name = mem_strdup(t->name);
    }
    if (!q || !q->name || !strings_copy(t->questions, half, &q->extraction, &q->n_extraction) ||
        !strings_copy(t->questions + half, t->n_questions - half, &q->evaluation,
                      &q->n_evaluation)) {
        rc = mem_err(e, "the questions of a trait");
        goto out;
    }
    *out = q;
    q = NULL;
out:
    persona_questions_free(q);
    return rc;
}
