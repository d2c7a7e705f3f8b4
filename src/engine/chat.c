/* SPDX-License-Identifier: MIT
 *
 * chat.c - conversations as text and as tokens.
 *
 * Harmony is written by hand (harmony.c); every other template is evaluated (template.c). What a
 * content says must stay text, so it must be known where contents lie. The conversation is rendered
 * twice: with the contents, and with unguessable marks in their place. If the marked text with the
 * contents put back is the text, their places are known. If not, the template looks into contents
 * (it trims them, or splits them at </think>): then marks are set inside them, beside their first
 * and last letters and in place of whatever spells a control token. If that fails too, the text is
 * taken only if contents have added no control token at all.
 *
 * A reply that goes on from the last message (continue_last) begins where that content ends in the
 * conversation as history. Models that think render history without thoughts, and a content that
 * cannot be located has no end: then it is the text after a prompt for the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "engine/engine.h"
#include "engine/prompt_memo.h"

#define MAX_MARKS ((size_t)1 << 16)
#define MARK_DIGITS 4 /* of MAX_MARKS */

/* ---- variables ------------------------------------------------------------------------------- */

/* Of a model that has none, ""; transformers leaves it undefined. */
static const char *text_of_token(const persona_model *m, llama_token t)
{
    return token_is_marker(m->vocab, t) ? llama_vocab_get_text(m->vocab, t) : "";
}

static const char *role_of(const persona_message *x)
{
    return strcmp(x->role, "developer") == 0 ? "system" : x->role;
}

static persona_code check_roles(const persona_message *msgs, size_t n, persona_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *role = role_of(&msgs[i]);
        if (strcmp(role, "system") != 0 && strcmp(role, "user") != 0 &&
            strcmp(role, "assistant") != 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "message %zu: role '%s' is unknown (system, user or assistant)",
                                   i, role);
        }
    }
    return PERSONA_OK;
}

typedef struct conversation {
    const persona_model *m;
    const persona_message *msgs;
    size_t n;
    persona_chat_opts opts;
    bool closed; /* the template is not asked to begin a reply */
    persona_err *e;
} conversation;

/* The variables of transformers' apply_chat_template; contents instead of the messages' own. */
static void write_vars(const conversation *x, const buf *contents, buf *b)
{
    json_out o;
    jo_init(&o, b, false);
    jo_object(&o, NULL);
    jo_array(&o, "messages");
    for (size_t i = 0; i < x->n; i++) {
        jo_object(&o, NULL);
        jo_string(&o, "role", role_of(&x->msgs[i]));
        jo_string(&o, "content", contents != NULL ? buf_str(&contents[i]) : x->msgs[i].content);
        jo_end(&o);
    }
    jo_end(&o);
    jo_bool(&o, "add_generation_prompt", !x->closed);
    jo_null(&o, "tools");
    jo_null(&o, "documents");
    jo_string(&o, "bos_token", text_of_token(x->m, llama_vocab_bos(x->m->vocab)));
    jo_string(&o, "eos_token", text_of_token(x->m, llama_vocab_eos(x->m->vocab)));
    if (x->opts.effort != NULL) {
        jo_string(&o, "reasoning_effort", x->opts.effort);
    }
    if (x->opts.skip_analysis) {
        jo_bool(&o, "enable_thinking", false);
        jo_bool(&o, "thinking", false);
    }
    jo_int(&o, "now", x->opts.now != 0 ? x->opts.now : x->m->info.date);
    jo_end(&o);
}

static persona_code evaluate(const conversation *x, const buf *contents, char **out, size_t *n)
{
    buf vars;
    buf_init(&vars, TEMPLATE_MAX_TEXT);
    write_vars(x, contents, &vars);
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&vars, "the conversation", x->e));
    TRY(template_render(x->m->program, vars.p, vars.len, out, n, x->e));
out:
    buf_free(&vars);
    return rc;
}

/* ---- marks ----------------------------------------------------------------------------------- */

/* How contents are marked. */
typedef enum marking {
    MARK_WHOLE,  /* one mark in place of the content */
    MARK_INSIDE, /* beside its first and last letter, and in place of what spells control tokens */
    MARK_TURNS,  /* the same, but <think> and </think> stay for templates that split there */
    N_MARKINGS,
} marking;

typedef struct mark {
    const char *text; /* what it stands for */
    size_t len;
    enum { STANDS_FOR, CONTENT_BEGINS, CONTENT_ENDS } kind;
} mark;

typedef struct marks {
    char prefix[40]; /* unguessable */
    size_t n_prefix;
    mark *all;
    size_t n, cap;
} marks;

static persona_code marks_init(marks *k, persona_err *e)
{
    unsigned char secret[16];
    *k = (marks){0};
    if (!random_bytes(secret, sizeof secret)) {
        return persona_err_set(e, PERSONA_E_INTERNAL, "no random bytes from the system");
    }
    k->prefix[k->n_prefix++] = 'q';
    for (size_t i = 0; i < sizeof secret; i++) {
        k->prefix[k->n_prefix++] = "abcdefghijklmnop"[secret[i] >> 4];
        k->prefix[k->n_prefix++] = "abcdefghijklmnop"[secret[i] & 15];
    }
    return PERSONA_OK;
}

static void put_mark(marks *k, mark x, buf *b)
{
    if (k->n == k->cap) {
        const size_t cap = k->cap == 0 ? 64 : k->cap * 2;
        mark *grown = cap <= MAX_MARKS ? mem_realloc(k->all, cap, sizeof *grown) : NULL;
        if (grown == NULL) {
            b->failed = PERSONA_E_NOMEM;
            return;
        }
        k->all = grown;
        k->cap = cap;
    }
    buf_add(b, k->prefix, k->n_prefix);
    for (int i = MARK_DIGITS - 1; i >= 0; i--) {
        buf_putc(b, "abcdefghijklmnop"[(k->n >> (4 * i)) & 15]);
    }
    k->all[k->n++] = x;
}

static bool is_thought(const control_token *c)
{
    return strcmp(c->text, "<think>") == 0 || strcmp(c->text, "</think>") == 0;
}

static void mark_content(const conversation *x, const char *s, marking how, marks *k, buf *b)
{
    const char *end = s + strlen(s);
    if (how == MARK_WHOLE) {
        put_mark(k, (mark){s, (size_t)(end - s), STANDS_FOR}, b);
        return;
    }
    const char *last = end;
    while (last > s && (unsigned char)last[-1] <= ' ') {
        last--;
    }
    while (s < last && (unsigned char)*s <= ' ') {
        buf_putc(b, *s++);
    }
    const bool empty = s == last;
    if (!empty) {
        put_mark(k, (mark){"", 0, CONTENT_BEGINS}, b);
    }
    while (s < last) {
        const control_token *c = control_at(&x->m->controls, s, (size_t)(last - s));
        if (c == NULL || (how == MARK_TURNS && is_thought(c))) {
            buf_putc(b, *s++);
        } else {
            put_mark(k, (mark){s, c->len, STANDS_FOR}, b);
            s += c->len;
        }
    }
    if (!empty) {
        put_mark(k, (mark){"", 0, CONTENT_ENDS}, b);
    }
    buf_add(b, last, (size_t)(end - last));
}

/* The mark that begins text, or NULL. */
static const mark *mark_at(const marks *k, const char *text, size_t len)
{
    size_t index = 0;
    if (len < k->n_prefix + MARK_DIGITS || memcmp(text, k->prefix, k->n_prefix) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < MARK_DIGITS; i++) {
        index = index * 16 + (size_t)(text[k->n_prefix + i] - 'a');
    }
    return index < k->n ? &k->all[index] : NULL;
}

/* The text with what the marks stand for put back. */
static void weave(const marks *k, const char *text, size_t len, transcript *t)
{
    size_t opened = SIZE_MAX, from = 0;
    for (size_t i = 0; i < len; i++) {
        const mark *x = text[i] == k->prefix[0] ? mark_at(k, text + i, len - i) : NULL;
        if (x == NULL) {
            continue;
        }
        buf_add(&t->text, text + from, i - from);
        const size_t at = t->text.len;
        buf_add(&t->text, x->text, x->len);
        if (x->kind == CONTENT_BEGINS) {
            opened = at;
        } else if (x->kind == CONTENT_ENDS && opened != SIZE_MAX) {
            transcript_content(t, opened);
            opened = SIZE_MAX;
        } else if (opened == SIZE_MAX) {
            transcript_content(t, at);
        }
        i += k->n_prefix + MARK_DIGITS - 1;
        from = i + 1;
    }
    buf_add(&t->text, text + from, len - from);
}

/* Renders with marked contents and puts these back. */
static persona_code render_marked(const conversation *x, marking how, transcript *t)
{
    marks k = {0};
    char *text = NULL;
    size_t len = 0;
    persona_code rc;
    buf *contents = mem_calloc(x->n, sizeof *contents);
    if (contents == NULL) {
        return mem_err(x->e, "a conversation");
    }
    for (size_t i = 0; i < x->n; i++) {
        buf_init(&contents[i], TEMPLATE_MAX_TEXT);
    }
    TRY(marks_init(&k, x->e));
    for (size_t i = 0; i < x->n; i++) {
        mark_content(x, x->msgs[i].content, how, &k, &contents[i]);
        TRY(buf_ok(&contents[i], "a message", x->e));
    }
    TRY(evaluate(x, contents, &text, &len));
    weave(&k, text, len, t);
    if (t->failed != PERSONA_OK) {
        rc = mem_err(x->e, "a conversation");
    }
out:
    for (size_t i = 0; i < x->n; i++) {
        buf_free(&contents[i]);
    }
    mem_free(contents);
    mem_free(k.all);
    mem_free(text);
    return rc;
}

/* Whether both texts have the same control tokens in the same order. */
static bool same_controls(const persona_model *m, const char *a, size_t n_a, const buf *b)
{
    size_t i = 0, k = 0;
    for (;;) {
        const control_token *x = NULL, *y = NULL;
        while (i < n_a && (x = control_at(&m->controls, a + i, n_a - i)) == NULL) {
            i++;
        }
        while (k < b->len && (y = control_at(&m->controls, b->p + k, b->len - k)) == NULL) {
            k++;
        }
        if (x == NULL || y == NULL) {
            return x == y;
        }
        if (x->id != y->id) {
            return false;
        }
        i += x->len;
        k += y->len;
    }
}

/* Only the template's control tokens: contents replaced by letters. */
static persona_code contents_are_plain(const conversation *x, const char *text, size_t len,
                                       bool *plain)
{
    transcript t;
    persona_message *letters = mem_calloc(x->n, sizeof *letters);
    if (letters == NULL) {
        return mem_err(x->e, "a conversation");
    }
    conversation y = *x;
    for (size_t i = 0; i < x->n; i++) {
        letters[i] = (persona_message){x->msgs[i].role, "x"};
    }
    y.msgs = letters;
    transcript_init(&t);
    persona_code rc = render_marked(&y, MARK_WHOLE, &t);
    *plain = rc == PERSONA_OK && same_controls(x->m, text, len, &t.text);
    transcript_free(&t);
    mem_free(letters);
    return rc;
}

/* how: as contents were located; N_MARKINGS: they were not. */
static persona_code template_transcript(const conversation *x, transcript *t, marking *how)
{
    char *text = NULL;
    size_t len = 0;
    bool plain = false;
    persona_code rc;
    TRY(check_roles(x->msgs, x->n, x->e));
    TRY(evaluate(x, NULL, &text, &len));
    for (*how = 0; *how < N_MARKINGS; (*how)++) {
        TRY(render_marked(x, *how, t));
        if (t->text.len == len && memcmp(buf_str(&t->text), text, len) == 0) {
            goto out;
        }
        transcript_free(t);
        transcript_init(t);
    }
    TRY(contents_are_plain(x, text, len, &plain));
    if (!plain) {
        rc = persona_err_set(x->e, PERSONA_E_FORMAT,
                             "%s: its chat template changes a message that spells control tokens, "
                             "and what comes out could forge a turn (take them out of the message, "
                             "or pass --chat-template NAME|FILE)",
                             x->m->path);
        goto out;
    }
    buf_add(&t->text, text, len);
out:
    mem_free(text);
    return rc;
}

/* ---- thinking -------------------------------------------------------------------------------- */

static bool ends_with(const buf *b, size_t len, const char *tail)
{
    const size_t n = strlen(tail);
    return len >= n && memcmp(b->p + len - n, tail, n) == 0;
}

/* A reply that is to begin with the answer follows a closed thought. Templates that know how have
 * done it (enable_thinking); else it is closed as published for these models. */
static void skip_thinking(const persona_model *m, transcript *t)
{
    size_t len = t->text.len;
    while (len > 0 && (unsigned char)t->text.p[len - 1] <= ' ') {
        len--;
    }
    if (m->channels == CHANNELS_HARMONY) {
        buf_puts(&t->text, "<|channel|>final<|message|>");
        return;
    }
    if (!m->thinks || len == 0 || ends_with(&t->text, len, "</think>")) {
        return;
    }
    const bool opened = ends_with(&t->text, len, "<think>");
    const bool line = t->text.len > len;
    buf_puts(&t->text, !opened ? "<think>\n\n</think>\n\n"
                       : line  ? "\n</think>\n\n"
                               : "\n\n</think>\n\n");
}

/* ---- a reply that has begun ------------------------------------------------------------------ */

static size_t trimmed(const char *s)
{
    size_t n = strlen(s);
    while (n > 0 && (unsigned char)s[n - 1] <= ' ') {
        n--;
    }
    return n;
}

/* Ends the text where the last message's content does. False: it is not there as it was said. */
static bool cut_behind_last(const conversation *x, marking how, transcript *t)
{
    const char *said = x->msgs[x->n - 1].content;
    const size_t n = strlen(said), n_plain = trimmed(said);
    const size_t lead = strspn(said, " \t\r\n\v\f");
    if (t->n == 0 || how == N_MARKINGS) {
        return false;
    }
    struct span *last = &t->contents[t->n - 1];
    const size_t from = how == MARK_WHOLE ? 0 : lead, to = how == MARK_WHOLE ? n : n_plain;
    if (last->len != to - from || memcmp(t->text.p + last->at, said + from, to - from) != 0) {
        return false;
    }
    t->text.len = last->at + last->len;
    t->text.p[t->text.len] = '\0';
    buf_add(&t->text, said + to, n - to); /* what the template has trimmed */
    last->len += n - to;
    return true;
}

static persona_code render_continued(const conversation *x, transcript *t)
{
    const persona_model *m = x->m;
    const char *said = x->msgs[x->n - 1].content;
    conversation head = *x;
    marking how = N_MARKINGS;
    persona_code rc = PERSONA_OK;
    head.n--;
    head.opts.skip_analysis = true;
    if (m->info.chat == PERSONA_CHAT_HARMONY) {
        TRY(harmony_render(m, head.msgs, head.n, &head.opts, t, x->e));
    } else {
        if (!m->thinks && trimmed(said) > 0) {
            conversation whole = *x;
            whole.closed = true;
            TRY(template_transcript(&whole, t, &how));
            if (cut_behind_last(&whole, how, t)) {
                goto out;
            }
            transcript_free(t);
            transcript_init(t);
        }
        TRY(template_transcript(&head, t, &how));
        skip_thinking(m, t);
    }
    transcript_text(t, said, NULL, NULL);
out:
    return rc;
}

/* ---- conversations --------------------------------------------------------------------------- */

static bool is_system(const persona_message *x)
{
    return strcmp(role_of(x), "system") == 0;
}

/* Templates know one system message, in front: those that stand there together become one. *msgs
 * and *n are changed then; mem_free *own. */
static persona_code join_system(const persona_message **msgs, size_t *n, buf *text,
                                persona_message **own, persona_err *e)
{
    size_t k = 0;
    persona_code rc = PERSONA_OK;
    while (k < *n && is_system(&(*msgs)[k])) {
        buf_puts(text, k > 0 ? "\n\n" : "");
        buf_puts(text, (*msgs)[k++].content);
    }
    if (k < 2) {
        return PERSONA_OK;
    }
    TRY(buf_ok(text, "the system messages", e));
    *own = mem_calloc(*n - k + 1, sizeof **own);
    TRY(*own != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    (*own)[0] = (persona_message){"system", buf_str(text)};
    for (size_t i = k; i < *n; i++) {
        (*own)[i - k + 1] = (*msgs)[i];
    }
    *n = *n - k + 1;
    *msgs = *own;
out:
    return rc;
}

static persona_code render_fresh(const conversation *x, transcript *t)
{
    marking how;
    persona_code rc = PERSONA_OK;
    if (x->m->info.chat == PERSONA_CHAT_HARMONY) {
        return harmony_render(x->m, x->msgs, x->n, &x->opts, t, x->e);
    }
    TRY(template_transcript(x, t, &how));
    if (x->opts.skip_analysis) {
        skip_thinking(x->m, t);
    }
out:
    return rc;
}

static persona_code render(const persona_model *m, const persona_message *msgs, size_t n,
                           const persona_chat_opts *opts, transcript *t, persona_err *e)
{
    const persona_chat_opts none = {0};
    persona_message *own = NULL;
    persona_code rc = PERSONA_OK;
    buf system;
    buf_init(&system, TEMPLATE_MAX_TEXT);
    if (m->info.chat == PERSONA_CHAT_NONE) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%s: has no chat template, as base models have none (pass "
                             "--raw-prompts to ask it in a plain frame, or --chat-template "
                             "NAME|FILE)",
                             m->path);
        goto out;
    }
    TRY(join_system(&msgs, &n, &system, &own, e));
    const conversation x = {m, msgs, n, opts != NULL ? *opts : none, false, e};
    if (x.opts.continue_last && (n == 0 || strcmp(msgs[n - 1].role, "assistant") != 0)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the last message is not the assistant's: nothing to continue");
        goto out;
    }
    TRY(x.opts.continue_last ? render_continued(&x, t) : render_fresh(&x, t));
    TRY(t->failed == PERSONA_OK ? PERSONA_OK : mem_err(e, "a rendered conversation"));
    TRY(buf_ok(&t->text, "the conversation", e));
out:
    buf_free(&system);
    mem_free(own);
    return rc;
}

persona_code persona_chat_text(const persona_model *m, const persona_message *msgs, size_t n,
                               const persona_chat_opts *opts, char **out, persona_err *e)
{
    transcript t;
    transcript_init(&t);
    *out = NULL;
    const persona_code rc = render(m, msgs, n, opts, &t, e);
    if (rc == PERSONA_OK) {
        *out = t.text.len > 0 ? buf_take(&t.text) : mem_strdup("");
    }
    transcript_free(&t);
    return rc;
}

#define MAX_MEMO_KEY ((size_t)8192)

/* All that decides about the tokens. */
static void memo_key(buf *key, const persona_message *msgs, size_t n, const persona_chat_opts *opts)
{
    buf_printf(key, "%s %d %d %lld %zu", opts && opts->effort ? opts->effort : "",
               opts && opts->skip_analysis, opts && opts->continue_last,
               opts ? (long long)opts->now : 0LL, n);
    for (size_t i = 0; i < n; i++) {
        const char *const parts[2] = {msgs[i].role, msgs[i].content};
        for (size_t k = 0; k < 2; k++) {
            const size_t len = parts[k] ? strlen(parts[k]) : 0;
            buf_printf(key, " %zu:", len);
            buf_add(key, parts[k] ? parts[k] : "", len);
        }
    }
}

persona_code persona_chat_tokens(const persona_model *m, const persona_message *msgs, size_t n,
                                 const persona_chat_opts *opts, persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    transcript t;
    buf key;
    transcript_init(&t);
    buf_init(&key, MAX_MEMO_KEY);
    *out = (persona_tokens){0};
    memo_key(&key, msgs, n, opts);
    if (!key.failed && prompt_memo_find(m->memo, &key, out)) {
        goto out;
    }
    TRY(render(m, msgs, n, opts, &t, e));
    TRY(transcript_tokens(m, &t, out, e));
    if (!key.failed) {
        prompt_memo_keep(m->memo, &key, out);
    }
out:
    buf_free(&key);
    transcript_free(&t);
    return rc;
}
