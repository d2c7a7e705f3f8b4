/* SPDX-License-Identifier: MIT
 *
 * test_runner.c - many threads and one model thread: the real scheduler over the fake engine, with
 * cancels, replans and failures at random. `make tsan` looks for races in it.
 */
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

#include "support/fake_compute.h"

/* cmocka's assertions belong to the main thread. */
#define ENSURE(fact)                                                                               \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #fact);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { CLIENTS = 8, REQUESTS = 1250, PROMPT_MAX = 60, CHOSEN_MAX = 16 };

/* Shared by all clients of a test. */
typedef struct arena {
    persona_session *s;
    persona_plan *plans[3];
    atomic_ullong last_id;
} arena;

typedef struct client {
    arena *all;
    pthread_t thread;
    unsigned seed;
    size_t n, at, n_open, n_done, n_failed, n_canceled, n_tokens;
    persona_source source;
    struct item {
        bool busy;
        persona_token prompt[PROMPT_MAX];
        struct client *owner;
        uint64_t id;
        size_t n_tokens;
        bool stopped;
        persona_token chosen[CHOSEN_MAX]; /* written by the model thread, without a lock */
    } items[16];
    bool late;   /* says LATER now and then */
    int read_us; /* a slow reader */
    persona_code rc;
} client;

static unsigned draw(client *c, unsigned n)
{
    c->seed = c->seed * 1103515245u + 12345u;
    return (c->seed >> 16) % n;
}

static void on_choice(void *ud, size_t i, persona_token t, const float *logits, size_t n_vocab)
{
    struct item *x = ud;
    ENSURE(i < CHOSEN_MAX && t >= 0 && (size_t)t < n_vocab && logits != NULL);
    x->chosen[i] = t;
}

static bool on_token(void *ud, const persona_token_event *ev)
{
    struct item *x = ud;
    client *c = x->owner;
    ENSURE(ev->token < 0 || x->chosen[ev->index] == ev->token); /* as session.h promises */
    persona_session *s = c->all->s;
    x->n_tokens += ev->token >= 0;
    if (c->read_us > 0) {
        usleep((useconds_t)c->read_us);
    }
    const uint64_t other = 1 + draw(c, (unsigned)atomic_load(&c->all->last_id));
    switch (draw(c, 40)) {
    case 0:
        persona_session_cancel(s, draw(c, 2) ? x->id : other);
        break;
    case 1:
    case 2: {
        const persona_code rc =
            persona_session_replan(s, draw(c, 2) ? x->id : other, c->all->plans[draw(c, 3)], NULL);
        ENSURE(rc == PERSONA_OK || rc == PERSONA_E_NOTFOUND);
        break;
    }
    case 3:
        x->stopped = true;
        return false;
    default:
        break;
    }
    return true;
}

static void on_done(void *ud, const persona_result *r)
{
    struct item *x = ud;
    client *c = x->owner;
    ENSURE(x->busy);
    x->busy = false;
    c->n_open--;
    c->n_done++;
    c->n_failed += r->finish == PERSONA_FINISH_FAILED;
    c->n_canceled += r->finish == PERSONA_FINISH_CANCELED;
    c->n_tokens += r->n_tokens;
    if (r->finish == PERSONA_FINISH_LENGTH && !x->stopped) {
        ENSURE(x->n_tokens == r->n_tokens);
    }
}

static persona_next next(void *ud, persona_request *r)
{
    client *c = ud;
    size_t i = 0;
    if (c->at == c->n) {
        return PERSONA_NEXT_END;
    }
    while (i < 16 && c->items[i].busy) {
        i++;
    }
    if (i == 16 || (c->late && c->n_open > 0 && draw(c, 4) == 0)) {
        return PERSONA_NEXT_LATER;
    }
    struct item *x = &c->items[i];
    const size_t n = 1 + draw(c, PROMPT_MAX);
    for (size_t k = 0; k < n; k++) {
        x->prompt[k] = 2 + (persona_token)((k < 20 ? k : draw(c, 80)) % 80);
    }
    if (draw(c, 20) == 0) {
        x->prompt[draw(c, (unsigned)n)] = draw(c, 2) ? FAKE_POISON : FAKE_NAN;
    }
    x->busy = true;
    x->owner = c;
    x->n_tokens = 0;
    x->stopped = false;
    x->id = atomic_fetch_add(&c->all->last_id, 1) + 1;
    c->at++;
    c->n_open++;
    *r = (persona_request){.id = x->id,
                           .prompt = x->prompt,
                           .n_prompt = n,
                           .sampling = persona_sampling_defaults(),
                           .plan = c->all->plans[draw(c, 3)],
                           .ud = x,
                           .on_choice = on_choice,
                           .on_token = on_token,
                           .on_done = on_done};
    r->sampling.max_tokens = 1 + (int)draw(c, 12);
    return PERSONA_NEXT_REQUEST;
}

static void *run_client(void *ud)
{
    client *c = ud;
    persona_err e = {.code = PERSONA_OK};
    while (c->at < c->n && c->rc != PERSONA_E_CANCELED) {
        c->rc = persona_session_feed(c->all->s, &c->source, NULL, &e);
    }
    return NULL;
}

static void open_arena(arena *a, persona_model *m, fake_compute **f)
{
    const float v[FAKE_EMBD] = {1, 0, 0, 0};
    memset(a, 0, sizeof *a);
    a->s = fake_session(m, 6, 80, 32, f);
    for (int i = 1; i < 3; i++) {
        const persona_edit edit = {.block = i, .alpha = (float)i, .v = v};
        assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &edit, 1, &a->plans[i], NULL),
                         PERSONA_OK);
    }
}

static void close_arena(arena *a)
{
    persona_session_free(a->s);
    for (int i = 0; i < 3; i++) {
        persona_plan_free(a->plans[i]);
    }
}

static void start(client *c, arena *a, int i, size_t n)
{
    memset(c, 0, sizeof *c);
    c->all = a;
    c->seed = 17u + (unsigned)i;
    c->n = n;
    c->late = i % 2 == 1;
    c->source = (persona_source){.ud = c,
                                 .next = next,
                                 .priority = i % 4 == 0 ? PERSONA_PRIORITY_INTERACTIVE
                                                        : PERSONA_PRIORITY_BATCH,
                                 .max_slots = i % 3 == 0 ? 2 : 0};
    assert_int_equal(pthread_create(&c->thread, NULL, run_client, c), 0);
}

static void ten_thousand_requests(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    arena a;
    static client c[CLIENTS];
    size_t n_failed = 0, n_canceled = 0;
    open_arena(&a, m, NULL);
    assert_int_equal(persona_session_start(a.s, NULL), PERSONA_OK);
    for (int i = 0; i < CLIENTS; i++) {
        start(&c[i], &a, i, REQUESTS);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].n_done, REQUESTS);
        assert_int_equal(c[i].n_open, 0);
        n_failed += c[i].n_failed;
        n_canceled += c[i].n_canceled;
    }
    assert_true(n_failed > 100);
    assert_true(n_canceled > 100);
    assert_int_equal(persona_session_stats_get(a.s).n_requests > 9000, 1);
    close_arena(&a);
    fake_model_free(m);
}

/* One reader takes a millisecond for a token; another one's answers do not wait for it. */
static void a_slow_reader_waits_alone(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    arena a;
    static client c[2];
    open_arena(&a, m, NULL);
    assert_int_equal(persona_session_start(a.s, NULL), PERSONA_OK);
    start(&c[0], &a, 1, 0);
    pthread_join(c[0].thread, NULL);
    c[0].n = 300;
    c[0].read_us = 1000;
    assert_int_equal(pthread_create(&c[0].thread, NULL, run_client, &c[0]), 0);
    start(&c[1], &a, 2, 300);
    pthread_join(c[1].thread, NULL);
    assert_int_equal(c[1].n_done, 300);
    assert_true(persona_session_stats_get(a.s).n_requests < 600); /* the slow one is not through */
    pthread_join(c[0].thread, NULL);
    assert_int_equal(c[0].n_done, 300);
    close_arena(&a);
    fake_model_free(m);
}

static void stopped_under_way(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    arena a;
    static client c[CLIENTS];
    fake_compute *f = NULL;
    open_arena(&a, m, &f);
    f->call_us = 100;
    for (int round = 0; round < 5; round++) {
        assert_int_equal(persona_session_start(a.s, NULL), PERSONA_OK);
        for (int i = 0; i < CLIENTS; i++) {
            start(&c[i], &a, i, 1000000);
        }
        usleep((useconds_t)(3000 * round));
        persona_session_stop(a.s);
        for (int i = 0; i < CLIENTS; i++) {
            pthread_join(c[i].thread, NULL);
            assert_int_equal(c[i].n_open, 0);
            assert_int_equal(c[i].n_done, c[i].at);
            assert_int_equal(c[i].rc, PERSONA_E_CANCELED);
        }
    }
    close_arena(&a);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_requests),
        cmocka_unit_test(a_slow_reader_waits_alone),
        cmocka_unit_test(stopped_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
