/* SPDX-License-Identifier: MIT
 *
 * options.c - option parsing: the options that commands share, and errors in one line.
 *
 * argp parses, but its own error reports are switched off (ARGP_NO_ERRS): they take two lines, know
 * no "did you mean", and cannot end up in a persona_err. So a parser leaves its message by
 * cli_usage and returns EINVAL; and when getopt itself gives up, which says nothing but where it
 * stopped, the culprit is found by looking at the words near that place again (diagnose).
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/text/names.h"

enum {
    KEY_HELP = 'h',
    KEY_COLOR = 0x1000,
    KEY_JSON,
    KEY_THREADS,
    KEY_SEED,
    KEY_SLOTS,
    KEY_CONTEXT,
    KEY_JUDGE,
    KEY_JUDGE_MODEL,
    KEY_JUDGE_KEY_ENV,
    KEY_JUDGE_TIMEOUT,
    KEY_QUESTIONS
};

static const struct argp_option output_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print one JSON document on standard output", 0},
    {"quiet", 'q', NULL, 0, "No progress, no talk", 0},
    {"verbose", 'v', NULL, 0, "Say more", 0},
    {"color", KEY_COLOR, "WHEN", 0, "auto (default), always or never", 0},
    {"help", KEY_HELP, NULL, 0, "This text", 0},
    {0},
};

static const struct argp_option engine_options[] = {
    {"threads", KEY_THREADS, "N", 0, "CPU threads (default: physical cores, at most 8)", 0},
    {"seed", KEY_SEED, "N", 0, "Same seed, same bytes (default 0)", 0},
    {"slots", KEY_SLOTS, "N", 0, "Sequences decoded together", 0},
    {"context", KEY_CONTEXT, "N", 0, "Tokens per sequence, prompt and answer", 0},
    {0},
};

static const struct argp_option judge_options[] = {
    {"judge", KEY_JUDGE, "WHO", 0,
     "Who scores answers: auto (default: the classifier that the model names), none, labels, a "
     "classifier FILE, a model FILE.gguf, self (the model itself), or the URL of a server",
     0},
    {"judge-model", KEY_JUDGE_MODEL, "NAME", 0, "The model to ask a server for", 0},
    {"judge-key-env", KEY_JUDGE_KEY_ENV, "VARIABLE", 0,
     "Holds the server's key (default OPENAI_API_KEY)", 0},
    {"judge-timeout", KEY_JUDGE_TIMEOUT, "SECONDS", 0, "Per request to a server (default 60)", 0},
    {"questions", KEY_QUESTIONS, "N|FILE", 0,
     "At most N questions, or another set (default: the set the model names, else the trait's)", 0},
    {0},
};

static cli_state *state_of(const struct argp_state *state)
{
    return *(cli_state **)state->input;
}

error_t cli_usage(struct argp_state *state, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    persona_err_set(state_of(state)->err, PERSONA_E_USAGE, "%s", text);
    return EINVAL;
}

error_t cli_int(struct argp_state *state, const char *name, const char *arg, int min, int max,
                int *out)
{
    char *end = NULL;
    errno = 0;
    const long x = strtol(arg, &end, 10);
    if (end == arg || *end || errno != 0 || x < min || x > max) {
        return cli_usage(state, "%s wants a whole number from %d to %d, not '%s'", name, min, max,
                         arg);
    }
    *out = (int)x;
    return 0;
}

error_t cli_real(struct argp_state *state, const char *name, const char *arg, double min,
                 double max, double *out)
{
    char *end = NULL;
    const double x = strtod(arg, &end);
    if (end == arg || *end || !isfinite(x) || x < min || x > max) {
        return cli_usage(state, "%s wants a number from %g to %g, not '%s'", name, min, max, arg);
    }
    *out = x;
    return 0;
}

error_t cli_seed(struct argp_state *state, const char *arg, uint32_t *out)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long x = strtoull(arg, &end, 10);
    if (end == arg || *end || errno != 0 || arg[0] == '-' || x > UINT32_MAX) {
        return cli_usage(state, "--seed wants a whole number from 0 to 4294967295, not '%s'", arg);
    }
    *out = (uint32_t)x;
    return 0;
}

/* -2:2:9 means 0.5 and not 0.49999999999999994: the evaluation looks for exactly -1, 0 and 1. */
static double snapped(double x)
{
    const double y = round(x * 1e6) / 1e6;
    return fabs(x - y) < 1e-9 ? y + 0.0 : x;
}

error_t cli_coefficients(struct argp_state *state, const char *arg, double *out, int most,
                         size_t *n)
{
    char *rest = NULL;
    const double low = strtod(arg, &rest);
    const double high = *rest == ':' ? strtod(rest + 1, &rest) : low;
    const long count = *rest == ':' ? strtol(rest + 1, &rest, 10) : 0;
    int ones = 0;
    if (*rest || !(low < high) || !isfinite(high - low) || count < 2 || count > most) {
        return cli_usage(state, "--coefficients wants LOW:HIGH:N with N from 2 to %d, not '%s'",
                         most, arg);
    }
    for (long i = 0; i < count; i++) {
        out[i] = snapped(low + (high - low) * (double)i / (double)(count - 1));
        ones += fabs(fabs(out[i]) - 1) < 1e-12;
    }
    *n = (size_t)count;
    return ones == 2 ? 0
                     : cli_usage(state, "--coefficients must meet -1 and 1: the verdict compares "
                                        "them");
}

const char *cli_next_word(struct argp_state *state)
{
    return state->next < state->argc ? state->argv[state->next++] : NULL;
}

void cli_split(const char *list, char ***out, size_t *n)
{
    *n = 0;
    *out = cli_alloc(strlen(list) + 1, sizeof **out);
    for (const char *p = list; *p;) {
        const size_t len = strcspn(p, ",");
        if (len > 0) {
            (*out)[(*n)++] = cli_format("%.*s", (int)len, p);
        }
        p += len + (p[len] == ',');
    }
}

/* ---- the shared parsers ---------------------------------------------------------------------- */

static error_t parse_color(struct argp_state *state, const char *arg)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(arg, names[i]) == 0) {
            tty_init((tty_when)i);
            return 0;
        }
    }
    return cli_usage(state, "--color wants auto, always or never, not '%s'", arg);
}

static error_t parse_output(int key, char *arg, struct argp_state *state)
{
    cli_state *c = key == ARGP_KEY_INIT ? NULL : state_of(state);
    switch (key) {
    case KEY_JSON:
        c->json = true;
        return 0;
    case 'q':
        c->verbosity = -1;
        return 0;
    case 'v':
        c->verbosity = 1;
        return 0;
    case KEY_HELP:
        c->help = true;
        return 0;
    case KEY_COLOR:
        return parse_color(state, arg);
    case ARGP_KEY_ERROR:
        c->stopped_at = state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_engine(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case KEY_THREADS:
        return cli_int(state, "--threads", arg, 1, 1024, &state_of(state)->rig.n_threads);
    case KEY_SEED:
        return cli_seed(state, arg, &state_of(state)->seed);
    case KEY_SLOTS:
        return cli_int(state, "--slots", arg, 1, 256, &state_of(state)->rig.n_slots);
    case KEY_CONTEXT:
        return cli_int(state, "--context", arg, 16, 1 << 20, &state_of(state)->rig.n_ctx);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_judge(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case KEY_JUDGE:
        state_of(state)->rig.judge = arg;
        return 0;
    case KEY_JUDGE_MODEL:
        state_of(state)->rig.judge_model = arg;
        return 0;
    case KEY_JUDGE_KEY_ENV:
        state_of(state)->rig.judge_key_env = arg;
        return 0;
    case KEY_JUDGE_TIMEOUT:
        return cli_real(state, "--judge-timeout", arg, 0.1, 86400,
                        &state_of(state)->rig.judge_timeout);
    case KEY_QUESTIONS:
        state_of(state)->rig.questions = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_output_argp = {output_options, parse_output, NULL, NULL, NULL, NULL, NULL};
const struct argp cli_engine_argp = {engine_options, parse_engine, NULL, NULL, NULL, NULL, NULL};
const struct argp cli_judge_argp = {judge_options, parse_judge, NULL, NULL, NULL, NULL, NULL};

void cli_init_children(struct argp_state *state)
{
    const struct argp_child *child = state->root_argp->children;
    for (size_t i = 0; child && child[i].argp; i++) {
        state->child_inputs[i] = state->input;
    }
}

/* ---- what getopt did not like ---------------------------------------------------------------- */

enum { MAX_OPTIONS = 96 };

typedef struct option_list {
    const struct argp_option *o[MAX_OPTIONS];
    size_t n;
} option_list;

static void collect(option_list *l, const struct argp *argp)
{
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++) {
        if (l->n < MAX_OPTIONS && o->name) {
            l->o[l->n++] = o;
        }
    }
    for (const struct argp_child *c = argp->children; c && c->argp; c++) {
        collect(l, c->argp);
    }
}

/* "--judgee" -> "; did you mean '--judge'?" */
static void suggest(const option_list *l, const char *name, char *out, size_t size)
{
    const char *names[MAX_OPTIONS];
    for (size_t i = 0; i < l->n; i++) {
        names[i] = l->o[i]->name;
    }
    const char *near = name_nearest(names, l->n, name);
    out[0] = '\0';
    if (near) {
        snprintf(out, size, "; did you mean '--%s'?", near);
    }
}

static bool diagnose_long(const option_list *l, const char *word, persona_err *e)
{
    const size_t len = strcspn(word + 2, "=");
    const bool has_value = word[2 + len] == '=';
    const struct argp_option *match = NULL;
    size_t n_match = 0;
    bool exact = false;
    for (size_t i = 0; i < l->n && !exact; i++) {
        if (strncmp(l->o[i]->name, word + 2, len) != 0) {
            continue;
        }
        exact = l->o[i]->name[len] == '\0';
        match = l->o[i];
        n_match++;
    }
    char name[64], hint[96];
    snprintf(name, sizeof name, "%.*s", (int)len, word + 2);
    if (!match) {
        suggest(l, name, hint, sizeof hint);
        persona_err_set(e, PERSONA_E_USAGE, "unknown option '--%s'%s", name, hint);
    } else if (!exact && n_match > 1) {
        persona_err_set(e, PERSONA_E_USAGE, "option '--%s' is ambiguous", name);
    } else if (has_value && !match->arg) {
        persona_err_set(e, PERSONA_E_USAGE, "option '--%s' takes no value", match->name);
    } else if (!has_value && match->arg) {
        persona_err_set(e, PERSONA_E_USAGE, "option '--%s' wants a value: %s", match->name,
                        match->arg);
    } else {
        return false;
    }
    return true;
}

static bool diagnose_short(const option_list *l, const char *word, persona_err *e)
{
    for (const char *p = word + 1; *p; p++) {
        const struct argp_option *match = NULL;
        for (size_t i = 0; i < l->n && !match; i++) {
            match = l->o[i]->key == *p ? l->o[i] : NULL;
        }
        if (!match) {
            persona_err_set(e, PERSONA_E_USAGE, "unknown option '-%c'", *p);
            return true;
        }
        if (match->arg && p[1] == '\0') {
            persona_err_set(e, PERSONA_E_USAGE, "option '-%c' wants a value: %s", *p, match->arg);
            return true;
        }
        if (match->arg) {
            return false;
        }
    }
    return false;
}

static bool diagnose(const struct argp *argp, const char *word, persona_err *e)
{
    option_list l = {.n = 0};
    collect(&l, argp);
    if (word[0] != '-' || word[1] == '\0') {
        return false;
    }
    return word[1] == '-' ? word[2] && diagnose_long(&l, word, e) : diagnose_short(&l, word, e);
}

persona_code cli_parse(const struct argp *argp, cli_state *c, int argc, char **argv, void *input,
                       bool *go, persona_err *e)
{
    persona_err found = {.code = PERSONA_OK};
    int end = argc;
    c->err = &found;
    const error_t failed =
        argp_parse(argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_NO_EXIT, &end, input);
    c->err = NULL;
    *go = !c->help;
    if (c->help) {
        argp_help(argp, stdout, ARGP_HELP_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, argv[0]);
        return cli_flush(e);
    }
    if (failed && found.code == PERSONA_OK) {
        const int at = c->stopped_at;
        if (!(at >= 1 && at - 1 < argc && diagnose(argp, argv[at - 1], &found)) &&
            !(at >= 1 && at < argc && diagnose(argp, argv[at], &found))) {
            persona_err_set(&found, PERSONA_E_USAGE, "wrong usage");
        }
    } else if (!failed && end < argc) {
        persona_err_set(&found, PERSONA_E_USAGE, "unexpected argument '%s'", argv[end]);
    }
    if (found.code == PERSONA_OK) {
        tty_progress_init(&c->progress, c->verbosity);
        return PERSONA_OK;
    }
    *go = false;
    return persona_err_set(e, found.code, "%s (see '%s --help')", found.msg, argv[0]);
}
