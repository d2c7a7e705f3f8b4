/* SPDX-License-Identifier: MIT
 *
 * tty.h - the terminal: width, colours, UTF-8, and the one progress line.
 */
#ifndef PERSONA_CLI_TTY_H
#define PERSONA_CLI_TTY_H

#include <stdbool.h>
#include <stdio.h>

#include "persona/error.h"

typedef enum tty_when { TTY_AUTO, TTY_ALWAYS, TTY_NEVER } tty_when;
typedef enum tty_style {
    TTY_RESET,
    TTY_BOLD,
    TTY_DIM,
    TTY_GREEN,
    TTY_RED,
    TTY_YELLOW,
    TTY_CYAN,
    TTY_N_STYLES
} tty_style;

/* Decides colours for stdout and stderr (--color, NO_COLOR, TERM) and whether UTF-8 may be used. */
void tty_init(tty_when color);
/* The escape sequence for a style on that stream, or "". */
const char *tty_paint(FILE *f, tty_style style);
bool tty_utf8(void);
/* Columns of the terminal behind f; 100 when it is none. */
int tty_width(FILE *f);
/* Code points of s: how wide it is, nearly. */
size_t tty_columns(const char *s);

/* One line on stderr that is redrawn in place, at most ten times a second. Without a terminal it is
 * silent, or, with -v, one line per stage when it has ended. */
typedef struct tty_progress {
    bool enabled, lines; /* lines: log stages instead of drawing */
    bool drawn;
    char stage[64];
    double stage_start, last_draw;
    size_t n_tokens, stage_tokens; /* now, and when the stage began */
} tty_progress;
void tty_progress_init(tty_progress *p, int verbosity);
/* persona_hooks.progress; ud is the tty_progress. */
void tty_progress_update(void *ud, const persona_progress *now);
/* Removes the line; printing may follow. */
void tty_progress_clear(tty_progress *p);

#endif
