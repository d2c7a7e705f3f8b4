/* SPDX-License-Identifier: MIT
 *
 * cmd_judge.c - `persona judge train`, `show` and `test`: classifiers of one's own, and what a
 * judge is worth.
 */
#include "cli/cmd_judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    const char *name;
    persona_code (*run)(const judge_args *a, persona_err *e);
    const char *wants;
    size_t min, max; /* arguments after it */
} actions[] = {
    {"train", judge_train, "one or more files of labelled answers", 1, SIZE_MAX},
    {"show", judge_show, "one classifier file", 1, 1},
    {"test", judge_test, "a judge and one or more files of labelled answers", 2, SIZE_MAX},
};
enum { N_ACTIONS = sizeof actions / sizeof *actions };

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "train: where the classifier goes", 0},
    {"name", 'n', "NAME", 0, "train: its name (default: the file's, without .json)", 0},
    {"trait", 't', "NAME", 0, "train, test: only this trait; also that of lines that name none", 0},
    {"ngrams", 'g', "LIST", 0, "train: lengths of n-grams, in words (default 1,2)", 0},
    {0},
};

static size_t action_of(const char *name)
{
    size_t i = 0;
    while (i < N_ACTIONS && strcmp(actions[i].name, name) != 0) {
        i++;
    }
    return i;
}

static error_t check(struct argp_state *state)
{
    judge_args *a = state->input;
    if (a->c->help) {
        return 0;
    }
    if (!a->action) {
        return cli_usage(state, "what to do: train, show or test?");
    }
    const size_t i = action_of(a->action);
    if (i == N_ACTIONS) {
        return cli_usage(state, "judge can train, show and test, not '%s'", a->action);
    }
    if (a->n_files < actions[i].min || a->n_files > actions[i].max) {
        return cli_usage(state, "%s wants %s", a->action, actions[i].wants);
    }
    const bool train = strcmp(a->action, "train") == 0;
    if (train && !a->output) {
        return cli_usage(state, "train wants -o FILE, where the classifier goes");
    }
    if (!train && (a->output || a->name || a->ngrams)) {
        return cli_usage(state, "-o, --name and --ngrams belong to train, not to %s", a->action);
    }
    if (strcmp(a->c->rig.judge, "auto") != 0 || a->c->rig.questions) {
        return cli_usage(
            state, "judge takes no --judge and --questions: the judge is an argument of test");
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    judge_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case 'n':
        a->name = arg;
        return 0;
    case 't':
        a->trait = arg;
        return 0;
    case 'g':
        a->ngrams = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->action) {
            a->action = arg;
        } else {
            a->files[a->n_files++] = arg;
        }
        return 0;
    case ARGP_KEY_END:
        return check(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    CLI_CHILD_JUDGE, CLI_CHILD_ENGINE, CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    "train F.jsonl… -o FILE\nshow FILE\ntest JUDGE F.jsonl…",
    "Trains a text classifier from labelled answers, shows one, or compares a judge with labels.\v"
    "A line of F.jsonl is one answer: {\"trait\": …, \"question\": …, \"response\": …, \"label\": "
    "0 to "
    "100}, or \"polarity\": \"positive\" or \"negative\" instead of the label. JUDGE is what "
    "--judge "
    "of other commands takes: a classifier FILE, a model FILE.gguf, or the URL of a server.",
    children,
    NULL,
    NULL,
};

persona_code judge_labels(const judge_args *a, labels *out, persona_err *e)
{
    *out = (labels){0};
    for (size_t i = 0; i < a->n_files; i++) {
        const persona_code rc = labels_read(a->files[i], a->trait, out, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    if (out->n == 0) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s%s: no answers%s%s", a->files[0],
                               a->n_files > 1 ? " and the other files" : "",
                               a->trait ? " of the trait " : "", a->trait ? a->trait : "");
    }
    return PERSONA_OK;
}

const char **judge_traits(const labels *l, size_t *n)
{
    const char **list = cli_alloc(l->n + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t k = 0;
        while (k < *n && strcmp(list[k], l->p[i].trait) != 0) {
            k++;
        }
        if (k == *n) {
            list[(*n)++] = l->p[i].trait;
        }
    }
    return list;
}

persona_code cmd_judge(cli_state *c, int argc, char **argv, persona_err *e)
{
    judge_args a = {.c = c};
    bool go = false;
    a.files = cli_alloc((size_t)argc + 1, sizeof *a.files);
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (go) {
        rc = actions[action_of(a.action)].run(&a, e);
    }
    mem_free(a.files);
    return rc;
}
