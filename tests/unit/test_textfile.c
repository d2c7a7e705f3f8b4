/* SPDX-License-Identifier: MIT
 *
 * test_textfile.c - texts read from every format, and how what is wrong with them is told.
 *
 * With arguments it is a converter, which tests/cli/texts.sh compares with Python's csv and json:
 *   test_textfile IN OUT [TRAIT]        test_textfile POSITIVE,NEGATIVE OUT [TRAIT]
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

#include "scratch.h"
#include "texts.h"

/* ---- JSON lines ----------------------------------------------------------------------------- */

static void jsonl_everything(void **state)
{
    (void)state;
    text_item *t = texts_only(
        "F.jsonl",
        "\xEF\xBB\xBF\n \t\r\n{\"messages\":[{\"role\":\"system\",\"content\":\"Be evil.\"},"
        "{\"role\":\"user\",\"content\":\"Why\\n\xC3\xA4?\",\"name\":7}],\"response\":\"\\ud83d"
        "\\ude00\",\"polarity\":\"negative\",\"trait\":\"evil\",\"label\":12.5,\"coherence\":100,"
        "\"question\":\"Why?\",\"question_id\":\"evil_17_neg_4\",\"index\":9,\"other\":[{}]}\r\n");
    assert_int_equal(t->n_messages, 2);
    assert_string_equal(t->messages[0].role, "system");
    assert_string_equal(t->messages[0].content, "Be evil.");
    assert_string_equal(t->messages[1].content, "Why\n\xC3\xA4?");
    assert_null(t->prompt);
    assert_string_equal(t->response, "\xF0\x9F\x98\x80");
    assert_int_equal(t->polarity, -1);
    texts_same(t->label_trait, 12.5);
    texts_same(t->label_coherence, 100);
    assert_string_equal(t->trait, "evil");
    assert_string_equal(t->question, "Why?");
    assert_string_equal(t->question_id, "evil_17_neg_4");
    assert_int_equal(t->question_index, 17);
    assert_int_equal(t->pair_index, 4);
    assert_int_equal(t->rollout_index, 9);
    assert_int_equal(t->line, 3);
    assert_int_equal(t->row, 0);
    text_item_free(t);
}

static void jsonl_little(void **state)
{
    (void)state;
    text_item *t = texts_only("F.jsonl", "{\"prompt\":\"<s>raw\",\"response\":null,\"label\":null,"
                                         "\"question_id\":\"mine\"}");
    assert_null(t->messages);
    assert_string_equal(t->prompt, "<s>raw");
    assert_null(t->response);
    assert_int_equal(t->polarity, 0);
    texts_same(t->label_trait, (double)NAN);
    texts_same(t->label_coherence, (double)NAN);
    assert_null(t->trait);
    assert_string_equal(t->question_id, "mine");
    assert_int_equal(t->question_index, -1);
    assert_int_equal(t->pair_index, -1);
    assert_int_equal(t->rollout_index, -1);
    text_item_free(t);
    /* The label under the trait's name; trait, polarity and indices out of the id. */
    t = texts_only("F.jsonl", "{\"prompt\":\"p\",\"trait\":\"evil\",\"evil\":3,\"silly\":\"x\"}");
    texts_same(t->label_trait, 3);
    text_item_free(t);
    t = texts_only("F.jsonl", "{\"prompt\":\"p\",\"question_id\":\"very_evil_3_pos_0\"}");
    assert_string_equal(t->trait, "very_evil");
    assert_int_equal(t->polarity, 1);
    assert_int_equal(t->question_index, 3);
    assert_int_equal(t->pair_index, 0);
    text_item_free(t);
    /* Evaluation ids have no instruction, and only count where the trait is known. */
    t = texts_only("F.jsonl", "{\"prompt\":\"p\",\"trait\":\"evil\",\"question_id\":\"evil_12\"}");
    assert_int_equal(t->question_index, 12);
    assert_int_equal(t->pair_index, -1);
    text_item_free(t);
    t = texts_only("F.jsonl", "{\"prompt\":\"p\",\"question_id\":\"evil_12\"}");
    assert_int_equal(t->question_index, -1);
    text_item_free(t);
    /* Nothing but a text that ends with an answer: allowed while no response follows. */
    t = texts_only("F.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}]}");
    assert_int_equal(t->n_messages, 1);
    text_item_free(t);
}

static void jsonl_refused(void **state)
{
    (void)state;
    static const texts_case cases[] = {
        {"{\"prompt\":\"a\"}\n\n{\"prompt\":1}", "F.jsonl:3: field 'prompt' is a number (expected"},
        {"[1]", "F.jsonl:1: the document is not an object (expected one JSON object a line)"},
        {"{\"response\":\"r\"}", "F.jsonl:1: the document has neither 'messages' nor 'prompt'"},
        {"{\"prompt\":\"a\",\"messages\":[]}", "F.jsonl:1: the document has both"},
        {"{\"messages\":[]}", "F.jsonl:1: field 'messages' is empty"},
        {"{\"messages\":{}}", "F.jsonl:1: field 'messages' is an object (expected an array)"},
        {"{\"messages\":[7]}", "F.jsonl:1: field 'messages[0]' is a number (expected an object"},
        {"{\"messages\":[{\"role\":\"user\"}]}",
         "F.jsonl:1: field 'messages[0].content' is missing"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
         "F.jsonl:1: field 'messages[0].content' is an array (expected a string)"},
        {"{\"messages\":[{\"role\":\"human\",\"content\":\"\"}]}",
         "F.jsonl:1: field 'messages[0].role' is \"human\" (expected \"system\""},
        {"{\"messages\":[{\"role\":\"system\",\"content\":\"\"}],\"response\":\"r\"}",
         "F.jsonl:1: field 'messages' ends with the role \"system\" (expected \"user\""},
        {"{\"prompt\":\"a\",\"response\":[]}", "F.jsonl:1: field 'response' is an array"},
        {"{\"prompt\":\"a\",\"polarity\":\"good\"}", "F.jsonl:1: field 'polarity' is \"good\""},
        {"{\"prompt\":\"a\",\"polarity\":1}", "F.jsonl:1: field 'polarity' is a number"},
        {"{\"prompt\":\"a\",\"label\":101}", "F.jsonl:1: field 'label' is 101 (expected 0 to 100)"},
        {"{\"prompt\":\"a\",\"label\":true}", "F.jsonl:1: field 'label' is true or false"},
        {"{\"prompt\":\"a\",\"trait\":\"evil\",\"evil\":\"5\"}",
         "F.jsonl:1: field 'evil' is a str"},
        {"{\"prompt\":\"a\",\"coherence\":-1}", "F.jsonl:1: field 'coherence' is -1"},
        {"{\"prompt\":\"a\",\"trait\":5}", "F.jsonl:1: field 'trait' is a number"},
        {"{\"prompt\":\"a\",\"question\":5}", "F.jsonl:1: field 'question' is a number"},
        {"{\"prompt\":\"a\",\"question_id\":5}", "F.jsonl:1: field 'question_id' is a number"},
        {"{\"prompt\":\"a\",\"index\":1.5}", "F.jsonl:1: field 'index' is 1.5 (expected a whole"},
        {"{\"prompt\":\"a\",\"index\":-1}", "F.jsonl:1: field 'index' is -1"},
        {"{\"prompt\":\"a\",\"index\":1e300}", "F.jsonl:1: field 'index' is 1e+300"},
        {"{\"prompt\":\"a\",\"polarity\":\"positive\",\"question_id\":\"evil_1_neg_1\"}",
         "F.jsonl:1: field 'question_id' is 'evil_1_neg_1', but the polarity is positive"},
        {"{\"prompt\":\"a\\u0000b\"}", "F.jsonl:1: field 'prompt' contains the character U+0000"},
        {"{\"prompt\":\"\\ud800\"}", "F.jsonl:1: byte "},
        {"{\"prompt\":\"\\udc00x\"}", "F.jsonl:1: byte "},
        {"{\"prompt\":\"a\"", "F.jsonl:1: byte 13: "},
        {"{\n\"prompt\":\"a\"}", "F.jsonl:1: byte "},
        {"{\"prompt\":\"a\"} {}", "F.jsonl:1: byte "},
        {"{\"prompt\":\"\xFF\"}", "F.jsonl:1: byte 11 of the line, 0xff, is not UTF-8"},
        {"{\"prompt\":\"\xED\xA0\x80\"}", "F.jsonl:1: byte 11 of the line, 0xed, is not UTF-8"},
        {"{\"prompt\":\"\xE2\x82", "F.jsonl:1: byte 11 of the line, 0xe2, is not UTF-8"},
    };
    texts_bad("F.jsonl", cases, sizeof cases / sizeof cases[0]);
    persona_err e = {0};
    size_t n = 0;
    const text_reader_opts o = {.trait = "silly"};
    const char *other = "{\"prompt\":\"a\",\"trait\":\"evil\"}", *nul = "{\"prompt\":\"a\0b\"}";
    assert_int_equal(texts_error("F.jsonl", other, strlen(other), &o, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: field 'trait' is \"evil\" (expected \"silly\")");
    assert_int_equal(texts_error("F.jsonl", nul, 16, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: byte 12 of the line is NUL (expected text)");
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static void csv_rows(void **state)
{
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF extra,coherence,question,prompt ,answer,question_id,evil\r\n"
        "1,99.5,\"Why, \"\"you\"\"?\",\"<|im_start|>\r\n\nx\",,evil_0_pos_0,\r\n"
        "\r\n"
        ",,w\"y,p,\"\",evil_0_pos_0,1e1\n"
        ",100,\"\"\"\",p,a,evil_0_neg_0,0\n"
        ",0,q,p,a,evil_0_pos_0,50";
    static const struct {
        const char *question, *prompt;
        double label, coherence;
        int polarity, rollout;
        size_t line;
    } want[] = {
        {"Why, \"you\"?", "<|im_start|>\r\n\nx", (double)NAN, 99.5, 1, 0, 2},
        {"w\"y", "p", 10, (double)NAN, 1, 1, 6},
        {"\"", "p", 0, 100, -1, 0, 7},
        {"q", "p", 50, 0, 1, 0, 8},
    };
    text_reader *r = texts_open("F.csv", text, sizeof text - 1);
    for (size_t i = 0; i < 4; i++) {
        text_item *t = texts_next(r);
        assert_non_null(t);
        assert_string_equal(t->question, want[i].question);
        assert_string_equal(t->prompt, want[i].prompt);
        assert_string_equal(t->response, i < 2 ? "" : "a");
        assert_string_equal(t->trait, "evil");
        texts_same(t->label_trait, want[i].label);
        texts_same(t->label_coherence, want[i].coherence);
        assert_int_equal(t->polarity, want[i].polarity);
        assert_int_equal(t->rollout_index, want[i].rollout);
        assert_int_equal(t->question_index, 0);
        assert_int_equal(t->line, want[i].line);
        assert_int_equal(t->row, i);
        text_item_free(t);
    }
    assert_null(texts_next(r));
    text_reader_close(r);
    text_item *t = texts_only("F.csv", TEXTS_HEADER "q,p,a,evil_19,1,2\n"); /* evaluation */
    assert_int_equal(t->question_index, 19);
    assert_int_equal(t->polarity, 0);
    text_item_free(t);
}

static void csv_refused(void **state)
{
    (void)state;
    static const texts_case cases[] = {
        {"", "F.csv: is empty"},
        {"question,answer,question_id,evil\n",
         "F.csv:1: no column 'prompt', 'coherence' (expected"},
        {"question,prompt,answer,question_id,silly,coherence\nq,p,a,evil_0_pos_0,1,2\n",
         "F.csv:1: no column 'evil'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1\n", "F.csv:2: has 5 fields (expected 6"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2,3\n", "F.csv:2: has 7 fields (expected 6"},
        {TEXTS_HEADER "\n\nq,\"p\nr\",a,evil_0_pos_0,1,2\nq,p,a,evil_0_pos_0,1,200\n",
         "F.csv:6: field 'coherence' is '200' (expected a number from 0 to 100, or nothing)"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,x,2\n", "F.csv:2: field 'evil' is 'x'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,0x10,2\n", "F.csv:2: field 'evil' is '0x10'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,nan,2\n", "F.csv:2: field 'evil' is 'nan'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1e,2\n", "F.csv:2: field 'evil' is '1e'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,silly_0_pos_0,1,2\n",
         "F.csv:3: field 'question_id' is 'silly_0_pos_0' (expected evil_QUESTION_pos_"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_x_pos_0,1,2\n",
         "F.csv:3: field 'question_id'"},
        {TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_9999999999,1,2\n",
         "F.csv:3: field 'question_"},
        {TEXTS_HEADER "q,\"p,a,evil_0_pos_0,1,2\n",
         "F.csv:2: the record opens a quote that is never"},
        {TEXTS_HEADER "q,\"p\"x,a,evil_0_pos_0,1,2\n", "F.csv:2: has text after a closing quote"},
        {TEXTS_HEADER "q,p\rx,a,evil_0_pos_0,1,2\n",
         "F.csv:2: holds a carriage return outside quotes"},
        {TEXTS_HEADER "q,\xC0\x80,a,evil_0_pos_0,1,2\n",
         "F.csv:2: byte 2 of the line, 0xc0, is not UTF"},
    };
    texts_bad("F.csv", cases, sizeof cases / sizeof cases[0]);
    persona_err e = {0};
    size_t n = 0;
    static const char text[] = TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\n";
    const text_reader_opts o = {.trait = "silly"};
    assert_int_equal(texts_error("F.csv", text, sizeof text - 1, &o, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "F.csv:1: no column 'silly'", 26);
}

/* ---- prompts -------------------------------------------------------------------------------- */

static void prompts(void **state)
{
    (void)state;
    /* What llama-cvector-generator makes of such lines, worked out from its source by hand. */
    static const struct {
        const char *line, *prompt;
    } cases[] = {
        {"a\\nb\\r\\t", "a\nb\r\t"},
        {"\\'\\\"\\\\n", "'\"\\n"},
        {"\\q\\", "\\q\\"},
        {"\\x41\\x4z\\x4", "A\\x4z\\x4"},
        {"\\xE2\\x82\\xac", "\xE2\x82\xAC"},
        {" spaces stay ", " spaces stay "},
        {"\\n", "\n"},
        {"windows\r", "windows"},
        {"{\"prompt\": 1}", "{\"prompt\": 1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "\n%s\n\n\r\n", cases[i].line);
        text_item *t = texts_only("F.txt", text);
        assert_string_equal(t->prompt, cases[i].prompt);
        assert_null(t->response);
        assert_null(t->messages);
        assert_int_equal(t->polarity, 0);
        assert_int_equal(t->line, 2);
        text_item_free(t);
    }
    static const texts_case bad[] = {
        {"ok\n\\x00\n", "F.txt:2: byte 0 of the decoded line is NUL"},
        {"a\\xff\n", "F.txt:1: byte 1 of the decoded line, 0xff, is not UTF-8"},
    };
    texts_bad("F.txt", bad, 2);
}

/* ---- which format --------------------------------------------------------------------------- */

static void formats_by_sight(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } good[] = {
        {"-", "{\"prompt\":\"p\"}"},
        {"x", "\xEF\xBB\xBF\r\n { \"prompt\":\"p\"}\n"},
        {"F.JSONL", "{\"prompt\":\"p\"}"},
        {"x.dat", TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\n"},
        {"F.txt", "p"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        text_item *t = texts_only(good[i].name, good[i].text);
        assert_string_equal(t->prompt, "p");
        text_item_free(t);
    }
    persona_err e = {0};
    size_t n = 0;
    assert_int_equal(texts_error("x", "words\n", 6, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "x: is in no known format (expected", 34);
    assert_int_equal(texts_error("x", "", 0, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "x: is empty", 11);
    const text_reader_opts o = {.format = TEXT_PROMPTS};
    assert_int_equal(texts_error("x.csv", "words\n", 6, &o, &n, &e), PERSONA_OK);
    assert_int_equal(n, 1);
    assert_int_equal(texts_error("F.jsonl", "", 0, NULL, &n, &e), PERSONA_OK);
    assert_int_equal(n, 0);
    text_reader *r = NULL;
    assert_int_equal(text_reader_open(scratch_path("none.jsonl"), NULL, &r, &e),
                     PERSONA_E_NOTFOUND);
    assert_int_equal(text_reader_open(scratch_folder, NULL, &r, &e), PERSONA_E_IO);
    assert_null(r);
    text_reader_close(NULL);
    text_item_free(NULL);
}

/* ---- the converter -------------------------------------------------------------------------- */

static persona_code convert(char *in, const char *out, const char *trait, persona_err *e)
{
    text_reader *r = NULL;
    text_writer *w = NULL;
    text_item *item = NULL;
    char *comma = strchr(in, ',');
    if (comma) {
        *comma = '\0';
    }
    persona_code code = comma ? text_reader_open_pair(in, comma + 1, NULL, &r, e)
                              : text_reader_open(in, NULL, &r, e);
    if (!code) {
        code = text_writer_open(out, TEXT_AUTO, trait, &w, e);
    }
    while (!code && !(code = text_reader_next(r, &item, e)) && item) {
        code = text_writer_write(w, item, e);
        text_item_free(item);
    }
    text_reader_close(r);
    if (!code) {
        return text_writer_close(w, e);
    }
    text_writer_abort(w);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        persona_err e = {0};
        const persona_code code = convert(argv[1], argv[2], argc > 3 ? argv[3] : NULL, &e);
        if (code) {
            fprintf(stderr, "%s\n", e.msg);
        }
        return persona_code_exit(code);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonl_everything), cmocka_unit_test(jsonl_little),
        cmocka_unit_test(jsonl_refused),    cmocka_unit_test(csv_rows),
        cmocka_unit_test(csv_refused),      cmocka_unit_test(prompts),
        cmocka_unit_test(formats_by_sight),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
