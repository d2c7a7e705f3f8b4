/* SPDX-License-Identifier: MIT
 *
 * test_prompt_memo.c - tokens that are kept for conversations: exact, copied, bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/prompt_memo.h"

static buf key_of(const char *text)
{
    buf key;
    buf_init(&key, (size_t)1 << 20);
    buf_puts(&key, text);
    return key;
}

static void keep(prompt_memo *m, const char *text, persona_token first)
{
    persona_token ids[3] = {first, first + 1, first + 2};
    const persona_tokens t = {ids, 3};
    buf key = key_of(text);
    prompt_memo_keep(m, &key, &t);
    buf_free(&key);
}

/* The first token of what is kept, or -1. */
static persona_token found(prompt_memo *m, const char *text)
{
    persona_tokens t = {0};
    persona_token first = -1;
    buf key = key_of(text);
    if (prompt_memo_find(m, &key, &t)) {
        assert_int_equal(t.n, 3);
        assert_int_equal(t.ids[2], t.ids[0] + 2);
        first = t.ids[0];
        persona_tokens_free(&t);
    }
    buf_free(&key);
    return first;
}

static void exact(void **state)
{
    (void)state;
    prompt_memo *m = prompt_memo_new();
    assert_int_equal(found(m, "a"), -1);
    keep(m, "a", 10);
    keep(m, "ab", 20);
    assert_int_equal(found(m, "a"), 10);
    assert_int_equal(found(m, "ab"), 20);
    assert_int_equal(found(m, "b"), -1);
    keep(m, "a", 30); /* the later one */
    assert_int_equal(found(m, "a"), 30);
    prompt_memo_free(m);
}

/* Far more than it holds: whatever is found is right, and the last one is there. */
static void many(void **state)
{
    (void)state;
    prompt_memo *m = prompt_memo_new();
    char text[32];
    size_t n_found = 0;
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "question %d", i);
        keep(m, text, i);
        assert_int_equal(found(m, text), i);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "question %d", i);
        const persona_token t = found(m, text);
        assert_true(t == -1 || t == i);
        n_found += t == i;
    }
    assert_true(n_found > 100 && n_found <= 512);
    prompt_memo_free(m);
}

static void bounds(void **state)
{
    (void)state;
    prompt_memo *m = prompt_memo_new();
    char *text = mem_calloc(10000, 1);
    assert_non_null(text);
    memset(text, 'x', 9999);
    keep(m, text, 1); /* too long to be kept */
    assert_int_equal(found(m, text), -1);
    assert_int_equal(found(m, ""), -1);
    assert_int_equal(found(NULL, "a"), -1); /* no memory for a memo at all */
    keep(NULL, "a", 1);
    mem_free(text);
    prompt_memo_free(m);
    prompt_memo_free(NULL);
}

static void no_memory(void **state)
{
    (void)state;
    for (size_t k = 1; k < 12; k++) {
        persona_mem_fail_at(k);
        prompt_memo *m = prompt_memo_new();
        keep(m, "a", 5);
        const persona_token t = found(m, "a");
        persona_mem_fail_at(0);
        assert_true(t == -1 || t == 5);
        prompt_memo_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact), cmocka_unit_test(many),
                                       cmocka_unit_test(bounds), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
