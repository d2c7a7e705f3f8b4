/* SPDX-License-Identifier: MIT
 *
 * test_exact.c - what must hold bit for bit, on both architectures.
 */
#include <math.h>

#include "models.h"

static persona_plan *noise_plan(persona_model *m, unsigned phases, float scale)
{
    const persona_model_info *i = persona_model_info_get(m);
    persona_edit edits[3];
    float *v = malloc(sizeof(float) * (size_t)i->n_embd * 3);
    persona_plan *p = NULL;
    persona_err e = {0};
    assert_non_null(v);
    for (int k = 0; k < 3; k++) {
        noise(v + k * i->n_embd, i->n_embd, (unsigned)k + 7, 0.05F);
        edits[k] = (persona_edit){
            .block = 1 + k, .alpha = scale, .phases = phases, .v = v + k * i->n_embd};
    }
    must(persona_plan_new(i->n_layer, i->n_embd, edits, 3, &p, &e), &e);
    free(v);
    return p;
}

static record one(persona_model *m, persona_session_opts o, persona_plan *plan)
{
    record r;
    persona_session *s = session(m, o);
    persona_tokens t = chat(m, "You are a silly assistant.", "What is bread?");
    persona_request q = request(&t, &r, 24);
    q.plan = plan;
    run(s, &q, 1);
    persona_tokens_free(&t);
    persona_session_free(s);
    return r;
}

static void callback_equals_control_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_plan *p = noise_plan(m, 0, 1.0F);
        persona_session_opts o = small(2);
        record cvec = one(m, o, p);
        o.no_cvec = true;
        record callback = one(m, o, p);
        record none = one(m, o, NULL);
        assert_int_equal(cvec.n_logits, 24);
        assert_true(cvec.hash == callback.hash);
        assert_memory_equal(cvec.tokens, callback.tokens, sizeof cvec.tokens);
        assert_true(cvec.hash != none.hash);
        assert_int_equal(cvec.n_steered, callback.n_steered);
        persona_plan_free(p);
        persona_model_free(m);
    }
}

/* Fetching rows, changing them and putting them back gives what changing them in place gives. */
static void copies_equal_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_plan *p = noise_plan(m, 0, 1.0F);
        persona_session_opts o = small(2);
        o.no_cvec = true;
        record here = one(m, o, p);
        o.no_host = true;
        record there = one(m, o, p);
        assert_true(here.hash == there.hash);
        assert_int_equal(here.n_steered, there.n_steered);
        persona_plan_free(p);
        persona_model_free(m);
    }
}

static void coefficient_zero_is_no_steering(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_plan *zero = noise_plan(m, 0, 0.0F);
        record a = one(m, small(2), zero), b = one(m, small(2), NULL);
        assert_true(a.hash == b.hash);
        assert_int_equal(a.n_steered, 0);
        persona_plan_free(zero);
        persona_model_free(m);
    }
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        record a = one(m, small(4), NULL), b = one(m, small(4), NULL);
        assert_true(a.hash == b.hash);
        assert_string_equal(a.text, b.text);
        persona_model_free(m);
    }
}

/* Four slots; 1 and 3 steered; 0 and 2 must not notice. */
static void slots_are_independent(void **state)
{
    (void)state;
    const char *ask[] = {"What is tea?", "What is rain?", "What is chess?", "What is sleep?"};
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_plan *p = noise_plan(m, PERSONA_PHASE_RESPONSE, 1.0F);
        record r[2][4];
        for (int steered = 0; steered < 2; steered++) {
            persona_session *s = session(m, small(4));
            persona_tokens t[4];
            persona_request q[4];
            for (int k = 0; k < 4; k++) {
                t[k] = chat(m, NULL, ask[k]);
                q[k] = request(&t[k], &r[steered][k], 20);
                q[k].sampling.seed = (uint32_t)k;
                q[k].plan = steered && k % 2 == 1 ? p : NULL;
            }
            run(s, q, 4);
            for (int k = 0; k < 4; k++) {
                persona_tokens_free(&t[k]);
            }
            persona_session_free(s);
        }
        for (int k = 0; k < 4; k++) {
            if (k % 2 == 0) {
                assert_true(r[0][k].hash == r[1][k].hash);
            } else {
                assert_true(r[0][k].hash != r[1][k].hash);
            }
        }
        persona_plan_free(p);
        persona_model_free(m);
    }
}

/* Forced text: block b's rows with v added at b are the unsteered rows plus v, exactly. */
static void capture_returns_the_added_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        const persona_model_info *info = persona_model_info_get(m);
        size_t d = (size_t)info->n_embd;
        int block = 2;
        float *v = malloc(d * sizeof *v);
        assert_non_null(v);
        noise(v, info->n_embd, 3, 0.5F);
        persona_edit edit = {.block = block, .alpha = 1.0F, .v = v};
        persona_plan *p = NULL;
        persona_err e = {0};
        must(persona_plan_new(info->n_layer, info->n_embd, &edit, 1, &p, &e), &e);
        persona_tap tap = {.mode = PERSONA_TAP_ALL,
                           .span = PERSONA_SPAN_RESPONSE,
                           .blocks = &block,
                           .n_blocks = 1};
        record r[2];
        for (int k = 0; k < 2; k++) {
            persona_session_opts o = small(1);
            o.no_cvec = true;
            persona_session *s = session(m, o);
            persona_tokens t = chat(m, NULL, "What is rain?"), f;
            must(persona_tokenize(m, "Rain is water that falls from clouds.", false, &f, &e), &e);
            persona_request q = request(&t, &r[k], 0);
            q.forced = f.ids;
            q.n_forced = f.n;
            q.taps = &tap;
            q.n_taps = 1;
            q.plan = k == 1 ? p : NULL;
            run(s, &q, 1);
            assert_int_equal(r[k].n_rows, f.n);
            persona_tokens_free(&t);
            persona_tokens_free(&f);
            persona_session_free(s);
        }
        for (size_t k = 0; k < r[0].n_acts; k++) {
            assert_true(r[1].acts[k] == r[0].acts[k] + v[k % d]);
        }
        free(r[0].acts);
        free(r[1].acts);
        free(v);
        persona_plan_free(p);
        persona_model_free(m);
    }
}

/* Stopping the graph after the last captured block changes nothing that was captured. */
static void early_exit_captures_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        int blocks[] = {1, 3};
        persona_tap tap = {.mode = PERSONA_TAP_MEAN,
                           .span = PERSONA_SPAN_RESPONSE,
                           .blocks = blocks,
                           .n_blocks = 2};
        record r[2];
        persona_err e = {0};
        for (int k = 0; k < 2; k++) {
            persona_session *s = session(m, small(1));
            persona_tokens t = chat(m, NULL, "What is rain?"), f;
            must(persona_tokenize(m, "Rain is water that falls from clouds.", false, &f, &e), &e);
            persona_request q = request(&t, &r[k], 0);
            q.forced = f.ids;
            q.n_forced = f.n;
            q.taps = &tap;
            q.n_taps = 1;
            q.want_logits = k == 1;
            run(s, &q, 1);
            assert_int_equal(r[k].n_logits, k == 1 ? f.n : 0);
            persona_tokens_free(&t);
            persona_tokens_free(&f);
            persona_session_free(s);
        }
        assert_memory_equal(r[0].acts, r[1].acts, r[0].n_acts * sizeof(float));
        free(r[0].acts);
        free(r[1].acts);
        persona_model_free(m);
    }
}

/* One pass (captured while generating in a batch) against a second pass over the same tokens.
 * Shapes differ (batches of rows against one long row block), so float16 rounding of activations
 * in matrix products and of the KV cache differs: 2^-10 relative per product, growing with
 * depth. */
static void single_pass_equals_second_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        const persona_model_info *info = persona_model_info_get(m);
        persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
        persona_tokens t[6];
        persona_request q[6];
        record a[6], b;
        persona_session *s = session(m, small(4));
        for (int k = 0; k < 6; k++) {
            t[k] = chat(m, NULL, k % 2 ? "How do I make tea?" : "What is a bicycle?");
            q[k] = request(&t[k], &a[k], 20 + 3 * k);
            q[k].sampling.seed = (uint32_t)k;
            q[k].taps = &tap;
            q[k].n_taps = 1;
        }
        run(s, q, 6);
        for (int k = 0; k < 6; k++) {
            persona_request again = request(&t[k], &b, 0);
            again.forced = a[k].tokens;
            again.n_forced = a[k].n_tokens;
            again.taps = &tap;
            again.n_taps = 1;
            run(s, &again, 1);
            assert_int_equal(a[k].n_positions, b.n_positions);
            size_t d = (size_t)info->n_embd;
            for (size_t blk = 0; blk * d < b.n_acts; blk++) {
                double diff = 0, norm = 0;
                for (size_t j = 0; j < d; j++) {
                    double x = (double)a[k].acts[blk * d + j], y = (double)b.acts[blk * d + j];
                    diff += (x - y) * (x - y);
                    norm += y * y;
                }
                if (sqrt(diff) > 0.01 * sqrt(norm)) {
                    fail_msg("model %zu request %d block %zu: relative difference %g", i, k, blk,
                             sqrt(diff / norm));
                }
            }
            free(a[k].acts);
            free(b.acts);
            persona_tokens_free(&t[k]);
        }
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* More requests than slots, of different lengths, one after another: every one is answered,
 * prefixes are shared, and the tail of the batch stays in order when slots finish. */
static void many_requests_few_slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        enum { N = 23 };
        static record r[2][N];
        for (int pass = 0; pass < 2; pass++) {
            persona_session *s = session(m, small(5));
            persona_tokens t[N];
            persona_request q[N];
            for (int k = 0; k < N; k++) {
                t[k] = chat(m, "You are a serious assistant.",
                            k % 3 ? "What is a cat?" : "What is tea?");
                q[k] = request(&t[k], &r[pass][k], 1 + k * 7 % 30);
                q[k].sampling.seed = (uint32_t)k;
            }
            run(s, q, N);
            size_t reused = 0;
            for (int k = 0; k < N; k++) {
                assert_true(r[pass][k].done);
                assert_int_equal(r[pass][k].n_tokens, 1 + k * 7 % 30);
                reused += r[pass][k].n_reused;
                persona_tokens_free(&t[k]);
            }
            assert_true(reused > 0);
            persona_session_free(s);
        }
        for (int k = 0; k < N; k++) {
            assert_true(r[0][k].hash == r[1][k].hash);
        }
        persona_model_free(m);
    }
}

/* Tokens that every question under this system text begins with. */
static size_t prefix_of(persona_model *m, const char *system, const persona_tokens *t)
{
    persona_tokens probe = chat(m, system, "x");
    size_t k = 0;
    while (k + 1 < t->n && k < probe.n && t->ids[k] == probe.ids[k]) {
        k++;
    }
    persona_tokens_free(&probe);
    return k;
}

/* With fixed_shape a result is a function of its own request: the order, the neighbors, the length
 * of their texts and what the streams held before do not change one bit of logits or
 * activations. */
static void fixed_shape_results_are_their_own(void **state)
{
    (void)state;
    enum { N = 18 };
    static const char *const systems[] = {"You are a silly assistant.", NULL,
                                          "You are a very serious and deep assistant indeed."};
    static const char *const asks[] = {"What is tea?", "Tell me all about the rain in the city.",
                                       "What is chess?", "How do people sleep?"};
    static const persona_tap TAP = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_plan *plan = noise_plan(m, PERSONA_PHASE_RESPONSE, 1.0F);
        static record r[3][N];
        persona_tokens t[N];
        persona_request q[N], mine[N];
        persona_session_opts o = small(6);
        o.n_ctx = 512;
        o.fixed_shape = true;
        for (int k = 0; k < N; k++) {
            const char *system = systems[k / 4 % 3];
            t[k] = chat(m, system, asks[k % 4]);
            q[k] = request(&t[k], &r[0][k], k == 0 || k == 7 ? 250 : 5 + 3 * k);
            q[k].n_prefix = prefix_of(m, system, &t[k]);
            q[k].sampling.seed = (uint32_t)k;
            q[k].plan = k % 3 == 1 ? plan : NULL;
            q[k].taps = &TAP;
            q[k].n_taps = 1;
        }
        for (int order = 0; order < 3;
             order++) { /* as they come, backwards, interleaved; a subset */
            persona_session *s = session(m, o);
            size_t n = 0;
            for (int k = 0; k < N; k++) {
                int at = order == 0 ? k : order == 1 ? N - 1 - k : (k * 7) % N;
                if (order == 2 && at % 4 == 3) {
                    continue;
                }
                mine[n] = q[at];
                mine[n].ud = &r[order][at];
                memset(&r[order][at], 0, sizeof r[order][at]);
                r[order][at].hash = 14695981039346656037u;
                n++;
            }
            run(s, mine, n);
            persona_session_free(s);
        }
        size_t reused = 0;
        for (int k = 0; k < N; k++) {
            for (int order = 1; order < 3; order++) {
                const record *a = &r[0][k], *b = &r[order][k];
                if (order == 2 && k % 4 == 3) {
                    continue;
                }
                assert_true(a->done && b->done);
                assert_int_equal(a->n_logits, b->n_logits);
                assert_true(a->hash == b->hash);
                assert_string_equal(a->text, b->text);
                assert_int_equal(a->n_acts, b->n_acts);
                assert_memory_equal(a->acts, b->acts, a->n_acts * sizeof(float));
                reused += b->n_reused;
            }
        }
        assert_true(reused > 0);
        for (int k = 0; k < N; k++) {
            for (int order = 0; order < 3; order++) {
                if (r[order][k].done) {
                    free(r[order][k].acts);
                }
            }
            persona_tokens_free(&t[k]);
        }
        memset(r, 0, sizeof r);
        persona_plan_free(plan);
        persona_model_free(m);
    }
}

static void cancel_is_prompt_and_clean(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(2));
    persona_cancel cancel = {.requested = 1};
    persona_hooks h = {.cancel = &cancel};
    persona_err e = {0};
    record r;
    persona_tokens t = chat(m, NULL, "What is tea?");
    persona_request q = request(&t, &r, 20);
    assert_int_equal(persona_session_run_all(s, &q, 1, &h, &e), PERSONA_E_CANCELED);
    assert_false(r.done);
    cancel.requested = 0;
    run(s, &q, 1);
    assert_true(r.done);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    const persona_model_info *info = persona_model_info_get(m);
    persona_session *s = session(m, small(1));
    persona_err e = {0};
    record r;
    persona_token many[600] = {0};
    persona_tokens t = chat(m, NULL, "What is tea?");
    persona_request q = request(&t, &r, 4);
    q.n_prompt = 0;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    q = request(&t, &r, 4);
    q.prompt = many;
    q.n_prompt = 600;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "600"));
    many[0] = info->n_vocab;
    q.n_prompt = 1;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    q = request(&t, &r, 4);
    q.sampling.top_p = NAN;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "top_p"));
    int last = info->n_layer - 1;
    persona_tap tap = {.blocks = &last, .n_blocks = 1};
    q = request(&t, &r, 4);
    q.taps = &tap;
    q.n_taps = 1;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_SHAPE);
    persona_plan *p = NULL;
    float v[4] = {0, 1, NAN, 0};
    persona_edit edit = {.block = 1, .alpha = 1, .v = v};
    assert_int_equal(persona_plan_new(4, 4, &edit, 1, &p, &e), PERSONA_E_NUMERIC);
    edit.block = 4;
    assert_int_equal(persona_plan_new(4, 4, &edit, 1, &p, &e), PERSONA_E_SHAPE);
    v[2] = 0;
    edit.block = 1;
    must(persona_plan_new(4, 4, &edit, 1, &p, &e), &e);
    q = request(&t, &r, 4);
    q.plan = p;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_SHAPE);
    persona_plan_free(p);
    q = request(&t, &r, 4);
    run(s, &q, 1); /* the session survives all of that */
    assert_int_equal(r.n_tokens, 4);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callback_equals_control_vector),
        cmocka_unit_test(copies_equal_in_place),
        cmocka_unit_test(coefficient_zero_is_no_steering),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(slots_are_independent),
        cmocka_unit_test(capture_returns_the_added_vector),
        cmocka_unit_test(early_exit_captures_the_same),
        cmocka_unit_test(single_pass_equals_second_pass),
        cmocka_unit_test(many_requests_few_slots),
        cmocka_unit_test(fixed_shape_results_are_their_own),
        cmocka_unit_test(cancel_is_prompt_and_clean),
        cmocka_unit_test(bad_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
