/* SPDX-License-Identifier: MIT
 *
 * talk.c - lines for whoever listens (talk.h).
 */
#include "workbench/talk.h"

#include <stdarg.h>
#include <stdio.h>

void talk_say(const talk_sink *t, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    if (t->say == NULL) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    t->say(t->ud, line);
}
