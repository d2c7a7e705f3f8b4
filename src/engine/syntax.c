/* SPDX-License-Identifier: MIT
 *
 * syntax.c - follows a reply's text byte by byte (syntax.h).
 *
 * A fence is three or more backticks at the beginning of a line, blanks before them not counted; it
 * ends with a line of at least as many and nothing else (CommonMark, without tildes). A line that
 * opens one and has another backtick in it was only a code span. Tool calls are told by the tags
 * that chat templates of the common families teach; some have no end but that of the reply.
 */
#include "engine/syntax.h"

#include <string.h>

static const struct {
    const char *open, *close;
} TAGS[] = {
    {"<tool_call>", "</tool_call>"},
    {"<function=", "</function>"},
    {"[TOOL_CALLS]", NULL},
    {"<|python_tag|>", NULL},
};
#define N_TAGS (sizeof TAGS / sizeof *TAGS)
#define MIN_TICKS 3

static bool tail_is(const syntax_state *s, const char *tag)
{
    const size_t n = tag != NULL ? strlen(tag) : 0;
    return n > 0 && s->n_tail >= n && memcmp(s->tail + s->n_tail - n, tag, n) == 0;
}

static void follow_tags(syntax_state *s, char b)
{
    if (s->n_tail == sizeof s->tail) {
        memmove(s->tail, s->tail + 1, --s->n_tail);
    }
    s->tail[s->n_tail++] = b;
    if (s->tag > 0) {
        s->tag = tail_is(s, TAGS[s->tag - 1].close) ? 0 : s->tag;
        return;
    }
    for (size_t i = 0; i < N_TAGS; i++) {
        s->tag = tail_is(s, TAGS[i].open) ? i + 1 : s->tag;
    }
}

static void end_line(syntax_state *s)
{
    const bool closes = s->fence > 0 && !s->opening && !s->in_line && s->ticks >= s->fence;
    s->fence = closes ? 0 : s->fence;
    s->ticks = 0;
    s->in_line = s->opening = false;
}

static void follow_fences(syntax_state *s, char b)
{
    if (b == '\n') {
        end_line(s);
    } else if (b == '`' && !s->in_line) {
        s->ticks++;
        if (s->fence == 0 ? s->ticks == MIN_TICKS : s->opening) {
            s->fence = s->ticks;
            s->opening = true;
        }
    } else if (b == '`' && s->opening) {
        s->fence = 0;
        s->opening = false;
    } else if ((b != ' ' && b != '\t' && b != '\r') || s->opening ||
               (s->ticks > 0 && s->ticks < MIN_TICKS)) {
        s->in_line = true;
    }
}

void syntax_feed(syntax_state *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        follow_tags(s, p[i]);
        follow_fences(s, p[i]);
    }
}

bool syntax_inside(const syntax_state *s)
{
    return s->fence > 0 || s->tag > 0;
}
