/* SPDX-License-Identifier: MIT
 *
 * test_server_answers.c - running answers of the server over the fake engine: many readers, quick,
 * slow and gone, while others list, steer and cancel. `make tsan` looks for races in it.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/answer/answer.h"
#include "support/fake_compute.h"

/* cmocka's assertions belong to the main thread. */
#define ENSURE(fact)                                                                               \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #fact);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { READERS = 6, ANSWERS = 60, PROMPT = 10 };

typedef struct arena {
    persona_model *m;
    served model;
    registry *r;
    answers *l;
    persona_plan *plan;
    atomic_bool over;
    atomic_size_t n_started, n_ended, n_left, n_steered, n_canceled, n_seen;
} arena;

static void open_arena(arena *a, int n_ctx, size_t most)
{
    const registry_opts none = {.only_paths = true};
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    const persona_edit edit = {.block = 1, .alpha = 1.0F, .v = v};
    memset(a, 0, sizeof *a);
    a->m = fake_model();
    snprintf(a->model.id, sizeof a->model.id, "fake");
    a->model.model = a->m;
    a->model.session = fake_session(a->m, 6, n_ctx, 32, NULL);
    assert_int_equal(registry_new(&none, &a->r, NULL), PERSONA_OK);
    assert_int_equal(answers_new(most, &a->l, NULL), PERSONA_OK);
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &a->plan, NULL),
                     PERSONA_OK);
    assert_int_equal(persona_session_start(a->model.session, NULL), PERSONA_OK);
}

static void close_arena(arena *a)
{
    assert_int_equal(answers_running(a->l), 0);
    assert_int_equal(a->model.n_users, 0);
    persona_session_stop(a->model.session);
    persona_session_free(a->model.session);
    answers_free(a->l);
    registry_free(a->r);
    persona_plan_free(a->plan);
    fake_model_free(a->m);
}

static unsigned draw(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % n;
}

static answer_spec spec_of(arena *a, int n_choices, int max_tokens, unsigned *seed)
{
    answer_spec x = {.registry = a->r,
                     .model = &a->model,
                     .sampling = persona_sampling_defaults(),
                     .n_choices = n_choices,
                     .kind = "test"};
    registry_hold(a->r, &a->model);
    x.prompt.ids = mem_calloc(PROMPT, sizeof *x.prompt.ids);
    x.prompt.n = PROMPT;
    ENSURE(x.prompt.ids != NULL);
    for (size_t i = 0; i < PROMPT; i++) {
        x.prompt.ids[i] = 2 + (persona_token)(i < 4 ? i : draw(seed, 80));
    }
    x.sampling.max_tokens = max_tokens;
    return x;
}

/* ---- many at once ---------------------------------------------------------------------------- */

typedef struct reader {
    arena *all;
    pthread_t thread;
    unsigned seed;
} reader;

static void take_stop(answer_spec *x)
{
    x->stops = mem_calloc(1, sizeof *x->stops);
    ENSURE(x->stops != NULL);
    x->stops[x->n_stops++] = mem_strdup("a");
    ENSURE(x->stops[0] != NULL);
}

/* What comes is in order, and every choice ends once. */
static void read_answer(reader *r, answer *x, bool slow, unsigned leave)
{
    size_t last[ANSWER_CHOICES_MAX] = {0};
    int n_ended = 0;
    for (unsigned n = 0;; n++) {
        answer_event e;
        answer_next(x, 0.25, &e);
        ENSURE(e.choice < answer_spec_of(x)->n_choices);
        if (e.kind == ANSWER_TEXT && e.token >= 0) {
            ENSURE(e.index + 1 > last[e.choice]);
            ENSURE((e.logprob != NULL) == answer_spec_of(x)->logprobs);
            last[e.choice] = e.index + 1;
        } else if (e.kind == ANSWER_ENDED) {
            const answer_choice *c = answer_choice_of(x, e.choice);
            ENSURE(c->ended && c->n_tokens >= last[e.choice]);
            n_ended++;
        }
        const bool closed = e.kind == ANSWER_CLOSED;
        answer_event_free(&e);
        if (closed || n == leave) {
            ENSURE(!closed || n_ended <= answer_spec_of(x)->n_choices);
            atomic_fetch_add(closed ? &r->all->n_ended : &r->all->n_left, 1);
            return;
        }
        if (slow) {
            usleep(500);
        }
    }
}

static void *run_reader(void *ud)
{
    reader *r = ud;
    for (int i = 0; i < ANSWERS; i++) {
        answer_spec spec =
            spec_of(r->all, 1 + (int)draw(&r->seed, 4), 1 + (int)draw(&r->seed, 20), &r->seed);
        answer *x = NULL;
        bool busy = false;
        spec.logprobs = draw(&r->seed, 3) == 0;
        spec.n_top = draw(&r->seed, 4);
        if (draw(&r->seed, 3) == 0) {
            take_stop(&spec);
        }
        const persona_code rc = answer_start(r->all->l, &spec, &x, &busy, NULL);
        ENSURE((rc == PERSONA_OK) == !busy);
        if (rc != PERSONA_OK) { /* the queue is full */
            usleep(200);
            continue;
        }
        atomic_fetch_add(&r->all->n_started, 1);
        read_answer(r, x, draw(&r->seed, 3) == 0,
                    draw(&r->seed, 4) == 0 ? draw(&r->seed, 10) : UINT32_MAX);
        answer_free(x);
    }
    return NULL;
}

typedef struct picked {
    char id[ANSWER_ID_MAX];
    size_t n;
} picked;

static void pick(void *ud, const answer_status *x)
{
    picked *p = ud;
    ENSURE(strcmp(x->model, "fake") == 0 && x->n_ended <= x->n_choices);
    ENSURE(x->expression == NULL || strcmp(x->expression, "1*x") == 0);
    if (p->n++ == 0) {
        memcpy(p->id, x->id, sizeof p->id);
    }
}

static answer_steering steering_of(arena *a, bool any)
{
    answer_steering x = {.plan = any ? persona_plan_ref(a->plan) : NULL, .steered = any};
    x.receipt.expression = any ? mem_strdup("1*x") : NULL;
    return x;
}

/* From outside: lists, steers, cancels what it finds. */
static void *run_meddler(void *ud)
{
    reader *r = ud;
    while (!atomic_load(&r->all->over)) {
        picked p = {.n = 0};
        size_t n = 0;
        answers_each(r->all->l, pick, &p);
        atomic_fetch_add(&r->all->n_seen, p.n);
        if (p.n > 0 && draw(&r->seed, 3) > 0) {
            answer_steering x = steering_of(r->all, draw(&r->seed, 3) > 0);
            const persona_code rc = answers_steer(r->all->l, p.id, &x, &n, NULL);
            /* the last: one that is slow to be read was changed as often as may be */
            ENSURE(rc == PERSONA_OK || rc == PERSONA_E_NOTFOUND || rc == PERSONA_E_UNAVAILABLE);
            atomic_fetch_add(&r->all->n_steered, rc == PERSONA_OK);
        } else if (p.n > 0 && draw(&r->seed, 4) == 0) {
            atomic_fetch_add(&r->all->n_canceled, answers_cancel(r->all->l, p.id));
        }
        served *m = answers_model(r->all->l, p.id);
        if (m != NULL) {
            registry_release(r->all->r, m);
        }
        (void)answers_totals_get(r->all->l);
        usleep(100);
    }
    return NULL;
}

static void readers_and_meddlers(void **state)
{
    (void)state;
    arena a;
    reader readers[READERS], meddlers[2];
    open_arena(&a, 80, 5);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (reader){.all = &a, .seed = i};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        meddlers[i] = (reader){.all = &a, .seed = 100 + i};
        assert_int_equal(pthread_create(&meddlers[i].thread, NULL, run_meddler, &meddlers[i]), 0);
    }
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    atomic_store(&a.over, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(meddlers[i].thread, NULL);
    }
    const answers_totals t = answers_totals_get(a.l);
    assert_int_equal(t.n_started, atomic_load(&a.n_started));
    assert_int_equal(t.n_done + t.n_failed + t.n_canceled, t.n_started);
    assert_int_equal(t.n_started + t.n_refused, READERS * ANSWERS);
    assert_true(atomic_load(&a.n_left) > 10 && atomic_load(&a.n_ended) > 50);
    assert_true(atomic_load(&a.n_steered) > 5 && atomic_load(&a.n_seen) > 50);
    close_arena(&a);
}

/* ---- one who does not read ------------------------------------------------------------------- */

enum { MANY = ANSWER_RING_MAX + 500 };

static size_t drain(answer *x)
{
    size_t n = 0;
    for (bool closed = false; !closed;) {
        answer_event e;
        answer_next(x, 0.25, &e);
        closed = e.kind == ANSWER_CLOSED;
        n += e.kind == ANSWER_TEXT && e.token >= 0;
        answer_event_free(&e);
    }
    return n;
}

static answer *start_long(arena *a, double patience_s)
{
    unsigned seed = 1;
    bool busy = false;
    answer *x = NULL;
    answer_spec spec = spec_of(a, 1, MANY, &seed);
    spec.sampling.ignore_eos = true;
    spec.patience_s = patience_s;
    assert_int_equal(answer_start(a->l, &spec, &x, &busy, NULL), PERSONA_OK);
    return x;
}

static void sum_tokens(void *ud, const answer_status *x)
{
    *(size_t *)ud += x->n_tokens;
}

/* Until nothing more is written. */
static size_t stand_still(arena *a)
{
    size_t n = 0, before = SIZE_MAX;
    for (int same = 0; same < 10; usleep(20000)) {
        n = 0;
        answers_each(a->l, sum_tokens, &n);
        same = n == before && n > 0 ? same + 1 : 0;
        before = n;
    }
    return n;
}

/* Its answer stands still when the ring is full, others do not, and all of it comes in the end. */
static void a_reader_that_waits_gets_all(void **state)
{
    (void)state;
    arena a;
    unsigned seed = 2;
    bool busy = false;
    answer *other = NULL;
    open_arena(&a, MANY + 100, 5);
    answer *x = start_long(&a, 0);
    const size_t n = stand_still(&a);
    assert_true(n >= ANSWER_RING_MAX && n < MANY);
    answer_spec spec = spec_of(&a, 1, 20, &seed);
    assert_int_equal(answer_start(a.l, &spec, &other, &busy, NULL), PERSONA_OK);
    assert_true(drain(other) > 0);
    answer_free(other);
    assert_true(drain(x) > n);
    assert_int_equal(answer_choice_of(x, 0)->n_tokens, MANY);
    assert_int_equal(answer_choice_of(x, 0)->code, PERSONA_OK);
    answer_free(x);
    close_arena(&a);
}

/* With an end of patience its place in the batch is free again; it is told that it was cut. */
static void patience_ends(void **state)
{
    (void)state;
    arena a;
    answer_event e;
    open_arena(&a, MANY + 100, 5);
    answer *x = start_long(&a, 0.05);
    while (persona_session_stats_get(a.model.session).n_requests == 0) {
        usleep(10000);
    }
    assert_true(drain(x) >= ANSWER_RING_MAX - 1);
    assert_int_equal(answer_choice_of(x, 0)->code, PERSONA_E_CANCELED);
    answer_next(x, 0, &e);
    assert_int_equal(e.kind, ANSWER_CLOSED);
    answer_free(x);
    close_arena(&a);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void a_full_or_closed_list(void **state)
{
    (void)state;
    arena a;
    unsigned seed = 3;
    bool busy = false;
    answer *x = NULL;
    open_arena(&a, MANY + 100, 1);
    answer *first = start_long(&a, 0);
    answer_spec spec = spec_of(&a, 1, 5, &seed);
    assert_int_equal(answer_start(a.l, &spec, &x, &busy, NULL), PERSONA_E_UNAVAILABLE);
    assert_true(busy && x == NULL);
    assert_true(answers_cancel(a.l, answer_id(first)));
    drain(first);
    assert_int_equal(answer_choice_of(first, 0)->finish, PERSONA_FINISH_CANCELED);
    answer_free(first);
    answers_close(a.l);
    spec = spec_of(&a, 1, 5, &seed);
    assert_int_equal(answer_start(a.l, &spec, &x, &busy, NULL), PERSONA_E_UNAVAILABLE);
    assert_true(!busy && x == NULL);
    close_arena(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_and_meddlers),
        cmocka_unit_test(a_reader_that_waits_gets_all),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(a_full_or_closed_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
