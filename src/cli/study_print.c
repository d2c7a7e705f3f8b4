/* SPDX-License-Identifier: MIT
 *
 * study_print.c - a study as text: conditions down, coefficients across.
 *
 * The evaluation is a list of rows (condition, coefficient); people compare along a condition and
 * between conditions, so the text is the pivot of that list. Intervals stand at the swings, which
 * the verdict looks at; those of every score are in the JSON and in the report.
 */
#include "cli/study_print.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/study_witness.h"
#include "cli/table.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/report/pivot.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static size_t zero_column(const pivot *p)
{
    size_t k = 0;
    while (k + 1 < p->n_coefficients && p->coefficients[k] < -1e-9) {
        k++;
    }
    return k;
}

/* Swing, Spearman, and the coherence at -1 and +1; without a swing that at 0. */
static void verdict_cells(table *t, const persona_swing *s, const persona_row *zero,
                          tty_style style)
{
    if (s && isfinite(s->swing.value)) {
        table_cell(t, "%s [%s, %s]", cli_number(s->swing.value, 0), cli_number(s->swing.low, 0),
                   cli_number(s->swing.high, 0));
    } else {
        table_cell(t, "%s", "");
    }
    table_style(t, style);
    table_cell(t, "%s", s && isfinite(s->spearman) ? cli_number(s->spearman, 2) : "");
    if (s) {
        table_cell(t, "%s %s", cli_number(s->coherence_low, 0), cli_number(s->coherence_high, 0));
    } else {
        table_cell(t, "%s", zero ? cli_number(zero->coherence, 0) : "");
    }
}

/* One line per condition: its score at every coefficient, then what the verdict looks at. */
static void score_table(FILE *f, const persona_evaluation *v, const pivot *p)
{
    table_column columns[PIVOT_COLUMNS + 5] = {{"score at", TABLE_LEFT}};
    char titles[PIVOT_COLUMNS][16];
    table t;
    size_t n = 1;
    for (size_t k = 0; k < p->n_coefficients; k++) {
        columns[n++] = (table_column){
            pivot_coefficient(p->coefficients[k], titles[k], sizeof titles[k]), TABLE_RIGHT};
    }
    columns[n++] = (table_column){"swing [95 %]", TABLE_RIGHT};
    columns[n++] = (table_column){"rho", TABLE_RIGHT};
    columns[n++] = (table_column){"coherent", TABLE_RIGHT};
    columns[n++] = (table_column){"n", TABLE_RIGHT};
    table_init(&t, columns, n);
    for (size_t c = 0; c < p->n_conditions; c++) {
        const condition_kind *kind = condition_find(p->conditions[c]);
        const persona_swing *s = persona_evaluation_swing(v, p->conditions[c]);
        const tty_style style = strcmp(p->conditions[c], "transferred") == 0 ? TTY_BOLD
                                : kind && condition_is_null(kind)            ? TTY_DIM
                                                                             : TTY_RESET;
        table_cell(&t, "%s", p->conditions[c]);
        table_style(&t, style);
        for (size_t k = 0; k < p->n_coefficients; k++) {
            table_cell(&t, "%s", p->at[c][k] ? cli_number(p->at[c][k]->score.value, 0) : "");
            table_style(&t, style);
        }
        verdict_cells(&t, s, p->at[c][zero_column(p)], style);
        table_cell(&t, "%zu", pivot_answers(p, c));
    }
    table_print(&t, f, 2);
    table_free(&t);
}

/* ---- text ------------------------------------------------------------------------------------ */

void study_print_text(FILE *f, const char *first, const char *text, int indent)
{
    const int width = tty_width(f) < 100 ? tty_width(f) : 100;
    int at = fprintf(f, "  %s", first);
    for (; at < indent; at++) {
        fputc(' ', f);
    }
    const char *p = text;
    bool fresh = true;
    while (*p) {
        p += strspn(p, " \t\n\r");
        const size_t len = strcspn(p, " \t\n\r");
        char word[256];
        snprintf(word, sizeof word, "%.*s", (int)(len < 255 ? len : 255), p);
        const int columns = (int)tty_columns(word);
        if (!fresh && at + 1 + columns > width) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
            fresh = true;
        }
        at += columns + fprintf(f, "%s", fresh ? "" : " ");
        fputs(word, f);
        fresh = false;
        p += len;
    }
    fputc('\n', f);
}

static void print_samples(FILE *f, const persona_study *x)
{
    if (x->n_samples == 0) {
        return;
    }
    fputc('\n', f);
    study_print_text(f, "question", x->question, 20);
    for (size_t i = 0; i < x->n_samples; i++) {
        char title[48];
        const persona_study_sample *s = &x->samples[i];
        if (s->coefficient == 0.0) {
            snprintf(title, sizeof title, "%s", s->condition);
        } else {
            snprintf(title, sizeof title, "%s %+g", s->condition, s->coefficient);
        }
        study_print_text(f, title, s->text && *s->text ? s->text : "(no answer)", 20);
    }
}

static void print_unjudged(FILE *f, const persona_evaluation *v)
{
    size_t n = 0, all = 0;
    for (size_t i = 0; i < v->n_rows; i++) {
        n += v->rows[i].n_unjudged;
        all += v->rows[i].n;
    }
    if (n > 0) {
        fprintf(f,
                "  %sthe judge left %zu of %zu answers open; they count as the unsteered mean%s\n",
                tty_paint(f, TTY_YELLOW), n, all, tty_paint(f, TTY_RESET));
    }
}

/* Draws of a control one by one: other traits by name, others as numbers in order. */
static void print_spread(FILE *f, const persona_spread *s)
{
    fprintf(f, "  %zu of %s: %s +- %s", s->n, s->condition, cli_number(s->mean, 0),
            cli_number(s->sd, 0));
    if (isfinite(s->p)) {
        fprintf(f, ", %zu as far, p %s", s->n_reaching, cli_number(s->p, 3));
    }
    fputs(" (", f);
    for (size_t k = 0; k < s->n; k++) {
        fprintf(f, "%s%s%s%s", k > 0 ? " " : "", s->what[k], s->what[k][0] ? " " : "",
                cli_number(s->swing[k].value, 0));
    }
    fputs(")\n", f);
}

static void print_best_point(FILE *f, const persona_best_point *p, const char *none)
{
    if (isfinite(p->gain)) {
        fprintf(f, " %s%s at %+g", p->gain > 0 ? "+" : "", cli_number(p->gain, 0), p->coefficient);
    } else {
        fprintf(f, " %s", none);
    }
}

/* What transferred and native vector can do at most. */
static void print_best(FILE *f, const persona_evaluation *v)
{
    static const char *const shown[] = {"transferred", "in-sample", "native"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const persona_best *b = persona_evaluation_best(v, shown[i]);
        if (b) {
            fprintf(f, n++ == 0 ? "  at most, coherence >= %g: " : "; ", PERSONA_COHERENT);
            fputs(b->condition, f);
            print_best_point(f, &b->minus, "none at -");
            fputc(',', f);
            print_best_point(f, &b->plus, "none at +");
        }
    }
    if (n > 0) {
        fprintf(f, " (coherence %s)\n", v->coherence_validity);
    }
}

/* What the swing is where less is left out, and what was left out. */
static void print_left(FILE *f, const persona_study *x)
{
    const persona_study_left *l = &x->left;
    if (!l->judge) {
        return;
    }
    fprintf(f, "  %zu of %zu texts are not of the trait; by %s %zu of them lean (%zu clearly)",
            l->n_left[0], l->n_texts, l->judge, l->n_left[0] - l->n_left[2],
            l->n_left[0] - l->n_left[1]);
    for (size_t i = 0; x->evaluation && i < 2; i++) {
        const persona_swing *s =
            persona_evaluation_swing(x->evaluation, i == 0 ? "leave-loose" : "leave-name");
        if (s) {
            fprintf(f, "; swing %s [%s, %s] with %s", cli_number(s->swing.value, 0),
                    cli_number(s->swing.low, 0), cli_number(s->swing.high, 0),
                    i == 0 ? "only the clear ones left out" : "none of them left out");
        }
    }
    fputc('\n', f);
}

/* What each repeat did, and what intervals cover. */
static void print_repeats(FILE *f, const persona_study *x)
{
    if (x->n_repeats == 0) {
        fputs("  intervals: over questions, given this vector (transfer --repeats 3 covers texts, "
              "blocks and doses, too)\n",
              f);
        return;
    }
    fprintf(f, "  intervals: over questions and %zu repeats with other texts, blocks and doses:",
            x->n_repeats);
    for (size_t k = 0; k < x->n_repeats; k++) {
        const persona_study_repeat *r = &x->repeats[k];
        const persona_swing *s = persona_evaluation_swing(r->evaluation, "transferred");
        fprintf(f, "%s block %d -> %d swings %s", k > 0 ? "," : "", r->layer_from, r->layer_to,
                s ? cli_number(s->swing.value, 0) : "-");
    }
    fputc('\n', f);
}

static void print_cosines(FILE *f, const persona_study *x)
{
    for (size_t i = 0; i < x->n_arms && i < 1; i++) {
        if (isfinite(x->arms[i].cosine)) {
            fprintf(f, "  cosine to native %s", cli_number(x->arms[i].cosine, 2));
            if (x->n_null_cosines > 0) {
                fprintf(f, "; through %zu shuffled maps %s, at most %s in size", x->n_null_cosines,
                        cli_number(x->null_cosine, 2), cli_number(x->null_cosine_max, 2));
            }
            fputc('\n', f);
        }
    }
}

static void print_auroc(FILE *f, const persona_study_auroc *a)
{
    if (!isfinite(a->area.value)) {
        if (a->reason[0]) {
            fprintf(f, "  no AUROC of the carried direction: %s\n", a->reason);
        }
        return;
    }
    fprintf(
        f, "  AUROC of the carried direction on %s %s [%s, %s] (%zu show the trait by %s, %zu not)",
        a->of, cli_number(a->area.value, 2), cli_number(a->area.low, 2),
        cli_number(a->area.high, 2), a->n_shown, a->by, a->n_not);
    if (a->n_null > 0) {
        fprintf(f, "; %zu shuffled maps %s +- %s, p %s", a->n_null, cli_number(a->null_mean, 2),
                cli_number(a->null_sd, 2), cli_number(a->p, 2));
    }
    fputc('\n', f);
}

/* What stands behind a condition, where the table has no room for it. */
static void print_details(FILE *f, const persona_evaluation *v)
{
    for (size_t i = 0; i < v->n_swings; i++) {
        const condition_kind *c = condition_find(v->swings[i].condition);
        if (v->swings[i].note[0] && !(c && (c->drawn || c->only_ones))) {
            fprintf(f, "  %s is %s\n", v->swings[i].condition, v->swings[i].note);
        }
    }
    for (size_t i = 0; i < v->n_spreads; i++) {
        print_spread(f, &v->spreads[i]);
    }
    if (v->n_crosses > 1) {
        fputs("  swing of other traits' scores:", f);
        for (size_t i = 1; i < v->n_crosses; i++) {
            fprintf(f, "%s %s %s", i > 1 ? "," : "", v->crosses[i].trait,
                    cli_number(v->crosses[i].swing.value, 0));
        }
        fputc('\n', f);
    }
    if (isfinite(v->retained.value)) {
        fprintf(f, "  retained at +1: %s %% of the native effect [%s, %s]\n",
                cli_number(100 * v->retained.value, 0), cli_number(100 * v->retained.low, 0),
                cli_number(100 * v->retained.high, 0));
    }
}

static void print_evaluation(FILE *f, const persona_study *x)
{
    pivot p;
    const persona_evaluation *v = x->evaluation;
    pivot_make(&p, v);
    fputc('\n', f);
    score_table(f, v, &p);
    print_unjudged(f, v);
    print_samples(f, x);
    fputc('\n', f);
    print_details(f, v);
    print_best(f, v);
    print_repeats(f, x);
    print_left(f, x);
    print_cosines(f, x);
    print_auroc(f, &x->auroc);
    study_print_witness(f, &v->witness);
    fprintf(f, "  %s%s%s%s  %s\n", tty_paint(f, TTY_BOLD),
            tty_paint(f, v->pass ? TTY_GREEN : TTY_RED), v->pass ? "PASS" : "FAIL",
            tty_paint(f, TTY_RESET), v->reason);
}

void study_print(FILE *f, const persona_study *x)
{
    fprintf(f, "%s%s%s", tty_paint(f, TTY_BOLD), x->trait, tty_paint(f, TTY_RESET));
    if (persona_study_kept(x) > 0) {
        fprintf(f, "  %zu of %d pairs kept,", persona_study_kept(x),
                x->source->from.n_generated_pos);
    }
    fprintf(f, "  block %d -> %d,  %s,", persona_study_layer_from(x), persona_study_layer_to(x),
            x->map.method);
    if (isfinite(x->map.lambda)) {
        fprintf(f, "  lambda %g,", x->map.lambda);
    }
    if (x->map.rank > 0) {
        fprintf(f, "  rank %d,", x->map.rank);
    }
    fprintf(f, "  R2 of contrasts %s (shuffled %s; traits left out %s, both %s) on %zu texts, %s\n",
            cli_number(x->map.r2_contrast, 2), cli_number(x->map.r2_shuffled, 2),
            cli_number(x->map.by_trait.contrasts, 2), cli_number(x->map.by_both.contrasts, 2),
            x->map.n_texts, x->transferred->from.sample);
    if (x->note[0]) {
        fprintf(f, "  %snote: %s%s\n", tty_paint(f, TTY_YELLOW), x->note, tty_paint(f, TTY_RESET));
    }
    if (x->evaluation) {
        print_evaluation(f, x);
    } else {
        print_samples(f, x);
    }
}

/* ---- several --------------------------------------------------------------------------------- */

static void swing_cell(table *t, const persona_evaluation *v, const char *condition)
{
    const persona_swing *s = persona_evaluation_swing(v, condition);
    if (s && isfinite(s->swing.value)) {
        table_cell(t, "%s [%s, %s]", cli_number(s->swing.value, 0), cli_number(s->swing.low, 0),
                   cli_number(s->swing.high, 0));
    } else {
        table_cell(t, "%s", "-");
    }
}

void study_print_summary(FILE *f, persona_study *const *x, size_t n)
{
    static const table_column columns[] = {
        {"trait", TABLE_LEFT},     {"blocks", TABLE_LEFT},  {"R2", TABLE_RIGHT},
        {"native", TABLE_RIGHT},   {"bridge", TABLE_RIGHT}, {"transferred", TABLE_RIGHT},
        {"shuffled", TABLE_RIGHT}, {"random", TABLE_RIGHT}, {"kept %", TABLE_RIGHT},
        {"", TABLE_LEFT},
    };
    static const char *const shown[] = {"native", "text-bridge", "transferred", "shuffled",
                                        "random"};
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < n; i++) {
        const persona_evaluation *v = x[i] ? x[i]->evaluation : NULL;
        if (!v) {
            continue;
        }
        table_cell(&t, "%s", x[i]->trait);
        table_cell(&t, "%d -> %d", persona_study_layer_from(x[i]), persona_study_layer_to(x[i]));
        table_cell(&t, "%s", cli_number(x[i]->map.r2_contrast, 2));
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            swing_cell(&t, v, shown[k]);
        }
        table_cell(&t, "%s", cli_number(100 * v->retained.value, 0));
        table_cell(&t, "%s", v->pass ? "PASS" : "FAIL");
        table_style(&t, v->pass ? TTY_GREEN : TTY_RED);
    }
    fputs("\nswing of the score from -1 to +1 [95 %]\n", f);
    table_print(&t, f, 2);
    table_free(&t);
}

void study_print_matrix(FILE *f, persona_study *const *x, size_t n)
{
    table_column columns[PIVOT_COLUMNS + 1] = {{"steered", TABLE_LEFT}};
    const persona_evaluation *of[PIVOT_COLUMNS];
    size_t m = 0;
    for (size_t i = 0; i < n && m < PIVOT_COLUMNS; i++) {
        if (x[i] && x[i]->evaluation && x[i]->evaluation->n_crosses > 0) {
            of[m++] = x[i]->evaluation;
        }
    }
    if (m < 2) {
        return;
    }
    table t;
    for (size_t k = 0; k < m; k++) {
        columns[k + 1] = (table_column){of[k]->trait, TABLE_RIGHT};
    }
    table_init(&t, columns, m + 1);
    for (size_t i = 0; i < m; i++) {
        table_cell(&t, "%s", of[i]->trait);
        for (size_t k = 0; k < m; k++) {
            double swing = (double)NAN;
            for (size_t c = 0; c < of[i]->n_crosses; c++) {
                if (strcmp(of[i]->crosses[c].trait, of[k]->trait) == 0) {
                    swing = of[i]->crosses[c].swing.value;
                }
            }
            table_cell(&t, "%s", cli_number(swing, 0));
            table_style(&t, i == k ? TTY_BOLD : TTY_RESET);
        }
    }
    fputs("\nwhat moved what: the swing of each trait's score\n", f);
    table_print(&t, f, 2);
    table_free(&t);
}
