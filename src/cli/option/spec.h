/* SPDX-License-Identifier: MIT
 *
 * spec.h - what the renderers of the records share. Each writes one document into a buffer.
 */
#ifndef PERSONA_CLI_SPEC_H
#define PERSONA_CLI_SPEC_H

#include "base/buf.h"
#include "cli/cli.h"

enum { SPEC_WIDTH = 79, SPEC_MAX = 1 << 20 };

/* One option as a reader sees it. */
typedef struct spec_line {
    char label[96];    /* "-m, --model=FILE" */
    char actions[96];  /* "new, import", or "" where it goes with all */
    char words[256];   /* "auto, always, never", or "" */
    char range[64];    /* "1 to 1000", or "" */
    char without[128]; /* what holds without it, or "" */
} spec_line;
/* args: of cli_command_args(w->x), with defaults. */
void spec_describe(const opt_walk *w, const cli_state *c, const void *args, spec_line *out);
/* Help, words and default. */
void spec_sentence(const opt_walk *w, const spec_line *l, buf *out);
/* "persona map fit --from FILE --to FILE -o MAP [OPTION...]", line i; false after the last. */
bool spec_usage(const cli_command *x, size_t i, char *out, size_t size);

void spec_markdown(buf *out);
void spec_man(const cli_command *x, buf *out); /* NULL: persona(1) itself */
void spec_bash(buf *out);
void spec_zsh(buf *out);
void spec_fish(buf *out);

#endif
