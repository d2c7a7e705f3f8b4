/* SPDX-License-Identifier: MIT
 *
 * harmony.c - OpenAI's harmony format, written by hand: libllama's built-in gpt-oss template puts
 * the system text into harmony's system role and knows no channels (design fact 7).
 *
 * Rendering follows openai/harmony docs/format.md: a fixed system message (identity, reasoning
 * effort, valid channels), the user's system text as the developer message, then turns. In history
 * <|return|> becomes <|end|> and analysis is dropped. No current date is rendered, so that the same
 * input gives the same tokens every day.
 */
#include <string.h>

#include "engine/engine.h"

void harmony_find_ids(const struct llama_vocab *vocab, harmony_ids *ids)
{
    ids->start = control_id(vocab, "<|start|>");
    ids->end = control_id(vocab, "<|end|>");
    ids->message = control_id(vocab, "<|message|>");
    ids->channel = control_id(vocab, "<|channel|>");
    ids->ret = control_id(vocab, "<|return|>");
    ids->call = control_id(vocab, "<|call|>");
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
