/* SPDX-License-Identifier: MIT
 *
 * map.h - linear maps between the activation spaces of two models (methods 5.3): one interface, one
 * table of methods.
 *
 * Rows are paired texts: X (n, ds) in the source, Y (n, dt) in the target. Both sides are centered
 * and scaled robustly (maprows.h). A map has no bias, since what is mapped is a difference.
 * Whatever the method, a map is two factors, and it is worth what it says of questions that it has
 * not seen.
 */
#ifndef PERSONA_CORE_MAP_H
#define PERSONA_CORE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/linalg.h"

/* v_t = right^T (left v); every scale is folded in. */
typedef struct map {
    size_t ds, dt, k;
    float *left;  /* (k, ds) */
    float *right; /* (k, dt) */
} map;

/* Paired rows as they were captured; borrowed. */
typedef struct map_data {
    mat x, y;
    /* (n) below n_groups: questions; no row predicts another one of its group */
    const size_t *group;
    size_t n_groups;
    const size_t *pos, *neg; /* (n_contrasts) rows of opposite poles of one trait and question */
    size_t n_contrasts;
    /* (n) which of n_traits a row was written for; below 0: none; NULL: not known */
    const int *trait;
    size_t n_traits;
} map_data;

typedef struct map_opts {
    double lambda;  /* relative to the mean eigenvalue of the Gram matrix; <= 0: searched */
    int rank;       /* lowrank, procrustes; <= 0: searched over 16, 50, 128, 256 */
    int n_anchors;  /* anchors; default 100 */
    int n_shuffles; /* shuffled pairings behind the null; default 20 */
    uint32_t seed;
} map_opts;
map_opts map_defaults(void);

/* What a map says of rows, and of differences between the poles, that it has not seen. */
typedef struct map_r2 {
    double rows, contrasts;
} map_r2;

/* NAN: not measured. R2 is 1 - (squares of errors) / (squares), each target dimension in units of
 * its sd, on questions that were left out. */
typedef struct map_report {
    double lambda; /* NAN: the method has none */
    size_t rank;   /* 0: the method has none */
    size_t n, n_contrasts, n_groups;
    double r2_heldout;  /* of rows */
    double r2_contrast; /* of differences between the poles */
    /* The same of rows of a trait, all of whose rows are left out, and with them those of the
     * question. */
    map_r2 by_trait, by_both;
    /* r2_contrast of shuffled pairings, after the same search: mean and largest. Of rows where
     * there are no contrasts. */
    double r2_shuffled, r2_shuffled_max;
} map_report;

typedef struct map_method {
    const char *name, *summary;
    bool needs_contrasts;
    persona_code (*fit)(const map_data *d, const map_opts *o, map **out, map_report *rep,
                        persona_err *e);
} map_method;

/* "ridge" is the first, NULL comes after the last. */
const map_method *map_method_at(size_t i);
const map_method *map_method_find(const char *name); /* NULL: unknown */

/* Checks the data, fits, reports. rep may be NULL. Many small products: up to a thousand rows
 * linalg_threads(1) is fastest. Errors: SHAPE (fewer than 8 rows or 2 groups, unequal rows, no
 * contrasts for a method that needs them), NUMERIC (a value that is not finite, by row and column;
 * one side constant; rows that span too few directions), NOMEM. */
PERSONA_CHECK persona_code map_fit(const map_method *m, const map_data *d, const map_opts *o,
                                   map **out, map_report *rep, persona_err *e);
void map_free(map *m);

#endif
