/* SPDX-License-Identifier: MIT
 *
 * endpoint_reply.c - scores from the replies of OpenAI-compatible servers.
 *
 * The number is looked for at the first token that is not white space, among the alternatives that
 * the server lists there: S = sum i p_i / sum p_i over those that are whole numbers 0..100,
 * whatever white space they carry. A tokenizer that splits numbers into digits makes that
 * expectation meaningless (it is one of first digits), so then the number in the text counts,
 * which is the most likely one. A text may hold words around the number; "x/100" is a number, any
 * other fraction is none.
 */
#include "pipeline/judge/endpoint_reply.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

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

/* ---- text ------------------------------------------------------------------------------------ */

/* The first number of the text, 0..100, or NAN. */
static double text_number(const char *s)
{
    const char *p = s;
    while (*p && !is_digit(*p)) {
        if (strncmp(p, "REFUSAL", 7) == 0) {
            return (double)NAN;
        }
        p++;
    }
    if (!*p || (p > s && (p[-1] == '-' || p[-1] == '.'))) {
        return (double)NAN;
    }
    char *end = NULL;
    const size_t n = strspn(p, "0123456789.");
    const double x = strtod(p, &end);
    if ((size_t)(end - p) > n || x > 100) { /* "1e9", "0x1f" */
        return (double)NAN;
    }
    while (*end == ' ') {
        end++;
    }
    if (*end == '/' && strtod(end + 1, NULL) != 100.0) {
        return (double)NAN;
    }
    return x;
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
    if (is_refusal(token) || !(t.mass >= min_mass) || t.mass <= 0) {
        return true;
    }
    out->score = (float)(out->is_split ? text_number(text) : t.sum / t.mass);
    return true;
}

/* ---- replies --------------------------------------------------------------------------------- */

persona_code endpoint_reply_read(const char *body, size_t n, float min_mass, endpoint_reply *out,
                                 persona_err *e)
{
    json_doc *doc = NULL;
    *out = (endpoint_reply){.score = NAN, .mass = 1};
    persona_code rc = json_parse(body, n, "reply", &doc, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const json_val *choice = json_at(json_get(json_root(doc), "choices"), 0);
    const json_val *message = json_get(choice, "message");
    const char *text = json_string(json_get(message, "content"));
    if (json_typeof(message) != JSON_OBJECT) {
        char words[160];
        rc = persona_err_set(e, PERSONA_E_FORMAT, "the reply has no choices[0].message: %s",
                             endpoint_reply_words(body, n, words, sizeof words));
    } else if (!read_places(json_get(json_get(choice, "logprobs"), "content"), text ? text : "",
                            (double)min_mass, out)) {
        out->score = (float)text_number(text ? text : "");
    }
    json_free(doc);
    return rc;
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
    const char *s = rc == PERSONA_OK ? error_text(json_root(doc)) : NULL;
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
