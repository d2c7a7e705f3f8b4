/* SPDX-License-Identifier: MIT
 *
 * texts.h - reading texts out of strings, for the tests of store/text/textfile.h.
 */
#ifndef PERSONA_TEST_TEXTS_H
#define PERSONA_TEST_TEXTS_H

#include <math.h>

#include "store/text/textfile.h"

#define TEXTS_HEADER "question,prompt,answer,question_id,evil,coherence\n"

static inline text_reader *texts_open(const char *name, const char *text, size_t n)
{
    text_reader *r = NULL;
    persona_err e = {0};
    if (text_reader_open_bytes(name, text, n, NULL, &r, &e)) {
        fail_msg("%s", e.msg);
    }
    return r;
}

static inline text_item *texts_next(text_reader *r)
{
    text_item *item = NULL;
    persona_err e = {0};
    if (text_reader_next(r, &item, &e)) {
        fail_msg("%s", e.msg);
    }
    return item;
}

/* The one item of a text. */
static inline text_item *texts_only(const char *name, const char *text)
{
    text_reader *r = texts_open(name, text, strlen(text));
    text_item *item = texts_next(r);
    assert_non_null(item);
    assert_null(texts_next(r));
    text_reader_close(r);
    return item;
}

/* Reads until something is wrong; n_before: items before that. */
static inline persona_code texts_error(const char *name, const char *text, size_t n,
                                       const text_reader_opts *o, size_t *n_before, persona_err *e)
{
    text_reader *r = NULL;
    text_item *item = NULL;
    persona_code code = text_reader_open_bytes(name, text, n, o, &r, e);
    *n_before = 0;
    while (!code && !(code = text_reader_next(r, &item, e)) && item) {
        text_item_free(item);
        (*n_before)++;
    }
    assert_true(!code || e->code == code);
    text_reader_close(r);
    return code;
}

typedef struct texts_case {
    const char *text, *message; /* message: how it begins */
} texts_case;

static inline void texts_bad(const char *name, const texts_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        persona_err e = {0};
        size_t before = 0;
        const persona_code code =
            texts_error(name, cases[i].text, strlen(cases[i].text), NULL, &before, &e);
        if (code != PERSONA_E_FORMAT ||
            strncmp(e.msg, cases[i].message, strlen(cases[i].message))) {
            fail_msg("case %zu: %s\n  said: %s\n  not:  %s", i, cases[i].text, e.msg,
                     cases[i].message);
        }
    }
}

static inline void texts_same(double x, double y)
{
    assert_true((isnan(x) && isnan(y)) || (x >= y && x <= y));
}

#endif
