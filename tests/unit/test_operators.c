/* SPDX-License-Identifier: MIT
 *
 * test_operators.c - what every operator of steering promises, over random rows and directions of
 * several widths, without a model.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "engine/engine.h"

enum { MOST = 129, ROUNDS = 40 };

static const int WIDTHS[] = {2, 3, 16, MOST};
static const persona_op OPS[] = {PERSONA_OP_ADD,   PERSONA_OP_ABLATE, PERSONA_OP_CAP,
                                 PERSONA_OP_FLOOR, PERSONA_OP_CLAMP,  PERSONA_OP_KEEPNORM,
                                 PERSONA_OP_ROTATE};
#define N_OPS (sizeof OPS / sizeof *OPS)

/* A row and a direction of width n, of any scale. */
typedef struct draw {
    int n;
    float h[MOST], v[MOST], u[MOST], before[MOST];
    double length, p; /* of h; its coordinate along u */
} draw;

static rng source;

static void draw_row(float *to, int n, double scale)
{
    for (int i = 0; i < n; i++) {
        to[i] = (float)(scale * rng_normal(&source));
    }
}

static double along(const draw *x)
{
    return vec_dot(x->h, x->u, (size_t)x->n);
}

static draw draw_one(int round)
{
    draw x = {.n = WIDTHS[(size_t)round % (sizeof WIDTHS / sizeof *WIDTHS)]};
    const size_t n = (size_t)x.n;
    draw_row(x.h, x.n, pow(10, 4 * rng_unit(&source) - 2));
    draw_row(x.v, x.n, pow(10, 4 * rng_unit(&source) - 2));
    const double length = vec_norm(x.v, n);
    for (size_t i = 0; i < n; i++) {
        x.u[i] = (float)((double)x.v[i] / length);
    }
    memcpy(x.before, x.h, sizeof x.h);
    x.length = vec_norm(x.h, n);
    x.p = along(&x);
    return x;
}

static persona_plan *plan_of(int n, const persona_edit *edits, size_t n_edits)
{
    persona_plan *p = NULL;
    persona_err e = {0};
    const persona_code rc = persona_plan_new(2, n, edits, n_edits, &p, &e);
    if (rc != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return p;
}

/* Applies edits to the row of x; returns how much the plan says it moved. */
static double apply(draw *x, const persona_edit *edits, size_t n_edits)
{
    edit_tally tally = {0};
    persona_plan *p = plan_of(x->n, edits, n_edits);
    if (p->n > 0) {
        const plan_token at = {.phase = PHASE_FINAL, .replied = true};
        plan_memory *m = plan_memory_new(p);
        assert_non_null(m);
        plan_apply(p, 1, &at, m, &tally, x->h);
        plan_memory_free(m);
    }
    persona_plan_free(p);
    return tally.moved;
}

static persona_edit edit(const draw *x, persona_op op, double alpha, double limit)
{
    return (persona_edit){
        .op = op, .block = 1, .alpha = (float)alpha, .v = x->v, .x = (float)limit};
}

static double moved_of(const draw *x)
{
    double sum = 0;
    for (int i = 0; i < x->n; i++) {
        const double d = (double)x->h[i] - (double)x->before[i];
        sum += d * d;
    }
    return sqrt(sum);
}

static void plus_and_minus_cancel(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r);
        const double a = 3 * rng_unit(&source);
        const persona_edit both[2] = {edit(&x, PERSONA_OP_ADD, a, 0),
                                      edit(&x, PERSONA_OP_ADD, -a, 0)};
        /* one after the other: within the rounding of the larger of both */
        apply(&x, &both[0], 1);
        const double largest = fmax(vec_norm(x.h, (size_t)x.n), x.length);
        apply(&x, &both[1], 1);
        assert_true(moved_of(&x) <= 4e-7 * largest);
        /* in one plan they are none, bit for bit */
        draw y = draw_one(r);
        const persona_edit in_one[2] = {edit(&y, PERSONA_OP_ADD, a, 0),
                                        edit(&y, PERSONA_OP_ADD, -a, 0)};
        assert_true(apply(&y, in_one, 2) == 0);
        assert_memory_equal(y.h, y.before, sizeof y.h);
    }
}

static void ablate_leaves_nothing(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r), half = x;
        const persona_edit all = edit(&x, PERSONA_OP_ABLATE, 1, 0);
        const double moved = apply(&x, &all, 1);
        assert_true(fabs(along(&x)) < 1e-5 * x.length);
        assert_true(fabs(moved - fabs(x.p)) < 1e-5 * x.length);
        const persona_edit some = edit(&half, PERSONA_OP_ABLATE, 0.5, 0);
        apply(&half, &some, 1);
        assert_true(fabs(along(&half) - x.p / 2) < 1e-5 * x.length);
    }
}

static void cap_and_floor_hold(void **state)
{
    (void)state;
    size_t n_acted = 0;
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r), y = x;
        const double limit = x.p + x.length * (rng_unit(&source) - 0.5);
        const persona_edit cap = edit(&x, PERSONA_OP_CAP, 1, limit);
        const persona_edit floor = edit(&y, PERSONA_OP_FLOOR, 1, limit);
        const double capped = apply(&x, &cap, 1), raised = apply(&y, &floor, 1);
        assert_true(along(&x) <= limit + 1e-5 * x.length);
        assert_true(along(&y) >= limit - 1e-5 * x.length);
        /* one of both acts, the other leaves every bit */
        assert_true((capped == 0) != (raised == 0));
        assert_memory_equal(capped == 0 ? x.h : y.h, x.before, sizeof x.h);
        assert_true(fabs(fmax(capped, raised) - fabs(limit - x.p)) < 1e-5 * x.length);
        n_acted += capped > 0;
    }
    assert_true(n_acted > 5 && n_acted < ROUNDS - 5);
}

static void clamp_hits_its_target(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r);
        const double limit = x.length * 2 * (rng_unit(&source) - 0.5);
        const persona_edit clamp = edit(&x, PERSONA_OP_CLAMP, 1, limit);
        apply(&x, &clamp, 1);
        assert_true(fabs(along(&x) - limit) < 1e-5 * x.length);
    }
}

static void keepnorm_keeps_the_norm(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r);
        const double a = (rng_unit(&source) - 0.5) * 4 * x.length / vec_norm(x.v, (size_t)x.n);
        const persona_edit one = edit(&x, PERSONA_OP_KEEPNORM, a, 0);
        const double moved = apply(&x, &one, 1);
        assert_true(fabs(vec_norm(x.h, (size_t)x.n) - x.length) < 1e-5 * x.length);
        assert_true((along(&x) > x.p) == (a > 0));
        assert_true(fabs(moved - moved_of(&x)) < 1e-5 * x.length);
    }
}

static double angle_to_u(const draw *x)
{
    double across = 0;
    const double p = along(x);
    for (int i = 0; i < x->n; i++) {
        const double a = (double)x->h[i] - p * (double)x->u[i];
        across += a * a;
    }
    return atan2(sqrt(across), p);
}

static void rotation_turns_by_its_angle(void **state)
{
    (void)state;
    const double degree = acos(-1.0) / 180;
    for (int r = 0; r < ROUNDS; r++) {
        for (int degrees = -180; degrees <= 180; degrees += 20) {
            draw x = draw_one(r);
            const double was = angle_to_u(&x);
            const persona_edit turn = edit(&x, PERSONA_OP_ROTATE, degrees, 0);
            const double moved = apply(&x, &turn, 1);
            const double want = fmin(fmax(was - degrees * degree, 0), acos(-1.0));
            assert_true(fabs(angle_to_u(&x) - want) < 1e-5);
            assert_true(fabs(vec_norm(x.h, (size_t)x.n) - x.length) < 1e-5 * x.length);
            assert_true(fabs(moved - moved_of(&x)) < 1e-5 * x.length);
        }
    }
    /* along u there is no plane to turn in */
    draw x = draw_one(0);
    memcpy(x.h, x.v, sizeof x.h);
    memcpy(x.before, x.h, sizeof x.h);
    const persona_edit away = edit(&x, PERSONA_OP_ROTATE, -90, 0);
    assert_true(apply(&x, &away, 1) == 0);
    assert_memory_equal(x.h, x.before, sizeof x.h);
}

/* At its neutral parameter an operator is no step of a plan; where it finds nothing to do it leaves
 * every bit. */
static void neutral_is_nothing(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        for (size_t k = 0; k < N_OPS; k++) {
            draw x = draw_one(r);
            const persona_edit none = edit(&x, OPS[k], 0, 5);
            persona_plan *p = plan_of(x.n, &none, 1);
            assert_int_equal(p->n, 0);
            persona_plan_free(p);
        }
        draw x = draw_one(r);
        const persona_edit far[2] = {edit(&x, PERSONA_OP_CAP, 1, 1e18),
                                     edit(&x, PERSONA_OP_FLOOR, 1, -1e18)};
        assert_true(apply(&x, far, 2) == 0);
        assert_memory_equal(x.h, x.before, sizeof x.h);
    }
}

/* What the operators ask for is what the row's coordinate is measured to have done. */
static void asked_is_what_is_done(void **state)
{
    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        for (size_t k = 0; k < N_OPS; k++) {
            draw x = draw_one(r);
            const double alpha = OPS[k] == PERSONA_OP_ROTATE ? 35 : 0.8;
            const persona_edit one = edit(&x, OPS[k], alpha, 0.3 * x.length);
            persona_plan *p = plan_of(x.n, &one, 1);
            const plan_step *st = &p->steps[0];
            const size_t n = (size_t)x.n;
            const row_at at = {.p = step_project(st, x.h, n), .norm = vec_norm(x.h, n)};
            assert_true(fabs(at.p - x.p) < 1e-5 * x.length);
            const double asked = st->op->asked(st, n, &at);
            const double moved = step_apply(st, x.h, n, &at);
            const double scale = fmax(x.length, vec_norm(x.h, n));
            assert_true(fabs(along(&x) - x.p - asked) < 1e-5 * scale);
            assert_true(fabs(moved - moved_of(&x)) < 1e-5 * scale);
            persona_plan_free(p);
        }
    }
}

/* ablate, add, keepnorm, rotate, clamp, floor, cap, whatever the order of the edits. */
static void order_within_a_block(void **state)
{
    (void)state;
    static const persona_op ORDER[] = {PERSONA_OP_ABLATE, PERSONA_OP_ADD,   PERSONA_OP_KEEPNORM,
                                       PERSONA_OP_ROTATE, PERSONA_OP_CLAMP, PERSONA_OP_FLOOR,
                                       PERSONA_OP_CAP};
    enum { N = sizeof ORDER / sizeof *ORDER };
    for (int r = 0; r < ROUNDS; r++) {
        draw x = draw_one(r), y = x;
        persona_edit in_order[N], mixed[N];
        for (size_t i = 0; i < N; i++) {
            const double alpha = ORDER[i] == PERSONA_OP_ROTATE ? 10 : 0.5;
            in_order[i] = edit(&x, ORDER[i], alpha, 0.1 * x.length * (double)i);
            mixed[i * 3 % N] = in_order[i];
        }
        persona_plan *p = plan_of(x.n, mixed, N);
        for (size_t i = 0; i < N; i++) {
            assert_ptr_equal(p->steps[i].op, operator_row(ORDER[i]));
        }
        persona_plan_free(p);
        apply(&x, in_order, N);
        apply(&y, mixed, N);
        assert_memory_equal(x.h, y.h, sizeof x.h);
        /* one by one, in that order, is the same to the bit */
        memcpy(y.h, y.before, sizeof y.h);
        for (size_t i = 0; i < N; i++) {
            apply(&y, &in_order[i], 1);
        }
        assert_memory_equal(x.h, y.h, sizeof x.h);
    }
    /* ablate and add together set the coordinate, and nothing passes a cap */
    draw x = draw_one(3);
    const double length = vec_norm(x.v, (size_t)x.n);
    const persona_edit set[2] = {edit(&x, PERSONA_OP_ADD, 2, 0), edit(&x, PERSONA_OP_ABLATE, 1, 0)};
    apply(&x, set, 2);
    assert_true(fabs(along(&x) - 2 * length) < 1e-5 * (x.length + length));
    const persona_edit all[3] = {edit(&x, PERSONA_OP_CAP, 1, 1), edit(&x, PERSONA_OP_ADD, 50, 0),
                                 edit(&x, PERSONA_OP_CLAMP, 1, 9 * x.length)};
    apply(&x, all, 3);
    assert_true(along(&x) <= 1 + 1e-5 * (x.length + 50 * length));
}

/* An edit of another operator, block or phase beside it changes no bit of what addition does. */
static void operators_do_not_touch_each_other(void **state)
{
    (void)state;
    for (size_t k = 1; k < N_OPS; k++) {
        draw x = draw_one(3), y = x;
        float w[MOST] = {0};
        const persona_edit add = edit(&x, PERSONA_OP_ADD, 1.5, 0);
        persona_edit both[3] = {add, edit(&y, OPS[k], 0.5, 1), edit(&y, OPS[k], 0.5, 1)};
        both[1].block = 0;
        both[2].phases = PERSONA_PHASE_ANALYSIS;
        w[0] = 1;
        both[2].v = w;
        apply(&x, &add, 1);
        apply(&y, both, 3);
        assert_memory_equal(x.h, y.h, sizeof x.h);
        persona_plan *p = plan_of(x.n, &add, 1), *q = plan_of(x.n, &both[2], 1);
        assert_true(plan_id(p, PHASE_ANALYSIS) != plan_id(q, PHASE_ANALYSIS));
        assert_true(p->cvec && !q->cvec);
        persona_plan_free(p);
        persona_plan_free(q);
    }
}

static void refuses(persona_edit x, persona_code code, const char *says)
{
    persona_plan *p = NULL;
    persona_err e = {0};
    assert_int_equal(persona_plan_new(2, 4, &x, 1, &p, &e), code);
    assert_non_null(strstr(e.msg, says));
    assert_null(p);
}

static void bad_parameters_are_refused(void **state)
{
    (void)state;
    static const float v[4] = {1, 2, 3, 4}, zero[4];
    static const persona_op STRENGTHS[] = {PERSONA_OP_ABLATE, PERSONA_OP_CAP, PERSONA_OP_FLOOR,
                                           PERSONA_OP_CLAMP};
    for (size_t i = 0; i < sizeof STRENGTHS / sizeof *STRENGTHS; i++) {
        persona_edit x = {.op = STRENGTHS[i], .block = 1, .alpha = 1.01F, .v = v};
        refuses(x, PERSONA_E_USAGE, "0 to 1");
        x.alpha = -0.1F;
        refuses(x, PERSONA_E_USAGE, "0 to 1");
        x.alpha = 1;
        x.v = zero;
        refuses(x, PERSONA_E_NUMERIC, "no direction");
    }
    refuses((persona_edit){.op = PERSONA_OP_ROTATE, .alpha = 181, .v = v}, PERSONA_E_USAGE, "180");
    refuses((persona_edit){.op = PERSONA_OP_CAP, .alpha = 1, .v = v, .x = NAN}, PERSONA_E_NUMERIC,
            "not finite");
    refuses((persona_edit){.op = PERSONA_OP_CLAMP, .alpha = 1, .v = v, .x = 1e30F},
            PERSONA_E_NUMERIC, "too large");
    refuses((persona_edit){.op = PERSONA_OP_KEEPNORM, .alpha = 1e30F, .v = v}, PERSONA_E_NUMERIC,
            "keepnorm");
    /* nothing times anything is nothing */
    persona_plan *p =
        plan_of(4, &(persona_edit){.op = PERSONA_OP_KEEPNORM, .alpha = 2, .v = zero}, 1);
    assert_int_equal(p->n, 0);
    persona_plan_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plus_and_minus_cancel),
        cmocka_unit_test(ablate_leaves_nothing),
        cmocka_unit_test(cap_and_floor_hold),
        cmocka_unit_test(clamp_hits_its_target),
        cmocka_unit_test(keepnorm_keeps_the_norm),
        cmocka_unit_test(rotation_turns_by_its_angle),
        cmocka_unit_test(neutral_is_nothing),
        cmocka_unit_test(asked_is_what_is_done),
        cmocka_unit_test(order_within_a_block),
        cmocka_unit_test(operators_do_not_touch_each_other),
        cmocka_unit_test(bad_parameters_are_refused),
    };
    rng_seed(&source, 11, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
