/* SPDX-License-Identifier: MIT
 *
 * score_text.c - a number is taken only where it is the answer.
 *
 * Judges that talk say "On a scale of 0 to 100, I rate this 95", "1. Tone … Score: 95", "9 out of
 * 10". So every number of the text is looked at together with what stands around it: scales and
 * list marks are put aside, fractions say of which scale they are, words like "score" or "rate"
 * make a number the answer, and what follows tells "95." from "3 jokes". What is left must be one
 * value; else there is no score. A wrong one would be worse than none: it is averaged, silently.
 *
 * The text is first made plain: small letters, digits of any script as ASCII, marks of Markdown,
 * JSON and TeX as spaces. Words of other languages stand in the tables beside the English ones.
 */
#include "pipeline/judge/score_text.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_NUMBERS = 64, WINDOW = 64, LIST_MAX = 20 };

typedef struct number {
    size_t at, end;
    double value;
    double of;  /* 0: no scale beside it; else "out of" what */
    int label;  /* 3: "score: 95", 2: "a score of 95", 1: "rate the whole text 95", 0: none */
    bool final; /* "final", "overall" */
    bool good;  /* what follows lets it stand alone */
    bool gone;  /* part of a scale, a list mark, a range */
} number;

typedef struct reading {
    char *t; /* plain text */
    number n[MAX_NUMBERS];
    size_t count;
    bool other_scale;
} reading;

/* ---- plain text ------------------------------------------------------------------------------ */

static const char *last_of(const char *text, const char *mark)
{
    const char *found = NULL;
    for (const char *p = strstr(text, mark); p; p = strstr(p + 1, mark)) {
        found = p + strlen(mark);
    }
    return found;
}

/* What comes after the thinking; "" if that never ended. */
static const char *answer_of(const char *text)
{
    static const char *const ends[] = {"</think>",   "</thinking>",
                                       "</thought>", "</reasoning>",
                                       "[/THINK]",   "<|channel|>final<|message|>"};
    static const char *const starts[] = {"<think>",     "<thinking>", "<thought>",
                                         "<reasoning>", "[THINK]",    "<|channel|>analysis"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *after = last_of(text, ends[i]);
        text = after ? after : text;
    }
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (strstr(text, starts[i])) {
            return "";
        }
    }
    return text;
}

/* The zeros of the digits of other scripts, and signs that have an ASCII twin. */
static const struct {
    const char *from;
    int n; /* 10: digits; 1: one sign */
    char to;
} twins[] = {
    {"\u0660", 10, '0'}, {"\u06f0", 10, '0'}, {"\u0966", 10, '0'}, {"\u09e6", 10, '0'},
    {"\u0e50", 10, '0'}, {"\uff10", 10, '0'}, {"\u066a", 1, '%'},  {"\uff05", 1, '%'},
    {"\u066b", 1, '.'},  {"\uff1a", 1, ':'},  {"\uff0f", 1, '/'},  {"\u2044", 1, '/'},
    {"\u2212", 1, '-'},  {"\u2010", 1, '-'},  {"\u2011", 1, '-'},  {"\u2013", 1, '-'},
    {"\u2014", 1, '-'},  {"\uff5e", 1, '-'},  {"\u301c", 1, '-'},  {"\u3002", 1, '.'},
    {"\uff0c", 1, ';'},  {"\u3001", 1, ';'},  {"\uff08", 1, '('},  {"\uff09", 1, ')'},
    {"\u201c", 1, ' '},  {"\u201d", 1, ' '},  {"\u00a0", 1, ' '},  {"\u202f", 1, ' '},
};

/* The twin at s and how many bytes it replaces; 0: none. */
static size_t twin_at(const char *s, char *out)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        const size_t len = strlen(twins[i].from);
        if (strncmp(s, twins[i].from, len - 1) != 0) {
            continue; /* nor is there a byte more */
        }
        const int step = (unsigned char)s[len - 1] - (unsigned char)twins[i].from[len - 1];
        if (step >= 0 && step < twins[i].n) {
            *out = (char)(twins[i].to + step);
            return len;
        }
    }
    return 0;
}

static char *plain(const char *s)
{
    char *out = mem_calloc(strlen(s) + 1, 1);
    size_t n = 0;
    while (out && *s) {
        char c = *s;
        const size_t len = (unsigned char)c < 0x80 ? 0 : twin_at(s, &c);
        out[n++] = strchr("*_`#\"'|\\$", c) ? ' ' : (char)tolower((unsigned char)c);
        s += len > 0 ? len : 1;
    }
    return out;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a word (letters only, n of them) is in a list that ends with NULL. */
static bool is_in(const char *s, size_t n, const char *const *list)
{
    for (; *list; list++) {
        if (strlen(*list) == n && strncmp(*list, s, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the text begins with an entry of the list; scripts without spaces have no word ends. */
static bool begins(const char *s, const char *const *list)
{
    for (; *list; list++) {
        const size_t n = strlen(*list);
        if (strncmp(s, *list, n) == 0 && ((unsigned char)**list >= 0xe0 || !is_letter(s[n]))) {
            return true;
        }
    }
    return false;
}

/* Whether the n bytes before `end` end with an entry of the list. */
static bool ends(const char *t, size_t end, const char *const *list)
{
    while (end > 0 && strchr(" \t(:", t[end - 1])) {
        end--;
    }
    for (; *list; list++) {
        const size_t n = strlen(*list);
        if (n <= end && strncmp(t + end - n, *list, n) == 0 &&
            (n == end || !isalpha((unsigned char)t[end - n - 1]))) {
            return true;
        }
    }
    return false;
}

static const char *const label_words[] = {
    "score",      "scores",    "scored",    "rating",      "grade",      "mark",    "verdict",
    "evaluation", "judgment",  "judgement", "result",      "overall",    "total",   "punktzahl",
    "bewertung",  "wertung",   "note",      "punktuacion", "puntuación", "puntaje", "calificación",
    "nota",       "pontuação", "punteggio", "voto",        "оценка",     "评分",    "分数",
    "得分",       "スコア",    "点数",      "評価",        "점수",       NULL};
static const char *const verb_words[] = {
    "rate",     "rated",   "give", "assign",  "assigned", "award", "deserves", "say",
    "estimate", "bewerte", "gebe", "vergebe", "doy",      "donne", "attribue", NULL};
static const char *const colon_words[] = {"answer", "antwort", "respuesta", "réponse", "risposta",
                                          "value",  "boxed",   "number",    NULL};
static const char *const link_words[] = {
    "is",   "of",  "was",  "be",  "would", "at", "a",      "an",    "the",           "to",
    "as",   "it",  "this", "ist", "est",   "es", "around", "about", "approximately", "roughly",
    "with", "von", "de",   NULL};
static const char *const final_words[] = {"final", "overall", "total", NULL};
static const char *const follow_words[] = {
    "out",    "points", "point",  "pts",   "pt",      "because", "since",  "as",
    "for",    "on",     "due",    "given", "but",     "percent", "punkte", "punkten",
    "puntos", "punti",  "pontos", "weil",  "prozent", "балл",    "баллов", "分",
    "点",     "점",     "で",     "です",  NULL};
static const char *const out_of[] = {"/",
                                     "out of",
                                     "of",
                                     "von",
                                     "sur",
                                     "de",
                                     "su",
                                     "из",
                                     "points out of",
                                     "points of",
                                     "out of a possible",
                                     "von maximal",
                                     "on",
                                     "点/",
                                     "分/",
                                     NULL};
static const char *const range_words[] = {"-", "to", "bis", "till", "through", "or",   "oder",
                                          "à", "a",  "至",  "到",   "до",      "から", NULL};
static const char *const and_words[] = {"and", "und", "et", "y", "e", "и", NULL};
static const char *const between[] = {"between", "zwischen", "entre", "tra", "между", NULL};
static const char *const scale_words[] = {"out of",  "scale of", "maximum of", "max",
                                          "maximum", "满分",     "up to",      NULL};
static const char *const scale_marks[] = {"満点", "点満点", "分满分", "점 만점", "점만점", NULL};

/* ---- numbers --------------------------------------------------------------------------------- */

static bool stands_alone(const char *t, size_t end)
{
    const char *p = t + end;
    p += strspn(p, " \t");
    if (*p == '=' || (*p == '-' && p == t + end && is_letter(p[1]))) {
        return false;
    }
    return !is_letter(*p) ? !is_digit(*p) : begins(p, follow_words);
}

/* Reads digits at `at`; false: part of a word, a version, a date of digits. */
static bool read_number(const char *t, size_t at, number *out)
{
    char *rest = NULL;
    const bool negative = at > 0 && t[at - 1] == '-' &&
                          (at == 1 || (!isalnum((unsigned char)t[at - 2]) &&
                                       !(at > 2 && t[at - 2] == ' ' && is_digit(t[at - 3]))));
    size_t end = at + strspn(t + at, "0123456789");
    double value;
    if (end - at > 9) {
        value = 1e9;
    } else {
        value = (double)strtol(t + at, &rest, 10);
    }
    if ((t[end] == '.' || t[end] == ',') && is_digit(t[end + 1])) {
        const size_t n = strspn(t + end + 1, "0123456789");
        double scale = 1, fraction = 0;
        for (size_t k = 1; k <= n && k < 16; k++) {
            scale *= 10;
            fraction = fraction * 10 + (t[end + k] - '0');
        }
        value = t[end] == ',' && n == 3 ? 1e9 : value + fraction / scale;
        end += n + 1;
    }
    const bool glued =
        at > 0 && (isalnum((unsigned char)t[at - 1]) ||
                   (t[at - 1] == '.' && at > 1 && !isspace((unsigned char)t[at - 2])) ||
                   (t[at - 1] == '-' && at > 1 && isalpha((unsigned char)t[at - 2])));
    const bool version = t[end] == '.' && is_digit(t[end + 1]);
    const bool word = isalpha((unsigned char)t[end]) && !begins(t + end, follow_words);
    end += t[end] == '%';
    *out = (number){.at = at, .end = end, .value = negative ? -value : value};
    out->good = stands_alone(t, end);
    return !glued && !version && !word;
}

static bool is_line_start(const char *t, size_t at)
{
    while (at > 0 && strchr(" \t>-+", t[at - 1])) {
        at--;
    }
    return at == 0 || t[at - 1] == '\n';
}

/* "1. Tone", "2) …", "Step 3: …" */
static bool is_list_mark(const char *t, const number *n)
{
    const char *p = t + n->end;
    const bool whole = n->value == floor(n->value) && n->value <= LIST_MAX;
    const bool line = is_line_start(t, n->at) && (*p == '.' || *p == ')');
    const bool step = *p == ':' && n->at > 1 && is_letter(t[n->at - 2]);
    if (!whole || n->value < 0 || !(line || step)) {
        return false;
    }
    p++;
    p += strspn(p, " \t");
    return *p && *p != '\n';
}

static bool collect(reading *r)
{
    for (size_t i = 0; r->t[i]; i++) {
        if (!is_digit(r->t[i])) {
            continue;
        }
        number n;
        const bool counts = read_number(r->t, i, &n);
        if (counts && r->count == MAX_NUMBERS) {
            return false;
        }
        if (counts) {
            n.gone = is_list_mark(r->t, &n);
            r->n[r->count++] = n;
        }
        i = n.end - 1;
        i += strspn(r->t + i + 1, "0123456789.");
    }
    return true;
}

/* ---- two numbers together -------------------------------------------------------------------- */

static bool gap_is(const reading *r, const number *a, const number *b, const char *const *list)
{
    size_t from = a->end, to = b->at;
    while (from < to && strchr(" \t", r->t[from])) {
        from++;
    }
    while (to > from && strchr(" \t", r->t[to - 1])) {
        to--;
    }
    return is_in(r->t + from, to - from, list);
}

static bool is_range(const reading *r, const number *a, const number *b)
{
    return gap_is(r, a, b, range_words) ||
           (gap_is(r, a, b, and_words) && ends(r->t, a->at, between));
}

/* Scales, fractions and ranges. */
static void pair_up(reading *r)
{
    for (size_t i = 0; i < r->count; i++) {
        number *a = &r->n[i], *b = i + 1 < r->count ? &r->n[i + 1] : NULL;
        const bool scale = ends(r->t, a->at, scale_words) || begins(r->t + a->end, scale_marks);
        if (a->gone) {
            continue;
        }
        if (b && gap_is(r, a, b, out_of)) {
            a->of = b->value;
            a->good = b->good && a->of > 0;
            a->end = b->end;
            b->gone = true;
            i++;
        } else if (b && is_range(r, a, b)) {
            const bool from_bottom = a->value == 0 || a->value == 1;
            if (b->value <= a->value && !(a->value == 100 && b->value <= 1)) {
                continue; /* "95 - 3 jokes" */
            }
            r->other_scale = r->other_scale || (from_bottom && b->value != 100);
            a->gone = b->gone = true;
            i++;
        } else if (scale) {
            r->other_scale = r->other_scale || a->value != 100;
            a->gone = true;
        }
    }
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* Where the sentence of a number begins, not before another number that counts. */
static size_t window_of(const reading *r, size_t i)
{
    const size_t at = r->n[i].at;
    size_t from = at > WINDOW ? at - WINDOW : 0;
    for (size_t k = 0; k < i; k++) {
        from = !r->n[k].gone && r->n[k].end > from ? r->n[k].end : from;
    }
    for (size_t p = at; p > from; p--) {
        const char c = r->t[p - 1];
        if (c == '\n' || c == ';' || ((c == '.' || c == '!' || c == '?') && p < at)) {
            return p;
        }
    }
    return from;
}

/* The last label word before the number decides; what stands between says how strongly. */
static void find_label(reading *r, size_t i)
{
    number *n = &r->n[i];
    size_t p = window_of(r, i);
    int others = 0;
    bool labelled = false, verb = false, colon_only = false, colon = false;
    while (p < n->at) {
        if (r->t[p] == '(' && memchr(r->t + p, ')', n->at - p)) {
            p = (size_t)((const char *)memchr(r->t + p, ')', n->at - p) - r->t) + 1;
            continue;
        }
        if (!is_letter(r->t[p])) {
            colon = strchr(":=>{", r->t[p]) != NULL || (colon && r->t[p] == ' ');
            p++;
            continue;
        }
        size_t len = 0;
        while (p + len < n->at && is_letter(r->t[p + len])) {
            len++;
        }
        const char *word = r->t + p;
        const bool l = is_in(word, len, label_words), v = is_in(word, len, verb_words);
        const bool c = is_in(word, len, colon_words);
        n->final = n->final || is_in(word, len, final_words);
        if (l || v || c) {
            labelled = true;
            verb = v;
            colon_only = c;
            others = 0;
        } else {
            others += !is_in(word, len, link_words);
        }
        colon = false;
        p += len;
    }
    if (labelled && colon && !verb && others == 0) {
        n->label = 3;
    } else if (labelled && !colon_only && n->good) {
        n->label = others == 0 ? 2 : 1;
    }
}

/* ---- the choice ------------------------------------------------------------------------------ */

static bool is_leading(const reading *r, const number *n)
{
    for (size_t p = 0; p < n->at; p++) {
        if (isalnum((unsigned char)r->t[p]) || (unsigned char)r->t[p] >= 0x80) {
            return false;
        }
    }
    return n->good;
}

static bool is_last_line(const reading *r, const number *n)
{
    return is_line_start(r->t, n->at) &&
           r->t[n->end + strspn(r->t + n->end, " \t\r\n.)}]>")] == '\0';
}

enum { LABELLED, OF_100, ALONE, WEAK, GOOD, N_RANKS };

static bool has_rank(const reading *r, const number *n, int rank)
{
    switch (rank) {
    case LABELLED:
        return n->label >= 2;
    case OF_100:
        return n->good && n->of == 100;
    case ALONE:
        return is_leading(r, n) || is_last_line(r, n);
    case WEAK:
        return n->label == 1;
    default:
        return n->good;
    }
}

/* The one value of the numbers of a rank, final ones before others; NULL: they differ. */
static const number *only(const reading *r, int rank, bool *any)
{
    const number *found = NULL;
    bool differ = false;
    *any = false;
    for (size_t i = 0; i < r->count; i++) {
        const number *n = &r->n[i];
        if (n->gone || !has_rank(r, n, rank) || (found && found->final && !n->final)) {
            continue;
        }
        *any = true;
        if (found && n->final && !found->final) {
            differ = false;
        } else if (found) {
            differ = differ || found->value != n->value || found->of != n->of;
        }
        found = n;
    }
    return differ ? NULL : found;
}

static const number *choose(reading *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (!r->n[i].gone) {
            find_label(r, i);
        }
    }
    for (int rank = 0; rank < N_RANKS; rank++) {
        bool any = false;
        const number *n = only(r, rank, &any);
        if (any) {
            return n;
        }
    }
    return NULL;
}

double score_of_text(const char *text, bool *at_end)
{
    const char *answer = answer_of(text);
    reading r = {.t = strstr(answer, "REFUSAL") ? NULL : plain(answer)};
    double score = (double)NAN;
    if (at_end) {
        *at_end = false;
    }
    if (r.t && collect(&r)) {
        pair_up(&r);
        const number *n = choose(&r);
        const bool ours = n && (n->of == 100 || (n->of == 0 && !r.other_scale));
        /* 0.85 is of another scale, too */
        if (ours && n->value >= 0 && n->value <= 100 && !(n->value > 0 && n->value < 1)) {
            score = n->value;
        }
        if (n && at_end) {
            *at_end = r.t[n->end] == '\0';
        }
    }
    mem_free(r.t);
    return score;
}
