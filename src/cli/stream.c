/* SPDX-License-Identifier: MIT
 *
 * stream.c - prints a reply while it is generated.
 *
 * A harmony reply is a row of messages: <|channel|>analysis<|message|>...<|end|><|start|>assistant
 * <|channel|>final<|message|>... The prompt ends after <|start|>assistant, so a reply begins inside
 * a header. libllama gives <|channel|> and <|message|> as text (it calls them user defined), but
 * <|end|> has none unless specials are shown. Only the body of the final channel is the answer.
 */
#include "cli/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tty.h"

void stream_init(stream *s, const persona_model *m, bool raw, bool show_analysis)
{
    *s = (stream){.model = m,
                  .channels = !raw && persona_model_info_get(m)->chat == PERSONA_CHAT_HARMONY,
                  .show_analysis = show_analysis,
                  .where = STREAM_HEADER};
}

void stream_end(stream *s)
{
    if (s->dimmed) {
        fprintf(stderr, "%s\n", tty_paint(stderr, TTY_RESET));
    }
    s->dimmed = false;
}

/* One token that is all "<|name|>": only control tokens are. */
static bool is_control(const char *piece, size_t len)
{
    return len > 4 && strncmp(piece, "<|", 2) == 0 && strncmp(piece + len - 2, "|>", 2) == 0;
}

static void control(stream *s, const char *name)
{
    if (strcmp(name, "<|channel|>") == 0) {
        s->where = STREAM_CHANNEL;
        s->channel[0] = '\0';
    } else if (strcmp(name, "<|message|>") == 0) {
        s->where = strncmp(s->channel, "final", 5) == 0 ? STREAM_FINAL : STREAM_OTHER;
    } else {
        stream_end(s);
        s->where = STREAM_HEADER;
    }
}

static void show(stream *s, const char *piece, size_t len)
{
    switch (s->where) {
    case STREAM_HEADER:
        break;
    case STREAM_CHANNEL: {
        const size_t at = strlen(s->channel);
        if (at + len < sizeof s->channel) {
            memcpy(s->channel + at, piece, len + 1);
        }
        break;
    }
    case STREAM_FINAL:
        s->failed = fwrite(piece, 1, len, stdout) != len || fflush(stdout) != 0;
        break;
    case STREAM_OTHER:
        if (!s->show_analysis) {
            break;
        }
        if (!s->dimmed) {
            fputs(tty_paint(stderr, TTY_DIM), stderr);
        }
        s->dimmed = true;
        (void)fwrite(piece, 1, len, stderr);
        break;
    }
}

bool stream_token(void *ud, persona_token token, const char *piece, size_t len)
{
    stream *s = ud;
    if (!s->channels) {
        s->failed = fwrite(piece, 1, len, stdout) != len || fflush(stdout) != 0;
        return !s->failed;
    }
    char *special = NULL;
    if (is_control(piece, len)) {
        control(s, piece);
    } else if (len == 0 &&
               persona_detokenize(s->model, &token, 1, true, &special, NULL) == PERSONA_OK) {
        control(s, special);
    } else {
        show(s, piece, len);
    }
    free(special);
    return !s->failed;
}
