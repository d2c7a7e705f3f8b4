/* SPDX-License-Identifier: MIT
 *
 * test_agreement.c - Spearman with an interval, and swings beside another number.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/measure/agreement.h"

enum { QUESTIONS = 12, CELLS = 4, PER = 2, N = QUESTIONS * CELLS * PER, HIGH = 3, LOW = 0 };

typedef struct sample {
    double x[N], y[N];
    size_t group[N], cell[N];
} sample;

static stat_pairs pairs(const sample *s)
{
    return (stat_pairs){s->x, s->y, s->group, s->cell, N, CELLS};
}

static const stat_draws draws = {2000, QUESTIONS, 3};

/* x rises with the cell by slope, beside noise of sd 1. */
static void fill(sample *s, double slope, uint64_t seed)
{
    rng r;
    rng_seed(&r, seed, 1);
    for (size_t i = 0; i < N; i++) {
        s->group[i] = i % QUESTIONS;
        s->cell[i] = i / QUESTIONS % CELLS;
        s->x[i] = slope * (double)s->cell[i] + rng_normal(&r);
        s->y[i] = rng_normal(&r);
    }
}

static void spearman(void **state)
{
    (void)state;
    sample s;
    persona_err e;
    persona_interval rho;
    fill(&s, 1, 1);
    for (size_t i = 0; i < N; i++) {
        s.y[i] = floor(s.x[i] + s.y[i]); /* with ties */
    }
    stat_pairs p = pairs(&s);
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_OK);
    assert_true(fabs(rho.value - stat_spearman(s.x, s.y, N)) < 1e-12);
    assert_true(rho.low > 0.3 && rho.low < rho.value && rho.value < rho.high && rho.high < 1);
    for (size_t i = 0; i < N; i++) {
        s.y[i] = -exp(s.x[i]);
    }
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_OK);
    assert_true(fabs(rho.value + 1) < 1e-12 && fabs(rho.low + 1) < 1e-12 &&
                fabs(rho.high + 1) < 1e-12);
    assert_true(rho.low >= -1); /* no rounding beyond */
    for (size_t i = 0; i < N; i++) {
        s.y[i] = 7; /* no rank to agree on */
    }
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_OK);
    assert_true(isnan(rho.value) && isnan(rho.low));
    p.n = 2;
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_OK);
    assert_true(isnan(rho.value));
    p.n = N;
    s.group[5] = QUESTIONS;
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_E_SHAPE);
}

/* Whatever rises with x alone swings by nothing when x is held equal. */
static void nothing_beside(void **state)
{
    (void)state;
    sample s;
    persona_err e;
    stat_beside b;
    fill(&s, 1, 2);
    for (int form = 0; form < 3; form++) {
        for (size_t i = 0; i < N; i++) {
            s.y[i] = form == 0 ? s.x[i] : form == 1 ? 1 / (1 + exp(-4 * s.x[i])) : -exp(s.x[i]);
        }
        const stat_pairs p = pairs(&s);
        assert_int_equal(stat_swing_beside(&p, HIGH, LOW, draws, &b, &e), PERSONA_OK);
        assert_true(fabs(b.plain.value) > 0.4);
        assert_true(fabs(b.beside.value) < 1e-9 && fabs(b.beside.low) < 1e-9 &&
                    fabs(b.beside.high) < 1e-9);
    }
}

/* x and y both move with the cell, and have nothing to do with one another in it: the correlation
 * over all is high, and the swing of y stays what it is. */
static void only_together(void **state)
{
    (void)state;
    sample s;
    persona_err e;
    stat_beside b;
    persona_interval rho;
    fill(&s, 3, 3);
    for (size_t i = 0; i < N; i++) {
        s.y[i] += 3 * (double)s.cell[i];
    }
    const stat_pairs p = pairs(&s);
    assert_int_equal(stat_bootstrap_spearman(&p, draws, &rho, &e), PERSONA_OK);
    assert_true(rho.value > 0.8);
    assert_int_equal(stat_swing_beside(&p, HIGH, LOW, draws, &b, &e), PERSONA_OK);
    assert_true(b.beside.value > 0.75 * b.plain.value);
    assert_true(b.beside.low > 0.2);
}

static void limits(void **state)
{
    (void)state;
    sample s;
    persona_err e;
    stat_beside b;
    fill(&s, 1, 4);
    for (size_t i = 0; i < N; i++) {
        s.cell[i] = s.cell[i] == HIGH ? 0 : s.cell[i];
    }
    stat_pairs p = pairs(&s);
    assert_int_equal(stat_swing_beside(&p, HIGH, LOW, draws, &b, &e), PERSONA_OK);
    assert_true(isnan(b.plain.value) && isnan(b.beside.low)); /* nothing at +1 */
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = stat_swing_beside(&p, 1, LOW, (stat_draws){4, QUESTIONS, 1}, &b, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spearman),
        cmocka_unit_test(nothing_beside),
        cmocka_unit_test(only_together),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
