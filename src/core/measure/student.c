/* SPDX-License-Identifier: MIT
 *
 * student.c - tail probabilities of Student's t distribution, by the incomplete beta function. For
 * controls of which there are only a few draws: their spread is an estimate, and t knows it.
 */
#include <math.h>

#include "core/measure/stats.h"

/* The continued fraction of the incomplete beta function, by Lentz's method; it converges fast for
 * x below (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    static const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 300; m++) {
        const double k = m;
        const double steps[2] = {k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)),
                                 -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))};
        double change = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + steps[i] * d;
            c = 1 + steps[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            h *= change;
        }
        if (fabs(change - 1) < 1e-15) {
            break;
        }
    }
    return h;
}

/* Regularized incomplete beta function I_x(a, b). */
static double beta_share(double x, double a, double b)
{
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a
                                     : 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stat_t_above(double t, double df)
{
    if (isnan(t) || !(df > 0)) {
        return (double)NAN;
    }
    const double tail = beta_share(df / (df + t * t), df / 2, 0.5) / 2;
    return t > 0 ? tail : 1 - tail;
}
