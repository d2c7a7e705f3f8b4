/* SPDX-License-Identifier: MIT
 *
 * test_hf.c - an outside oracle: activations of every block agree with Hugging Face transformers
 * running the same weights (fixtures made by models/recipe/fixtures.py).
 *
 * The KV cache is asked for in float32, though flash attention reads it as float16 all the same.
 */
#include "hf.h"

static void check_sequence(persona_model *m, const json_val *seq)
{
    const persona_model_info *info = persona_model_info_get(m);
    const json_val *ids = json_get(seq, "tokens"), *blocks = json_get(seq, "blocks");
    size_t n = json_len(ids), d = (size_t)info->n_embd, n_blocks = (size_t)info->n_layer - 1;
    persona_token *t = calloc(n, sizeof *t);
    record r;
    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        t[i] = (persona_token)json_number(json_at(ids, i), -1);
    }
    persona_session_opts o = small(1);
    o.kv_f32 = true;
    persona_session *s = session(m, o);
    persona_tokens all = {.ids = t, .n = n};
    persona_tap tap = {.mode = PERSONA_TAP_ALL, .span = PERSONA_SPAN_PROMPT};
    persona_request q = request(&all, &r, 0);
    q.raw = true;
    q.forced = t; /* nothing to generate and nothing more to read */
    q.taps = &tap;
    q.n_taps = 1;
    run(s, &q, 1);
    assert_int_equal(json_len(blocks), n_blocks);
    for (size_t b = 0; b < n_blocks; b++) {
        const json_val *rows = json_get(json_at(blocks, b), "rows");
        const json_val *index = json_get(json_at(blocks, b), "indices");
        assert_int_equal((size_t)number(json_at(blocks, b), "block"), b);
        for (size_t k = 0; k < json_len(rows); k++) {
            size_t pos = (size_t)number(json_at(rows, k), "pos");
            if (pos == 0) {
                continue; /* position 0 is never captured */
            }
            const float *h = r.acts + ((pos - 1) * n_blocks + b) * d;
            check_row(info, b, json_at(rows, k), index, h);
        }
    }
    free(r.acts);
    free(t);
    persona_session_free(s);
}

static void activations_agree_with_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        json_doc *doc = NULL;
        persona_err e = {0};
        must(json_read(FIXTURES[i], (size_t)4 << 20, &doc, &e), &e);
        const json_val *sequences = json_get(json_root(doc), "sequences");
        assert_true(json_len(sequences) >= 2);
        for (size_t k = 0; k < json_len(sequences); k++) {
            check_sequence(m, json_at(sequences, k));
        }
        json_free(doc);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(activations_agree_with_transformers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
