/* SPDX-License-Identifier: MIT
 *
 * linmap.c - the table of methods, and the checks that all of them need.
 */
#include "core/map/linmap.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/map/mapmethods.h"
#include "core/map/maprows.h"

#define MIN_ROWS 8
#define MAX_ROWS 8192 /* n^2 doubles twice and once in single precision: 1.3 GB */
#define MIN_SPAN 8

static const map_method methods[] = {
    {"ridge", "dual ridge regression on all rows", false, map_fit_ridge},
    {"lowrank", "principal components on both sides, ridge between them", false, map_fit_lowrank},
    {"procrustes", "principal components on both sides, a rotation between them", false,
     map_fit_procrustes},
    {"paired", "ridge on the differences between the poles", true, map_fit_paired},
    {"anchors", "similarities to a hundred texts, rebuilt from the target's own", false,
     map_fit_anchors},
};
enum { N_METHODS = sizeof methods / sizeof *methods };

const map_method *map_method_at(size_t i)
{
    return i < N_METHODS ? &methods[i] : NULL;
}

const map_method *map_method_find(const char *name)
{
    for (size_t i = 0; i < N_METHODS; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

map_opts map_defaults(void)
{
    return (map_opts){.n_anchors = 100, .n_shuffles = 20};
}

/* ---- checks --------------------------------------------------------------------------------- */

static persona_code check_shape(const map_method *m, const map_data *d, const map_opts *o,
                                persona_err *e)
{
    const size_t n = d->x.n;
    if (n != d->y.n) {
        return persona_err_set(e, PERSONA_E_SHAPE, "map: %zu source rows and %zu target rows", n,
                               d->y.n);
    }
    if (n < MIN_ROWS || n > MAX_ROWS || d->x.d == 0 || d->y.d == 0) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "map: %zu texts of widths %zu and %zu (expected %d to %d texts)", n,
                               d->x.d, d->y.d, MIN_ROWS, MAX_ROWS);
    }
    if (d->n_groups < 2 || o->n_shuffles < 0 || o->n_shuffles > 1000) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "map: %zu groups (expected at least 2), %d shuffles (0 to 1000)",
                               d->n_groups, o->n_shuffles);
    }
    for (size_t i = 0; i < n; i++) {
        if (d->group[i] >= d->n_groups) {
            return persona_err_set(e, PERSONA_E_SHAPE, "map: text %zu is in group %zu of %zu", i,
                                   d->group[i], d->n_groups);
        }
    }
    for (size_t i = 0; i < d->n_contrasts; i++) {
        if (d->pos[i] >= n || d->neg[i] >= n || d->group[d->pos[i]] != d->group[d->neg[i]]) {
            return persona_err_set(
                e, PERSONA_E_SHAPE,
                "map: contrast %zu is between rows %zu and %zu, which are no two "
                "of the %zu rows on one question",
                i, d->pos[i], d->neg[i], n);
        }
    }
    for (size_t i = 0; d->trait && i < n; i++) {
        if (d->trait[i] >= 0 && (size_t)d->trait[i] >= d->n_traits) {
            return persona_err_set(e, PERSONA_E_SHAPE, "map: text %zu is of trait %d of %zu", i,
                                   d->trait[i], d->n_traits);
        }
    }
    if (m->needs_contrasts && d->n_contrasts < MIN_ROWS) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "map: %s needs at least %d contrasts (a text of each pole on one "
                               "question), there are %zu",
                               m->name, MIN_ROWS, d->n_contrasts);
    }
    return PERSONA_OK;
}

static persona_code check_groups(const map_data *d, persona_err *e)
{
    for (size_t i = 1; i < d->x.n; i++) {
        if (d->group[i] != d->group[0]) {
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_SHAPE, "map: all texts are in one group (expected 2)");
}

static persona_code check_values(mat x, const char *side, persona_err *e)
{
    size_t bad = 0;
    if (!vec_finite(x.p, x.n * x.d, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "map: %s row %zu, value %zu is not finite",
                               side, bad / x.d, bad % x.d);
    }
    persona_err why = {.code = PERSONA_OK};
    const size_t most = x.d < MIN_SPAN ? x.d : MIN_SPAN;
    const size_t span = map_rows_span(x, most, &why);
    if (why.code == PERSONA_E_NOMEM) {
        return mem_err(e, "the rows of a map");
    }
    if (span == 0) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "map: the %s activations are the same for all %zu texts", side, x.n);
    }
    if (span >= most || span + 1 >= x.n) {
        return PERSONA_OK;
    }
    return persona_err_set(
        e, PERSONA_E_NUMERIC,
        "map: the %zu texts span only %zu directions of the %s (expected at least "
        "%zu): are they the same few texts over and over?",
        x.n, span, side, most);
}

persona_code map_fit(const map_method *m, const map_data *d, const map_opts *o, map **out,
                     map_report *rep, persona_err *e)
{
    map_report mine = {.lambda = (double)NAN,
                       .n_contrasts = d->n_contrasts,
                       .r2_heldout = (double)NAN,
                       .r2_contrast = (double)NAN,
                       .by_trait = {(double)NAN, (double)NAN},
                       .by_both = {(double)NAN, (double)NAN},
                       .r2_shuffled = (double)NAN,
                       .r2_shuffled_max = (double)NAN};
    persona_code rc;
    *out = NULL;
    if ((rc = check_shape(m, d, o, e)) || (rc = check_groups(d, e)) ||
        (rc = check_values(d->x, "source", e)) || (rc = check_values(d->y, "target", e)) ||
        (rc = m->fit(d, o, out, &mine, e))) {
        return rc;
    }
    if (rep) {
        *rep = mine;
    }
    return PERSONA_OK;
}

/* ---- maps ----------------------------------------------------------------------------------- */

void map_free(map *m)
{
    if (!m) {
        return;
    }
    mem_free(m->left);
    mem_free(m->right);
    mem_free(m);
}
