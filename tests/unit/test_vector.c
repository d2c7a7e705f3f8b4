/* SPDX-License-Identifier: MIT
 *
 * test_vector.c - vectors in memory and in GGUF: bit-exact round trips, foreign files, malformed
 * ones.
 *
 * Malformed files are written here byte by byte (struct gguf_text below), so that the reader is
 * tested against the format and not against ggml's writer.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "persona/vector.h"
#include "scratch.h"

static persona_vector *sample(int n_layer, int n_embd)
{
    persona_vector *v = NULL;
    rng r;
    float *row = calloc((size_t)n_embd, sizeof *row);
    assert_non_null(row);
    rng_seed(&r, 7, 1);
    assert_int_equal(persona_vector_new(n_layer, n_embd, &v, NULL), PERSONA_OK);
    for (int b = 1; b < n_layer - 1; b++) {
        for (int i = 0; i < n_embd; i++) {
            row[i] = (float)(rng_normal(&r) * 3);
        }
        assert_int_equal(persona_vector_set(v, b, row, NULL), PERSONA_OK);
        v->layers[b].h_median = (float)rng_unit(&r);
        v->layers[b].auroc = b == 2 ? NAN : 0.75f;
        v->layers[b].cohen_d = -1.5f;
        v->layers[b].agreement = 0.25f;
        v->layers[b].split_half = 0.9f;
        v->layers[b].neutral_mean = 2.5f;
        v->layers[b].neutral_sd = 0.5f;
        v->layers[b].token_mean = 2.25f;
        v->layers[b].token_sd = 0.75f;
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            v->layers[b].quantiles[i] = b == 3 ? NAN : (float)i - 1.1f;
        }
    }
    free(row);
    persona_provenance *from = &v->from;
    assert_int_equal(persona_vector_label(&from->trait, "silly", NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->model_arch, "qwen2", NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->map, "ridge \303\251", NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&from->verdict, "PASS", NULL), PERSONA_OK);
    from->seed = 4000000000u;
    from->n_generated_pos = 100;
    from->n_generated_neg = 99;
    from->n_kept_pos = 80;
    from->n_kept_neg = 79;
    from->best_layer = 2;
    from->dose = 1.25f;
    from->layer_from = 3;
    from->n_texts = 520;
    from->lambda = 1e-3f;
    from->r2_heldout = 0.25f;
    return v;
}

static void same_float(float a, float b)
{
    if (!(isnan(a) && isnan(b)) && memcmp(&a, &b, sizeof a) != 0) {
        fail_msg("%g is not %g", (double)a, (double)b);
    }
}

static void same_vector(const persona_vector *a, const persona_vector *b)
{
    assert_int_equal(a->n_layer, b->n_layer);
    assert_int_equal(a->n_embd, b->n_embd);
    assert_memory_equal(a->data, b->data, (size_t)a->n_layer * (size_t)a->n_embd * sizeof(float));
    for (int i = 0; i < a->n_layer; i++) {
        const persona_vector_layer *x = &a->layers[i], *y = &b->layers[i];
        assert_int_equal(x->present, y->present);
        same_float(x->norm, y->norm);
        same_float(x->h_median, y->h_median);
        same_float(x->auroc, y->auroc);
        same_float(x->cohen_d, y->cohen_d);
        same_float(x->agreement, y->agreement);
        same_float(x->split_half, y->split_half);
        same_float(x->neutral_mean, y->neutral_mean);
        same_float(x->neutral_sd, y->neutral_sd);
        same_float(x->token_mean, y->token_mean);
        same_float(x->token_sd, y->token_sd);
        for (size_t k = 0; k < PERSONA_N_QUANTILES; k++) {
            same_float(x->quantiles[k], y->quantiles[k]);
        }
    }
    const persona_provenance *f = &a->from, *g = &b->from;
    const char *const pairs[][2] = {
        {f->trait, g->trait},
        {f->method, g->method},
        {f->model_name, g->model_name},
        {f->model_arch, g->model_arch},
        {f->model_hash, g->model_hash},
        {f->template_hash, g->template_hash},
        {f->judge, g->judge},
        {f->library, g->library},
        {f->parent_hash, g->parent_hash},
        {f->parent_model, g->parent_model},
        {f->map, g->map},
        {f->verdict, g->verdict},
        {f->unit, g->unit},
        {f->source, g->source},
        {f->note, g->note},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_string_equal(pairs[i][0], pairs[i][1]);
    }
    assert_int_equal(f->seed, g->seed);
    assert_int_equal(f->n_generated_pos, g->n_generated_pos);
    assert_int_equal(f->n_generated_neg, g->n_generated_neg);
    assert_int_equal(f->n_kept_pos, g->n_kept_pos);
    assert_int_equal(f->n_kept_neg, g->n_kept_neg);
    assert_int_equal(f->best_layer, g->best_layer);
    assert_int_equal(f->layer_from, g->layer_from);
    assert_int_equal(f->n_texts, g->n_texts);
    same_float(f->dose, g->dose);
    same_float(f->dose_kl, g->dose_kl);
    same_float(f->lambda, g->lambda);
    same_float(f->r2_heldout, g->r2_heldout);
    same_float(f->r2_shuffled, g->r2_shuffled);
}

static void memory(void **state)
{
    (void)state;
    persona_vector *v = sample(6, 17), *copy = NULL;
    assert_int_equal(persona_vector_clone(v, &copy, NULL), PERSONA_OK);
    same_vector(v, copy);
    assert_ptr_not_equal(v->from.trait, copy->from.trait);
    persona_vector_free(v);
    assert_string_equal(copy->from.trait, "silly");
    assert_null(persona_vector_row(copy, -1));
    assert_null(persona_vector_row(copy, 6));

    persona_err e = {0};
    float row[17] = {3, 4};
    assert_int_equal(persona_vector_set(copy, 6, row, &e), PERSONA_E_SHAPE);
    assert_int_equal(persona_vector_set(copy, -1, row, &e), PERSONA_E_SHAPE);
    assert_int_equal(persona_vector_set(copy, 1, row, &e), PERSONA_OK);
    assert_true(copy->layers[1].norm == 5.0f);
    row[11] = INFINITY;
    assert_int_equal(persona_vector_set(copy, 1, row, &e), PERSONA_E_NUMERIC);
    assert_non_null(strstr(e.msg, "value 11"));
    persona_vector_free(copy);
    persona_vector_free(NULL);

    persona_vector *none = NULL;
    static const int sizes[][2] = {{0, 4},    {4, 0},       {-1, 4},
                                   {5000, 4}, {4, 1 << 21}, {4098, 1 << 20}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(persona_vector_new(sizes[i][0], sizes[i][1], &none, &e), PERSONA_E_SHAPE);
        assert_null(none);
    }
}

static void round_trip(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_vector *v = sample(24, 33), *back = NULL;
    const char *path = scratch_path("folder/v.gguf");
    if (persona_vector_write(v, path, &e) || persona_vector_read(path, &back, &e)) {
        fail_msg("%s", e.msg);
    }
    same_vector(v, back);
    persona_vector_free(back);

    /* Block 0 stays at home. */
    assert_int_equal(persona_vector_set(v, 0, persona_vector_row(v, 1), &e), PERSONA_OK);
    assert_int_equal(persona_vector_write(v, path, &e), PERSONA_OK);
    assert_int_equal(persona_vector_read(path, &back, &e), PERSONA_OK);
    assert_false(back->layers[0].present);
    assert_true(persona_vector_row(back, 0)[0] == 0.0f);
    assert_true(back->layers[1].present);
    persona_vector_free(back);
    persona_vector_free(v);

    assert_int_equal(persona_vector_new(4, 3, &v, &e), PERSONA_OK);
    assert_int_equal(persona_vector_write(v, path, &e), PERSONA_E_SHAPE);
    persona_vector_free(v);
}

static void write_errors(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_vector *v = sample(6, 17);
    assert_int_equal(persona_vector_write(v, "/proc/none/v.gguf", &e), PERSONA_E_IO);
    assert_non_null(strstr(e.msg, "/proc/none"));
    assert_int_equal(persona_vector_write(v, "/dev/full", &e), PERSONA_E_IO);
    assert_non_null(strstr(e.msg, "/dev/full"));
    persona_vector_free(v);
}

/* ---- files made by hand --------------------------------------------------------------------- */

typedef struct gguf_text {
    unsigned char p[16384];
    size_t n;
    uint64_t n_tensors, n_kv;
    size_t data; /* bytes of tensor data promised so far */
} gguf_text;

static void put(gguf_text *t, const void *p, size_t n)
{
    assert_true(t->n + n <= sizeof t->p);
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

static void put_u32(gguf_text *t, uint32_t x)
{
    put(t, &x, sizeof x);
}

static void put_u64(gguf_text *t, uint64_t x)
{
    put(t, &x, sizeof x);
}

static void put_string(gguf_text *t, const char *s)
{
    put_u64(t, strlen(s));
    put(t, s, strlen(s));
}

static void head(gguf_text *t)
{
    memset(t, 0, sizeof *t);
    put(t, "GGUF", 4);
    put_u32(t, 3);
    put_u64(t, 0); /* both filled by finish */
    put_u64(t, 0);
}

static void key(gguf_text *t, const char *name, uint32_t type)
{
    put_string(t, name);
    put_u32(t, type);
    t->n_kv++;
}

static void key_string(gguf_text *t, const char *name, const char *value)
{
    key(t, name, 8);
    put_string(t, value);
}

static void tensor(gguf_text *t, const char *name, uint32_t type, uint64_t width, uint64_t rows)
{
    put_string(t, name);
    put_u32(t, rows ? 2 : 1);
    put_u64(t, width);
    if (rows) {
        put_u64(t, rows);
    }
    put_u32(t, type);
    put_u64(t, t->data);
    t->data += (width * (rows ? rows : 1) * (type == 0 ? 4 : 2) + 31) / 32 * 32;
    t->n_tensors++;
}

/* Pads, adds the data (every float is `value`) and returns the path of the file. */
static const char *finish(gguf_text *t, float value)
{
    static const unsigned char zeros[32];
    put(t, zeros, (32 - t->n % 32) % 32);
    for (size_t i = 0; i < t->data / sizeof value; i++) {
        put(t, &value, sizeof value);
    }
    memcpy(t->p + 8, &t->n_tensors, 8);
    memcpy(t->p + 16, &t->n_kv, 8);
    return scratch_bytes("hand.gguf", t->p, t->n);
}

static void expect(const char *path, persona_code code, const char *word)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const persona_code rc = persona_vector_read(path, &v, &e);
    if (rc != code || !strstr(e.msg, word) || !strstr(e.msg, path)) {
        fail_msg("code %d (expected %d), \"%s\" (expected %s)", (int)rc, (int)code, e.msg, word);
    }
    assert_null(v);
}

/* What llama.cpp's generator and repeng write: three keys and the tensors. */
static void foreign_file(void **state)
{
    (void)state;
    gguf_text t;
    persona_vector *v = NULL;
    persona_err e = {0};
    head(&t);
    key_string(&t, "general.architecture", "controlvector");
    key_string(&t, "controlvector.model_hint", "qwen2");
    key(&t, "controlvector.layer_count", 5); /* int32, as the generator has it */
    put_u32(&t, 2);
    key_string(&t, "some.other", "thing");
    tensor(&t, "direction.5", 0, 8, 0);
    tensor(&t, "direction.3", 0, 8, 0);
    if (persona_vector_read(finish(&t, 0.5f), &v, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(v->n_layer, 6);
    assert_int_equal(v->n_embd, 8);
    assert_true(v->layers[5].present && v->layers[3].present && !v->layers[4].present);
    assert_string_equal(v->from.model_arch, "qwen2");
    assert_string_equal(v->from.trait, "");
    assert_int_equal(v->from.best_layer, -1);
    assert_true(isnan(v->from.dose) && isnan(v->layers[3].auroc));
    assert_true(persona_vector_row(v, 3)[7] == 0.5f);
    persona_vector_free(v);
}

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *architecture, *first, *second;
        uint32_t type;
        uint64_t width, rows;
        float value;
        persona_code code;
        const char *word;
    } cases[] = {
        {"llama", "direction.1", NULL, 0, 8, 0, 1, PERSONA_E_FORMAT, "\"llama\""},
        {NULL, "direction.1", NULL, 0, 8, 0, 1, PERSONA_E_FORMAT, "general.architecture"},
        {"controlvector", "direction.1", "direction.1", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "'direction.1' occurs twice"},
        {"controlvector", "direction.1", "direction.2", 24, 16, 0, 1, PERSONA_E_FORMAT,
         "'direction.2' is not F32"},
        {"controlvector", "direction.1", "direction.2", 0, 8, 2, 1, PERSONA_E_FORMAT,
         "'direction.2' has more than one dimension"},
        {"controlvector", "direction.1", "direction.2", 0, 16, 0, 1, PERSONA_E_FORMAT,
         "'direction.2' has width 16 (expected 8"},
        {"controlvector", "direction.1", "direction.-2", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "direction.-2"},
        {"controlvector", "direction.1", "direction.02", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "direction.02"},
        {"controlvector", "direction.1", "direction.", 0, 8, 0, 1, PERSONA_E_FORMAT, "direction."},
        {"controlvector", "direction.1", "direction.4097", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "direction.4097"},
        {"controlvector", "direction.1", "direction.99999999999999", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "layer number"},
        {"controlvector", "direction.1", "output.weight", 0, 8, 0, 1, PERSONA_E_FORMAT,
         "output.weight"},
        {"controlvector", "direction.3", NULL, 0, 8, 0, NAN, PERSONA_E_NUMERIC,
         "'direction.3': layer 3: value 0"},
        {"controlvector", NULL, NULL, 0, 8, 0, 1, PERSONA_E_FORMAT, "no direction"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_text t;
        head(&t);
        if (cases[i].architecture) {
            key_string(&t, "general.architecture", cases[i].architecture);
        }
        if (cases[i].first) {
            tensor(&t, cases[i].first, 0, 8, 0);
        }
        if (cases[i].second) {
            tensor(&t, cases[i].second, cases[i].type, cases[i].width, cases[i].rows);
        }
        expect(finish(&t, cases[i].value), cases[i].code, cases[i].word);
    }
    expect(scratch_text("text.gguf", "hello, world"), PERSONA_E_FORMAT, "no vector file");
    expect(scratch_text("empty.gguf", ""), PERSONA_E_FORMAT, "is empty");
    expect(scratch_text("magic.gguf", "GGUF"), PERSONA_E_FORMAT, "truncated");
    expect(scratch_path("absent.gguf"), PERSONA_E_NOTFOUND, "absent");
    expect(scratch_folder, PERSONA_E_IO, "folder");
}

static void malformed_keys(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t type, value;
        const char *word;
    } cases[] = {
        {"persona.trait", 4, 1, "'persona.trait'"},
        {"persona.dose", 5, 1, "'persona.dose'"},
        {"persona.dose", 6, 0x7f800000, "infinite"},
        {"persona.seed", 6, 1, "'persona.seed'"},
        {"persona.counts", 4, 1, "'persona.counts'"},
        {"persona.layers.auroc", 6, 1, "'persona.layers.auroc'"},
        {"persona.layer.best", 5, 3, "expected -1 to 1"},
        {"persona.layer.best", 5, 0xfffffffe, "expected -1 to 1"},
        {"persona.n_layer", 4, 1, "expected 2 to"},
        {"persona.n_layer", 4, 0xffffffff, "expected 2 to"},
        {"general.architecture", 4, 1, "general.architecture"},
    };
    gguf_text t;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        head(&t);
        key(&t, cases[i].name, cases[i].type);
        put_u32(&t, cases[i].value);
        if (strcmp(cases[i].name, "general.architecture") != 0) {
            key_string(&t, "general.architecture", "controlvector");
        }
        tensor(&t, "direction.1", 0, 8, 0);
        const char *path = finish(&t, 1);
        persona_err e = {0};
        persona_vector *v = NULL;
        const persona_code rc = persona_vector_read(path, &v, &e);
        if (persona_code_exit(rc) != 65 || !strstr(e.msg, cases[i].word)) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
    }
    head(&t);
    key_string(&t, "general.architecture", "controlvector");
    key(&t, "persona.version", 4); /* only files of others may hold direction.0 */
    put_u32(&t, 1);
    tensor(&t, "direction.1", 0, 8, 0);
    tensor(&t, "direction.0", 0, 8, 0);
    expect(finish(&t, 1), PERSONA_E_FORMAT, "'direction.0' stands for block 0");
    head(&t);
    key_string(&t, "general.architecture", "controlvector");
    key(&t, "persona.layers.auroc", 9); /* three floats, two layers */
    put_u32(&t, 6);
    put_u64(&t, 3);
    put(&t, "\0\0\0\0\0\0\0\0\0\0\0", 12);
    tensor(&t, "direction.1", 0, 8, 0);
    expect(finish(&t, 1), PERSONA_E_FORMAT, "holds 3 values");
}

/* Every prefix of a file is refused with a message, and so is (or is read) every flipped byte. */
static void damaged(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_vector *v = sample(5, 4);
    char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(persona_vector_write(v, scratch_path("whole.gguf"), &e), PERSONA_OK);
    persona_vector_free(v);
    assert_int_equal(file_read(scratch_path("whole.gguf"), 1 << 20, &bytes, &n, &e), PERSONA_OK);
    /* The file ends with padding to 32 bytes, which nobody reads. */
    const size_t padding = 16;
    for (size_t k = 0; k < n - padding; k += k < 64 ? 1 : 3) {
        expect(scratch_bytes("cut.gguf", bytes, k), PERSONA_E_FORMAT, "cut.gguf");
    }
    for (size_t k = 0; k < n; k++) {
        for (int bit = 0; bit < 8; bit += 7) {
            bytes[k] = (char)(bytes[k] ^ 1 << bit);
            const char *path = scratch_bytes("flip.gguf", bytes, n);
            const persona_code rc = persona_vector_read(path, &v, &e);
            if (rc == PERSONA_OK) {
                persona_vector_free(v);
            } else if (persona_code_exit(rc) != 65) {
                fail_msg("byte %zu: code %d, \"%s\"", k, (int)rc, e.msg);
            }
            bytes[k] = (char)(bytes[k] ^ 1 << bit);
        }
    }
    mem_free(bytes);
}

static void out_of_memory(void **state)
{
    (void)state;
    persona_vector *v = sample(5, 4), *back = NULL;
    const char *path = scratch_path("memory.gguf");
    persona_err e = {0};
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = persona_vector_write(v, path, k % 2 ? &e : NULL);
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
            fail_msg("allocation %zu: code %d, %s", k, (int)rc, e.msg);
        }
    }
    rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = persona_vector_read(path, &back, k % 2 ? &e : NULL);
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
            fail_msg("allocation %zu: code %d, %s", k, (int)rc, e.msg);
        }
    }
    same_vector(v, back);
    persona_vector_free(back);
    persona_vector_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),        cmocka_unit_test(round_trip),
        cmocka_unit_test(write_errors),  cmocka_unit_test(foreign_file),
        cmocka_unit_test(malformed),     cmocka_unit_test(malformed_keys),
        cmocka_unit_test(out_of_memory), cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
