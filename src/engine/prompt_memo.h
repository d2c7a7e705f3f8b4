/* SPDX-License-Identifier: MIT
 *
 * prompt_memo.h - tokens of conversations that are asked again and again.
 */
#ifndef PERSONA_ENGINE_PROMPT_MEMO_H
#define PERSONA_ENGINE_PROMPT_MEMO_H

#include "base/buf.h"
#include "persona/session.h"

typedef struct prompt_memo prompt_memo;

prompt_memo *prompt_memo_new(void); /* NULL: no memory; then nothing is kept */
void prompt_memo_free(prompt_memo *m);
/* True: *out is a copy of what was kept under the key. m may be NULL. */
bool prompt_memo_find(prompt_memo *m, const buf *key, persona_tokens *out);
void prompt_memo_keep(prompt_memo *m, const buf *key, const persona_tokens *tokens);

#endif
