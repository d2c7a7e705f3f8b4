/* SPDX-License-Identifier: MIT
 *
 * spec_docs.c - the records as docs/OPTIONS.md and as manual pages.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/option/spec.h"

/* ---- Markdown -------------------------------------------------------------------------------- */

/* A cell of a table, or running text: what would be markup is escaped. */
static void put_markdown(buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("|*_<>`", *text)) {
            buf_putc(out, '\\');
        }
        buf_putc(out, *text);
    }
}

static void markdown_option(const opt_walk *w, const cli_state *c, const void *args, buf *out)
{
    spec_line l;
    spec_describe(w, c, args, &l);
    buf_puts(out, "| `");
    for (const char *p = l.label + strspn(l.label, " "); *p; p++) {
        buf_puts(out, *p == '|' ? "\\|" : (char[]){*p, '\0'});
    }
    buf_puts(out, "` | ");
    put_markdown(out, l.actions);
    buf_puts(out, *l.actions ? ": " : "");
    put_markdown(out, w->o->help);
    buf_puts(out, " | ");
    put_markdown(out, *l.words ? l.words : l.range);
    buf_puts(out, " | ");
    put_markdown(out, w->o->required ? "required" : l.without);
    buf_puts(out, " |\n");
}

static void markdown_group(const opt_group *g, const cli_command *x, buf *out)
{
    cli_state c = cli_state_defaults();
    void *args = cli_command_args(x, &c);
    buf_puts(out, "\n| option | what it does | values | default |\n| --- | --- | --- | --- |\n");
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        if (w.group == g && !w.o->hidden) {
            if (g->shared) {
                w.on = 0; /* said where the group is used */
            }
            markdown_option(&w, &c, args, out);
        }
    }
    mem_free(args);
}

static void markdown_command(const cli_command *x, buf *out)
{
    char line[256];
    buf_printf(out, "\n## persona %s\n\n```\n", x->name);
    for (size_t i = 0; spec_usage(x, i, line, sizeof line); i++) {
        buf_printf(out, "%s\n", line);
    }
    buf_puts(out, "```\n\n");
    put_markdown(out, x->about);
    buf_putc(out, '\n');
    const char *joint = "\nShared options: ";
    for (size_t i = 0; i < CLI_GROUPS && x->groups[i].group; i++) {
        const opt_group *g = x->groups[i].group;
        if (!g->shared) {
            if (g->title) {
                buf_printf(out, "\n%s:\n", g->title);
            }
            markdown_group(g, x, out);
        }
    }
    for (size_t i = 0; i < CLI_GROUPS && x->groups[i].group; i++) {
        if (x->groups[i].group->shared) {
            buf_printf(out, "%s%s", joint, x->groups[i].group->title);
            joint = ", ";
        }
    }
    buf_puts(out, ".\n");
    if (x->notes) {
        buf_putc(out, '\n');
        put_markdown(out, x->notes);
        buf_putc(out, '\n');
    }
}

static const cli_command *user_of(const opt_group *g)
{
    for (size_t i = 0; cli_command_at(i); i++) {
        for (size_t k = 0; k < CLI_GROUPS && cli_command_at(i)->groups[k].group; k++) {
            if (cli_command_at(i)->groups[k].group == g) {
                return cli_command_at(i);
            }
        }
    }
    return NULL;
}

/* The shared groups that no command before this one has. */
static void markdown_shared(const cli_command *x, buf *out)
{
    for (size_t i = 0; i < CLI_GROUPS && x->groups[i].group; i++) {
        const opt_group *g = x->groups[i].group;
        if (g->shared && user_of(g) == x) {
            buf_printf(out, "\n## %s\n", g->title);
            markdown_group(g, x, out);
        }
    }
}

void spec_markdown(buf *out)
{
    buf_puts(out,
             "# Options\n\nMade from the program's own records by `tools/check-options --fix`: "
             "do not edit. `persona help COMMAND` says the same.\n\n# Shared options\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        markdown_shared(cli_command_at(i), out);
    }
    buf_puts(out, "\n# Commands\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        markdown_command(cli_command_at(i), out);
    }
}

/* ---- manual pages ---------------------------------------------------------------------------- */

/* Running text of roff: no request at the beginning of a line, hyphens that can be copied. */
static void put_roff(buf *out, const char *text)
{
    if (*text == '.' || *text == '\'') {
        buf_puts(out, "\\&");
    }
    for (; *text; text++) {
        if (*text == '\\') {
            buf_puts(out, "\\e");
        } else if (*text == '-') {
            buf_puts(out, "\\-");
        } else {
            buf_putc(out, *text);
        }
    }
}

static void man_line(buf *out, const char *macro, const char *text)
{
    buf_printf(out, "%s\n", macro);
    put_roff(out, text);
    buf_putc(out, '\n');
}

static void man_head(buf *out, const char *name, const char *summary)
{
    buf_puts(out, ".\\\" SPDX-License-Identifier: MIT\n.TH \"");
    for (const char *p = name; *p; p++) {
        buf_putc(out, *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
    }
    buf_printf(out, "\" 1 \"\" \"persona %s\" \"User commands\"\n.SH NAME\n", persona_version());
    put_roff(out, name);
    buf_puts(out, " \\- ");
    put_roff(out, summary);
    buf_puts(out, "\n.SH SYNOPSIS\n.nf\n");
}

static void man_exit(buf *out)
{
    man_line(out, ".SH EXIT STATUS",
             "0 done, 1 a check came out negative, 64 wrong usage, 65 bad data, 66 not found, 69 "
             "unavailable, 70 internal, 74 input/output, 130 interrupted");
}

static void man_program(buf *out)
{
    man_head(out, "persona", "persona vectors: extract, carry over, steer, measure");
    buf_puts(out, "persona COMMAND [OPTION...]\n.fi\n.SH COMMANDS\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        buf_printf(out, ".TP\n.BR persona\\-%s (1)\n", cli_command_at(i)->name);
        put_roff(out, cli_command_at(i)->summary);
        buf_putc(out, '\n');
    }
    man_exit(out);
}

static void man_option(const opt_walk *w, const cli_state *c, const void *args, buf *out)
{
    spec_line l;
    buf text;
    buf_init(&text, SPEC_MAX);
    spec_describe(w, c, args, &l);
    spec_sentence(w, &l, &text);
    buf_puts(out, ".TP\n.B ");
    put_roff(out, l.label + strspn(l.label, " "));
    buf_putc(out, '\n');
    put_roff(out, buf_str(&text));
    buf_putc(out, '\n');
    buf_free(&text);
}

void spec_man(const cli_command *x, buf *out)
{
    cli_state c = cli_state_defaults();
    const opt_group *group = NULL;
    char line[256];
    if (!x) {
        man_program(out);
        return;
    }
    void *args = cli_command_args(x, &c);
    snprintf(line, sizeof line, "persona-%s", x->name);
    man_head(out, line, x->summary);
    for (size_t i = 0; spec_usage(x, i, line, sizeof line); i++) {
        put_roff(out, line);
        buf_putc(out, '\n');
    }
    buf_puts(out, ".fi\n");
    man_line(out, ".SH DESCRIPTION", x->about);
    if (x->notes) {
        man_line(out, ".PP", x->notes);
    }
    buf_puts(out, ".SH OPTIONS\n");
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        if (w.group != group && w.group->title) {
            buf_printf(out, ".SS %s\n", w.group->title);
        }
        group = w.group;
        if (!w.o->hidden) {
            man_option(&w, &c, args, out);
        }
    }
    man_exit(out);
    buf_puts(out, ".SH SEE ALSO\n.BR persona (1)\n");
    mem_free(args);
}
