/* SPDX-License-Identifier: MIT
 *
 * test_endpoint.c - a server as judge: a small Python server on the loopback plays the good and
 * the bad ones (fake_endpoint.py lists them by name). Skipped without python3.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "persona/judge.h"
#include "pipeline/judge/endpoint_reply.h"
#include "store/fetch/fetch.h"

#define KEY_VARIABLE "PERSONA_TEST_KEY"

static pid_t server;
static int port, closed_port, server_stdin;

/* ---- the server ------------------------------------------------------------------------------ */

static int start_server(void **state)
{
    int to[2], from[2];
    (void)state;
    if (pipe(to) != 0 || pipe(from) != 0) {
        return -1;
    }
    server = fork();
    if (server == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execlp("python3", "python3", "-B", PERSONA_SOURCE_DIR "/tests/unit/fake_endpoint.py",
               (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    server_stdin = to[1];
    FILE *f = fdopen(from[0], "r");
    char line[32] = "";
    port = f && fgets(line, sizeof line, f) ? (int)strtol(line, NULL, 10) : 0;
    if (f) {
        fclose(f);
    }
    closed_port = 1; /* tcpmux: nobody listens there */
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    close(server_stdin);
    waitpid(server, NULL, 0);
    return 0;
}

/* A number of the server's book about a scenario. */
static int stat_of(const char *scenario, const char *what)
{
    char url[128];
    fetch *f = NULL;
    fetch_answer a = {0};
    json_doc *doc = NULL;
    bool got = false;
    size_t tag = 0;
    const fetch_opts o = fetch_defaults();
    snprintf(url, sizeof url, "http://127.0.0.1:%d/stats/%s", port, scenario);
    const fetch_request r = {.url = url};
    assert_int_equal(fetch_new(&o, &f, NULL), PERSONA_OK);
    assert_int_equal(fetch_start(f, &r, 7, NULL), PERSONA_OK);
    assert_int_equal(fetch_room(f), 3);
    assert_int_equal(fetch_wait(f, 10, NULL, &got, &tag, &a, NULL), PERSONA_OK);
    assert_true(got);
    assert_int_equal(tag, 7);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_parse(a.body, a.n_body, "stats", &doc, NULL), PERSONA_OK);
    const int n = (int)json_number(json_get(json_root(doc), what), -1);
    json_free(doc);
    mem_free(a.body);
    fetch_free(f);
    return n;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static char trait_name[] = "silly", trait_prompt[] = "Is it silly? {question} {answer}";
static const persona_trait silly = {.name = trait_name, .eval_prompt = trait_prompt};

typedef struct outcome {
    persona_judgement r[64];
    size_t n, fail_after;
    persona_code rc;
    persona_err e;
    double seconds;
} outcome;

static persona_code sink(void *ud, size_t i, const persona_judgement *r, persona_err *e)
{
    outcome *o = ud;
    assert_true(i < 64 && isnan(o->r[i].mass)); /* each once */
    o->r[i] = *r;
    o->n++;
    return o->n == o->fail_after ? persona_err_set(e, PERSONA_E_IO, "disk full") : PERSONA_OK;
}

static outcome judge_url(const char *url, const persona_judge_endpoint_opts *base,
                         const char *const *answers, size_t n, const persona_cancel *cancel,
                         size_t fail_after)
{
    persona_judge_endpoint_opts o = *base;
    persona_judge *j = NULL;
    persona_judge_item items[64];
    const persona_hooks hooks = {.cancel = cancel};
    outcome x = {.fail_after = fail_after};
    for (size_t i = 0; i < 64; i++) {
        x.r[i].mass = NAN;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = (persona_judge_item){.question = "Q", .answer = answers[i]};
    }
    o.url = url;
    o.model = "judge-1";
    o.key_env = KEY_VARIABLE;
    x.rc = persona_judge_endpoint(&o, &j, &x.e);
    if (x.rc == PERSONA_OK) {
        const double start = clock_now();
        x.rc = persona_judge_run(j, &silly, items, n, &hooks, sink, &x, &x.e);
        x.seconds = clock_now() - start;
    }
    persona_judge_free(j);
    return x;
}

static outcome judge(const char *scenario, const persona_judge_endpoint_opts *o,
                     const char *const *answers, size_t n)
{
    char url[128];
    if (port == 0) {
        skip();
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/v1/", port, scenario);
    return judge_url(url, o, answers, n, NULL, 0);
}

static void ok(const outcome *o, size_t n)
{
    if (o->rc != PERSONA_OK) {
        fail_msg("code %d: %s", (int)o->rc, o->e.msg);
    }
    assert_int_equal(o->n, n);
}

static void failed(const outcome *o, persona_code code, const char *word)
{
    if (o->rc != code || !strstr(o->e.msg, word) || strchr(o->e.msg, '\n')) {
        fail_msg("code %d, \"%s\" (expected %d, '%s')", (int)o->rc, o->e.msg, (int)code, word);
    }
}

static void near(float x, double expected)
{
    if (!(fabs((double)x - expected) < 1e-3)) {
        fail_msg("%g, expected %g", (double)x, expected);
    }
}

static persona_judge_endpoint_opts quick(void)
{
    persona_judge_endpoint_opts o = persona_judge_endpoint_defaults();
    o.n_retries = 1;
    o.timeout = 20;
    return o;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static void expectation(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=37", "A=0", "A=100", "A=9 \"quoted\"\n\x01"};
    const persona_judge_endpoint_opts d = quick();
    const outcome o = judge("ok", &d, answers, 4);
    ok(&o, 4);
    near(o.r[0].trait, (37 * .6 + 40 * .2) / .8);
    near(o.r[0].coherence, (37 * .6 + 40 * .2) / .8);
    near(o.r[0].mass, .8);
    near(o.r[1].trait, 40 * .2 / .8);
    near(o.r[2].trait, (100 * .6 + 40 * .2) / .8);
    near(o.r[3].trait, (9 * .6 + 40 * .2) / .8);
    assert_int_equal(stat_of("ok", "requests"), 8);
    assert_int_equal(stat_of("ok", "long"), 0);
}

static void in_parallel(void **state)
{
    (void)state;
    const char *answers[40];
    persona_judge_endpoint_opts d = quick();
    d.n_parallel = 5;
    for (size_t i = 0; i < 40; i++) {
        answers[i] = i % 2 ? "A=20" : "A=80";
    }
    const outcome o = judge("many", &d, answers, 40);
    ok(&o, 40);
    for (size_t i = 0; i < 40; i++) {
        near(o.r[i].trait, ((i % 2 ? 20 : 80) * .6 + 40 * .2) / .8);
    }
    assert_int_equal(stat_of("many", "requests"), 80);
    const int most = stat_of("many", "most");
    assert_true(most >= 2 && most <= 5);
}

static void without_logprobs(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=37", "A=100", "A=3", "A=4", "A=5", "A=6"};
    persona_judge_endpoint_opts d = quick();
    d.n_parallel = 1;
    outcome o = judge("plain", &d, answers, 6);
    ok(&o, 6);
    near(o.r[0].trait, 37);
    near(o.r[1].coherence, 100);
    near(o.r[1].mass, 1);
    assert_int_equal(stat_of("plain", "requests"), 13); /* one question was asked twice */
    assert_int_equal(stat_of("plain", "long"), 12);
    o = judge("nologprobs", &d, answers, 6);
    ok(&o, 6);
    near(o.r[0].trait, 37);
    assert_int_equal(stat_of("nologprobs", "requests"), 13);
}

static void prose(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=1", "A=2", "A=3", "A=4", "A=5", "A=6", "A=7"};
    const persona_judge_endpoint_opts d = quick();
    const outcome o = judge("prose", &d, answers, 7);
    ok(&o, 7);
    near(o.r[0].trait, 85);
    near(o.r[5].trait, 72.5);
    for (size_t i = 1; i < 7; i++) {
        assert_true(i == 5 || isnan(o.r[i].trait));
    }
}

static void numbers_in_digits(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=85", "A=7", "A=100", "A=40"};
    persona_judge_endpoint_opts d = quick();
    d.n_parallel = 1;
    outcome o = judge("digits", &d, answers, 4);
    ok(&o, 4);
    near(o.r[0].trait, 85);
    near(o.r[0].mass, .8);
    near(o.r[1].trait, (7 * .7 + 2 * .1) / .8); /* one digit: the expectation holds */
    near(o.r[2].trait, 100);
    near(o.r[3].coherence, 40);
    assert_int_equal(stat_of("digits", "long"), 8); /* learned at the first answer */
    assert_int_equal(stat_of("digits", "requests"), 9);
}

static void unanswered(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=1", "REFUSE"};
    persona_judge_endpoint_opts d = quick();
    outcome o = judge("lowdigit", &d, answers, 2);
    ok(&o, 2);
    near(o.r[0].trait, 1.25);
    assert_true(isnan(o.r[1].trait)); /* half the mass on a number, but it says REFUSAL */
    o = judge("lowmass", &d, answers, 1);
    ok(&o, 1);
    assert_true(isnan(o.r[0].trait) && isnan(o.r[0].coherence));
    near(o.r[0].mass, .2);
    d.min_mass = .15F;
    o = judge("lowmass", &d, answers, 1);
    near(o.r[0].trait, 1);
    o = judge("spaced", &d, answers, 1); /* the first token is a space */
    ok(&o, 1);
    near(o.r[0].trait, 1);
}

/* ---- servers that fail ----------------------------------------------------------------------- */

static void comes_back(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=50", "A=60"};
    persona_judge_endpoint_opts d = quick();
    outcome o = judge("limited", &d, answers, 2);
    ok(&o, 2);
    assert_true(o.seconds >= 1 && o.seconds < 10);
    d.n_parallel = 1;
    d.n_retries = 3;
    o = judge("flaky", &d, answers, 2);
    ok(&o, 2);
    near(o.r[1].trait, (60 * .6 + 40 * .2) / .8);
    assert_int_equal(stat_of("flaky", "requests"), 6);
    assert_true(o.seconds >= .25);
}

static void stays_away(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=50", "A=60", "A=70", "A=80", "A=90"};
    static const struct {
        const char *scenario, *word;
    } cases[] = {
        {"garbage", "reply"},
        {"empty", "upstream is cold"},
        {"cut", "gave up after 2 tries"},
        {"huge", "longer than"},
    };
    persona_judge_endpoint_opts d = quick();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const outcome o = judge(cases[i].scenario, &d, answers, 1);
        failed(&o, PERSONA_E_UNAVAILABLE, cases[i].word);
        failed(&o, PERSONA_E_UNAVAILABLE, cases[i].scenario);
        assert_int_equal(o.n, 0);
    }
    d.n_parallel = 1;
    outcome o = judge("dies", &d, answers, 5);
    failed(&o, PERSONA_E_UNAVAILABLE, "going down");
    assert_int_equal(o.n, 3); /* what was judged before was delivered */
    near(o.r[2].trait, (70 * .6 + 40 * .2) / .8);
    d.timeout = .2;
    o = judge("slow", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "no answer within 0.2 s");
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", closed_port);
    o = judge_url(url, &d, answers, 2, NULL, 0);
    failed(&o, PERSONA_E_UNAVAILABLE, url);
    failed(&o, PERSONA_E_UNAVAILABLE, "after 2 tries");
}

static void refuses(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=50"};
    const persona_judge_endpoint_opts d = quick();
    outcome o = judge("badmodel", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "HTTP 404: no model judge-1");
    assert_true(stat_of("badmodel", "requests") <= 2); /* two at once, none again */
    o = judge("redirect", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "redirected to file:");
}

/* What a server does not take is learned from its refusals, each once, and kept. */
static void learns(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=37", "A=100", "A=12"};
    static const struct {
        const char *scenario;
        int n_requests; /* of two runs of one judge's six questions */
        bool probabilities;
    } cases[] = {
        /* max_tokens, temperature, logprobs; 16 are too few, as 1 was */
        {"openai", 6 + 4, false}, {"fastapi", 6 + 2, true}, /* seed, 20 alternatives */
        {"google", 6 + 1, true},  {"wordy", 6 + 2, false},
        {"thinks", 6 + 3, false}, {"parts", 6 + 1, false},
    };
    persona_judge_endpoint_opts d = quick();
    d.n_parallel = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const outcome o = judge(cases[i].scenario, &d, answers, 3);
        print_message("%s\n", cases[i].scenario);
        ok(&o, 3);
        near(o.r[0].trait, cases[i].probabilities ? (37 * .6 + 40 * .2) / .8 : 37);
        near(o.r[2].coherence, cases[i].probabilities ? (12 * .6 + 40 * .2) / .8 : 12);
        assert_int_equal(stat_of(cases[i].scenario, "requests"), cases[i].n_requests);
    }
    d.n_parallel = 4; /* several refusals are under way at once */
    outcome o = judge("openai", &d, answers, 3);
    ok(&o, 3);
    near(o.r[1].trait, 100);
    o = judge("toolong", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "HTTP 400: This model's maximum context length is 4096");
    o = judge("stubborn", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "HTTP 400: temperature is a word that I do not like");
}

static void keys(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=50"};
    const persona_judge_endpoint_opts d = quick();
    outcome o = judge("auth", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "no key in " KEY_VARIABLE);
    setenv(KEY_VARIABLE, "sk-wrong-0123456789", 1);
    o = judge("auth", &d, answers, 1);
    failed(&o, PERSONA_E_UNAVAILABLE, "HTTP 401: Incorrect API key provided: ***. See our pages.");
    failed(&o, PERSONA_E_UNAVAILABLE, KEY_VARIABLE);
    assert_null(strstr(o.e.msg, "0123"));
    setenv(KEY_VARIABLE, "sk-right", 1);
    o = judge("auth", &d, answers, 1);
    ok(&o, 1);
    setenv(KEY_VARIABLE, "sk-x\r\nX-Evil: 1", 1);
    o = judge("auth", &d, answers, 1);
    failed(&o, PERSONA_E_USAGE, KEY_VARIABLE);
    assert_null(strstr(o.e.msg, "sk-x"));
    unsetenv(KEY_VARIABLE);
}

static void *interrupt(void *ud)
{
    persona_cancel *c = ud;
    const struct timespec t = {.tv_nsec = 300000000};
    nanosleep(&t, NULL);
    persona_cancel_set(c);
    return NULL;
}

static void cancel(void **state)
{
    (void)state;
    static const char *const answers[] = {"A=50", "A=51", "A=52"};
    char url[128];
    pthread_t t;
    persona_cancel c = {0};
    const persona_judge_endpoint_opts d = quick();
    if (port == 0) {
        skip();
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow/v1", port);
    assert_int_equal(pthread_create(&t, NULL, interrupt, &c), 0);
    outcome o = judge_url(url, &d, answers, 3, &c, 0);
    pthread_join(t, NULL);
    assert_int_equal(o.rc, PERSONA_E_CANCELED);
    assert_true(o.seconds >= .25 && o.seconds < 1.0); /* 0.3 + 0.1, on a busy machine */
    snprintf(url, sizeof url, "http://127.0.0.1:%d/ok/v1", port);
    o = judge_url(url, &d, answers, 3, NULL, 2);
    failed(&o, PERSONA_E_IO, "disk full");
    assert_int_equal(o.n, 2);
}

static void options(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://x/v1", "file:///etc/passwd", "127.0.0.1:80", "",
                                       "http://me:secret@x/v1"};
    persona_judge *j = NULL;
    persona_judge_endpoint_opts o = persona_judge_endpoint_defaults();
    persona_err e = {0};
    o.model = "m";
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        o.url = urls[i];
        assert_int_equal(persona_judge_endpoint(&o, &j, &e), PERSONA_E_USAGE);
        assert_null(strstr(e.msg, "secret"));
    }
    o.url = "http://127.0.0.1/v1";
    o.n_parallel = 0;
    assert_int_equal(persona_judge_endpoint(&o, &j, &e), PERSONA_E_USAGE);
    o = persona_judge_endpoint_defaults();
    o.url = "http://127.0.0.1/v1";
    assert_int_equal(persona_judge_endpoint(&o, &j, &e), PERSONA_E_USAGE); /* no model */
    o.model = "m";
    for (size_t k = 1; k < 6; k++) {
        persona_mem_fail_at(k);
        assert_true(persona_judge_endpoint(&o, &j, &e) == PERSONA_OK || e.code == PERSONA_E_NOMEM);
        persona_mem_fail_at(0);
        persona_judge_free(j);
    }
    char text[200];
    assert_int_equal(persona_judge_endpoint(&o, &j, &e), PERSONA_OK);
    assert_string_equal(persona_judge_name(j), "m");
    assert_string_equal(persona_judge_kind(j), "endpoint");
    assert_true(persona_judge_knows(j, "anything"));
    assert_non_null(strstr(persona_judge_validity(j, "silly", text, sizeof text), "silly"));
    persona_judge_free(j);
}

static void words(void **state)
{
    (void)state;
    char out[12];
    assert_string_equal(endpoint_reply_words("{\"error\":\"a\\n b\"}", 17, out, sizeof out), "a b");
    assert_string_equal(endpoint_reply_words("  plain\n\ntext that is long", 26, out, sizeof out),
                        "plain text");
    assert_string_equal(endpoint_reply_words("", 0, out, sizeof out), "");
    assert_string_equal(endpoint_reply_words("0123456789\xc3\xa9", 12, out, sizeof out),
                        "0123456789");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expectation),
        cmocka_unit_test(in_parallel),
        cmocka_unit_test(without_logprobs),
        cmocka_unit_test(prose),
        cmocka_unit_test(numbers_in_digits),
        cmocka_unit_test(unanswered),
        cmocka_unit_test(comes_back),
        cmocka_unit_test(stays_away),
        cmocka_unit_test(refuses),
        cmocka_unit_test(learns),
        cmocka_unit_test(keys),
        cmocka_unit_test(cancel),
        cmocka_unit_test(options),
        cmocka_unit_test(words),
    };
    signal(SIGPIPE, SIG_DFL); /* as in the program: a server that hangs up must not end it */
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
