/* SPDX-License-Identifier: MIT
 *
 * linalg.c - dense linear algebra; the only file that includes cblas and lapacke.
 *
 * All that is summed over many terms is summed in double, whatever the storage. Matrices are
 * row-major here and column-major in LAPACK: for symmetric ones both are the same, so LAPACK gets
 * ours untransposed, and a "lower" factor comes back as our upper one. LAPACKE's own row-major mode
 * would copy n x n each way. Results depend on the number of threads in the last bits.
 */
#include "base/linalg.h"

#include <assert.h>
#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Only OpenBLAS has it; weak, so that any other CBLAS links as well. */
void openblas_set_num_threads(int num_threads) __attribute__((weak));

enum {
    LANES = 8,                    /* independent sums: two AVX2 registers of doubles */
    BLOCK = 256,                  /* columns that linalg_tmul sums at a time, on the stack */
    GRAM_BYTES = 8 * 1024 * 1024, /* of one block of columns in double */
    GRAM_COLUMNS = 512,
    GRAM_DOUBLE = 1024, /* rows up to which products are double, too */
    GRAM_SINGLE = 256,  /* columns of a block that is summed in single precision */
};

/* ---- vectors -------------------------------------------------------------------------------- */

double vec_dot(const float *a, const float *b, size_t d)
{
    double lane[LANES] = {0}, sum = 0.0;
    size_t j = 0;
    for (; j + LANES <= d; j += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lane[k] += (double)a[j + k] * (double)b[j + k];
        }
    }
    for (; j < d; j++) {
        sum += (double)a[j] * (double)b[j];
    }
    for (size_t k = 0; k < LANES; k++) {
        sum += lane[k];
    }
    return sum;
}

double vec_norm(const float *a, size_t d)
{
    return sqrt(vec_dot(a, a, d));
}

double vec_cos(const float *a, const float *b, size_t d)
{
    const double na = vec_norm(a, d), nb = vec_norm(b, d);
    if (!(na > 0.0) || !(nb > 0.0)) {
        return 0.0;
    }
    return fmax(-1.0, fmin(1.0, vec_dot(a, b, d) / na / nb));
}

void vec_axpy(float *y, double a, const float *x, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        y[j] = (float)((double)y[j] + a * (double)x[j]);
    }
}

void vec_scale(float *y, double a, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        y[j] = (float)(a * (double)y[j]);
    }
}

bool vec_finite(const float *a, size_t d, size_t *bad)
{
    for (size_t j = 0; j < d; j++) {
        if (isfinite(a[j])) {
            continue;
        }
        if (bad) {
            *bad = j;
        }
        return false;
    }
    return true;
}

/* ---- matrices ------------------------------------------------------------------------------- */

static bool fits_int(size_t n)
{
    return n <= INT_MAX;
}

static persona_code too_big(persona_err *e, size_t n)
{
    return persona_err_set(e, PERSONA_E_SHAPE, "a matrix of %zu rows is too large for BLAS", n);
}

static void mirror(double *k, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            k[i * n + j] = k[j * n + i];
        }
    }
}

/* The upper triangle, block by block of columns. */
static persona_code gram_single(mat x, double *k, persona_err *e)
{
    float *part = mem_calloc(x.n, x.n * sizeof *part);
    if (!part) {
        return mem_err(e, "a Gram matrix");
    }
    memset(k, 0, x.n * x.n * sizeof *k);
    for (size_t j0 = 0; j0 < x.d; j0 += GRAM_SINGLE) {
        const size_t w = x.d - j0 < GRAM_SINGLE ? x.d - j0 : GRAM_SINGLE;
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)x.n, (int)w, 1.0f, x.p + j0,
                    (int)x.d, 0.0f, part, (int)x.n);
        for (size_t i = 0; i < x.n; i++) {
            for (size_t j = i; j < x.n; j++) {
                k[i * x.n + j] += (double)part[i * x.n + j];
            }
        }
    }
    mem_free(part);
    mirror(k, x.n);
    return PERSONA_OK;
}

persona_code linalg_gram(mat x, double *k, persona_err *e)
{
    if (!fits_int(x.n) || !fits_int(x.d)) {
        return too_big(e, x.n > x.d ? x.n : x.d);
    }
    if (x.n == 0) {
        return PERSONA_OK;
    }
    if (x.n > GRAM_DOUBLE) {
        return gram_single(x, k, e);
    }
    size_t width = GRAM_BYTES / sizeof(double) / x.n;
    width = width < 16 ? 16 : width > GRAM_COLUMNS ? GRAM_COLUMNS : width;
    width = width > x.d ? x.d : width;
    double *block = mem_calloc(x.n, (width ? width : 1) * sizeof *block); /* (n, width) */
    if (!block) {
        return mem_err(e, "a Gram matrix");
    }
    memset(k, 0, x.n * x.n * sizeof *k);
    for (size_t j0 = 0; j0 < x.d; j0 += width) {
        const size_t w = x.d - j0 < width ? x.d - j0 : width;
        for (size_t i = 0; i < x.n; i++) {
            for (size_t j = 0; j < w; j++) {
                block[i * w + j] = (double)x.p[i * x.d + j0 + j];
            }
        }
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)x.n, (int)w, 1.0, block, (int)w,
                    1.0, k, (int)x.n);
    }
    mirror(k, x.n);
    mem_free(block);
    return PERSONA_OK;
}

static persona_code lapack_err(persona_err *e, const char *what, lapack_int info, size_t n)
{
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR) {
        return mem_err(e, what);
    }
    if (info < 0) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "%s (%zu rows): the matrix has a value that "
                               "is not a number",
                               what, n);
    }
    return persona_err_set(e, PERSONA_E_NUMERIC, "%s (%zu rows) failed at %ld", what, n,
                           (long)info);
}

static void transpose(double *k, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            const double t = k[i * n + j];
            k[i * n + j] = k[j * n + i];
            k[j * n + i] = t;
        }
    }
}

persona_code linalg_eigh(double *k, size_t n, double *w, persona_err *e)
{
    if (!fits_int(n)) {
        return too_big(e, n);
    }
    if (n == 0) {
        return PERSONA_OK;
    }
    const lapack_int info =
        LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, k, (lapack_int)n, w);
    if (info != 0) {
        return lapack_err(e, "eigendecomposition", info, n);
    }
    transpose(k, n);
    return PERSONA_OK;
}

static persona_code not_positive(persona_err *e, size_t n, lapack_int row)
{
    return persona_err_set(
        e, PERSONA_E_NUMERIC,
        "the matrix (%zu rows) is not positive definite at row %ld; raise lambda", n,
        (long)row - 1);
}

persona_code linalg_invert_spd(double *k, size_t n, persona_err *e)
{
    if (!fits_int(n)) {
        return too_big(e, n);
    }
    if (n == 0) {
        return PERSONA_OK;
    }
    lapack_int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)n, k, (lapack_int)n);
    if (info > 0) {
        return not_positive(e, n, info);
    }
    if (info == 0) {
        info = LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', (lapack_int)n, k, (lapack_int)n);
    }
    if (info != 0) {
        return lapack_err(e, "inversion", info, n);
    }
    mirror(k, n);
    return PERSONA_OK;
}

persona_code linalg_invert_spd_single(float *k, size_t n, persona_err *e)
{
    if (!fits_int(n)) {
        return too_big(e, n);
    }
    if (n == 0) {
        return PERSONA_OK;
    }
    lapack_int info = LAPACKE_spotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)n, k, (lapack_int)n);
    if (info > 0) {
        return not_positive(e, n, info);
    }
    if (info == 0) {
        info = LAPACKE_spotri(LAPACK_COL_MAJOR, 'L', (lapack_int)n, k, (lapack_int)n);
    }
    if (info != 0) {
        return lapack_err(e, "inversion", info, n);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            k[i * n + j] = k[j * n + i];
        }
    }
    return PERSONA_OK;
}

/* LAPACK sees A^T = V diag(s) U^T, so its left vectors are our V and its right ones our U. */
persona_code linalg_svd(double *a, size_t n, double *s, double *vt, persona_err *e)
{
    if (!fits_int(n)) {
        return too_big(e, n);
    }
    if (n == 0) {
        return PERSONA_OK;
    }
    double *left = mem_calloc(n, n * sizeof *left), *right = mem_calloc(n, n * sizeof *right);
    if (!left || !right) {
        mem_free(left);
        mem_free(right);
        return mem_err(e, "a singular value decomposition");
    }
    const lapack_int m = (lapack_int)n;
    const lapack_int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'A', m, m, a, m, s, left, m, right, m);
    /* left (column-major n x n) read by rows is V^T; right^T by rows is U. */
    memcpy(vt, left, n * n * sizeof *vt);
    memcpy(a, right, n * n * sizeof *a);
    mem_free(left);
    mem_free(right);
    return info == 0 ? PERSONA_OK : lapack_err(e, "singular value decomposition", info, n);
}

void linalg_gemm_single(const float *a, bool a_t, const float *b, bool b_t, float *c, size_t n,
                        size_t k, size_t m)
{
    assert(fits_int(n) && fits_int(k) && fits_int(m));
    if (n == 0 || m == 0) {
        return;
    }
    if (k == 0) {
        memset(c, 0, n * m * sizeof *c);
        return;
    }
    cblas_sgemm(CblasRowMajor, a_t ? CblasTrans : CblasNoTrans, b_t ? CblasTrans : CblasNoTrans,
                (int)n, (int)m, (int)k, 1.0f, a, a_t ? (int)n : (int)k, b, b_t ? (int)k : (int)m,
                0.0f, c, (int)m);
}

persona_code linalg_solve_spd(double *k, size_t n, double lambda, double *b, size_t m,
                              persona_err *e)
{
    if (!fits_int(n) || !fits_int(m)) {
        return too_big(e, n > m ? n : m);
    }
    if (n == 0 || m == 0) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < n; i++) {
        k[i * n + i] += lambda;
    }
    const lapack_int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)n, k, (lapack_int)n);
    if (info > 0) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "the matrix (%zu rows) is not positive "
                               "definite at row %ld with lambda %g; raise lambda",
                               n, (long)info - 1, lambda);
    }
    if (info != 0) {
        return lapack_err(e, "Cholesky factorisation", info, n);
    }
    /* R^T R = K + lambda I, R upper in our order. */
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (int)n, (int)m, 1.0,
                k, (int)n, b, (int)m);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int)n, (int)m,
                1.0, k, (int)n, b, (int)m);
    for (size_t i = 0; i < n * m; i++) {
        if (!isfinite(b[i])) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "the solution is not finite in row %zu, "
                                   "column %zu (lambda %g)",
                                   i / m, i % m, lambda);
        }
    }
    return PERSONA_OK;
}

void linalg_gemm(const double *a, const double *b, double *c, size_t n, size_t k, size_t m)
{
    assert(fits_int(n) && fits_int(k) && fits_int(m));
    if (n == 0 || m == 0) {
        return;
    }
    if (k == 0) {
        memset(c, 0, n * m * sizeof *c);
        return;
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)m, (int)k, 1.0, a, (int)k,
                b, (int)m, 0.0, c, (int)m);
}

void linalg_tmul(mat a, const double *x, float *y)
{
    double sum[BLOCK];
    for (size_t j0 = 0; j0 < a.d; j0 += BLOCK) {
        const size_t w = a.d - j0 < BLOCK ? a.d - j0 : BLOCK;
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < a.n; i++) {
            const float *row = a.p + i * a.d + j0;
            for (size_t j = 0; j < w; j++) {
                sum[j] += x[i] * (double)row[j];
            }
        }
        for (size_t j = 0; j < w; j++) {
            y[j0 + j] = (float)sum[j];
        }
    }
}

void linalg_mul(mat a, const float *x, double *y)
{
    for (size_t i = 0; i < a.n; i++) {
        y[i] = vec_dot(a.p + i * a.d, x, a.d);
    }
}

void linalg_threads(int n)
{
    const long cores =
        sysconf(_SC_NPROCESSORS_ONLN); /* more threads than that only wait, spinning */
    if (openblas_set_num_threads) {
        openblas_set_num_threads(n < 1 ? 1 : cores > 0 && n > cores ? (int)cores : n);
    }
}
