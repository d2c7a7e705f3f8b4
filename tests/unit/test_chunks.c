/* SPDX-License-Identifier: MIT
 *
 * test_chunks.c - where texts are cut, and which tokens belong to which piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text/chunks.h"

static size_t cut(const char *text, size_t *ends)
{
    const size_t n = chunk_ends(text, ends);
    for (size_t i = 0; i < n; i++) {
        assert_true(ends[i] > (i > 0 ? ends[i - 1] : 0));
        if (ends[i] < strlen(text)) { /* never within a character */
            assert_true(((unsigned char)text[ends[i]] & 0xC0) != 0x80);
        }
    }
    if (n > 0) {
        assert_int_equal(ends[n - 1], strlen(text));
    }
    return n;
}

static void sentences(void **state)
{
    (void)state;
    size_t ends[CHUNKS_MOST];
    const char *two = "One two three four five six seven eight. Nine ten eleven twelve thirteen "
                      "fourteen fifteen sixteen!";
    assert_int_equal(cut(two, ends), 2);
    assert_int_equal(ends[0], strlen("One two three four five six seven eight."));
    /* A short rest joins what stands before it, a short sentence what follows. */
    assert_int_equal(cut("One two three four five six seven eight. Nine ten.  \n", ends), 1);
    assert_int_equal(cut("Yes. One two three four five six seven. Eight.", ends), 1);
    assert_int_equal(cut("one", ends), 1);
    assert_int_equal(cut("", ends), 0);
    assert_int_equal(cut(" \n\t ", ends), 0);
    assert_int_equal(
        cut("He said: \"a b c d e f g h.\" And then some more words came and went.", ends), 2);
}

/* text becomes n copies of a word. */
static void repeat(char *text, const char *word, size_t n)
{
    const size_t len = strlen(word);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * len, word, len);
    }
    text[n * len] = '\0';
}

static void long_ones(void **state)
{
    (void)state;
    size_t ends[CHUNKS_MOST];
    char text[20000] = "";
    repeat(text, "word ", 70);
    assert_int_equal(cut(text, ends), 2); /* 32, then 38 with the rest of 6 */
    assert_int_equal(ends[0], 32 * 5 - 1);
    repeat(text, "word ", 3500);
    assert_int_equal(cut(text, ends), CHUNKS_MOST);
    /* A script without spaces: sentence ends of its own, and cuts between characters. */
    repeat(text, "\xe7\x8c\xab", 400);
    for (size_t i = 59; i < 400; i += 60) {
        memcpy(text + 3 * i, "\xe3\x80\x82", 3);
    }
    assert_true(cut(text, ends) > 2);
    /* One long word in ASCII is one word. */
    memset(text, 'x', 5000);
    text[5000] = '\0';
    assert_int_equal(cut(text, ends), 1);
}

static void tokens(void **state)
{
    (void)state;
    const size_t ends[3] = {10, 20, 30}, length[7] = {4, 4, 4, 6, 5, 4, 3};
    size_t out[3];
    /* last bytes at 4 8 12 18 23 27 30: 8 <= 10 < 12, 18 <= 20 < 23 */
    chunk_tokens(ends, 3, length, 7, out);
    assert_int_equal(out[0], 2);
    assert_int_equal(out[1], 4);
    assert_int_equal(out[2], 7);
    /* One token over two chunks leaves the first empty; what a tokenizer adds is in the last. */
    const size_t wide[2] = {25, 9};
    chunk_tokens(ends, 3, wide, 2, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0);
    assert_int_equal(out[2], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(long_ones),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
