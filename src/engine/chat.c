/* SPDX-License-Identifier: MIT
 *
 * chat.c - conversations to tokens, and text to tokens and back.
 *
 * A conversation is rendered into pieces: control tokens and plain text. Plain pieces are tokenised
 * without looking for control tokens, so a user who types <|im_end|> cannot close a turn. BPE never
 * merges across a control token, so for honest content the result equals tokenising the whole text.
 * Templates other than ChatML and harmony are rendered by libllama and tokenised as one text.
 */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"

#define MAX_TRANSCRIPT ((size_t)16 << 20)

void transcript_init(transcript *t)
{
    memset(t, 0, sizeof *t);
    buf_init(&t->text, MAX_TRANSCRIPT);
}

void transcript_free(transcript *t)
{
    buf_free(&t->text);
    mem_free(t->pieces);
    memset(t, 0, sizeof *t);
}

static void add_piece(transcript *t, size_t len, bool special)
{
    if (t->n > 0 && !special && !t->pieces[t->n - 1].special) {
        t->pieces[t->n - 1].len += len;
        return;
    }
    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 32 : t->cap * 2;
        struct piece *grown = mem_realloc(t->pieces, cap, sizeof *grown);
        if (grown == NULL) {
            t->failed = PERSONA_E_NOMEM;
            return;
        }
        t->pieces = grown;
        t->cap = cap;
    }
    t->pieces[t->n++] = (struct piece){.at = t->text.len - len, .len = len, .special = special};
}

void transcript_special(transcript *t, const char *token)
{
    buf_puts(&t->text, token);
    add_piece(t, strlen(token), true);
}

void transcript_text(transcript *t, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    size_t len = 0;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i] != NULL) {
            buf_puts(&t->text, parts[i]);
            len += strlen(parts[i]);
        }
    }
    if (len > 0) {
        add_piece(t, len, false);
    }
}

static void chatml_turn(transcript *t, const char *role, const char *content)
{
    transcript_special(t, "<|im_start|>");
    transcript_text(t, role, "\n", content);
    transcript_special(t, "<|im_end|>");
    transcript_text(t, "\n", NULL, NULL);
}

static persona_code chatml_render(const persona_model *m, const persona_message *msgs, size_t n,
                                  transcript *t, persona_err *e)
{
    if (m->default_system != NULL && (n == 0 || strcmp(msgs[0].role, "system") != 0)) {
        chatml_turn(t, "system", m->default_system);
    }
    for (size_t i = 0; i < n; i++) {
        const char *role = strcmp(msgs[i].role, "developer") == 0 ? "system" : msgs[i].role;
        if (strcmp(role, "system") != 0 && strcmp(role, "user") != 0 &&
            strcmp(role, "assistant") != 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "message %zu: role '%s' is unknown (system, user or assistant)",
                                   i, role);
        }
        chatml_turn(t, role, msgs[i].content);
    }
    transcript_special(t, "<|im_start|>");
    transcript_text(t, "assistant\n", NULL, NULL);
    return PERSONA_OK;
}

static persona_code builtin_render(const persona_model *m, const persona_message *msgs, size_t n,
                                   char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct llama_chat_message *list = mem_calloc(n, sizeof *list);
    char *text = NULL;
    if (list == NULL) {
        return mem_err(e, "messages");
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct llama_chat_message){msgs[i].role, msgs[i].content};
    }
    int32_t need = llama_chat_apply_template(m->chat_template, list, n, true, NULL, 0);
    if (need <= 0) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%s: libllama cannot render this chat template (use raw prompts)",
                             m->path);
        goto out;
    }
    text = mem_calloc((size_t)need + 1, 1);
    if (text == NULL) {
        rc = mem_err(e, "a rendered conversation");
        goto out;
    }
    llama_chat_apply_template(m->chat_template, list, n, true, text, need + 1);
    *out = text;
out:
    mem_free(list);
    return rc;
}

static persona_code render(const persona_model *m, const persona_message *msgs, size_t n,
                           const persona_chat_opts *opts, transcript *t, persona_err *e)
{
    persona_code rc;
    if (m->info.chat == PERSONA_CHAT_HARMONY) {
        rc = harmony_render(m, msgs, n, opts, t, e);
    } else {
        rc = chatml_render(m, msgs, n, t, e);
    }
    if (rc == PERSONA_OK && t->failed != PERSONA_OK) {
        rc = mem_err(e, "a rendered conversation");
    }
    if (rc == PERSONA_OK) {
        rc = buf_ok(&t->text, "the conversation", e);
    }
    return rc;
}

static persona_code check_template(const persona_model *m, persona_err *e)
{
    if (m->info.chat != PERSONA_CHAT_NONE) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                           "%s: has no chat template that is known here (use raw prompts: --raw)",
                           m->path);
}

persona_code persona_chat_text(const persona_model *m, const persona_message *msgs, size_t n,
                               const persona_chat_opts *opts, char **out, persona_err *e)
{
    transcript t;
    *out = NULL;
    persona_code rc = check_template(m, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (m->info.chat == PERSONA_CHAT_BUILTIN) {
        return builtin_render(m, msgs, n, out, e);
    }
    transcript_init(&t);
    rc = render(m, msgs, n, opts, &t, e);
    if (rc == PERSONA_OK) {
        *out = buf_take(&t.text);
    }
    transcript_free(&t);
    return rc;
}

/* Appends the tokens of text[0..len) to out, which grows. */
static persona_code append_run(const persona_model *m, const char *text, size_t len,
                               bool parse_special, persona_tokens *out, persona_err *e)
{
    if (len > (size_t)INT32_MAX / 2) {
        return persona_err_set(e, PERSONA_E_USAGE, "text of %zu bytes is too long", len);
    }
    int32_t need = -llama_tokenize(m->vocab, text, (int32_t)len, NULL, 0, false, parse_special);
    if (need <= 0) {
        return PERSONA_OK;
    }
    persona_token *grown = mem_realloc(out->ids, out->n + (size_t)need, sizeof *grown);
    if (grown == NULL) {
        return mem_err(e, "tokens");
    }
    out->ids = grown;
    int32_t got =
        llama_tokenize(m->vocab, text, (int32_t)len, out->ids + out->n, need, false, parse_special);
    if (got < 0) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "the tokenizer changed its mind");
    }
    out->n += (size_t)got;
    return PERSONA_OK;
}

/* libllama marks some of gpt-oss's control tokens as user-defined and then finds them in plain text
 * too. Cutting plain text between '<' and '|' hides every <|...|> from it. */
static persona_code append_tokens(const persona_model *m, const char *text, size_t len,
                                  bool parse_special, persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t from = 0;
    for (size_t i = 1; rc == PERSONA_OK && !parse_special && i < len; i++) {
        if (text[i - 1] == '<' && text[i] == '|') {
            rc = append_run(m, text + from, i - from, false, out, e);
            from = i;
        }
    }
    return rc != PERSONA_OK ? rc : append_run(m, text + from, len - from, parse_special, out, e);
}

persona_code persona_tokenize(const persona_model *m, const char *text, bool parse_special,
                              persona_tokens *out, persona_err *e)
{
    *out = (persona_tokens){0};
    persona_code rc = append_tokens(m, text, strlen(text), parse_special, out, e);
    if (rc != PERSONA_OK) {
        persona_tokens_free(out);
    }
    return rc;
}

persona_code persona_chat_tokens(const persona_model *m, const persona_message *msgs, size_t n,
                                 const persona_chat_opts *opts, persona_tokens *out, persona_err *e)
{
    transcript t;
    *out = (persona_tokens){0};
    persona_code rc = check_template(m, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (m->info.chat == PERSONA_CHAT_BUILTIN) {
        char *text = NULL;
        rc = builtin_render(m, msgs, n, &text, e);
        if (rc == PERSONA_OK) {
            rc = persona_tokenize(m, text, true, out, e);
        }
        mem_free(text);
        return rc;
    }
    transcript_init(&t);
    rc = render(m, msgs, n, opts, &t, e);
    for (size_t i = 0; rc == PERSONA_OK && i < t.n; i++) {
        const struct piece *p = &t.pieces[i];
        rc = append_tokens(m, t.text.p + p->at, p->len, p->special, out, e);
    }
    transcript_free(&t);
    if (rc != PERSONA_OK) {
        persona_tokens_free(out);
    }
    return rc;
}

persona_code persona_detokenize(const persona_model *m, const persona_token *ids, size_t n,
                                bool special, char **out, persona_err *e)
{
    buf b;
    buf_init(&b, MAX_TRANSCRIPT);
    for (size_t i = 0; i < n; i++) {
        model_piece(m, ids[i], special, &b);
    }
    persona_code rc = buf_ok(&b, "detokenised text", e);
    if (rc == PERSONA_OK) {
        *out = b.len == 0 ? mem_strdup("") : buf_take(&b);
        if (*out == NULL) {
            rc = mem_err(e, "detokenised text");
        }
    }
    buf_free(&b);
    return rc;
}

void persona_tokens_free(persona_tokens *t)
{
    if (t != NULL) {
        mem_free(t->ids);
        *t = (persona_tokens){0};
    }
}
