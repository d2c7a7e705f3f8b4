/* SPDX-License-Identifier: MIT
 *
 * option_parse.c - one parser for every command, driven by the records.
 *
 * getopt_long does what it does well: options anywhere among the words, `--name=value`, abbreviated
 * names, clusters of short ones. Its own messages are switched off: they would go to stderr instead
 * of a persona_err and know no "did you mean". What it did not like is found from what it returns
 * and the word at which it stopped. Options that belong to other actions are refused after the
 * words are known, required ones asked for, and last the command's own check runs.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/option/option.h"
#include "core/text/names.h"

enum { MAX_OPTIONS = 96, LONG_BASE = 256, HELP_MAX = 1 << 18 };

typedef struct parsing {
    const cli_command *x;
    cli_state *c;
    void *args;
    const opt *options[MAX_OPTIONS];
    void *bases[MAX_OPTIONS];
    unsigned on[MAX_OPTIONS];
    char given[MAX_OPTIONS][64]; /* as it was typed; "" */
    size_t n;
    struct option longs[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2];
} parsing;

/* ---- tables for getopt ----------------------------------------------------------------------- */

bool opt_step(opt_walk *w)
{
    w->o = w->o ? w->o + 1 : NULL;
    while (!w->o || !w->o->name) {
        if (w->at == CLI_GROUPS || !w->x->groups[w->at].group) {
            return false;
        }
        w->group = w->x->groups[w->at++].group;
        w->o = w->group->options;
    }
    w->on = w->o->on ? w->o->on : w->x->groups[w->at - 1].on;
    return true;
}

bool opt_takes_value(const opt *o)
{
    return o->type != OPT_ON && o->type != OPT_OFF && o->type != OPT_CONST;
}

static void lay_out(parsing *p)
{
    size_t k = 0;
    p->shorts[k++] = ':'; /* a missing value is ':', not '?' */
    for (opt_walk w = {.x = p->x}; opt_step(&w) && p->n < MAX_OPTIONS; p->n++) {
        const bool takes = opt_takes_value(w.o);
        p->options[p->n] = w.o;
        p->on[p->n] = w.on;
        p->bases[p->n] = w.group->shared ? (void *)p->c : p->args;
        p->longs[p->n] = (struct option){w.o->name, takes ? required_argument : no_argument, NULL,
                                         LONG_BASE + (int)p->n};
        if (w.o->key) {
            p->shorts[k++] = w.o->key;
            if (takes) {
                p->shorts[k++] = ':';
            }
        }
    }
    p->shorts[k] = '\0';
}

/* The option that getopt means; n: none. */
static size_t option_of(const parsing *p, int returned)
{
    if (returned >= LONG_BASE) {
        return (size_t)(returned - LONG_BASE);
    }
    size_t i = 0;
    while (i < p->n && (!p->options[i]->key || p->options[i]->key != returned)) {
        i++;
    }
    return i;
}

/* ---- what getopt did not like ---------------------------------------------------------------- */

static persona_code unknown_long(const parsing *p, const char *word, persona_err *e)
{
    const char *names[MAX_OPTIONS];
    char name[64];
    size_t n = 0, matches = 0;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < p->n; i++) {
        matches += strncmp(p->options[i]->name, name, strlen(name)) == 0;
        if (!p->options[i]->hidden) {
            names[n++] = p->options[i]->name;
        }
    }
    if (matches > 1) {
        return persona_err_set(e, PERSONA_E_USAGE, "option '--%s' is ambiguous", name);
    }
    const char *near = name_nearest(names, n, name);
    return near ? persona_err_set(e, PERSONA_E_USAGE, "unknown option '--%s'; did you mean '--%s'?",
                                  name, near)
                : persona_err_set(e, PERSONA_E_USAGE, "unknown option '--%s'", name);
}

static persona_code refuse(const parsing *p, int returned, char **argv, persona_err *e)
{
    const size_t i = option_of(p, optopt);
    const opt *o = i < p->n ? p->options[i] : NULL;
    if (returned == ':' && o != NULL) {
        return optopt >= LONG_BASE
                   ? persona_err_set(e, PERSONA_E_USAGE, "option '--%s' wants a value: %s", o->name,
                                     o->arg)
                   : persona_err_set(e, PERSONA_E_USAGE, "option '-%c' wants a value: %s", optopt,
                                     o->arg);
    }
    if (optopt >= LONG_BASE) {
        return persona_err_set(e, PERSONA_E_USAGE, "option '--%s' takes no value",
                               p->options[i]->name);
    }
    return optopt != 0 ? persona_err_set(e, PERSONA_E_USAGE, "unknown option '-%c'", optopt)
                       : unknown_long(p, argv[optind - 1], e);
}

/* ---- after the options ----------------------------------------------------------------------- */

/* "list, show and remove" */
static void list_actions(const cli_command *x, unsigned bits, const char *last, char *out,
                         size_t size)
{
    size_t n = 0, k = 0, len = 0;
    for (const cli_action *a = x->actions; a->name; a++) {
        n += (a->bit & bits) != 0;
    }
    out[0] = '\0';
    for (const cli_action *a = x->actions; a->name && len < size; a++) {
        if (a->bit & bits) {
            const char *joint = k == 0 ? "" : k + 1 < n ? ", " : last;
            const int m = snprintf(out + len, size - len, "%s%s", joint, a->name);
            len += m > 0 ? (size_t)m : 0;
            k++;
        }
    }
}

/* Without a word: the action that wants none, if there is one. */
static persona_code find_action(const cli_command *x, const char *name, const cli_action **out,
                                persona_err *e)
{
    char all[128];
    for (const cli_action *a = x->actions; a->name; a++) {
        if (name ? strcmp(a->name, name) == 0 : !a->wants && !*a->usage) {
            *out = a;
            return PERSONA_OK;
        }
    }
    list_actions(x, ~0U, name ? " and " : " or ", all, sizeof all);
    return name ? persona_err_set(e, PERSONA_E_USAGE, "%s can %s, not '%.100s'", x->name, all, name)
                : persona_err_set(e, PERSONA_E_USAGE, "what to do: %s?", all);
}

static persona_code check_words(const cli_command *x, const cli_state *c, persona_err *e)
{
    const cli_action *a = c->action;
    const cli_action *named = x->actions;
    if (a->wants && c->n_words >= a->min && c->n_words <= a->max) {
        return PERSONA_OK;
    }
    if (a->wants) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s wants %s%s%.100s%s", a->name, a->wants,
                               c->n_words > a->max ? ", not also '" : "",
                               c->n_words > a->max ? c->words[a->max] : "",
                               c->n_words > a->max ? "'" : "");
    }
    if (c->n_words == 0) {
        return PERSONA_OK;
    }
    while (named->name && !named->wants) {
        named++;
    }
    return named->name && !*a->usage
               ? persona_err_set(e, PERSONA_E_USAGE,
                                 "%s takes no name ('%.100s'); did you mean "
                                 "'%s'?",
                                 a->name, c->words[0], named->name)
               : persona_err_set(e, PERSONA_E_USAGE, "%s takes options only, not '%.100s'", a->name,
                                 c->words[0]);
}

/* The words of a command without actions. */
static persona_code check_plain(const cli_command *x, const cli_state *c, persona_err *e)
{
    const size_t max = x->wants ? x->max : 0;
    if (c->n_words > max) {
        return persona_err_set(e, PERSONA_E_USAGE, "unexpected argument '%.200s'", c->words[max]);
    }
    return c->n_words >= x->min
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "%s wants %s", x->name, x->wants);
}

static persona_code take_words(parsing *p, int argc, char **argv, persona_err *e)
{
    cli_state *c = p->c;
    persona_code rc = PERSONA_OK;
    c->words = argv + optind;
    c->n_words = (size_t)(argc - optind);
    if (!p->x->actions) {
        return check_plain(p->x, c, e);
    }
    TRY(find_action(p->x, c->n_words > 0 ? c->words[0] : NULL, &c->action, e));
    if (c->n_words > 0) {
        c->words++;
        c->n_words--;
    }
    rc = check_words(p->x, c, e);
out:
    return rc;
}

/* Options of other actions are refused, those that are needed asked for. */
static persona_code check_options(const parsing *p, persona_err *e)
{
    const unsigned bit = p->c->action ? p->c->action->bit : ~0U;
    for (size_t i = 0; i < p->n; i++) {
        if (p->given[i][0] && p->on[i] != 0 && (p->on[i] & bit) == 0) {
            char owners[128];
            list_actions(p->x, p->on[i], " and ", owners, sizeof owners);
            return persona_err_set(e, PERSONA_E_USAGE, "%s does not go with %s: it belongs to %s",
                                   p->given[i], p->c->action->name, owners);
        }
    }
    for (size_t i = 0; i < p->n; i++) {
        const bool here = p->on[i] == 0 || (p->on[i] & bit) != 0;
        if (p->options[i]->required && here && !p->given[i][0]) {
            return persona_err_set(e, PERSONA_E_USAGE, "--%s is missing", p->options[i]->name);
        }
    }
    return PERSONA_OK;
}

/* ---- the parser ------------------------------------------------------------------------------ */

const char *opt_next_word(const opt_call *x)
{
    return optind < x->argc ? x->argv[optind++] : NULL;
}

/* Until the first mistake, or --help. */
static persona_code take_options(parsing *p, int argc, char **argv, persona_err *e)
{
    optind = 0; /* GNU: begin anew */
    opterr = 0;
    while (!p->c->help) {
        const int got = getopt_long(argc, argv, p->shorts, p->longs, NULL);
        if (got == -1) {
            return PERSONA_OK;
        }
        if (got == '?' || got == ':') {
            return refuse(p, got, argv, e);
        }
        const size_t i = option_of(p, got);
        const opt *o = i < p->n ? p->options[i] : NULL;
        if (o == NULL) {
            return persona_err_set(e, PERSONA_E_INTERNAL, "option %d has no record", got);
        }
        if (got >= LONG_BASE) {
            snprintf(p->given[i], sizeof p->given[i], "--%s", o->name);
        } else {
            snprintf(p->given[i], sizeof p->given[i], "-%c", o->key);
        }
        const opt_call call = {.o = o,
                               .typed = p->given[i],
                               .value = optarg,
                               .base = p->bases[i],
                               .argc = argc,
                               .argv = argv};
        const persona_code rc = opt_store(&call, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    return PERSONA_OK;
}

static persona_code print_help(const cli_command *x, persona_err *e)
{
    buf text;
    buf_init(&text, HELP_MAX);
    spec_help(x, &text);
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&text, "the help text", e));
    fputs(buf_str(&text), stdout);
    TRY(cli_flush(e));
out:
    buf_free(&text);
    return rc;
}

persona_code opt_parse(const cli_command *x, cli_state *c, void *args, int argc, char **argv,
                       bool *go, persona_err *e)
{
    parsing p = {.x = x, .c = c, .args = args};
    persona_err found = {.code = PERSONA_OK};
    persona_code rc = PERSONA_OK;
    *go = false;
    lay_out(&p);
    rc = take_options(&p, argc, argv, &found);
    tty_init((tty_when)c->color);
    TRY(rc);
    if (c->help) {
        return print_help(x, e);
    }
    TRY(take_words(&p, argc, argv, &found));
    TRY(check_options(&p, &found));
    if (x->check) {
        TRY(x->check(args, &found));
    }
    tty_progress_init(&c->progress, c->verbosity);
    *go = true;
out:
    return rc == PERSONA_OK ? rc
                            : persona_err_set(e, rc, "%s (see '%s --help')", found.msg, argv[0]);
}
