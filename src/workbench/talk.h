/* SPDX-License-Identifier: MIT
 *
 * talk.h - what long work says on the way, a line at a time: to a terminal, to a log, or to nobody.
 */
#ifndef PERSONA_WORKBENCH_TALK_H
#define PERSONA_WORKBENCH_TALK_H

#include "persona/error.h"

/* say NULL: nobody listens. */
typedef struct talk_sink {
    void *ud;
    void (*say)(void *ud, const char *line);
} talk_sink;
/* A line that is longer than 1000 bytes is cut. */
void talk_say(const talk_sink *t, const char *fmt, ...) PERSONA_PRINTF(2, 3);

#endif
