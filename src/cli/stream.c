/* SPDX-License-Identifier: MIT
 *
 * stream.c - prints a reply while it is generated. What each token is, the engine says.
 */
#include "cli/stream.h"

#include <stdio.h>

#include "cli/tty.h"

void stream_init(stream *s, bool show_analysis)
{
    *s = (stream){.show_analysis = show_analysis};
}

void stream_end(stream *s)
{
    if (s->dimmed) {
        fprintf(stderr, "%s\n", tty_paint(stderr, TTY_RESET));
    }
    s->dimmed = false;
}

static void show_thought(stream *s, const persona_token_event *event)
{
    if (!s->dimmed) {
        fputs(tty_paint(stderr, TTY_DIM), stderr);
    }
    s->dimmed = true;
    (void)fwrite(event->text, 1, event->len, stderr);
}

bool stream_token(void *ud, const persona_token_event *event)
{
    stream *s = ud;
    switch (event->kind) {
    case PERSONA_TOKEN_ANSWER:
        stream_end(s);
        s->failed = fwrite(event->text, 1, event->len, stdout) != event->len || fflush(stdout) != 0;
        break;
    case PERSONA_TOKEN_ANALYSIS:
    case PERSONA_TOKEN_OTHER:
        if (s->show_analysis) {
            show_thought(s, event);
        }
        break;
    case PERSONA_TOKEN_TEMPLATE:
        stream_end(s);
        break;
    }
    return !s->failed;
}
