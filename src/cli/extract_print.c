/* SPDX-License-Identifier: MIT
 *
 * extract_print.c - the result of an extraction for a person: what was kept, every block with what
 * its direction is worth, the response to coefficients, methods beside each other.
 */
#include "cli/extract_print.h"

#include <math.h>

#include "cli/plot.h"
#include "cli/table.h"

enum { BAR = 16 };

static void print_layer(table *t, const persona_vector *v, int b, double top)
{
    const persona_vector_layer *l = &v->layers[b];
    const bool best = b == v->from.best_layer;
    const double ratio = (double)l->norm / (double)l->h_median;
    char bar[128];
    plot_bar_open(bar, sizeof bar, ratio / top, BAR);
    table_cell(t, "%s", best ? (tty_utf8() ? "→" : ">") : "");
    table_cell(t, "%d", b);
    table_cell(t, "%s", cli_number((double)l->norm, 2));
    table_cell(t, "%s", cli_number(ratio, 2));
    table_cell(t, "%s", cli_number((double)l->auroc, 2));
    table_cell(t, "%s", cli_number((double)l->cohen_d, 1));
    table_cell(t, "%s%s%s", cli_number((double)l->split_half, 2), tty_utf8() ? "±" : "+-",
               cli_number((double)l->split_half_sd, 2));
    table_cell(t, "%s", cli_number((double)l->n_effective, 0));
    table_cell(t, "%s", cli_number((double)l->length_cosine, 2));
    table_cell(t, "%s", cli_number(100 * (double)l->outlier_share, 0));
    table_cell(t, "%s", cli_number((double)l->dose * ratio, 2));
    table_cell(t, "%s", bar);
    table_style(t, best ? TTY_GREEN : TTY_DIM);
}

static void print_layers(const persona_vector *v)
{
    static const table_column columns[] = {
        {"", TABLE_LEFT},
        {"layer", TABLE_RIGHT},
        {"|v|", TABLE_RIGHT},
        {"|v|/|h|", TABLE_RIGHT},
        {"AUROC", TABLE_RIGHT},
        {"d", TABLE_RIGHT},
        {"split-half", TABLE_RIGHT},
        {"n eff", TABLE_RIGHT},
        {"length", TABLE_RIGHT},
        {"outlier %", TABLE_RIGHT},
        {"1 nat", TABLE_RIGHT},
        {"", TABLE_LEFT},
    };
    table t;
    double top = 0;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            top = fmax(top, (double)v->layers[b].norm / (double)v->layers[b].h_median);
        }
    }
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            print_layer(&t, v, b, top);
        }
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static double curve_coefficient(const persona_curve_point *p)
{
    return p->coefficient;
}

static double curve_score(const persona_curve_point *p)
{
    return p->score;
}

static double curve_coherence(const persona_curve_point *p)
{
    return p->coherence;
}

static double curve_nll(const persona_curve_point *p)
{
    return p->nll;
}

static double curve_repetition(const persona_curve_point *p)
{
    return 100 * p->repetition;
}

static void print_curve(const persona_vector *v, const persona_curve *curve)
{
    static const struct {
        const char *name;
        double (*value)(const persona_curve_point *p);
        int decimals;
        double low, high; /* of the picture; equal: none */
    } rows[] = {
        {"doses", curve_coefficient, 1, 0, 0},
        {"score", curve_score, 0, 0, 100},
        {"coherence", curve_coherence, 0, 0, 100},
        {"nats per token", curve_nll, 1, 0, 8},
        {"repeated pairs %", curve_repetition, 0, 0, 100},
    };
    table_column columns[PERSONA_CURVE_POINTS + 2] = {{NULL, TABLE_LEFT}};
    table t;
    if (curve->n == 0) {
        return;
    }
    for (size_t i = 1; i <= curve->n; i++) {
        columns[i].align = TABLE_RIGHT;
    }
    table_init(&t, columns, curve->n + 2);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double x[PERSONA_CURVE_POINTS];
        char spark[3 * PERSONA_CURVE_POINTS + 1] = "";
        table_cell(&t, "%s", rows[r].name);
        for (size_t i = 0; i < curve->n; i++) {
            x[i] = rows[r].value(&curve->points[i]);
            table_cell(&t, "%s", cli_number(x[i], rows[r].decimals));
        }
        if (rows[r].low < rows[r].high) {
            plot_spark(spark, sizeof spark, x, curve->n, rows[r].low, rows[r].high);
        }
        table_cell(&t, "%s", spark);
    }
    putchar('\n');
    table_print(&t, stdout, 0);
    table_free(&t);
    printf("coherent from %s to %s doses", cli_number((double)v->from.safe_low, 1),
           cli_number((double)v->from.safe_high, 1));
    if (isfinite(v->from.promote) && isfinite(v->from.suppress)) {
        printf("; recommended: %s and %s", cli_number((double)v->from.suppress, 1),
               cli_number((double)v->from.promote, 1));
    }
    putchar('\n');
}

static void print_methods(const persona_extract_report *r)
{
    static const table_column columns[] = {
        {"method", TABLE_LEFT},       {"layer", TABLE_RIGHT}, {"AUROC", TABLE_RIGHT},
        {"split-half", TABLE_RIGHT},  {"dose", TABLE_RIGHT},  {"swing", TABLE_RIGHT},
        {"cos to mean", TABLE_RIGHT}, {"", TABLE_LEFT},
    };
    table t;
    if (r->n_methods < 2) {
        return;
    }
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < r->n_methods; i++) {
        const persona_extract_method *m = &r->methods[i];
        const int b = m->vector ? m->vector->from.best_layer : -1;
        const persona_vector_layer *l = b >= 0 ? &m->vector->layers[b] : NULL;
        table_cell(&t, "%s", m->name);
        table_cell(&t, "%s", b >= 0 ? cli_number(b, 0) : "-");
        table_cell(&t, "%s", cli_number(l ? (double)l->auroc : (double)NAN, 2));
        table_cell(&t, "%s", cli_number(l ? (double)l->split_half : (double)NAN, 2));
        table_cell(&t, "%s", cli_number(m->vector ? (double)m->vector->from.dose : (double)NAN, 2));
        table_cell(&t, "%s", cli_number(m->swing, 0));
        table_cell(&t, "%s", cli_number(m->cosine, 2));
        table_cell(&t, "%s", m->note);
    }
    putchar('\n');
    table_print(&t, stdout, 0);
    table_free(&t);
}

static void print_answers(const extract_result *x)
{
    const persona_extract_report *r = x->report;
    printf("%zu positive and %zu negative answers; ", r->n_generated_pos, r->n_generated_neg);
    if (r->n_kept_pos == r->n_kept_neg) {
        printf("%zu pairs kept", r->n_kept_pos);
    } else {
        printf("%zu and %zu kept", r->n_kept_pos, r->n_kept_neg);
    }
    if (x->rig->judge) {
        printf("; scores %s and %s, coherence %s and %s", cli_number(r->score_pos, 0),
               cli_number(r->score_neg, 0), cli_number(r->coherence_pos, 0),
               cli_number(r->coherence_neg, 0));
    }
    if (r->n_unanswered > 0) {
        printf("; %zu never reached an answer", r->n_unanswered);
    }
    if (r->n_unjudged > 0) {
        printf("; %zu were left open by the judge", r->n_unjudged);
    }
    if (r->n_resumed > 0) {
        printf("; %zu answers were there already", r->n_resumed);
    }
    putchar('\n');
}

void extract_print(const cli_state *c, const extract_result *x)
{
    const persona_vector *v = x->v;
    const persona_extract_method *m = &x->report->methods[0];
    printf("%s%s%s on %s (%s)\n", tty_paint(stdout, TTY_BOLD), v->from.trait,
           tty_paint(stdout, TTY_RESET), x->rig->info->name, x->rig->info->arch);
    print_answers(x);
    if (x->rig->judge) {
        printf("judge: %s\n", x->report->judge_validity);
    }
    putchar('\n');
    print_layers(v);
    printf("\nlayer %d chosen by %s", v->from.best_layer, m->layer_choice);
    if (isfinite(m->swing)) {
        printf(" (swing %s points)", cli_number(m->swing, 0));
    }
    if (isfinite(v->from.dose)) {
        printf("; one dose is %s x the vector", cli_number((double)v->from.dose, 2));
    }
    putchar('\n');
    print_curve(v, &m->curve);
    if (*m->note) {
        printf("%s%s%s\n", tty_paint(stdout, TTY_YELLOW), m->note, tty_paint(stdout, TTY_RESET));
    }
    print_methods(x->report);
    printf("%s  (%s)\n", x->path, cli_duration(x->report->seconds));
    if (!x->rig->judge) {
        printf("%snot judged: every answered pair was kept%s\n", tty_paint(stdout, TTY_YELLOW),
               tty_paint(stdout, TTY_RESET));
    }
    if (x->job) {
        cli_say(c, "answers and scores are kept in %s (persona jobs list)", x->job);
    }
}
