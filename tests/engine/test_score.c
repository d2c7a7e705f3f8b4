/* SPDX-License-Identifier: MIT
 *
 * test_score.c - scored texts: token by token what a request that would generate there has, the
 * mean that nll.c has, the same bits from three threads at once under different plans, and what
 * probes read.
 */
#include <math.h>
#include <pthread.h>

#include "models.h"
#include "pipeline/dose/nll.h"
#include "pipeline/score.h"

static const char TEXT[] =
    "Soup is warm, and tea is warm. Bread is not: it is baked in the morning, "
    "and sold cold at noon.";

typedef struct one {
    double logprob;
    persona_token token, best;
} one;

static void take_one(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    one *x = ud;
    double sum = 0;
    size_t best = 0;
    assert_int_equal(i, 0);
    for (size_t k = 0; k < n_vocab; k++) {
        sum += exp((double)logits[k] - (double)logits[x->token]);
        best = logits[k] > logits[best] ? k : best;
    }
    x->logprob = -log(sum);
    x->best = (persona_token)best;
}

static persona_tokens plain(persona_model *m, const char *text)
{
    persona_tokens t;
    persona_err e = {0};
    must(persona_tokenize(m, text, false, &t, &e), &e);
    return t;
}

static persona_plan *push(persona_model *m, float alpha)
{
    const persona_model_info *info = persona_model_info_get(m);
    float *v = malloc((size_t)info->n_embd * sizeof *v);
    persona_plan *p = NULL;
    persona_err e = {0};
    noise(v, info->n_embd, 3, 1.0F);
    const persona_edit edit = {.op = PERSONA_OP_ADD, .block = 1, .alpha = alpha, .v = v};
    must(persona_plan_new(info->n_layer, info->n_embd, &edit, 1, &p, &e), &e);
    free(v);
    return p;
}

/* Behind every prefix of the text, steered and not. */
static void as_generating(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(4));
        persona_plan *p = push(m, 3.0F);
        persona_tokens t = plain(m, TEXT);
        double sums[2];
        for (int steered = 0; steered < 2; steered++) {
            const score_text text = {
                .tokens = t.ids, .n = t.n, .raw = true, .top = 5, .plan = steered ? p : NULL};
            score x;
            persona_err e = {0};
            must(score_texts(s, &text, 1, PERSONA_PRIORITY_BATCH, NULL, &x, &e), &e);
            assert_int_equal(x.n, t.n - 1);
            double sum = 0;
            for (size_t k = 1; k < t.n; k++) {
                const top_logits *got = &x.tokens[k - 1];
                one want = {.token = t.ids[k]};
                persona_request q = {.prompt = t.ids,
                                     .n_prompt = k,
                                     .raw = true,
                                     .sampling = persona_sampling_defaults(),
                                     .plan = steered ? p : NULL,
                                     .ud = &want,
                                     .on_logits = take_one};
                q.sampling.max_tokens = 1;
                run(s, &q, 1);
                assert_int_equal(got->chosen.token, t.ids[k]);
                assert_int_equal(got->n, 5);
                if (fabs((double)got->chosen.logprob - want.logprob) > 5e-3 * (1 - want.logprob)) {
                    fail_msg("model %zu, token %zu: %g, wanted %g", i, k,
                             (double)got->chosen.logprob, want.logprob);
                }
                assert_true(got->top[0].token == want.best ||
                            got->top[0].logprob - got->top[1].logprob < 0.02F);
                for (size_t r = 0; r < 5; r++) {
                    assert_true(r == 0 || got->top[r].logprob <= got->top[r - 1].logprob);
                    assert_true(got->top[r].token != t.ids[k] ||
                                got->top[r].logprob == got->chosen.logprob);
                }
                sum += (double)got->chosen.logprob;
            }
            assert_true(fabs(x.sum - sum) < 1e-9);
            sums[steered] = sum;
            score_clear(&x);
        }
        assert_true(fabs(sums[0] - sums[1]) > 0.5);
        persona_tokens_free(&t);
        persona_plan_free(p);
        persona_session_free(s);
        persona_model_free(m);
    }
}

static void as_nll(void **state)
{
    (void)state;
    static const char *const QUESTION = "What is tea?", *const ANSWER = "Warm water with leaves.";
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session_opts o = small(1); /* the same calls: the same numbers */
        o.no_reuse = true;
        persona_session *s = session(m, o);
        persona_tokens prompt = chat(m, NULL, QUESTION), reply;
        persona_err e = {0};
        double nll = 0;
        must(persona_tokenize_reply(m, &prompt, ANSWER, &reply, &e), &e);
        must(nll_measure(s, &QUESTION, &ANSWER, 1, "reading", NULL, &nll, &e), &e);
        persona_token *all = malloc((prompt.n + reply.n) * sizeof *all);
        memcpy(all, prompt.ids, prompt.n * sizeof *all);
        memcpy(all + prompt.n, reply.ids, reply.n * sizeof *all);
        const score_text text = {.tokens = all, .n = prompt.n + reply.n, .n_prompt = prompt.n};
        score x;
        must(score_texts(s, &text, 1, PERSONA_PRIORITY_INTERACTIVE, NULL, &x, &e), &e);
        assert_int_equal(x.n, reply.n);
        assert_int_equal(x.tokens[0].n, 0);
        if (fabs(-x.sum / (double)x.n - nll) >= 1e-6 * nll) {
            fail_msg("model %zu: %g, nll %g, %zu tokens", i, -x.sum / (double)x.n, nll, x.n);
        }
        score_clear(&x);
        free(all);
        persona_tokens_free(&prompt);
        persona_tokens_free(&reply);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { N_TEXTS = 5 };

typedef struct client {
    pthread_t thread;
    persona_session *s;
    score_text texts[N_TEXTS];
    score got[N_TEXTS];
    persona_code rc;
} client;

static void *score_things(void *ud)
{
    client *c = ud;
    persona_err e = {0};
    c->rc = score_texts(c->s, c->texts, N_TEXTS, PERSONA_PRIORITY_BATCH, NULL, c->got, &e);
    return NULL;
}

static void three_threads(void **state)
{
    (void)state;
    persona_model *m = open_model(1);
    persona_session_opts o = small(4);
    o.fixed_shape = true;
    persona_session *s = session(m, o);
    persona_tokens t = plain(m, TEXT);
    persona_plan *plans[3] = {NULL, push(m, 2.0F), push(m, -2.0F)};
    client c[3], alone[3];
    persona_err e = {0};
    for (size_t k = 0; k < 3; k++) {
        c[k] = (client){.s = s};
        for (size_t i = 0; i < N_TEXTS; i++) {
            c[k].texts[i] = (score_text){.tokens = t.ids + i,
                                         .n = t.n - i,
                                         .n_prompt = 1 + i % 2,
                                         .raw = true,
                                         .top = i,
                                         .plan = plans[k]};
        }
        alone[k] = c[k];
        (void)score_things(&alone[k]);
        assert_int_equal(alone[k].rc, PERSONA_OK);
    }
    must(persona_session_start(s, &e), &e);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(pthread_create(&c[k].thread, NULL, score_things, &c[k]), 0);
    }
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(pthread_join(c[k].thread, NULL), 0);
        assert_int_equal(c[k].rc, PERSONA_OK);
        for (size_t i = 0; i < N_TEXTS; i++) {
            const score *a = &alone[k].got[i], *b = &c[k].got[i];
            assert_int_equal(a->n, b->n);
            for (size_t j = 0; j < a->n; j++) {
                assert_int_equal(a->tokens[j].n, i);
                assert_int_equal(a->tokens[j].chosen.token, b->tokens[j].chosen.token);
                assert_true(a->tokens[j].chosen.logprob == b->tokens[j].chosen.logprob);
                assert_memory_equal(a->tokens[j].top, b->tokens[j].top, i * sizeof(top_logit));
            }
            assert_true(k == 0 || a->sum != alone[0].got[i].sum);
            score_clear(&alone[k].got[i]);
            score_clear(&c[k].got[i]);
        }
    }
    persona_session_stop(s);
    persona_plan_free(plans[1]);
    persona_plan_free(plans[2]);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

/* ---- probes ---------------------------------------------------------------------------------- */

typedef struct rows {
    float values[256][2];
    size_t n;
} rows;

static void keep_rows(void *ud, const persona_result *r)
{
    rows *x = ud;
    const persona_acts *a = &r->acts[0];
    x->n = a->n_positions;
    for (size_t i = 0; i < a->n_positions; i++) { /* component 3 of block 0, 5 of block 2 */
        x->values[i][0] = a->data[(i * a->n_blocks + 0) * a->width + 3];
        x->values[i][1] = a->data[(i * a->n_blocks + 1) * a->width + 5];
    }
}

static void probes(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    const size_t d = (size_t)persona_model_info_get(m)->n_embd;
    persona_session *s = session(m, small(1));
    persona_tokens t = plain(m, TEXT);
    static const int BLOCKS[] = {0, 2};
    float *v = calloc(2 * d, sizeof *v);
    v[3] = 1.0F;
    v[d + 5] = 1.0F;
    const persona_tap whole = {.mode = PERSONA_TAP_ALL, .blocks = BLOCKS, .n_blocks = 2};
    const persona_tap tap = {
        .mode = PERSONA_TAP_PROJECT, .blocks = BLOCKS, .n_blocks = 2, .directions = v};
    score_text text = {.tokens = t.ids, .n = t.n, .raw = true, .probes = &tap};
    static rows all;
    score x;
    persona_err e = {0};
    const persona_request q = {.prompt = t.ids,
                               .n_prompt = 1,
                               .forced = t.ids + 1,
                               .n_forced = t.n - 1,
                               .raw = true,
                               .want_logits = true,
                               .taps = &whole,
                               .n_taps = 1,
                               .ud = &all,
                               .on_done = keep_rows};
    run(s, &q, 1);
    must(score_texts(s, &text, 1, PERSONA_PRIORITY_BATCH, NULL, &x, &e), &e);
    assert_int_equal(x.n_probes, 2);
    assert_int_equal(x.n_positions, t.n - 1);
    assert_int_equal(all.n, t.n - 1);
    for (size_t i = 0; i < x.n_positions; i++) {
        assert_int_equal(x.positions[i], i + 1);
        assert_true(x.coordinates[2 * i] == all.values[i][0]);
        assert_true(x.coordinates[2 * i + 1] == all.values[i][1]);
    }
    score_clear(&x);
    text.probes = &whole;
    assert_int_equal(score_texts(s, &text, 1, PERSONA_PRIORITY_BATCH, NULL, &x, &e),
                     PERSONA_E_USAGE);
    text.probes = NULL;
    text.top = TOP_LOGITS_MAX + 1;
    assert_int_equal(score_texts(s, &text, 1, PERSONA_PRIORITY_BATCH, NULL, &x, &e),
                     PERSONA_E_USAGE);
    text.top = 0;
    text.n = 1;
    assert_int_equal(score_texts(s, &text, 1, PERSONA_PRIORITY_BATCH, NULL, &x, &e),
                     PERSONA_E_USAGE);
    assert_null(x.tokens);
    free(v);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_generating), cmocka_unit_test(as_nll),
                                       cmocka_unit_test(three_threads), cmocka_unit_test(probes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
