/* SPDX-License-Identifier: MIT
 *
 * study_print.c - a study as text: conditions down, coefficients across.
 *
 * The evaluation is a list of rows (condition, coefficient); people compare along a condition and
 * between conditions, so the text is the pivot of that list. Every score stands with its interval.
 */
#include "cli/study_print.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/table.h"
#include "pipeline/pivot.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static void spark_of(const pivot *p, size_t condition, char *out, size_t size)
{
    double y[PIVOT_COLUMNS];
    size_t n = 0;
    for (size_t k = 0; k < p->n_coefficients; k++)
        if (p->at[condition][k])
            y[n++] = p->at[condition][k]->score.value;
    out[0] = '\0';
    if (n >= 3)
        plot_spark(out, size, y, n, 0, 100);
}

static void score_cell(table *t, const persona_row *r)
{
    if (!r)
        table_cell(t, "%s", "");
    else
        table_cell(t, "%s [%s, %s]", cli_number(r->score.value, 0), cli_number(r->score.low, 0),
                   cli_number(r->score.high, 0));
}

static void score_table(FILE *f, const pivot *p)
{
    table_column columns[PIVOT_COLUMNS + 3] = {{"score [95 %]", TABLE_LEFT}};
    char titles[PIVOT_COLUMNS][16];
    table t;
    size_t n = 1;
    for (size_t k = 0; k < p->n_coefficients; k++)
        columns[n++] = (table_column){
            pivot_coefficient(p->coefficients[k], titles[k], sizeof titles[k]), TABLE_RIGHT};
    columns[n++] = (table_column){"n", TABLE_RIGHT};
    columns[n++] = (table_column){"", TABLE_LEFT};
    table_init(&t, columns, n);
    for (size_t c = 0; c < p->n_conditions; c++) {
        char spark[PIVOT_COLUMNS * 3 + 1];
        const tty_style style = strcmp(p->conditions[c], "transferred") == 0 ? TTY_BOLD : TTY_RESET;
        table_cell(&t, "%s", p->conditions[c]);
        table_style(&t, style);
        for (size_t k = 0; k < p->n_coefficients; k++) {
            score_cell(&t, p->at[c][k]);
            table_style(&t, style);
        }
        table_cell(&t, "%zu", pivot_answers(p, c));
        spark_of(p, c, spark, sizeof spark);
        table_cell(&t, "%s", spark);
    }
    table_print(&t, f, 2);
    table_free(&t);
}

static void coherence_table(FILE *f, const pivot *p)
{
    table_column columns[PIVOT_COLUMNS + 1] = {{"coherence", TABLE_LEFT}};
    char titles[PIVOT_COLUMNS][16];
    table t;
    size_t n = 1;
    for (size_t k = 0; k < p->n_coefficients; k++)
        columns[n++] = (table_column){
            pivot_coefficient(p->coefficients[k], titles[k], sizeof titles[k]), TABLE_RIGHT};
    table_init(&t, columns, n);
    for (size_t c = 0; c < p->n_conditions; c++) {
        table_cell(&t, "%s", p->conditions[c]);
        for (size_t k = 0; k < p->n_coefficients; k++)
            table_cell(&t, "%s", p->at[c][k] ? cli_number(p->at[c][k]->coherence, 0) : "");
    }
    table_print(&t, f, 2);
    table_free(&t);
}

/* ---- text ------------------------------------------------------------------------------------ */

void study_print_text(FILE *f, const char *first, const char *text, int indent)
{
    const int width = tty_width(f) < 100 ? tty_width(f) : 100;
    int at = fprintf(f, "  %s", first);
    for (; at < indent; at++)
        fputc(' ', f);
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

static void print_samples(FILE *f, const study *x)
{
    if (x->n_samples == 0)
        return;
    fputc('\n', f);
    study_print_text(f, "question", x->question, 20);
    for (size_t i = 0; i < x->n_samples; i++) {
        char title[48];
        const study_sample *s = &x->samples[i];
        if (s->coefficient == 0.0)
            snprintf(title, sizeof title, "%s", s->condition);
        else
            snprintf(title, sizeof title, "%s %+g", s->condition, s->coefficient);
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
    if (n > 0)
        fprintf(f, "  %sthe judge left %zu of %zu answers open; they are in no mean%s\n",
                tty_paint(f, TTY_YELLOW), n, all, tty_paint(f, TTY_RESET));
}

static void print_swing(FILE *f, const char *name, const persona_interval *s)
{
    if (isfinite(s->value))
        fprintf(f, "  %s %s [%s, %s]", name, cli_number(s->value, 0), cli_number(s->low, 0),
                cli_number(s->high, 0));
}

static void print_evaluation(FILE *f, const study *x)
{
    pivot p;
    const persona_evaluation *v = x->evaluation;
    pivot_make(&p, v);
    fputc('\n', f);
    score_table(f, &p);
    fputc('\n', f);
    coherence_table(f, &p);
    print_unjudged(f, v);
    print_samples(f, x);
    fputs("\n  swing from -1 to +1:", f);
    print_swing(f, "transferred", &v->swing_transferred);
    print_swing(f, "native", &v->swing_native);
    print_swing(f, "shuffled", &v->swing_shuffled);
    print_swing(f, "random", &v->swing_random);
    fputc('\n', f);
    if (isfinite(v->retained.value))
        fprintf(f, "  retained at +1: %s %% of the native effect [%s, %s]\n",
                cli_number(100 * v->retained.value, 0), cli_number(100 * v->retained.low, 0),
                cli_number(100 * v->retained.high, 0));
    fprintf(f, "  %s%s%s%s  %s\n", tty_paint(f, TTY_BOLD),
            tty_paint(f, v->pass ? TTY_GREEN : TTY_RED), v->pass ? "PASS" : "FAIL",
            tty_paint(f, TTY_RESET), v->reason);
}

void study_print(FILE *f, const study *x)
{
    fprintf(f, "%s%s%s", tty_paint(f, TTY_BOLD), x->trait, tty_paint(f, TTY_RESET));
    if (study_kept(x) > 0)
        fprintf(f, "  %zu of %d pairs kept,", study_kept(x), x->source->from.n_generated_pos);
    fprintf(f, "  block %d -> %d,  lambda %g,  R2 %s (shuffled %s) on %zu texts\n",
            study_layer_from(x), study_layer_to(x), x->map.lambda, cli_number(x->map.r2_heldout, 2),
            cli_number(x->map.r2_shuffled, 2), x->map.n_texts);
    if (x->note[0])
        fprintf(f, "  %snote: %s%s\n", tty_paint(f, TTY_YELLOW), x->note, tty_paint(f, TTY_RESET));
    if (x->evaluation)
        print_evaluation(f, x);
    else
        print_samples(f, x);
}
