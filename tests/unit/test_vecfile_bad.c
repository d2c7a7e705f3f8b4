/* SPDX-License-Identifier: MIT
 *
 * test_vecfile_bad.c - vector files that are wrong in one way: safetensors, JSON, raw floats by
 * hand, and every byte of small good ones. GGUF is in test_vector.c; zip archives and pickles are
 * in tests/fuzz/corpus.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "persona/vector.h"
#include "scratch.h"
#include "store/vector/vecfile.h"

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

/* Two directions of three values. */
static persona_vector *small(void)
{
    persona_vector *v = NULL;
    const float row[3] = {1, 2, 3};
    assert_int_equal(persona_vector_new(4, 3, &v, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_set(v, 1, row, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_set(v, 2, row, NULL), PERSONA_OK);
    return v;
}

static const char *safetensors(const char *header, size_t n_data)
{
    unsigned char bytes[1024] = {0};
    const size_t n = strlen(header);
    assert_true(8 + n + n_data <= sizeof bytes);
    bytes[0] = (unsigned char)n;
    bytes[1] = (unsigned char)(n >> 8);
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < n_data; i++) {
        bytes[8 + n + i] = i % 4 == 3 ? 0x3f : 0;
    }
    return scratch_bytes("bad.safetensors", bytes, 8 + n + n_data);
}

#define TENSOR(name, type, shape, from, to)                                                        \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void malformed_safetensors(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        const char *word;
    } cases[] = {
        {"{}", 4, "no direction"},
        {"{\"direction.1\":7}", 4, "type unknown"},
        {"{" TENSOR("w", "F32", "[1]", "0", "4") "}", 4, "'w' is not a direction"},
        {"{" TENSOR("direction.01", "F32", "[1]", "0", "4") "}", 4, "not a direction"},
        {"{" TENSOR("direction.9999", "F32", "[1]", "0", "4") "}", 4, "not a direction"},
        {"{" TENSOR("direction.1", "I32", "[1]", "0", "4") "}", 4, "type I32"},
        {"{" TENSOR("direction.1", "F32", "[1,1]", "0", "4") "}", 4, "no row"},
        {"{" TENSOR("direction.1", "F32", "[0]", "0", "0") "}", 4, "no row"},
        {"{" TENSOR("direction.1", "F32", "[1e99]", "0", "4") "}", 4, "no row"},
        {"{" TENSOR("direction.1", "F32", "[2]", "0", "4") "}", 4, "data_offsets"},
        {"{" TENSOR("direction.1", "F32", "[2]", "0", "8") "}", 4, "data_offsets"},
        {"{" TENSOR("direction.1", "F32", "[1]", "4", "0") "}", 4, "data_offsets"},
        {"{" TENSOR("direction.1", "F32", "[1]", "0.5", "4.5") "}", 8, "data_offsets"},
        {"{" TENSOR("direction.1", "F32", "[1]", "4", "8") "}", 8, "begin at byte 4"},
        {"{" TENSOR("direction.1", "F32", "[1]", "0", "4") "}", 8, "4 bytes of data"},
        {"{" TENSOR("direction.1", "F32", "[1]", "0", "4") "," //
         TENSOR("direction.2", "F32", "[1]", "0", "4") "}",
         4, "without gap or overlap"},
        {"{" TENSOR("direction.1", "F32", "[1]", "0", "4") "," //
         TENSOR("direction.2", "F32", "[2]", "4", "12") "}",
         12, "has width 2 (expected 1"},
        {"{" TENSOR("direction.1", "F32", "[1]", "0", "4") "," //
         TENSOR("layer_1", "F32", "[1]", "4", "8") "}",
         8, "layer 1 occurs twice"},
        {"{\"__metadata__\":{\"persona\":\"{\"}," //
         TENSOR("direction.1", "F32", "[1]", "0", "4") "}",
         4, "__metadata__.persona"},
        {"{\"__metadata__\":{\"persona\":\"{\\\"n_layer\\\":1}\"}," //
         TENSOR("direction.1", "F32", "[1]", "0", "4") "}",
         4, "'n_layer' is 1 (expected 2"},
        {"{,}", 4, "byte 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(safetensors(cases[i].header, cases[i].n_data), PERSONA_E_FORMAT, cases[i].word);
    }
    expect(safetensors("{" TENSOR("direction.1", "BF16", "[2]", "0", "4") "}", 4), PERSONA_OK, "");
}

static void malformed_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"{", "byte 1"},
        {"{}", "'vectors' is missing"},
        {"{\"vectors\": []}", "'vectors' is an array"},
        {"{\"vectors\": {}}", "no direction"},
        {"{\"vectors\": {\"x\": [1]}}", "vectors.x"},
        {"{\"vectors\": {\"layer_1\": []}}", "vectors.layer_1"},
        {"{\"vectors\": {\"layer_1\": [1], \"layer_2\": [1, 2]}}", "has 2 values (expected 1"},
        {"{\"vectors\": {\"layer_1\": [1], \"layer_1\": [1]}}", "occurs twice"},
        {"{\"vectors\": {\"layer_1\": [1, null]}}", "layer_1[1]"},
        {"{\"vectors\": {\"layer_1\": [1e39]}}", "not a float32"},
        {"{\"vectors\": {\"layer_1\": [NaN]}}", "byte"},
        {"{\"vectors\": {\"layer_99999\": [1]}}", "layer_99999"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"trait_id\": 7}", "'trait_id'"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"persona\": 7}", "is not an object"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"persona\": {\"counts\": [1, 2]}}", "holds 2 values"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"persona\": {\"seed\": 0.5}}", "whole number"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"persona\": {\"layer.best\": 2}}",
         "persona.layer.best"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"persona\": {\"layers.auroc\": [0, \"x\"]}}",
         "layers.auroc"},
        {"{\"format\": \"ds4-directional-steering-v1\"}", "bad.f32"},
        {"{\"vectors\": {\"layer_1\": [1]}, \"model_id\": \"\xff\"}", "byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_vector *v = NULL;
        persona_err e = {0};
        const char *path = scratch_text("bad.json", cases[i].text);
        const persona_code rc = persona_vector_read(path, &v, &e);
        if (rc == PERSONA_OK || !strstr(e.msg, cases[i].word)) {
            fail_msg("case %zu: code %d, \"%s\" (expected %s)", i, (int)rc, e.msg, cases[i].word);
        }
    }
}

static void malformed_f32(void **state)
{
    (void)state;
    static const float rows[] = {0, 0, 1, 2}, zeros[] = {0, 0, 0, 0}, bad[] = {0, 0, 1, NAN};
    static const struct {
        const char *sidecar;
        const void *rows;
        size_t n;
        persona_code code;
        const char *word;
    } cases[] = {
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [2, 3]}", rows, 16,
         PERSONA_E_FORMAT, "has 16 bytes (expected 2 x 3"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [4]}", rows, 16,
         PERSONA_E_FORMAT, "'shape' is not [blocks, width]"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [-2, -2]}", rows, 16,
         PERSONA_E_FORMAT, "'shape'"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [1e300, 2]}", rows, 16,
         PERSONA_E_FORMAT, "'shape'"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [2, 2]}", zeros, 16,
         PERSONA_E_FORMAT, "only zeros"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [2, 2]}", bad, 16,
         PERSONA_E_NUMERIC, "layer 1: value 1"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [2, 2], \"sha256\": \"ab\"}",
         rows, 16, PERSONA_E_FORMAT, "'sha256'"},
        {"{\"format\": \"other\"}", rows, 16, PERSONA_E_FORMAT, "'format' is not"},
        {"[", rows, 16, PERSONA_E_FORMAT, "byte 1"},
        {"{\"format\": \"ds4-directional-steering-v1\", \"shape\": [2, 2]}", rows, 15,
         PERSONA_E_FORMAT, "no vector file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)scratch_text("rows.json", cases[i].sidecar);
        expect(scratch_bytes("rows.f32", cases[i].rows, cases[i].n), cases[i].code, cases[i].word);
    }
    expect(scratch_bytes("alone.f32", rows, 16), PERSONA_E_FORMAT, "no vector file");

    /* A sidecar of ours does not fit other rows. */
    persona_vector *v = small();
    persona_err e = {0};
    char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(persona_vector_write(v, scratch_path("ours.f32"), &e), PERSONA_OK);
    persona_vector_free(v);
    assert_int_equal(file_read(scratch_path("ours.f32"), 1 << 20, &bytes, &n, &e), PERSONA_OK);
    bytes[n / 2] = (char)(bytes[n / 2] ^ 1);
    (void)scratch_bytes("ours.f32", bytes, n);
    mem_free(bytes);
    expect(scratch_path("ours.f32"), PERSONA_E_FORMAT, "sidecar of other rows");
}

/* Bytes as a file of no name; the exit code. */
static int parse(const char *bytes, size_t n)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const vecfile_format *format = NULL;
    const vecfile f = {.path = "some.bin", .p = (const unsigned char *)bytes, .len = n, .e = &e};
    const persona_code rc = vecfile_parse(&f, &v, &format);
    assert_true(rc == PERSONA_OK ? v && format : !v && strstr(e.msg, "some.bin"));
    persona_vector_free(v);
    return persona_code_exit(rc);
}

/* Every prefix of a file is refused with a message, and so is (or is read) every flipped byte. */
static void damaged(void **state)
{
    (void)state;
    static const char *const files[] = {"out/small.safetensors", "out/small.json", "out/small.pt"};
    persona_vector *v = small();
    persona_err e = {0};
    for (size_t i = 0; i < 3; i++) {
        char *bytes = NULL;
        size_t n = 0;
        const char *path = scratch_path(files[i]);
        assert_int_equal(persona_vector_write(v, path, &e), PERSONA_OK);
        assert_int_equal(file_read(path, 1 << 20, &bytes, &n, &e), PERSONA_OK);
        for (size_t k = 0; k + 1 < n; k++) {
            assert_int_equal(parse(bytes, k), 65);
        }
        for (size_t k = 0; k < n; k++) {
            for (int bit = 0; bit < 8; bit++) {
                bytes[k] = (char)(bytes[k] ^ 1 << bit);
                const int code = parse(bytes, n);
                if (code != 0 && code != 65) {
                    fail_msg("%s, byte %zu: exit code %d", files[i], k, code);
                }
                bytes[k] = (char)(bytes[k] ^ 1 << bit);
            }
        }
        mem_free(bytes);
    }
    persona_vector_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_json),
        cmocka_unit_test(malformed_safetensors),
        cmocka_unit_test(malformed_f32),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
