/* SPDX-License-Identifier: MIT
 *
 * sweep_svg.c - the response to a coefficient: score above, coherence below, one line per operator
 * and block.
 *
 * Colours after Okabe and Ito; lines are told apart by their dashes, too, and named at their ends.
 * The unsteered interval is a band, the instruction in the prompt two triangles; points behind a
 * long conversation are hollow.
 */
#include "pipeline/report/sweep_svg.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/try.h"
#include "pipeline/report/report_svg.h"

enum { WIDTH = 720, LEFT = 44, RIGHT = 600, N_COLORS = 6, GAP = 15, MAX_LABELS = 32 };

/* Of the page, where it is in one; its own otherwise. */
static const char ALONE[] =
    "<style>svg{font:13px ui-sans-serif,system-ui,sans-serif;background:#fff}"
    "text{fill:#1c1b1a}.a{fill:#625f5a}.c{text-anchor:middle}.e{text-anchor:end}"
    ".g{stroke:#e4e0d9;fill:none}.band{fill:#e4e0d9;opacity:.6}</style>\n";
static const char SHARED[] =
    "<style>.k0{color:#0072b2}.k1{color:#d55e00}.k2{color:#009e73}.k3{color:#cc79a7}"
    ".k4{color:#b8860b}.k5{color:#56b4e9}.kp{color:#8b8780}"
    ".kl{fill:none;stroke:currentColor;stroke-width:2}.kb{stroke:currentColor;opacity:.6}"
    ".km{fill:currentColor}.ko{fill:none;stroke:currentColor;stroke-width:2}"
    ".k1 .kl{stroke-dasharray:7 4}.k2 .kl{stroke-dasharray:2 3}.k3 .kl{stroke-dasharray:9 3 2 3}"
    ".k4 .kl{stroke-dasharray:1 4}.k5 .kl{stroke-dasharray:12 3}"
    ".kt{fill:currentColor;font-weight:600}</style>\n";

typedef struct panel {
    double top, bottom, low, high; /* low, high: coefficients */
    bool coherence;
} panel;

static double x_at(const panel *p, double c)
{
    const double span = p->high > p->low ? p->high - p->low : 1;
    return LEFT + 20 + (c - p->low) / span * (RIGHT - LEFT - 40);
}

static double y_at(const panel *p, double value)
{
    return p->bottom - fmin(fmax(value, 0), 100) / 100 * (p->bottom - p->top);
}

static double value_of(const panel *p, const persona_sweep_point *x)
{
    return p->coherence ? x->coherence : x->score.value;
}

static void frame(buf *b, const panel *p, const char *title)
{
    for (int y = 0; y <= 100; y += p->coherence ? 50 : 25) {
        buf_printf(b,
                   "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"a e\" x=\"%d\" "
                   "y=\"%.1f\">%d</text>",
                   LEFT, y_at(p, y), RIGHT, LEFT - 8, y_at(p, y) + 4, y);
    }
    buf_printf(b, "<text class=\"a\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT, p->top - 8, title);
}

static void band(buf *b, const panel *p, const persona_sweep_point *base)
{
    if (!isfinite(base->score.low) || p->coherence) {
        return;
    }
    const double top = y_at(p, base->score.high), bottom = y_at(p, base->score.low);
    buf_printf(b,
               "<rect class=\"band\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>"
               "<text class=\"a\" x=\"%d\" y=\"%.1f\">unsteered</text>\n",
               LEFT, top, RIGHT - LEFT, fmax(bottom - top, 1), LEFT + 4, top - 4);
}

static bool of_curve(const persona_sweep_point *p, const persona_sweep_curve *c,
                     const char *condition)
{
    return p->op != NULL && strcmp(p->op, c->op) == 0 && strcmp(p->phase, c->phase) == 0 &&
           p->block == c->block && strcmp(p->condition, condition) == 0;
}

static void point(buf *b, const panel *p, const persona_sweep_point *x, bool hollow)
{
    const double cx = x_at(p, x->coefficient), cy = y_at(p, value_of(p, x));
    if (!p->coherence && isfinite(x->score.low)) {
        buf_printf(b, "<path class=\"kb\" d=\"M%.1f %.1fV%.1f\"/>", cx, y_at(p, x->score.low),
                   y_at(p, x->score.high));
    }
    buf_printf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", hollow ? "ko" : "km",
               cx, cy);
}

/* The curve's line and points; *end is the height of its last point. */
static void curve(buf *b, const panel *p, const persona_sweep *x, size_t k, double *end)
{
    const persona_sweep_curve *c = &x->curves[k];
    bool any = false;
    buf_printf(b, "<g class=\"k%zu\"><path class=\"kl\" d=\"", k % N_COLORS);
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *at = &x->points[i];
        if (of_curve(at, c, "steered") && isfinite(value_of(p, at))) {
            *end = y_at(p, value_of(p, at));
            buf_printf(b, "%c%.1f %.1f", any ? 'L' : 'M', x_at(p, at->coefficient), *end);
            any = true;
        }
    }
    buf_puts(b, "\"/>");
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *at = &x->points[i];
        const bool behind = of_curve(at, c, "behind");
        if ((behind || of_curve(at, c, "steered")) && isfinite(value_of(p, at))) {
            point(b, p, at, behind);
        }
    }
    buf_puts(b, "</g>\n");
}

static void prompts(buf *b, const panel *p, const persona_sweep *x)
{
    for (size_t i = 0; i < x->n_points; i++) {
        const persona_sweep_point *at = &x->points[i];
        if (strcmp(at->condition, "prompt") == 0 && isfinite(value_of(p, at))) {
            const double up = at->coefficient > 0 ? -1 : 1;
            const double cx = x_at(p, at->coefficient), cy = y_at(p, value_of(p, at));
            buf_printf(b,
                       "<g class=\"kp\"><path class=\"km\" d=\"M%.1f %.1fl5 %.1fh-10z\"/>"
                       "<text class=\"kt\" x=\"%.1f\" y=\"%.1f\">prompt</text></g>\n",
                       cx, cy + 5 * up, -9 * up, cx + 9, cy + 4);
        }
    }
}

static void limits(panel *p, const persona_sweep *x)
{
    p->low = p->high = 0;
    for (size_t i = 0; i < x->n_points; i++) {
        p->low = fmin(p->low, x->points[i].coefficient);
        p->high = fmax(p->high, x->points[i].coefficient);
    }
}

/* Every coefficient that is steered, where there is room for it. */
static void ticks(buf *b, const panel *p, const persona_sweep *x)
{
    double last = -INFINITY;
    for (size_t i = 0; x->n_curves > 0 && i < x->n_points; i++) {
        const persona_sweep_point *at = &x->points[i];
        const double place = x_at(p, at->coefficient);
        if (!of_curve(at, &x->curves[0], "steered") || place < last + 30) {
            continue;
        }
        last = place;
        buf_printf(b, "<text class=\"a c\" x=\"%.1f\" y=\"%.1f\">", place, p->bottom + 18);
        html_signed(b, at->coefficient);
        buf_puts(b, "</text>");
    }
    buf_printf(b, "<text class=\"a c\" x=\"%d\" y=\"%.1f\">coefficient", (LEFT + RIGHT) / 2,
               p->bottom + 36);
    if (x->unit[0] != '\0') {
        buf_printf(b, " (%s)", x->unit);
    }
    buf_puts(b, "</text>\n");
}

/* Names of the curves at their ends, pushed apart. */
static void names(buf *b, const persona_sweep *x, const double *end, size_t n)
{
    size_t order[MAX_LABELS];
    double last = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && end[order[k - 1]] > end[i]; k--) {
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    for (size_t i = 0; i < n; i++) {
        const persona_sweep_curve *c = &x->curves[order[i]];
        last = fmax(end[order[i]], last + GAP);
        buf_printf(b, "<text class=\"k%zu kt\" x=\"%d\" y=\"%.1f\">%s @%d%s</text>\n",
                   order[i] % N_COLORS, RIGHT + 6, last + 4, c->op, c->block,
                   strcmp(c->phase, "response") == 0   ? ""
                   : strcmp(c->phase, "analysis") == 0 ? " a"
                                                       : " f");
    }
}

void sweep_svg(buf *b, const persona_sweep *x, bool alone)
{
    panel score = {.top = 34, .bottom = 300}, coherence = {.top = 350, .bottom = 440};
    double end[MAX_LABELS], unused = 0;
    const size_t n = x->n_curves < MAX_LABELS ? x->n_curves : MAX_LABELS;
    limits(&score, x);
    coherence.coherence = true;
    coherence.low = score.low;
    coherence.high = score.high;
    buf_printf(b,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d 490\" role=\"img\">"
               "<title>",
               WIDTH);
    html_text(b, x->trait);
    buf_puts(b, ": score and coherence by coefficient</title>\n");
    buf_puts(b, alone ? ALONE : "");
    buf_puts(b, SHARED);
    frame(b, &score, "trait score, 95 % over questions");
    frame(b, &coherence, "coherence");
    band(b, &score, &x->points[0]);
    prompts(b, &score, x);
    for (size_t k = 0; k < n; k++) {
        end[k] = score.bottom;
        curve(b, &score, x, k, &end[k]);
        curve(b, &coherence, x, k, &unused);
    }
    names(b, x, end, n);
    ticks(b, &coherence, x);
    buf_puts(b, "</svg>\n");
}

persona_code sweep_svg_write(const persona_sweep *x, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, 16 << 20);
    sweep_svg(&b, x, true);
    TRY(buf_ok(&b, "the picture", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}
