/* SPDX-License-Identifier: MIT
 *
 * judge_train.c - `persona judge train`: labelled answers in, a classifier file out, and how well
 * its axes do on answers that were held out.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cmd_judge.h"
#include "cli/table.h"
#include "core/map/textset.h"
#include "store/classifier/classifierwrite.h"

typedef struct training {
    train_opts opts;
    char *name;
    labels labels;
    const char **traits; /* (n) */
    trained_axis *axes;  /* (n) */
    double *neutral;     /* (n) */
    char *texts;
    size_t n;
    coherence_model coherence;
    coherence_report report;
    double seconds;
} training;

/* "report.json" -> "report" */
static char *name_of(const judge_args *a)
{
    if (a->name) {
        return cli_strdup(a->name);
    }
    const char *base = path_base(a->output);
    const size_t n = strlen(base);
    const bool json = n > 5 && strcmp(base + n - 5, ".json") == 0;
    return cli_format("%.*s", (int)(json ? n - 5 : n), base);
}

static persona_code read_ngrams(const char *list, train_opts *o, persona_err *e)
{
    char **words = NULL;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    cli_split(list, &words, &n);
    o->n_orders = 0;
    for (size_t i = 0; i < n; i++) {
        const int order = strlen(words[i]) == 1 ? words[i][0] - '0' : 0;
        bool ok = order >= 1 && order <= CLASSIFIER_MAX_ORDER && n <= CLASSIFIER_MAX_ORDER;
        for (size_t k = 0; ok && k < o->n_orders; k++) {
            ok = o->orders[k] != order;
        }
        if (ok) {
            o->orders[o->n_orders++] = order;
        } else {
            rc = PERSONA_E_USAGE;
        }
    }
    persona_names_free(words, n);
    if (rc != PERSONA_OK || n == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--ngrams wants different lengths from 1 to %d, like 1,2, not '%s'",
                               CLASSIFIER_MAX_ORDER, list);
    }
    return PERSONA_OK;
}

static void choose(const labels *l, const char *trait, train_text *texts, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!trait || strcmp(l->p[i].trait, trait) == 0) {
            texts[(*n)++] = (train_text){l->p[i].response, l->p[i].question, (double)l->p[i].label};
        }
    }
}

static persona_code train_all(const judge_args *a, training *t, persona_err *e)
{
    train_text *texts = cli_alloc(t->labels.n, sizeof *texts);
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    t->axes = cli_alloc(t->n, sizeof *t->axes);
    for (size_t i = 0; i < t->n; i++) {
        choose(&t->labels, t->traits[i], texts, &n);
        rc = train_axis(texts, n, &t->opts, &a->c->hooks, &t->axes[i], e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "trait '%.100s'", t->traits[i]);
            goto out;
        }
    }
    choose(&t->labels, NULL, texts, &n);
    TRY(train_coherence(texts, n, t->opts.seed, &t->coherence, &t->report, e));
out:
    mem_free(texts);
    return rc;
}

/* The scale of a trait's labels, if they agree on one. */
static persona_code find_neutral(const judge_args *a, const labels *l, const char *trait,
                                 double *out, persona_err *e)
{
    float least = 100, most = 0;
    if (a->neutral) {
        *out = strcmp(a->neutral, "0") == 0 ? 0 : 50;
        return PERSONA_OK;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->p[i].trait, trait) == 0) {
            least = fminf(least, l->p[i].neutral);
            most = fmaxf(most, l->p[i].neutral);
        }
    }
    *out = (double)least;
    if (least < most) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "the labels of '%.100s' are of two scales (CSV: from absent to "
                               "strongest, JSON lines: two poles): say --neutral 0 or 50",
                               trait);
    }
    return PERSONA_OK;
}

/* What the file says of its labels beside the weights. */
static persona_code describe(const judge_args *a, training *t, persona_err *e)
{
    uint64_t *h = cli_alloc(t->labels.n, sizeof *h);
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < t->labels.n; i++) {
        h[i] = textset_hash(t->labels.p[i].response);
    }
    TRY(textset_format(h, textset_sort(h, t->labels.n), &t->texts, e));
    t->neutral = cli_alloc(t->n, sizeof *t->neutral);
    for (size_t i = 0; i < t->n; i++) {
        TRY(find_neutral(a, &t->labels, t->traits[i], &t->neutral[i], e));
    }
out:
    mem_free(h);
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void show_text(const judge_args *a, const training *t)
{
    static const table_column columns[] = {
        {"trait", TABLE_LEFT},     {"answers", TABLE_RIGHT},     {"high", TABLE_RIGHT},
        {"low", TABLE_RIGHT},      {"groups", TABLE_RIGHT},      {"AUROC", TABLE_RIGHT},
        {"Spearman", TABLE_RIGHT}, {"by question", TABLE_RIGHT}, {"same side", TABLE_RIGHT},
        {"MAE", TABLE_RIGHT},      {"n-grams", TABLE_RIGHT}};
    table x;
    table_init(&x, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < t->n; i++) {
        const axis_report *r = &t->axes[i].report;
        table_cell(&x, "%s", t->traits[i]);
        table_style(&x, TTY_BOLD);
        table_cell(&x, "%zu", r->n);
        table_cell(&x, "%zu", r->n_high);
        table_cell(&x, "%zu", r->n_low);
        table_cell(&x, "%zu", r->n_groups);
        table_cell(&x, "%s", cli_number(r->auroc, 3));
        table_cell(&x, "%s", cli_number(r->spearman, 3));
        table_style(&x, r->spearman >= PERSONA_JUDGE_MIN_SPEARMAN ? TTY_GREEN : TTY_RED);
        table_cell(&x, "%s", cli_number(r->by_question, 3));
        table_cell(&x, "%s %%", cli_number(100 * r->accuracy, 1));
        table_cell(&x, "%s", cli_number(r->mae, 1));
        table_cell(&x, "%zu", r->n_weights);
    }
    printf("held-out answers (%zu folds of whole questions)\n", t->axes[0].report.n_folds);
    table_print(&x, stdout, 2);
    table_free(&x);
    printf("\ncoherence of %zu answers: %s as they are, %s with their words shuffled (AUROC %s)\n",
           t->report.n, cli_number(t->report.clean, 0), cli_number(t->report.shuffled, 0),
           cli_number(t->report.auroc, 3));
    printf("%s, %s\n", a->output, cli_duration(t->seconds));
}

static void coherence_json(json_out *o, const coherence_report *r)
{
    jo_object(o, "coherence");
    jo_int(o, "n", (long long)r->n);
    jo_int(o, "n_grams", (long long)r->n_grams);
    jo_number(o, "clean", r->clean);
    jo_number(o, "clean_p5", r->clean_p5);
    jo_number(o, "shuffled", r->shuffled);
    jo_number(o, "replaced", r->replaced);
    jo_number(o, "looped", r->looped);
    jo_number(o, "auroc", r->auroc);
    jo_end(o);
}

static persona_code show_json(const judge_args *a, const training *t, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "judge");
    jo_string(o, "output", a->output);
    jo_string(o, "name", t->name);
    jo_array(o, "axes");
    for (size_t i = 0; i < t->n; i++) {
        const axis_report *r = &t->axes[i].report;
        jo_object(o, NULL);
        jo_string(o, "trait", t->traits[i]);
        jo_int(o, "n", (long long)r->n);
        jo_int(o, "n_high", (long long)r->n_high);
        jo_int(o, "n_low", (long long)r->n_low);
        jo_int(o, "n_groups", (long long)r->n_groups);
        jo_int(o, "n_folds", (long long)r->n_folds);
        jo_int(o, "n_weights", (long long)r->n_weights);
        jo_number(o, "l2", r->l2);
        jo_number(o, "auroc", r->auroc);
        jo_number(o, "spearman", r->spearman);
        jo_number(o, "accuracy", r->accuracy);
        jo_number(o, "mae", r->mae);
        jo_number(o, "by_question", r->by_question);
        jo_int(o, "n_by_question", (long long)r->n_by_question);
        jo_number(o, "neutral", t->neutral[i]);
        jo_end(o);
    }
    jo_end(o);
    coherence_json(o, &t->report);
    jo_int(o, "n_unscored", (long long)t->labels.n_unscored);
    jo_int(o, "seed", (long long)t->opts.seed);
    jo_number(o, "seconds", t->seconds);
    return cli_json_end(a->c, &j, e);
}

/* ---- the action ------------------------------------------------------------------------------ */

static persona_code write_file(const judge_args *a, const training *t, persona_err *e)
{
    const classifier_draft d = {.name = t->name,
                                .opts = &t->opts,
                                .traits = t->traits,
                                .axes = t->axes,
                                .neutral = t->neutral,
                                .n_axes = t->n,
                                .labels_by = a->labels_by,
                                .labels_of = a->labels_of,
                                .texts = t->texts,
                                .coherence = &t->coherence,
                                .report = &t->report};
    return classifier_write(a->output, &d, e);
}

persona_code judge_train(const judge_args *a, persona_err *e)
{
    const double start = clock_now();
    training t = {.opts = train_defaults()};
    persona_code rc = PERSONA_OK;
    t.opts.seed = a->c->seed;
    if (a->ngrams) {
        TRY(read_ngrams(a->ngrams, &t.opts, e));
    }
    TRY(judge_check_names(a, e));
    t.name = name_of(a);
    TRY(output_distinct(a->output, (const char *const *)a->files, a->n_files, e));
    TRY(output_writable(a->output, e));
    TRY(judge_labels(a, &t.labels, e));
    t.traits = judge_traits(&t.labels, &t.n);
    TRY(describe(a, &t, e));
    TRY(train_all(a, &t, e));
    TRY(write_file(a, &t, e));
    t.seconds = clock_now() - start;
    tty_progress_clear(&a->c->progress);
    judge_say_unscored(a, &t.labels);
    if (a->c->json) {
        rc = show_json(a, &t, e);
    } else {
        show_text(a, &t);
    }
out:
    mem_free(t.coherence.filter);
    for (size_t i = 0; t.axes && i < t.n; i++) {
        trained_axis_clear(&t.axes[i]);
    }
    mem_free(t.axes);
    mem_free(t.traits);
    mem_free(t.neutral);
    mem_free(t.texts);
    labels_clear(&t.labels);
    mem_free(t.name);
    return rc;
}
