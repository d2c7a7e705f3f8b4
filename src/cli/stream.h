/* SPDX-License-Identifier: MIT
 *
 * stream.h - prints a reply while it is generated; on harmony models the final channel only.
 */
#ifndef PERSONA_CLI_STREAM_H
#define PERSONA_CLI_STREAM_H

#include <stdbool.h>

#include "persona/session.h"

typedef enum stream_where {
    STREAM_HEADER,
    STREAM_CHANNEL,
    STREAM_FINAL,
    STREAM_OTHER
} stream_where;

typedef struct stream {
    const persona_model *model;
    bool channels;      /* a harmony reply: follow its channels */
    bool show_analysis; /* other channels go to stderr, dimmed */
    bool dimmed, failed;
    stream_where where;
    char channel[32];
} stream;

/* raw: the reply is plain text whatever the model. */
void stream_init(stream *s, const persona_model *m, bool raw, bool show_analysis);
/* persona_request.on_token; ud is the stream. False (stop) when stdout cannot be written. */
bool stream_token(void *ud, persona_token token, const char *piece, size_t len);
/* Ends a dimmed passage on stderr. */
void stream_end(stream *s);

#endif
