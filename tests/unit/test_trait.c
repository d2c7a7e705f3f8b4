/* SPDX-License-Identifier: MIT
 *
 * test_trait.c - trait packs: every shipped one loads; every broken one is told by file and field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "core/text/names.h"
#include "persona/trait.h"
#include "scratch.h"

#define SILLY PERSONA_SOURCE_DIR "/traits/silly.json"

static void shipped_packs(void **state)
{
    (void)state;
    char **names = NULL;
    size_t n = 0;
    persona_err e = {0};
    assert_int_equal(persona_trait_names(&names, &n, &e), PERSONA_OK);
    assert_true(n >= 10);
    for (size_t i = 0; i < n; i++) {
        persona_trait *t = NULL;
        if (persona_trait_find(names[i], &t, &e) != PERSONA_OK) {
            fail_msg("%s: %s", names[i], e.msg);
        }
        assert_string_equal(t->name, names[i]);
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        assert_int_equal(t->n_pairs, 5);
        assert_int_equal(t->n_questions, 40);
        assert_string_not_equal(names[i], "schema");
        persona_questions *q = NULL;
        assert_int_equal(persona_questions_of(t, &q, &e), PERSONA_OK);
        assert_int_equal(q->n_extraction, 20);
        assert_int_equal(q->n_evaluation, 20);
        assert_string_equal(q->extraction[0], t->questions[0]);
        assert_string_equal(q->evaluation[0], t->questions[20]);
        assert_string_equal(q->name, t->name);
        persona_questions_free(q);
        persona_trait_free(t);
    }
    persona_names_free(names, n);
}

static void system_prompt(void **state)
{
    (void)state;
    static const struct {
        const char *word, *article;
    } cases[] = {
        {"silly", "a"},     {"impolite", "an"}, {"honest", "an"},       {"dishonest", "a"},
        {"unique", "a"},    {"unkind", "an"},   {"useful", "a"},        {"unimpressed", "an"},
        {"universal", "a"}, {"euphoric", "a"},  {"Optimistic", "an"},   {"helpful", "a"},
        {"one-sided", "a"}, {"humble", "a"},    {"uninterested", "an"}, {"utter", "an"},
    };
    char pos[] = "Be it.", neg[] = "Do not be it.", name[] = "t";
    persona_pair pair = {pos, neg};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char word[32], expected[128], *text = NULL;
        snprintf(word, sizeof word, "%s", cases[i].word);
        persona_trait t = {
            .name = name, .positive = word, .negative = word, .pairs = &pair, .n_pairs = 1};
        snprintf(expected, sizeof expected, "You are %s %s assistant. %s", cases[i].article, word,
                 i % 2 ? pos : neg);
        assert_int_equal(persona_trait_system(&t, 0, i % 2 == 1, &text, NULL), PERSONA_OK);
        assert_string_equal(text, expected);
        free(text);
        assert_int_equal(persona_trait_system(&t, 1, true, &text, NULL), PERSONA_E_SHAPE);
        assert_null(text);
    }
}

/* Replaces the first `from` of text by `to`. */
static char *edited(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at) {
        fail_msg("the shipped pack holds no %s", from);
    }
    return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void broken_packs(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *word;
    } cases[] = {
        {"persona.trait/1", "persona.trait/2", "schema"},
        {"\"name\"", "\"nome\"", "nome"},
        {"\"name\": \"silly\"", "\"name\": \"Silly\"", "name"},
        {"\"name\": \"silly\"", "\"name\": 3", "name"},
        {"\"name\": \"silly\"", "\"name\": \"s\"", "name"},
        {"\"positive\": \"silly\"", "\"positive\": \" silly\"", "positive"},
        {"\"negative\": \"serious\"", "\"negative\": \"\"", "negative"},
        {"\"negative\": \"serious\"", "\"negative\": \"a\\nb\"", "negative"},
        {"\"description\": \"", "\"description\": null, \"x\": \"", "x"},
        {"\"instruction\": [", "\"instruction\": [ {},", "instruction"},
        {"\"pos\": \"Be silly", "\"pas\": \"Be silly", "instruction[0].pas"},
        {"\"pos\": \"", "\"pos\": 7, \"neg\": \"", "instruction[0].pos"},
        {"\"questions\": [", "\"questions\": [ \"What is one more question?\",", "questions"},
        {"\"questions\": [", "\"questions\": 1, \"q\": [", "q"},
        {"\"questions\": [", "\"questions\": {}, \"sampling\": [", "questions"},
        {"{question}", "question", "eval_prompt"},
        {"{answer}", "{answer} {answer}", "eval_prompt"},
        {"\"temperature\": ", "\"temperature\": 1", "sampling.temperature"},
        {"\"top_p\": ", "\"top_p\": true, \"z\": ", "sampling.top_p"},
        {"\"about\": \"", "\"about\": \"short\", \"z\": \"", "sampling.about"},
        {"\"sampling\": ", "\"sampling\": [], \"y\": ", "y"},
    };
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read(SILLY, 1 << 20, &text, &len, NULL), PERSONA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *bad = edited(text, cases[i].from, cases[i].to);
        persona_trait *t = NULL;
        persona_err e = {0};
        char field[64];
        if (strcmp(cases[i].from, "\"temperature\": ") == 0) {
            memcpy(strstr(bad, "\"temperature\": 1") + 15, "9", 1);
        }
        snprintf(field, sizeof field, "'%s'", cases[i].word);
        const persona_code rc = persona_trait_read(scratch_text("pack.json", bad), &t, &e);
        if (rc != PERSONA_E_FORMAT || !strstr(e.msg, field) || !strstr(e.msg, "pack.json")) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
        assert_null(t);
        mem_free(bad);
    }
    mem_free(text);
}

static void broken_text(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    persona_trait *t = NULL;
    assert_int_equal(file_read(SILLY, 1 << 20, &text, &len, NULL), PERSONA_OK);
    for (size_t n = 0; n + 2 < len; n += 97) {
        const char *path = scratch_bytes("cut.json", text, n);
        assert_int_equal(persona_trait_read(path, &t, NULL), PERSONA_E_FORMAT);
        assert_null(t);
    }
    mem_free(text);
    assert_int_equal(persona_trait_read(scratch_path("none.json"), &t, NULL), PERSONA_E_NOTFOUND);
}

static void doubled_question(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_questions *q = NULL;
    const char *path = scratch_text(
        "q.json",
        "{\"schema\":\"persona.questions/1\",\"name\":\"pair\",\"extraction\":"
        "[\"How are you?\",\"Who is it\"],\"evaluation\":[\"What now\",\"how  are YOU\"]}");
    assert_int_equal(persona_questions_read(path, &q, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'evaluation[1]'"));
    assert_non_null(strstr(e.msg, "'extraction[0]'"));
    assert_null(q);
}

static void question_sets(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_questions *q = NULL;
    const char *path = scratch_text(
        "q.json", "{\"schema\":\"persona.questions/1\",\"name\":\"pair\","
                  "\"extraction\":[\"How?\",\"Who is it\"],\"evaluation\":[\"What\"]}");
    if (persona_questions_read(path, &q, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(q->n_extraction, 2);
    assert_int_equal(q->n_evaluation, 1);
    assert_string_equal(q->extraction[1], "Who is it");
    assert_string_equal(q->evaluation[0], "What");
    assert_string_equal(q->name, "pair");
    persona_questions_free(q);
    path = scratch_text("q.json", "{\"schema\":\"persona.questions/1\",\"name\":\"pair\","
                                  "\"extraction\":[\"How?\"],\"evaluation\":[]}");
    assert_int_equal(persona_questions_read(path, &q, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'evaluation'"));
    const persona_code rc =
        persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &q, &e);
    if (rc != PERSONA_OK && rc != PERSONA_E_NOTFOUND) {
        fail_msg("%s", e.msg);
    }
    persona_questions_free(q);
}

static void finding(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_trait *t = NULL;
    assert_int_equal(persona_trait_find("sily", &t, &e), PERSONA_E_NOTFOUND);
    assert_non_null(strstr(e.msg, "did you mean 'silly'"));
    assert_int_equal(persona_trait_find("zzzzzzzzzz", &t, &e), PERSONA_E_NOTFOUND);
    assert_int_equal(persona_trait_find("schema", &t, &e), PERSONA_E_NOTFOUND);
    assert_int_equal(persona_trait_find("", &t, &e), PERSONA_E_NOTFOUND);
    assert_null(t);
    assert_int_equal(persona_trait_find(SILLY, &t, &e), PERSONA_OK);
    assert_string_equal(t->path, SILLY);
    persona_trait_free(t);
    t = NULL;

    /* packs beside the ten are found by name, and listed apart */
    char **names = NULL, **more = NULL;
    size_t n = 0, n_more = 0;
    assert_int_equal(persona_trait_find("humorous", &t, &e), PERSONA_OK);
    assert_non_null(strstr(t->path, "/traits/more/humorous.json"));
    persona_trait_free(t);
    t = NULL;
    assert_int_equal(persona_trait_names(&names, &n, &e), PERSONA_OK);
    assert_int_equal(persona_trait_more_names(&more, &n_more, &e), PERSONA_OK);
    assert_int_equal(n, 10);
    assert_int_equal(n_more, 2);
    assert_string_equal(more[0], "humorous");
    assert_string_equal(more[1], "polite");
    for (size_t i = 0; i < n; i++) {
        assert_string_not_equal(names[i], "humorous");
    }
    persona_names_free(names, n);
    persona_names_free(more, n_more);
    assert_int_equal(persona_trait_find("humorus", &t, &e), PERSONA_E_NOTFOUND);
    assert_non_null(strstr(e.msg, "did you mean 'humorous'"));

    /* A user's pack hides the shipped one; it must call itself what its file is called. */
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read(SILLY, 1 << 20, &text, &len, NULL), PERSONA_OK);
    mkdir(scratch_path("traits"), 0700);
    setenv("PERSONA_DATA", scratch_folder, 1);
    scratch_text("traits/silly.json", text);
    scratch_text("traits/other.json", text);
    assert_int_equal(persona_trait_find("silly", &t, &e), PERSONA_OK);
    assert_non_null(strstr(t->path, scratch_folder));
    persona_trait_free(t);
    scratch_text("traits/humorous.json", text); /* it goes before more/, whatever is in it */
    assert_int_equal(persona_trait_find("humorous", &t, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, scratch_folder));
    assert_int_equal(persona_trait_find("other", &t, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'name'"));
    assert_null(t);
    unsetenv("PERSONA_DATA");
    mem_free(text);
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(name_distance("", ""), 0);
    assert_int_equal(name_distance("", "abc"), 3);
    assert_int_equal(name_distance("kitten", "sitting"), 3);
    assert_int_equal(name_distance("slily", "silly"), 1); /* swap of neighbours */
    assert_int_equal(name_distance("SILLY", "silly"), 0);
    static const char *const names[] = {"silly", "serious", "sycophantic"};
    assert_string_equal(name_nearest(names, 3, "serius"), "serious");
    assert_null(name_nearest(names, 3, "xyz"));
    assert_null(name_nearest(names, 0, "silly"));
}

/* Every allocation fails once: always NOMEM, never a crash, and (under ASan) never a leak. */
static void out_of_memory(void **state)
{
    (void)state;
    persona_trait *t = NULL;
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_err e = {0};
        persona_mem_fail_at(k);
        rc = persona_trait_find("silly", &t, &e);
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM && rc != PERSONA_E_NOTFOUND) {
            fail_msg("allocation %zu: code %d, \"%s\"", k, (int)rc, e.msg);
        }
        assert_true(k < 2000);
    }
    persona_trait_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_packs),    cmocka_unit_test(system_prompt),
        cmocka_unit_test(broken_packs),     cmocka_unit_test(broken_text),
        cmocka_unit_test(doubled_question), cmocka_unit_test(question_sets),
        cmocka_unit_test(finding),          cmocka_unit_test(distances),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
