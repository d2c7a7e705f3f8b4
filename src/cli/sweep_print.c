/* SPDX-License-Identifier: MIT
 *
 * sweep_print.c - a sweep as text: a line per point with a bar for its score, then what each curve
 * comes to, then answers to read.
 */
#include "cli/sweep_print.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/study_print.h"
#include "cli/table.h"

enum { BAR = 20, INDENT = 22, CSV_MAX = 64 << 20 };

/* ---- names ----------------------------------------------------------------------------------- */

static const char *name_of(const persona_sweep *x, const persona_sweep_point *p, char *out,
                           size_t size)
{
    if (p->op == NULL) {
        snprintf(out, size, "%s%s", p->condition,
                 strcmp(p->condition, "prompt") != 0 ? ""
                 : p->coefficient > 0                ? " +"
                                                     : " -");
        return out;
    }
    const bool one = x->n_curves <= 1;
    char where[48] = "";
    if (!one) {
        const bool usual = strcmp(p->phase, "response") == 0;
        snprintf(where, sizeof where, " %s@%d%s%s", p->op, p->block, usual ? "" : ":",
                 usual ? "" : p->phase);
    }
    snprintf(out, size, "%+g%s%s", p->coefficient, where,
             strcmp(p->condition, "behind") == 0 ? " behind" : "");
    return out;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_points(const persona_sweep *x)
{
    static const table_column columns[] = {
        {"", TABLE_LEFT},      {"score [95 %]", TABLE_RIGHT}, {"", TABLE_LEFT},
        {"coh", TABLE_RIGHT},  {"KL", TABLE_RIGHT},           {"p95", TABLE_RIGHT},
        {"nats", TABLE_RIGHT}, {"rep %", TABLE_RIGHT},        {"tokens", TABLE_RIGHT},
        {"lost", TABLE_RIGHT}, {"thoughts", TABLE_RIGHT},
    };
    table t;
    char name[64], bar[128];
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *p = &x->points[i];
        plot_bar(bar, sizeof bar, p->score.value / 100, BAR);
        table_cell(&t, "%s", name_of(x, p, name, sizeof name));
        table_style(&t, p->op == NULL ? TTY_DIM : TTY_RESET);
        table_cell(&t, "%s [%s, %s]", cli_number(p->score.value, 0), cli_number(p->score.low, 0),
                   cli_number(p->score.high, 0));
        table_cell(&t, "%s", isfinite(p->score.value) ? bar : "");
        table_style(&t, p->coherence < x->coherence_from ? TTY_RED : TTY_GREEN);
        table_cell(&t, "%s", cli_number(p->coherence, 0));
        table_cell(&t, "%s", cli_number(p->kl, 2));
        table_cell(&t, "%s", cli_number(p->kl_p95, 2));
        table_cell(&t, "%s", cli_number(p->nll, 2));
        table_cell(&t, "%s", cli_number(100 * p->repetition, 0));
        table_cell(&t, "%s", cli_number(p->tokens, 0));
        table_cell(&t, "%zu", p->n_unanswered + p->n_unjudged);
        table_cell(&t, "%s", p->n_thoughts > 0 ? cli_number(p->thoughts.value, 0) : "");
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static void print_curves(const persona_sweep *x)
{
    for (size_t i = 0; i < x->n_curves; i++) {
        const persona_sweep_curve *c = &x->curves[i];
        printf("%s@%d:%s: Spearman %s, safe from %s to %s (coherence %s)", c->op, c->block,
               c->phase, cli_number(c->spearman, 2), cli_number(c->low, 2), cli_number(c->high, 2),
               cli_number(x->coherence_from, 0));
        if (isfinite(c->promote) || isfinite(c->suppress)) {
            printf(", best %s and %s", cli_number(c->suppress, 2), cli_number(c->promote, 2));
        }
        if (isfinite(c->anti_steered)) {
            printf(", %s %% of %zu questions anti-steered (half without an effect)",
                   cli_number(100 * c->anti_steered, 0), c->n_sloped);
        }
        if (isfinite(c->agreement)) {
            printf("; pairs of the vector agree at %s", cli_number(c->agreement, 2));
        }
        putchar('\n');
    }
}

/* Answers at the ends and in the middle. */
static void print_samples(const persona_sweep *x)
{
    char name[64];
    const persona_sweep_point *low = NULL, *high = NULL;
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *p = &x->points[i];
        if (p->op != NULL && strcmp(p->condition, "steered") == 0 &&
            p->block == x->curves[0].block && strcmp(p->op, x->curves[0].op) == 0 &&
            strcmp(p->phase, x->curves[0].phase) == 0) {
            low = low != NULL ? low : p;
            high = p;
        }
    }
    const persona_sweep_point *const shown[] = {low, &x->points[0], high != low ? high : NULL};
    putchar('\n');
    study_print_text(stdout, "question", x->question, INDENT);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        if (shown[i] != NULL) {
            const char *text = shown[i]->sample;
            study_print_text(stdout, name_of(x, shown[i], name, sizeof name),
                             text != NULL && *text ? text : "(no answer)", INDENT);
        }
    }
}

void sweep_print(const persona_sweep *x)
{
    printf("%s: %zu questions, unit %s  (%s)\n", x->trait, x->n_questions,
           x->unit[0] != '\0' ? x->unit : "of the operator", cli_duration(x->seconds));
    print_points(x);
    print_curves(x);
    print_samples(x);
}

/* ---- commas ---------------------------------------------------------------------------------- */

static void csv_number(buf *b, double x)
{
    buf_puts(b, ",");
    if (isfinite(x)) {
        buf_printf(b, "%.9g", x);
    }
}

static void csv_text(buf *b, const char *s)
{
    buf_puts(b, ",\"");
    for (; *s != '\0'; s++) {
        buf_puts(b, *s == '"' ? "\"" : "");
        buf_putc(b, *s);
    }
    buf_puts(b, "\"");
}

static void csv_point(buf *b, const persona_sweep_point *p)
{
    const double numbers[] = {p->score.value, p->score.low,  p->score.high, p->shift.value,
                              p->shift.low,   p->shift.high, p->coherence,  p->kl,
                              p->kl_p95,      p->nll,        p->repetition, p->tokens};
    buf_printf(b, "%s,%s,%s,", p->condition, p->op != NULL ? p->op : "",
               p->phase != NULL ? p->phase : "");
    if (p->block >= 0) {
        buf_printf(b, "%d", p->block);
    }
    csv_number(b, p->coefficient);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        csv_number(b, numbers[i]);
    }
    buf_printf(b, ",%zu,%zu,%zu", p->n, p->n_unanswered, p->n_unjudged);
    csv_text(b, p->sample != NULL ? p->sample : "");
    buf_puts(b, "\r\n");
}

persona_code sweep_csv_write(const persona_sweep *x, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, CSV_MAX);
    buf_puts(
        &b, "condition,operator,phase,layer,coefficient,score,score_low,score_high,shift,shift_low,"
            "shift_high,coherence,kl,kl_p95,nll,repetition,tokens,n,n_unanswered,n_unjudged,"
            "text\r\n");
    for (size_t i = 0; i < x->n_points; i++) {
        csv_point(&b, &x->points[i]);
    }
    TRY(buf_ok(&b, "the table", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}
