/* SPDX-License-Identifier: MIT
 *
 * direction.c - from the responses of two poles to one direction: a table of methods.
 *
 * A method finds a direction; its sign and norm are set here by one rule. With the mean difference
 * m and the method's unit direction u,
 *     v = u <m, u>
 * so that v points from negative to positive whatever the sign of u was, and ||v|| is how far the
 * poles' means lie apart along it. For the mean difference itself that is m. Coefficients of
 * vectors from different methods therefore mean the same kind of thing. A direction at a right
 * angle to m has neither sign nor size and is refused.
 *
 *   mean      m itself; needs no rows, so memory is flat in the number of responses
 *   pca       first principal component of the centered pairs: the midpoint of each pair is
 *             subtracted from both members, which leaves +-delta/2 with mean zero, so it is the top
 *             eigenvector
 *             of D^T D, rows of D the differences delta (repeng's pca_center)
 *   logistic  logistic.c
 *
 * Found in the smaller of the two Gram matrices, D D^T or D^T D, by a full eigendecomposition: no
 * iteration has to converge, and whether the first component stands out from the second is known.
 */
#include "core/measure/direction.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/logistic.h"

#define MAX_SIDE 16384
#define MIN_PAIRS 2
#define MIN_COSINE 1e-3 /* below it, sign and size are noise */
#define MIN_GAP 1e-7    /* of two eigenvalues, relative: rows are floats */

static persona_code find_mean(const direction_data *data, float *u, direction_report *report,
                              persona_err *e)
{
    (void)report;
    (void)e;
    memcpy(u, data->mean, data->d * sizeof *u);
    return PERSONA_OK;
}

/* ---- pca ------------------------------------------------------------------------------------ */

/* Pair differences, (n, d), or transposed when that is the smaller Gram matrix. */
static void differences(const direction_data *data, bool across, float *out)
{
    const size_t n = data->pos.n, d = data->d;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) {
            out[across ? j * n + i : i * d + j] = data->pos.p[i * d + j] - data->neg.p[i * d + j];
        }
    }
}

/* The last column of eigenvectors, if its eigenvalue stands out. */
static persona_code leading(const double *vectors, const double *w, size_t side, double *top,
                            direction_report *report, persona_err *e)
{
    double trace = 0;
    for (size_t i = 0; i < side; i++) {
        trace += w[i];
    }
    if (!(w[side - 1] > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "pca: the two responses of every pair are the same");
    }
    if (side > 1 && !(w[side - 1] - w[side - 2] > MIN_GAP * w[side - 1])) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "pca: the first two principal components are equally strong "
                               "(eigenvalues %g and %g); more pairs are needed",
                               w[side - 1], w[side - 2]);
    }
    for (size_t i = 0; i < side; i++) {
        top[i] = vectors[i * side + side - 1];
    }
    report->explained = w[side - 1] / trace;
    return PERSONA_OK;
}

static persona_code find_pca(const direction_data *data, float *u, direction_report *report,
                             persona_err *e)
{
    const size_t n = data->pos.n, d = data->d, side = n < d ? n : d;
    const bool across = d < n;
    float *rows = mem_calloc(n, d * sizeof *rows);
    double *k = mem_calloc(side, side * sizeof *k), *w = mem_calloc(side, 2 * sizeof *w);
    double *top = w ? w + side : NULL;
    persona_code rc = PERSONA_OK;
    if (!rows || !k || !w) {
        rc = mem_err(e, "a principal component");
        goto out;
    }
    differences(data, across, rows);
    TRY(linalg_gram((mat){rows, side, across ? n : d}, k, e));
    TRY(linalg_eigh(k, side, w, e));
    TRY(leading(k, w, side, top, report, e));
    if (!across) {
        linalg_tmul((mat){rows, n, d}, top, u);
    }
    for (size_t j = 0; across && j < d; j++) {
        u[j] = (float)top[j];
    }
out:
    mem_free(w);
    mem_free(k);
    mem_free(rows);
    return rc;
}

/* ---- logistic ------------------------------------------------------------------------------- */

static persona_code find_logistic(const direction_data *data, float *u, direction_report *report,
                                  persona_err *e)
{
    logistic_report r;
    persona_code rc = logistic_fit(data->pos, data->neg, data->question, data->strength, u, &r, e);
    report->strength = r.strength;
    report->loss = r.loss;
    return rc;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const direction_method methods[] = {
    {"mean", "difference of the means", false, find_mean},
    {"pca", "first principal component of centered pairs", true, find_pca},
    {"logistic", "L2 logistic regression", true, find_logistic},
};

const direction_method *direction_methods(size_t *n)
{
    *n = sizeof methods / sizeof methods[0];
    return methods;
}

const direction_method *direction_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static persona_code check_rows(const direction_method *method, const direction_data *data,
                               persona_err *e)
{
    const mat sides[] = {data->pos, data->neg};
    const size_t n = data->pos.n;
    size_t bad = 0;
    if (data->neg.n != n || (n > 0 && (data->pos.d != data->d || data->neg.d != data->d))) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "method %s: %zu positive rows of width %zu, %zu negative of width %zu "
            "(expected pairs of width %zu)",
            method->name, n, data->pos.d, data->neg.n, data->neg.d, data->d);
    }
    if (n < MIN_PAIRS) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "method %s: %zu pairs (expected at least %d)",
                               method->name, n, MIN_PAIRS);
    }
    if ((2 * n < data->d ? 2 * n : data->d) > MAX_SIDE) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "method %s: %zu pairs of width %zu are too many (at most %d on the "
                               "smaller side); use method mean",
                               method->name, n, data->d, MAX_SIDE);
    }
    for (size_t s = 0; s < 2; s++) {
        if (!vec_finite(sides[s].p, n * data->d, &bad)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "method %s: %s row %zu, value %zu is not finite", method->name,
                                   s == 0 ? "positive" : "negative", bad / data->d, bad % data->d);
        }
    }
    return PERSONA_OK;
}

/* v = u <m, u> / ||u||^2. */
static persona_code set_norm(const direction_method *method, const direction_data *data, float *v,
                             direction_report *report, persona_err *e)
{
    const size_t d = data->d;
    const double norm = vec_norm(v, d), along = vec_dot(data->mean, v, d);
    if (!(norm > 0) || !isfinite(norm)) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "method %s: the direction is %s", method->name,
                               norm == 0 ? "zero" : "not finite");
    }
    report->cosine = fabs(vec_cos(data->mean, v, d));
    if (report->cosine < MIN_COSINE) {
        return persona_err_set(
            e, PERSONA_E_NUMERIC,
            "method %s: the direction is at a right angle to the mean difference "
            "(cosine %g), so it has no sign; use method mean",
            method->name, report->cosine);
    }
    vec_scale(v, along / norm / norm, d);
    return PERSONA_OK;
}

persona_code direction_make(const direction_method *method, const direction_data *data, float *v,
                            direction_report *report, persona_err *e)
{
    size_t bad = 0;
    *report = (direction_report){
        .cosine = (double)NAN,
        .explained = (double)NAN,
        .strength = (double)NAN,
        .loss = (double)NAN,
    };
    if (data->d == 0 || !vec_finite(data->mean, data->d, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "method %s: value %zu of the mean difference is not finite",
                               method->name, bad);
    }
    if (!(vec_norm(data->mean, data->d) > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "method %s: positive and negative responses have the same mean",
                               method->name);
    }
    persona_code rc = PERSONA_OK;
    TRY(method->needs_rows ? check_rows(method, data, e) : PERSONA_OK);
    TRY(method->find(data, v, report, e));
    TRY(set_norm(method, data, v, report, e));
out:
    return rc;
}
