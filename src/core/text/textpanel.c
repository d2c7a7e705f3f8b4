/* SPDX-License-Identifier: MIT
 *
 * textpanel.c - the numbers of persona/panel.h for one text.
 */
#include "core/text/textpanel.h"

#include <math.h>
#include <string.h>

#include "core/text/readability.h"

#define NEGATED (-0.74) /* VADER's N_SCALAR */
enum { REACH = 3 };     /* words that a negation reaches over */

static bool is_token(const words *w, size_t i, const char *what)
{
    const size_t n = w->end[i] - w->start[i];
    return n == strlen(what) && memcmp(w->text + w->start[i], what, n) == 0;
}

static bool is_negation(const words *w, size_t i)
{
    static const char *const negations[] = {"not",     "never",   "no",    "cannot", "without",
                                            "neither", "nowhere", "none",  "nor",    "nothing",
                                            "rarely",  "seldom",  "barely"};
    const size_t n = w->end[i] - w->start[i];
    if (n > 3 && memcmp(w->text + w->end[i] - 3, "n't", 3) == 0) {
        return true;
    }
    for (size_t k = 0; k < sizeof negations / sizeof *negations; k++) {
        if (is_token(w, i, negations[k])) {
            return true;
        }
    }
    return false;
}

static bool is_negated(const words *w, size_t i)
{
    for (size_t k = 1; k <= REACH && k <= i; k++) {
        if (is_negation(w, i - k)) {
            return true;
        }
    }
    return false;
}

typedef struct hits {
    double sum;
    size_t n;
} hits;

static hits count(const lexicon *l, const words *w, bool negations)
{
    hits h = {0};
    for (size_t i = 0; i < w->n;) {
        double value = 0;
        const size_t order = lexicon_match(l, w, i, &value);
        if (order > 0) {
            h.sum += negations && is_negated(w, i) ? NEGATED * value : value;
            h.n++;
        }
        i += order > 0 ? order : 1;
    }
    return h;
}

static double flesch(const words *w, size_t n_words, const char *text)
{
    size_t syllables = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (lexicon_is_word(w, i)) {
            syllables += readability_syllables(w->text + w->start[i], w->end[i] - w->start[i]);
        }
    }
    return readability_flesch(n_words, readability_sentences(text), syllables);
}

bool textpanel_read(lexicon *const *list, const char *text, double *out)
{
    words w;
    size_t n = 0;
    if (!lexicon_split(text, &w)) {
        return false;
    }
    for (size_t i = 0; i < w.n; i++) {
        n += lexicon_is_word(&w, i);
    }
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        out[d] = (double)NAN;
        if (n == 0 || !list[d]) {
            continue;
        }
        const hits h = count(list[d], &w, d == PERSONA_PANEL_SENTIMENT);
        if (d == PERSONA_PANEL_SENTIMENT || d == PERSONA_PANEL_SUBJECTIVITY) {
            out[d] = h.n > 0 ? h.sum / (double)h.n : 0;
        } else {
            out[d] = 100 * (double)h.n / (double)n;
        }
    }
    out[PERSONA_PANEL_WORDS] = (double)n;
    out[PERSONA_PANEL_READABILITY] = n > 0 ? flesch(&w, n, text) : (double)NAN;
    words_free(&w);
    return true;
}
