/* SPDX-License-Identifier: MIT
 *
 * harmony.c - OpenAI's harmony format, written by hand: libllama's built-in gpt-oss template puts
 * the system text into harmony's system role and knows no channels (design fact 7).
 *
 * Rendering follows openai/harmony docs/format.md: a fixed system message (identity, reasoning
 * effort, valid channels), the user's system text as the developer message, then turns. In history
 * <|return|> becomes <|end|> and analysis is dropped. No current date is rendered, so that the same
 * input gives the same tokens every day.
 *
 * Parsing: a reply is `<|channel|>NAME<|message|>text<|end|>` repeated, messages after the first
 * opened by `<|start|>assistant`. Only text of the channel `final` is the answer.
 */
#include <string.h>

#include "engine/engine.h"

static llama_token find_special(const struct llama_vocab *vocab, const char *text)
{
    llama_token t[4];
    int32_t n = llama_tokenize(vocab, text, (int32_t)strlen(text), t, 4, false, true);
    return n == 1 ? t[0] : -1;
}

void harmony_find_ids(const struct llama_vocab *vocab, harmony_ids *ids)
{
    ids->start = find_special(vocab, "<|start|>");
    ids->end = find_special(vocab, "<|end|>");
    ids->message = find_special(vocab, "<|message|>");
    ids->channel = find_special(vocab, "<|channel|>");
    ids->ret = find_special(vocab, "<|return|>");
    ids->call = find_special(vocab, "<|call|>");
}

static void open_message(transcript *t, const char *role)
{
    transcript_special(t, "<|start|>");
    transcript_text(t, role, NULL, NULL);
    transcript_special(t, "<|message|>");
}

static void render_system(transcript *t, const char *effort)
{
    open_message(t, "system");
    transcript_text(t,
                    "You are ChatGPT, a large language model trained by OpenAI.\n"
                    "Knowledge cutoff: 2024-06\n\nReasoning: ",
                    effort,
                    "\n\n# Valid channels: analysis, commentary, final. Channel must be included "
                    "for every message.");
    transcript_special(t, "<|end|>");
}

persona_code harmony_render(const persona_model *m, const persona_message *msgs, size_t n,
                            const persona_chat_opts *opts, transcript *t, persona_err *e)
{
    (void)m;
    const char *effort = opts != NULL && opts->effort != NULL ? opts->effort : "medium";
    if (strcmp(effort, "low") != 0 && strcmp(effort, "medium") != 0 &&
        strcmp(effort, "high") != 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "reasoning effort '%s' is unknown (low, medium or high)", effort);
    }
    render_system(t, effort);
    for (size_t i = 0; i < n; i++) {
        const persona_message *x = &msgs[i];
        if (strcmp(x->role, "system") == 0 || strcmp(x->role, "developer") == 0) {
            open_message(t, "developer");
            transcript_text(t, "# Instructions\n\n", x->content, NULL);
        } else if (strcmp(x->role, "assistant") == 0) {
            transcript_special(t, "<|start|>");
            transcript_text(t, "assistant", NULL, NULL);
            transcript_special(t, "<|channel|>");
            transcript_text(t, "final", NULL, NULL);
            transcript_special(t, "<|message|>");
            transcript_text(t, x->content, NULL, NULL);
        } else if (strcmp(x->role, "user") == 0) {
            open_message(t, "user");
            transcript_text(t, x->content, NULL, NULL);
        } else {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "message %zu: role '%s' is unknown (system, developer, user or "
                                   "assistant)",
                                   i, x->role);
        }
        transcript_special(t, "<|end|>");
    }
    transcript_special(t, "<|start|>");
    transcript_text(t, "assistant", NULL, NULL);
    if (opts != NULL && opts->skip_analysis) {
        transcript_special(t, "<|channel|>");
        transcript_text(t, "final", NULL, NULL);
        transcript_special(t, "<|message|>");
    }
    return PERSONA_OK;
}

void channel_init(channel_state *c, const persona_model *m, bool raw)
{
    memset(c, 0, sizeof *c);
    c->model = m;
    c->plain = raw || m->info.chat != PERSONA_CHAT_HARMONY;
    c->where = CHANNEL_HEADER;
    c->kind = TOKEN_OTHER;
}

static token_class class_of_channel(const char *name)
{
    /* the name may be followed by a recipient: "commentary to=functions.x" */
    if (strncmp(name, "final", 5) == 0) {
        return TOKEN_ANSWER;
    }
    return strncmp(name, "analysis", 8) == 0 ? TOKEN_ANALYSIS : TOKEN_OTHER;
}

token_class channel_feed(channel_state *c, llama_token t)
{
    const harmony_ids *h = &c->model->harmony;
    if (c->plain) {
        return model_is_end(c->model, t) ? TOKEN_TEMPLATE : TOKEN_ANSWER;
    }
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
        size_t used = strlen(c->name);
        buf piece;
        buf_init(&piece, 256);
        model_piece(c->model, t, true, &piece);
        size_t room = sizeof c->name - 1 - used;
        size_t n = piece.len < room ? piece.len : room;
        memcpy(c->name + used, buf_str(&piece), n);
        c->name[used + n] = '\0';
        buf_free(&piece);
    }
    return TOKEN_TEMPLATE;
}
