/* SPDX-License-Identifier: MIT
 *
 * test_lexicon.c - words and phrases in texts, reading ease, lists from files, the lexical panel.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/text/readability.h"
#include "core/text/textpanel.h"
#include "scratch.h"
#include "store/text/wordlist.h"

/* ---- phrases --------------------------------------------------------------------------------- */

static size_t match(const lexicon *l, const char *text, size_t i, double *value)
{
    words w;
    assert_true(lexicon_split(text, &w));
    const size_t n = lexicon_match(l, &w, i, value);
    words_free(&w);
    return n;
}

static void phrases(void **state)
{
    (void)state;
    persona_err e;
    double value = 0;
    lexicon *l = lexicon_new();
    assert_int_equal(match(l, "thank you", 0, &value), 0); /* nothing is listed yet */
    assert_int_equal(lexicon_add(l, "thank", 1, &e), PERSONA_OK);
    assert_int_equal(lexicon_add(l, "Thank  You", 5, &e), PERSONA_OK);
    assert_int_equal(lexicon_add(l, "thank you", 7, &e), PERSONA_OK); /* again: the mean */
    assert_int_equal(lexicon_add(l, "you're welcome", 2, &e), PERSONA_OK);
    assert_int_equal(lexicon_size(l), 3);
    assert_int_equal(match(l, "THANK YOU all", 0, &value), 2); /* the longest counts */
    assert_double_equal(value, 6, 1e-12);
    assert_int_equal(match(l, "thanks", 0, &value), 0);
    assert_int_equal(match(l, "I thank, you", 1, &value), 1); /* a comma is between them */
    assert_double_equal(value, 1, 1e-12);
    assert_int_equal(match(l, "\xE2\x80\x9CYou\xE2\x80\x99re welcome\xE2\x80\x9D", 0, &value), 2);
    assert_int_equal(match(l, "'thank you'", 0, &value), 2); /* quotes are not of the word */
    assert_int_equal(lexicon_add(l, " \t", 1, &e), PERSONA_E_SHAPE);
    assert_int_equal(lexicon_add(l, "a b c d e f g h i", 1, &e), PERSONA_E_SHAPE);
    for (int i = 0; i < 1000; i++) { /* the table grows, and nothing is lost */
        char phrase[32];
        snprintf(phrase, sizeof phrase, "word%d of", i);
        assert_int_equal(lexicon_add(l, phrase, i, &e), PERSONA_OK);
    }
    assert_int_equal(match(l, "a word617 of these", 1, &value), 2);
    assert_double_equal(value, 617, 1e-12);
    assert_int_equal(match(l, "thank you", 0, &value), 2);
    lexicon_free(l);
}

static size_t count_words(const char *text)
{
    words w;
    size_t n = 0;
    assert_true(lexicon_split(text, &w));
    for (size_t i = 0; i < w.n; i++) {
        n += lexicon_is_word(&w, i);
    }
    words_free(&w);
    return n;
}

static void what_words_are(void **state)
{
    (void)state;
    assert_int_equal(count_words(""), 0);
    assert_int_equal(count_words(" ... - !? \n"), 0);
    assert_int_equal(count_words("It's 5 o'clock, isn't it?"), 5);
    assert_int_equal(count_words("one\xE2\x80\x94two \xE2\x80\xA6 three\xE2\x80\xA2"), 3);
    assert_int_equal(count_words("\xF0\x9F\x98\x80 caf\xC3\xA9 \xE2\x9C\x93"), 2); /* "caf", "é" */
    assert_int_equal(count_words("\xE2"), 0);                                      /* any bytes */
    assert_int_equal(count_words("a\xE2\x80"), 1);
}

/* ---- readability ----------------------------------------------------------------------------- */

static void syllables(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        size_t n;
    } known[] = {
        {"the", 1},      {"cat", 1},    {"table", 2},  {"tables", 2},    {"people", 2},
        {"make", 1},     {"makes", 1},  {"boxes", 2},  {"wishes", 2},    {"changes", 2},
        {"walked", 1},   {"wanted", 2}, {"agreed", 2}, {"tree", 1},      {"readability", 5},
        {"syllable", 3}, {"rhythm", 1}, {"don't", 1},  {"mother's", 2},  {"university", 5},
        {"42", 1},       {"hmm", 1},    {"be", 1},     {"beautiful", 3}, {"understanding", 4},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (readability_syllables(known[i].word, strlen(known[i].word)) != known[i].n) {
            fail_msg("%s has %zu syllables (expected %zu)", known[i].word,
                     readability_syllables(known[i].word, strlen(known[i].word)), known[i].n);
        }
    }
}

static void sentences(void **state)
{
    (void)state;
    assert_int_equal(readability_sentences(""), 1);
    assert_int_equal(readability_sentences("One. Two! Three? Four"), 4);
    assert_int_equal(readability_sentences("Pi is 3.14 or so."), 1);
    assert_int_equal(readability_sentences("Wait... what?!"), 2);
    assert_int_equal(readability_sentences("\"Go.\" He went.\n\n- first\n- second"), 4);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void lists(void **state)
{
    (void)state;
    persona_err e;
    lexicon *l = NULL;
    double value = 0;
    const char *plain = scratch_text("plain.txt", "# a list\nbig\r\n\n  very big # much\n:D\nx*\n");
    assert_int_equal(wordlist_read(plain, WORDLIST_PLAIN, &l, &e), PERSONA_OK);
    assert_int_equal(lexicon_size(l), 2);
    assert_int_equal(match(l, "very big", 0, &value), 2);
    lexicon_free(l);
    const char *values =
        scratch_text("values.txt", "good\t1.9\t0.9\t[2, 1]\n:-)\t1\t1\t[]\nbad\t-2.5\n");
    assert_int_equal(wordlist_read(values, WORDLIST_VALUES, &l, &e), PERSONA_OK);
    assert_int_equal(match(l, "bad", 0, &value), 1);
    assert_double_equal(value, -2.5, 1e-12);
    assert_int_equal(lexicon_size(l), 2);
    lexicon_free(l);
    const char *pattern = scratch_text(
        "pattern.xml",
        "<sentiment>\n<word form=\"able\" pos=\"JJ\" subjectivity=\"1.0\" />\n"
        "<word form=\"able\" sense=\"x\" subjectivity=\"0.5\" x=\"y\"/>\n</sentiment>\n");
    assert_int_equal(wordlist_read(pattern, WORDLIST_PATTERN, &l, &e), PERSONA_OK);
    assert_int_equal(match(l, "able", 0, &value), 1);
    assert_double_equal(value, 0.75, 1e-12);
    lexicon_free(l);
}

/* The message must name the file and the line. */
static void refused(wordlist_format format, const char *text, size_t n, persona_code code,
                    const char *where)
{
    persona_err e;
    lexicon *l = NULL;
    const char *path = scratch_bytes("broken.txt", text, n);
    assert_int_equal(wordlist_read(path, format, &l, &e), code);
    assert_null(l);
    if (!strstr(e.msg, where) || !strstr(e.msg, "broken.txt")) {
        fail_msg("%s (expected %s)", e.msg, where);
    }
}

static void broken_lists(void **state)
{
    (void)state;
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    refused(WORDLIST_VALUES, "good\t1\nbad\n", 11, PERSONA_E_FORMAT, ":2:");
    refused(WORDLIST_VALUES, "good\t1x\n", 8, PERSONA_E_FORMAT, ":1:");
    refused(WORDLIST_VALUES, "good\tnan\n", 9, PERSONA_E_FORMAT, ":1:");
    refused(WORDLIST_PATTERN, "<a>\n<word form=\"x\" />\n", 22, PERSONA_E_FORMAT, ":2:");
    refused(WORDLIST_PATTERN, "<word form=\"xx\" subjectivity=\"a\"/>", 34, PERSONA_E_FORMAT,
            ":1:");
    refused(WORDLIST_PLAIN, "ok\n\xFF\n", 5, PERSONA_E_FORMAT, ":2:");
    refused(WORDLIST_PLAIN, "o\0k\n", 4, PERSONA_E_FORMAT, ":1:");
    refused(WORDLIST_PLAIN, longest, sizeof longest, PERSONA_E_SHAPE, ":1:");
    refused(WORDLIST_PLAIN, "ok\nk l m n o p q r s\n", 21, PERSONA_E_SHAPE, ":2:");
    refused(WORDLIST_PLAIN, "# nothing\n", 10, PERSONA_E_FORMAT, ":");
    persona_err e;
    lexicon *l = NULL;
    assert_int_equal(wordlist_read(scratch_path("none.txt"), WORDLIST_PLAIN, &l, &e),
                     PERSONA_E_NOTFOUND);
    const char *path = scratch_text("good.txt", "one\ntwo\nthree\n");
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = wordlist_read(path, WORDLIST_PLAIN, &l, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    lexicon_free(l);
}

/* ---- the panel ------------------------------------------------------------------------------- */

static lexicon *of(const char *phrase, double value)
{
    persona_err e;
    lexicon *l = lexicon_new();
    assert_int_equal(lexicon_add(l, phrase, value, &e), PERSONA_OK);
    return l;
}

static void panel(void **state)
{
    (void)state;
    double v[PERSONA_PANEL_DIMS];
    lexicon *list[PERSONA_PANEL_DIMS] = {NULL};
    list[PERSONA_PANEL_SENTIMENT] = of("good", 2);
    list[PERSONA_PANEL_HEDGING] = of("in general", 1);
    list[PERSONA_PANEL_SUBJECTIVITY] = of("good", 0.6);
    assert_true(textpanel_read(list, "In general, it is good. It is not very good!", v));
    assert_double_equal(v[PERSONA_PANEL_WORDS], 10, 1e-12);
    assert_double_equal(v[PERSONA_PANEL_SENTIMENT], (2 - 0.74 * 2) / 2, 1e-12); /* one is negated */
    assert_double_equal(v[PERSONA_PANEL_SUBJECTIVITY], 0.6, 1e-12);
    assert_double_equal(v[PERSONA_PANEL_HEDGING], 10, 1e-12);
    assert_true(isnan(v[PERSONA_PANEL_POLITENESS])); /* its list is absent: no number */
    assert_true(isnan(v[PERSONA_PANEL_PROFANITY]));
    /* 10 words, 2 sentences, 14 syllables: in gen-er-al it is good it is not ver-y good */
    assert_double_equal(v[PERSONA_PANEL_READABILITY], 206.835 - 1.015 * 5 - 84.6 * 1.3, 1e-9);
    assert_true(textpanel_read(list, "Nothing listed.", v));
    assert_double_equal(v[PERSONA_PANEL_SENTIMENT], 0, 0);
    assert_double_equal(v[PERSONA_PANEL_HEDGING], 0, 0);
    assert_true(textpanel_read(list, "", v));
    assert_double_equal(v[PERSONA_PANEL_WORDS], 0, 0);
    for (persona_panel_dim d = PERSONA_PANEL_WORDS + 1; d < PERSONA_PANEL_DIMS; d++) {
        assert_true(isnan(v[d]));
    }
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        lexicon_free(list[d]);
    }
}

/* The lists that the program comes with; a user's own goes first, and a broken one is an error. */
static void own_lists(void **state)
{
    (void)state;
    persona_err e;
    persona_panel *p = NULL;
    double v[PERSONA_PANEL_DIMS];
    assert_int_equal(persona_panel_open(&p, &e), PERSONA_OK);
    assert_true(persona_panel_has(p, PERSONA_PANEL_HEDGING));
    assert_true(persona_panel_has(p, PERSONA_PANEL_POLITENESS));
    assert_int_equal(persona_panel_read(p, "Thank you! Perhaps you could please sit.", v, &e),
                     PERSONA_OK);
    assert_double_equal(v[PERSONA_PANEL_POLITENESS], 200.0 / 7, 1e-9);
    assert_double_equal(v[PERSONA_PANEL_HEDGING], 100.0 / 7, 1e-9);
    persona_panel_free(p);
    assert_int_equal(mkdir(scratch_path("persona"), 0755), 0);
    assert_int_equal(mkdir(scratch_path("persona/words"), 0755), 0);
    scratch_text("persona/words/hedges.txt", "perhaps\n\xFE\n");
    const char *old = getenv("XDG_DATA_HOME");
    char *before = old ? mem_strdup(old) : NULL;
    setenv("XDG_DATA_HOME", scratch_folder, 1);
    assert_int_equal(persona_panel_open(&p, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "words/hedges.txt:2:"));
    assert_null(p);
    if (before) {
        setenv("XDG_DATA_HOME", before, 1);
    } else {
        unsetenv("XDG_DATA_HOME");
    }
    mem_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrases),   cmocka_unit_test(what_words_are),
        cmocka_unit_test(syllables), cmocka_unit_test(sentences),
        cmocka_unit_test(lists),     cmocka_unit_test(broken_lists),
        cmocka_unit_test(panel),     cmocka_unit_test(own_lists),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
