/* SPDX-License-Identifier: MIT
 *
 * print_stream.h - prints a reply while it is generated: the answer on stdout; what the model
 * thinks before it, if wanted, on stderr.
 */
#ifndef PERSONA_CLI_PRINT_STREAM_H
#define PERSONA_CLI_PRINT_STREAM_H

#include <stdbool.h>

#include "persona/session.h"

typedef struct print_stream {
    bool printed;       /* something of the answer */
    bool show_analysis; /* other channels go to stderr, dimmed */
    bool dimmed, failed;
} print_stream;

void print_stream_init(print_stream *s, bool show_analysis);
/* persona_request.on_token; ud is the stream. False (stop) when stdout cannot be written. */
bool print_stream_token(void *ud, const persona_token_event *event);
/* Ends a dimmed passage on stderr. */
void print_stream_end(print_stream *s);

#endif
