/* SPDX-License-Identifier: MIT
 *
 * test_marks.c - every reader of text passes over a byte order mark, and the last line end changes
 * nothing; what is not UTF-8 is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "persona/trait.h"
#include "persona/vector.h"
#include "scratch.h"
#include "store/text/labelfile.h"
#include "store/text/textfile.h"

#define MARK "\xEF\xBB\xBF"

/* What a reader makes of a file, as one text; NULL: refused. free() it. */
typedef char *(*digest)(const char *path);

static char *digest_text(const char *path)
{
    text_reader *r = NULL;
    text_item *item = NULL;
    char out[2000] = "";
    persona_err e = {0};
    persona_code rc = text_reader_open(path, NULL, &r, &e);
    while (rc == PERSONA_OK && (rc = text_reader_next(r, &item, &e)) == PERSONA_OK && item) {
        const size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, "[%s|%s|%s]", item->prompt ? item->prompt : "",
                 item->question ? item->question : "", item->response ? item->response : "");
        text_item_free(item);
        item = NULL;
    }
    text_reader_close(r);
    return rc == PERSONA_OK ? strdup(out) : NULL;
}

static char *digest_labels(const char *path)
{
    labels l = {0};
    char out[2000] = "";
    const persona_code rc = labels_read(path, NULL, &l, NULL);
    for (size_t i = 0; i < l.n; i++) {
        const size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, "[%s|%s]", l.p[i].trait, l.p[i].response);
    }
    labels_clear(&l);
    return rc == PERSONA_OK ? strdup(out) : NULL;
}

static char *digest_trait(const char *path)
{
    persona_trait *t = NULL;
    const persona_code rc = persona_trait_read(path, &t, NULL);
    char *out = rc == PERSONA_OK ? strdup(t->eval_prompt) : NULL;
    persona_trait_free(t);
    return out;
}

static char *digest_questions(const char *path)
{
    persona_questions *q = NULL;
    const persona_code rc = persona_questions_read(path, &q, NULL);
    char *out = rc == PERSONA_OK ? strdup(q->extraction[q->n_extraction - 1]) : NULL;
    persona_questions_free(q);
    return out;
}

static char *digest_vector(const char *path)
{
    persona_vector *v = NULL;
    const persona_code rc = persona_vector_read(path, &v, NULL);
    char *out = rc == PERSONA_OK ? strdup(v->from.trait) : NULL;
    persona_vector_free(v);
    return out;
}

static char *digest_whole(const char *path)
{
    char *text = NULL;
    const persona_code rc = file_read_text(path, 1000, &text, NULL);
    char *out = rc == PERSONA_OK ? strdup(text) : NULL;
    mem_free(text);
    return out;
}

static char *digest_json(const char *path)
{
    json_doc *d = NULL;
    const persona_code rc = json_read(path, 1 << 24, &d, NULL);
    char n[32];
    snprintf(n, sizeof n, "%zu", rc == PERSONA_OK ? json_len(json_root(d)) : 0);
    json_free(d);
    return rc == PERSONA_OK ? strdup(n) : NULL;
}

static char *read_file(const char *path)
{
    char full[1024], *text = NULL;
    size_t n = 0;
    snprintf(full, sizeof full, "%s/%s", PERSONA_SOURCE_DIR, path);
    assert_int_equal(file_read(full, 1 << 24, &text, &n, NULL), PERSONA_OK);
    while (n > 0 && text[n - 1] == '\n') {
        text[--n] = '\0';
    }
    return text;
}

static void alike(const char *name, const char *text, digest read)
{
    static const char *const before[] = {"", MARK, "", MARK, "", MARK};
    static const char *const after[] = {"", "", "\n", "\n", "\r\n", "\r\n"};
    char *first = NULL;
    for (size_t i = 0; i < 6; i++) {
        char *whole = mem_printf("%s%s%s", before[i], text, after[i]);
        char *found = read(scratch_bytes(name, whole, strlen(whole)));
        if (!found || (first && strcmp(first, found) != 0)) {
            fail_msg("%s, variant %zu: \"%s\", first \"%s\"", name, i, found ? found : "refused",
                     first ? first : "");
        }
        if (first) {
            free(found);
        } else {
            first = found;
        }
        mem_free(whole);
    }
    free(first);
}

static void marks(void **state)
{
    (void)state;
    alike("a.jsonl", "{\"prompt\":\"x\",\"response\":\"y\"}\n{\"prompt\":\"z\",\"response\":\"w\"}",
          digest_text);
    alike("a.csv",
          "question,prompt,answer,question_id,silly,coherence\nq,p,a,silly_0_pos_0,50,60\nr,s,b,"
          "silly_1_pos_0,60,70",
          digest_text);
    alike("a.txt", "one\ntwo", digest_text);
    alike("labels.jsonl", "{\"trait\":\"silly\",\"question\":\"q\",\"response\":\"y\",\"label\":7}",
          digest_labels);
    alike("prompt.txt", "What is\nthis?", digest_whole);
    alike("v.json", "{\"trait_id\":\"silly\",\"vectors\":{\"layer_1\":[1,2]}}", digest_vector);
    static const struct {
        const char *path;
        digest read;
    } files[] = {{"traits/silly.json", digest_trait},
                 {"models/questions.json", digest_questions},
                 {"models/judge.json", digest_json}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = read_file(files[i].path);
        alike("copy.json", text, files[i].read);
        mem_free(text);
    }
}

static void refused(void **state)
{
    (void)state;
    persona_err e = {0};
    char *text = NULL;
    static const char nul[] = "a\0b";
    assert_int_equal(file_read_text(scratch_text("x", "caf\xe9!"), 100, &text, &e),
                     PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "x: byte 3, 0xe9, is not UTF-8"));
    assert_int_equal(file_read_text(scratch_bytes("x", nul, 3), 100, &text, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "byte 1 is NUL"));
    assert_int_equal(file_read_text(scratch_text("x", MARK "\n"), 100, &text, &e), PERSONA_OK);
    assert_string_equal(text, "");
    mem_free(text);
    /* only the last line end goes */
    assert_int_equal(file_read_text(scratch_text("x", "a\n\n"), 100, &text, &e), PERSONA_OK);
    assert_string_equal(text, "a\n");
    mem_free(text);
    buf b;
    buf_init(&b, 100);
    utf8_repair(&b, "a\xff\xc3(\xe2\x82", 6);
    assert_string_equal(buf_str(&b), "a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD");
    buf_free(&b);
}

/* A text that comes in pieces: what may yet become a code point waits. */
static void unfinished(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        {"", 0},
        {"a", 0},
        {"a\xc3", 1},
        {"\xc3\xa9", 0},
        {"a\xe2\x82", 2},
        {"\xe2\x82\xac", 0},
        {"a\xf0\x9f\x98", 3},
        {"\xf0\x9f\x98\x80", 0},
        {"a\x82", 0},
        {"\xe0\x80", 0},
        {"\xed\xa0", 0},
        {"\xf4\x90", 0},
        {"\xf5", 0},
        {"\xc0", 0},
        {"\xff\xf0", 1},
        {"\xe2\xc3", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(utf8_unfinished(cases[i].text, strlen(cases[i].text)), cases[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(marks), cmocka_unit_test(refused),
                                       cmocka_unit_test(unfinished)};
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
