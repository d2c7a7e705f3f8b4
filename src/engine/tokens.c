/* SPDX-License-Identifier: MIT
 *
 * tokens.c - text to tokens and back.
 *
 * Control tokens are the only borders. A text in which no content spells one is tokenized whole, so
 * that its ids are those of the whole rendering by construction. Where a content does, the text is
 * cut at the template's own control tokens; what lies between is tokenized as plain text, contents
 * together with the template's words beside them. Plain text is not safe by itself: libllama finds
 * user-defined tokens in it, so it is cut inside the text of each that is markup.
 *
 * Some tokenizers put a space in front of a text and of what follows a control token, but not in
 * front of what follows words; pieces that do are tokenized behind a line break.
 *
 * BOS and EOS are what the vocabulary's metadata says: BOS begins a text that does not begin with
 * it; EOS ends only a text that is complete, since nothing follows it.
 */
#include "engine/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"

#define MAX_TRANSCRIPT ((size_t)16 << 20)

/* ---- control tokens -------------------------------------------------------------------------- */

llama_token control_id(const struct llama_vocab *vocab, const char *text)
{
    llama_token t[4];
    const int32_t n = llama_tokenize(vocab, text, (int32_t)strlen(text), t, 4, false, true);
    return n == 1 && strcmp(llama_vocab_get_text(vocab, t[0]), text) == 0 ? t[0] : -1;
}

/* User-defined tokens are words as a rule (spaces, tags of HTML); markup are those that look like
 * <|this|>, and tags that the template itself writes. */
static bool is_markup(const char *text, size_t len, const char *tmpl)
{
    if (len < 3) {
        return false;
    }
    if (len > 4 && text[0] == '<' && text[1] == '|' && text[len - 2] == '|' &&
        text[len - 1] == '>') {
        return true;
    }
    const bool tag =
        (text[0] == '<' && text[len - 1] == '>') || (text[0] == '[' && text[len - 1] == ']');
    return tag && tmpl != NULL && strstr(tmpl, text) != NULL;
}

static int by_first_byte(const void *a, const void *b)
{
    const control_token *x = a, *y = b;
    const unsigned char p = (unsigned char)x->text[0], q = (unsigned char)y->text[0];
    if (p != q) {
        return p < q ? -1 : 1;
    }
    return x->len == y->len ? 0 : x->len > y->len ? -1 : 1;
}

persona_code controls_find(const struct llama_vocab *vocab, const char *tmpl, control_set *out,
                           persona_err *e)
{
    const llama_token n = llama_vocab_n_tokens(vocab);
    size_t cap = 0;
    *out = (control_set){0};
    for (llama_token t = 0; t < n; t++) {
        const unsigned attr = (unsigned)llama_vocab_get_attr(vocab, t);
        const bool user = (attr & LLAMA_TOKEN_ATTR_USER_DEFINED) != 0;
        const char *text = llama_vocab_get_text(vocab, t);
        const size_t len = strlen(text);
        if (len == 0 || !((attr & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0 ||
                          (user && is_markup(text, len, tmpl)))) {
            continue;
        }
        if (out->n == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            control_token *grown = mem_realloc(out->all, cap, sizeof *grown);
            if (grown == NULL) {
                controls_free(out);
                return mem_err(e, "control tokens");
            }
            out->all = grown;
        }
        out->all[out->n++] = (control_token){text, len, t, user};
    }
    if (out->n > 0) {
        qsort(out->all, out->n, sizeof *out->all, by_first_byte);
    }
    for (size_t i = 0, c = 0; c <= 256; c++) {
        while (i < out->n && (unsigned char)out->all[i].text[0] < c) {
            i++;
        }
        out->first[c] = i;
    }
    return PERSONA_OK;
}

void controls_free(control_set *c)
{
    mem_free(c->all);
    *c = (control_set){0};
}

const control_token *control_at(const control_set *c, const char *text, size_t len)
{
    const unsigned char b = len > 0 ? (unsigned char)text[0] : 0;
    for (size_t i = c->first[b]; len > 0 && i < c->first[b + 1]; i++) {
        if (c->all[i].len <= len && memcmp(c->all[i].text, text, c->all[i].len) == 0) {
            return &c->all[i];
        }
    }
    return NULL;
}

/* ---- transcripts ----------------------------------------------------------------------------- */

void transcript_init(transcript *t)
{
    memset(t, 0, sizeof *t);
    buf_init(&t->text, MAX_TRANSCRIPT);
}

void transcript_free(transcript *t)
{
    buf_free(&t->text);
    mem_free(t->contents);
    memset(t, 0, sizeof *t);
}

void transcript_content(transcript *t, size_t at)
{
    if (t->text.len <= at) {
        return;
    }
    if (t->n == t->cap) {
        const size_t cap = t->cap == 0 ? 32 : t->cap * 2;
        struct span *grown = mem_realloc(t->contents, cap, sizeof *grown);
        if (grown == NULL) {
            t->failed = PERSONA_E_NOMEM;
            return;
        }
        t->contents = grown;
        t->cap = cap;
    }
    t->contents[t->n++] = (struct span){at, t->text.len - at};
}

void transcript_special(transcript *t, const char *token)
{
    buf_puts(&t->text, token);
}

void transcript_text(transcript *t, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    const size_t at = t->text.len;
    for (size_t i = 0; i < 3; i++) {
        buf_puts(&t->text, parts[i] != NULL ? parts[i] : "");
    }
    transcript_content(t, at);
}

/* ---- to tokens ------------------------------------------------------------------------------- */

static persona_code append_id(persona_tokens *out, persona_token t, size_t at, persona_err *e)
{
    persona_token *grown = mem_realloc(out->ids, out->n + 1, sizeof *grown);
    if (grown == NULL) {
        return mem_err(e, "tokens");
    }
    memmove(grown + at + 1, grown + at, (out->n - at) * sizeof *grown);
    grown[at] = t;
    out->ids = grown;
    out->n++;
    return PERSONA_OK;
}

space_rule space_rule_find(const struct llama_vocab *vocab)
{
    space_rule r = {.n = 0};
    llama_token first[8];
    const int32_t n = llama_tokenize(vocab, "a", 1, first, 8, false, false);
    if (n > 0 && strncmp(llama_vocab_get_text(vocab, first[0]), "\xE2\x96\x81", 3) == 0) {
        const int32_t lead = llama_tokenize(vocab, "\n", 1, r.lead, 4, false, false);
        r.n = lead > 0 ? (size_t)lead : 0;
    }
    return r;
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

/* As append_run without control tokens, for text that stands behind words. */
static persona_code append_inside(const persona_model *m, const char *text, size_t len,
                                  persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const space_rule *r = &m->space;
    persona_tokens all = {0};
    buf led;
    buf_init(&led, MAX_TRANSCRIPT);
    if (r->n > 0 && len > 0) {
        buf_putc(&led, '\n');
        buf_add(&led, text, len);
        TRY(buf_ok(&led, "a text", e));
        TRY(append_run(m, led.p, led.len, false, &all, e));
    }
    if (all.n < r->n || all.n == 0 || memcmp(all.ids, r->lead, r->n * sizeof *all.ids) != 0) {
        rc = append_run(m, text, len, false, out, e);
        goto out;
    }
    persona_token *grown = mem_realloc(out->ids, out->n + all.n - r->n + 1, sizeof *grown);
    if (grown == NULL) {
        rc = mem_err(e, "tokens");
        goto out;
    }
    out->ids = grown;
    memcpy(grown + out->n, all.ids + r->n, (all.n - r->n) * sizeof *grown);
    out->n += all.n - r->n;
out:
    persona_tokens_free(&all);
    buf_free(&led);
    return rc;
}

/* Text that stays text; inside: it stands behind words. */
static persona_code append_plain(const persona_model *m, const char *text, size_t len, bool inside,
                                 persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        const control_token *c = control_at(&m->controls, text + i, len - i);
        if (c != NULL && c->user_defined) {
            const size_t n = i + 1 - from;
            TRY(inside ? append_inside(m, text + from, n, out, e)
                       : append_run(m, text + from, n, false, out, e));
            from = i + 1;
            inside = true;
        }
    }
    TRY(inside ? append_inside(m, text + from, len - from, out, e)
               : append_run(m, text + from, len - from, false, out, e));
out:
    return rc;
}

static bool overlaps(const transcript *t, size_t at, size_t len)
{
    for (size_t i = 0; i < t->n && t->contents[i].at < at + len; i++) {
        if (t->contents[i].at + t->contents[i].len > at) {
            return true;
        }
    }
    return false;
}

/* The next control token of the template at or after *at, or NULL; *forged: a content spells one
 * before that. */
static const control_token *next_border(const persona_model *m, const transcript *t, size_t *at,
                                        bool *forged)
{
    const char *text = buf_str(&t->text);
    for (; *at < t->text.len; (*at)++) {
        const control_token *c = control_at(&m->controls, text + *at, t->text.len - *at);
        if (c != NULL && !overlaps(t, *at, c->len)) {
            return c;
        }
        *forged = *forged || c != NULL;
    }
    return NULL;
}

static persona_code append_cut(const persona_model *m, const transcript *t, persona_tokens *out,
                               persona_err *e)
{
    const char *text = buf_str(&t->text);
    persona_code rc = PERSONA_OK;
    bool forged = false;
    for (size_t from = 0, at = 0; from < t->text.len; from = at) {
        const control_token *c = next_border(m, t, &at, &forged);
        TRY(append_plain(m, text + from, at - from, false, out, e));
        if (c != NULL) {
            TRY(append_id(out, c->id, out->n, e));
            at += c->len;
        }
    }
out:
    return rc;
}

bool token_is_marker(const struct llama_vocab *vocab, llama_token t)
{
    return t >= 0 && ((unsigned)llama_vocab_get_attr(vocab, t) & LLAMA_TOKEN_ATTR_NORMAL) == 0;
}

static persona_code begin(const persona_model *m, persona_tokens *out, persona_err *e)
{
    const llama_token bos = llama_vocab_bos(m->vocab);
    const bool wanted = llama_vocab_get_add_bos(m->vocab) && token_is_marker(m->vocab, bos);
    return wanted && (out->n == 0 || out->ids[0] != bos) ? append_id(out, bos, 0, e) : PERSONA_OK;
}

persona_code transcript_tokens(const persona_model *m, const transcript *t, persona_tokens *out,
                               persona_err *e)
{
    persona_code rc;
    bool forged = false;
    *out = (persona_tokens){0};
    for (size_t at = 0; at < t->text.len && !forged;) {
        const control_token *c = next_border(m, t, &at, &forged);
        at += c != NULL ? c->len : 0;
    }
    TRY(forged ? append_cut(m, t, out, e)
               : append_run(m, buf_str(&t->text), t->text.len, true, out, e));
    TRY(begin(m, out, e));
out:
    if (rc != PERSONA_OK) {
        persona_tokens_free(out);
    }
    return rc;
}

persona_code persona_tokenize(const persona_model *m, const char *text, bool parse_special,
                              persona_tokens *out, persona_err *e)
{
    *out = (persona_tokens){0};
    const persona_code rc = parse_special ? append_run(m, text, strlen(text), true, out, e)
                                          : append_plain(m, text, strlen(text), false, out, e);
    if (rc != PERSONA_OK) {
        persona_tokens_free(out);
    }
    return rc;
}

persona_code persona_tokenize_reply(const persona_model *m, const persona_tokens *prompt,
                                    const char *text, persona_tokens *out, persona_err *e)
{
    const unsigned borders =
        LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED | LLAMA_TOKEN_ATTR_UNKNOWN;
    const bool inside =
        prompt->n > 0 &&
        ((unsigned)llama_vocab_get_attr(m->vocab, prompt->ids[prompt->n - 1]) & borders) == 0;
    *out = (persona_tokens){0};
    const persona_code rc = append_plain(m, text, strlen(text), inside, out, e);
    if (rc != PERSONA_OK) {
        persona_tokens_free(out);
    }
    return rc;
}

persona_code persona_raw_tokens(const persona_model *m, const char *text, bool complete,
                                persona_tokens *out, persona_err *e)
{
    persona_code rc;
    const llama_token eos = llama_vocab_eos(m->vocab);
    TRY(persona_tokenize(m, text, true, out, e));
    TRY(begin(m, out, e));
    if (complete && llama_vocab_get_add_eos(m->vocab) && token_is_marker(m->vocab, eos) &&
        (out->n == 0 || out->ids[out->n - 1] != eos)) {
        TRY(append_id(out, eos, out->n, e));
    }
out:
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

size_t persona_token_bytes(const persona_model *m, persona_token t, bool special, char *out,
                           size_t cap)
{
    buf b;
    if (t < 0 || t >= m->info.n_vocab) {
        return 0;
    }
    buf_init(&b, MAX_TRANSCRIPT);
    model_piece(m, t, special, &b);
    const size_t n = b.len;
    if (n > 0 && cap > 0) {
        memcpy(out, b.p, n < cap ? n : cap);
    }
    buf_free(&b);
    return n;
}

void persona_tokens_free(persona_tokens *t)
{
    if (t != NULL) {
        mem_free(t->ids);
        *t = (persona_tokens){0};
    }
}
