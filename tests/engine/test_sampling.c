/* SPDX-License-Identifier: MIT
 *
 * test_sampling.c - what a request may do to single tokens: biases, bans, OpenAI's penalties over
 * the reply and the repetition penalty over the last tokens, by the logits that a greedy reply has
 * had; and which token was drawn, before anybody is told its text.
 */
#include <math.h>

#include "models.h"

#define MOST 64

/* What a greedy reply must have been, told by its own logits. */
typedef struct watch {
    const persona_sampling *s;
    persona_token drawn[MOST];
    size_t n, n_told, n_wrong, n_not_top;
    bool late;
} watch;

static float wanted(const watch *w, const float *logits, persona_token t)
{
    float x = logits[t];
    unsigned count = 0;
    for (size_t i = 0; i < w->s->n_logit_bias; i++) {
        const persona_logit_bias b = w->s->logit_bias[i];
        x += b.token != t ? 0.0F : b.bias <= -100.0F ? -INFINITY : b.bias;
    }
    for (size_t i = 0; i < w->n; i++) {
        count += w->drawn[i] == t;
    }
    return x - (count > 0 ? w->s->presence_penalty : 0.0F) - w->s->frequency_penalty * (float)count;
}

static void on_choice(void *ud, size_t i, persona_token t, const float *logits, size_t n_vocab)
{
    watch *w = ud;
    persona_token best = 0, plain = 0;
    for (size_t k = 1; k < n_vocab; k++) {
        best =
            wanted(w, logits, (persona_token)k) > wanted(w, logits, best) ? (persona_token)k : best;
        plain = logits[k] > logits[plain] ? (persona_token)k : plain;
    }
    w->n_wrong += best != t || i != w->n;
    w->n_not_top += plain != t;
    w->drawn[w->n++] = t;
}

static bool on_token(void *ud, const persona_token_event *ev)
{
    watch *w = ud;
    if (ev->token >= 0) {
        w->late = w->late || ev->index >= w->n || w->drawn[ev->index] != ev->token;
        w->n_told++;
    }
    return true;
}

static watch reply(persona_session *s, const persona_tokens *t, persona_sampling how)
{
    watch w = {.s = &how};
    how.max_tokens = MOST;
    how.ignore_eos = true;
    const persona_request q = {.prompt = t->ids,
                               .n_prompt = t->n,
                               .sampling = how,
                               .ud = &w,
                               .on_choice = on_choice,
                               .on_token = on_token};
    run(s, &q, 1);
    assert_int_equal(w.n, MOST);
    assert_int_equal(w.n_told, MOST);
    assert_false(w.late);
    w.s = NULL;
    return w;
}

static persona_sampling greedy(void)
{
    persona_sampling s = persona_sampling_defaults();
    s.temperature = 0.0F;
    return s;
}

static void penalties_count_the_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(1));
        persona_tokens t = chat(m, NULL, "Tell me about soup.");
        static const float HOW[][2] = {{0, 0}, {2, 0}, {0, 2}, {0.5F, 1}, {-1, -0.25F}};
        for (size_t k = 0; k < sizeof HOW / sizeof HOW[0]; k++) {
            persona_sampling how = greedy();
            how.presence_penalty = HOW[k][0];
            how.frequency_penalty = HOW[k][1];
            const watch w = reply(s, &t, how);
            assert_int_equal(w.n_wrong, 0);
            assert_true(k == 0 ? w.n_not_top == 0 : HOW[k][0] < 0 || w.n_not_top > 0);
            how.repetition_penalty = 1.0001F; /* the prompt goes through the chain: no difference */
            how.repetition_last = 0;
            const watch fed = reply(s, &t, how);
            assert_int_equal(fed.n_wrong, 0);
        }
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* Over the last 0, 1 and many tokens: 0 is none, and more of them change more. */
static void repetition_over_the_last(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "Tell me about soup.");
    persona_sampling how = greedy();
    const watch plain = reply(s, &t, how);
    how.repetition_penalty = 3.0F;
    how.repetition_last = 0;
    const watch none = reply(s, &t, how);
    assert_memory_equal(plain.drawn, none.drawn, sizeof plain.drawn);
    how.repetition_last = 64;
    const watch many = reply(s, &t, how);
    assert_true(many.n_not_top > 0);
    how.repetition_last = persona_sampling_defaults().repetition_last;
    const watch by_default = reply(s, &t, how);
    assert_memory_equal(many.drawn, by_default.drawn, sizeof many.drawn);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

static void biases(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(1));
        persona_tokens t = chat(m, NULL, "Tell me about soup.");
        const watch plain = reply(s, &t, greedy());
        persona_logit_bias b[PERSONA_LOGIT_BIAS_MAX];
        persona_sampling how = greedy();
        how.logit_bias = b;
        for (size_t k = 0; k < 10; k++) { /* what it would have said is banned */
            b[k] = (persona_logit_bias){plain.drawn[k], -100.0F};
        }
        how.n_logit_bias = 10;
        for (int random = 0; random < 2; random++) {
            how.temperature = random ? 2.0F : 0.0F;
            const watch w = reply(s, &t, how);
            assert_true(random || w.n_wrong == 0);
            for (size_t k = 0; k < w.n; k++) {
                for (size_t x = 0; x < 10; x++) {
                    assert_int_not_equal(w.drawn[k], b[x].token);
                }
            }
        }
        const persona_token only = plain.drawn[3];
        b[0] = (persona_logit_bias){only, 100.0F};
        how.n_logit_bias = 1;
        const watch w = reply(s, &t, how);
        for (size_t k = 0; k < w.n; k++) {
            assert_int_equal(w.drawn[k], only);
        }
        for (size_t k = 0; k < PERSONA_LOGIT_BIAS_MAX; k++) {
            b[k] = (persona_logit_bias){(persona_token)(k * 3 + 5), k % 2 == 0 ? 2.5F : -3.0F};
        }
        how.temperature = 0.0F;
        how.n_logit_bias = PERSONA_LOGIT_BIAS_MAX;
        how.frequency_penalty = 0.5F;
        assert_int_equal(reply(s, &t, how).n_wrong, 0);
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

typedef struct outcome {
    char text[64];
    persona_finish finish;
} outcome;

static void keep(void *ud, const persona_result *r)
{
    outcome *x = ud;
    snprintf(x->text, sizeof x->text, "%s", r->text);
    x->finish = r->finish;
}

/* The grammar sees what is banned: the other word, or a clean end where nothing is left. */
static void bans_under_a_grammar(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "Is tea made of leaves?");
    persona_logit_bias b[PERSONA_LOGIT_BIAS_MAX];
    size_t n = 0;
    char piece[16];
    for (persona_token k = 0; k < persona_model_info_get(m)->n_vocab; k++) {
        const size_t len = persona_token_bytes(m, k, false, piece, sizeof piece);
        if (len > 0 && (piece[0] == 'y' || piece[0] == 'n') && n < PERSONA_LOGIT_BIAS_MAX) {
            b[n++] = (persona_logit_bias){k, -100.0F};
        }
    }
    assert_true(n > 2 && n < PERSONA_LOGIT_BIAS_MAX);
    for (uint32_t seed = 0; seed < 8; seed++) {
        outcome x;
        persona_request q = {.prompt = t.ids,
                             .n_prompt = t.n,
                             .sampling = persona_sampling_defaults(),
                             .ud = &x,
                             .on_done = keep};
        q.sampling.grammar = "root ::= (\"yes\" | \"no\")";
        q.sampling.seed = seed;
        q.sampling.presence_penalty = 1.0F;
        persona_logit_bias no_y[PERSONA_LOGIT_BIAS_MAX];
        size_t n_y = 0;
        for (size_t k = 0; k < n; k++) {
            (void)persona_token_bytes(m, b[k].token, false, piece, 1);
            if (piece[0] == 'y') {
                no_y[n_y++] = b[k];
            }
        }
        q.sampling.logit_bias = no_y;
        q.sampling.n_logit_bias = n_y;
        run(s, &q, 1);
        assert_string_equal(x.text, "no");
        q.sampling.logit_bias = b;
        q.sampling.n_logit_bias = n;
        run(s, &q, 1);
        assert_string_equal(x.text, "");
        assert_int_equal(x.finish, PERSONA_FINISH_STOP);
    }
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

static void out_of_range(void **state)
{
    (void)state;
    static persona_logit_bias b[PERSONA_LOGIT_BIAS_MAX + 1];
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "Hi");
    const persona_logit_bias low = {-1, 0}, high = {persona_model_info_get(m)->n_vocab, 0},
                             strong = {0, 100.5F}, weak = {0, -101}, none = {0, NAN};
    const persona_sampling base = greedy();
    persona_sampling bad[12];
    static const char *const WORDS[] = {
        "presence_penalty",  "presence_penalty", "frequency_penalty", "frequency_penalty",
        "repetition_last",   "repetition_last",  "token -1",          "token",
        "outside -100..100", "-100..100",        "-100..100",         "301 entries"};
    for (size_t i = 0; i < 12; i++) {
        bad[i] = base;
        bad[i].n_logit_bias = i < 6 ? 0 : 1;
    }
    bad[0].presence_penalty = 2.01F;
    bad[1].presence_penalty = NAN;
    bad[2].frequency_penalty = -2.01F;
    bad[3].frequency_penalty = INFINITY;
    bad[4].repetition_last = -1;
    bad[5].repetition_last = 65537;
    bad[6].logit_bias = &low;
    bad[7].logit_bias = &high;
    bad[8].logit_bias = &strong;
    bad[9].logit_bias = &weak;
    bad[10].logit_bias = &none;
    bad[11].logit_bias = b;
    bad[11].n_logit_bias = PERSONA_LOGIT_BIAS_MAX + 1;
    for (size_t i = 0; i < 12; i++) {
        persona_err e = {0};
        const persona_request q = {.prompt = t.ids, .n_prompt = t.n, .sampling = bad[i]};
        const persona_code rc = persona_session_run_all(s, &q, 1, NULL, &e);
        if (rc != PERSONA_E_USAGE || strstr(e.msg, WORDS[i]) == NULL) {
            fail_msg("case %zu: %s: %s", i, persona_code_name(rc), e.msg);
        }
    }
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

/* Token by token the bytes of a text, code points torn apart; and what is no token. */
static void bytes_of_tokens(void **state)
{
    (void)state;
    static const char TEXT[] = "Soup \xF0\x9F\x8D\xB2 for na\xC3\xAFve people: \xE6\xB1\xA4!";
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        const int n_vocab = persona_model_info_get(m)->n_vocab;
        persona_tokens t;
        persona_err e = {0};
        char all[256], one[64];
        size_t n = 0;
        must(persona_tokenize(m, TEXT, false, &t, &e), &e);
        for (size_t k = 0; k < t.n; k++) {
            const size_t len = persona_token_bytes(m, t.ids[k], false, one, sizeof one);
            assert_true(len <= sizeof one && n + len < sizeof all);
            assert_int_equal(persona_token_bytes(m, t.ids[k], false, NULL, 0), len);
            memcpy(all + n, one, len);
            n += len;
        }
        assert_int_equal(n, strlen(TEXT));
        assert_memory_equal(all, TEXT, n);
        assert_int_equal(persona_token_bytes(m, -1, true, one, sizeof one), 0);
        assert_int_equal(persona_token_bytes(m, n_vocab, true, one, sizeof one), 0);
        persona_tokens_free(&t);
        must(persona_tokenize(m, i == 0 ? "<|im_end|>" : "<|end|>", true, &t, &e), &e);
        assert_int_equal(t.n, 1);
        assert_true(i > 0 || persona_token_bytes(m, t.ids[0], false, one, sizeof one) == 0);
        assert_int_equal(persona_token_bytes(m, t.ids[0], true, one, 4), i == 0 ? 10 : 7);
        assert_memory_equal(one, i == 0 ? "<|im" : "<|en", 4);
        persona_tokens_free(&t);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties_count_the_reply),
        cmocka_unit_test(repetition_over_the_last),
        cmocka_unit_test(biases),
        cmocka_unit_test(bans_under_a_grammar),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(bytes_of_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
