/* SPDX-License-Identifier: MIT
 *
 * test_seats.c - the real scheduler over the fake engine: which stream a request gets, what it
 * finds there, and how holes between running streams are closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_compute.h"

typedef struct seen {
    char text[512];
    size_t n_done, n_reused;
    persona_code code;
} seen;

static void on_done(void *ud, const persona_result *r)
{
    seen *x = ud;
    x->n_done++;
    x->n_reused = r->n_reused;
    x->code = r->code;
    snprintf(x->text, sizeof x->text, "%s", r->text);
}

static persona_request ask(const persona_token *prompt, size_t n, int max_tokens, seen *x)
{
    persona_request r = {.prompt = prompt,
                         .n_prompt = n,
                         .sampling = persona_sampling_defaults(),
                         .ud = x,
                         .on_done = on_done};
    r.sampling.max_tokens = max_tokens;
    r.sampling.ignore_eos = true;
    return r;
}

/* n tokens of which the first `common` are the same for every seed. */
static void fill(persona_token *t, size_t n, size_t common, int seed)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = 2 + (persona_token)((i < common ? 0 : (size_t)seed * 7) + i * 3) % 80;
    }
}

static persona_plan *steer(float strength)
{
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    const persona_edit edit = {
        .block = 1, .phases = PERSONA_PHASE_RESPONSE, .alpha = strength, .v = v};
    persona_plan *p = NULL;
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &p, NULL), PERSONA_OK);
    return p;
}

static void run_all(persona_session *s, const persona_request *q, size_t n)
{
    assert_int_equal(persona_session_run_all(s, q, n, NULL, NULL), PERSONA_OK);
}

/* What a fresh session says. */
static void same_as_alone(const persona_request *q, const seen *x)
{
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 32, NULL);
    seen y = {0};
    persona_request r = *q;
    r.ud = &y;
    run_all(s, &r, 1);
    assert_int_equal(x->code, PERSONA_OK);
    assert_string_equal(x->text, y.text);
    persona_session_free(s);
    fake_model_free(m);
}

/* The same questions again, in another order and steered otherwise, cost nothing: each goes to the
 * stream that has read it, and nothing is copied. */
static void the_same_question_finds_its_stream(void **state)
{
    (void)state;
    enum { N = 4, LENGTH = 30 };
    persona_model *m = fake_model();
    fake_compute *f = NULL;
    persona_session *s = fake_session(m, N, 256, 32, &f);
    persona_plan *plans[N];
    persona_token prompts[N][LENGTH];
    seen x[N] = {0};
    persona_request q[N];
    for (int i = 0; i < N; i++) {
        fill(prompts[i], LENGTH, 20, i);
        q[i] = ask(prompts[i], LENGTH, 40, &x[i]);
    }
    run_all(s, q, N);
    const size_t copies = f->n_copies, rows = f->n_rows;
    for (int i = 0; i < N; i++) {
        plans[i] = steer(0.25F * (float)(i + 1));
        q[i] = ask(prompts[N - 1 - i], LENGTH, 10, &x[i]);
        q[i].plan = plans[i];
    }
    run_all(s, q, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(x[i].n_reused, LENGTH - 1);
        same_as_alone(&q[i], &x[i]);
        persona_plan_free(plans[i]);
    }
    assert_int_equal(f->n_copies, copies);
    assert_int_equal(f->n_rows, rows + N * 10);
    persona_session_free(s);
    fake_model_free(m);
}

/* Many strangers with the same system text do not cost a long conversation its stream, nor does it
 * matter how long ago it was that others were there. */
static void a_conversation_survives_strangers(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 3, 256, 32, NULL);
    persona_token talk[150], stranger[40];
    seen x = {0};
    fill(talk, 150, 30, 1);
    persona_request q = ask(talk, 100, 5, &x);
    run_all(s, &q, 1);
    for (int i = 2; i < 4; i++) {
        fill(stranger, 40, 30, i);
        q = ask(stranger, 40, 5, &x);
        run_all(s, &q, 1);
        assert_int_equal(x.n_reused, 30); /* by copying */
        same_as_alone(&q, &x);
    }
    q = ask(talk, 150, 5, &x);
    run_all(s, &q, 1);
    assert_int_equal(x.n_reused, 100);
    same_as_alone(&q, &x);
    fill(stranger, 40, 0, 4); /* now the first stranger is the longest unused */
    q = ask(stranger, 40, 5, &x);
    run_all(s, &q, 1);
    fill(stranger, 40, 30, 3);
    q = ask(stranger, 40, 5, &x);
    run_all(s, &q, 1);
    assert_int_equal(x.n_reused, 39);
    persona_session_free(s);
    fake_model_free(m);
}

/* ---- holes ----------------------------------------------------------------------------------- */

enum { SLOTS = 8, LENGTH = 20 };

/* A session whose stream i has read the prompt i, in the first round of one token each. */
static persona_session *all_read(persona_model *m, persona_token (*prompts)[LENGTH],
                                 fake_compute **f)
{
    persona_session *s = fake_session(m, SLOTS, 256, 256, f);
    static seen x[SLOTS];
    persona_request q[SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        fill(prompts[i], LENGTH, 0, i + 1);
        q[i] = ask(prompts[i], LENGTH, 1, &x[i]);
    }
    run_all(s, q, SLOTS);
    return s;
}

/* Streams 0 and `other` run: how many calls and rows n tokens of each take. */
static void two_far_apart(int other, int n, size_t n_calls, size_t n_rows, size_t n_copies)
{
    persona_model *m = fake_model();
    fake_compute *f = NULL;
    persona_token prompts[SLOTS][LENGTH];
    persona_session *s = all_read(m, prompts, &f);
    seen x[2] = {0};
    const persona_request q[2] = {ask(prompts[0], LENGTH, n, &x[0]),
                                  ask(prompts[other], LENGTH, n, &x[1])};
    f->n_calls = f->n_rows = f->n_copies = 0;
    run_all(s, q, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(x[i].n_reused, LENGTH - 1);
        same_as_alone(&q[i], &x[i]);
    }
    assert_int_equal(f->n_calls, n_calls);
    assert_int_equal(f->n_rows, n_rows);
    assert_int_equal(f->n_copies, n_copies);
    persona_session_free(s);
    fake_model_free(m);
}

static void a_hole_is_padded_or_makes_two_calls(void **state)
{
    (void)state;
    two_far_apart(1, 6, 6, 12, 0);
    two_far_apart(2, 6, 6, 18, 0);
    two_far_apart(3, 6, 6, 24, 0);
    two_far_apart(4, 6, 12, 12, 0);
    two_far_apart(7, 6, 12, 12, 0);
}

/* After eight tokens one of them moves beside the other. */
static void a_hole_that_stays_is_closed(void **state)
{
    (void)state;
    two_far_apart(2, 30, 30, 8 * 3 + 22 * 2, 1);
    two_far_apart(7, 30, 8 * 2 + 22, 60, 1);
}

/* Whoever fails in a call of two parts costs the other part nothing. */
static void a_part_fails_alone(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    fake_compute *f = NULL;
    persona_token prompts[SLOTS][LENGTH];
    persona_session *s = all_read(m, prompts, &f);
    seen x[3] = {0};
    persona_request q[3] = {ask(prompts[0], LENGTH, 12, &x[0]), ask(prompts[6], LENGTH, 12, &x[1]),
                            ask(prompts[7], LENGTH, 12, &x[2])};
    prompts[6][LENGTH - 1] = FAKE_POISON; /* fed with the others */
    assert_int_not_equal(persona_session_run_all(s, q, 3, NULL, NULL), PERSONA_OK);
    assert_int_equal(x[1].code, PERSONA_E_INTERNAL);
    same_as_alone(&q[0], &x[0]);
    same_as_alone(&q[2], &x[2]);
    persona_session_free(s);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_question_finds_its_stream),
        cmocka_unit_test(a_conversation_survives_strangers),
        cmocka_unit_test(a_hole_is_padded_or_makes_two_calls),
        cmocka_unit_test(a_hole_that_stays_is_closed),
        cmocka_unit_test(a_part_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
