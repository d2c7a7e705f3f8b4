/* SPDX-License-Identifier: MIT
 *
 * test_map_traits.c - R2 of traits that a map has not seen: every number against plain refits, one
 * for each set of rows that is left out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/map/leaveparts.h"
#include "core/map/linmap.h"

enum { TRAITS = 4, QUESTIONS = 5, PER = 2 * TRAITS + 2, ROWS = QUESTIONS * PER, DS = 9, DT = 5 };

/* Rows question by question: both poles of every trait, then two of none. */
typedef struct rows {
    float x[ROWS * DS], y[ROWS * DT];
    size_t group[ROWS], pos[QUESTIONS * TRAITS], neg[QUESTIONS * TRAITS];
    int trait[ROWS];
    map_data d;
} rows;

/* shared: how much of what sets the poles of a trait apart in y follows from x; own: how much is
 * the trait's own. */
static void make_seeded(rows *r, double shared, double own, uint32_t seed)
{
    rng g;
    float mix[DS * DT], at_x[TRAITS * DS], at_y[TRAITS * DT];
    size_t n = 0, c = 0;
    rng_seed(&g, seed, 0);
    for (size_t i = 0; i < (size_t)DS * DT; i++) {
        mix[i] = (float)rng_normal(&g);
    }
    for (size_t i = 0; i < (size_t)TRAITS * DS; i++) {
        at_x[i] = (float)(2 * rng_normal(&g));
    }
    for (size_t i = 0; i < (size_t)TRAITS * DT; i++) {
        at_y[i] = (float)(6 * own * rng_normal(&g));
    }
    for (size_t q = 0; q < QUESTIONS; q++) {
        for (size_t k = 0; k < PER; k++, n++) {
            const bool none = k >= 2 * (size_t)TRAITS;
            const size_t t = k / 2;
            const float sign = none ? 0 : k % 2 ? -1.0f : 1.0f;
            r->group[n] = q;
            r->trait[n] = none ? -1 : (int)t;
            for (size_t j = 0; j < DS; j++) {
                r->x[n * DS + j] = (float)rng_normal(&g) + (none ? 0 : sign * at_x[t * DS + j]);
            }
            for (size_t j = 0; j < DT; j++) {
                double y = 0.5 * rng_normal(&g) + (none ? 0 : (double)(sign * at_y[t * DT + j]));
                for (size_t i = 0; i < DS; i++) {
                    y += shared * (double)(r->x[n * DS + i] * mix[i * DT + j]);
                }
                r->y[n * DT + j] = (float)y;
            }
            if (!none && k % 2 == 0) {
                r->pos[c] = n;
                r->neg[c++] = n + 1;
            }
        }
    }
    r->d = (map_data){.x = {r->x, ROWS, DS},
                      .y = {r->y, ROWS, DT},
                      .group = r->group,
                      .n_groups = QUESTIONS,
                      .pos = r->pos,
                      .neg = r->neg,
                      .n_contrasts = c,
                      .trait = r->trait,
                      .n_traits = TRAITS};
}

static void make(rows *r, double shared, double own)
{
    make_seeded(r, shared, own, 3);
}

static map *fitted(const char *method, const map_data *d, const map_opts *o, map_report *rep)
{
    map *m = NULL;
    persona_err e = {0};
    if (map_fit(map_method_find(method), d, o, &m, rep, &e) != PERSONA_OK) {
        fail_msg("%s: %s", method, e.msg);
    }
    return m;
}

/* ---- plain refits ---------------------------------------------------------------------------- */

/* Errors of rows that were tested, in units of the target's scale. */
typedef struct slow {
    double error[ROWS * DT];
    bool tested[ROWS];
} slow;

/* What 1 - squares / squares comes to, of rows and of contrasts; z: prepared rows of the target. */
static map_r2 worth(const slow *s, const map_data *d, const float *z)
{
    double left = 0, all = 0, left_c = 0, all_c = 0;
    for (size_t i = 0; i < d->x.n; i++) {
        for (size_t j = 0; s->tested[i] && j < DT; j++) {
            left += s->error[i * DT + j] * s->error[i * DT + j];
            all += (double)z[i * DT + j] * (double)z[i * DT + j];
        }
    }
    for (size_t c = 0; c < d->n_contrasts; c++) {
        const size_t p = d->pos[c], n = d->neg[c];
        for (size_t j = 0; s->tested[p] && s->tested[n] && j < DT; j++) {
            const double a = s->error[p * DT + j] - s->error[n * DT + j];
            const double b = (double)z[p * DT + j] - (double)z[n * DT + j];
            left_c += a * a;
            all_c += b * b;
        }
    }
    return (map_r2){1 - left / all, 1 - left_c / all_c};
}

/* Dual ridge on prepared rows without those that are out, means refitted where centered. */
static void refit_ridge(const map_side *x, const map_side *y, double lambda, bool centered,
                        const bool *out, const bool *test, slow *s)
{
    double mx[DS] = {0}, my[DT] = {0}, k[ROWS * ROWS], a[ROWS * DT];
    size_t in[ROWS], n = 0;
    persona_err e = {0};
    for (size_t i = 0; i < x->n; i++) {
        if (!out[i]) {
            in[n++] = i;
        }
    }
    for (size_t i = 0; centered && i < n; i++) {
        for (size_t j = 0; j < DS; j++) {
            mx[j] += (double)x->z[in[i] * DS + j] / (double)n;
        }
        for (size_t j = 0; j < DT; j++) {
            my[j] += (double)y->z[in[i] * DT + j] / (double)n;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t l = 0; l < n; l++) {
            k[i * n + l] = 0;
            for (size_t j = 0; j < DS; j++) {
                k[i * n + l] +=
                    ((double)x->z[in[i] * DS + j] - mx[j]) * ((double)x->z[in[l] * DS + j] - mx[j]);
            }
        }
        for (size_t j = 0; j < DT; j++) {
            a[i * DT + j] = (double)y->z[in[i] * DT + j] - my[j];
        }
    }
    assert_int_equal(linalg_solve_spd(k, n, lambda, a, DT, &e), PERSONA_OK);
    for (size_t i = 0; i < x->n; i++) {
        for (size_t j = 0; test[i] && j < DT; j++) {
            double guess = my[j];
            for (size_t l = 0; l < n; l++) {
                double dot = 0;
                for (size_t c = 0; c < DS; c++) {
                    dot +=
                        ((double)x->z[i * DS + c] - mx[c]) * ((double)x->z[in[l] * DS + c] - mx[c]);
                }
                guess += dot * a[l * DT + j];
            }
            s->error[i * DT + j] = (double)y->z[i * DT + j] - guess;
            s->tested[i] = true;
        }
    }
}

/* One refit per trait, or per trait and question. */
static map_r2 slow_ridge(const map_data *d, double relative, bool centered, bool both)
{
    map_side x, y;
    persona_err e = {0};
    slow s = {.tested = {false}};
    double mean = 0;
    assert_int_equal(map_side_make(&x, d->x, NULL, centered, "x", &e), PERSONA_OK);
    assert_int_equal(map_side_make(&y, d->y, NULL, centered, "y", &e), PERSONA_OK);
    for (size_t i = 0; i < d->x.n * DS; i++) {
        mean += (double)x.z[i] * (double)x.z[i] / (double)d->x.n;
    }
    for (int t = 0; t < TRAITS; t++) {
        for (size_t q = 0; q < (both ? QUESTIONS : 1); q++) {
            bool out[ROWS] = {false}, test[ROWS] = {false};
            for (size_t i = 0; i < d->x.n; i++) {
                const bool mine = d->trait[i] == t, here = d->group[i] == q;
                out[i] = mine || (both && here);
                test[i] = mine && (!both || here);
            }
            refit_ridge(&x, &y, relative * mean, centered, out, test, &s);
        }
    }
    const map_r2 r2 = worth(&s, d, y.z);
    map_side_free(&x);
    map_side_free(&y);
    return r2;
}

static void same(const char *what, map_r2 is, map_r2 should, double tolerance)
{
    if (!(fabs(is.rows - should.rows) < tolerance) ||
        !(fabs(is.contrasts - should.contrasts) < tolerance)) {
        fail_msg("%s: %g and %g, expected %g and %g", what, is.rows, is.contrasts, should.rows,
                 should.contrasts);
    }
}

static void test_ridge(void **state)
{
    (void)state;
    static rows r;
    make(&r, 1, 0.3);
    /* lambda of 1e-6: the inverse is made in double */
    static const double lambdas[] = {1e-6, 1e-2, 1};
    for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; i++) {
        const map_opts o = {.lambda = lambdas[i]};
        map_report rep;
        map_free(fitted("ridge", &r.d, &o, &rep));
        same("trait", rep.by_trait, slow_ridge(&r.d, lambdas[i], true, false), 1e-4);
        same("both", rep.by_both, slow_ridge(&r.d, lambdas[i], true, true), 1e-4);
        assert_true(fabs(rep.by_trait.contrasts - rep.r2_contrast) > 1e-3);
    }
}

/* A row is a difference; its trait is that of the poles. */
static void test_paired(void **state)
{
    (void)state;
    static rows r;
    make(&r, 1, 0.3);
    float x[ROWS * DS], y[ROWS * DT];
    size_t group[ROWS];
    int trait[ROWS];
    for (size_t c = 0; c < r.d.n_contrasts; c++) {
        for (size_t j = 0; j < DS; j++) {
            x[c * DS + j] = r.x[r.pos[c] * DS + j] - r.x[r.neg[c] * DS + j];
        }
        for (size_t j = 0; j < DT; j++) {
            y[c * DT + j] = r.y[r.pos[c] * DT + j] - r.y[r.neg[c] * DT + j];
        }
        group[c] = r.group[r.pos[c]];
        trait[c] = r.trait[r.pos[c]];
    }
    map_data d = r.d;
    d.x = (mat){x, r.d.n_contrasts, DS};
    d.y = (mat){y, r.d.n_contrasts, DT};
    d.group = group;
    d.trait = trait;
    d.n_contrasts = 0;
    const map_opts o = {.lambda = 0.1};
    map_report rep;
    map_free(fitted("paired", &r.d, &o, &rep));
    const double trait_r2 = slow_ridge(&d, 0.1, false, false).rows;
    const double both_r2 = slow_ridge(&d, 0.1, false, true).rows;
    same("trait", rep.by_trait, (map_r2){trait_r2, trait_r2}, 1e-4);
    same("both", rep.by_both, (map_r2){both_r2, both_r2}, 1e-4);
}

/* ---- methods that are refitted --------------------------------------------------------------- */

/* A map of the rows that stay, by the same method with the same choices. */
static void refit_map(const char *method, const map_data *d, const map_opts *o, const float *scale,
                      const bool *out, const bool *test, slow *s)
{
    float x[ROWS * DS], y[ROWS * DT];
    size_t group[ROWS], n = 0;
    double mx[DS] = {0}, my[DT] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        if (out[i]) {
            continue;
        }
        memcpy(x + n * DS, d->x.p + i * DS, DS * sizeof *x);
        memcpy(y + n * DT, d->y.p + i * DT, DT * sizeof *y);
        group[n++] = d->group[i];
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < DS; j++) {
            mx[j] += (double)x[i * DS + j] / (double)n;
        }
        for (size_t j = 0; j < DT; j++) {
            my[j] += (double)y[i * DT + j] / (double)n;
        }
    }
    const map_data train = {
        .x = {x, n, DS}, .y = {y, n, DT}, .group = group, .n_groups = QUESTIONS};
    map *m = fitted(method, &train, o, NULL);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; test[i] && j < DT; j++) {
            double guess = 0;
            for (size_t k = 0; k < m->k; k++) {
                double middle = 0;
                for (size_t c = 0; c < DS; c++) {
                    middle += (double)m->left[k * DS + c] * ((double)d->x.p[i * DS + c] - mx[c]);
                }
                guess += middle * (double)m->right[k * DT + j];
            }
            s->error[i * DT + j] = ((double)d->y.p[i * DT + j] - my[j] - guess) / (double)scale[j];
            s->tested[i] = true;
        }
    }
    map_free(m);
}

static map_r2 slow_map(const char *method, const map_data *d, const map_opts *o, bool both)
{
    map_side y;
    rng g;
    size_t order[QUESTIONS], fold[QUESTIONS];
    persona_err e = {0};
    slow s = {.tested = {false}};
    assert_int_equal(map_side_make(&y, d->y, NULL, true, "y", &e), PERSONA_OK);
    for (size_t q = 0; q < QUESTIONS; q++) {
        order[q] = q;
    }
    rng_seed(&g, o->seed, 3); /* five questions are five folds, dealt like this */
    rng_shuffle(&g, order, QUESTIONS);
    for (size_t q = 0; q < QUESTIONS; q++) {
        fold[order[q]] = q;
    }
    for (size_t t = 0; t < TRAITS; t++) {
        bool out[ROWS] = {false}, test[ROWS] = {false};
        for (size_t i = 0; i < ROWS; i++) {
            const bool mine = d->trait[i] == (int)t, here = fold[d->group[i]] == t;
            out[i] = mine || (both && here);
            test[i] = mine && (!both || here);
        }
        refit_map(method, d, o, y.scale, out, test, &s);
    }
    const map_r2 r2 = worth(&s, d, y.z);
    map_side_free(&y);
    return r2;
}

static void test_refitted(void **state)
{
    (void)state;
    static rows r;
    make(&r, 1, 0.3);
    const map_opts o = {.lambda = 0.01, .rank = 3, .n_anchors = 12, .seed = 4};
    static const char *const methods[] = {"lowrank", "procrustes"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        map_report rep;
        map_free(fitted(methods[i], &r.d, &o, &rep));
        same(methods[i], rep.by_trait, slow_map(methods[i], &r.d, &o, false), 1e-4);
        same(methods[i], rep.by_both, slow_map(methods[i], &r.d, &o, true), 1e-4);
    }
    map_report rep;
    map_free(fitted("anchors", &r.d, &o, &rep));
    assert_true(rep.by_trait.rows > 0.3 && rep.by_both.rows < 1);
}

/* ---- what it is for -------------------------------------------------------------------------- */

/* Poles that are set apart by something of the trait's own: other questions show it, other traits
 * do not. */
static void test_own(void **state)
{
    (void)state;
    static rows r;
    const map_opts o = {.lambda = 0.1};
    map_report rep;
    double trait = 0, both = 0;
    for (uint32_t seed = 0; seed < 20; seed++) { /* four traits may be alike by chance */
        make_seeded(&r, 0, 1, seed);
        map_free(fitted("ridge", &r.d, &o, &rep));
        trait += rep.by_trait.contrasts / 20;
        both += rep.by_both.contrasts / 20;
        if (!(rep.r2_contrast > 0.6) || !(rep.by_trait.contrasts < rep.r2_contrast)) {
            fail_msg("by question %g, by trait %g", rep.r2_contrast, rep.by_trait.contrasts);
        }
    }
    if (!(trait < 0) || !(both < 0)) {
        fail_msg("by trait %g, by both %g", trait, both);
    }
    make(&r, 1, 0);
    map_free(fitted("ridge", &r.d, &o, &rep));
    assert_true(rep.by_trait.contrasts > 0.6 && rep.by_both.contrasts > 0.6);
}

static void test_unknown(void **state)
{
    (void)state;
    static rows r;
    const map_opts o = {.lambda = 0.1, .rank = 3};
    map_report rep;
    persona_err e = {0};
    map *m = NULL;
    make(&r, 1, 0.3);
    r.d.trait = NULL; /* nobody said */
    map_free(fitted("ridge", &r.d, &o, &rep));
    assert_true(isnan(rep.by_trait.rows) && isnan(rep.by_both.contrasts));
    r.d.trait = r.trait;
    for (size_t i = 0; i < ROWS; i++) {
        r.trait[i] = 0; /* all of one: nothing stays */
    }
    for (size_t k = 0; k < 2; k++) {
        map_free(fitted(k ? "lowrank" : "ridge", &r.d, &o, &rep));
        assert_true(isnan(rep.by_trait.rows) && isnan(rep.by_both.contrasts));
        assert_true(isfinite(rep.r2_heldout));
    }
    r.trait[7] = TRAITS;
    assert_int_equal(map_fit(map_method_find("ridge"), &r.d, &o, &m, &rep, &e), PERSONA_E_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ridge),    cmocka_unit_test(test_paired),
        cmocka_unit_test(test_refitted), cmocka_unit_test(test_own),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
