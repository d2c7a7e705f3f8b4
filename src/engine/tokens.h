/* SPDX-License-Identifier: MIT
 *
 * tokens.h - text to tokens: what a vocabulary's control tokens are, and where text may become one.
 */
#ifndef PERSONA_ENGINE_TOKENS_H
#define PERSONA_ENGINE_TOKENS_H

#include <llama.h>

#include "base/buf.h"
#include "persona/session.h"

/* A token whose text is markup: it must not come out of a content. */
typedef struct control_token {
    const char *text; /* the vocabulary's */
    size_t len;
    llama_token id;
    bool user_defined; /* libllama finds it in plain text, too */
} control_token;

typedef struct control_set {
    control_token *all; /* by first byte, then the longest first */
    size_t n;
    size_t first[257];
} control_set;

/* tmpl: the chat template, whose own markup counts where the vocabulary calls it user-defined;
 * NULL: none. Errors: NOMEM. */
PERSONA_CHECK persona_code controls_find(const struct llama_vocab *vocab, const char *tmpl,
                                         control_set *out, persona_err *e);
void controls_free(control_set *c);
/* The longest that begins text, or NULL. */
const control_token *control_at(const control_set *c, const char *text, size_t len);
/* The token that text is, or -1. */
llama_token control_id(const struct llama_vocab *vocab, const char *text);

/* Tokenizers that put a space in front of a text (SPM with add_space_prefix): what a line break
 * alone becomes, behind which there is none. n 0: this one does not. */
typedef struct space_rule {
    llama_token lead[4];
    size_t n;
} space_rule;
space_rule space_rule_find(const struct llama_vocab *vocab);

/* Where a vocabulary names no BOS or EOS libllama may give a word of it, which is neither. */
bool token_is_marker(const struct llama_vocab *vocab, llama_token t);

/* A rendered conversation, and where in it text stands that came from outside. */
typedef struct transcript {
    buf text;
    struct span {
        size_t at, len;
    } * contents; /* ascending */
    size_t n, cap;
    persona_code failed;
} transcript;
void transcript_init(transcript *t);
void transcript_free(transcript *t);
/* Text of the template. */
void transcript_special(transcript *t, const char *token);
/* Text that stays text; any of them may be NULL. */
void transcript_text(transcript *t, const char *a, const char *b, const char *c);
/* What stands between `at` and the end is content. */
void transcript_content(transcript *t, size_t at);

/* Tokens of a transcript, BOS first where the vocabulary wants one and the text has none. */
PERSONA_CHECK persona_code transcript_tokens(const persona_model *m, const transcript *t,
                                             persona_tokens *out, persona_err *e);

#endif
