/* SPDX-License-Identifier: MIT
 *
 * linalg.h - dense linear algebra on row-major float matrices; linalg.c is the only file that
 * includes cblas and lapacke. Sums that decide something accumulate in double.
 */
#ifndef PERSONA_BASE_LINALG_H
#define PERSONA_BASE_LINALG_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

/* View: n rows of d floats, p[i*d+j]. Never owns. */
typedef struct mat {
    float *p;
    size_t n, d;
} mat;

double vec_dot(const float *a, const float *b, size_t d);
double vec_norm(const float *a, size_t d);
double vec_cos(const float *a, const float *b, size_t d);    /* 0 when a norm is 0 */
void vec_axpy(float *y, double a, const float *x, size_t d); /* y += a x */
void vec_scale(float *y, double a, size_t d);
bool vec_finite(const float *a, size_t d, size_t *bad); /* index of the first bad value */

/* K (n x n, double) = X X^T over blocks of columns; both triangles. Up to 1024 rows in double;
 * more in single precision within a block and in double over blocks: an entry is then within about
 * 256 eps ||x_i|| ||x_j||, in practice within a few eps. */
PERSONA_CHECK persona_code linalg_gram(mat x, double *k, persona_err *e);
/* Symmetric eigendecomposition K = U diag(w) U^T in place: k becomes U (row-major, columns are
 * eigenvectors), w ascending. Errors: NUMERIC. */
PERSONA_CHECK persona_code linalg_eigh(double *k, size_t n, double *w, persona_err *e);
/* Solves (K + lambda I) a = b for m right-hand sides (b: n x m row-major, overwritten) by Cholesky;
 * k is overwritten. Errors: NUMERIC (not positive definite). */
PERSONA_CHECK persona_code linalg_solve_spd(double *k, size_t n, double lambda, double *b, size_t m,
                                            persona_err *e);
/* The inverse of a symmetric positive definite matrix, in place, both triangles. Errors:
 * NUMERIC. */
PERSONA_CHECK persona_code linalg_invert_spd(double *k, size_t n, persona_err *e);
PERSONA_CHECK persona_code linalg_invert_spd_single(float *k, size_t n, persona_err *e);
/* A (n x n) = U diag(s) V^T, s falling; a is overwritten by U, vt gets V^T. Errors: NUMERIC. */
PERSONA_CHECK persona_code linalg_svd(double *a, size_t n, double *s, double *vt, persona_err *e);
/* C (n x m) = op(A) op(B) in single precision, row-major; a_t: A is stored (k x n), b_t: B (m x
 * k). */
void linalg_gemm_single(const float *a, bool a_t, const float *b, bool b_t, float *c, size_t n,
                        size_t k, size_t m);
/* C (n x m) = A (n x k) B (k x m), doubles, row-major. */
void linalg_gemm(const double *a, const double *b, double *c, size_t n, size_t k, size_t m);
/* y (d) = A^T x for a float matrix A (n x d) and double x (n). */
void linalg_tmul(mat a, const double *x, float *y);
/* y (n) = A x for a float matrix A (n x d) and float x (d). */
void linalg_mul(mat a, const float *x, double *y);
/* OpenBLAS threads spin: set them for a fit, 1 while decoding. No more than there are cores. */
void linalg_threads(int n);

#endif
