/* SPDX-License-Identifier: MIT
 *
 * channel.c - tells thoughts from the answer, token by token.
 *
 * Harmony: a reply is `<|channel|>NAME<|message|>text<|end|>` repeated, messages after the first
 * opened by `<|start|>assistant`. Only text of the channel `final` is the answer.
 *
 * Think: a reply is `<think>thoughts</think>answer`, where the prompt may have opened the tag, or
 * closed it again. The tags may be tokens of their own or spelled by any tokens, so bytes are
 * followed: those that may become a tag are held back until it is known, and then belong to the
 * text or to nobody. A reply that does not begin with a thought is all answer, and one that ends in
 * a thought has no answer.
 *
 * Frame: a base model knows no end of a turn and goes on with a question of its own. A line that
 * begins like one ends the reply; newlines are held back until it is known what they lead to, so
 * they count as the template's.
 */
#include "engine/channel.h"

#include <string.h>

#include "engine/engine.h"

static const char OPEN[] = "<think>", CLOSE[] = "</think>", NEXT[] = "Question:";

void channel_init(channel_state *c, const persona_model *m, bool raw)
{
    memset(c, 0, sizeof *c);
    c->model = m;
    c->channels = raw ? CHANNELS_PLAIN : m->channels;
    c->where = CHANNEL_HEADER;
    c->kind = TOKEN_OTHER;
}

/* ---- harmony --------------------------------------------------------------------------------- */

static token_class class_of_channel(const char *name)
{
    /* the name may be followed by a recipient: "commentary to=functions.x" */
    if (strncmp(name, "final", 5) == 0) {
        return TOKEN_ANSWER;
    }
    return strncmp(name, "analysis", 8) == 0 ? TOKEN_ANALYSIS : TOKEN_OTHER;
}

static void add_name(channel_state *c, llama_token t)
{
    const size_t used = strlen(c->name), room = sizeof c->name - 1 - used;
    buf piece;
    buf_init(&piece, 256);
    model_piece(c->model, t, true, &piece);
    const size_t n = piece.len < room ? piece.len : room;
    memcpy(c->name + used, buf_str(&piece), n);
    c->name[used + n] = '\0';
    buf_free(&piece);
}

static token_class harmony_step(channel_state *c, llama_token t)
{
    const harmony_ids *h = &c->model->harmony;
    if (t == h->start || t == h->end || t == h->ret || t == h->call) {
        c->where = CHANNEL_HEADER;
        c->kind = TOKEN_OTHER;
        c->name[0] = '\0';
        return TOKEN_TEMPLATE;
    }
    if (t == h->channel) {
        c->where = CHANNEL_NAME;
        c->name[0] = '\0';
        return TOKEN_TEMPLATE;
    }
    if (t == h->message) {
        c->kind = c->where == CHANNEL_NAME ? class_of_channel(c->name) : TOKEN_OTHER;
        c->where = CHANNEL_BODY;
        return TOKEN_TEMPLATE;
    }
    if (c->where == CHANNEL_BODY) {
        return c->kind;
    }
    if (c->where == CHANNEL_NAME) {
        add_name(c, t);
    }
    return TOKEN_TEMPLATE;
}

/* ---- think ----------------------------------------------------------------------------------- */

static void emit(buf *to, const char *p, size_t n, size_t *count)
{
    *count += n;
    if (to != NULL) {
        buf_add(to, p, n);
    }
}

static bool begins(const char *tag, const char *p, size_t n)
{
    return n <= strlen(tag) && memcmp(tag, p, n) == 0;
}

static void enter(channel_state *c, channel_place where)
{
    c->where = where;
    c->n_held = 0;
    c->leading = true;
}

static void drop_first(channel_state *c)
{
    memmove(c->name, c->name + 1, --c->n_held);
}

/* The prompt: the last tag since a control token counts. */
static void header_byte(channel_state *c, char b)
{
    c->name[c->n_held++] = b;
    while (c->n_held > 0 && !begins(OPEN, c->name, c->n_held) &&
           !begins(CLOSE, c->name, c->n_held)) {
        drop_first(c);
    }
    if (c->n_held == strlen(OPEN) && c->name[1] == 't') {
        enter(c, CHANNEL_THOUGHT);
    } else if (c->n_held == strlen(CLOSE)) {
        enter(c, CHANNEL_ANSWER);
    }
}

/* The reply's first bytes: white space and a tag, or the answer. */
static void start_byte(channel_state *c, char b, buf *answer, size_t *n)
{
    size_t at = 0;
    c->name[c->n_held++] = b;
    while (at < c->n_held && strchr(" \t\r\n", c->name[at]) != NULL) {
        at++;
    }
    if (c->n_held < sizeof c->name && begins(OPEN, c->name + at, c->n_held - at)) {
        if (c->n_held - at == strlen(OPEN)) {
            enter(c, CHANNEL_THOUGHT);
        }
        return;
    }
    emit(answer, c->name, c->n_held, n);
    c->n_held = 0;
    c->where = CHANNEL_ANSWER;
}

static void thought_byte(channel_state *c, char b, buf *analysis, size_t *n)
{
    if (c->leading && b == '\n') {
        return;
    }
    c->leading = false;
    c->name[c->n_held++] = b;
    for (;;) {
        size_t at = 0; /* newlines before the tag belong to it */
        while (at < c->n_held && c->name[at] == '\n') {
            at++;
        }
        if (begins(CLOSE, c->name + at, c->n_held - at) && c->n_held < sizeof c->name) {
            if (c->n_held - at == strlen(CLOSE)) {
                enter(c, CHANNEL_ANSWER);
            }
            return;
        }
        emit(analysis, c->name, 1, n);
        drop_first(c);
    }
}

static token_class think_step(channel_state *c, llama_token t, buf *analysis, buf *answer)
{
    size_t n_analysis = 0, n_answer = 0;
    buf piece;
    buf_init(&piece, 1 << 16);
    model_piece(c->model, t, true, &piece);
    const char *p = buf_str(&piece);
    const bool tag = strcmp(p, OPEN) == 0 || strcmp(p, CLOSE) == 0;
    if (!tag && model_is_control(c->model, t)) {
        if (!c->replying) {
            enter(c, CHANNEL_HEADER);
        }
        piece.len = 0;
    }
    for (size_t i = 0; i < piece.len; i++) {
        if (c->where == CHANNEL_HEADER) {
            header_byte(c, p[i]);
        } else if (c->where == CHANNEL_START) {
            start_byte(c, p[i], answer, &n_answer);
        } else if (c->where == CHANNEL_THOUGHT) {
            thought_byte(c, p[i], analysis, &n_analysis);
        } else if (!c->leading || p[i] != '\n') {
            c->leading = false;
            emit(answer, p + i, 1, &n_answer);
        }
    }
    buf_free(&piece);
    return n_answer > 0 ? TOKEN_ANSWER : n_analysis > 0 ? TOKEN_ANALYSIS : TOKEN_TEMPLATE;
}

/* ---- frame ----------------------------------------------------------------------------------- */

static void frame_byte(channel_state *c, char b, buf *answer, size_t *n)
{
    c->name[c->n_held++] = b;
    while (c->n_held > 0) {
        size_t at = 0;
        while (at < c->n_held && c->name[at] == '\n') {
            at++;
        }
        if (at > 0 && begins(NEXT, c->name + at, c->n_held - at) && c->n_held < sizeof c->name) {
            c->ended = c->n_held - at == strlen(NEXT);
            return;
        }
        emit(answer, c->name, 1, n);
        drop_first(c);
    }
}

static token_class frame_step(channel_state *c, llama_token t, buf *answer)
{
    size_t n = 0;
    buf piece;
    if (!c->replying) {
        return TOKEN_TEMPLATE;
    }
    buf_init(&piece, 1 << 16);
    model_piece(c->model, t, false, &piece);
    for (size_t i = 0; i < piece.len && !c->ended; i++) {
        frame_byte(c, piece.p[i], answer, &n);
    }
    buf_free(&piece);
    return n > 0 ? TOKEN_ANSWER : TOKEN_TEMPLATE;
}

/* ---- all ------------------------------------------------------------------------------------- */

token_class channel_step(channel_state *c, llama_token t, buf *analysis, buf *answer)
{
    if (c->channels == CHANNELS_THINK) {
        return think_step(c, t, analysis, answer);
    }
    if (c->channels == CHANNELS_FRAME) {
        return frame_step(c, t, answer);
    }
    const token_class k = c->channels == CHANNELS_HARMONY ? harmony_step(c, t)
                          : model_is_end(c->model, t)     ? TOKEN_TEMPLATE
                                                          : TOKEN_ANSWER;
    buf *to = k == TOKEN_ANSWER ? answer : k == TOKEN_ANALYSIS ? analysis : NULL;
    if (to != NULL) {
        model_piece(c->model, t, false, to);
    }
    return k;
}

token_class channel_feed(channel_state *c, llama_token t)
{
    return channel_step(c, t, NULL, NULL);
}

void channel_reply(channel_state *c)
{
    c->replying = true;
    if (c->channels != CHANNELS_THINK) {
        return;
    }
    if (c->where == CHANNEL_HEADER) {
        enter(c, CHANNEL_START);
    } else if (c->where == CHANNEL_ANSWER) {
        c->leading = false;
    }
}

void channel_end(channel_state *c, buf *analysis, buf *answer)
{
    if (c->channels == CHANNELS_FRAME && !c->ended) {
        buf_add(answer, c->name, c->n_held);
        c->n_held = 0;
    }
    if (c->channels == CHANNELS_THINK && c->n_held > 0) {
        buf_add(c->where == CHANNEL_THOUGHT ? analysis : answer, c->name, c->n_held);
        c->n_held = 0;
    }
}

bool channel_answered(const channel_state *c)
{
    switch (c->channels) {
    case CHANNELS_HARMONY:
        return c->where == CHANNEL_BODY && c->kind == TOKEN_ANSWER;
    case CHANNELS_THINK:
        return c->where != CHANNEL_THOUGHT;
    case CHANNELS_PLAIN:
    case CHANNELS_FRAME:
    default:
        return true;
    }
}

bool channel_in_call(const channel_state *c)
{
    return c->channels == CHANNELS_HARMONY && c->replying &&
           ((c->where == CHANNEL_BODY && c->kind == TOKEN_OTHER) ||
            ((c->where == CHANNEL_BODY || c->where == CHANNEL_NAME) &&
             strstr(c->name, " to=") != NULL));
}
