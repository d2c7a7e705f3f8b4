/* SPDX-License-Identifier: MIT
 *
 * report_witness.c - the words of the answers beside the judge's scores, a second judge, and the
 * judge on answers that nothing has steered.
 */
#include "pipeline/report/report_witness.h"

#include <math.h>
#include <string.h>

#include "pipeline/report/report_svg.h"

static void cell(buf *b, const persona_interval *x, int decimals)
{
    buf_puts(b, "<td>");
    html_number(b, x->value, decimals);
    if (isfinite(x->low)) {
        buf_puts(b, "<small>");
        html_number(b, x->low, decimals);
        buf_puts(b, " to ");
        html_number(b, x->high, decimals);
        buf_puts(b, "</small>");
    }
    buf_puts(b, "</td>");
}

static void dimension(buf *b, persona_panel_dim d, const persona_panel_effect *p)
{
    const int decimals = d == PERSONA_PANEL_WORDS || d == PERSONA_PANEL_READABILITY ? 0 : 2;
    buf_printf(b, "<tr><th scope=\"row\">%s<small>%s</small></th>", persona_panel_name(d),
               persona_panel_unit(d));
    if (!p->counted) {
        buf_printf(b, "<td colspan=\"3\">not counted: no list %s</td></tr>\n",
                   persona_panel_list(d));
        return;
    }
    cell(b, &p->swing, decimals);
    cell(b, &p->of_native, decimals);
    cell(b, &p->spearman, 2);
    buf_puts(b, "</tr>\n");
}

static void judges(buf *b, const persona_witness *w)
{
    if (*w->second.name) {
        buf_puts(b, "<p>A second judge, ");
        html_text(b, w->second.name);
        buf_printf(b, ", read %zu of the answers: Spearman ", w->second.n);
        html_number(b, w->second.spearman.value, 2);
        buf_puts(b, " with the first, ");
        html_number(b, 100 * w->second.same_side, 0);
        buf_puts(b, " % on the same side of 50, ");
        html_number(b, w->second.difference.value, 0);
        buf_puts(b, " points apart in the mean.</p>\n");
    }
    if (isfinite(w->neutral.shift.value)) {
        buf_puts(b, "<p>Unsteered answers score ");
        html_number(b, w->neutral.neutral + w->neutral.shift.value, 0);
        buf_puts(b, "; an answer without the trait should score ");
        html_number(b, w->neutral.neutral, 0);
        buf_puts(b, " (difference ");
        html_number(b, w->neutral.shift.value, 0);
        buf_puts(b, ", ");
        html_number(b, w->neutral.shift.low, 0);
        buf_puts(b, " to ");
        html_number(b, w->neutral.shift.high, 0);
        buf_puts(b, ").</p>\n");
    }
    if (*w->caution) {
        buf_puts(b, "<p><strong>Caution</strong>: ");
        html_text(b, w->caution);
        buf_puts(b, ".</p>\n");
    }
}

void report_witness(buf *b, const persona_study *x)
{
    if (!x->evaluation) {
        return;
    }
    const persona_witness *w = &x->evaluation->witness;
    buf_puts(b, "<h3>What words say</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                "aria-label=\"Words in answers about ");
    html_text(b, x->trait);
    buf_puts(b,
             "\"><table><caption>Nobody labelled these answers, so numbers that anybody can count "
             "again stand beside the judge's scores: how far each moves between −1 and +1, and "
             "its rank correlation with the score over all answers.</caption><thead><tr>"
             "<th scope=\"col\">Counted</th><th scope=\"col\">Transferred</th>"
             "<th scope=\"col\">Native</th><th scope=\"col\">Spearman with score</th>"
             "</tr></thead><tbody>\n");
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        dimension(b, d, &w->panel[d]);
    }
    buf_puts(b, "</tbody></table></div>\n");
    judges(b, w);
}
