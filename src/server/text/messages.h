/* SPDX-License-Identifier: MIT
 *
 * messages.h - the conversations that clients send, as a prompt of the model.
 */
#ifndef PERSONA_SERVER_MESSAGES_H
#define PERSONA_SERVER_MESSAGES_H

#include "server/text/text_ask.h"

enum { MESSAGES_MAX = 2048 };

/* The element of an array of messages. */
extern const field messages_element[];

/* Contents are strings or lists of text parts. Where the last message is the assistant's, the
 * answer goes on with it. What a grammar is to shape is answered without reasoning. Errors: USAGE,
 * those of persona_chat_tokens. */
PERSONA_CHECK persona_code messages_tokens(const served *m, const json_val *messages, const ask *a,
                                           persona_tokens *out, persona_err *e);
/* The same for the Responses API: text, or items, of which reasoning is passed over. */
PERSONA_CHECK persona_code messages_of_input(const served *m, const json_val *input,
                                             const char *instructions, const ask *a,
                                             persona_tokens *out, persona_err *e);

#endif
