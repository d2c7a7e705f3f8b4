/* SPDX-License-Identifier: MIT
 *
 * cmd_judge.c - `persona judge train`, `show` and `test`: classifiers of one's own, and what a
 * judge is worth.
 */
#include "cli/cmd_judge.h"

#include <string.h>

#include "base/mem.h"

enum { TRAIN = 1, SHOW = 2, TEST = 4 };

static const cli_action actions[] = {
    {"train", TRAIN, "F... -o FILE", "one or more files of labelled answers", 1, SIZE_MAX},
    {"show", SHOW, "FILE", "one classifier file", 1, 1},
    {"test", TEST, "JUDGE F...", "a judge and one or more files of labelled answers", 2, SIZE_MAX},
    {.name = NULL},
};

#define AT(member) offsetof(judge_args, member)

static const char *const scales[] = {"0", "50", NULL};

static const opt options[] = {
    {.name = "output",
     .key = 'o',
     .required = true,
     .type = OPT_FILE,
     .on = TRAIN,
     .arg = "FILE",
     .at = AT(output),
     .help = "Where the classifier goes"},
    {.name = "name",
     .key = 'n',
     .type = OPT_TEXT,
     .on = TRAIN,
     .arg = "NAME",
     .at = AT(name),
     .without = "the file's, without .json",
     .help = "Its name"},
    {.name = "trait",
     .key = 't',
     .type = OPT_TEXT,
     .on = TRAIN | TEST,
     .arg = "NAME",
     .at = AT(trait),
     .help = "Only this trait; also that of JSON lines that name none"},
    {.name = "ngrams",
     .key = 'g',
     .type = OPT_TEXT,
     .on = TRAIN,
     .arg = "LIST",
     .at = AT(ngrams),
     .without = "1,2",
     .help = "Lengths of n-grams, in words"},
    {.name = "labels-by",
     .type = OPT_TEXT,
     .on = TRAIN | TEST,
     .arg = "NAME",
     .at = AT(labels_by),
     .without = "",
     .help = "Who labelled the answers, for the file"},
    {.name = "labels-of",
     .type = OPT_TEXT,
     .on = TRAIN | TEST,
     .arg = "NAME",
     .at = AT(labels_of),
     .without = "",
     .help = "Whose answers they are, for the file"},
    {.name = "save",
     .type = OPT_FILE,
     .on = TEST,
     .arg = "FILE",
     .at = AT(save),
     .without = "",
     .help = "Keep what was measured, for --judge-validity of other commands"},
    {.name = "neutral",
     .type = OPT_WORD,
     .on = TRAIN,
     .arg = "0|50",
     .words = scales,
     .at = AT(neutral),
     .without = "0 for CSV, 50 for JSON lines",
     .help = "The label of an answer that does not show the trait: 50 on a scale of two poles, 0 "
             "on one from absent to strongest"},
    {.name = NULL},
};
static const opt_group judge_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const judge_args *a = p;
    if (strcmp(a->c->rig.judge, "auto") != 0 || a->c->rig.questions || a->c->rig.judge_validity) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "judge takes no --judge, --judge-validity and --questions: the judge "
            "is an argument of test");
    }
    if (a->c->action->bit == TEST && !a->save && (a->labels_by || a->labels_of)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--labels-by and --labels-of of test are for the file of --save");
    }
    return PERSONA_OK;
}

persona_code judge_check_names(const judge_args *a, persona_err *e)
{
    const size_t max = sizeof((persona_judge_measure *)0)->labels_by - 1;
    if ((a->labels_by && strlen(a->labels_by) > max) ||
        (a->labels_of && strlen(a->labels_of) > max)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--labels-by and --labels-of want names of at most %zu bytes", max);
    }
    return PERSONA_OK;
}

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

void judge_say_unscored(const judge_args *a, const labels *l)
{
    if (l->n_unscored > 0) {
        cli_say(a->c, "left out: %zu answers without a score", l->n_unscored);
    }
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

static persona_code run_judge(void *p, persona_err *e)
{
    judge_args *a = p;
    const unsigned action = a->c->action->bit;
    a->files = a->c->words;
    a->n_files = a->c->n_words;
    if (action == TRAIN) {
        return judge_train(a, e);
    }
    return action == SHOW ? judge_show(a, e) : judge_test(a, e);
}

const cli_command command_judge = {
    .name = "judge",
    .summary = "Train a judge, show one, or compare one with labels",
    .about = "Trains a text classifier from labelled answers, shows one, or compares a judge with "
             "labels.",
    .notes =
        "F holds labelled answers. Either JSON lines: {\"trait\": ..., \"question\": ..., "
        "\"response\": ..., \"label\": 0 to 100}, or \"polarity\": \"positive\" or \"negative\" "
        "instead of the label. Or the published CSV: question, prompt, answer, question_id, the "
        "trait's score, coherence; the column names the trait, and rows without a score are "
        "left out. JUDGE is what --judge of other commands takes: a classifier FILE, a model "
        "FILE.gguf, or the URL of a server.",
    .actions = actions,
    .groups = {{&judge_options, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(judge_args),
    .check = check,
    .run = run_judge,
};
