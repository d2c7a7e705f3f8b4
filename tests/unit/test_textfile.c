/* SPDX-License-Identifier: MIT
 *
 * test_textfile.c - texts in and out: every format, what is refused and how it is told, alignment.
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

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "scratch.h"
#include "store/textfile.h"

#define HEADER "question,prompt,answer,question_id,evil,coherence\n"
#define MANY_ITEMS 2000

static text_reader *open_bytes(const char *name, const char *text, size_t n)
{
    text_reader *r = NULL;
    persona_err e = {0};
    if (text_reader_open_bytes(name, text, n, NULL, &r, &e))
        fail_msg("%s", e.msg);
    return r;
}

static text_item *next(text_reader *r)
{
    text_item *item = NULL;
    persona_err e = {0};
    if (text_reader_next(r, &item, &e))
        fail_msg("%s", e.msg);
    return item;
}

/* The one item of a text. */
static text_item *only(const char *name, const char *text)
{
    text_reader *r = open_bytes(name, text, strlen(text));
    text_item *item = next(r);
    assert_non_null(item);
    assert_null(next(r));
    text_reader_close(r);
    return item;
}

/* Reads until something is wrong; n_before: items before that. */
static persona_code first_error(const char *name, const char *text, size_t n,
                                const text_reader_opts *o, size_t *n_before, persona_err *e)
{
    text_reader *r = NULL;
    text_item *item = NULL;
    persona_code code = text_reader_open_bytes(name, text, n, o, &r, e);
    *n_before = 0;
    while (!code && !(code = text_reader_next(r, &item, e)) && item) {
        text_item_free(item);
        (*n_before)++;
    }
    assert_true(!code || e->code == code);
    text_reader_close(r);
    return code;
}

typedef struct bad_case {
    const char *text, *message; /* message: how it begins */
} bad_case;

static void expect_bad(const char *name, const bad_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        persona_err e = {0};
        size_t before = 0;
        const persona_code code =
            first_error(name, cases[i].text, strlen(cases[i].text), NULL, &before, &e);
        if (code != PERSONA_E_FORMAT || strncmp(e.msg, cases[i].message, strlen(cases[i].message)))
            fail_msg("case %zu: %s\n  said: %s\n  not:  %s", i, cases[i].text, e.msg,
                     cases[i].message);
    }
}

static void same(double x, double y)
{
    assert_true((isnan(x) && isnan(y)) || (x >= y && x <= y));
}

/* ---- JSON lines ----------------------------------------------------------------------------- */

static void jsonl_everything(void **state)
{
    (void)state;
    text_item *t = only(
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
    same(t->label_trait, 12.5);
    same(t->label_coherence, 100);
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
    text_item *t = only("F.jsonl", "{\"prompt\":\"<s>raw\",\"response\":null,\"label\":null,"
                                   "\"question_id\":\"mine\"}");
    assert_null(t->messages);
    assert_string_equal(t->prompt, "<s>raw");
    assert_null(t->response);
    assert_int_equal(t->polarity, 0);
    same(t->label_trait, (double)NAN);
    same(t->label_coherence, (double)NAN);
    assert_null(t->trait);
    assert_string_equal(t->question_id, "mine");
    assert_int_equal(t->question_index, -1);
    assert_int_equal(t->pair_index, -1);
    assert_int_equal(t->rollout_index, -1);
    text_item_free(t);
    /* The label under the trait's name; trait, polarity and indices out of the id. */
    t = only("F.jsonl", "{\"prompt\":\"p\",\"trait\":\"evil\",\"evil\":3,\"silly\":\"x\"}");
    same(t->label_trait, 3);
    text_item_free(t);
    t = only("F.jsonl", "{\"prompt\":\"p\",\"question_id\":\"very_evil_3_pos_0\"}");
    assert_string_equal(t->trait, "very_evil");
    assert_int_equal(t->polarity, 1);
    assert_int_equal(t->question_index, 3);
    assert_int_equal(t->pair_index, 0);
    text_item_free(t);
    /* Evaluation ids have no instruction, and only count where the trait is known. */
    t = only("F.jsonl", "{\"prompt\":\"p\",\"trait\":\"evil\",\"question_id\":\"evil_12\"}");
    assert_int_equal(t->question_index, 12);
    assert_int_equal(t->pair_index, -1);
    text_item_free(t);
    t = only("F.jsonl", "{\"prompt\":\"p\",\"question_id\":\"evil_12\"}");
    assert_int_equal(t->question_index, -1);
    text_item_free(t);
    /* Nothing but a text that ends with an answer: allowed while no response follows. */
    t = only("F.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}]}");
    assert_int_equal(t->n_messages, 1);
    text_item_free(t);
}

static void jsonl_refused(void **state)
{
    (void)state;
    static const bad_case cases[] = {
        {"{\"prompt\":\"a\"}\n\n{\"prompt\":1}", "F.jsonl:3: field 'prompt' is a number (expected"},
        {"[1]", "F.jsonl:1: the document is not an object (expected one JSON object a line)"},
        {"{\"response\":\"r\"}", "F.jsonl:1: the document has neither 'messages' nor 'prompt'"},
        {"{\"prompt\":\"a\",\"messages\":[]}", "F.jsonl:1: the document has both"},
        {"{\"messages\":[]}", "F.jsonl:1: field 'messages' is empty"},
        {"{\"messages\":{}}", "F.jsonl:1: field 'messages' is an object (expected an array)"},
        {"{\"messages\":[7]}", "F.jsonl:1: field 'messages[0]' is a number (expected an object"},
        {"{\"messages\":[{\"role\":\"user\"}]}", "F.jsonl:1: field 'messages[0].content' is missing"},
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
        {"{\"prompt\":\"a\",\"trait\":\"evil\",\"evil\":\"5\"}", "F.jsonl:1: field 'evil' is a str"},
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
    expect_bad("F.jsonl", cases, sizeof cases / sizeof cases[0]);
    persona_err e = {0};
    size_t n = 0;
    const text_reader_opts o = {.trait = "silly"};
    const char *other = "{\"prompt\":\"a\",\"trait\":\"evil\"}", *nul = "{\"prompt\":\"a\0b\"}";
    assert_int_equal(first_error("F.jsonl", other, strlen(other), &o, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: field 'trait' is \"evil\" (expected \"silly\")");
    assert_int_equal(first_error("F.jsonl", nul, 16, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: byte 12 of the line is NUL (expected text)");
}

/* ---- lines that are too much ---------------------------------------------------------------- */

/* HEAD, then `fill` until there are n bytes, then TAIL. */
static char *filled(const char *head, char fill, size_t n, const char *tail, size_t *len)
{
    *len = n + strlen(tail);
    char *p = malloc(*len + 1);
    assert_non_null(p);
    memset(p, fill, n);
    memcpy(p, head, strlen(head));
    memcpy(p + n, tail, strlen(tail) + 1);
    return p;
}

static void long_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *tail;
        const char *message; /* of one byte more */
    } cases[] = {
        {"F.jsonl", "{\"prompt\":\"", "\"}", "F.jsonl:1: is longer than the allowed 10485760 bytes"},
        {"F.txt", "x", "y", "F.txt:1: is longer than the allowed 10485760 bytes"},
        {"F.csv", HEADER "q,", ",a,evil_0_pos_0,1,2\n",
         "F.csv:2: is longer than the allowed 10485760 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_err e = {0};
        size_t len = 0, n = 0;
        const char *nl = strrchr(cases[i].tail, '\n');
        const size_t skip = strlen(strchr(cases[i].head, '\n') ? HEADER : "");
        const size_t most = TEXT_LINE_MAX + skip - strlen(cases[i].tail) + (nl ? 1 : 0);
        char *text = filled(cases[i].head, 'a', most, cases[i].tail, &len);
        if (first_error(cases[i].name, text, len, NULL, &n, &e))
            fail_msg("%s", e.msg);
        assert_int_equal(n, 1);
        free(text);
        text = filled(cases[i].head, 'a', most + 1, cases[i].tail, &len);
        assert_int_equal(first_error(cases[i].name, text, len, NULL, &n, &e), PERSONA_E_SHAPE);
        assert_string_equal(e.msg, cases[i].message);
        free(text);
    }
}

static void hostile_lines(void **state)
{
    (void)state;
    persona_err e = {0};
    size_t len = 0, n = 0;
    /* Nesting: the parser must not recurse. */
    char *text = filled("{\"prompt\":\"p\",\"x\":", '[', 1000000, "", &len);
    assert_int_equal(first_error("F.jsonl", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    free(text);
    /* A quote that never closes swallows the rest, to the end or to the limit. */
    text = filled(HEADER "q,\"p\n", '\n', 1000, "", &len);
    assert_int_equal(first_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.csv:2: the record opens a quote that is never closed");
    free(text);
    text = filled(HEADER "q,\"p\n", '\n', TEXT_LINE_MAX * 2, "", &len);
    assert_int_equal(first_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "F.csv:2: the record is longer than the allowed 10485760 bytes (is "
                               "a quote never closed?)");
    free(text);
    text = filled(HEADER, ',', 1000, "", &len);
    assert_int_equal(first_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "F.csv:2: has more than 256 fields", 33);
    free(text);
    /* Many messages would take a square of steps. */
    buf b;
    buf_init(&b, TEXT_LINE_MAX);
    buf_puts(&b, "{\"messages\":[0");
    for (int i = 0; i < 1000000; i++)
        buf_puts(&b, ",0");
    buf_puts(&b, "]}");
    assert_int_equal(first_error("F.jsonl", b.p, b.len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: field 'messages' has 1000001 entries (expected at most "
                               "1000)");
    buf_free(&b);
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
    text_reader *r = open_bytes("F.csv", text, sizeof text - 1);
    for (size_t i = 0; i < 4; i++) {
        text_item *t = next(r);
        assert_non_null(t);
        assert_string_equal(t->question, want[i].question);
        assert_string_equal(t->prompt, want[i].prompt);
        assert_string_equal(t->response, i < 2 ? "" : "a");
        assert_string_equal(t->trait, "evil");
        same(t->label_trait, want[i].label);
        same(t->label_coherence, want[i].coherence);
        assert_int_equal(t->polarity, want[i].polarity);
        assert_int_equal(t->rollout_index, want[i].rollout);
        assert_int_equal(t->question_index, 0);
        assert_int_equal(t->line, want[i].line);
        assert_int_equal(t->row, i);
        text_item_free(t);
    }
    assert_null(next(r));
    text_reader_close(r);
    text_item *t = only("F.csv", HEADER "q,p,a,evil_19,1,2\n"); /* evaluation */
    assert_int_equal(t->question_index, 19);
    assert_int_equal(t->polarity, 0);
    text_item_free(t);
}

static void csv_refused(void **state)
{
    (void)state;
    static const bad_case cases[] = {
        {"", "F.csv: is empty"},
        {"question,answer,question_id,evil\n", "F.csv:1: no column 'prompt', 'coherence' (expected"},
        {"question,prompt,answer,question_id,silly,coherence\nq,p,a,evil_0_pos_0,1,2\n",
         "F.csv:1: no column 'evil'"},
        {HEADER "q,p,a,evil_0_pos_0,1\n", "F.csv:2: has 5 fields (expected 6"},
        {HEADER "q,p,a,evil_0_pos_0,1,2,3\n", "F.csv:2: has 7 fields (expected 6"},
        {HEADER "\n\nq,\"p\nr\",a,evil_0_pos_0,1,2\nq,p,a,evil_0_pos_0,1,200\n",
         "F.csv:6: field 'coherence' is '200' (expected a number from 0 to 100, or nothing)"},
        {HEADER "q,p,a,evil_0_pos_0,x,2\n", "F.csv:2: field 'evil' is 'x'"},
        {HEADER "q,p,a,evil_0_pos_0,0x10,2\n", "F.csv:2: field 'evil' is '0x10'"},
        {HEADER "q,p,a,evil_0_pos_0,nan,2\n", "F.csv:2: field 'evil' is 'nan'"},
        {HEADER "q,p,a,evil_0_pos_0,1e,2\n", "F.csv:2: field 'evil' is '1e'"},
        {HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,silly_0_pos_0,1,2\n",
         "F.csv:3: field 'question_id' is 'silly_0_pos_0' (expected evil_QUESTION_pos_"},
        {HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_x_pos_0,1,2\n", "F.csv:3: field 'question_id'"},
        {HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_9999999999,1,2\n", "F.csv:3: field 'question_"},
        {HEADER "q,\"p,a,evil_0_pos_0,1,2\n", "F.csv:2: the record opens a quote that is never"},
        {HEADER "q,\"p\"x,a,evil_0_pos_0,1,2\n", "F.csv:2: has text after a closing quote"},
        {HEADER "q,p\rx,a,evil_0_pos_0,1,2\n", "F.csv:2: holds a carriage return outside quotes"},
        {HEADER "q,\xC0\x80,a,evil_0_pos_0,1,2\n", "F.csv:2: byte 2 of the line, 0xc0, is not UTF"},
    };
    expect_bad("F.csv", cases, sizeof cases / sizeof cases[0]);
    persona_err e = {0};
    size_t n = 0;
    static const char text[] = HEADER "q,p,a,evil_0_pos_0,1,2\n";
    const text_reader_opts o = {.trait = "silly"};
    assert_int_equal(first_error("F.csv", text, sizeof text - 1, &o, &n, &e), PERSONA_E_FORMAT);
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
        text_item *t = only("F.txt", text);
        assert_string_equal(t->prompt, cases[i].prompt);
        assert_null(t->response);
        assert_null(t->messages);
        assert_int_equal(t->polarity, 0);
        assert_int_equal(t->line, 2);
        text_item_free(t);
    }
    static const bad_case bad[] = {
        {"ok\n\\x00\n", "F.txt:2: byte 0 of the decoded line is NUL"},
        {"a\\xff\n", "F.txt:1: byte 1 of the decoded line, 0xff, is not UTF-8"},
    };
    expect_bad("F.txt", bad, 2);
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
        {"x.dat", HEADER "q,p,a,evil_0_pos_0,1,2\n"},
        {"F.txt", "p"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        text_item *t = only(good[i].name, good[i].text);
        assert_string_equal(t->prompt, "p");
        text_item_free(t);
    }
    persona_err e = {0};
    size_t n = 0;
    assert_int_equal(first_error("x", "words\n", 6, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "x: is in no known format (expected", 34);
    assert_int_equal(first_error("x", "", 0, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "x: is empty", 11);
    const text_reader_opts o = {.format = TEXT_PROMPTS};
    assert_int_equal(first_error("x.csv", "words\n", 6, &o, &n, &e), PERSONA_OK);
    assert_int_equal(n, 1);
    assert_int_equal(first_error("F.jsonl", "", 0, NULL, &n, &e), PERSONA_OK);
    assert_int_equal(n, 0);
    text_reader *r = NULL;
    assert_int_equal(text_reader_open(scratch_path("none.jsonl"), NULL, &r, &e),
                     PERSONA_E_NOTFOUND);
    assert_int_equal(text_reader_open(scratch_folder, NULL, &r, &e), PERSONA_E_IO);
    assert_null(r);
    text_reader_close(NULL);
    text_item_free(NULL);
}

/* Chunks end anywhere: lines of all lengths come back whole, from a file and from memory. */
static void chunks(void **state)
{
    (void)state;
    buf all;
    rng g;
    buf_init(&all, (size_t)64 << 20);
    rng_seed(&g, 1, 2);
    for (size_t i = 0; i < MANY_ITEMS; i++) {
        const size_t n = rng_below(&g, i % 100 == 0 ? 300000 : 300);
        buf_printf(&all, "%zu:", i);
        for (size_t k = 0; k < n; k++)
            buf_puts(&all, "\xC3\xA4");
        buf_putc(&all, '\n');
    }
    const char *path = scratch_bytes("chunks.txt", all.p, all.len);
    text_reader *r = NULL;
    assert_int_equal(text_reader_open(path, NULL, &r, NULL), PERSONA_OK);
    const char *at = all.p;
    for (size_t i = 0; i < MANY_ITEMS; i++) {
        text_item *t = next(r);
        const size_t n = strcspn(at, "\n");
        assert_int_equal(strlen(t->prompt), n);
        assert_memory_equal(t->prompt, at, n);
        at += n + 1;
        text_item_free(t);
    }
    assert_null(next(r));
    text_reader_close(r);
    buf_free(&all);
}

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
        {".csv", HEADER P("evil_0_pos_0") P("evil_0_pos_0") P("evil_0_pos_1"),
         HEADER P("evil_0_neg_0") P("evil_0_neg_0") P("evil_0_neg_1"), 6, NULL},
        {".csv", HEADER P("evil_0_pos_0") P("evil_1_pos_0"),
         HEADER P("evil_0_neg_0") P("evil_2_neg_0"), 2,
         ":3: row 2 is question 1 instruction 0 rollout 0, but in "},
        {".csv", HEADER P("evil_0_pos_0") P("evil_0_pos_1"),
         HEADER P("evil_0_neg_0") P("evil_0_neg_2"), 2, ":3: row 2 is question 0 instruction 1"},
        {".csv", HEADER P("evil_0_pos_0") P("evil_0_pos_0"), HEADER P("evil_0_neg_0"), 2,
         ":3: row 2 has no partner: "},
        {".csv", HEADER P("evil_0_pos_0"), HEADER P("evil_0_neg_0") P("evil_0_neg_0"), 2,
         ":3: row 2 has no partner: "},
        {".csv", HEADER P("evil_0_neg_0"), HEADER P("evil_0_pos_0"), 0,
         ":2: is a negative text (expected only positive ones in this file; are the two files"},
        {".csv", HEADER P("evil_0_pos_0"), HEADER "Q,p,a,evil_0_neg_0,1,2\n", 0,
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
            if (code)
                fail_msg("case %zu: %s", i, e.msg);
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
    static const char pos[] = HEADER "q,p,a,evil_0_pos_0,1,2\nq,p,a,evil_0_pos_0,1,2\n"
                                     "q,p,a,evil_0_pos_1,1,2\nq,p,a,evil_0_pos_1,1,2\n";
    static const char neg[] = HEADER "q,p,a,evil_0_neg_0,1,2\nq,p,a,evil_0_neg_1,1,2\n"
                                     "q,p,a,evil_0_neg_1,1,2\nq,p,a,evil_0_neg_1,1,2\n";
    assert_int_equal(pair_error(".csv", pos, neg, &n, &e), PERSONA_E_FORMAT);
    assert_int_equal(n, 2);
    assert_non_null(strstr(e.msg, "pos.csv:3: row 2 is question 0 instruction 0 rollout 1, but in"));
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
    t.response = responses[(question + pair + rollout) % 4];
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
    same(t->label_trait, want->label_trait);
    same(t->label_coherence, want->label_coherence);
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
        if (text_writer_open(outs[f], TEXT_AUTO, "evil", &w, &e))
            fail_msg("%s", e.msg);
        for (int i = 0; i < 36; i++) {
            const text_item t = rollout_item(i / 12, i / 6 % 2, i / 2 % 3, i % 2 ? -1 : 1);
            if (text_writer_write(w, &t, &e))
                fail_msg("%s", e.msg);
        }
        assert_false(file_exists(f == 0 ? outs[0] : scratch_path("folder/of/evil_pos_instruct.csv")));
        if (text_writer_close(w, &e))
            fail_msg("%s", e.msg);
        const persona_code code =
            f == 0 ? text_reader_open(outs[0], NULL, &r, &e)
                   : text_reader_open_pair(scratch_path("folder/of/evil_pos_instruct.csv"),
                                           scratch_path("folder/of/evil_neg_instruct.csv"), NULL,
                                           &r, &e);
        if (code)
            fail_msg("%s", e.msg);
        for (int i = 0; i < 36; i++) {
            const text_item want = rollout_item(i / 12, i / 6 % 2, i / 2 % 3, i % 2 ? -1 : 1);
            text_item *t = next(r);
            assert_non_null(t);
            check_back(t, &want);
            text_item_free(t);
        }
        assert_null(next(r));
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
        t.label_coherence = (double)NAN;
        assert_int_equal(text_writer_write(w, &t, NULL), PERSONA_OK);
    }
    assert_int_equal(text_writer_close(w, NULL), PERSONA_OK);
    assert_int_equal(file_read(scratch_path("bytes/evil_neg_instruct.csv"), 1000, &text, &n, NULL),
                     PERSONA_OK);
    assert_string_equal(text, HEADER "plain,plain,plain,evil_0_neg_1,0.30000000000000004,\n");
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
        {{{1, 0, 0, -1}, {0, 4, 9, -1}}, "row 2 is question 0, instruction 4, rollout 9, not after"},
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
        if (code)
            text_writer_abort(w);
        else
            code = text_writer_close(w, &e);
        if (code != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].message))
            fail_msg("case %zu: %s", i, e.msg);
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
        assert_int_equal(
            text_writer_open(cases[i].path, cases[i].format, cases[i].trait, &w, &e),
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

/* ---- groups, memory ------------------------------------------------------------------------- */

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

/* Every allocation fails once; what was opened is closed (the sanitizer counts). */
static void no_memory(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"F.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"response\":\"r\","
                    "\"question_id\":\"evil_0_pos_0\",\"question\":\"q\"}"},
        {"F.csv", HEADER "q,p,a,evil_0_pos_0,1,2\n"},
        {"F.txt", "p\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        persona_code code = PERSONA_E_NOMEM;
        for (size_t k = 1; code == PERSONA_E_NOMEM && k < 200; k++) {
            persona_err e = {0};
            size_t n = 0;
            persona_mem_fail_at(k);
            code = first_error(texts[i][0], texts[i][1], strlen(texts[i][1]), NULL, &n, &e);
            persona_mem_fail_at(0);
        }
        assert_int_equal(code, PERSONA_OK);
    }
    persona_code code = PERSONA_E_NOMEM;
    for (size_t k = 1; code == PERSONA_E_NOMEM && k < 200; k++) {
        text_writer *w = NULL;
        persona_mem_fail_at(k);
        code = text_writer_open(scratch_path("memory"), TEXT_CSV, "evil", &w, NULL);
        for (int side = 1; !code && side >= -1; side -= 2) {
            const text_item t = rollout_item(0, 0, 0, side);
            code = text_writer_write(w, &t, NULL);
        }
        if (code)
            text_writer_abort(w);
        else
            code = text_writer_close(w, NULL);
        persona_mem_fail_at(0);
    }
    assert_int_equal(code, PERSONA_OK);
}

/* Bytes that nobody wrote on purpose: an error or items, never more. */
static void damaged(void **state)
{
    (void)state;
    static const char *const seeds[][2] = {
        {"F.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"response\":\"r\","
                    "\"polarity\":\"negative\",\"index\":3,\"label\":1.5}\n{\"prompt\":\"x\"}\n"},
        {"F.csv", HEADER "q,\"p\n\"\"x\",a,evil_0_pos_0,1,2\r\nq,p,a,evil_0_neg_0,1,2\n"},
        {"F.txt", "a\\nb\\x41\\\\\n\xC3\xA4\r\n"},
    };
    static const char parts[] = "\",\n\r\\{}[]:\0\xFF\xC3_x019a";
    rng g;
    rng_seed(&g, 7, 7);
    for (size_t i = 0; i < 30000; i++) {
        const char *const *seed = seeds[i % 3];
        char text[300];
        size_t n = strlen(seed[1]), before = 0;
        memcpy(text, seed[1], n);
        for (uint32_t k = rng_below(&g, 4); k > 0; k--)
            text[rng_below(&g, (uint32_t)n)] = parts[rng_below(&g, sizeof parts - 1)];
        n -= rng_below(&g, 2) ? rng_below(&g, (uint32_t)n) : 0;
        persona_err e = {0};
        const persona_code code = first_error(seed[0], text, n, NULL, &before, &e);
        if (code != PERSONA_OK && code != PERSONA_E_FORMAT)
            fail_msg("%s", e.msg);
        if (code && strncmp(e.msg, seed[0], strlen(seed[0])) != 0)
            fail_msg("no file name: %s", e.msg);
    }
}

/* ---- the converter -------------------------------------------------------------------------- */

static persona_code convert(char *in, const char *out, const char *trait, persona_err *e)
{
    text_reader *r = NULL;
    text_writer *w = NULL;
    text_item *item = NULL;
    char *comma = strchr(in, ',');
    if (comma)
        *comma = '\0';
    persona_code code = comma ? text_reader_open_pair(in, comma + 1, NULL, &r, e)
                              : text_reader_open(in, NULL, &r, e);
    if (!code)
        code = text_writer_open(out, TEXT_AUTO, trait, &w, e);
    while (!code && !(code = text_reader_next(r, &item, e)) && item) {
        code = text_writer_write(w, item, e);
        text_item_free(item);
    }
    text_reader_close(r);
    if (!code)
        return text_writer_close(w, e);
    text_writer_abort(w);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        persona_err e = {0};
        const persona_code code = convert(argv[1], argv[2], argc > 3 ? argv[3] : NULL, &e);
        if (code)
            fprintf(stderr, "%s\n", e.msg);
        return persona_code_exit(code);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonl_everything), cmocka_unit_test(jsonl_little),
        cmocka_unit_test(jsonl_refused),    cmocka_unit_test(long_lines),
        cmocka_unit_test(hostile_lines),    cmocka_unit_test(csv_rows),
        cmocka_unit_test(csv_refused),      cmocka_unit_test(prompts),
        cmocka_unit_test(formats_by_sight), cmocka_unit_test(chunks),
        cmocka_unit_test(pairs),            cmocka_unit_test(missing_rollout),
        cmocka_unit_test(write_and_read),   cmocka_unit_test(published_bytes),
        cmocka_unit_test(rows_refused),     cmocka_unit_test(writers_refused),
        cmocka_unit_test(groups),           cmocka_unit_test(no_memory),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
