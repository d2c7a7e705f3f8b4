/* SPDX-License-Identifier: MIT
 *
 * test_textpair.c - texts in row-aligned pairs: read, refused, written, grouped.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "texts.h"

/* ---- pairs ---------------------------------------------------------------------------------- */

static persona_code pair_error(const char *ext, const char *pos, const char *neg, size_t *n,
                               persona_err *e)
{
    char name[2][32];
    text_reader *r = NULL;
    text_item *item = NULL;
    snprintf(name[0], sizeof name[0], "pos%s", ext);
    snprintf(name[1], sizeof name[1], "neg%s", ext);
    const char *a = scratch_text(name[0], pos), *b = scratch_text(name[1], neg);
    persona_code code = text_reader_open_pair(a, b, NULL, &r, e);
    for (*n = 0; !code && !(code = text_reader_next(r, &item, e)) && item; (*n)++) {
        assert_int_equal(item->polarity, *n % 2 == 0 ? 1 : -1);
        assert_int_equal(item->row, *n / 2);
        text_item_free(item);
    }
    text_reader_close(r);
    return code;
}

static void pairs(void **state)
{
    (void)state;
#define P(id) "q,p,a," id ",90,90\n"
    static const struct {
        const char *ext, *pos, *neg;
        size_t n;            /* items before the error */
        const char *message; /* NULL: none */
    } cases[] = {
        {".csv", TEXTS_HEADER P("evil_0_pos_0") P("evil_0_pos_0") P("evil_0_pos_1"),
         TEXTS_HEADER P("evil_0_neg_0") P("evil_0_neg_0") P("evil_0_neg_1"), 6, NULL},
        {".csv", TEXTS_HEADER P("evil_0_pos_0") P("evil_1_pos_0"),
         TEXTS_HEADER P("evil_0_neg_0") P("evil_2_neg_0"), 2,
         ":3: row 2 is question 1 instruction 0 rollout 0, but in "},
        {".csv", TEXTS_HEADER P("evil_0_pos_0") P("evil_0_pos_1"),
         TEXTS_HEADER P("evil_0_neg_0") P("evil_0_neg_2"), 2,
         ":3: row 2 is question 0 instruction 1"},
        {".csv", TEXTS_HEADER P("evil_0_pos_0") P("evil_0_pos_0"), TEXTS_HEADER P("evil_0_neg_0"),
         2, ":3: row 2 has no partner: "},
        {".csv", TEXTS_HEADER P("evil_0_pos_0"), TEXTS_HEADER P("evil_0_neg_0") P("evil_0_neg_0"),
         2, ":3: row 2 has no partner: "},
        {".csv", TEXTS_HEADER P("evil_0_neg_0"), TEXTS_HEADER P("evil_0_pos_0"), 0,
         ":2: is a negative text (expected only positive ones in this file; are the two files"},
        {".csv", TEXTS_HEADER P("evil_0_pos_0"), TEXTS_HEADER "Q,p,a,evil_0_neg_0,1,2\n", 0,
         ":2: row 1 has another question than in "},
        {".txt", "one\n\ntwo", "uno\ndos\n\n", 4, NULL},
        {"", "one\n", "uno\n", 2, NULL},
        {"", "one\n", "", 0, ":1: row 1 has no partner: "},
        {".jsonl", "{\"prompt\":\"a\"}\n", "{\"prompt\":\"b\",\"polarity\":\"positive\"}", 0,
         ":1: is a positive text"},
    };
#undef P
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_err e = {0};
        size_t n = 0;
        const persona_code code = pair_error(cases[i].ext, cases[i].pos, cases[i].neg, &n, &e);
        if (!cases[i].message) {
            if (code) {
                fail_msg("case %zu: %s", i, e.msg);
            }
        } else if (code != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].message)) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        assert_int_equal(n, cases[i].n);
    }
    text_reader *r = NULL;
    assert_int_equal(text_reader_open_pair("a", "a", NULL, &r, NULL), PERSONA_E_USAGE);
}

/* A rollout that is missing on one side is told where it is missing, not at the end. */
static void missing_rollout(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t n = 0;
    static const char pos[] = TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_0_pos_0,1,2\n"
                                           "q,p,a,evil_0_pos_1,1,2\nq,p,a,evil_0_pos_1,1,2\n";
    static const char neg[] = TEXTS_HEADER "q,p,a,evil_0_neg_0,1,2\nq,p,a,evil_0_neg_1,1,2\n"
                                           "q,p,a,evil_0_neg_1,1,2\nq,p,a,evil_0_neg_1,1,2\n";
    assert_int_equal(pair_error(".csv", pos, neg, &n, &e), PERSONA_E_FORMAT);
    assert_int_equal(n, 2);
    assert_non_null(
        strstr(e.msg, "pos.csv:3: row 2 is question 0 instruction 0 rollout 1, but in"));
    assert_non_null(strstr(e.msg, "neg.csv:3 it is question 0 instruction 1 rollout 0"));
}

/* ---- writing -------------------------------------------------------------------------------- */

static char prompt_text[] = "<|im_start|>user\nHi, \"you\"<|im_end|>\n";

static text_item rollout_item(int question, int pair, int rollout, int polarity)
{
    static char question_text[] = "Hi, \"you\"";
    static char responses[4][32] = {"plain", "a,b\r\n\"c\"", "", "bad \xFF\xC3 end"};
    text_item t = text_item_defaults();
    t.prompt = prompt_text;
    t.question = question_text;
    t.response = responses[(unsigned)(question + pair + rollout) % 4];
    t.polarity = polarity;
    t.question_index = question;
    t.pair_index = pair;
    t.rollout_index = rollout;
    t.label_trait = rollout == 0 ? 100.0 / 3 : (double)NAN;
    t.label_coherence = 87.5;
    return t;
}

static const char *mended(const char *response)
{
    return strstr(response, "bad") ? "bad \xEF\xBF\xBD\xEF\xBF\xBD end" : response;
}

static void check_back(const text_item *t, const text_item *want)
{
    assert_string_equal(t->prompt, want->prompt);
    assert_string_equal(t->question, want->question);
    assert_string_equal(t->response, mended(want->response));
    assert_string_equal(t->trait, "evil");
    assert_int_equal(t->polarity, want->polarity);
    assert_int_equal(t->question_index, want->question_index);
    assert_int_equal(t->pair_index, want->pair_index);
    assert_int_equal(t->rollout_index, want->rollout_index);
    texts_same(t->label_trait, want->label_trait);
    texts_same(t->label_coherence, want->label_coherence);
}

/* What is written reads back: 3 questions, 2 instructions, 3 rollouts, both polarities. */
static void write_and_read(void **state)
{
    (void)state;
    const char *const outs[] = {scratch_path("back.jsonl"), scratch_path("folder/of")};
    for (size_t f = 0; f < 2; f++) {
        persona_err e = {0};
        text_writer *w = NULL;
        text_reader *r = NULL;
        if (text_writer_open(outs[f], TEXT_AUTO, "evil", &w, &e)) {
            fail_msg("%s", e.msg);
        }
        for (int i = 0; i < 36; i++) {
            const text_item t = rollout_item(i / 12, i / 6 % 2, i / 2 % 3, i % 2 ? -1 : 1);
            if (text_writer_write(w, &t, &e)) {
                fail_msg("%s", e.msg);
            }
        }
        assert_false(
            file_exists(f == 0 ? outs[0] : scratch_path("folder/of/evil_pos_instruct.csv")));
        if (text_writer_close(w, &e)) {
            fail_msg("%s", e.msg);
        }
        const persona_code code =
            f == 0 ? text_reader_open(outs[0], NULL, &r, &e)
                   : text_reader_open_pair(scratch_path("folder/of/evil_pos_instruct.csv"),
                                           scratch_path("folder/of/evil_neg_instruct.csv"), NULL,
                                           &r, &e);
        if (code) {
            fail_msg("%s", e.msg);
        }
        for (int i = 0; i < 36; i++) {
            const text_item want = rollout_item(i / 12, i / 6 % 2, i / 2 % 3, i % 2 ? -1 : 1);
            text_item *t = texts_next(r);
            assert_non_null(t);
            check_back(t, &want);
            text_item_free(t);
        }
        assert_null(texts_next(r));
        text_reader_close(r);
    }
}

static void published_bytes(void **state)
{
    (void)state;
    text_writer *w = NULL;
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(text_writer_open(scratch_path("bytes"), TEXT_CSV, "evil", &w, NULL), 0);
    for (int side = 1; side >= -1; side -= 2) {
        text_item t = rollout_item(0, 1, 0, side);
        char plain[] = "plain";
        t.prompt = t.question = t.response = plain;
        t.label_trait = 0.1 + 0.2;
        t.label_coherence = side > 0 ? (double)NAN : 87;
        assert_int_equal(text_writer_write(w, &t, NULL), PERSONA_OK);
    }
    assert_int_equal(text_writer_close(w, NULL), PERSONA_OK);
    assert_int_equal(file_read(scratch_path("bytes/evil_neg_instruct.csv"), 1000, &text, &n, NULL),
                     PERSONA_OK);
    assert_string_equal(text,
                        TEXTS_HEADER "plain,plain,plain,evil_0_neg_1,0.30000000000000004,87.0\n");
    mem_free(text);
}

typedef struct write_case {
    int rows[4][4]; /* question, pair, rollout, polarity (0: no more) */
    const char *message;
} write_case;

static void rows_refused(void **state)
{
    (void)state;
    static const write_case cases[] = {
        {{{0, 0, 0, 1}}, "neg_instruct.csv: has 0 rows, but the positive file has 1"},
        {{{0, 0, 0, 1}, {0, 0, 0, 1}}, "row 2 is question 0, instruction 0, rollout 0, not after"},
        {{{1, 0, 0, -1}, {0, 4, 9, -1}},
         "row 2 is question 0, instruction 4, rollout 9, not after"},
        {{{0, 0, 0, 1}, {0, 0, 1, 1}, {0, 0, 0, -1}, {0, 1, 0, -1}},
         "neg_instruct.csv: row 2 is question 0, instruction 1, rollout 0, but the positive one is "
         "0, 0, 1"},
        {{{-1, 0, 0, 1}}, "a row needs the index of its question"},
        {{{0, -1, 0, 1}}, "a row needs the index of its instruction"},
        {{{0, 0, 0, 2}}, "a row needs a polarity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_err e = {0};
        text_writer *w = NULL;
        persona_code code = text_writer_open(scratch_path("refused"), TEXT_CSV, "evil", &w, &e);
        for (size_t k = 0; !code && k < 4 && cases[i].rows[k][3] != 0; k++) {
            const int *x = cases[i].rows[k];
            const text_item t = rollout_item(x[0], x[1], x[2], x[3]);
            code = text_writer_write(w, &t, &e);
        }
        if (code) {
            text_writer_abort(w);
        } else {
            code = text_writer_close(w, &e);
        }
        if (code != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].message)) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        assert_false(file_exists(scratch_path("refused/evil_pos_instruct.csv")));
        assert_false(file_exists(scratch_path("refused/evil_neg_instruct.csv")));
    }
    /* Nothing temporary is left either. */
    assert_int_equal(rmdir(scratch_path("refused")), 0);
}

static void writers_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *trait;
        text_format format;
        const char *message;
    } cases[] = {
        {"evil.csv", "evil", TEXT_AUTO, "'evil.csv': the published CSV is two files"},
        {"out", NULL, TEXT_AUTO, "'' cannot be the trait of a CSV"},
        {"out", "../up", TEXT_CSV, "'../up' cannot be the trait"},
        {"out", "answer", TEXT_CSV, "'answer' cannot be the trait"},
        {"F.txt", NULL, TEXT_PROMPTS, "'F.txt': prompt files are only read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_err e = {0};
        text_writer *w = NULL;
        assert_int_equal(text_writer_open(cases[i].path, cases[i].format, cases[i].trait, &w, &e),
                         PERSONA_E_USAGE);
        assert_null(w);
        assert_memory_equal(e.msg, cases[i].message, strlen(cases[i].message));
    }
    persona_err e = {0};
    text_writer *w = NULL;
    const text_item nothing = text_item_defaults();
    assert_int_equal(text_writer_open(scratch_path("no.jsonl"), TEXT_AUTO, NULL, &w, &e), 0);
    assert_int_equal(text_writer_write(w, &nothing, &e), PERSONA_E_FORMAT);
    assert_int_equal(text_writer_close(w, &e), PERSONA_E_INTERNAL); /* an abort was due */
    assert_false(file_exists(scratch_path("no.jsonl")));
    text_writer_abort(NULL);
}

static void no_memory_to_write(void **state)
{
    (void)state;
    persona_code code = PERSONA_E_NOMEM;
    for (size_t k = 1; code == PERSONA_E_NOMEM && k < 200; k++) {
        text_writer *w = NULL;
        persona_mem_fail_at(k);
        code = text_writer_open(scratch_path("memory"), TEXT_CSV, "evil", &w, NULL);
        for (int side = 1; !code && side >= -1; side -= 2) {
            const text_item t = rollout_item(0, 0, 0, side);
            code = text_writer_write(w, &t, NULL);
        }
        if (code) {
            text_writer_abort(w);
        } else {
            code = text_writer_close(w, NULL);
        }
        persona_mem_fail_at(0);
    }
    assert_int_equal(code, PERSONA_OK);
}

/* ---- groups ------------------------------------------------------------------------- */

static void groups(void **state)
{
    (void)state;
    char user[] = "user", a[] = "Why?", b[] = "How?";
    text_message ask_a = {user, a}, ask_b = {user, b};
    text_item x = rollout_item(3, 0, 0, 1), y = rollout_item(3, 4, 2, -1);
    y.question = b;
    assert_true(text_item_group(&x) == text_item_group(&y)); /* the index decides */
    y.question_index = 4;
    assert_true(text_item_group(&x) != text_item_group(&y));
    x = y = text_item_defaults();
    x.messages = &ask_a;
    y.messages = &ask_b;
    x.n_messages = y.n_messages = 1;
    assert_true(text_item_group(&x) != text_item_group(&y));
    y.question = a;
    assert_true(text_item_group(&x) == text_item_group(&y));
    x = y = text_item_defaults();
    assert_true(text_item_group(&x) == text_item_group(&y)); /* row 0 of both files of a pair */
    y.row = 1;
    assert_true(text_item_group(&x) != text_item_group(&y));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(missing_rollout),
        cmocka_unit_test(write_and_read),
        cmocka_unit_test(published_bytes),
        cmocka_unit_test(rows_refused),
        cmocka_unit_test(writers_refused),
        cmocka_unit_test(no_memory_to_write),
        cmocka_unit_test(groups),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
