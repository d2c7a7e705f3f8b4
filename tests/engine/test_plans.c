/* SPDX-License-Identifier: MIT
 *
 * test_plans.c - as many different plans in one batch as there are slots, of every operator, with
 * windows and gates, on the embedded pair: each request says, to the bit, what it says alone in
 * the same shape, whichever slot it has.
 */
#include <math.h>

#include "models.h"

enum { N = 64, TOKENS = 5 };

static const char *const ASKS[] = {"What is tea?", "How do people sleep?", "What is chess?",
                                   "Tell me about the rain in the city."};

/* The plan of request i; h is about the length of a row. */
static persona_plan *plan_of(persona_model *m, int i, float h)
{
    const persona_model_info *info = persona_model_info_get(m);
    const int d = info->n_embd;
    float *v = malloc((size_t)d * 2 * sizeof *v);
    persona_err e = {0};
    persona_plan *p = NULL;
    assert_non_null(v);
    noise(v, d, (unsigned)i + 1, 1.0F);
    noise(v + d, d, (unsigned)i + 101, 1.0F);
    const persona_gate gate = {.block = i % (info->n_layer - 1),
                               .v = v + d,
                               .sd = h / 10,
                               .above = i % 2 == 0,
                               .open = 0,
                               .close = 0};
    const persona_op op = (persona_op)(i % (int)(PERSONA_OP_HOLD + 1));
    persona_edit x = {.op = op,
                      .block = 1 + i % (info->n_layer - 2),
                      .phases = PERSONA_PHASE_RESPONSE,
                      .alpha = 1,
                      .v = v,
                      .x = (op == PERSONA_OP_CAP ? -0.3F : 0.3F) * h,
                      .band = 0.05F * h,
                      .limit = h};
    float length = 0;
    for (int k = 0; k < d; k++) {
        length += v[k] * v[k];
    }
    if (op == PERSONA_OP_ADD || op == PERSONA_OP_KEEPNORM) {
        x.alpha = 0.4F * h / sqrtf(length);
    } else if (op == PERSONA_OP_ROTATE) {
        x.alpha = 25;
    }
    x.after = i % 7 == 0 ? 2 : 0;
    x.first = i % 11 == 0 ? 3 : 0;
    x.syntax_off = i % 13 == 0;
    x.gates = &gate;
    x.n_gates = i % 3 == 0;
    must(persona_plan_new(info->n_layer, d, &x, 1, &p, &e), &e);
    free(v);
    return p;
}

/* The length of the last prompt token's row in the middle of the model. */
static float length_of_row(persona_model *m)
{
    const int block = persona_model_info_get(m)->n_layer / 2;
    const persona_tap tap = {.mode = PERSONA_TAP_LAST,
                             .span = PERSONA_SPAN_LAST_PROMPT,
                             .blocks = &block,
                             .n_blocks = 1};
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, ASKS[0]);
    record r;
    persona_request q = request(&t, &r, 1);
    double sum = 0;
    q.taps = &tap;
    q.n_taps = 1;
    run(s, &q, 1);
    for (size_t k = 0; k < r.n_acts; k++) {
        sum += (double)r.acts[k] * (double)r.acts[k];
    }
    free(r.acts);
    persona_tokens_free(&t);
    persona_session_free(s);
    return (float)sqrt(sum);
}

static void sixty_four_plans_at_once(void **state)
{
    (void)state;
    static record together[N], turned[N], alone;
    const int step = getenv("PERSONA_QUICK") != NULL ? 9 : 1; /* under sanitizers not all alone */
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        const float h = length_of_row(m);
        persona_plan *p[N];
        persona_tokens t[N];
        persona_request q[N], backwards[N];
        persona_session_opts o = small(N);
        size_t n_moved = 0;
        o.n_ctx = 96;
        o.n_threads = 2;
        o.kv_f32 = true;
        o.fixed_shape = true;
        persona_session *s = session(m, o);
        for (int k = 0; k < N; k++) {
            p[k] = plan_of(m, k, h);
            t[k] = chat(m, NULL, ASKS[k / 8 % 4]);
            q[k] = request(&t[k], &together[k], TOKENS);
            q[k].sampling.temperature = 0;
            q[k].plan = p[k];
        }
        run(s, q, N);
        for (int k = 0; k < N; k++) {
            backwards[N - 1 - k] = request(&t[k], &turned[k], TOKENS);
            backwards[N - 1 - k].sampling.temperature = 0;
            backwards[N - 1 - k].plan = p[k];
        }
        run(s, backwards, N);
        for (int k = 0; k < N; k += step) {
            persona_request one = request(&t[k], &alone, TOKENS);
            one.sampling.temperature = 0;
            one.plan = p[k];
            run(s, &one, 1);
            assert_int_equal(together[k].n_tokens, TOKENS);
            assert_true(together[k].hash == alone.hash);
            assert_true(together[k].hash == turned[k].hash);
            assert_memory_equal(together[k].tokens, alone.tokens, sizeof alone.tokens);
            assert_int_equal(together[k].n_steered, alone.n_steered);
        }
        for (int k = 0; k < N; k++) {
            n_moved += together[k].n_steered > 0;
        }
        assert_true(n_moved > N * 3 / 4);
        for (int k = 0; k < N; k++) {
            persona_plan_free(p[k]);
            persona_tokens_free(&t[k]);
        }
        persona_session_free(s);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sixty_four_plans_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
