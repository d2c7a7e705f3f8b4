/* SPDX-License-Identifier: MIT
 *
 * test_vecmath.c - sums of vectors, unit length, depth, cosine: by hand on small numbers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "persona/vector.h"

/* Blocks 1..n_layer-1 hold (x, y, 0) times the block. */
static persona_vector *make(int n_layer, float x, float y)
{
    persona_vector *v = NULL;
    assert_int_equal(persona_vector_new(n_layer, 3, &v, NULL), PERSONA_OK);
    for (int b = 1; b < n_layer; b++) {
        const float row[3] = {x * (float)b, y * (float)b, 0};
        assert_int_equal(persona_vector_set(v, b, row, NULL), PERSONA_OK);
        v->layers[b].auroc = 0.75F;
        v->layers[b].h_median = 10;
    }
    return v;
}

static void label(char **field, const char *text)
{
    assert_int_equal(persona_vector_label(field, text, NULL), PERSONA_OK);
}

static persona_vector *combine(const persona_vector_term *terms, size_t n)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    if (persona_vector_combine(terms, n, &v, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return v;
}

static void expect_row(const persona_vector *v, int block, float x, float y)
{
    const float *row = persona_vector_row(v, block);
    assert_true(v->layers[block].present);
    if (fabsf(row[0] - x) > 1e-6F || fabsf(row[1] - y) > 1e-6F) {
        fail_msg("block %d: %g %g, expected %g %g", block, (double)row[0], (double)row[1],
                 (double)x, (double)y);
    }
    assert_true(fabsf(v->layers[block].norm - hypotf(x, y)) < 1e-5F);
}

static void sums(void **state)
{
    (void)state;
    persona_vector *a = make(4, 1, 0), *b = make(3, 0, 2);
    a->from.best_layer = b->from.best_layer = 2;
    a->from.dose = 2;
    label(&a->from.trait, "silly");
    label(&a->from.model_arch, "qwen2");
    label(&b->from.model_arch, "qwen2");
    persona_vector_term terms[] = {{a, 1, -1, -1, "a"}, {b, -0.5, -1, -1, "b"}};
    persona_vector *v = combine(terms, 2);
    assert_int_equal(v->n_layer, 4);
    assert_false(v->layers[0].present);
    expect_row(v, 1, 1, -1);
    expect_row(v, 2, 2, -2);
    expect_row(v, 3, 3, 0); /* only a has it */
    assert_non_null(strstr(v->from.note, "a - 0.5*b"));
    assert_non_null(strstr(v->from.note, "1 of 3 blocks"));
    assert_string_equal(v->from.trait, "a - 0.5*b");
    assert_string_equal(v->from.model_arch, "qwen2");
    assert_string_equal(v->from.unit, PERSONA_UNIT_RAW);
    assert_int_equal(v->from.best_layer, 2);
    assert_true(isnan(v->from.dose) && isnan(v->layers[1].auroc));
    persona_vector_free(v);

    b->from.best_layer = 1;
    terms[1].block_a = terms[1].block_b = 2;
    v = combine(terms, 2);
    expect_row(v, 1, 1, 0);
    expect_row(v, 2, 2, -2);
    assert_int_equal(v->from.best_layer, -1);
    persona_vector_free(v);

    /* a - a is nothing but zeros: whoever steers with it steers nothing */
    const persona_vector_term gone[] = {{a, 1, -1, -1, "a"}, {a, -1, -1, -1, "a"}};
    persona_err e = {0};
    assert_int_equal(persona_vector_combine(gone, 2, &v, &e), PERSONA_E_NUMERIC);
    assert_null(v);
    persona_vector_free(b);
    persona_vector_free(a);
}

/* What one vector times a number keeps. */
static void scaling(void **state)
{
    (void)state;
    persona_vector *a = make(4, 0.1F, -0.3F);
    label(&a->from.trait, "silly");
    a->from.best_layer = 2;
    a->from.dose = 3;
    a->from.dose_kl = 1;
    persona_vector_term t = {a, 2, -1, -1, "a"};
    persona_vector *v = combine(&t, 1);
    expect_row(v, 2, 0.4F, -1.2F);
    assert_true(v->from.dose == 1.5F && v->from.dose_kl == 1); /* the same edit as before */
    assert_true(v->layers[2].auroc == 0.75F && v->layers[2].h_median == 10);
    assert_string_equal(v->from.trait, "silly");
    persona_vector_free(v);

    t.coefficient = -1;
    v = combine(&t, 1);
    expect_row(v, 2, -0.2F, 0.6F);
    assert_true(isnan(v->from.dose) && isnan(v->layers[2].auroc));
    assert_string_equal(v->from.trait, "-a");
    persona_vector_free(v);

    t.coefficient = 1; /* bit by bit, signed zeros too */
    a->data[5] = -0.0F;
    v = combine(&t, 1);
    assert_memory_equal(v->data + 3, a->data + 3, 9 * sizeof(float));
    persona_vector_free(v);
    persona_vector_free(a);
}

static void differences(void **state)
{
    (void)state;
    persona_vector *a = make(3, 1, 0), *b = make(3, 0, 1), *v = NULL, *wide = NULL;
    persona_err e = {0};
    const persona_vector_term terms[] = {{a, 1, -1, -1, "a"}, {b, 1, -1, -1, "b"}};
    label(&b->from.unit, PERSONA_UNIT_ONE);
    label(&a->from.model_arch, "llama");
    label(&b->from.model_arch, "mistral");
    v = combine(terms, 2);
    assert_non_null(strstr(v->from.note, "units differ: a is raw mean difference, b is unit norm"));
    assert_non_null(strstr(v->from.note, "a names its model llama, b mistral"));
    assert_string_equal(v->from.unit, "");
    persona_vector_free(v);

    label(&a->from.unit, PERSONA_UNIT_ONE);
    v = combine(terms, 2);
    assert_string_equal(v->from.unit, "sum of unit vectors");
    persona_vector_free(v);

    label(&a->from.model_hash, "11");
    label(&b->from.model_hash, "22"); /* of models that we know: architectures are what they are */
    assert_int_equal(persona_vector_combine(terms, 2, &v, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "a is of a llama model and b of a mistral model"));
    assert_null(v);
    label(&b->from.model_arch, "llama");
    v = combine(terms, 2);
    assert_non_null(strstr(v->from.note, "different model files"));
    persona_vector_free(v);

    assert_int_equal(persona_vector_new(3, 4, &wide, NULL), PERSONA_OK);
    const persona_vector_term widths[] = {{a, 1, -1, -1, "a"}, {wide, 1, -1, -1, "w"}};
    assert_int_equal(persona_vector_combine(widths, 2, &v, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "a is 3 wide and w is 4 wide"));
    const persona_vector_term empty[] = {{wide, 1, -1, -1, "w"}};
    assert_int_equal(persona_vector_combine(empty, 1, &v, &e), PERSONA_E_SHAPE);
    const persona_vector_term huge[] = {{a, 1e39, -1, -1, "a"}}, nan[] = {{a, NAN, -1, -1, "a"}};
    assert_int_equal(persona_vector_combine(huge, 1, &v, &e), PERSONA_E_NUMERIC);
    assert_int_equal(persona_vector_combine(nan, 1, &v, &e), PERSONA_E_NUMERIC);
    assert_int_equal(persona_vector_combine(NULL, 0, &v, &e), PERSONA_E_SHAPE);
    persona_vector_free(wide);
    persona_vector_free(b);
    persona_vector_free(a);
}

static void length(void **state)
{
    (void)state;
    persona_vector *a = make(3, 3, 4);
    persona_err e = {0};
    a->from.best_layer = 2;
    a->from.dose = 0.5F;
    assert_int_equal(persona_vector_normalize(a, NULL), PERSONA_OK);
    expect_row(a, 1, 0.6F, 0.8F);
    expect_row(a, 2, 0.6F, 0.8F);
    assert_true(a->from.dose == 5); /* 0.5 of length 10 is 5 of length 1 */
    assert_string_equal(a->from.unit, PERSONA_UNIT_ONE);
    const float zeros[3] = {0};
    assert_int_equal(persona_vector_set(a, 1, zeros, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_normalize(a, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "layer 1"));
    persona_vector_free(a);
}

static void depth(void **state)
{
    (void)state;
    persona_vector *a = make(4, 1, 2), *v = NULL;
    persona_err e = {0};
    a->from.best_layer = 3;
    label(&a->from.trait, "silly");
    assert_int_equal(persona_vector_resize(a, 9, &v, NULL), PERSONA_OK);
    assert_int_equal(v->n_layer, 9);
    expect_row(v, 3, 3, 6);
    assert_false(v->layers[4].present);
    assert_true(isnan(v->layers[8].auroc) && v->layers[3].auroc == 0.75F);
    assert_string_equal(v->from.trait, "silly");
    assert_int_equal(v->from.best_layer, 3);
    persona_vector_free(v);
    assert_int_equal(persona_vector_resize(a, 3, &v, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "block 3"));
    assert_int_equal(persona_vector_resize(a, 0, &v, &e), PERSONA_E_SHAPE);
    assert_int_equal(persona_vector_resize(a, 100000, &v, &e), PERSONA_E_SHAPE);
    assert_null(v);
    persona_vector_free(a);
}

static void cosine(void **state)
{
    (void)state;
    persona_vector *a = make(3, 1, 0), *b = make(4, 3, 4), *wide = NULL;
    assert_true(fabs(persona_vector_cosine(a, b, 1) - 0.6) < 1e-12);
    assert_true(persona_vector_cosine(a, a, 2) == 1);
    assert_true(isnan(persona_vector_cosine(a, b, 0))); /* absent */
    assert_true(isnan(persona_vector_cosine(a, b, 3)));
    assert_true(isnan(persona_vector_cosine(a, b, -1)));
    assert_int_equal(persona_vector_new(3, 4, &wide, NULL), PERSONA_OK);
    assert_true(isnan(persona_vector_cosine(a, wide, 1)));
    const float zeros[3] = {0};
    assert_int_equal(persona_vector_set(a, 1, zeros, NULL), PERSONA_OK);
    assert_true(isnan(persona_vector_cosine(a, b, 1)));
    persona_vector_free(wide);
    persona_vector_free(b);
    persona_vector_free(a);
}

static void out_of_memory(void **state)
{
    (void)state;
    persona_vector *a = make(4, 1, 2), *b = make(3, 2, 1), *v = NULL;
    const persona_vector_term terms[] = {{a, 1, -1, -1, "a"}, {b, 1, -1, -1, "b"}};
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = persona_vector_combine(terms, 2, &v, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || (rc == PERSONA_E_NOMEM && !v));
    }
    persona_vector_free(v);
    rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = persona_vector_resize(a, 6, &v, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || (rc == PERSONA_E_NOMEM && !v));
    }
    persona_vector_free(v);
    persona_vector_free(b);
    persona_vector_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),          cmocka_unit_test(scaling), cmocka_unit_test(differences),
        cmocka_unit_test(length),        cmocka_unit_test(depth),   cmocka_unit_test(cosine),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
