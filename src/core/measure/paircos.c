/* SPDX-License-Identifier: MIT
 *
 * paircos.c - the sum over all ordered pairs of different members is ||sum||^2 - n, since each unit
 * vector's product with itself is 1.
 */
#include "core/measure/paircos.h"

#include <math.h>

void paircos_add(const float *pos, const float *neg, size_t d, double *sum)
{
    double square = 0;
    for (size_t i = 0; i < d; i++) {
        const double x = (double)pos[i] - (double)neg[i];
        square += x * x;
    }
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t i = 0; i < d; i++) {
        sum[i] += scale * ((double)pos[i] - (double)neg[i]);
    }
}

double paircos_mean(const double *sum, size_t d, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < d; i++) {
        square += sum[i] * sum[i];
    }
    return n < 2 ? (double)NAN : (square - (double)n) / ((double)n * (double)(n - 1));
}
