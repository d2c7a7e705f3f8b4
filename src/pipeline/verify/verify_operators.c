/* SPDX-License-Identifier: MIT
 *
 * verify_operators.c - what each operator of steering means, written down a second time, apart from
 * the engine's own table (verifier.h).
 */
#include <math.h>

#include "pipeline/verify/verifier.h"

persona_edit verify_edit(const verifier *x, persona_op op)
{
    const double h = x->h, p = x->p, adds = 0.3 * h / x->length;
    const struct {
        double alpha, x, band, limit;
    } numbers[] = {
        [PERSONA_OP_ADD] = {adds, 0, 0, 0},
        [PERSONA_OP_ABLATE] = {1, 0, 0, 0},
        [PERSONA_OP_CAP] = {1, p - 0.2 * h, 0, 0},
        [PERSONA_OP_FLOOR] = {1, p + 0.2 * h, 0, 0},
        [PERSONA_OP_CLAMP] = {1, p + 0.25 * h, 0, 0},
        [PERSONA_OP_KEEPNORM] = {adds, 0, 0, 0},
        [PERSONA_OP_ROTATE] = {20, 0, 0, 0},
        [PERSONA_OP_HOLD] = {1, p + h, 0.1 * h, 0.3 * h},
    };
    return (persona_edit){.op = op,
                          .block = x->block,
                          .phases = PERSONA_PHASE_RESPONSE,
                          .alpha = (float)numbers[op].alpha,
                          .v = x->v,
                          .x = (float)numbers[op].x,
                          .band = (float)numbers[op].band,
                          .limit = (float)numbers[op].limit};
}

double verify_expected(const persona_edit *x, double length, double p, double norm)
{
    const double a = (double)x->alpha, to = (double)x->x, l = a * length;
    const double angle = acos(fmax(-1, fmin(1, p / norm))), pi = acos(-1.0);
    switch (x->op) {
    case PERSONA_OP_ADD:
        return p + l;
    case PERSONA_OP_ABLATE:
        return p - a * p;
    case PERSONA_OP_CAP:
        return p > to ? p - a * (p - to) : p;
    case PERSONA_OP_FLOOR:
        return p < to ? p - a * (p - to) : p;
    case PERSONA_OP_CLAMP:
        return p + a * (to - p);
    case PERSONA_OP_KEEPNORM:
        return norm * (p + l) / sqrt(norm * norm + 2 * l * p + l * l);
    case PERSONA_OP_ROTATE:
        return norm * cos(fmin(fmax(angle - a * pi / 180, 0), pi));
    case PERSONA_OP_HOLD: /* depends on the tokens before; its own measure is compared */
    default:
        return (double)NAN;
    }
}
