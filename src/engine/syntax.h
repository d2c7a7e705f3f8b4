/* SPDX-License-Identifier: MIT
 *
 * syntax.h - whether a text that is being written stands inside a code fence or a tool call.
 */
#ifndef PERSONA_ENGINE_SYNTAX_H
#define PERSONA_ENGINE_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct syntax_state {
    char tail[16]; /* the last bytes, for tags */
    size_t n_tail;
    size_t tag;   /* of the open tool call, from 1; 0: none */
    size_t ticks; /* in a row, at the beginning of the line */
    size_t fence; /* ticks of the open fence; 0: none */
    bool in_line; /* something but blanks and ticks has come since the line began */
    bool opening; /* the fence began in this line */
} syntax_state;

void syntax_feed(syntax_state *s, const char *p, size_t n);
/* What comes next is code or a tool call. */
bool syntax_inside(const syntax_state *s);

#endif
