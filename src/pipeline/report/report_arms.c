/* SPDX-License-Identifier: MIT
 *
 * report_arms.c - what stands behind each condition: block, dose and its size, and what it can do
 * at most while answers stay coherent. Conditions that are drawn many times get one line, with
 * ranges.
 */
#include "pipeline/report/report_arms.h"

#include <math.h>
#include <string.h>

#include "pipeline/evaluate/conditions.h"
#include "pipeline/report/report_svg.h"

/* The smallest and the largest of a number over the vectors of a condition. */
typedef struct span {
    double low, high;
} span;

static const span nothing = {(double)NAN, (double)NAN};

static void widen(span *s, double x)
{
    s->low = fmin(s->low, x); /* fmin and fmax skip NAN */
    s->high = fmax(s->high, x);
}

static void span_cell(buf *b, const span *s, int decimals)
{
    buf_puts(b, "<td>");
    html_number(b, s->low, decimals);
    if (s->high > s->low) {
        buf_puts(b, " to ");
        html_number(b, s->high, decimals);
    }
    buf_puts(b, "</td>");
}

static double ratio_of(const persona_vector *v)
{
    const int at = v->from.best_layer;
    const persona_vector_layer *l = at >= 0 ? &v->layers[at] : NULL;
    return l && l->h_median > 0 ? (double)v->from.dose * (double)l->norm / (double)l->h_median
                                : (double)NAN;
}

static void best_cell(buf *b, const persona_best_point *p)
{
    buf_puts(b, "<td>");
    html_number(b, p ? p->gain : (double)NAN, 0);
    if (p && isfinite(p->gain)) {
        buf_puts(b, "<small>at ");
        html_signed(b, p->coefficient);
        buf_puts(b, ", coherence ");
        html_number(b, p->coherence, 0);
        buf_puts(b, "</small>");
    }
    buf_puts(b, "</td>");
}

static void arm_row(buf *b, const persona_study *x, const char *condition)
{
    const persona_best *best = persona_evaluation_best(x->evaluation, condition);
    span block = nothing, dose = nothing, kl = nothing, ratio = nothing;
    size_t n = 0;
    for (size_t i = 0; i < x->n_arms; i++) {
        const persona_vector *v = x->arms[i].vector;
        if (strcmp(x->arms[i].condition, condition) != 0) {
            continue;
        }
        n++;
        widen(&block, v->from.best_layer);
        widen(&dose, (double)v->from.dose);
        widen(&kl, (double)v->from.dose_kl);
        widen(&ratio, ratio_of(v));
    }
    if (n == 0 && !best) {
        return;
    }
    buf_printf(b, "<tr><th scope=\"row\">%s</th><td>", condition);
    html_number(b, n > 0 ? (double)n : (double)NAN, 0);
    buf_puts(b, "</td>");
    span_cell(b, &block, 0);
    span_cell(b, &dose, 2);
    span_cell(b, &kl, 2);
    span_cell(b, &ratio, 2);
    best_cell(b, best ? &best->minus : NULL);
    best_cell(b, best ? &best->plus : NULL);
    buf_puts(b, "</tr>\n");
}

static void auroc(buf *b, const persona_study_auroc *a)
{
    buf_puts(b, "<p><strong>AUROC of the carried direction");
    if (!isfinite(a->area.value)) {
        buf_puts(b, ":</strong> not measured. ");
        html_text(b, a->reason);
        buf_puts(b, "</p>\n");
        return;
    }
    buf_puts(b, "</strong> on ");
    html_text(b, a->of);
    buf_puts(b, ", nothing steered: ");
    html_number(b, a->area.value, 2);
    buf_puts(b, " (");
    html_number(b, a->area.low, 2);
    buf_puts(b, " to ");
    html_number(b, a->area.high, 2);
    buf_printf(b, "); %zu show the trait by %s, %zu do not", a->n_shown, a->by, a->n_not);
    if (a->n_null > 0) {
        buf_printf(b, "; directions of %zu shuffled maps ", a->n_null);
        html_number(b, a->null_mean, 2);
        buf_puts(b, " ± ");
        html_number(b, a->null_sd, 2);
        buf_puts(b, ", p ");
        html_number(b, a->p, 2);
    }
    buf_puts(b, ".</p>\n");
}

void report_arms(buf *b, const persona_study *x)
{
    if (!x->evaluation) {
        return;
    }
    buf_puts(
        b, "<h3>Doses</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Doses "
           "of ");
    html_text(b, x->trait);
    buf_printf(
        b,
        "\"><table><caption>Every vector: the block it steers, one dose as a multiple of it, "
        "the divergence that the dose was measured to cause (nats at the 95th percentile), "
        "and its length over that of the activations there. Then what the condition does to "
        "the score at most, against no steering, at a coefficient whose answers have a mean "
        "coherence of %g or more (coherence ",
        PERSONA_COHERENT);
    html_text(b, x->evaluation->coherence_validity);
    buf_puts(b,
             ").</caption><thead><tr><th scope=\"col\">Condition</th><th scope=\"col\">Vectors</th>"
             "<th scope=\"col\">Block</th><th scope=\"col\">Dose</th><th scope=\"col\">KL</th>"
             "<th scope=\"col\">Ratio</th><th scope=\"col\">Best below 0</th>"
             "<th scope=\"col\">Best above 0</th></tr></thead><tbody>\n");
    for (size_t i = 0; condition_at(i); i++) {
        arm_row(b, x, condition_at(i)->name);
    }
    buf_puts(b, "</tbody></table></div>\n");
    auroc(b, &x->auroc);
}
