/* SPDX-License-Identifier: MIT
 *
 * folds.c - groups by key, and groups into folds that are alike.
 */
#include "core/classify/folds.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

typedef struct named {
    const char *name;
    size_t index;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    const int c = strcmp(x->name, y->name);
    return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

size_t folds_group(const char *const *key, size_t n, size_t *group)
{
    named *list = mem_calloc(n, sizeof *list);
    size_t m = 0, n_groups = 0;
    if (!list) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        group[i] = i; /* the first of its group, until groups are numbered */
        if (key[i]) {
            list[m++] = (named){key[i], i};
        }
    }
    qsort(list, m, sizeof *list, by_name);
    for (size_t k = 1; k < m; k++) {
        if (strcmp(list[k].name, list[k - 1].name) == 0) {
            group[list[k].index] = group[list[k - 1].index];
        }
    }
    mem_free(list);
    for (size_t i = 0; i < n;
         i++) { /* the first comes before the others, and has its number then */
        group[i] = group[i] == i ? n_groups++ : group[group[i]];
    }
    return n_groups;
}

typedef struct sides {
    size_t low, high, all;
} sides;

static void count(sides *s, signed char side)
{
    s->high += side > 0;
    s->low += side < 0;
    s->all++;
}

/* The fold where a group of these sides is missed most. */
static size_t neediest(const sides *have, size_t n_folds, const sides *group)
{
    const bool high = group->high > group->low;
    size_t to = 0;
    for (size_t f = 1; f < n_folds; f++) {
        const size_t here = high ? have[f].high : have[f].low;
        const size_t there = high ? have[to].high : have[to].low;
        if (here < there || (here == there && have[f].all < have[to].all)) {
            to = f;
        }
    }
    return to;
}

persona_code folds_deal(const size_t *group, size_t n_groups, const signed char *side, size_t n,
                        size_t n_folds, uint32_t seed, size_t *fold, persona_err *e)
{
    rng r;
    sides have[MAX_FOLDS] = {{0, 0, 0}}, all = {0, 0, 0};
    size_t *order = mem_calloc(n_groups, sizeof *order), *of = mem_calloc(n_groups, sizeof *of);
    sides *of_group = mem_calloc(n_groups, sizeof *of_group);
    persona_code rc = PERSONA_OK;
    if (!order || !of || !of_group || n_folds > MAX_FOLDS) {
        rc = mem_err(e, "folds");
        goto out;
    }
    for (size_t g = 0; g < n_groups; g++) {
        order[g] = g;
    }
    for (size_t i = 0; i < n; i++) {
        count(&of_group[group[i]], side[i]);
        count(&all, side[i]);
    }
    rng_seed(&r, seed, 1);
    rng_shuffle(&r, order, n_groups);
    for (size_t k = 0; k < n_groups; k++) {
        const size_t g = order[k];
        of[g] = neediest(have, n_folds, &of_group[g]);
        have[of[g]].high += of_group[g].high;
        have[of[g]].low += of_group[g].low;
        have[of[g]].all += of_group[g].all;
    }
    for (size_t i = 0; i < n; i++) {
        fold[i] = of[group[i]];
    }
    for (size_t f = 0; f < n_folds && rc == PERSONA_OK; f++) {
        if (have[f].high == all.high || have[f].low == all.low) {
            rc = persona_err_set(e, PERSONA_E_SHAPE,
                                 "all texts on one side of 50 answer one question, so nothing can "
                                 "be held out (other questions are needed)");
        }
    }
out:
    mem_free(of_group);
    mem_free(of);
    mem_free(order);
    return rc;
}
