/* SPDX-License-Identifier: MIT
 *
 * spec_help.c - what --help prints, and how one option is described everywhere.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/option/spec.h"

enum { HELP_COLUMN = 26 };

/* ---- one option ------------------------------------------------------------------------------ */

static void describe_actions(const opt_walk *w, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (const cli_action *a = w->x->actions; w->on && a && a->name && len < size; a++) {
        if (a->bit & w->on) {
            const int n = snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", a->name);
            len += n > 0 ? (size_t)n : 0;
        }
    }
}

static void describe_words(const opt *o, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; (o->words || o->word_at) && opt_word(o, i) && len < size; i++) {
        const int n = snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", opt_word(o, i));
        len += n > 0 ? (size_t)n : 0;
    }
}

void spec_describe(const opt_walk *w, const cli_state *c, const void *args, spec_line *out)
{
    const opt *o = w->o;
    char key[8] = "    ", text[128];
    const char *without =
        opt_without(o, w->group != NULL && w->group->shared ? (const void *)c : args, text, 128);
    if (o->key) {
        snprintf(key, sizeof key, "-%c, ", o->key);
    }
    snprintf(out->label, sizeof out->label, "%s--%s%s%s", key, o->name, o->arg ? "=" : "",
             o->arg ? o->arg : "");
    describe_actions(w, out->actions, sizeof out->actions);
    describe_words(o, out->words, sizeof out->words);
    out->range[0] = '\0';
    if (o->max > 0) {
        snprintf(out->range, sizeof out->range, "%.10g to %.10g", o->min, o->max);
    }
    snprintf(out->without, sizeof out->without, "%s", without ? without : "");
}

void spec_sentence(const opt_walk *w, const spec_line *l, buf *out)
{
    if (*l->actions) {
        buf_printf(out, "%s: ", l->actions);
    }
    buf_puts(out, w->o->help);
    if (*l->words || *l->without) {
        buf_printf(out, " (%s%s%s%s)", l->words, *l->words && *l->without ? "; " : "",
                   *l->without ? "default: " : "", l->without);
    }
}

bool spec_usage(const cli_command *x, size_t i, char *out, size_t size)
{
    if (x->actions) {
        const cli_action *a = x->actions;
        for (size_t k = 0; k < i && a->name; k++) {
            a++;
        }
        if (a->name) {
            snprintf(out, size, "persona %s %s%s%s [OPTION...]", x->name, a->name,
                     *a->usage ? " " : "", a->usage);
        }
        return a->name;
    }
    const char *line = x->usage;
    for (size_t k = 0; k < i && line; k++) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (line) {
        snprintf(out, size, "persona %s%s%.*s [OPTION...]", x->name, *line ? " " : "",
                 (int)strcspn(line, "\n"), line);
    }
    return line;
}

/* ---- laying it out --------------------------------------------------------------------------- */

/* Code points. */
static size_t columns_of(const char *text, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return columns;
}

/* Words of text wrapped at SPEC_WIDTH; the first line begins at column `at`, others at `indent`. */
static void wrap(buf *out, const char *text, size_t at, size_t indent)
{
    bool first = true;
    while (*(text += strspn(text, " "))) {
        const size_t n = strcspn(text, " "), columns = columns_of(text, n);
        if (!first && at + 1 + columns > SPEC_WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            buf_putc(out, ' ');
            at++;
        }
        buf_add(out, text, n);
        at += columns;
        text += n;
        first = false;
    }
    buf_putc(out, '\n');
}

static void help_option(const opt_walk *w, const cli_state *c, const void *args, buf *out)
{
    spec_line line;
    buf text;
    buf_init(&text, SPEC_MAX);
    spec_describe(w, c, args, &line);
    spec_sentence(w, &line, &text);
    size_t at = 2 + strlen(line.label);
    buf_printf(out, "  %s", line.label);
    if (at + 2 > HELP_COLUMN) {
        buf_putc(out, '\n');
        at = 0;
    }
    buf_printf(out, "%*s", (int)(HELP_COLUMN - at), "");
    wrap(out, buf_str(&text), HELP_COLUMN, HELP_COLUMN);
    buf_free(&text);
}

void spec_help(const cli_command *x, buf *out)
{
    cli_state c = cli_state_defaults();
    void *args = cli_command_args(x, &c);
    const opt_group *group = NULL;
    char line[256];
    for (size_t i = 0; spec_usage(x, i, line, sizeof line); i++) {
        buf_puts(out, i == 0 ? "Usage: " : "  or:  ");
        wrap(out, line, 7, 11);
    }
    wrap(out, x->about, 0, 0);
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        if (w.group != group) {
            buf_printf(out, "\n%s%s", w.group->title ? w.group->title : "",
                       w.group->title ? "\n" : "");
            group = w.group;
        }
        if (!w.o->hidden) {
            help_option(&w, &c, args, out);
        }
    }
    if (x->notes) {
        buf_putc(out, '\n');
        wrap(out, x->notes, 0, 0);
    }
    mem_free(args);
}
