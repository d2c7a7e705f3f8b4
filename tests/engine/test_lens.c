/* SPDX-License-Identifier: MIT
 *
 * test_lens.c - tokens that directions promote and suppress: against numpy and a GGUF reader of its
 * own (tools/gen_golden.py), against libllama's logits, and on quantized weights.
 */
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "forced.h"
#include "unit/golden.h"

static persona_vector *one_direction(int n_layer, const float *v, int d)
{
    persona_vector *x = NULL;
    persona_err e = {0};
    must(persona_vector_new(n_layer, d, &x, &e), &e);
    must(persona_vector_set(x, 1, v, &e), &e);
    must(persona_vector_set(x, 3, v, &e), &e);
    return x;
}

static void compare(const persona_lens *x, const persona_lens_token *mine, const json_val *c,
                    const char *side)
{
    char key[64];
    snprintf(key, sizeof key, "%s_logits", side);
    const json_val *ids = json_get(c, side), *logits = json_get(c, key);
    assert_int_equal(x->n, 20);
    assert_int_equal(json_len(ids), 20);
    for (size_t i = 0; i < x->n; i++) {
        assert_int_equal(mine[i].id, (int)json_number(json_at(ids, i), -1));
        golden_near(key, (double)mine[i].logit, json_number(json_at(logits, i), (double)NAN), 1e-4);
    }
}

static void tokens_agree_with_numpy(void **state)
{
    (void)state;
    json_doc *doc = golden_open("golden_lens.json");
    const json_val *cases = json_get(json_root(doc), "cases");
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_err e = {0};
        persona_model *m = open_model(i);
        const json_val *c = json_at(cases, i), *values = json_get(c, "v");
        const int d = persona_model_info_get(m)->n_embd;
        float v[1024];
        persona_lens *x = NULL;
        assert_int_equal((int)json_len(values), d);
        for (size_t k = 0; k < (size_t)d; k++) {
            v[k] = 7 * (float)json_number(json_at(values, k),
                                          (double)NAN); /* its length says nothing */
        }
        persona_vector *vector = one_direction(5, v, d);
        must(persona_vector_explain(m, vector, 20, NULL, &x, &e), &e);
        assert_true(x->n_layers == 2 && x->layers[0].block == 1 && x->layers[1].block == 3);
        assert_int_equal(x->n_tokens, (size_t)golden_number(c, "n"));
        golden_near("sd", x->layers[0].sd, golden_number(c, "sd"), 1e-4);
        compare(x, x->layers[0].promoted, c, "promoted");
        compare(x, x->layers[1].suppressed, c, "suppressed");
        persona_lens_free(x);
        persona_vector_free(vector);
        persona_model_free(m);
    }
    json_free(doc);
}

/* ---- against libllama ------------------------------------------------------------------------ */

typedef struct seen {
    float *logits; /* (n_vocab) of the first token */
} seen;

static void keep_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    seen *s = ud;
    if (i == 0) {
        memcpy(s->logits, logits, n_vocab * sizeof *logits);
    }
}

static void ignore(void *ud, const persona_result *r)
{
    (void)ud;
    assert_int_equal(r->code, PERSONA_OK);
}

/* Logits of the token after a prompt, with alpha * v added behind the last block's neighbor. */
static void logits_of(persona_session *s, const persona_tokens *prompt, persona_plan *plan,
                      float *out)
{
    seen x = {out};
    persona_request q = {.prompt = prompt->ids,
                         .n_prompt = prompt->n,
                         .sampling = persona_sampling_defaults(),
                         .plan = plan,
                         .ud = &x,
                         .on_logits = keep_logits,
                         .on_done = ignore};
    q.sampling.max_tokens = 1;
    run(s, &q, 1);
}

/* An edit of the last block, which goes straight to the output, so long that only it is left: the
 * logits are then those of the direction, and the strongest token is the first promoted one. */
static void the_model_says_the_direction(persona_model *m)
{
    persona_err e = {0};
    const persona_model_info *info = persona_model_info_get(m);
    persona_session *s = session(m, small(1));
    persona_tokens prompt = chat(m, NULL, "Tell me about soup.");
    float *v = calloc((size_t)info->n_embd, sizeof *v);
    float *logits = calloc((size_t)info->n_vocab, sizeof *logits);
    persona_lens *x = NULL;
    persona_plan *plan = NULL;
    assert_non_null(v);
    assert_non_null(logits);
    noise(v, info->n_embd, 3, 1);
    for (int i = 0; i < info->n_embd; i++) {
        v[i] += 1; /* a mean, for norms that take it out */
    }
    persona_vector *vector = one_direction(info->n_layer, v, info->n_embd);
    const persona_edit edit = {
        .op = PERSONA_OP_ADD, .block = info->n_layer - 1, .alpha = 1e6F, .v = v};
    must(persona_plan_new(info->n_layer, info->n_embd, &edit, 1, &plan, &e), &e);
    must(persona_vector_explain(m, vector, 3, NULL, &x, &e), &e);
    logits_of(s, &prompt, plan, logits);
    const persona_lens_token *t = x->layers[0].promoted;
    const persona_lens_token *low = x->layers[0].suppressed;
    /* libllama's are of the normed direction, ours of v/|v|, whose mean the norm may take out */
    double first = 0;
    for (size_t k = 0; k < 3; k++) { /* the difference of logits is the difference of ours */
        const double theirs = (double)(logits[t[k].id] - logits[low[k].id]);
        const double ours = (double)(t[k].logit - low[k].logit);
        first = k == 0 ? theirs / ours : first;
        print_message("%s: %.4f, libllama %.4f\n", info->arch, ours, theirs);
        assert_true(fabs(first * ours - theirs) < 0.02 * fabs(theirs));
    }
    if (strcmp(info->arch, "command-r") != 0) {
        assert_true(fabs(first - 1) < 0.02);
    }
    persona_lens_free(x);
    persona_plan_free(plan);
    persona_vector_free(vector);
    persona_tokens_free(&prompt);
    free(v);
    free(logits);
    persona_session_free(s);
}

static void the_direction_alone_is_what_the_model_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        the_model_says_the_direction(m);
        persona_model_free(m);
    }
}

/* LayerNorm without a bias, as in Command-R. */
static void a_norm_that_centers_is_told_by_the_metadata(void **state)
{
    (void)state;
    const random_model shape = {.arch = "command-r",
                                .width = 64,
                                .blocks = 5,
                                .heads = 4,
                                .kv_heads = 2,
                                .head_dim = 16,
                                .ff = 128,
                                .context = 512,
                                .rope_base = 1e4F,
                                .type = "F32",
                                .vocab_from = PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf",
                                .seed = 5};
    char path[512];
    persona_err e = {0};
    persona_model *m = NULL;
    snprintf(path, sizeof path, "%s/command-r.gguf", scratch_folder);
    must(random_model_write(&shape, path, &e), &e);
    must(persona_model_open(path, NULL, &m, &e), &e);
    the_model_says_the_direction(m);
    persona_model_free(m);
}

/* ---- what it refuses, and types -------------------------------------------------------------- */

static void every_type_of_weights_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        char path[512];
        persona_err e = {0};
        persona_model *m = random_open(i, path, sizeof path);
        const int d = persona_model_info_get(m)->n_embd;
        float *v = calloc((size_t)d, sizeof *v);
        persona_lens *x = NULL;
        assert_non_null(v);
        noise(v, d, 9, 1);
        persona_vector *vector = one_direction(4, v, d);
        must(persona_vector_explain(m, vector, 5, NULL, &x, &e), &e);
        assert_true(x->n == 5 && x->layers[0].sd > 0);
        assert_true(x->layers[0].promoted[0].logit > x->layers[0].promoted[4].logit);
        assert_true(x->layers[0].suppressed[0].logit < 0 && x->layers[0].promoted[0].logit > 0);
        persona_lens_free(x);
        persona_vector_free(vector);
        free(v);
        persona_model_free(m);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    float v[8] = {1};
    persona_lens *x = NULL;
    persona_vector *narrow = one_direction(4, v, 8), *empty = NULL;
    assert_int_equal(persona_vector_explain(m, narrow, 5, NULL, &x, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "8 wide"));
    must(persona_vector_new(4, persona_model_info_get(m)->n_embd, &empty, &e), &e);
    assert_int_equal(persona_vector_explain(m, empty, 5, NULL, &x, &e), PERSONA_E_SHAPE);
    assert_null(x);
    persona_cancel stop = {0};
    persona_cancel_set(&stop);
    float *w = calloc((size_t)persona_model_info_get(m)->n_embd, sizeof *w);
    assert_non_null(w);
    w[3] = 1;
    must(persona_vector_set(empty, 2, w, &e), &e);
    assert_int_equal(persona_vector_explain(m, empty, 5, &stop, &x, &e), PERSONA_E_CANCELED);
    free(w);
    persona_vector_free(narrow);
    persona_vector_free(empty);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_agree_with_numpy),
        cmocka_unit_test(the_direction_alone_is_what_the_model_says),
        cmocka_unit_test(a_norm_that_centers_is_told_by_the_metadata),
        cmocka_unit_test(every_type_of_weights_is_read),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
