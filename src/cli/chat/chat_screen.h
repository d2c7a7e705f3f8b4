/* SPDX-License-Identifier: MIT
 *
 * chat_screen.h - an answer as it is written, over a line of bars that is redrawn in place.
 */
#ifndef PERSONA_CLI_CHAT_SCREEN_H
#define PERSONA_CLI_CHAT_SCREEN_H

#include "cli/chat/chat.h"

typedef struct chat_screen {
    const chat *t;
    bool live;  /* a terminal: bars are drawn */
    bool drawn; /* there are bars under the text */
    bool dimmed;
    int column, width;
    bool failed; /* stdout cannot be written */
    double last; /* when bars were drawn */
} chat_screen;

void chat_screen_begin(chat_screen *s, const chat *t);
/* More of the answer, or of the thoughts before it. */
void chat_screen_text(chat_screen *s, const char *text, size_t len, bool thought);
/* The bars as they now are; at most ten times a second. */
void chat_screen_bars(chat_screen *s);
/* Ends the answer: bars go, a line of their means stays. */
void chat_screen_end(chat_screen *s);

#endif
