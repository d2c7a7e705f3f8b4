/* SPDX-License-Identifier: MIT
 *
 * test_stopwords.c - stop strings in texts that come in pieces: every way to cut a text in two or
 * three, byte by byte, and random texts against a search of the whole text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "core/text/stopwords.h"

#define MOST 400

static size_t count(const char *const *words)
{
    size_t n = 0;
    while (n < STOPWORDS_MAX && words[n] != NULL) {
        n++;
    }
    return n;
}

/* The first end of a word in the text, and of those that end there the longest. */
static size_t search(const char *text, size_t len, const char *const *words, int *found)
{
    *found = -1;
    for (size_t end = 1; end <= len && *found < 0; end++) {
        size_t best = 0;
        for (size_t w = 0; w < count(words); w++) {
            const size_t n = strlen(words[w]);
            if (n <= end && n > best && memcmp(text + end - n, words[w], n) == 0) {
                best = n;
                *found = (int)w;
            }
        }
        if (*found >= 0) {
            return end - best;
        }
    }
    return len;
}

/* At most what must be is held back. */
static void held_is_a_beginning(const stopwords *x, const char *const *words)
{
    bool begins = x->n_held == 0;
    for (size_t w = 0; w < count(words); w++) {
        begins =
            begins || (x->n_held < strlen(words[w]) && memcmp(words[w], x->held, x->n_held) == 0);
    }
    assert_true(begins);
}

/* Fed in pieces that end at cuts[]. */
static void fed(const char *text, const char *const *words, const size_t *cuts, size_t n_cuts)
{
    static stopwords x;
    persona_err e = {0};
    buf out;
    int found = -1;
    const size_t len = strlen(text), end = search(text, len, words, &found);
    bool go_on = true;
    buf_init(&out, MOST);
    assert_int_equal(stopwords_init(&x, words, count(words), &e), PERSONA_OK);
    for (size_t i = 0, from = 0; i <= n_cuts; i++) {
        const size_t to = i < n_cuts ? cuts[i] : len;
        const bool still = stopwords_feed(&x, text + from, to - from, &out);
        assert_true(go_on || !still);
        go_on = still;
        assert_int_equal(go_on, x.found < 0);
        if (go_on) {
            assert_int_equal(out.len + x.n_held, to);
            held_is_a_beginning(&x, words);
        }
        from = to;
    }
    stopwords_end(&x, &out);
    assert_int_equal(x.found, found);
    assert_int_equal(out.len, end);
    assert_int_equal(x.at, end);
    assert_memory_equal(buf_str(&out), text, end);
    buf_free(&out);
}

static const struct {
    const char *text, *words[5];
} CASES[] = {
    {"no words at all", {NULL}},
    {"tea.\nUser: more", {"\nUser:", "\nAI:", NULL}},
    {"stop", {"stop", NULL}},
    {"sto", {"stop", NULL}},
    {"ststop here", {"stop", NULL}},
    {"aaaaab", {"aaab", NULL}},
    {"aaaa", {"aa", "aaa", NULL}},
    {"abcd", {"abcd", "bc", NULL}},
    {"xabcd", {"cd", "abcd", "d", NULL}},
    {"ababababac", {"ababac", NULL}},
    {"caf\xC3\xA8 \xF0\x9F\x8D\xB2\xF0\x9F\x8D\xB2.", {"\xF0\x9F\x8D\xB2.", "\xC3\xA9", NULL}},
    {"\n\n\n\n", {"\n\n\n\n\n", NULL}},
    {"abcabcabd", {"abcabd", "cabd!", NULL}},
};

static void every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const size_t len = strlen(CASES[i].text);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                const size_t cuts[] = {a, b};
                fed(CASES[i].text, CASES[i].words, cuts, 2);
            }
        }
    }
}

static void random_texts(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 5, 1);
    for (int turn = 0; turn < 20000; turn++) {
        char text[41], store[3][8];
        const char *words[4] = {store[0], store[1], store[2], NULL};
        size_t cuts[40];
        const uint32_t letters = 2 + rng_below(&r, 2);
        const size_t len = rng_below(&r, 41);
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)('a' + rng_below(&r, letters));
        }
        text[len] = '\0';
        for (size_t w = 0; w < 3; w++) {
            const size_t n = 1 + rng_below(&r, 7);
            for (size_t i = 0; i < n; i++) {
                store[w][i] = (char)('a' + rng_below(&r, letters));
            }
            store[w][n] = '\0';
        }
        words[rng_below(&r, 4)] = NULL;
        size_t n_cuts = 0;
        for (size_t i = 0; i < len; i++) {
            if (rng_below(&r, 3) == 0) {
                cuts[n_cuts++] = i;
            }
        }
        fed(text, words, cuts, n_cuts);
    }
}

/* Pieces of whole code points come out as such. */
static void whole_code_points(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"\xC3\xA8", "\xF0\x9F\x8D\xB1", "\xC3\xA9", "a",
                                         "\xF0\x9F\x8D\xB2"};
    static const char *const WORDS[] = {"\xC3\xA9"
                                        "a\xC3\xA9",
                                        "\xF0\x9F\x8D\xB2\xF0\x9F\x8D\xB2"};
    static stopwords x;
    rng r;
    rng_seed(&r, 6, 1);
    for (int turn = 0; turn < 500; turn++) {
        assert_int_equal(stopwords_init(&x, WORDS, 2, NULL), PERSONA_OK);
        for (bool go_on = true; go_on;) {
            const char *p = PIECES[rng_below(&r, 5)];
            buf out;
            buf_init(&out, MOST);
            go_on = stopwords_feed(&x, p, strlen(p), &out);
            assert_int_equal(utf8_span(buf_str(&out), out.len), out.len);
            buf_free(&out);
        }
    }
}

static void limits(void **state)
{
    (void)state;
    static stopwords x;
    persona_err e = {0};
    char longest[STOPWORD_MAX_BYTES + 2], text[STOPWORD_MAX_BYTES * 2];
    const char *words[STOPWORDS_MAX + 1];
    buf out;
    for (size_t i = 0; i <= STOPWORDS_MAX; i++) {
        words[i] = longest;
    }
    memset(longest, 'x', sizeof longest);
    longest[STOPWORD_MAX_BYTES] = '\0';
    assert_int_equal(stopwords_init(&x, words, STOPWORDS_MAX + 1, &e), PERSONA_E_USAGE);
    assert_int_equal(stopwords_init(&x, words, STOPWORDS_MAX, &e), PERSONA_OK);
    memset(text, 'x', sizeof text);
    buf_init(&out, MOST * 2);
    text[100] = 'y';
    assert_true(stopwords_feed(&x, text, 356, &out));
    assert_int_equal(out.len, 101);
    assert_false(stopwords_feed(&x, "xx", 2, &out));
    assert_int_equal(out.len, 101);
    assert_false(stopwords_feed(&x, "more", 4, &out));
    stopwords_end(&x, &out);
    assert_int_equal(out.len, 101);
    buf_free(&out);
    longest[STOPWORD_MAX_BYTES] = 'x';
    longest[STOPWORD_MAX_BYTES + 1] = '\0';
    assert_int_equal(stopwords_init(&x, words, 1, &e), PERSONA_E_USAGE);
    longest[0] = '\0';
    assert_int_equal(stopwords_init(&x, words, 1, &e), PERSONA_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(whole_code_points),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
