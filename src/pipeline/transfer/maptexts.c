/* SPDX-License-Identifier: MIT
 *
 * maptexts.c - which texts take part in a map, and how often.
 *
 * Those of the trait that is left out do not: by its name, by the hashes of the vector's own
 * answers, and by what a judge sees of it in any text (lean.c). What stays may be drawn again, with
 * replacement, so that several maps show what other texts of the same kind would have made of it.
 * What is drawn is questions with all their texts, from each trait as many as it has (one that
 * several share counts for the first of them): texts that answer one question are not independent.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/map/mapobject.h"
#include "core/map/textset.h"
#include "pipeline/transfer/pairs_parts.h"

#define STREAM 0x626f6f74

/* Questions of one trait (-1: of none) that have texts which stay. */
static size_t questions_of(const persona_pairs *p, int trait, const unsigned *times, size_t *out,
                           bool *seen)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        if (times[i] > 0 && t->trait == trait && !seen[t->group]) {
            seen[t->group] = true;
            out[n++] = t->group;
        }
    }
    return n;
}

static persona_code resample(const persona_pairs *p, uint32_t seed, unsigned *times, persona_err *e)
{
    size_t *questions = mem_calloc(p->n_groups, sizeof *questions);
    unsigned *drawn = mem_calloc(p->n_groups, sizeof *drawn);
    bool *seen = mem_calloc(p->n_groups, sizeof *seen);
    const bool ok = questions && drawn && seen;
    rng r;
    rng_seed(&r, seed, STREAM);
    for (int trait = -1; ok && trait < (int)p->n_names; trait++) {
        const size_t n = questions_of(p, trait, times, questions, seen);
        for (size_t k = 0; k < n; k++) {
            drawn[questions[rng_below(&r, (uint32_t)n)]]++;
        }
    }
    for (size_t i = 0; ok && i < p->n; i++) {
        times[i] *= drawn[p->texts[i].group];
    }
    mem_free(seen);
    mem_free(drawn);
    mem_free(questions);
    return ok ? PERSONA_OK : mem_err(e, "texts that are drawn again");
}

persona_code pairs_left_over(const persona_pairs *p, const persona_fit_opts *o, persona_leave how,
                             pairs_counts *n, unsigned *times, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    uint64_t *behind = NULL, *only = NULL; /* the vector; those that take part */
    size_t n_behind = 0, n_only = 0;
    pairs_counts count = {0};
    TRY(textset_parse(o->texts ? o->texts : "", &behind, &n_behind, e));
    TRY(textset_parse(o->only ? o->only : "", &only, &n_only, e));
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        const bool named = (t->trait >= 0 && map_names_trait(o->without, p->names[t->trait])) ||
                           textset_overlap(&t->hash, 1, behind, n_behind) > 0;
        const bool leans = o->lean && persona_lean_leaves_out(o->lean, i, how);
        count.named += t->usable && named;
        count.leaning += t->usable && !named && leans;
        count.left += t->usable && !named && !leans;
        if (times) {
            times[i] =
                t->usable && (o->only ? textset_has(only, n_only, t->hash) : !named && !leans);
        }
    }
    if (n) {
        *n = count;
    }
    if (times && o->resample != 0) {
        TRY(resample(p, o->resample, times, e));
    }
out:
    mem_free(only);
    mem_free(behind);
    return rc;
}

persona_code persona_map_texts_left(const persona_pairs *p, const persona_fit_opts *opts,
                                    persona_leave how, size_t *out, persona_err *e)
{
    pairs_counts n = {0};
    const persona_code rc = pairs_left_over(p, opts, how, &n, NULL, e);
    *out = n.left;
    return rc;
}
