/* SPDX-License-Identifier: MIT
 *
 * report_svg.c - the pictures of the report.
 *
 * A condition is told apart three times: by colour (class c-NAME, the style sheet knows light and
 * dark), by dash pattern and by marker, and its name stands at the end of its line, so that no
 * legend has to be matched. Interval bars of neighbours are moved apart by a few units, always in
 * the same order. Numbers are printed with one decimal: a tenth of a unit is below what can be
 * seen.
 */
#include "pipeline/report/report_svg.h"

#include <math.h>
#include <string.h>

void html_text(buf *b, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            buf_puts(b, "&amp;");
            break;
        case '<':
            buf_puts(b, "&lt;");
            break;
        case '>':
            buf_puts(b, "&gt;");
            break;
        case '"':
            buf_puts(b, "&quot;");
            break;
        case '\'':
            buf_puts(b, "&#39;");
            break;
        default:
            buf_putc(b, *s);
        }
    }
}

void html_number(buf *b, double x, int decimals)
{
    if (!isfinite(x)) {
        buf_puts(b, "–");
    } else if (fabs(x) < 0.5 * pow(10, -decimals)) { /* no minus before a zero */
        buf_printf(b, "%.*f", decimals, 0.0);
    } else {
        buf_printf(b, "%s%.*f", x < 0 ? "−" : "", decimals, fabs(x));
    }
}

void html_signed(buf *b, double x)
{
    const char *sign = x > 0 ? "+" : x < 0 ? "−" : "";
    buf_printf(b, "%s%g", sign, fabs(x));
}

static void svg_begin(buf *b, double width, double height, const char *id, const char *title,
                      const char *description)
{
    buf_printf(b,
               "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
               "<title id=\"%s-t\">",
               width, height, id, id, id);
    html_text(b, title);
    buf_printf(b, "</title><desc id=\"%s-d\">", id);
    html_text(b, description);
    buf_puts(b, "</desc>\n");
}

/* ---- markers --------------------------------------------------------------------------------- */

typedef void (*marker)(buf *b, double x, double y);

static void circle(buf *b, double x, double y)
{
    buf_printf(b, "<circle class=\"m\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", x, y);
}

static void square(buf *b, double x, double y)
{
    buf_printf(b, "<rect class=\"m\" x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\"/>", x - 4,
               y - 4);
}

static void triangle(buf *b, double x, double y)
{
    buf_printf(b, "<path class=\"m\" d=\"M%.1f %.1fl5 9h-10z\"/>", x, y - 5.5);
}

static void diamond(buf *b, double x, double y)
{
    buf_printf(b, "<path class=\"m o\" d=\"M%.1f %.1fl5 5-5 5-5-5z\"/>", x, y - 5);
}

static void cross(buf *b, double x, double y)
{
    buf_printf(b, "<path class=\"m s\" d=\"M%.1f %.1fl7 7m0-7l-7 7\"/>", x - 3.5, y - 3.5);
}

static void plus(buf *b, double x, double y)
{
    buf_printf(b, "<path class=\"m s\" d=\"M%.1f %.1fv9m-4.5-4.5h9\"/>", x, y - 4.5);
}

/* Drawn from the back to the front: what the page is about comes last. */
static const struct {
    const char *condition, *label;
    marker mark;
    double shift; /* of the interval bars, so that they do not hide each other */
} styles[] = {
    {"random", "random", plus, -9},          {"shuffled", "shuffled", cross, -5.4},
    {"sampling", "sampling", diamond, -1.8}, {"prompt", "prompt", triangle, 1.8},
    {"native", "native", square, 5.4},       {"transferred", "transferred", circle, 9},
};
enum { N_STYLES = sizeof styles / sizeof *styles };

static size_t find_condition(const pivot *p, const char *name)
{
    size_t c = 0;
    while (c < p->n_conditions && strcmp(p->conditions[c], name) != 0) {
        c++;
    }
    return c;
}

/* ---- dose and response ----------------------------------------------------------------------- */

typedef struct frame {
    double left, right, top, bottom; /* of the plot area, in SVG units */
    double x_low, x_high;            /* coefficients */
    bool coherence;
} frame;

static double x_at(const frame *f, double c)
{
    const double span = f->x_high > f->x_low ? f->x_high - f->x_low : 1;
    return f->left + 24 + (c - f->x_low) / span * (f->right - f->left - 48);
}

static double y_at(const frame *f, double score)
{
    return f->bottom - fmin(fmax(score, 0), 100) / 100 * (f->bottom - f->top);
}

static void axes(buf *b, const frame *f, const pivot *p)
{
    for (int y = 0; y <= 100; y += f->coherence ? 50 : 25) {
        buf_printf(b,
                   "<path class=\"g%s\" d=\"M%.1f %.1fH%.1f\"/>"
                   "<text class=\"a e\" x=\"%.1f\" y=\"%.1f\">%d</text>",
                   y == 50 && !f->coherence ? " h" : "", f->left, y_at(f, y), f->right, f->left - 8,
                   y_at(f, y) + 4, y);
    }
    for (size_t k = 0; k < p->n_coefficients; k++) {
        buf_printf(b, "<text class=\"a c\" x=\"%.1f\" y=\"%.1f\">", x_at(f, p->coefficients[k]),
                   f->bottom + 18);
        html_signed(b, p->coefficients[k]);
        buf_puts(b, "</text>");
    }
    buf_printf(b, "<text class=\"a c\" x=\"%.1f\" y=\"%.1f\">coefficient</text>\n",
               (f->left + f->right) / 2, f->bottom + 36);
}

static double value_of(const frame *f, const persona_row *r)
{
    return f->coherence ? r->coherence : r->score.value;
}

static void draw_bar(buf *b, const frame *f, const persona_row *r, double shift)
{
    if (f->coherence || !isfinite(r->score.low) || !isfinite(r->score.high)) {
        return;
    }
    buf_printf(b, "<path class=\"b\" d=\"M%.1f %.1fV%.1f\"/>", x_at(f, r->coefficient) + shift,
               y_at(f, r->score.low), y_at(f, r->score.high));
}

/* A line's name stands at its end; in the margin, where names may push each other up and down, or
 * beside its last point where it ends early. */
typedef struct end_label {
    size_t style;
    double x, y;
} end_label;

/* One condition; out is where its last point is. False without points. */
static bool draw_line(buf *b, const frame *f, const pivot *p, size_t c, size_t style,
                      end_label *out)
{
    bool any = false;
    const double shift = f->coherence ? 0 : styles[style].shift;
    buf_printf(b, "<g class=\"c-%s\"><path class=\"l\" d=\"", styles[style].condition);
    for (size_t k = 0; k < p->n_coefficients; k++) {
        const persona_row *r = p->at[c][k];
        if (!r || !isfinite(value_of(f, r))) {
            continue;
        }
        *out = (end_label){style, x_at(f, r->coefficient) + shift, y_at(f, value_of(f, r))};
        buf_printf(b, "%c%.1f %.1f", any ? 'L' : 'M', out->x, out->y);
        any = true;
    }
    buf_puts(b, "\"/>");
    for (size_t k = 0; k < p->n_coefficients; k++) {
        const persona_row *r = p->at[c][k];
        if (!r || !isfinite(value_of(f, r))) {
            continue;
        }
        draw_bar(b, f, r, shift);
        styles[style].mark(b, x_at(f, r->coefficient) + shift, y_at(f, value_of(f, r)));
    }
    buf_puts(b, "</g>\n");
    return any;
}

/* Pushes labels apart that would overlap, keeping their order, inside the plot. */
static void spread(end_label *l, size_t n, double top, double bottom)
{
    enum { GAP = 15 };
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0 && l[k].y < l[k - 1].y; k--) {
            const end_label swap = l[k];
            l[k] = l[k - 1];
            l[k - 1] = swap;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const double least = i == 0 ? top : l[i - 1].y + GAP;
        l[i].y = fmax(l[i].y, least);
    }
    for (size_t i = n; i-- > 0;) {
        const double most = i + 1 == n ? bottom : l[i + 1].y - GAP;
        l[i].y = fmin(l[i].y, most);
    }
}

static void draw_label(buf *b, const end_label *l)
{
    buf_printf(b, "<text class=\"end c-%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
               styles[l->style].condition, l->x + 9, l->y + 4, styles[l->style].label);
}

static void draw_band(buf *b, const frame *f, const pivot *p)
{
    const size_t c = find_condition(p, "unsteered");
    for (size_t k = 0; c < p->n_conditions && k < p->n_coefficients; k++) {
        const persona_row *r = p->at[c][k];
        if (!r || f->coherence) {
            continue;
        }
        buf_printf(b,
                   "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
                   "<text class=\"a halo\" x=\"%.1f\" y=\"%.1f\">unsteered</text>\n",
                   f->left, y_at(f, r->score.high), f->right - f->left,
                   fmax(y_at(f, r->score.low) - y_at(f, r->score.high), 1), f->left + 6,
                   y_at(f, r->score.high) - 5);
        return;
    }
}

void svg_dose_response(buf *b, const pivot *p, const char *id, const char *title, bool coherence)
{
    const double height = coherence ? 210 : 380;
    frame f = {.left = 40, .right = 560, .top = 14, .bottom = height - 46, .coherence = coherence};
    end_label labels[N_STYLES];
    size_t n = 0;
    if (p->n_coefficients == 0) {
        return;
    }
    f.x_low = p->coefficients[0];
    f.x_high = p->coefficients[p->n_coefficients - 1];
    svg_begin(b, 680, height, id, title,
              coherence
                  ? "Coherence from 0 to 100 by steering coefficient, one line per condition. "
                    "The same numbers are in the table."
                  : "Trait score from 0 to 100 by steering coefficient, one line per "
                    "condition with 95 percent intervals. The same numbers are in the table.");
    draw_band(b, &f, p);
    axes(b, &f, p);
    for (size_t s = 0; s < N_STYLES; s++) {
        const size_t c = find_condition(p, styles[s].condition);
        end_label end;
        if (c == p->n_conditions || !draw_line(b, &f, p, c, s, &end)) {
            continue;
        }
        if (end.x < x_at(&f, f.x_high) - 20 && !coherence) {
            draw_label(b, &end);
        } else {
            end.x = f.right + 2;
            labels[n++] = end;
        }
    }
    spread(labels, n, f.top, f.bottom);
    for (size_t i = 0; i < n; i++) {
        draw_label(b, &labels[i]);
    }
    buf_puts(b, "</svg>\n");
}

/* ---- forest ---------------------------------------------------------------------------------- */

static double forest_x(double points)
{
    return 150 + (fmin(fmax(points, -50), 100) + 50) / 150 * 460;
}

void svg_forest(buf *b, const svg_interval *rows, size_t n, const char *id, const char *title)
{
    enum { STEP = 24 };
    const double bottom = 12 + (double)n * STEP;
    svg_begin(b, 680, bottom + 40, id, title,
              "Swing in points from coefficient -1 to +1 with 95 percent intervals.");
    for (int x = -50; x <= 100; x += 25) {
        buf_printf(b,
                   "<path class=\"g%s\" d=\"M%.1f 6V%.1f\"/>"
                   "<text class=\"a c\" x=\"%.1f\" y=\"%.1f\">",
                   x == 0 ? " h" : "", forest_x(x), bottom, forest_x(x), bottom + 18);
        html_signed(b, x);
        buf_puts(b, "</text>");
    }
    buf_puts(b, "\n");
    for (size_t i = 0; i < n; i++) {
        const svg_interval *r = &rows[i];
        const double y = 12 + ((double)i + 0.5) * STEP;
        size_t s = 0;
        while (s + 1 < N_STYLES && strcmp(styles[s].condition, r->condition) != 0) {
            s++;
        }
        buf_printf(b,
                   "<g class=\"c-%s\"><text class=\"end\" text-anchor=\"end\" x=\"138\" "
                   "y=\"%.1f\">",
                   r->condition, y + 4);
        html_text(b, r->label);
        buf_puts(b, "</text>");
        if (isfinite(r->x.value)) {
            buf_printf(b, "<path class=\"b\" d=\"M%.1f %.1fH%.1f\"/>", forest_x(r->x.low), y,
                       forest_x(r->x.high));
            styles[s].mark(b, forest_x(r->x.value), y);
            buf_printf(b, "<text class=\"a e\" x=\"672\" y=\"%.1f\">", y + 4);
            html_signed(b, round(r->x.value));
            buf_puts(b, "</text>");
        } else {
            buf_printf(b, "<text class=\"a\" x=\"%.1f\" y=\"%.1f\">not run</text>", forest_x(0) + 8,
                       y + 4);
        }
        buf_puts(b, "</g>\n");
    }
    buf_puts(b, "</svg>\n");
}

/* ---- layers ---------------------------------------------------------------------------------- */

static double ratio_at(const persona_vector *v, int block)
{
    const persona_vector_layer *l = &v->layers[block];
    const double ratio = (double)l->norm / (double)l->h_median;
    return l->present && isfinite(ratio) ? ratio : 0;
}

void svg_layers(buf *b, const persona_vector *v, const char *id, const char *title)
{
    const double height = 190, bottom = 140, top = 24;
    double most = 0;
    for (int i = 0; i < v->n_layer; i++) {
        most = fmax(most, ratio_at(v, i));
    }
    if (most <= 0) {
        return;
    }
    /* Many blocks: thin bars, and only some are numbered. */
    const double step = fmin(44, 320.0 / v->n_layer);
    const int every = step >= 22 ? 1 : v->n_layer > 32 ? 8 : 4;
    svg_begin(b, 360, height, id, title,
              "Length of the vector over the median length of the residual stream, by block.");
    buf_printf(b, "<path class=\"g h\" d=\"M20 %.1fH350\"/>", bottom);
    for (int i = 0; i < v->n_layer; i++) {
        if (!v->layers[i].present) {
            continue;
        }
        const double tall = ratio_at(v, i) / most * (bottom - top);
        const double x = 24 + step * i, middle = x + step * 0.39;
        buf_printf(b,
                   "<rect class=\"bar%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                   i == v->from.best_layer ? " best" : "", x, bottom - tall, step * 0.78, tall);
        if (i % every == 0 || i == v->from.best_layer) {
            buf_printf(b, "<text class=\"a c\" x=\"%.1f\" y=\"%.1f\">%d</text>", middle,
                       bottom + 16, i);
        }
        if (step >= 30) {
            buf_printf(b, "<text class=\"a c t\" x=\"%.1f\" y=\"%.1f\">%.2f</text>", middle,
                       bottom - tall - 5, ratio_at(v, i));
        }
        if (step >= 30 && isfinite(v->layers[i].auroc)) {
            buf_printf(b, "<text class=\"a c t\" x=\"%.1f\" y=\"%.1f\">%.2f</text>", middle,
                       bottom + 34, (double)v->layers[i].auroc);
        }
    }
    buf_puts(b, "</svg>\n");
}
