/* SPDX-License-Identifier: MIT
 *
 * test_scheduler.c - the real scheduler over the fake engine: who is served when, who fails, and
 * what is reused. One thread; test_runner.c has many.
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
    char events[1024]; /* their texts, a bar after each */
    char message[512];
    size_t n_done, n_reused, n_tokens, n_steered, n_positions, done_at;
    double moved;
    float mean[FAKE_LAYERS * FAKE_EMBD];
    persona_finish finish;
    persona_code code;
    size_t stop_at; /* on_token says stop at this index; 0: never */
    persona_session *replan_in;
    persona_plan *replan_to;
    size_t replan_at;
    persona_code replan_code;
    char replan_message[512];
    uint64_t id;
} seen;

static size_t n_finished;

static bool on_token(void *ud, const persona_token_event *ev)
{
    seen *x = ud;
    const size_t n = strlen(x->events);
    snprintf(x->events + n, sizeof x->events - n, "%s|", ev->text);
    if (x->replan_at > 0 && ev->index == x->replan_at) {
        persona_err e = {.code = PERSONA_OK};
        x->replan_code = persona_session_replan(x->replan_in, x->id, x->replan_to, &e);
        snprintf(x->replan_message, sizeof x->replan_message, "%s", e.msg);
    }
    return x->stop_at == 0 || ev->index < x->stop_at;
}

static void on_done(void *ud, const persona_result *r)
{
    seen *x = ud;
    x->n_done++;
    x->done_at = ++n_finished;
    x->finish = r->finish;
    x->code = r->code;
    x->n_reused = r->n_reused;
    x->n_tokens = r->n_tokens;
    x->n_steered = r->n_steered;
    x->moved = r->moved;
    if (r->n_acts > 0 && r->acts[0].n_rows > 0) {
        const persona_acts *a = &r->acts[0];
        x->n_positions = a->n_positions;
        memcpy(x->mean, a->data, a->n_blocks * a->width * sizeof *a->data);
    }
    snprintf(x->text, sizeof x->text, "%s", r->text);
    snprintf(x->message, sizeof x->message, "%s", r->message);
}

static persona_request ask(const persona_token *prompt, size_t n, int max_tokens, seen *x)
{
    persona_request r = {.prompt = prompt,
                         .n_prompt = n,
                         .sampling = persona_sampling_defaults(),
                         .ud = x,
                         .on_token = on_token,
                         .on_done = on_done};
    r.sampling.max_tokens = max_tokens;
    r.sampling.ignore_eos = true;
    return r;
}

static void fill(persona_token *t, size_t n, int seed)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = 2 + (persona_token)((size_t)seed * 7 + i * 3) % 80;
    }
}

static persona_plan *steer(float strength)
{
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    const persona_edit edit = {.block = 1, .alpha = strength, .v = v};
    persona_plan *p = NULL;
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &p, NULL), PERSONA_OK);
    return p;
}

/* What a fresh session says. */
static seen alone(persona_request r)
{
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 32, NULL);
    seen x = {0};
    r.ud = &x;
    assert_int_equal(persona_session_run_all(s, &r, 1, NULL, NULL), PERSONA_OK);
    persona_session_free(s);
    fake_model_free(m);
    return x;
}

static void neighbors_do_not_matter(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 4, 256, 32, NULL);
    enum { N = 20 };
    static persona_token prompts[N][80];
    static seen x[N];
    persona_request q[N];
    persona_plan *p = steer(0.5F);
    for (int i = 0; i < N; i++) {
        const size_t n = 3 + (size_t)i * 4;
        fill(prompts[i], n, i % 5);
        q[i] = ask(prompts[i], n, 5 + i, &x[i]);
        q[i].plan = i % 3 == 0 ? p : NULL;
    }
    assert_int_equal(persona_session_run_all(s, q, N, NULL, NULL), PERSONA_OK);
    for (int i = 0; i < N; i++) {
        const seen y = alone(q[i]);
        assert_int_equal(x[i].n_done, 1);
        assert_string_equal(x[i].text, y.text);
    }
    persona_plan_free(p);
    persona_session_free(s);
    fake_model_free(m);
}

static void only_the_guilty_fails(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 3, 64, 32, NULL);
    persona_token good[5], poison[5], damaged[5], large[80];
    fill(good, 5, 1);
    fill(poison, 5, 2);
    fill(damaged, 5, 3);
    fill(large, 80, 4);
    poison[4] = FAKE_POISON; /* the last token is decoded with the others' */
    damaged[4] = FAKE_NAN;
    seen x[4] = {0};
    const persona_request q[4] = {ask(good, 5, 10, &x[0]), ask(poison, 5, 10, &x[1]),
                                  ask(damaged, 5, 10, &x[2]), ask(large, 80, 10, &x[3])};
    persona_err e = {.code = PERSONA_OK};
    assert_int_not_equal(persona_session_run_all(s, q, 4, NULL, &e), PERSONA_OK);
    assert_int_equal(x[0].code, PERSONA_OK);
    assert_string_equal(x[0].text, alone(q[0]).text);
    assert_int_equal(x[1].code, PERSONA_E_INTERNAL);
    assert_non_null(strstr(x[1].message, "poison"));
    assert_int_equal(x[2].code, PERSONA_E_NUMERIC);
    assert_non_null(strstr(x[2].message, "block 1"));
    assert_int_equal(x[3].code, PERSONA_E_USAGE);
    assert_non_null(strstr(x[3].message, "80"));
    assert_non_null(strstr(x[3].message, "64"));
    for (int i = 1; i < 4; i++) {
        assert_int_equal(x[i].n_done, 1);
        assert_int_equal(x[i].finish, PERSONA_FINISH_FAILED);
    }
    persona_session_free(s);
    fake_model_free(m);
}

static void a_call_that_fails_once_costs_nobody(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    fake_compute *f = NULL;
    persona_session *s = fake_session(m, 3, 64, 32, &f);
    persona_token prompts[3][5];
    seen x[3] = {0};
    persona_request q[3];
    for (int i = 0; i < 3; i++) {
        fill(prompts[i], 5, i);
        q[i] = ask(prompts[i], 5, 8, &x[i]);
    }
    f->fail_call = 6;
    assert_int_equal(persona_session_run_all(s, q, 3, NULL, NULL), PERSONA_OK);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(x[i].text, alone(q[i]).text);
    }
    persona_session_free(s);
    fake_model_free(m);
}

/* The failed call has already edited and read its rows: each counts once. */
static void a_call_that_fails_late_counts_nothing_twice(void **state)
{
    (void)state;
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    persona_model *m = fake_model();
    persona_plan *p = steer(0.5F);
    persona_token prompts[3][5];
    seen x[2][3] = {0};
    for (int late = 0; late < 2; late++) {
        fake_compute *f = NULL;
        persona_session *s = fake_session(m, 3, 64, 32, &f);
        persona_request q[3];
        for (int i = 0; i < 3; i++) {
            fill(prompts[i], 5, i);
            q[i] = ask(prompts[i], 5, 8, &x[late][i]);
            q[i].plan = i < 2 ? p : NULL;
            q[i].taps = &tap;
            q[i].n_taps = 1;
        }
        f->fail_call = late != 0 ? 6 : 0;
        f->fail_late = true;
        assert_int_equal(persona_session_run_all(s, q, 3, NULL, NULL), PERSONA_OK);
        persona_session_free(s);
    }
    for (int i = 0; i < 3; i++) {
        const seen *a = &x[0][i], *b = &x[1][i];
        assert_string_equal(a->text, b->text);
        assert_int_equal(a->n_positions, 8);
        assert_int_equal(b->n_positions, 8);
        assert_memory_equal(a->mean, b->mean, sizeof a->mean);
        assert_int_equal(a->n_steered, b->n_steered);
        assert_true(a->moved == b->moved);
        assert_int_equal(a->n_steered > 0, i < 2);
    }
    persona_plan_free(p);
    fake_model_free(m);
}

/* The transcript of an answer that was steered from its sixth token on: unsteered, only what came
 * before may be reused. */
static void a_new_plan_spoils_the_prefix(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 64, NULL);
    persona_plan *p = steer(2);
    persona_token prompt[12], longer[40];
    fill(prompt, 12, 1);
    seen x = {.replan_in = s, .replan_to = p, .replan_at = 5, .id = 7}, y = {0};
    persona_request q = ask(prompt, 12, 20, &x);
    q.id = 7;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
    assert_int_equal(x.replan_code, PERSONA_OK);
    assert_int_equal(x.n_tokens, 20);
    assert_string_not_equal(x.text, alone(ask(prompt, 12, 20, &y)).text);
    memcpy(longer, prompt, sizeof prompt);
    for (size_t i = 0; i < 20; i++) {
        longer[12 + i] = x.text[i] - 32;
    }
    const persona_request again = ask(longer, 32, 20, &y);
    assert_int_equal(persona_session_run_all(s, &again, 1, NULL, NULL), PERSONA_OK);
    assert_int_equal(y.n_reused, 12 + 5);
    assert_string_equal(y.text, alone(again).text);
    persona_plan_free(p);
    persona_session_free(s);
    fake_model_free(m);
}

/* As at submission: an edit that could never act is refused, and the answer goes on as it was. */
static void a_plan_of_thoughts_wants_channels(void **state)
{
    (void)state;
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    const persona_edit edit = {.block = 1, .phases = PERSONA_PHASE_ANALYSIS, .alpha = 2, .v = v};
    persona_plan *p = NULL;
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &p, NULL), PERSONA_OK);
    for (int i = 0; i < 3; i++) {
        persona_model *m = fake_model();
        m->channels = i == 0 ? CHANNELS_PLAIN : CHANNELS_HARMONY;
        persona_session *s = fake_session(m, 1, 256, 64, NULL);
        persona_token prompt[12];
        fill(prompt, 12, 1);
        seen x = {.replan_in = s, .replan_to = p, .replan_at = 5, .id = 7};
        persona_request q = ask(prompt, 12, 20, &x);
        q.id = 7;
        q.raw = i == 1;
        assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
        assert_int_equal(x.n_tokens, 20);
        if (i < 2) {
            assert_int_equal(x.replan_code, PERSONA_E_USAGE);
            assert_non_null(strstr(x.replan_message, "phase analysis"));
            assert_non_null(strstr(x.replan_message, i == 0 ? "model" : "raw"));
            assert_string_equal(x.text, alone(q).text);
        } else {
            assert_int_equal(x.replan_code, PERSONA_OK);
        }
        persona_session_free(s);
        fake_model_free(m);
    }
    persona_plan_free(p);
}

/* A text that is read needs its last prompt token under its own steering, too. */
static void the_last_prompt_token_is_response(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 64, NULL);
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    const persona_edit edit = {.block = 1, .phases = PERSONA_PHASE_RESPONSE, .alpha = 2, .v = v};
    persona_plan *p = NULL;
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &p, NULL), PERSONA_OK);
    persona_token prompt[20], read[4] = {5, 6, 7, 8};
    fill(prompt, 20, 1);
    seen x = {0};
    persona_request q = ask(prompt, 20, 5, &x);
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
    q.forced = read;
    q.n_forced = 4;
    q.plan = p;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
    assert_int_equal(x.n_reused, 19);
    persona_plan_free(p);
    persona_session_free(s);
    fake_model_free(m);
}

static void text_comes_in_whole_code_points(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 64, 32, NULL);
    const persona_token prompt[2] = {3, 4};
    const persona_token read[6] = {33, FAKE_HALF, FAKE_REST, 34, FAKE_REST, FAKE_HALF};
    seen x = {0};
    persona_request q = ask(prompt, 2, 0, &x);
    q.forced = read;
    q.n_forced = 6;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
    assert_string_equal(x.events, "A||\xC3\xA9|B|\xEF\xBF\xBD||\xEF\xBF\xBD|");
    assert_string_equal(x.text, "A\xC3\xA9"
                                "B\xEF\xBF\xBD\xEF\xBF\xBD");
    persona_session_free(s);
    fake_model_free(m);
}

/* ---- several sources ------------------------------------------------------------------------- */

typedef struct queue {
    persona_request *q;
    size_t n, at;
    int later; /* so often before each request */
    int waited;
} queue;

static persona_next next(void *ud, persona_request *r)
{
    queue *x = ud;
    if (x->at == x->n) {
        return PERSONA_NEXT_END;
    }
    if (x->waited < x->later) {
        x->waited++;
        return PERSONA_NEXT_LATER;
    }
    x->waited = 0;
    *r = x->q[x->at++];
    return PERSONA_NEXT_REQUEST;
}

static void turns_and_priority(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 2, 64, 32, NULL);
    enum { N = 6 };
    persona_token prompt[6];
    fill(prompt, 6, 1);
    static seen x[3][N];
    persona_request q[3][N];
    queue queues[3];
    feed f[3];
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < N; k++) {
            q[i][k] = ask(prompt, 6, 4, &x[i][k]);
        }
        queues[i] = (queue){.q = q[i], .n = N};
        const persona_source source = {.ud = &queues[i],
                                       .next = next,
                                       .priority = i == 2 ? PERSONA_PRIORITY_INTERACTIVE
                                                          : PERSONA_PRIORITY_BATCH,
                                       .max_slots = i == 2 ? 1 : 0};
        feed_attach(&f[i], s, &source, NULL, true);
    }
    n_finished = 0;
    while (scheduler_step(s)) {}
    size_t last[3] = {0};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < N; k++) {
            assert_int_equal(x[i][k].n_done, 1);
            last[i] = x[i][k].done_at > last[i] ? x[i][k].done_at : last[i];
            if (i == 0) { /* the two batch sources alternate */
                const size_t a = x[0][k].done_at, b = x[1][k].done_at;
                assert_true((a > b ? a - b : b - a) <= 3);
            }
        }
        feed_detach(&f[i]);
    }
    assert_true(last[2] < last[0] && last[2] < last[1]);
    persona_session_free(s);
    fake_model_free(m);
}

/* While a prompt of many chunks is prefilled, a running answer gets a token for each. */
static void a_long_prompt_stalls_nobody(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    fake_compute *f = NULL;
    persona_session *s = fake_session(m, 2, 512, 16, &f);
    persona_token small[4], large[400];
    fill(small, 4, 1);
    fill(large, 400, 2);
    seen x = {0}, y = {0};
    persona_request q[2] = {ask(small, 4, 40, &x), ask(large, 400, 4, &y)};
    queue first = {.q = q, .n = 1}, second = {.q = q + 1, .n = 1};
    const persona_source sources[2] = {{.ud = &first, .next = next}, {.ud = &second, .next = next}};
    feed a, b;
    feed_attach(&a, s, &sources[0], NULL, true);
    scheduler_step(s);
    feed_attach(&b, s, &sources[1], NULL, true);
    for (int i = 0; i < 10; i++) {
        scheduler_step(s);
    }
    assert_int_equal(strlen(x.events), 2 * 11);
    assert_int_equal(y.n_done, 0);
    while (scheduler_step(s)) {}
    assert_string_equal(x.text, alone(q[0]).text);
    feed_detach(&a);
    feed_detach(&b);
    persona_session_free(s);
    fake_model_free(m);
}

static void later_is_asked_again(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 2, 64, 32, NULL);
    persona_token prompt[6];
    fill(prompt, 6, 1);
    seen x[3] = {0};
    persona_request q[3];
    for (int i = 0; i < 3; i++) {
        q[i] = ask(prompt, 6, 6, &x[i]);
    }
    queue source = {.q = q, .n = 3, .later = 2, .waited = 2};
    assert_int_equal(persona_session_run(s, next, &source, NULL, NULL), PERSONA_OK);
    assert_int_equal(x[2].n_done, 1);
    queue idle = {.q = q, .n = 3, .later = 2};
    assert_int_equal(persona_session_run(s, next, &idle, NULL, NULL), PERSONA_OK);
    assert_int_equal(idle.at, 0); /* nothing is open: the caller runs again when there is work */
    persona_session_free(s);
    fake_model_free(m);
}

static void the_reader_may_stop(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 64, 32, NULL);
    persona_token prompt[6];
    fill(prompt, 6, 1);
    seen x = {.stop_at = 3};
    const persona_request q = ask(prompt, 6, 20, &x);
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
    assert_int_equal(x.finish, PERSONA_FINISH_SINK);
    assert_int_equal(x.n_tokens, 4);
    assert_false(persona_session_cancel(s, 9));
    assert_int_equal(persona_session_replan(s, 9, NULL, NULL), PERSONA_E_NOTFOUND);
    persona_session_free(s);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbors_do_not_matter),
        cmocka_unit_test(only_the_guilty_fails),
        cmocka_unit_test(a_call_that_fails_once_costs_nobody),
        cmocka_unit_test(a_call_that_fails_late_counts_nothing_twice),
        cmocka_unit_test(a_new_plan_spoils_the_prefix),
        cmocka_unit_test(a_plan_of_thoughts_wants_channels),
        cmocka_unit_test(the_last_prompt_token_is_response),
        cmocka_unit_test(text_comes_in_whole_code_points),
        cmocka_unit_test(turns_and_priority),
        cmocka_unit_test(a_long_prompt_stalls_nobody),
        cmocka_unit_test(later_is_asked_again),
        cmocka_unit_test(the_reader_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
