/* SPDX-License-Identifier: MIT
 *
 * resolve_joint.c - several vectors at one block: the minimum-norm edit, and warnings about those
 * that are nearly the same or opposed (methods 3, "Several traits").
 *
 * Two vectors with a cosine of 0.7 that are both added count what they share twice. joint(...)
 * asks for shifts of the projections instead: delta = U^T (U U^T + eps I)^-1 t is the shortest edit
 * whose projection on each unit vector of U is the one that was asked for.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/resolve.h"

#define EPSILON 1e-6
#define MAX_CONDITION 20.0
#define MAX_COSINE 0.7
#define MOST_SAID 8 /* pairs; nobody reads more warnings */

/* ---- the solution ---------------------------------------------------------------------------- */

/* u (k, d): rows at unit length. */
static persona_code unit_rows(const float *const *rows, size_t k, size_t d, float *u,
                              persona_err *e)
{
    for (size_t i = 0; i < k; i++) {
        const double norm = vec_norm(rows[i], d);
        if (!(norm > 0)) {
            return persona_err_set(e, PERSONA_E_NUMERIC, "a direction of zeros has no projection");
        }
        memcpy(u + i * d, rows[i], d * sizeof *u);
        vec_scale(u + i * d, 1 / norm, d);
    }
    return PERSONA_OK;
}

/* Of the symmetric matrix (k, k), which is overwritten. */
static persona_code condition_of(double *gram, size_t k, double *work, double *out, persona_err *e)
{
    const persona_code rc = linalg_eigh(gram, k, work, e);
    *out = rc != PERSONA_OK ? (double)NAN : work[0] > 0 ? work[k - 1] / work[0] : (double)INFINITY;
    return rc;
}

persona_code resolve_solve(resolve_shifts *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t k = x->k, d = x->d;
    float *u = mem_calloc(k * d, sizeof *u);
    double *gram = mem_calloc(k * k, sizeof *gram), *w = mem_calloc(k, sizeof *w);
    x->scale = 1;
    TRY(u && gram && w ? PERSONA_OK : mem_err(e, "a joint edit"));
    TRY(unit_rows(x->rows, k, d, u, e));
    const mat units = {u, k, d};
    TRY(linalg_gram(units, gram, e));
    if (x->cosines) {
        memcpy(x->cosines, gram, k * k * sizeof *gram);
    }
    TRY(condition_of(gram, k, w, &x->condition, e));
    TRY(linalg_gram(units, gram, e));
    memcpy(w, x->asked, k * sizeof *w);
    TRY(linalg_solve_spd(gram, k, EPSILON, w, 1, e));
    linalg_tmul(units, w, x->delta);
    const double length = vec_norm(x->delta, d);
    if (x->longest > 0 && length > x->longest) {
        x->scale = x->longest / length;
        vec_scale(x->delta, x->scale, d);
    }
out:
    mem_free(u);
    mem_free(gram);
    mem_free(w);
    return rc;
}

/* ---- groups ---------------------------------------------------------------------------------- */

typedef struct joint {
    size_t first, n;      /* terms */
    resolve_direction *d; /* (n) */
    const float **rows;   /* (n) those at one block */
    double *shifts;       /* (n) */
    size_t *terms;        /* (n) */
    double *cosines;      /* (n, n) */
} joint;

static persona_code put_gram(resolver *r, const joint *x, size_t k, int block, double condition,
                             persona_err *e)
{
    persona_receipt_gram *grown = mem_realloc(r->grams, r->n_grams + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "a receipt");
    }
    r->grams = grown;
    persona_receipt_gram *g = &grown[r->n_grams];
    *g = (persona_receipt_gram){.block = block, .n = k, .condition = condition};
    g->names = mem_calloc(k, sizeof *g->names);
    g->cosines = mem_calloc(k * k, sizeof *g->cosines);
    r->n_grams++;
    if (!g->names || !g->cosines) {
        return mem_err(e, "a receipt");
    }
    memcpy(g->cosines, x->cosines, k * k * sizeof *g->cosines);
    for (size_t i = 0; i < k; i++) {
        g->names[i] = steer_direction_text(&r->x->terms[x->terms[i]].v);
        if (!g->names[i]) {
            return mem_err(e, "a receipt");
        }
    }
    return PERSONA_OK;
}

/* What the group asks for at a block; how many of its terms act there. */
static persona_code gather(resolver *r, const joint *x, int block, size_t *k, double *h,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *k = 0;
    *h = (double)NAN;
    for (size_t i = 0; i < x->n; i++) {
        const resolve_direction *d = &x->d[i];
        const steer_term *t = &r->x->terms[x->first + i];
        double scale = 1;
        if (block < d->first || block > d->last || block >= d->v->n_layer || !d->rows[block]) {
            continue;
        }
        TRY(resolve_scale(r, t, d, block, &scale, e));
        x->rows[*k] = d->rows[block];
        x->terms[*k] = x->first + i;
        x->shifts[(*k)++] = t->coefficient * scale * vec_norm(d->rows[block], (size_t)d->v->n_embd);
        *h = isfinite(*h) ? *h : (double)d->v->layers[block].h_median;
    }
out:
    return rc;
}

static void remark(resolver *r, const resolve_shifts *s, int block)
{
    if (s->scale < 1) {
        resolve_note(r, "joint at block %d: scaled to %.3g of what was asked by its budget", block,
                     s->scale);
    }
    if (s->condition > MAX_CONDITION) {
        resolve_note(r,
                     "joint at block %d: the vectors are nearly dependent (condition %.3g), so "
                     "small shifts take a long edit",
                     block, s->condition);
    }
    for (size_t i = 0; i < s->k; i++) {
        r->delta += s->asked[i] * s->scale;
    }
}

static persona_code solve_block(resolver *r, const joint *x, int block, persona_edit edit,
                                persona_err *e)
{
    const double budget = r->x->terms[x->first].budget;
    resolve_shifts s = {.rows = x->rows,
                        .d = (size_t)persona_model_info_get(r->m)->n_embd,
                        .asked = x->shifts,
                        .cosines = x->cosines};
    persona_code rc = PERSONA_OK;
    double h = 0;
    TRY(gather(r, x, block, &s.k, &h, e));
    if (s.k == 0) {
        goto out;
    }
    if (budget > 0 && !(h > 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "joint: ||h|| at block %d is not known, so it can have no budget; "
                               "measure it: persona vector calibrate",
                               block);
    }
    s.longest = budget > 0 ? budget * h : 0;
    s.delta = resolve_keep(r, s.d * sizeof *s.delta);
    TRY(s.delta ? PERSONA_OK : mem_err(e, "a joint edit"));
    TRY(resolve_solve(&s, e));
    TRY(put_gram(r, x, s.k, block, s.condition, e));
    remark(r, &s, block);
    edit.op = PERSONA_OP_ADD;
    edit.block = block;
    edit.alpha = vec_norm(s.delta, s.d) > 0 ? 1 : 0;
    edit.v = s.delta;
    TRY(resolve_add(r, &edit, e));
out:
    return rc;
}

persona_code resolve_joint(resolver *r, size_t i, size_t n, persona_edit manner, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    joint x = {.first = i, .n = n};
    const int n_layer = persona_model_info_get(r->m)->n_layer;
    x.d = mem_calloc(n, sizeof *x.d);
    x.rows = mem_calloc(n, sizeof *x.rows);
    x.shifts = mem_calloc(n, sizeof *x.shifts);
    x.terms = mem_calloc(n, sizeof *x.terms);
    x.cosines = mem_calloc(n * n, sizeof *x.cosines);
    TRY(x.d && x.rows && x.shifts && x.terms && x.cosines ? PERSONA_OK
                                                          : mem_err(e, "a joint edit"));
    for (size_t k = 0; k < n; k++) {
        TRY(resolve_find_direction(r, &r->x->terms[i + k], &x.d[k], e));
    }
    for (int b = 0; b < n_layer; b++) {
        TRY(solve_block(r, &x, b, manner, e));
    }
out:
    mem_free(x.d);
    mem_free(x.rows);
    mem_free(x.shifts);
    mem_free(x.terms);
    mem_free(x.cosines);
    return rc;
}

/* ---- warnings -------------------------------------------------------------------------------- */

static void warn(resolver *r, const resolve_added *a, const resolve_added *b, double cosine)
{
    char *first = steer_direction_text(&r->x->terms[a->term].v);
    char *second = steer_direction_text(&r->x->terms[b->term].v);
    if (first && second) {
        const bool against =
            cosine * r->x->terms[a->term].coefficient * r->x->terms[b->term].coefficient < 0;
        resolve_note(r,
                     "%s and %s have a cosine of %.2f at block %d: what they share %s "
                     "(joint(...) shifts each by what is asked)",
                     first, second, cosine, a->block, against ? "cancels" : "counts twice");
    }
    mem_free(first);
    mem_free(second);
}

/* The largest cosine of terms i and k, and where. */
typedef struct clash {
    double cosine;
    const resolve_added *a, *b;
} clash;

/* What is added at one block, and room for its cosines. */
typedef struct meeting {
    const resolve_added **list; /* (k) */
    const float **rows;         /* (k) */
    size_t *alike;              /* (terms): the first term of the same direction */
    size_t k, d;
    float *units; /* (k, d) */
    double *gram; /* (k, k) */
} meeting;

static void gather_block(const resolver *r, int block, meeting *x)
{
    x->k = 0;
    for (size_t p = 0; p < r->n_added; p++) {
        if (r->added[p].block == block && vec_norm(r->added[p].row, x->d) > 0) {
            x->rows[x->k] = r->added[p].row;
            x->list[x->k++] = &r->added[p];
        }
    }
}

/* The first term of the same direction as term i. */
static size_t first_alike(const resolver *r, size_t i)
{
    size_t k = 0;
    while (k < i && !steer_direction_equal(&r->x->terms[k].v, &r->x->terms[i].v)) {
        k++;
    }
    return k;
}

static persona_code compare_block(const resolver *r, const meeting *x, clash *worst, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const mat units = {x->units, x->k, x->d};
    TRY(unit_rows(x->rows, x->k, x->d, x->units, e));
    TRY(linalg_gram(units, x->gram, e));
    for (size_t p = 0; p < x->k; p++) {
        for (size_t q = p + 1; q < x->k; q++) {
            const resolve_added *a = x->list[p], *b = x->list[q];
            const double cosine = x->gram[p * x->k + q];
            const size_t i = x->alike[a->term], k = x->alike[b->term];
            clash *c = i < k ? &worst[i * r->x->n + k] : &worst[k * r->x->n + i];
            if (i != k && fabs(cosine) > fabs(c->cosine)) {
                *c = (clash){cosine, a, b};
            }
        }
    }
out:
    return rc;
}

static void say_clashes(resolver *r, const clash *worst)
{
    const size_t n = r->x->n;
    size_t n_said = 0;
    for (size_t i = 0; i < n * n; i++) {
        if (fabs(worst[i].cosine) > MAX_COSINE && n_said++ < MOST_SAID) {
            warn(r, worst[i].a, worst[i].b, worst[i].cosine);
        }
    }
    if (n_said > MOST_SAID) {
        resolve_note(r, "and %zu more pairs of vectors have a cosine beyond %.1f",
                     n_said - MOST_SAID, MAX_COSINE);
    }
}

/* Each pair of directions once, where it is worst. */
persona_code resolve_conflicts(resolver *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_model_info *info = persona_model_info_get(r->m);
    const size_t d = (size_t)info->n_embd, n = r->x->n;
    meeting x = {.d = d};
    size_t most = 0;
    clash *worst = mem_calloc(n * n, sizeof *worst);
    x.list = mem_calloc(r->n_added + 1, sizeof(const resolve_added *));
    x.rows = mem_calloc(r->n_added + 1, sizeof(const float *));
    x.alike = mem_calloc(n, sizeof *x.alike);
    TRY(worst && x.list && x.rows && x.alike ? PERSONA_OK : mem_err(e, "a receipt"));
    for (size_t i = 0; i < n; i++) {
        x.alike[i] = first_alike(r, i);
    }
    for (int b = 0; b < info->n_layer; b++) {
        gather_block(r, b, &x);
        most = x.k > most ? x.k : most;
    }
    if (most < 2) {
        goto out;
    }
    x.units = mem_calloc(most, d * sizeof *x.units);
    x.gram = mem_calloc(most, most * sizeof *x.gram);
    TRY(x.units && x.gram ? PERSONA_OK : mem_err(e, "a receipt"));
    for (int b = 0; b < info->n_layer; b++) {
        gather_block(r, b, &x);
        TRY(x.k > 1 ? compare_block(r, &x, worst, e) : PERSONA_OK);
    }
    say_clashes(r, worst);
out:
    mem_free(worst);
    mem_free(x.list);
    mem_free(x.rows);
    mem_free(x.alike);
    mem_free(x.units);
    mem_free(x.gram);
    return rc;
}
