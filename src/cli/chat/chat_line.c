/* SPDX-License-Identifier: MIT
 *
 * chat_line.c - lines from the user: edited and remembered by libedit on a terminal, read as they
 * come from anything else.
 */
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/chat/chat.h"

enum { MAX_LINE = 1 << 20, KEPT = 1000 };

struct chat_line {
    EditLine *el; /* NULL: not a terminal */
    History *history;
    char *file; /* of the history; NULL: none */
    bool more;  /* the line before ended in a backslash */
};

static const char *prompt(EditLine *el)
{
    void *l = NULL;
    el_get(el, EL_CLIENTDATA, &l);
    return ((chat_line *)l)->more ? "... " : "> ";
}

/* Completes a command that stands alone in the line. */
static unsigned char complete(EditLine *el, int ch)
{
    const LineInfo *line = el_line(el);
    const size_t len = (size_t)(line->cursor - line->buffer);
    const char *found = NULL;
    size_t n = 0;
    (void)ch;
    for (size_t i = 0; len > 0 && chat_command_name(i) != NULL; i++) {
        if (strncmp(chat_command_name(i), line->buffer, len) == 0) {
            found = chat_command_name(i);
            n++;
        }
    }
    if (n != 1) {
        return CC_REFRESH_BEEP;
    }
    return el_insertstr(el, found + len) == 0 && el_insertstr(el, " ") == 0 ? CC_REFRESH : CC_ERROR;
}

static void remember(chat_line *l, const char *line)
{
    HistEvent event;
    if (l->history != NULL && line[0] != '\0' && line[0] != '\n') {
        history(l->history, &event, H_ENTER, line);
        if (l->file != NULL) {
            history(l->history, &event, H_SAVE, l->file); /* a history that is lost is no harm */
        }
    }
}

static persona_code open_terminal(chat_line *l, persona_err *e)
{
    HistEvent event;
    l->el = el_init("persona", stdin, stdout, stderr);
    l->history = history_init();
    if (l->el == NULL || l->history == NULL) {
        return mem_err(e, "a line editor");
    }
    history(l->history, &event, H_SETSIZE, KEPT);
    history(l->history, &event, H_SETUNIQUE, 1);
    if (l->file != NULL) {
        history(l->history, &event, H_LOAD, l->file);
    }
    el_set(l->el, EL_CLIENTDATA, l);
    el_set(l->el, EL_PROMPT, prompt);
    el_set(l->el, EL_EDITOR, "emacs");
    el_set(l->el, EL_HIST, history, l->history);
    el_set(l->el, EL_ADDFN, "persona-complete", "complete a command", complete);
    el_set(l->el, EL_BIND, "^I", "persona-complete", NULL);
    el_source(l->el, NULL); /* ~/.editrc */
    return PERSONA_OK;
}

persona_code chat_line_open(bool interactive, const char *file, chat_line **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    chat_line *l = mem_calloc(1, sizeof *l);
    *out = NULL;
    TRY(l != NULL ? PERSONA_OK : mem_err(e, "a line"));
    if (file != NULL) {
        l->file = mem_strdup(file);
        TRY(l->file != NULL ? PERSONA_OK : mem_err(e, "a path"));
    }
    if (interactive) {
        TRY(open_terminal(l, e));
    }
    *out = l;
    l = NULL;
out:
    chat_line_close(l);
    return rc;
}

void chat_line_close(chat_line *l)
{
    if (l == NULL) {
        return;
    }
    if (l->el != NULL) {
        el_end(l->el);
    }
    if (l->history != NULL) {
        history_end(l->history);
    }
    mem_free(l->file);
    mem_free(l);
}

/* One line with its end; *interrupted: Ctrl-C. NULL: the end, or an interrupt. */
static const char *next_part(chat_line *l, char **room, size_t *size, bool *interrupted)
{
    *interrupted = false;
    if (l->el == NULL) {
        return getline(room, size, stdin) > 0 ? *room : NULL;
    }
    int n = 0;
    errno = 0;
    /* Before the prompt: el_gets itself does it behind the prompt, and a Ctrl-D in between would be
     * the end of a line of the kernel's, not of ours. */
    el_set(l->el, EL_PREP_TERM, 1);
    const char *line = el_gets(l->el, &n);
    *interrupted = line == NULL && n < 0 && errno == EINTR;
    return line;
}

char *chat_line_read(chat_line *l)
{
    char *room = NULL, *out = NULL;
    size_t size = 0;
    bool any = false, interrupted = false;
    buf b;
    buf_init(&b, MAX_LINE);
    l->more = false;
    do {
        const char *part = next_part(l, &room, &size, &interrupted);
        if (part == NULL) {
            break;
        }
        any = true;
        size_t len = strlen(part);
        while (len > 0 && (part[len - 1] == '\n' || part[len - 1] == '\r')) {
            len--;
        }
        l->more = len > 0 && part[len - 1] == '\\';
        buf_add(&b, part, l->more ? len - 1 : len);
        if (l->more) {
            buf_putc(&b, '\n');
        }
    } while (l->more);
    if (interrupted) {
        putchar('\n');
        out = mem_strdup("");
    } else if (any && b.failed == PERSONA_OK) {
        out = mem_strdup(buf_str(&b));
        if (out != NULL && l->el != NULL) {
            remember(l, out);
        }
    }
    free(room); /* getline's */
    buf_free(&b);
    return out;
}
