/* SPDX-License-Identifier: MIT
 *
 * test_textlimits.c - texts that are too long, too deep, damaged, or met without memory.
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
#include "base/mem.h"
#include "base/rng.h"
#include "scratch.h"
#include "texts.h"

#define MANY_ITEMS 2000

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
        {"F.jsonl", "{\"prompt\":\"", "\"}",
         "F.jsonl:1: is longer than the allowed 10485760 bytes"},
        {"F.txt", "x", "y", "F.txt:1: is longer than the allowed 10485760 bytes"},
        {"F.csv", TEXTS_HEADER "q,", ",a,evil_0_pos_0,1,2\n",
         "F.csv:2: is longer than the allowed 10485760 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_err e = {0};
        size_t len = 0, n = 0;
        const char *nl = strrchr(cases[i].tail, '\n');
        const size_t skip = strlen(strchr(cases[i].head, '\n') ? TEXTS_HEADER : "");
        const size_t most = TEXT_LINE_MAX + skip - strlen(cases[i].tail) + (nl ? 1 : 0);
        char *text = filled(cases[i].head, 'a', most, cases[i].tail, &len);
        if (texts_error(cases[i].name, text, len, NULL, &n, &e)) {
            fail_msg("%s", e.msg);
        }
        assert_int_equal(n, 1);
        free(text);
        text = filled(cases[i].head, 'a', most + 1, cases[i].tail, &len);
        assert_int_equal(texts_error(cases[i].name, text, len, NULL, &n, &e), PERSONA_E_SHAPE);
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
    assert_int_equal(texts_error("F.jsonl", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    free(text);
    /* A quote that never closes swallows the rest, to the end or to the limit. */
    text = filled(TEXTS_HEADER "q,\"p\n", '\n', 1000, "", &len);
    assert_int_equal(texts_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.csv:2: the record opens a quote that is never closed");
    free(text);
    text = filled(TEXTS_HEADER "q,\"p\n", '\n', TEXT_LINE_MAX * 2, "", &len);
    assert_int_equal(texts_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "F.csv:2: the record is longer than the allowed 10485760 bytes (is "
                               "a quote never closed?)");
    free(text);
    text = filled(TEXTS_HEADER, ',', 1000, "", &len);
    assert_int_equal(texts_error("F.csv", text, len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "F.csv:2: has more than 256 fields", 33);
    free(text);
    /* Many messages would take a square of steps. */
    buf b;
    buf_init(&b, TEXT_LINE_MAX);
    buf_puts(&b, "{\"messages\":[0");
    for (int i = 0; i < 1000000; i++) {
        buf_puts(&b, ",0");
    }
    buf_puts(&b, "]}");
    assert_int_equal(texts_error("F.jsonl", b.p, b.len, NULL, &n, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.jsonl:1: field 'messages' has 1000001 entries (expected at most "
                               "1000)");
    buf_free(&b);
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
        for (size_t k = 0; k < n; k++) {
            buf_puts(&all, "\xC3\xA4");
        }
        buf_putc(&all, '\n');
    }
    const char *path = scratch_bytes("chunks.txt", all.p, all.len);
    text_reader *r = NULL;
    assert_int_equal(text_reader_open(path, NULL, &r, NULL), PERSONA_OK);
    const char *at = all.p;
    for (size_t i = 0; i < MANY_ITEMS; i++) {
        text_item *t = texts_next(r);
        const size_t n = strcspn(at, "\n");
        assert_int_equal(strlen(t->prompt), n);
        assert_memory_equal(t->prompt, at, n);
        at += n + 1;
        text_item_free(t);
    }
    assert_null(texts_next(r));
    text_reader_close(r);
    buf_free(&all);
}

/* Every allocation fails once; what was opened is closed (the sanitizer counts). */
static void no_memory(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"F.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"response\":\"r\","
                    "\"question_id\":\"evil_0_pos_0\",\"question\":\"q\"}"},
        {"F.csv", TEXTS_HEADER "q,p,a,evil_0_pos_0,1,2\n"},
        {"F.txt", "p\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        persona_code code = PERSONA_E_NOMEM;
        for (size_t k = 1; code == PERSONA_E_NOMEM && k < 200; k++) {
            persona_err e = {0};
            size_t n = 0;
            persona_mem_fail_at(k);
            code = texts_error(texts[i][0], texts[i][1], strlen(texts[i][1]), NULL, &n, &e);
            persona_mem_fail_at(0);
        }
        assert_int_equal(code, PERSONA_OK);
    }
}

/* Bytes that nobody wrote on purpose: an error or items, never more. */
static void damaged(void **state)
{
    (void)state;
    static const char *const seeds[][2] = {
        {"F.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"response\":\"r\","
                    "\"polarity\":\"negative\",\"index\":3,\"label\":1.5}\n{\"prompt\":\"x\"}\n"},
        {"F.csv", TEXTS_HEADER "q,\"p\n\"\"x\",a,evil_0_pos_0,1,2\r\nq,p,a,evil_0_neg_0,1,2\n"},
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
        for (uint32_t k = rng_below(&g, 4); k > 0; k--) {
            text[rng_below(&g, (uint32_t)n)] = parts[rng_below(&g, sizeof parts - 1)];
        }
        n -= rng_below(&g, 2) ? rng_below(&g, (uint32_t)n) : 0;
        persona_err e = {0};
        const persona_code code = texts_error(seed[0], text, n, NULL, &before, &e);
        if (code != PERSONA_OK && code != PERSONA_E_FORMAT) {
            fail_msg("%s", e.msg);
        }
        if (code && strncmp(e.msg, seed[0], strlen(seed[0])) != 0) {
            fail_msg("no file name: %s", e.msg);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lines), cmocka_unit_test(hostile_lines), cmocka_unit_test(chunks),
        cmocka_unit_test(no_memory),  cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
