/* SPDX-License-Identifier: MIT
 *
 * stream.h - prints a reply while it is generated: the answer on stdout; what the model thinks
 * before it, if wanted, on stderr.
 */
#ifndef PERSONA_CLI_STREAM_H
#define PERSONA_CLI_STREAM_H

#include <stdbool.h>

#include "persona/session.h"

typedef struct stream {
    bool show_analysis; /* other channels go to stderr, dimmed */
    bool dimmed, failed;
} stream;

void stream_init(stream *s, bool show_analysis);
/* persona_request.on_token; ud is the stream. False (stop) when stdout cannot be written. */
bool stream_token(void *ud, const persona_token_event *event);
/* Ends a dimmed passage on stderr. */
void stream_end(stream *s);

#endif
