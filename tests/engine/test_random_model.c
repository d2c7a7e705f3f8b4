/* SPDX-License-Identifier: MIT
 *
 * test_random_model.c - the generator of random models that other tests and benchmarks stand on.
 */
#include <math.h>

#include "base/file.h"
#include "models.h"
#include "support/random_model.h"
#include "unit/scratch.h"

static random_model like(const char *name)
{
    random_model m;
    assert_true(random_model_like(name, &m));
    return m;
}

static void write_hash(const random_model *m, char hex[65])
{
    persona_err e = {0};
    const char *path = scratch_path("one.gguf");
    must(random_model_write(m, path, &e), &e);
    must(sha256_file(&path, 1, NULL, hex, &e), &e);
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        random_model m = like(i == 0 ? "tiny-qwen2" : "tiny-gpt-oss");
        char hex[3][65];
        m.vocab = 4096; /* embeddings larger than what is drawn at once */
        write_hash(&m, hex[0]);
        write_hash(&m, hex[1]);
        m.seed++;
        write_hash(&m, hex[2]);
        assert_string_equal(hex[0], hex[1]);
        assert_string_not_equal(hex[0], hex[2]);
    }
}

typedef struct spread {
    size_t n;
    double sum, squares;
} spread;

static void measure(void *ud, size_t i, const float *logits, size_t n)
{
    spread *x = ud;
    (void)i;
    for (size_t k = 0; k < n; k++) {
        x->sum += (double)logits[k];
        x->squares += (double)logits[k] * (double)logits[k];
    }
    x->n += n;
}

/* The shapes open, say what they are, and their logits are as spread as they should be. */
static void shapes_are_models(void **state)
{
    static const char *const TYPES[][2] = {
        {"F16", NULL}, {"BF16", NULL}, {"Q8_0", "MXFP4"}, {"Q4_K", "Q4_K"}, {"F32", "F16"}};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof TYPES / sizeof TYPES[0]; i++) {
        random_model shape = like(i % 2 == 0 ? "tiny-qwen2" : "tiny-gpt-oss");
        const char *path = scratch_path("shape.gguf");
        persona_err e = {0};
        persona_model *m = NULL;
        spread x = {0};
        shape.vocab = 4096;
        shape.type = TYPES[i / 2][0];
        shape.expert_type = TYPES[i / 2][1];
        must(random_model_write(&shape, path, &e), &e);
        must(persona_model_open(path, NULL, &m, &e), &e);
        const persona_model_info *info = persona_model_info_get(m);
        assert_string_equal(info->arch, shape.arch);
        assert_int_equal(info->n_layer, 4);
        assert_int_equal(info->n_embd, 256);
        assert_int_equal(info->n_vocab, 4096);
        assert_int_equal(info->chat, i % 2 == 0 ? PERSONA_CHAT_TEMPLATE : PERSONA_CHAT_HARMONY);
        persona_session *s = session(m, small(1));
        persona_tokens t = chat(m, NULL, "What is tea?");
        persona_request q = {.prompt = t.ids,
                             .n_prompt = t.n,
                             .sampling = persona_sampling_defaults(),
                             .ud = &x,
                             .on_logits = measure};
        q.sampling.max_tokens = 8;
        q.sampling.ignore_eos = true;
        run(s, &q, 1);
        assert_int_equal(x.n, 8 * 4096);
        const double mean = x.sum / (double)x.n;
        const double sd = sqrt(x.squares / (double)x.n - mean * mean);
        assert_true(fabs(mean) < 0.1 && sd > 0.8 && sd < 1.2);
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

static void impossible_shapes(void **state)
{
    (void)state;
    const char *path = scratch_path("none.gguf");
    const struct {
        persona_code code;
        const char *says;
        random_model m;
    } bad[] = {
        {PERSONA_E_USAGE, "vocab = 100", {.vocab = 100}},
        {PERSONA_E_USAGE, "no type 'Q3_X'", {.type = "Q3_X"}},
        {PERSONA_E_USAGE, "kv-heads = 9", {.kv_heads = 9}},
        {PERSONA_E_USAGE, "no architecture 'gpt2'", {.arch = "gpt2"}},
        {PERSONA_E_FORMAT,
         "questions.json",
         {.vocab_from = PERSONA_SOURCE_DIR "/models/questions.json"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        random_model m = like("tiny-qwen2");
        persona_err e = {0};
        m.arch = bad[i].m.arch != NULL ? bad[i].m.arch : m.arch;
        m.type = bad[i].m.type != NULL ? bad[i].m.type : m.type;
        m.vocab_from = bad[i].m.vocab_from;
        m.vocab = bad[i].m.vocab;
        m.kv_heads = bad[i].m.kv_heads > 0 ? bad[i].m.kv_heads : m.kv_heads;
        assert_int_equal(random_model_write(&m, path, &e), bad[i].code);
        assert_non_null(strstr(e.msg, bad[i].says));
        assert_false(file_exists(path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(shapes_are_models),
        cmocka_unit_test(impossible_shapes),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
