/* SPDX-License-Identifier: MIT
 *
 * test_open.c - opening a model and hashing its file can be interrupted, and only then are; a file
 * that is written to under an open model costs that model only.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "models.h"

static const char path[] = PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf";

static void interrupted(void **state)
{
    (void)state;
    persona_cancel cancel = {0};
    persona_model_opts o = persona_model_defaults();
    persona_model *m = NULL;
    persona_err e = {0};
    const char *sha = NULL;
    o.cancel = &cancel;
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_OK);
    persona_cancel_set(&cancel);
    assert_int_equal(persona_model_sha256(m, &sha, &e), PERSONA_E_CANCELED);
    assert_non_null(strstr(e.msg, "persona-qwen2.gguf: hashing was interrupted"));
    assert_string_equal(sha, "");
    persona_model_free(m);
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_E_CANCELED);
    assert_null(m);
    o.cancel = NULL;
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_OK);
    assert_int_equal(persona_model_sha256(m, &sha, &e), PERSONA_OK);
    assert_int_equal(strlen(sha), 64);
    persona_model_free(m);
}

/* ---- what is written to a file while it is in use -------------------------------------------- */

static const char copy[] = "test_open_copy.gguf";

static void write_copy(const char *to)
{
    char *bytes = NULL;
    size_t n = 0;
    persona_err e = {0};
    must(file_read(path, (size_t)1 << 28, &bytes, &n, &e), &e);
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    free(bytes);
}

typedef struct one_question {
    const persona_tokens *prompt;
    bool asked;
    persona_code code;
    char message[256];
} one_question;

static void on_done(void *ud, const persona_result *r)
{
    one_question *q = ud;
    q->code = r->code;
    snprintf(q->message, sizeof q->message, "%s", r->message);
}

static persona_next next(void *ud, persona_request *r)
{
    one_question *q = ud;
    if (q->asked) {
        return PERSONA_NEXT_END;
    }
    q->asked = true;
    r->prompt = q->prompt->ids;
    r->n_prompt = q->prompt->n;
    r->raw = true;
    r->sampling.max_tokens = 8;
    r->on_done = on_done;
    r->ud = q;
    return PERSONA_NEXT_REQUEST;
}

static one_question ask(persona_session *s, const persona_tokens *prompt)
{
    one_question q = {.prompt = prompt};
    const persona_source source = {.ud = &q, .next = next};
    persona_err e = {0};
    (void)!persona_session_feed(s, &source, NULL, &e);
    return q;
}

static void wait_for_a_look(void)
{
    const struct timespec t = {.tv_sec = 1, .tv_nsec = 100000000};
    nanosleep(&t, NULL);
}

static void replace(void)
{
    write_copy("test_open_other.gguf");
    assert_int_equal(rename("test_open_other.gguf", copy), 0);
}

static void remove_it(void)
{
    assert_int_equal(unlink(copy), 0);
}

static void cut(void)
{
    assert_int_equal(truncate(copy, 5000), 0);
}

static void write_into(void)
{
    const int fd = open(copy, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 100000), 1);
    assert_int_equal(close(fd), 0);
}

static void under_an_open_model(void **state)
{
    static const struct {
        void (*what)(void);
        bool fine;
    } CASES[] = {{replace, true}, {remove_it, true}, {cut, false}, {write_into, false}};
    (void)state;
    persona_model_guard();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        persona_model *m = NULL, *other = NULL;
        persona_session *s = NULL, *beside = NULL;
        persona_tokens prompt = {0};
        persona_err e = {0};
        write_copy(copy);
        must(persona_model_open(copy, NULL, &m, &e), &e);
        must(persona_model_open(path, NULL, &other, &e), &e);
        must(persona_session_new(m, NULL, &s, &e), &e);
        must(persona_session_new(other, NULL, &beside, &e), &e);
        must(persona_tokenize(m, "a question", false, &prompt, &e), &e);
        assert_int_equal(ask(s, &prompt).code, PERSONA_OK);
        assert_true(persona_model_intact(m));
        CASES[i].what();
        wait_for_a_look();
        const one_question after = ask(s, &prompt);
        assert_int_equal(after.code, CASES[i].fine ? PERSONA_OK : PERSONA_E_UNAVAILABLE);
        assert_int_equal(persona_model_intact(m), CASES[i].fine);
        assert_true(CASES[i].fine || strstr(after.message, "was written to") != NULL);
        assert_int_equal(ask(beside, &prompt).code, PERSONA_OK);
        persona_tokens_free(&prompt);
        persona_session_free(s);
        persona_session_free(beside);
        persona_model_free(m);
        persona_model_free(other);
    }
    (void)unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(interrupted),
                                       cmocka_unit_test(under_an_open_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
