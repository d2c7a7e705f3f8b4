/* SPDX-License-Identifier: MIT
 *
 * given.c - given answers as tokens (given.h).
 */
#include "server/routes/given.h"

#include "base/mem.h"
#include "base/try.h"
#include "server/text/messages.h"

static persona_code read_prompt(const served *m, const json_val *x, given_text *out, persona_err *e)
{
    const json_val *messages = json_get(x, "messages");
    const char *prompt = json_string(json_get(x, "prompt"));
    const bool talk = json_typeof(messages) == JSON_ARRAY;
    ask none;
    if (talk == (prompt != NULL)) {
        return persona_err_set(e, PERSONA_E_USAGE, "messages: wants either these or prompt");
    }
    ask_init(&none);
    out->raw = !talk;
    return talk ? messages_tokens(m, messages, &none, &out->prompt, e)
                : persona_raw_tokens(m->model, prompt, false, &out->prompt, e);
}

static persona_code take_ids(const served *m, const json_val *v, persona_tokens *out,
                             persona_err *e)
{
    out->ids = mem_calloc(json_len(v), sizeof *out->ids);
    if (out->ids == NULL) {
        return mem_err(e, "tokens");
    }
    for (; out->n < json_len(v); out->n++) {
        const double id = json_number(json_at(v, out->n), -1);
        if (!(id < m->info->n_vocab)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "tokens[%zu]: wants the number of a token below %d", out->n,
                                   m->info->n_vocab);
        }
        out->ids[out->n] = (persona_token)id;
    }
    return PERSONA_OK;
}

static persona_code read_reply(const served *m, const json_val *x, given_text *out, persona_err *e)
{
    const json_val *tokens = json_get(x, "tokens");
    const char *text = json_string(json_get(x, "text"));
    const bool ids = json_typeof(tokens) == JSON_ARRAY;
    if (ids == (text != NULL)) {
        return persona_err_set(e, PERSONA_E_USAGE, "text: wants either this or tokens");
    }
    return ids ? take_ids(m, tokens, &out->reply, e)
               : persona_tokenize_reply(m->model, &out->prompt, text, &out->reply, e);
}

persona_code given_read(const served *m, const json_val *x, given_text *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = (given_text){.raw = false};
    TRY(read_prompt(m, x, out, e));
    TRY(read_reply(m, x, out, e));
    if (out->prompt.n == 0 || out->reply.n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "%s: is empty",
                             out->prompt.n == 0 ? "prompt" : "text");
    }
out:
    if (rc != PERSONA_OK) {
        given_free(out);
    }
    return rc;
}

void given_free(given_text *x)
{
    persona_tokens_free(&x->prompt);
    persona_tokens_free(&x->reply);
}
