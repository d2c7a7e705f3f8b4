/* SPDX-License-Identifier: MIT
 *
 * operator.c - the table of operators (operator.h). Sign: v points from absence to presence of the
 * trait; u = v/||v||, p = <h,u>. METHOD.md has the formulas with their sources.
 *
 * Every operator but add and keepnorm keeps u in its data, so that p is one product of the row and
 * the data; these two keep alpha v and its length. Those that only move a row along u say how far
 * (`asked`), and one loop does it (along_u). Sums accumulate in double, rows stay float32.
 */
#include "engine/operator.h"

#include <float.h>
#include <math.h>

#include "base/linalg.h"

/* Below this share of its length a row's part across u is rounding: it has no plane with u. */
#define NO_PLANE 1e-6
#define PI 3.14159265358979323846

/* ---- what several share ---------------------------------------------------------------------- */

/* u, then the numbers of the edit, as many as the operator has. */
static void keep_direction(float *data, const persona_edit *x, size_t n)
{
    const double length = vec_norm(x->v, n);
    for (size_t i = 0; i < n; i++) {
        data[i] = (float)((double)x->v[i] / length);
    }
    data[n] = x->alpha;
}

static void keep_direction_and_limit(float *data, const persona_edit *x, size_t n)
{
    keep_direction(data, x, n);
    data[n + 1] = x->x;
}

static void sum_vectors(float *data, const persona_edit *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        data[i] += x->alpha * x->v[i];
    }
}

/* The length stands behind the vector. Every norm layer squares what it reads in float32, so a row
 * that has moved this far is already past what the model can compute with. */
static void measure_sum(float *data, size_t n)
{
    const double length = vec_norm(data, n);
    data[n] = length * length > (double)FLT_MAX ? INFINITY : (float)length;
}

static double along_u(const float *restrict u, float *restrict h, size_t n, double shift)
{
    const float s = (float)shift;
    if (s == 0.0F) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        h[i] = h[i] + s * u[i];
    }
    return fabs(shift);
}

/* ---- add: h <- h + alpha v (Chen et al. 2025, section 3) ------------------------------------- */

static double add_asked(const plan_step *st, size_t n, const row_at *at)
{
    (void)at;
    return (double)st->data[n];
}

/* Same order of operations as ggml_add in float32, hence the same bits as the control-vector
 * API. */
static double add_apply(const plan_step *st, float *restrict h, size_t n, const row_at *at)
{
    const float *restrict v = st->data;
    (void)at;
    for (size_t i = 0; i < n; i++) {
        h[i] = h[i] + v[i];
    }
    return (double)v[n];
}

/* ---- ablate: h <- h - alpha p u (Arditi et al. 2024) ----------------------------------------- */

static double ablate_asked(const plan_step *st, size_t n, const row_at *at)
{
    return -(double)st->data[n] * at->p;
}

/* ---- cap: h <- h - alpha max(p - x, 0) u; floor: h <- h - alpha min(p - x, 0) u (Lu et al.) -- */

static double cap_asked(const plan_step *st, size_t n, const row_at *at)
{
    return -(double)st->data[n] * fmax(at->p - (double)st->data[n + 1], 0);
}

static double floor_asked(const plan_step *st, size_t n, const row_at *at)
{
    return -(double)st->data[n] * fmin(at->p - (double)st->data[n + 1], 0);
}

/* ---- clamp: h <- h + alpha (x - p) u --------------------------------------------------------- */

static double clamp_asked(const plan_step *st, size_t n, const row_at *at)
{
    return (double)st->data[n] * ((double)st->data[n + 1] - at->p);
}

/* ---- keepnorm: h <- ||h|| unit(h + alpha v) -------------------------------------------------- */

/* ||h + w||, where w has length l and the row the coordinate p along it. */
static double length_of_sum(const row_at *at, double l)
{
    return sqrt(fmax(at->norm * at->norm + 2 * l * at->p + l * l, 0));
}

static double keepnorm_asked(const plan_step *st, size_t n, const row_at *at)
{
    const double l = (double)st->data[n], sum = length_of_sum(at, l);
    return sum > 0 ? at->norm * (at->p + l) / sum - at->p : 0;
}

/* A row that the sum cancels has no direction to keep its norm in: it stays. */
static double keepnorm_apply(const plan_step *st, float *restrict h, size_t n, const row_at *at)
{
    const float *restrict v = st->data;
    double square = 0, moved = 0;
    for (size_t i = 0; i < n; i++) {
        const double sum = (double)h[i] + (double)v[i];
        square += sum * sum;
    }
    const double scale = at->norm / sqrt(square);
    if (!(scale > 0) || !isfinite(scale)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const float to = (float)(((double)h[i] + (double)v[i]) * scale);
        moved += ((double)to - (double)h[i]) * ((double)to - (double)h[i]);
        h[i] = to;
    }
    return sqrt(moved);
}

/* ---- rotate: by an angle towards u in the plane of h and u ----------------------------------- */

static void keep_angle(float *data, const persona_edit *x, size_t n)
{
    keep_direction(data, x, n);
    data[n] = (float)((double)x->alpha * PI / 180);
}

/* The angle between h and u, before and after. */
static double turned(double angle, double by)
{
    return fmin(fmax(angle - by, 0), PI);
}

static double rotate_asked(const plan_step *st, size_t n, const row_at *at)
{
    const double across = sqrt(fmax(at->norm * at->norm - at->p * at->p, 0));
    if (!(across > NO_PLANE * at->norm)) {
        return 0;
    }
    return at->norm * cos(turned(atan2(across, at->p), (double)st->data[n])) - at->p;
}

static double rotate_apply(const plan_step *st, float *restrict h, size_t n, const row_at *at)
{
    const float *restrict u = st->data;
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        const double across = (double)h[i] - at->p * (double)u[i];
        square += across * across;
    }
    const double across = sqrt(square), before = atan2(across, at->p);
    const double after = turned(before, (double)u[n]);
    if (!(across > NO_PLANE * at->norm) || after == before) {
        return 0;
    }
    const double a = at->norm * sin(after) / across, b = at->norm * cos(after) - a * at->p;
    for (size_t i = 0; i < n; i++) {
        h[i] = (float)(a * (double)h[i] + b * (double)u[i]);
    }
    return 2 * at->norm * fabs(sin((before - after) / 2));
}

/* ---- hold: h <- h + c u, c from the loop (plan_memory.c) ------------------------------------- */

static void keep_loop(float *data, const persona_edit *x, size_t n)
{
    keep_direction_and_limit(data, x, n);
    data[n + 2] = x->band;
    data[n + 3] = x->limit;
}

static double hold_asked(const plan_step *st, size_t n, const row_at *at)
{
    (void)st;
    (void)n;
    return at->shift;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const plan_operator OPERATORS[] = {
    [PERSONA_OP_ADD] = {.op = PERSONA_OP_ADD,
                        .name = "add",
                        .order = 1,
                        .n_vectors = 1,
                        .n_numbers = 1,
                        .additive = true,
                        .merges = true,
                        .least = -FLT_MAX,
                        .most = FLT_MAX,
                        .merge = sum_vectors,
                        .finish = measure_sum,
                        .asked = add_asked,
                        .apply = add_apply},
    [PERSONA_OP_ABLATE] = {.op = PERSONA_OP_ABLATE,
                           .name = "ablate",
                           .order = 0,
                           .n_vectors = 1,
                           .n_numbers = 1,
                           .most = 1,
                           .merge = keep_direction,
                           .asked = ablate_asked},
    [PERSONA_OP_CAP] = {.op = PERSONA_OP_CAP,
                        .name = "cap",
                        .order = 7,
                        .n_vectors = 1,
                        .n_numbers = 2,
                        .limits = true,
                        .most = 1,
                        .merge = keep_direction_and_limit,
                        .asked = cap_asked},
    [PERSONA_OP_FLOOR] = {.op = PERSONA_OP_FLOOR,
                          .name = "floor",
                          .order = 6,
                          .n_vectors = 1,
                          .n_numbers = 2,
                          .limits = true,
                          .most = 1,
                          .merge = keep_direction_and_limit,
                          .asked = floor_asked},
    [PERSONA_OP_CLAMP] = {.op = PERSONA_OP_CLAMP,
                          .name = "clamp",
                          .order = 5,
                          .n_vectors = 1,
                          .n_numbers = 2,
                          .limits = true,
                          .most = 1,
                          .merge = keep_direction_and_limit,
                          .asked = clamp_asked},
    [PERSONA_OP_KEEPNORM] = {.op = PERSONA_OP_KEEPNORM,
                             .name = "keepnorm",
                             .order = 2,
                             .n_vectors = 1,
                             .n_numbers = 1,
                             .merges = true,
                             .least = -FLT_MAX,
                             .most = FLT_MAX,
                             .merge = sum_vectors,
                             .finish = measure_sum,
                             .asked = keepnorm_asked,
                             .apply = keepnorm_apply},
    [PERSONA_OP_ROTATE] = {.op = PERSONA_OP_ROTATE,
                           .name = "rotate",
                           .order = 3,
                           .n_vectors = 1,
                           .n_numbers = 1,
                           .least = -180,
                           .most = 180,
                           .merge = keep_angle,
                           .asked = rotate_asked,
                           .apply = rotate_apply},
    [PERSONA_OP_HOLD] = {.op = PERSONA_OP_HOLD,
                         .name = "hold",
                         .order = 4,
                         .n_vectors = 1,
                         .n_numbers = 4,
                         .limits = true,
                         .holds = true,
                         .most = 1,
                         .merge = keep_loop,
                         .asked = hold_asked},
};

const plan_operator *operator_row(persona_op op)
{
    const size_t i = (size_t)op;
    return i < sizeof OPERATORS / sizeof OPERATORS[0] ? &OPERATORS[i] : NULL;
}

double step_project(const plan_step *st, const float *h, size_t n_embd)
{
    const double dot = vec_dot(h, st->data, n_embd);
    return st->op->merges ? dot / (double)st->data[n_embd] : dot;
}

double step_apply(const plan_step *st, float *h, size_t n_embd, const row_at *at)
{
    return st->op->apply != NULL ? st->op->apply(st, h, n_embd, at)
                                 : along_u(st->data, h, n_embd, st->op->asked(st, n_embd, at));
}
