/* SPDX-License-Identifier: MIT
 *
 * readability.c - sentences and syllables, counted by rule.
 *
 * Syllables are groups of vowels, less endings that are written and not spoken: "-e" (not "-le"
 * behind a consonant), "-ed" (not behind t or d), "-es" (not behind s, x, z, ch, sh, c, g). The
 * rule is right for about nine words in ten; errors in both directions cancel in a mean over an
 * answer, and the same rule reads every answer.
 */
#include "core/text/readability.h"

#include <stdbool.h>
#include <string.h>

static bool is_vowel(char c)
{
    return c != '\0' && strchr("aeiouy", c);
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool ends(const char *s, size_t n, const char *ending)
{
    const size_t m = strlen(ending);
    return n > m && memcmp(s + n - m, ending, m) == 0;
}

/* An ending with a vowel that is not spoken. */
static bool is_silent(const char *s, size_t n)
{
    if (ends(s, n, "e")) {
        return !(ends(s, n, "le") && n > 3 && !is_vowel(s[n - 3]));
    }
    if (ends(s, n, "ed")) {
        return n > 3 && s[n - 3] != 't' && s[n - 3] != 'd';
    }
    if (ends(s, n, "es")) {
        return n > 3 && !strchr("sxzcg", s[n - 3]) && !ends(s, n - 2, "ch") &&
               !ends(s, n - 2, "sh") && !(s[n - 3] == 'l' && n > 4 && !is_vowel(s[n - 4]));
    }
    return false;
}

size_t readability_syllables(const char *word, size_t len)
{
    size_t n = 0, end = len;
    while (end > 0 && !is_letter(word[end - 1])) {
        end--;
    }
    if (ends(word, end, "'s")) {
        end -= 2;
    }
    for (size_t i = 0; i < end; i++) {
        n += is_vowel(word[i]) && (i == 0 || !is_vowel(word[i - 1]));
    }
    /* Where another vowel stands before the ending, both are one group: "tree", "agreed". */
    const size_t at = end > 0 && word[end - 1] == 'e' ? end - 1 : end > 1 ? end - 2 : 0;
    if (n > 1 && at > 0 && !is_vowel(word[at - 1]) && is_silent(word, end)) {
        n--;
    }
    return n > 0 ? n : 1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t readability_sentences(const char *text)
{
    size_t n = 0;
    bool open = false; /* something that no end has followed yet */
    for (const char *s = text; *s; s++) {
        const bool mark = *s == '.' || *s == '!' || *s == '?';
        if (*s == '\n' || (mark && (s[1] == '\0' || is_space(s[1]) || strchr("\"')*", s[1])))) {
            n += open;
            open = false;
        } else if (!is_space(*s) && !mark) {
            open = open || !strchr("\"')*-#>", *s);
        }
    }
    n += open;
    return n > 0 ? n : 1;
}

double readability_flesch(size_t n_words, size_t n_sentences, size_t n_syllables)
{
    const double words = (double)n_words;
    return 206.835 - 1.015 * words / (double)n_sentences - 84.6 * (double)n_syllables / words;
}
