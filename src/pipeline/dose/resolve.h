/* SPDX-License-Identifier: MIT
 *
 * resolve.h - from terms to edits, and what the receipt says of them (steering.c).
 */
#ifndef PERSONA_PIPELINE_RESOLVE_H
#define PERSONA_PIPELINE_RESOLVE_H

#include "base/buf.h"
#include "core/steer/expression.h"
#include "pipeline/dose/steering.h"

/* One additive direction at one block, for the cosines of the receipt. */
typedef struct resolve_added {
    size_t term;
    int block;
    const float *row; /* n_embd, of any length */
} resolve_added;

/* A plan in the making. Starts as zeros with model, source of vectors and expression. */
typedef struct resolver {
    persona_model *m;
    const steering_vectors *from;
    const steer_expr *x; /* NULL: edits of files */
    persona_edit *edits;
    size_t n;
    persona_vector **vectors; /* what was found, and under which names */
    char **names;
    size_t n_vectors;
    void **kept; /* rows and gates that edits point to */
    size_t n_kept;
    resolve_added *added;
    size_t n_added;
    persona_receipt_gram *grams;
    size_t n_grams;
    double delta;                 /* what additive edits ask for, along their directions */
    struct resolve_range *ranges; /* doses of each vector, for its safe range */
    size_t n_ranges;
    buf note;
    int units; /* bit set of steer_unit */
} resolver;

void resolve_begin(resolver *r, persona_model *m, const steering_vectors *from,
                   const steer_expr *x);
void resolve_end(resolver *r);

/* All terms to edits, cosines and notes. Errors: USAGE (what the vectors lack, with the fix; an
 * expression that does nothing), NOTFOUND, SHAPE, those of vector files; with the column. */
PERSONA_CHECK persona_code resolve_terms(resolver *r, persona_err *e);

/* steering_recipes.c: names of recipes become their expressions. Errors: USAGE (a name that is also
 * a vector's; units, blocks, suffixes; recipes in recipes), those of reading. */
PERSONA_CHECK persona_code recipes_expand(persona_model *m, steer_expr *x, persona_err *e);

/* ---- parts ----------------------------------------------------------------------------------- */

/* A vector by name, found once. */
PERSONA_CHECK persona_code resolve_vector(resolver *r, const char *name, persona_vector **out,
                                          persona_err *e);
PERSONA_CHECK persona_code resolve_add(resolver *r, const persona_edit *edit, persona_err *e);
/* n zeroed bytes that live as long as r; NULL: no memory. */
void *resolve_keep(resolver *r, size_t n);
void resolve_note(resolver *r, const char *fmt, ...) PERSONA_PRINTF(2, 3);

/* What a term acts on: the vector that its unit, best block and statistics are of, and its rows. */
typedef struct resolve_direction {
    persona_vector *v;
    bool derived;       /* rows are not v's own: statistics of neutral tokens are not theirs */
    const float **rows; /* (v->n_layer); NULL: no direction at that block */
    int first, last, n_present;
} resolve_direction;
PERSONA_CHECK persona_code resolve_find_direction(resolver *r, const steer_term *t,
                                                  resolve_direction *out, persona_err *e);
/* Multiple of the row at `block` that coefficient 1 means. */
PERSONA_CHECK persona_code resolve_scale(resolver *r, const steer_term *t,
                                         const resolve_direction *d, int block, double *out,
                                         persona_err *e);

/* resolve_joint.c: the group of n terms that begins at i, by the minimum-norm solution. */
PERSONA_CHECK persona_code resolve_joint(resolver *r, size_t i, size_t n, persona_edit manner,
                                         persona_err *e);
/* Cosines between the directions that are added at one block: warnings, and the receipt's
 * matrices for joint groups. */
PERSONA_CHECK persona_code resolve_conflicts(resolver *r, persona_err *e);

/* Shifts along the unit vectors of k rows (d): what is asked, and what comes of it. */
typedef struct resolve_shifts {
    const float *const *rows; /* (k), of any length */
    size_t k, d;
    const double *asked; /* (k) */
    double longest;      /* of the edit; 0: any length */
    float *delta;        /* (d) the minimum-norm edit */
    double scale;        /* by what it was shortened */
    double *cosines;     /* (k, k); NULL: not wanted */
    double condition;    /* of their matrix */
} resolve_shifts;
/* Errors: NUMERIC (a row of zeros), NOMEM. */
PERSONA_CHECK persona_code resolve_solve(resolve_shifts *x, persona_err *e);

#endif
