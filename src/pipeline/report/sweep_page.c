/* SPDX-License-Identifier: MIT
 *
 * sweep_page.c - a sweep as one self-contained page: the picture, what each curve comes to, every
 * number, and an answer per point.
 */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/try.h"
#include "persona/persona.h"
#include "pipeline/report/report_css.h"
#include "pipeline/report/report_svg.h"
#include "pipeline/report/sweep_svg.h"

enum { PAGE_MAX = 16 << 20 };

static void head(buf *b, const persona_sweep *x, const sweep_origin *from)
{
    buf_puts(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    html_text(b, x->trait);
    buf_puts(b, " - a sweep</title><style>\n");
    for (size_t i = 0; i < sizeof report_css / sizeof *report_css; i++) {
        buf_puts(b, report_css[i]);
    }
    buf_puts(b, "</style></head><body><header class=\"top\"><h1>Steering ");
    html_text(b, from->model->name);
    buf_puts(b, ": ");
    html_text(b, x->trait);
    buf_printf(b,
               "</h1><p class=\"lead\">%zu questions, the same seeds at every point. What lies "
               "inside the band of the unsteered answers is no effect.</p></header><main>\n",
               x->n_questions);
}

static void cell(buf *b, double x, int decimals)
{
    buf_puts(b, "<td>");
    html_number(b, x, decimals);
    buf_puts(b, "</td>");
}

static void interval_cell(buf *b, const persona_interval *x)
{
    buf_puts(b, "<td>");
    html_number(b, x->value, 1);
    if (isfinite(x->low)) {
        buf_puts(b, "<small>");
        html_number(b, x->low, 1);
        buf_puts(b, " to ");
        html_number(b, x->high, 1);
        buf_puts(b, "</small>");
    }
    buf_puts(b, "</td>");
}

static void curves(buf *b, const persona_sweep *x)
{
    buf_printf(
        b,
        "<h3>Curves</h3><div class=\"scroll\"><table><caption>Safe: coefficients between "
        "which the mean answer keeps a coherence of %.0f. Anti-steered: questions whose "
        "score falls as the coefficient rises; without any effect about half.</caption>"
        "<thead><tr><th>curve</th><th>Spearman</th><th>anti-steered</th><th>safe from</th>"
        "<th>to</th><th>pairs agree</th><th>best down</th><th>best up</th></tr></thead><tbody>\n",
        x->coherence_from);
    for (size_t i = 0; i < x->n_curves; i++) {
        const persona_sweep_curve *c = &x->curves[i];
        buf_printf(b, "<tr><th scope=\"row\">%s, block %d, %s</th>", c->op, c->block, c->phase);
        cell(b, c->spearman, 2);
        buf_puts(b, "<td>");
        html_number(b, 100 * c->anti_steered, 0);
        buf_printf(b, " %%<small>of %zu questions</small></td>", c->n_sloped);
        cell(b, c->low, 2);
        cell(b, c->high, 2);
        cell(b, c->agreement, 2);
        cell(b, c->suppress, 2);
        cell(b, c->promote, 2);
        buf_puts(b, "</tr>\n");
    }
    buf_puts(b, "</tbody></table></div>\n");
}

static void name_of(buf *b, const persona_sweep_point *p)
{
    if (p->op == NULL) {
        buf_puts(b, p->condition);
        if (strcmp(p->condition, "prompt") == 0) {
            buf_puts(b, p->coefficient > 0 ? ", positive" : ", negative");
        }
        return;
    }
    buf_printf(b, "%s ", p->op);
    html_signed(b, p->coefficient);
    buf_printf(b, " @%d%s%s%s", p->block, strcmp(p->phase, "response") == 0 ? "" : " ",
               strcmp(p->phase, "response") == 0 ? "" : p->phase,
               strcmp(p->condition, "behind") == 0 ? ", behind" : "");
}

static void points(buf *b, const persona_sweep *x)
{
    buf_puts(b, "<h3>Points</h3><div class=\"scroll\"><table><thead><tr><th>point</th>"
                "<th>score</th><th>against unsteered</th><th>coherence</th><th>KL, nats</th>"
                "<th>95th</th><th>nats per token</th><th>repeated pairs</th><th>tokens</th>"
                "<th>missing</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *p = &x->points[i];
        buf_puts(b, "<tr><th scope=\"row\">");
        name_of(b, p);
        buf_puts(b, "</th>");
        interval_cell(b, &p->score);
        interval_cell(b, &p->shift);
        cell(b, p->coherence, 0);
        cell(b, p->kl, 3);
        cell(b, p->kl_p95, 3);
        cell(b, p->nll, 2);
        buf_puts(b, "<td>");
        html_number(b, 100 * p->repetition, 0);
        buf_puts(b, " %</td>");
        cell(b, p->tokens, 0);
        buf_printf(b, "<td>%zu of %zu</td></tr>\n", p->n_unanswered + p->n_unjudged, p->n);
    }
    buf_puts(b, "</tbody></table></div>\n");
}

static void samples(buf *b, const persona_sweep *x)
{
    buf_puts(b, "<h3>Answers</h3><p class=\"ask\"><q>");
    html_text(b, x->question);
    buf_puts(b, "</q></p><div class=\"samples\">\n");
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *p = &x->points[i];
        buf_puts(b, "<blockquote><cite>");
        name_of(b, p);
        buf_puts(b, "</cite>");
        html_text(b, p->sample != NULL && p->sample[0] != '\0' ? p->sample : "(no answer)");
        buf_puts(b, "</blockquote>\n");
    }
    buf_puts(b, "</div>\n");
}

static void origin_row(buf *b, const char *name, const char *value)
{
    buf_printf(b, "<tr><th scope=\"row\">%s</th><td>", name);
    html_text(b, value);
    buf_puts(b, "</td></tr>");
}

static void origin(buf *b, const persona_sweep *x, const sweep_origin *from)
{
    char text[128];
    buf_puts(b, "</main><footer><main><table>");
    origin_row(b, "Model", from->model->path);
    origin_row(b, "Vector", from->vector);
    origin_row(b, "Judge", from->judge != NULL ? from->judge : "none");
    snprintf(text, sizeof text, "persona %s, %s", persona_version(), persona_engine_version());
    origin_row(b, "Made by", text);
    snprintf(text, sizeof text, "%u; took %.0f s", from->seed, x->seconds);
    origin_row(b, "Seed", text);
    buf_puts(b, "</table></main></footer>\n</body></html>\n");
}

persona_code sweep_page_write(const persona_sweep *x, const sweep_origin *from, const char *path,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, PAGE_MAX);
    head(&b, x, from);
    buf_puts(&b, "<section><figure class=\"plots\">");
    sweep_svg(&b, x, false);
    buf_puts(&b, "</figure>");
    curves(&b, x);
    points(&b, x);
    samples(&b, x);
    buf_puts(&b, "</section>");
    origin(&b, x, from);
    TRY(buf_ok(&b, "the page", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}
