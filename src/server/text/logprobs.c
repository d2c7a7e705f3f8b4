/* SPDX-License-Identifier: MIT
 *
 * logprobs.c - log-probabilities in replies (logprobs.h).
 */
#include "server/text/logprobs.h"

#include <math.h>

enum { TOKEN_BYTES = 256 };

/* A token's bytes and a NUL; jo_string shows those that are no text by themselves as U+FFFD. */
static size_t bytes_of(const persona_model *m, persona_token t, char out[TOKEN_BYTES + 1])
{
    const size_t n = persona_token_bytes(m, t, true, out, TOKEN_BYTES);
    out[n < TOKEN_BYTES ? n : TOKEN_BYTES] = '\0';
    return n < TOKEN_BYTES ? n : TOKEN_BYTES;
}

/* What is impossible has no finite logarithm; OpenAI's replies say -9999. */
static double told(float logprob)
{
    return isfinite(logprob) ? (double)logprob : -9999;
}

static void entry(json_out *o, const persona_model *m, const top_logit *t)
{
    char text[TOKEN_BYTES + 1];
    const size_t n = bytes_of(m, t->token, text);
    jo_string(o, "token", text);
    jo_int(o, "id", t->token);
    jo_number(o, "logprob", told(t->logprob));
    jo_array(o, "bytes");
    for (size_t i = 0; i < n; i++) {
        jo_int(o, NULL, (unsigned char)text[i]);
    }
    jo_end(o);
}

static void content_entry(json_out *o, const persona_model *m, const top_logits *l)
{
    jo_object(o, NULL);
    entry(o, m, &l->chosen);
    jo_array(o, "top_logprobs");
    for (size_t i = 0; i < l->n; i++) {
        jo_object(o, NULL);
        entry(o, m, &l->top[i]);
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
}

void logprobs_list_json(json_out *o, const char *key, const persona_model *m,
                        const top_logits *list, size_t n)
{
    jo_array(o, key);
    for (size_t i = 0; i < n; i++) {
        content_entry(o, m, &list[i]);
    }
    jo_end(o);
}

static void content(json_out *o, const persona_model *m, const top_logits *list, size_t n)
{
    jo_object(o, "logprobs");
    logprobs_list_json(o, "content", m, list, n);
    jo_null(o, "refusal");
    jo_end(o);
}

static const persona_model *model_of(const collected *x)
{
    return answer_spec_of(x->a)->model->model;
}

void logprobs_json(json_out *o, const collected *x, int choice)
{
    if (answer_spec_of(x->a)->logprobs) {
        content(o, model_of(x), x->choices[choice].logprobs, x->choices[choice].n_logprobs);
    } else {
        jo_null(o, "logprobs");
    }
}

void logprobs_piece_json(json_out *o, const collected *x, const answer_event *event)
{
    if (event->logprob != NULL && !event->analysis) {
        content(o, model_of(x), event->logprob, 1);
    } else {
        jo_null(o, "logprobs");
    }
}

/* In code points. */
static long long length_of(const char *text)
{
    long long n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static void alternatives(json_out *o, const persona_model *m, const top_logits *l)
{
    char text[TOKEN_BYTES + 1];
    jo_object(o, NULL);
    for (size_t k = 0; k < l->n; k++) {
        bytes_of(m, l->top[k].token, text);
        jo_number(o, text, told(l->top[k].logprob));
    }
    jo_end(o);
}

void logprobs_legacy_json(json_out *o, const persona_model *m, const top_logits *list, size_t n,
                          long long offset, bool first_none)
{
    char text[TOKEN_BYTES + 1];
    jo_object(o, "logprobs");
    jo_array(o, "tokens");
    for (size_t i = 0; i < n; i++) {
        bytes_of(m, list[i].chosen.token, text);
        jo_string(o, NULL, text);
    }
    jo_end(o);
    jo_array(o, "token_logprobs");
    for (size_t i = 0; i < n; i++) {
        jo_number(o, NULL, i == 0 && first_none ? (double)NAN : told(list[i].chosen.logprob));
    }
    jo_end(o);
    jo_array(o, "top_logprobs");
    for (size_t i = 0; i < n; i++) {
        if (i == 0 && first_none) {
            jo_null(o, NULL);
        } else {
            alternatives(o, m, &list[i]);
        }
    }
    jo_end(o);
    jo_array(o, "text_offset");
    for (size_t i = 0; i < n; i++) {
        jo_int(o, NULL, offset);
        bytes_of(m, list[i].chosen.token, text);
        offset += length_of(text);
    }
    jo_end(o);
    jo_end(o);
}
