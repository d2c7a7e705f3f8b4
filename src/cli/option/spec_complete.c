/* SPDX-License-Identifier: MIT
 *
 * spec_complete.c - completions for bash, zsh and fish: commands, actions, options, and the values
 * of options that have a list of them; everything else is a file.
 */
#include <string.h>

#include "cli/option/spec.h"

static bool has_words(const opt *o)
{
    return o->words || o->word_at;
}

static bool is_path(const opt *o)
{
    return o->type == OPT_FILE || o->type == OPT_FOLDER || o->type == OPT_LIST ||
           o->type == OPT_OWN || (o->arg && strstr(o->arg, "FILE"));
}

static void put_words(buf *out, const opt *o)
{
    for (size_t i = 0; opt_word(o, i); i++) {
        buf_printf(out, "%s%s", i > 0 ? " " : "", opt_word(o, i));
    }
}

static void put_commands(buf *out)
{
    for (size_t i = 0; cli_command_at(i); i++) {
        buf_printf(out, "%s%s", i > 0 ? " " : "", cli_command_at(i)->name);
    }
}

static void put_actions(buf *out, const cli_command *x)
{
    for (const cli_action *a = x->actions; a && a->name; a++) {
        buf_printf(out, "%s%s", a > x->actions ? " " : "", a->name);
    }
}

/* Text inside '...' of a shell; drop: characters that mean something to the reader. */
static void put_quoted(buf *out, const char *text, const char *drop)
{
    for (; *text; text++) {
        if (*text == '\'') {
            buf_puts(out, "'\\''");
        } else if (strchr(drop, *text)) {
            buf_printf(out, "\\%c", *text);
        } else {
            buf_putc(out, *text);
        }
    }
}

/* ---- bash ------------------------------------------------------------------------------------ */

static void bash_values(buf *out, const cli_command *x)
{
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        if (has_words(w.o)) {
            buf_printf(out, "        %s:--%s) values='", x->name, w.o->name);
            put_words(out, w.o);
            buf_puts(out, "' ;;\n");
        } else if (opt_takes_value(w.o) && !is_path(w.o)) {
            buf_printf(out, "        %s:--%s) return ;;\n", x->name, w.o->name);
        }
    }
}

static void bash_options(buf *out, const cli_command *x)
{
    buf_printf(out, "        %s) actions='", x->name);
    put_actions(out, x);
    buf_puts(out, "' options='");
    const size_t begin = out->len;
    for (opt_walk w = {.x = x}; opt_step(&w);) {
        if (!w.o->hidden) {
            buf_printf(out, "%s--%s", out->len > begin ? " " : "", w.o->name);
        }
    }
    buf_puts(out, "' ;;\n");
}

void spec_bash(buf *out)
{
    buf_puts(out, "# SPDX-License-Identifier: MIT\n# bash completion of persona; made by the "
                  "program.\n_persona()\n{\n"
                  "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                  "    local command=${COMP_WORDS[1]} actions= options= values=\n"
                  "    COMPREPLY=()\n"
                  "    if ((COMP_CWORD == 1)); then\n"
                  "        COMPREPLY=($(compgen -W '");
    put_commands(out);
    buf_puts(out, " help --help --version' -- \"$cur\"))\n        return\n    fi\n"
                  "    if [[ $command == help ]]; then\n        COMPREPLY=($(compgen -W '");
    put_commands(out);
    buf_puts(out, "' -- \"$cur\"))\n        return\n    fi\n    case $command:$prev in\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        bash_values(out, cli_command_at(i));
    }
    buf_puts(out, "    esac\n    case $command in\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        bash_options(out, cli_command_at(i));
    }
    buf_puts(out, "    esac\n"
                  "    if [[ -n $values ]]; then\n"
                  "        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
                  "    elif [[ $cur == -* ]]; then\n"
                  "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                  "    elif ((COMP_CWORD == 2)) && [[ -n $actions ]]; then\n"
                  "        COMPREPLY=($(compgen -W \"$actions\" -- \"$cur\"))\n"
                  "    else\n"
                  "        compopt -o filenames 2>/dev/null\n"
                  "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                  "    fi\n}\ncomplete -F _persona persona\n");
}

/* ---- zsh ------------------------------------------------------------------------------------- */

static void zsh_option(buf *out, const opt *o)
{
    if (o->key) {
        buf_printf(out, "            '(-%c --%s)'{-%c,--%s%s}'[", o->key, o->name, o->key, o->name,
                   o->arg ? "=" : "");
    } else {
        buf_printf(out, "            '--%s%s[", o->name, o->arg ? "=" : "");
    }
    put_quoted(out, o->help, "[]:\\");
    buf_putc(out, ']');
    if (opt_takes_value(o)) {
        buf_putc(out, ':');
        put_quoted(out, o->arg, "[]:\\");
        buf_putc(out, ':');
        if (has_words(o)) {
            buf_putc(out, '(');
            put_words(out, o);
            buf_putc(out, ')');
        } else {
            buf_puts(out, o->type == OPT_FOLDER ? "_files -/" : is_path(o) ? "_files" : " ");
        }
    }
    buf_puts(out, "' \\\n");
}

void spec_zsh(buf *out)
{
    buf_puts(out, "#compdef persona\n# SPDX-License-Identifier: MIT\n# zsh completion of persona; "
                  "made by the program.\n\n_persona()\n{\n    local -a commands=(\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        buf_printf(out, "        '%s:", cli_command_at(i)->name);
        put_quoted(out, cli_command_at(i)->summary, ":\\");
        buf_puts(out, "'\n");
    }
    buf_puts(out, "    )\n    if ((CURRENT == 2)); then\n        _describe command commands\n"
                  "        return\n    fi\n    local command=$words[2]\n    shift words\n"
                  "    ((CURRENT--))\n    case $command in\n    help) _describe command commands "
                  ";;\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        const cli_command *x = cli_command_at(i);
        buf_printf(out, "    %s)\n        _arguments -s \\\n", x->name);
        for (opt_walk w = {.x = x}; opt_step(&w);) {
            if (!w.o->hidden) {
                zsh_option(out, w.o);
            }
        }
        if (x->actions) {
            buf_puts(out, "            '1:action:(");
            put_actions(out, x);
            buf_puts(out, ")' '*:file:_files'");
        } else {
            buf_puts(out, "            ':'");
        }
        buf_puts(out, "\n        ;;\n");
    }
    buf_puts(out, "    esac\n}\n\n_persona \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_option(buf *out, const cli_command *x, const opt *o)
{
    buf_printf(out, "complete -c persona -n '__fish_seen_subcommand_from %s' -l %s", x->name,
               o->name);
    if (o->key) {
        buf_printf(out, " -s %c", o->key);
    }
    if (has_words(o)) {
        buf_puts(out, " -x -a '");
        put_words(out, o);
        buf_putc(out, '\'');
    } else if (opt_takes_value(o)) {
        buf_puts(out, is_path(o) ? " -r -F" : " -x");
    }
    buf_puts(out, " -d '");
    for (const char *p = o->help; *p; p++) {
        buf_puts(out, *p == '\'' ? "\\'" : *p == '\\' ? "\\\\" : (char[]){*p, '\0'});
    }
    buf_puts(out, "'\n");
}

void spec_fish(buf *out)
{
    buf_puts(out, "# SPDX-License-Identifier: MIT\n# fish completion of persona; made by the "
                  "program.\n");
    for (size_t i = 0; cli_command_at(i); i++) {
        const cli_command *x = cli_command_at(i);
        buf_printf(out, "complete -c persona -f -n __fish_use_subcommand -a %s -d '", x->name);
        for (const char *p = x->summary; *p; p++) {
            buf_puts(out, *p == '\'' ? "\\'" : (char[]){*p, '\0'});
        }
        buf_puts(out, "'\n");
        if (x->actions) {
            buf_printf(out, "complete -c persona -n '__fish_seen_subcommand_from %s' -a '",
                       x->name);
            put_actions(out, x);
            buf_puts(out, "'\n");
        }
        for (opt_walk w = {.x = x}; opt_step(&w);) {
            if (!w.o->hidden) {
                fish_option(out, x, w.o);
            }
        }
    }
}
