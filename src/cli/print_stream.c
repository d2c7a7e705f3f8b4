/* SPDX-License-Identifier: MIT
 *
 * print_stream.c - prints a reply while it is generated. What each token is, the engine says.
 */
#include "cli/print_stream.h"

#include <stdio.h>

#include "cli/tty.h"

void print_stream_init(print_stream *s, bool show_analysis)
{
    *s = (print_stream){.show_analysis = show_analysis};
}

void print_stream_end(print_stream *s)
{
    if (s->dimmed) {
        fprintf(stderr, "%s\n", tty_paint(stderr, TTY_RESET));
    }
    s->dimmed = false;
}

static void show_thought(print_stream *s, const persona_token_event *event)
{
    if (!s->dimmed) {
        fputs(tty_paint(stderr, TTY_DIM), stderr);
    }
    s->dimmed = true;
    (void)fwrite(event->text, 1, event->len, stderr);
}

bool print_stream_token(void *ud, const persona_token_event *event)
{
    print_stream *s = ud;
    switch (event->kind) {
    case PERSONA_TOKEN_ANSWER:
        print_stream_end(s);
        s->printed = true;
        s->failed = fwrite(event->text, 1, event->len, stdout) != event->len || fflush(stdout) != 0;
        break;
    case PERSONA_TOKEN_ANALYSIS:
    case PERSONA_TOKEN_OTHER:
        if (s->show_analysis) {
            show_thought(s, event);
        }
        break;
    case PERSONA_TOKEN_TEMPLATE:
        print_stream_end(s);
        break;
    }
    return !s->failed;
}
