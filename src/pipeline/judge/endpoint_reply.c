/* SPDX-License-Identifier: MIT
 *
 * endpoint_reply.c - scores from the replies of OpenAI-compatible servers.
 *
 * The number is looked for at the first token that is not white space, among the alternatives that
 * the server lists there: S = sum i p_i / sum p_i over those that are whole numbers 0..100,
 * whatever white space they carry. A tokenizer that splits numbers into digits makes that
 * expectation meaningless (it is one of first digits), so then the number in the text counts,
 * which is the most likely one. So it does where the server gives no alternatives, and where the
 * reply begins with words; which number of a text is the score is score_text.c's to say.
 */
#include "pipeline/judge/endpoint_reply.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "pipeline/judge/score_text.h"

enum { MAX_PLACES = 64 }; /* alternatives and tokens that are looked at */

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *strip(const char *s, size_t *len)
{
    while (isspace((unsigned char)*s)) {
        s++;
    }
    *len = strlen(s);
    while (*len > 0 && isspace((unsigned char)s[*len - 1])) {
        (*len)--;
    }
    return s;
}

/* The whole number 0..100 that the token is, or -1. *digits is how many it has. */
static int token_number(const char *token, size_t *digits)
{
    size_t n = 0;
    int value = 0;
    const char *s = strip(token, &n);
    if (n < 1 || n > 3) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s[i])) {
            return -1;
        }
        value = 10 * value + (s[i] - '0');
    }
    *digits = n;
    return value <= 100 ? value : -1;
}

/* "REFUSAL" may arrive in pieces: any beginning of it counts. */
static bool is_refusal(const char *token)
{
    size_t n = 0;
    const char *s = strip(token, &n);
    return n > 0 && n <= 7 && strncmp(s, "REFUSAL", n) == 0;
}

/* ---- probabilities --------------------------------------------------------------------------- */

typedef struct tally {
    double mass, sum; /* of p and of i p over the numbers */
    bool sees_long, sees_number;
} tally;

static void count(tally *t, const json_val *place)
{
    size_t digits = 0;
    const char *token = json_string(json_get(place, "token"));
    const double p = exp(json_number(json_get(place, "logprob"), (double)NAN));
    const int number = token ? token_number(token, &digits) : -1;
    if (number < 0 || !(p >= 0 && p <= 1 + 1e-6)) {
        return;
    }
    t->mass += p;
    t->sum += p * number;
    t->sees_number = true;
    t->sees_long = t->sees_long || digits > 1;
}

/* places: the array logprobs.content. False: it says nothing. */
static bool read_places(const json_val *places, const char *text, double min_mass,
                        endpoint_reply *out)
{
    tally t = {0};
    const json_val *here = NULL;
    const char *token = NULL;
    size_t at = 0, len = 0, digits = 0;
    for (; at < json_len(places) && at < MAX_PLACES; at++) {
        here = json_at(places, at);
        token = json_string(json_get(here, "token"));
        if (token && (strip(token, &len), len > 0)) {
            break;
        }
        token = NULL;
    }
    if (!token) {
        return false;
    }
    const json_val *top = json_get(here, "top_logprobs");
    if (json_len(top) == 0) {
        count(&t, here);
    }
    for (size_t i = 0; i < json_len(top) && i < MAX_PLACES; i++) {
        count(&t, json_at(top, i));
    }
    const char *next = json_string(json_get(json_at(places, at + 1), "token"));
    const int number = token_number(token, &digits);
    out->has_logprobs = true;
    out->sees_long = t.sees_long;
    out->is_split = number >= 0 && digits < 3 && next && is_digit(*next);
    out->is_open = t.sees_number && !t.sees_long && json_at(places, at + 1) == NULL;
    out->mass = (float)fmin(t.mass, 1);
    out->score = NAN;
    if (is_refusal(token)) {
        return true;
    }
    if (number < 0 && !(t.mass >= min_mass)) {
        out->is_wordy = true;
        out->score = (float)score_of_text(text, &out->is_cut);
    } else if (t.mass >= min_mass && t.mass > 0) {
        out->score = (float)(out->is_split ? score_of_text(text, NULL) : t.sum / t.mass);
    }
    return true;
}

/* ---- replies --------------------------------------------------------------------------------- */

/* The text of a message: content as a string, or what its parts of type text hold. */
static void content_of(const json_val *message, buf *out)
{
    const json_val *content = json_get(message, "content");
    const char *text = json_string(content);
    buf_puts(out, text ? text : "");
    for (size_t i = 0; i < json_len(content) && i < MAX_PLACES; i++) {
        const char *part = json_string(json_get(json_at(content, i), "text"));
        buf_puts(out, part ? part : "");
    }
}

/* Whether the server stopped for length before the score was said, or in the middle of it. */
static bool was_cut(const json_val *choice, const endpoint_reply *r, const char *text)
{
    const char *why = json_string(json_get(choice, "finish_reason"));
    return why && strcmp(why, "length") == 0 && !strstr(text, "REFUSAL") &&
           (isnan(r->score) || r->is_cut);
}

persona_code endpoint_reply_read(const char *body, size_t n, float min_mass, endpoint_reply *out,
                                 persona_err *e)
{
    json_doc *doc = NULL;
    buf text;
    *out = (endpoint_reply){.score = NAN, .mass = 1};
    persona_code rc = json_parse(body, n, "reply", &doc, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    buf_init(&text, n + 1); /* JSON is never shorter than what it says */
    const json_val *choice = json_at(json_get(json_root(doc), "choices"), 0);
    const json_val *message = json_get(choice, "message");
    content_of(message, &text);
    if (json_typeof(message) != JSON_OBJECT) {
        char words[160];
        rc = persona_err_set(e, PERSONA_E_FORMAT, "the reply has no choices[0].message: %s",
                             endpoint_reply_words(body, n, words, sizeof words));
    } else if (!read_places(json_get(json_get(choice, "logprobs"), "content"), buf_str(&text),
                            (double)min_mass, out)) {
        out->score = (float)score_of_text(buf_str(&text), &out->is_cut);
    }
    out->is_cut = was_cut(choice, out, buf_str(&text));
    buf_free(&text);
    json_free(doc);
    return rc;
}

/* Google wraps its errors in an array. */
static const json_val *error_root(const json_doc *doc)
{
    const json_val *root = json_root(doc);
    return json_typeof(root) == JSON_ARRAY ? json_at(root, 0) : root;
}

static const char *error_text(const json_val *root)
{
    const json_val *error = json_get(root, "error");
    const char *s = json_string(json_get(error, "message"));
    s = s ? s : json_string(error);
    s = s ? s : json_string(json_get(root, "message"));
    return s ? s : json_string(json_get(root, "detail"));
}

const char *endpoint_reply_words(const char *body, size_t n, char *out, size_t size)
{
    json_doc *doc = NULL;
    persona_err ignored;
    const persona_code rc = json_parse(body, n, "reply", &doc, &ignored);
    const char *s = rc == PERSONA_OK ? error_text(error_root(doc)) : NULL;
    const size_t len = s ? strlen(s) : n;
    size_t used = 0;
    s = s ? s : body;
    for (size_t i = 0; i < len && used + 1 < size; i++) {
        const bool blank = (unsigned char)s[i] <= ' ';
        if (!blank) {
            out[used++] = s[i];
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    while (used > 0 && (out[used - 1] == ' ' || (used + 1 == size && out[used - 1] & '\x80'))) {
        used--; /* no character is cut in half */
    }
    out[used] = '\0';
    json_free(doc);
    return out;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static bool holds_word(const char *text, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = text ? strstr(text, word) : NULL; p; p = strstr(p + 1, word)) {
        const bool before = p == text || (!isalnum((unsigned char)p[-1]) && p[-1] != '_');
        if (before && !isalnum((unsigned char)p[n]) && p[n] != '_') {
            return true;
        }
    }
    return false;
}

/* FastAPI: {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, here
 * or one level below. The text that was sent may be repeated there and is not looked at. */
static bool detail_names(const json_val *root, const char *name)
{
    const json_val *detail = json_get(root, "detail");
    detail = detail ? detail : json_get(json_get(root, "message"), "detail");
    for (size_t i = 0; i < json_len(detail) && i < MAX_PLACES; i++) {
        const json_val *loc = json_get(json_at(detail, i), "loc");
        const char *last = json_len(loc) > 0 ? json_string(json_at(loc, json_len(loc) - 1)) : NULL;
        if (last && strcmp(last, name) == 0) {
            return true;
        }
    }
    return false;
}

bool endpoint_reply_names(const char *body, size_t n, const char *name)
{
    json_doc *doc = NULL;
    persona_err ignored;
    if (json_parse(body, n, "reply", &doc, &ignored) != PERSONA_OK) {
        char words[400]; /* plain text: the server's own few words, not a page */
        return holds_word(endpoint_reply_words(body, n, words, sizeof words), name);
    }
    const json_val *root = error_root(doc);
    const char *param = json_string(json_get(json_get(root, "error"), "param"));
    param = param ? param : json_string(json_get(root, "param"));
    const bool found = param ? strcmp(param, name) == 0
                             : holds_word(error_text(root), name) || detail_names(root, name);
    json_free(doc);
    return found;
}
