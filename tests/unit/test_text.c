/* SPDX-License-Identifier: MIT
 *
 * test_text.c - error messages, allocation and the growable string.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- error.c -------------------------------------------------------------------------------- */

static void error_table(void **state)
{
    (void)state;
    assert_string_equal(persona_code_name(PERSONA_OK), "OK");
    assert_string_equal(persona_code_name(PERSONA_E_NOTFOUND), "NOTFOUND");
    assert_string_equal(persona_code_name((persona_code)99), "UNKNOWN");
    assert_int_equal(persona_code_exit(PERSONA_OK), 0);
    assert_int_equal(persona_code_exit(PERSONA_E_USAGE), 64);
    assert_int_equal(persona_code_exit(PERSONA_E_CANCELED), 130);
    assert_int_equal(persona_code_exit((persona_code)99), 70);
}

static void error_set_and_wrap(void **state)
{
    (void)state;
    persona_err e = {0};
    assert_int_equal(persona_err_set(&e, PERSONA_E_SHAPE, "%s has %d", "x", 3), PERSONA_E_SHAPE);
    assert_int_equal(e.code, PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "x has 3");
    assert_int_equal(persona_err_wrap(&e, "layer %d", 7), PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "layer 7: x has 3");
    /* Arguments may point into the message. */
    persona_err_set(&e, PERSONA_E_IO, "[%s]", e.msg);
    assert_string_equal(e.msg, "[layer 7: x has 3]");
    persona_err_wrap(&e, "%s", e.msg);
    assert_string_equal(e.msg, "[layer 7: x has 3]: [layer 7: x has 3]");
}

static void error_without_receiver(void **state)
{
    (void)state;
    assert_int_equal(persona_err_set(NULL, PERSONA_E_IO, "%s", "lost"), PERSONA_E_IO);
    assert_int_equal(persona_err_wrap(NULL, "%s", "lost"), PERSONA_E_INTERNAL);
}

static void error_is_one_line(void **state)
{
    (void)state;
    persona_err e;
    persona_err_set(&e, PERSONA_E_FORMAT, "a\nb\r\tc\033[31m\x7f");
    assert_string_equal(e.msg, "a b  c [31m ");
    persona_err_wrap(&e, "x\ny");
    assert_string_equal(e.msg, "x y: a b  c [31m ");
}

/* The last character must be whole, whatever number of bytes stands before it. */
static void error_cuts_between_characters(void **state)
{
    (void)state;
    static const char *const unit[] = {"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t u = 0; u < 4; u++) {
        for (size_t shift = 0; shift < 5; shift++) {
            char text[2000] = "";
            const size_t w = strlen(unit[u]);
            memset(text, 'x', shift);
            for (size_t n = shift; n + w < sizeof text; n += w) {
                memcpy(text + n, unit[u], w + 1);
            }
            persona_err e, f = {PERSONA_E_IO, "old"};
            persona_err_set(&e, PERSONA_E_IO, "%s", text);
            persona_err_wrap(&f, "%s", text);
            const size_t n = strlen(e.msg);
            assert_true(n < sizeof e.msg && n > sizeof e.msg - 9);
            assert_string_equal(e.msg + n - 3, "...");
            assert_int_equal((n - 3 - shift) % w, 0);
            const size_t m = strlen(f.msg);
            assert_true(m < sizeof f.msg);
            assert_string_equal(f.msg + m - 3, "...");
            persona_err_wrap(&e, "%s", unit[u]); /* now the wrapped message is what is cut */
            assert_memory_equal(e.msg, unit[u], w);
            assert_memory_equal(e.msg + w, ": ", 2);
            const size_t k = strlen(e.msg);
            assert_string_equal(e.msg + k - 3, "...");
        }
    }
}

static void error_keeps_what_is_not_utf8(void **state)
{
    (void)state;
    persona_err e;
    persona_err_set(&e, PERSONA_E_IO, "%s", "\xFF\x80\x80\x80\x80.gguf");
    assert_string_equal(e.msg, "\xFF\x80\x80\x80\x80.gguf");
}

/* ---- mem.c ---------------------------------------------------------------------------------- */

static void mem_checks_sizes(void **state)
{
    (void)state;
    assert_null(mem_calloc(SIZE_MAX / 2, 3));
    assert_null(mem_calloc(SIZE_MAX, 1));
    char *p = mem_calloc(0, 8);
    assert_non_null(p);
    assert_int_equal(p[0], 0);
    assert_null(mem_realloc(p, SIZE_MAX, 2));
    char *q = mem_realloc(p, 100, 4);
    assert_non_null(q);
    mem_free(q);
    mem_free(NULL);
}

static void mem_strings(void **state)
{
    (void)state;
    char *a = mem_strdup("abc"), *b = mem_strndup("abcdef", 2), *c = mem_strndup("ab", 9);
    char *d = mem_printf("%s-%d", "n", 12);
    assert_string_equal(a, "abc");
    assert_string_equal(b, "ab");
    assert_string_equal(c, "ab");
    assert_string_equal(d, "n-12");
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(d);
}

static void mem_fails_once_when_told(void **state)
{
    (void)state;
    persona_mem_fail_at(2);
    char *a = mem_calloc(1, 1), *b = mem_strdup("x"), *c = mem_printf("y");
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    persona_mem_fail_at(1);
    assert_null(mem_realloc(a, 10, 1));
    persona_mem_fail_at(1);
    persona_mem_fail_at(0);
    char *d = mem_strdup("z");
    assert_non_null(d);
    mem_free(d);
    mem_free(c);
    mem_free(a);
    persona_err e;
    assert_int_equal(mem_err(&e, "a Gram matrix"), PERSONA_E_NOMEM);
    assert_string_equal(e.msg, "out of memory for a Gram matrix");
}

/* ---- buf.c ---------------------------------------------------------------------------------- */

static void buf_grows(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 100000);
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&b, "%d,", i % 10);
    }
    buf_puts(&b, "end");
    buf_putc(&b, '.');
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 20004);
    assert_int_equal(strlen(buf_str(&b)), b.len);
    assert_int_equal(buf_ok(&b, "text", NULL), PERSONA_OK);
    char *s = buf_take(&b);
    assert_string_equal(s + 20000, "end.");
    mem_free(s);
    assert_string_equal(buf_str(&b), "");
    s = buf_take(&b);
    assert_string_equal(s, "");
    mem_free(s);
    buf_free(&b);
}

static void buf_has_a_maximum(void **state)
{
    (void)state;
    persona_err e;
    buf b;
    buf_init(&b, 5);
    buf_puts(&b, "12345");
    assert_int_equal(buf_ok(&b, "x", &e), PERSONA_OK);
    buf_printf(&b, "%d", 6);
    assert_int_equal(buf_ok(&b, "the prompt", &e), PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "the prompt is longer than the allowed 5 bytes");
    assert_string_equal(buf_str(&b), "12345"); /* nothing of a failed append */
    buf_puts(&b, "");
    assert_null(buf_take(&b));
    buf_clear(&b);
    buf_puts(&b, "again");
    assert_int_equal(buf_ok(&b, "x", &e), PERSONA_OK);
    buf_free(&b);
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "a");
    assert_string_equal(buf_str(&b), "a");
    buf_free(&b);
    buf_init(&b, 0);
    buf_puts(&b, "");
    assert_int_equal(buf_ok(&b, "x", &e), PERSONA_OK);
    buf_putc(&b, 'a');
    assert_int_equal(buf_ok(&b, "x", &e), PERSONA_E_SHAPE);
    buf_free(&b);
}

static void buf_remembers_lost_memory(void **state)
{
    (void)state;
    for (size_t k = 1; k <= 3; k++) {
        persona_err e;
        buf b;
        buf_init(&b, 1000);
        persona_mem_fail_at(k);
        for (int i = 0; i < 50; i++) {
            buf_printf(&b, "%04d", i); /* grows at 0, 64 and 128 bytes */
        }
        persona_mem_fail_at(0);
        assert_int_equal(buf_ok(&b, "the answer", &e), PERSONA_E_NOMEM);
        assert_string_equal(e.msg, "out of memory for the answer");
        assert_null(buf_take(&b));
        assert_true(strlen(buf_str(&b)) < 200);
        buf_free(&b);
    }
    buf b;
    buf_init(&b, 10);
    persona_mem_fail_at(1);
    assert_null(buf_take(&b)); /* also an empty string needs memory */
    assert_int_equal(buf_ok(&b, "x", NULL), PERSONA_E_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_table),
        cmocka_unit_test(error_set_and_wrap),
        cmocka_unit_test(error_without_receiver),
        cmocka_unit_test(error_is_one_line),
        cmocka_unit_test(error_cuts_between_characters),
        cmocka_unit_test(error_keeps_what_is_not_utf8),
        cmocka_unit_test(mem_checks_sizes),
        cmocka_unit_test(mem_strings),
        cmocka_unit_test(mem_fails_once_when_told),
        cmocka_unit_test(buf_grows),
        cmocka_unit_test(buf_has_a_maximum),
        cmocka_unit_test(buf_remembers_lost_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
