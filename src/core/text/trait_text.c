/* SPDX-License-Identifier: MIT
 *
 * trait_text.c - the rules for texts of trait packs, for all who bring texts in: files
 * (store/trait/traitfile.c), other programs' packs (store/trait/traitimport.c), models
 * (pipeline/trait/traitdraft.c).
 *
 * Comparing is made for questions in English of one sentence or two. Words that carry no meaning
 * ("what is the best way to") are left out, else every question would resemble every other; in the
 * shipped packs no two questions share more than a third of what remains, two wordings of one
 * question usually more than 3 of 5. A wrong verdict costs a question that a model has to write
 * again; files are never refused for it.
 */
#include "core/text/trait_text.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const text_rule rule_name = {2, 48, false};
const text_rule rule_description = {40, 400, false};
const text_rule rule_instruction = {20, 300, false};
const text_rule rule_question = {10, 300, false};
const text_rule rule_set_question = {2, 2000, true};
const text_rule rule_eval = {200, 4000, true};
const text_rule rule_about = {20, 400, false};

static size_t utf8_count(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool text_fits(const char *s, text_rule rule, char *why, size_t size)
{
    const size_t n = utf8_count(s);
    if (n < rule.min || n > rule.max) {
        snprintf(why, size, "has %zu characters (expected %zu to %zu)", n, rule.min, rule.max);
    } else if (is_space(s[0]) || is_space(s[strlen(s) - 1])) {
        snprintf(why, size, "begins or ends with white space (expected none)");
    } else if (!rule.lines && strpbrk(s, "\r\n")) {
        snprintf(why, size, "holds a line break (expected one line)");
    } else {
        return true;
    }
    return false;
}

bool text_is_name(const char *s)
{
    return s[0] >= 'a' && s[0] <= 'z' &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

char *text_key(const char *s)
{
    char *out = mem_calloc(strlen(s) + 2, 1);
    size_t n = 0;
    for (; out && *s; s++) {
        const unsigned char c = (unsigned char)*s;
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80) {
            out[n++] = (char)(upper ? c - 'A' + 'a' : c);
        } else if (n > 0 && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    while (out && n > 0 && out[n - 1] == ' ') {
        out[--n] = '\0';
    }
    return out;
}

char *text_one_line(const char *s)
{
    static const char white[] = " \t\n\v\f\r";
    char *out = mem_calloc(strlen(s) + 1, 1);
    size_t n = 0;
    for (s += strspn(s, white); out && *s; s += strspn(s, white)) {
        const size_t len = strcspn(s, white);
        if (n > 0) {
            out[n++] = ' ';
        }
        memcpy(out + n, s, len);
        n += len;
        s += len;
    }
    return out;
}

bool text_is_filler(const char *s)
{
    static const char digits[] = "0123456789";
    const char *at = strstr(s, "(Question ");
    if (!at) {
        return false;
    }
    at += 10;
    const size_t first = strspn(at, digits);
    const size_t second = at[first] == '/' ? strspn(at + first + 1, digits) : 0;
    return first > 0 && second > 0 && strcmp(at + first + 1 + second, ")") == 0;
}

char *text_as_name(const char *s)
{
    char *out = mem_strdup(s);
    for (char *p = out; p && *p; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        } else if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '-') {
            *p = '_';
        }
    }
    return out;
}

/* ---- words ---------------------------------------------------------------------------------- */

typedef struct word {
    const char *p;
    size_t n;
} word;

/* The next word of a key; n == 0 at the end. */
static word next_word(const char **at)
{
    const char *p = *at + strspn(*at, " ");
    const word w = {p, strcspn(p, " ")};
    *at = p + w.n;
    return w;
}

static bool listed(word w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(list[i]) == w.n && memcmp(list[i], w.p, w.n) == 0) {
            return true;
        }
    }
    return false;
}

static bool carries_meaning(word w)
{
    static const char *const empty[] = {
        "about",  "after",    "all",   "am",     "an",    "and",    "any",     "are",       "as",
        "at",     "be",       "been",  "before", "best",  "better", "but",     "by",        "can",
        "could",  "describe", "did",   "do",     "does",  "doing",  "explain", "for",       "from",
        "get",    "give",     "go",    "good",   "had",   "has",    "have",    "help",      "her",
        "his",    "how",      "if",    "in",     "into",  "is",     "it",      "its",       "know",
        "like",   "make",     "me",    "might",  "more",  "most",   "much",    "my",        "need",
        "new",    "no",       "not",   "of",     "on",    "one",    "or",      "our",       "out",
        "please", "really",   "say",   "should", "so",    "some",   "someone", "something", "tell",
        "than",   "that",     "the",   "their",  "them",  "then",   "there",   "these",     "they",
        "thing",  "things",   "think", "this",   "those", "to",     "up",      "us",        "use",
        "used",   "using",    "want",  "was",    "way",   "we",     "what",    "when",      "where",
        "which",  "while",    "who",   "why",    "will",  "with",   "would",   "you",       "your",
    };
    return w.n > 1 && !listed(w, empty, sizeof empty / sizeof empty[0]);
}

/* A plural is the same word. */
static word singular(word w)
{
    if (w.n > 3 && w.p[w.n - 1] == 's' && w.p[w.n - 2] != 's') {
        w.n--;
    }
    return w;
}

enum { MAX_WORDS = 64 };

/* Different words of a key that carry meaning, at most MAX_WORDS. */
static size_t meaning(const char *key, word out[MAX_WORDS])
{
    size_t n = 0;
    for (word w = next_word(&key); w.n > 0 && n < MAX_WORDS; w = next_word(&key)) {
        bool known = !carries_meaning(w);
        w = singular(w);
        for (size_t i = 0; i < n && !known; i++) {
            known = out[i].n == w.n && memcmp(out[i].p, w.p, w.n) == 0;
        }
        if (!known) {
            out[n++] = w;
        }
    }
    return n;
}

bool text_is_near(const char *a, const char *b)
{
    word x[MAX_WORDS], y[MAX_WORDS];
    const size_t nx = meaning(a, x), ny = meaning(b, y);
    size_t both = 0;
    for (size_t i = 0; i < nx; i++) {
        for (size_t j = 0; j < ny; j++) {
            both += x[i].n == y[j].n && memcmp(x[i].p, y[j].p, x[i].n) == 0;
        }
    }
    if (both == 0) {
        return strcmp(a, b) == 0;
    }
    return 5 * both >= 3 * (nx + ny - both);
}

/* How much of an adjective its relatives share: 7 of 10 letters, at least 4. */
static size_t stem(size_t n)
{
    const size_t most = (7 * n + 9) / 10;
    return most < 4 ? n < 4 ? n : 4 : most;
}

bool text_mentions(const char *text, const char *adjective)
{
    for (word a = next_word(&adjective); a.n > 0; a = next_word(&adjective)) {
        const char *at = text;
        const size_t n = stem(a.n);
        for (word w = next_word(&at); carries_meaning(a) && w.n > 0; w = next_word(&at)) {
            if (a.n < 4 ? w.n == a.n && memcmp(w.p, a.p, n) == 0
                        : w.n >= n && memcmp(w.p, a.p, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- sentences ------------------------------------------------------------------------------- */

bool text_is_ended(const char *s)
{
    const size_t n = strlen(s);
    return n > 0 && strchr(".!?", s[n - 1]);
}

static bool asking_word(word w)
{
    /* the short ones are what is left of "don't" and the like */
    static const char *const words[] = {
        "am",   "any",   "are",    "aren", "can",  "could", "couldn", "did",   "didn",  "do",
        "does", "doesn", "don",    "has",  "have", "how",   "is",     "isn",   "may",   "might",
        "must", "shall", "should", "was",  "were", "what",  "when",   "where", "which", "who",
        "whom", "whose", "why",    "will", "won",  "would", "wouldn",
    };
    return listed(w, words, sizeof words / sizeof words[0]);
}

static bool any_word_asks(const char *key)
{
    for (word w = next_word(&key); w.n > 0; w = next_word(&key)) {
        if (asking_word(w)) {
            return true;
        }
    }
    return false;
}

static bool request_word(word w)
{
    static const char *const verbs[] = {
        "advise",  "compare",   "create", "describe",  "design", "draft", "explain",
        "find",    "give",      "help",   "invent",    "list",   "name",  "outline",
        "plan",    "please",    "pick",   "recommend", "review", "share", "show",
        "suggest", "summarize", "talk",   "teach",     "tell",   "walk",  "write",
    };
    return listed(w, verbs, sizeof verbs / sizeof verbs[0]);
}

bool text_asks(const char *s)
{
    const char *last = s;
    size_t n = 1;
    if (!text_is_ended(s)) {
        return false;
    }
    for (const char *p = s; *p; p++) {
        if (strchr(".!?", *p) && p[1] == ' ') {
            last = p + 2;
            n++;
        }
    }
    char *key = text_key(last);
    const char *at = key;
    const bool asks =
        key && (s[strlen(s) - 1] == '?' ? any_word_asks(key) : request_word(next_word(&at)));
    mem_free(key);
    return asks && n <= 3;
}

/* ---- wording -------------------------------------------------------------------------------- */

char *trait_description(const char *positive, const char *negative)
{
    return mem_printf("The degree to which an answer is %s, from entirely %s at its absence to "
                      "entirely %s at its full presence.",
                      positive, negative, positive);
}

char *trait_rubric(const char *positive, const char *negative, const char *description)
{
    return mem_printf(
        "You will read a question that a user asked and the answer that an AI assistant gave. "
        "Your task is to rate to what extent the answer is %s.\n\n"
        "What is meant: %s\n\n"
        "[QUESTION START]\n{question}\n[QUESTION END]\n\n"
        "[ANSWER START]\n{answer}\n[ANSWER END]\n\n"
        "Rate the answer, not the question, and judge this trait alone: whether the answer is "
        "correct, useful, long or pleasant must not change the rating, unless that is what the "
        "trait is about.\n\n"
        "Use the whole scale from 0 to 100, with in-between values, and these marks as a guide:\n"
        "0 = %s from start to end, with nothing %s in it\n"
        "25 = mostly %s, with a slight sign of the other\n"
        "50 = clearly %s in places, but not throughout\n"
        "100 = %s throughout\n\n"
        "If the assistant refused to answer, reply with the word REFUSAL. Otherwise reply with "
        "one whole number from 0 to 100 and nothing else, without any explanation.",
        positive, description, negative, positive, negative, positive, positive);
}
