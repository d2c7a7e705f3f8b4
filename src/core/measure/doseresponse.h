/* SPDX-License-Identifier: MIT
 *
 * doseresponse.h - what a sweep over coefficients says: how far one may steer, and how far one
 * should.
 */
#ifndef PERSONA_CORE_DOSERESPONSE_H
#define PERSONA_CORE_DOSERESPONSE_H

#include <stddef.h>

#include "persona/error.h"

/* One coefficient of a sweep, any order. NAN: not measured, which never counts as coherent. */
typedef struct dose_point {
    double coefficient, score, coherence;
} dose_point;

/* NAN where there is none. */
typedef struct dose_response {
    double low, high;         /* safe range, low <= 0 <= high */
    double promote, suppress; /* recommended coefficients, one of the points each */
    double promote_score, suppress_score;
    double spearman; /* of coefficient and score over the safe points */
} dose_response;

/* Errors: SHAPE (no points), NUMERIC (a coefficient is not finite, threshold), NOMEM. */
PERSONA_CHECK persona_code dose_summarize(const dose_point *points, size_t n, double threshold,
                                          dose_response *out, persona_err *e);

#endif
