/* SPDX-License-Identifier: MIT
 *
 * lowrank.c - maps through k principal components of each side (methods 5.3, a and b).
 *
 *   lowrank      X_k = X~ V_x,  Y_k = Y~ V_y,  B = (X_k^T X_k + lambda I)^-1 X_k^T Y_k, then V_x B
 *                V_y^T
 *   procrustes   the rotation R = U V^T of X_k^T Y_k = U S V^T instead of B, times one number that
 *                fits best: it keeps the norms and angles of what it maps
 *
 * lowrank chooses lambda for each rank, and the rank, by leaving groups out in closed form within
 * the basis of all rows; procrustes its rank on one fold. What both report is measured with the
 * bases refitted.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/leaveout.h"
#include "core/map/mapmethods.h"

#define LIVE 1e-9 /* of the largest eigenvalue: less is rounding */

static const int ranks[] = {16, 50, 128, 256};
enum { N_RANKS = sizeof ranks / sizeof *ranks };

/* Principal components of prepared rows, strongest first. */
typedef struct basis {
    size_t k;
    double *w;     /* (k) eigenvalues of z z^T */
    float *v;      /* (k, d) orthonormal */
    float *scores; /* (n, k) = z v^T */
    double mean;   /* eigenvalue of z z^T over all rows */
} basis;

static void basis_free(basis *b)
{
    mem_free(b->w);
    mem_free(b->v);
    mem_free(b->scores);
}

/* v (k, d) from the eigenvectors u (m, m; columns, rising) of z z^T (by_rows) or z^T z. */
static void directions(const map_side *s, const double *u, size_t m, bool by_rows, basis *b)
{
    for (size_t k = 0; k < b->k; k++) {
        const size_t column = m - 1 - k;
        float *v = b->v + k * s->d;
        for (size_t i = 0; by_rows && i < m; i++) {
            vec_axpy(v, u[i * m + column] / sqrt(b->w[k]), s->z + i * s->d, s->d);
        }
        for (size_t i = 0; !by_rows && i < m; i++) {
            v[i] = (float)u[i * m + column];
        }
    }
}

static persona_code basis_make(const map_side *s, size_t most, basis *b, persona_err *e)
{
    const bool by_rows = s->n < s->d;
    const size_t m = by_rows ? s->n : s->d;
    double *u = mem_calloc(m, m * sizeof *u), *w = mem_calloc(m, sizeof *w);
    float *turned = by_rows ? NULL : mem_calloc(s->d, s->n * sizeof *turned);
    *b = (basis){.k = 0};
    persona_code rc = PERSONA_OK;
    TRY(u && w && (by_rows || turned) ? PERSONA_OK : mem_err(e, "the components of a map"));
    for (size_t i = 0; !by_rows && i < s->n; i++) {
        for (size_t j = 0; j < s->d; j++) {
            turned[j * s->n + i] = s->z[i * s->d + j];
        }
    }
    TRY(linalg_gram(by_rows ? (mat){s->z, s->n, s->d} : (mat){turned, s->d, s->n}, u, e));
    TRY(linalg_eigh(u, m, w, e));
    while (b->k < most && b->k < m && w[m - 1 - b->k] > LIVE * w[m - 1]) {
        b->k++;
    }
    b->w = mem_calloc(b->k, sizeof *b->w);
    b->v = mem_calloc(b->k, s->d * sizeof *b->v);
    b->scores = mem_calloc(s->n, b->k * sizeof *b->scores);
    if (!b->w || !b->v || !b->scores) {
        rc = mem_err(e, "the components of a map");
        goto out;
    }
    for (size_t i = 0; i < m; i++) {
        b->mean += fmax(w[i], 0) / (double)s->n;
    }
    for (size_t k = 0; k < b->k; k++) {
        b->w[k] = w[m - 1 - k];
    }
    directions(s, u, m, by_rows, b);
    linalg_gemm_single(s->z, false, b->v, true, b->scores, s->n, s->d, b->k);
out:
    mem_free(turned);
    mem_free(w);
    mem_free(u);
    return rc;
}

/* ---- both sides ------------------------------------------------------------------------------ */

typedef struct sides {
    map_side x, y;
    basis bx, by;
    double *cross; /* (kx, ky) = X_k^T Y_k */
} sides;

static void sides_free(sides *s)
{
    mem_free(s->cross);
    basis_free(&s->by);
    basis_free(&s->bx);
    map_side_free(&s->y);
    map_side_free(&s->x);
}

static persona_code sides_make(const map_data *d, const size_t *order, size_t rank, sides *s,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(map_side_make(&s->x, d->x, order, true, "source", e));
    TRY(map_side_make(&s->y, d->y, order, true, "target", e));
    TRY(basis_make(&s->x, rank, &s->bx, e));
    TRY(basis_make(&s->y, rank, &s->by, e));
    const size_t kx = s->bx.k, ky = s->by.k;
    s->cross = mem_calloc(kx, ky * sizeof *s->cross);
    if (!s->cross) {
        rc = mem_err(e, "the components of a map");
        goto out;
    }
    for (size_t i = 0; i < s->x.n; i++) {
        for (size_t a = 0; a < kx; a++) {
            for (size_t b = 0; b < ky; b++) {
                s->cross[a * ky + b] +=
                    (double)s->bx.scores[i * kx + a] * (double)s->by.scores[i * ky + b];
            }
        }
    }
out:
    return rc;
}

/* left = V_x / s_x, right = middle V_y * s_y with middle (kx, ky). */
static persona_code join(const sides *s, const double *middle, map **out, persona_err *e)
{
    const size_t kx = s->bx.k, ky = s->by.k, ds = s->x.d, dt = s->y.d;
    map *m = map_new(ds, kx, dt);
    double *row = mem_calloc(dt, sizeof *row);
    const bool ok = m && row;
    for (size_t a = 0; ok && a < kx; a++) {
        for (size_t j = 0; j < ds; j++) {
            m->left[a * ds + j] = s->bx.v[a * ds + j] / s->x.scale[j];
        }
        memset(row, 0, dt * sizeof *row);
        for (size_t b = 0; b < ky; b++) {
            for (size_t j = 0; j < dt; j++) {
                row[j] += middle[a * ky + b] * (double)s->by.v[b * dt + j];
            }
        }
        for (size_t j = 0; j < dt; j++) {
            m->right[a * dt + j] = (float)(row[j] * (double)s->y.scale[j]);
        }
    }
    mem_free(row);
    if (!ok) {
        map_free(m);
        return mem_err(e, "a map");
    }
    *out = m;
    return PERSONA_OK;
}

static persona_code refit_lowrank(const map_data *d, const map_opts *o, map **out, persona_err *e)
{
    sides s = {.cross = NULL};
    persona_code rc = PERSONA_OK;
    TRY(sides_make(d, NULL, (size_t)o->rank, &s, e));
    for (size_t a = 0; a < s.bx.k; a++) {
        for (size_t b = 0; b < s.by.k; b++) {
            s.cross[a * s.by.k + b] /= s.bx.w[a] + o->lambda * s.bx.mean;
        }
    }
    TRY(join(&s, s.cross, out, e));
out:
    sides_free(&s);
    return rc;
}

/* The singular value decomposition is of a square matrix: the smaller side is padded with zeros,
 * whose vectors no factor uses. */
static persona_code rotation(sides *s, persona_err *e)
{
    const size_t kx = s->bx.k, ky = s->by.k, k = kx > ky ? kx : ky, least = kx < ky ? kx : ky;
    double *u = mem_calloc(k, k * sizeof *u), *vt = mem_calloc(k, k * sizeof *vt);
    double *sigma = mem_calloc(k, sizeof *sigma), trace = 0, squares = 0;
    persona_code rc = PERSONA_OK;
    TRY(u && vt && sigma ? PERSONA_OK : mem_err(e, "the rotation of a map"));
    for (size_t a = 0; a < kx; a++) {
        memcpy(u + a * k, s->cross + a * ky, ky * sizeof *u);
    }
    TRY(linalg_svd(u, k, sigma, vt, e));
    for (size_t i = 0; i < least; i++) {
        trace += sigma[i];
    }
    for (size_t a = 0; a < kx; a++) {
        squares += s->bx.w[a];
    }
    for (size_t a = 0; a < kx; a++) {
        for (size_t b = 0; b < ky; b++) {
            double sum = 0;
            for (size_t i = 0; i < least; i++) {
                sum += u[a * k + i] * vt[i * k + b];
            }
            s->cross[a * ky + b] = sum * trace / squares;
        }
    }
out:
    mem_free(sigma);
    mem_free(vt);
    mem_free(u);
    return rc;
}

static persona_code refit_procrustes(const map_data *d, const map_opts *o, map **out,
                                     persona_err *e)
{
    sides s = {.cross = NULL};
    persona_code rc = PERSONA_OK;
    TRY(sides_make(d, NULL, (size_t)o->rank, &s, e));
    TRY(rotation(&s, e));
    TRY(join(&s, s.cross, out, e));
out:
    sides_free(&s);
    return rc;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* The ranks to try: those of the table that leave a fifth of the data's dimensions over, or half
 * of a small one. Returns how many. */
static size_t ranks_for(const map_data *d, const map_opts *o, int *out)
{
    size_t n = 0, most = d->x.n - 1;
    most = d->x.d < most ? d->x.d : most;
    most = d->y.d < most ? d->y.d : most;
    if (o->rank > 0) {
        out[0] = o->rank;
        return 1;
    }
    for (size_t i = 0; i < N_RANKS; i++) {
        if ((size_t)ranks[i] * 5 <= most * 4) {
            out[n++] = ranks[i];
        }
    }
    if (n == 0) {
        out[n++] = most > 1 ? (int)(most / 2) : 1;
    }
    return n;
}

/* The lambda that leaves least at one rank, and how much that is. */
static persona_code best_lambda(const sides *s, const map_groups *g, size_t rank, const map_opts *o,
                                leaveout_best *best, persona_err *e)
{
    const size_t n = s->x.n, k = s->bx.k < rank ? s->bx.k : rank;
    double lambdas[LEAVEOUT_LAMBDAS];
    leaveout l = {.n = 0};
    leaveout_target t = {.n_sets = 1};
    leaveout_search search = {.targets = &t, .n_targets = 1, .lambdas = lambdas};
    float *scores = mem_calloc(n, k * sizeof *scores),
          *sketch = leaveout_sketch(&s->y, 1, o->seed, &t.width);
    persona_code rc = PERSONA_OK;
    TRY(scores && sketch ? PERSONA_OK : mem_err(e, "the search of a map"));
    t.y = sketch;
    search.n_lambdas = leaveout_grid(o->lambda, lambdas);
    for (size_t i = 0; i < n; i++) {
        memcpy(scores + i * k, s->bx.scores + i * s->bx.k, k * sizeof *scores);
    }
    TRY(leaveout_begin(&l, scores, k, g, n, true, e));
    /* relative to the mean eigenvalue of all rows, not of these components */
    const double ratio = s->bx.mean / l.mean;
    for (size_t i = 0; i < search.n_lambdas; i++) {
        lambdas[i] *= ratio;
    }
    TRY(leaveout_run(&l, &search, best, e));
    best->lambda /= ratio;
out:
    leaveout_end(&l);
    mem_free(sketch);
    mem_free(scores);
    return rc;
}

static persona_code choose_lowrank(const map_data *d, map_opts *o, persona_err *e)
{
    int tried[N_RANKS + 1];
    const size_t n = ranks_for(d, o, tried);
    double best_r2 = -(double)INFINITY;
    map_groups g = {.n_used = 0};
    sides s = {.cross = NULL};
    map_opts chosen = *o;
    persona_code rc = PERSONA_OK;
    TRY(map_groups_make(&g, d->group, d->x.n, d->n_groups, e));
    TRY(sides_make(d, g.order, (size_t)tried[n - 1], &s, e));
    for (size_t i = 0; i < n; i++) {
        leaveout_best best = {.r2 = -(double)INFINITY};
        TRY(best_lambda(&s, &g, (size_t)tried[i], o, &best, e));
        if (best.r2 > best_r2) {
            best_r2 = best.r2;
            chosen.rank = tried[i];
            chosen.lambda = best.lambda;
        }
    }
out:
    *o = chosen;
    sides_free(&s);
    map_groups_free(&g);
    return rc;
}

static persona_code choose_procrustes(const map_data *d, map_opts *o, persona_err *e)
{
    int tried[N_RANKS + 1];
    const size_t n = ranks_for(d, o, tried);
    double best_r2 = -(double)INFINITY;
    map_opts chosen = *o;
    persona_code rc = PERSONA_OK;
    chosen.rank = tried[0];
    for (size_t i = 0; n > 1 && i < n; i++) {
        map_opts one = *o;
        double r2 = 0;
        one.rank = tried[i];
        TRY(map_folds_r2(d, &one, refit_procrustes, &r2, e));
        if (r2 > best_r2) {
            best_r2 = r2;
            chosen.rank = tried[i];
        }
    }
out:
    *o = chosen;
    return rc;
}

static size_t groups_used(const map_data *d, persona_err *e)
{
    map_groups g;
    const persona_code rc = map_groups_make(&g, d->group, d->x.n, d->n_groups, e);
    const size_t n = rc == PERSONA_OK ? g.n_used : 0;
    map_groups_free(&g);
    return n;
}

static persona_code finish(const map_data *d, const map_opts *o, map_refit *fit, map **out,
                           map_report *rep, persona_err *e)
{
    rep->n = d->x.n;
    rep->n_groups = groups_used(d, e);
    rep->rank = (size_t)o->rank;
    persona_code rc = PERSONA_OK;
    TRY(rep->n_groups > 0 ? fit(d, o, out, e) : PERSONA_E_NOMEM);
    TRY(map_by_folds(d, o, fit, rep, e));
out:
    if (rc != PERSONA_OK) {
        map_free(*out);
        *out = NULL;
    }
    return rc;
}

persona_code map_fit_lowrank(const map_data *d, const map_opts *given, map **out, map_report *rep,
                             persona_err *e)
{
    map_opts o = *given;
    persona_code rc = choose_lowrank(d, &o, e);
    rep->lambda = o.lambda;
    return rc == PERSONA_OK ? finish(d, &o, refit_lowrank, out, rep, e) : rc;
}

persona_code map_fit_procrustes(const map_data *d, const map_opts *given, map **out,
                                map_report *rep, persona_err *e)
{
    map_opts o = *given;
    persona_code rc = choose_procrustes(d, &o, e);
    return rc == PERSONA_OK ? finish(d, &o, refit_procrustes, out, rep, e) : rc;
}
