/* SPDX-License-Identifier: MIT
 *
 * mapobject.c - a persona_map in memory: what it owns, which block goes where, and whether it has
 * seen the texts of a vector. Fitting is pipeline/transfer/mapfit.c, files are store/mapfile*.c.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/mapobject.h"
#include "core/map/readings.h"
#include "core/map/textset.h"

static void side_free(persona_map_side *s)
{
    mem_free(s->name);
    mem_free(s->arch);
    mem_free(s->hash);
    mem_free(s->template_hash);
    mem_free(s->h_median);
}

static void factors_free(persona_map_factors *f)
{
    mem_free(f->left);
    mem_free(f->right);
}

void persona_map_free(persona_map *m)
{
    if (!m) {
        return;
    }
    for (size_t i = 0; m->blocks && i < m->n_blocks; i++) {
        factors_free(&m->blocks[i].map);
        factors_free(&m->blocks[i].null);
    }
    for (size_t i = 0; m->traits && i < m->n_traits; i++) {
        mem_free(m->traits[i]);
    }
    side_free(&m->from);
    side_free(&m->to);
    mem_free(m->blocks);
    mem_free(m->traits);
    mem_free(m->method);
    mem_free(m->pairing);
    mem_free(m->texts);
    mem_free(m->library);
    mem_free(m->without);
    readings_free(m->readings);
    mem_free(m);
}

const persona_map_block *persona_map_to(const persona_map *m, int to)
{
    for (size_t i = 0; i < m->n_blocks; i++) {
        if (m->blocks[i].to == to) {
            return &m->blocks[i];
        }
    }
    return NULL;
}

static bool knows_trait(const persona_map *m, const char *trait)
{
    for (size_t i = 0; i < m->n_traits; i++) {
        if (strcmp(m->traits[i], trait) == 0) {
            return true;
        }
    }
    return false;
}

bool map_names_trait(const char *list, const char *trait)
{
    const size_t n = strlen(trait);
    while (list && *list) {
        const size_t len = strcspn(list, ",");
        if (len == n && memcmp(list, trait, n) == 0) {
            return true;
        }
        list += len + (list[len] == ',');
    }
    return false;
}

/* By what texts show, not by its name alone. */
static bool left_out(const persona_map *m, const char *trait)
{
    return m->leave == PERSONA_LEAVE_STRICT && map_names_trait(m->without, trait);
}

persona_code persona_map_sample(const persona_map *m, const persona_vector *v, const char **sample,
                                size_t *shared, persona_err *e)
{
    uint64_t *of_map = NULL, *of_v = NULL;
    size_t n_map = 0, n_v = 0, n = 0;
    persona_code rc = PERSONA_OK;
    TRY(textset_parse(m->texts, &of_map, &n_map, e));
    TRY(textset_parse(v->from.texts, &of_v, &n_v, e));
    n = textset_overlap(of_map, n_map, of_v, n_v);
    *sample = n > 0 || knows_trait(m, v->from.trait)    ? PERSONA_SAMPLE_IN_SAMPLE
              : n_v == 0 || !left_out(m, v->from.trait) ? PERSONA_SAMPLE_UNVERIFIED
              : m->n_texts < PERSONA_LEAVE_MIN_TEXTS    ? PERSONA_SAMPLE_UNDECIDABLE
                                                        : PERSONA_SAMPLE_HELD_OUT;
    if (shared) {
        *shared = n;
    }
out:
    mem_free(of_map);
    mem_free(of_v);
    return rc;
}
