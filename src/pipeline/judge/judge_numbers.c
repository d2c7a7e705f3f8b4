/* SPDX-License-Identifier: MIT
 *
 * judge_numbers.c - the scale of a judging model is decided by its tokenizer: some keep up to three
 * digits together, so that each of 0..100 is one token; others write digit by digit; small ones do
 * both. All of them are one case: a tree whose edges are tokens and whose nodes are what has been
 * written so far.
 *
 *   P(number) = product of P(token | before) along its path x P(no further digit)
 *
 * The last factor is asked for only where the tree goes on ("1" may become "15", "10" may become
 * "100"); elsewhere a number is complete when it is written, as in the published one-token scheme.
 */
#include "pipeline/judge/judge_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

/* ---- the tree -------------------------------------------------------------------------------- */

static int child_of(const numbers *x, int node, persona_token t)
{
    int c = x->nodes[node].child;
    while (c >= 0 && x->nodes[c].token != t) {
        c = x->nodes[c].next;
    }
    return c;
}

static void add_digits(numbers *x, persona_token t)
{
    for (int i = 0; i < x->n_digits; i++) {
        if (x->digits[i] == t) {
            return;
        }
    }
    x->digits[x->n_digits++] = t;
}

static void insert(numbers *x, const persona_token *t, size_t n, int value)
{
    int at = 0;
    for (size_t i = 0; i < n; i++) {
        int c = child_of(x, at, t[i]);
        if (c < 0) {
            c = x->n++;
            x->nodes[c] = (number_node){
                .token = t[i], .value = -1, .parent = at, .child = -1, .next = x->nodes[at].child};
            x->nodes[at].child = c;
            add_digits(x, t[i]);
        }
        at = c;
    }
    x->nodes[at].value = value;
    x->deep = x->deep || n > 1;
}

/* The tokens of a number as they stand after a line break. Tokenizers that put a space in front of
 * a text would otherwise put it in front of the number. */
static persona_code tokens_of(const persona_model *m, const char *text, persona_tokens *all,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_tokens lead = {0};
    TRY(persona_tokenize(m, "\n", false, &lead, e));
    TRY(persona_tokenize_reply(m, &lead, text, all, e));
out:
    persona_tokens_free(&lead);
    return rc;
}

static persona_code add_number(const persona_model *m, numbers *x, int value, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char text[8];
    char *spelled = NULL;
    persona_tokens t = {0};
    snprintf(text, sizeof text, "%d", value);
    TRY(tokens_of(m, text, &t, e));
    if (t.n > 0) {
        TRY(persona_detokenize(m, t.ids, t.n, false, &spelled, e));
    }
    if (!spelled || strcmp(spelled, text) != 0 || t.n > NUMBERS_DEPTH) {
        TRY(persona_err_set(e, PERSONA_E_UNAVAILABLE,
                            "%.200s cannot judge: its tokenizer does not write %d as digits",
                            persona_model_info_get(m)->path, value));
    }
    insert(x, t.ids, t.n, value);
out:
    mem_free(spelled);
    persona_tokens_free(&t);
    return rc;
}

persona_code numbers_of(const persona_model *m, numbers *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    memset(out, 0, sizeof *out);
    out->nodes[0] = (number_node){.token = -1, .value = -1, .parent = -1, .child = -1, .next = -1};
    out->n = 1;
    for (int value = 0; value <= 100; value++) {
        TRY(add_number(m, out, value, e));
    }
out:
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

static double log_total(const float *logits, size_t n)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        top = fmax(top, (double)logits[i]);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - top);
    }
    return top + log(sum);
}

size_t numbers_read(const numbers *x, number_branch at, const float *logits, size_t n_vocab,
                    number_sum *sum, number_branch *open)
{
    const double total = log_total(logits, n_vocab);
    const number_node *node = &x->nodes[at.node];
    size_t n_open = 0;
    if (node->value >= 0) {
        double stop = 1;
        for (int i = 0; i < x->n_digits; i++) {
            stop -= exp((double)logits[x->digits[i]] - total);
        }
        stop = fmax(stop, 0);
        sum->mass += at.p * stop;
        sum->weighted += at.p * stop * node->value;
    }
    for (int c = node->child; c >= 0; c = x->nodes[c].next) {
        const number_branch b = {c, at.p * exp((double)logits[x->nodes[c].token] - total)};
        if (x->nodes[c].child >= 0) {
            open[n_open++] = b;
        } else {
            sum->mass += b.p;
            sum->weighted += b.p * x->nodes[c].value;
        }
    }
    return n_open;
}

size_t numbers_path(const numbers *x, int node, persona_token path[NUMBERS_DEPTH])
{
    size_t n = 0;
    for (int at = node; at > 0; at = x->nodes[at].parent) {
        n++;
    }
    for (size_t i = n; i > 0; i--, node = x->nodes[node].parent) {
        path[i - 1] = x->nodes[node].token;
    }
    return n;
}
