/* SPDX-License-Identifier: MIT
 *
 * test_steering.c - what expressions become on a model: edits in units of h, from what the files of
 * vectors know, and errors that name the fix where they do not.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models.h"
#include "pipeline/dose/resolve.h"

enum { N_VECTORS = 4 };

/* a, b (half of a), c (near a), bare (knows nothing): the vectors of these tests. */
static const char *const names[N_VECTORS] = {"a", "b", "c", "bare"};
static persona_vector *vectors[N_VECTORS];
static persona_model *model;

static persona_code find(void *ud, persona_model *m, const char *name, persona_vector **out,
                         persona_err *e)
{
    (void)ud, (void)m;
    for (size_t i = 0; i < N_VECTORS; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = vectors[i];
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_NOTFOUND, "no vector '%s'", name);
}

static void release(void *ud, persona_vector *v)
{
    (void)ud, (void)v;
}

static const steering_vectors from = {.find = find, .release = release};

static void know(persona_vector *v, const char *sha)
{
    persona_err e = {0};
    must(persona_vector_label(&v->from.model_hash, sha, &e), &e);
    v->from.best_layer = 3;
    v->from.dose = 2;
    v->from.safe_low = -2;
    v->from.safe_high = 2.5F;
    for (int b = 0; b < v->n_layer; b++) {
        persona_vector_layer *l = &v->layers[b];
        l->h_median = 50;
        l->token_mean = 4;
        l->token_sd = 2;
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            l->quantiles[i] = (float)persona_quantile_percent(i) / 10;
        }
    }
}

static int make(void **state)
{
    (void)state;
    persona_err e = {0};
    const char *sha = NULL;
    rng r;
    model = open_model(0);
    must(persona_model_sha256(model, &sha, &e), &e);
    const persona_model_info *info = persona_model_info_get(model);
    const size_t d = (size_t)info->n_embd;
    float *row = mem_calloc(d, sizeof *row);
    for (size_t i = 0; i < N_VECTORS; i++) {
        must(persona_vector_new(info->n_layer, info->n_embd, &vectors[i], &e), &e);
        for (int b = 1; b < info->n_layer - 1; b++) {
            rng_seed(&r, i, (uint64_t)b);
            for (size_t j = 0; j < d; j++) {
                row[j] = (float)(0.3 * rng_normal(&r));
            }
            if (i == 1 || i == 2) {
                vec_axpy(row, i == 1 ? 0.5 : 3, persona_vector_row(vectors[0], b), d);
            }
            must(persona_vector_set(vectors[i], b, row, &e), &e);
        }
        if (i < 3) {
            know(vectors[i], sha);
        }
    }
    mem_free(row);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        persona_vector_free(vectors[i]);
    }
    persona_model_free(model);
    return 0;
}

typedef struct resolved {
    steer_expr x;
    resolver r;
} resolved;

static void resolve(const char *text, resolved *out)
{
    persona_err e = {0};
    *out = (resolved){0};
    must(steer_parse_any(text, &out->x, &e), &e);
    resolve_begin(&out->r, model, &from, &out->x);
    must(resolve_terms(&out->r, &e), &e);
}

static void forget(resolved *x)
{
    resolve_end(&x->r);
    steer_expr_free(&x->x);
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-5 * fmax(1, fabs(b)))) {
        fail_msg("%.9g is not %.9g", a, b);
    }
}

/* One edit each, at block 3 unless said. */
static void operators(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        persona_op op;
        int block;
        double alpha, x;
    } cases[] = {
        {"a", PERSONA_OP_ADD, 3, 2, 0},
        {"-0.5*raw:a@2", PERSONA_OP_ADD, 2, -0.5, 0},
        {"raw:2*keepnorm(a)", PERSONA_OP_KEEPNORM, 3, 2, 0},
        {"keepnorm(a)", PERSONA_OP_KEEPNORM, 3, 2, 0},
        {"ablate(bare)@2", PERSONA_OP_ABLATE, 2, 1, 0},
        {"0.5*ablate(without(a, b))", PERSONA_OP_ABLATE, 3, 0.5, 0},
        {"cap(a, 75)", PERSONA_OP_CAP, 3, 1, 7.5},
        {"0.25*floor(a, 60)", PERSONA_OP_FLOOR, 3, 0.25, 6},
        {"clamp(a, -1.5)", PERSONA_OP_CLAMP, 3, 1, 1},
        {"-2*rotate(bare, 10)@1", PERSONA_OP_ROTATE, 1, -20, 0},
        {"hold(a, 1, 0.25)", PERSONA_OP_HOLD, 3, 1, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        resolved x;
        resolve(cases[i].text, &x);
        const persona_edit *edit = x.r.edits;
        if (x.r.n != 1 || edit->op != cases[i].op || edit->block != cases[i].block) {
            fail_msg("%s: %zu edits, operator %d at block %d", cases[i].text, x.r.n, (int)edit->op,
                     edit->block);
        }
        near((double)edit->alpha, cases[i].alpha);
        near((double)edit->x, cases[i].x);
        assert_int_equal(edit->phases, PERSONA_PHASE_RESPONSE);
        if (edit->op == PERSONA_OP_HOLD) {
            near((double)edit->band, 0.5);
            near((double)edit->limit, 2.5 * 2 * (double)vectors[0]->layers[3].norm);
        }
        forget(&x);
    }
}

static void ranges_and_units(void **state)
{
    (void)state;
    resolved x;
    resolve("3*a@2-4:final", &x);
    assert_int_equal(x.r.n, 3);
    double delta = 0;
    for (size_t i = 0; i < 3; i++) { /* one dose, shared */
        near((double)x.r.edits[i].alpha, 3.0 * 2 / 3);
        assert_int_equal(x.r.edits[i].block, 2 + (int)i);
        assert_int_equal(x.r.edits[i].phases, PERSONA_PHASE_FINAL);
        delta += 2 * (double)vectors[0]->layers[2 + i].norm;
    }
    near(x.r.delta, delta);
    assert_non_null(strstr(buf_str(&x.r.note), "outside of its safe range, -2 to 2.5"));
    forget(&x);
    /* doses of one vector add up, where they act together */
    static const struct {
        const char *text;
        bool outside;
    } sums[] = {
        {"1.5*a + 1.5*a", true},
        {"(1.5*a) + 2*(0.8*a)", true},
        {"1.5*a - 1.5*a + a", false},
        {"1.5*a:final + 1.5*a:analysis", false},
        {"1.5*a + (1.5*a when c > 1)", false},
        {"3*a - a", false},
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        resolve(sums[i].text, &x);
        if ((strstr(buf_str(&x.r.note), "outside") != NULL) != sums[i].outside) {
            fail_msg("%s: '%s'", sums[i].text, buf_str(&x.r.note));
        }
        forget(&x);
    }
    resolve("ablate(a)@2-4", &x); /* a strength is not shared */
    near((double)x.r.edits[2].alpha, 1);
    forget(&x);
    resolve("0.3*ratio:a@4", &x);
    near((double)x.r.edits[0].alpha * (double)vectors[0]->layers[4].norm, 0.3 * 50);
    forget(&x);
    resolve("bare@3", &x);
    near((double)x.r.edits[0].alpha, 1);
    assert_non_null(strstr(buf_str(&x.r.note), "no calibration"));
    forget(&x);
    resolve("raw:8*a", &x); /* four doses, whatever they are called */
    assert_non_null(strstr(buf_str(&x.r.note), "4 doses are outside"));
    forget(&x);
}

/* along and without make a from two parts at right angles. */
static void parts(void **state)
{
    (void)state;
    const size_t d = (size_t)vectors[0]->n_embd;
    resolved x;
    resolve("raw:along(a, b) + raw:without(a, b)", &x);
    assert_int_equal(x.r.n, 2);
    const float *p = x.r.edits[0].v, *q = x.r.edits[1].v, *a = persona_vector_row(vectors[0], 3);
    assert_true(fabs(vec_cos(p, q, d)) < 1e-5);
    assert_true(fabs(vec_cos(p, persona_vector_row(vectors[1], 3), d)) > 1 - 1e-5);
    for (size_t i = 0; i < d; i++) {
        near((double)p[i] + (double)q[i], (double)a[i]);
    }
    forget(&x);
}

static void windows_and_gates(void **state)
{
    (void)state;
    resolved x;
    resolve("(a:first=20:after=5:syntax=off when b@2 > 0.5 until -1 and c < 3) + bare@1", &x);
    assert_int_equal(x.r.n, 2);
    const persona_edit *edit = x.r.edits;
    assert_int_equal(edit->first, 20);
    assert_int_equal(edit->after, 5);
    assert_true(edit->syntax_off);
    assert_int_equal(edit->n_gates, 2);
    const persona_gate *g = edit->gates;
    assert_int_equal(g[0].block, 2);
    assert_int_equal(g[1].block, 3);
    assert_ptr_equal(g[0].v, persona_vector_row(vectors[1], 2));
    assert_true(g[0].above && !g[1].above);
    near((double)g[0].open, 0.5);
    near((double)g[0].close, -1);
    near((double)g[1].close, 3);
    near((double)g[0].mean, 4);
    near((double)g[0].sd, 2);
    assert_int_equal(edit[1].n_gates, 0);
    forget(&x);
}

/* A joint edit shifts each projection by what its term asks, where a plain sum shifts by more. */
static void joint_edits(void **state)
{
    (void)state;
    const size_t d = (size_t)vectors[0]->n_embd;
    resolved x;
    resolve("2*joint(a + 0.5*raw:c@3-4)@3:final:first=9", &x);
    assert_int_equal(x.r.n, 2); /* block 3 with both, block 4 with c alone */
    const persona_edit *edit = x.r.edits;
    const float *a = persona_vector_row(vectors[0], 3), *c = persona_vector_row(vectors[2], 3);
    near(vec_dot(edit->v, a, d) / vec_norm(a, d) * (double)edit->alpha, 4 * vec_norm(a, d));
    assert_true(fabs(vec_dot(edit->v, c, d) / vec_norm(c, d) - vec_norm(c, d)) <
                1e-3 * vec_norm(c, d));
    assert_int_equal(edit->phases, PERSONA_PHASE_FINAL);
    assert_int_equal(edit->first, 9);
    assert_int_equal(edit[1].block, 4);
    assert_true(vec_cos(edit[1].v, persona_vector_row(vectors[2], 4), d) > 1 - 1e-6);
    assert_int_equal(x.r.n_grams, 2);
    const persona_receipt_gram *g = x.r.grams;
    assert_int_equal(g->n, 2);
    assert_string_equal(g->names[1], "c");
    near(g->cosines[1], vec_cos(a, c, d));
    assert_true(g->condition > 20);
    assert_non_null(strstr(buf_str(&x.r.note), "condition"));
    forget(&x);
    resolve("joint(raw:20*a@2 + raw:20*b@2, 0.1)", &x);
    near(vec_norm(x.r.edits->v, d), 5); /* a tenth of ||h|| */
    assert_non_null(strstr(buf_str(&x.r.note), "budget"));
    forget(&x);
    resolve("a + c + a:prompt", &x);
    assert_non_null(strstr(buf_str(&x.r.note), "a and c have a cosine of 0.9"));
    assert_null(strstr(buf_str(&x.r.note), "a and a"));
    forget(&x);
}

/* Conflicts are seen in expressions of any length, and not all of them are said. */
static void conflicts_among_many_terms(void **state)
{
    (void)state;
    char text[4096] = "a + c";
    resolved x;
    for (size_t i = 1, at = strlen(text); i <= 200; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " + b:after=%zu", i);
    }
    resolve(text, &x);
    assert_non_null(strstr(buf_str(&x.r.note), "a and c have a cosine of 0.9"));
    assert_null(strstr(buf_str(&x.r.note), "b and b"));
    assert_null(strstr(buf_str(&x.r.note), "more pairs"));
    forget(&x);
    resolve("a + c + without(a, b) + without(c, b) + without(without(a, b), b)", &x); /* 10 pairs */
    assert_non_null(strstr(buf_str(&x.r.note), "and 2 more pairs of vectors"));
    forget(&x);
}

static void what_is_not_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        persona_code code;
        const char *words[3];
    } cases[] = {
        {"0*a + 0*ablate(b)", PERSONA_E_USAGE, {"can do nothing"}},
        {"rotate(a, 0)", PERSONA_E_USAGE, {"can do nothing"}},
        {"a + x", PERSONA_E_NOTFOUND, {"column 5", "'x'"}},
        {"{\"terms\": [{\"vector\": \"a\"}, {\"vector\": \"x\"}]}",
         PERSONA_E_NOTFOUND,
         {"terms[1]"}},
        {"bare", PERSONA_E_USAGE, {"column 1", "no best block"}},
        {"a@40", PERSONA_E_SHAPE, {"no direction there"}},
        {"a@0", PERSONA_E_SHAPE, {"no direction there"}},
        {"cap(bare, 75)@3", PERSONA_E_USAGE, {"vector calibrate bare --model"}},
        {"hold(bare, 1)@3", PERSONA_E_USAGE, {"vector calibrate bare --model"}},
        {"a when bare@3 > 1", PERSONA_E_USAGE, {"vector calibrate bare --model"}},
        {"a when bare > 1", PERSONA_E_SHAPE, {"condition on bare"}},
        {"a when b@40 > 1", PERSONA_E_SHAPE, {"condition on b"}},
        {"cap(a, 0.5)", PERSONA_E_USAGE, {"percentile 0.5", "1 to 99"}},
        {"cap(without(a, b), 75)", PERSONA_E_USAGE, {"cap wants a vector by name"}},
        {"without(a, a)", PERSONA_E_NUMERIC, {"nothing is left"}},
        {"joint(bare@3, 0.1)", PERSONA_E_USAGE, {"no budget", "calibrate"}},
        {"ratio:bare@3", PERSONA_E_USAGE, {"||h||"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_plan *plan = NULL;
        persona_err e = {0};
        const persona_code rc = steering_build(model, cases[i].text, &from, &plan, NULL, &e);
        for (size_t k = 0; k < 3; k++) {
            if (rc != cases[i].code || (cases[i].words[k] && !strstr(e.msg, cases[i].words[k]))) {
                fail_msg("%s: code %d, \"%s\"", cases[i].text, (int)rc, e.msg);
            }
        }
        assert_null(plan);
    }
}

static void receipts(void **state)
{
    (void)state;
    persona_plan *plan = NULL;
    persona_receipt r = {0};
    persona_err e = {0};
    must(steering_build(model,
                        "{\"terms\": [{\"vector\": \"a\", \"coefficient\": 2}, {\"op\": "
                        "\"cap\", \"vector\": \"b\", \"arguments\": [90], \"blocks\": [4, 5]}]}",
                        &from, &plan, &r, &e),
         &e);
    assert_string_equal(r.expression, "2*a + cap(b, 90)@4-5");
    assert_string_equal(r.unit, "dose");
    assert_int_equal(r.n_layers, 3);
    assert_int_equal(r.layers[2], 5);
    near(r.delta_projection, 4 * (double)vectors[0]->layers[3].norm);
    persona_receipt_free(&r);
    persona_plan_free(plan);
    must(steering_build(model, "joint(a + b)", &from, &plan, &r, &e), &e);
    assert_int_equal(r.n_grams, 1);
    persona_receipt_free(&r);
    persona_plan_free(plan);
    must(steering_build(model, "ablate(a)", &from, &plan, &r, &e), &e);
    assert_string_equal(r.unit, "none");
    persona_receipt_free(&r);
    persona_plan_free(plan);
}

static void out_of_memory(void **state)
{
    (void)state;
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_plan *plan = NULL;
        persona_receipt r = {0};
        persona_mem_fail_at(k);
        rc = steering_build(model, "joint(a + along(b, c), 0.2) + (cap(a, 75)@2-3 when b > 1) + c",
                            &from, &plan, &r, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
        persona_receipt_free(&r);
        persona_plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(ranges_and_units),
        cmocka_unit_test(parts),
        cmocka_unit_test(windows_and_gates),
        cmocka_unit_test(joint_edits),
        cmocka_unit_test(conflicts_among_many_terms),
        cmocka_unit_test(what_is_not_known),
        cmocka_unit_test(receipts),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
