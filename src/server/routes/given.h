/* SPDX-License-Identifier: MIT
 *
 * given.h - answers that a request brings along, with what they follow: for scoring and reading.
 */
#ifndef PERSONA_SERVER_GIVEN_H
#define PERSONA_SERVER_GIVEN_H

#include "server/text/text_ask.h"

typedef struct given_text {
    persona_tokens prompt, reply; /* owned */
    bool raw;                     /* no chat template */
} given_text;

/* From the members messages or prompt, and text or tokens, of x, which fields have checked. Errors:
 * USAGE, those of messages_tokens. */
PERSONA_CHECK persona_code given_read(const served *m, const json_val *x, given_text *out,
                                      persona_err *e);
void given_free(given_text *x);

#endif
