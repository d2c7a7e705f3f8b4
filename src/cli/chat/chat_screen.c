/* SPDX-License-Identifier: MIT
 *
 * chat_screen.c - the answer and its bars (chat_screen.h).
 *
 * The bars stand one line below the text. Nothing is saved and restored, since the screen may
 * scroll in between: the line is drawn, and the cursor goes back up to the column that the text has
 * reached, which is counted here. Where a wide character makes that count wrong, the next line end
 * mends it.
 */
#include "cli/chat/chat_screen.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "cli/plot.h"

#define REDRAW_SECONDS 0.1
#define Z_SPAN 3.0 /* bars run from -3 to 3 standard deviations */
enum { BAR = 8, SPARK = 40, LINE = 1024 };

void chat_screen_begin(chat_screen *s, const chat *t)
{
    *s = (chat_screen){
        .t = t, .live = t->interactive && chat_n_probes(t) > 0, .width = tty_width(stdout)};
}

/* ---- bars ------------------------------------------------------------------------------------ */

static const char *unit_of(const chat *t, size_t i)
{
    return !chat_has_z(t, i) ? "" : tty_utf8() ? "σ" : " sd";
}

/* "silly ████▌··· +1.2σ" for each probe, as many as fit. */
static void bars_text(const chat *t, int width, char *out, size_t size)
{
    size_t at = 0, columns = 0;
    out[0] = '\0';
    for (size_t i = 0; i < chat_n_probes(t); i++) {
        const double z = chat_mean(t, i);
        char bar[4 * BAR + 1] = "", one[256];
        if (chat_has_z(t, i) && isfinite(z)) {
            plot_bar(bar, sizeof bar, (z + Z_SPAN) / (2 * Z_SPAN), BAR);
        }
        snprintf(one, sizeof one, "%s%.40s %s %s%s%s", i > 0 ? "  " : "", t->probes->list[i].name,
                 bar, z > 0 ? "+" : "", cli_number(z, 1), isfinite(z) ? unit_of(t, i) : "");
        columns += tty_columns(one);
        if (columns + 1 >= (size_t)width || at + strlen(one) + 1 > size) {
            break;
        }
        memcpy(out + at, one, strlen(one) + 1);
        at += strlen(one);
    }
}

static void erase(chat_screen *s)
{
    if (s->drawn) {
        printf("\n\033[2K\033[A\033[%dG", s->column + 1);
    }
    s->drawn = false;
}

void chat_screen_bars(chat_screen *s)
{
    const double now = clock_now();
    if (!s->live || now - s->last < REDRAW_SECONDS) {
        return;
    }
    char line[LINE];
    bars_text(s->t, s->width, line, sizeof line);
    printf("\n\033[2K%s%s%s\033[A\033[%dG", tty_paint(stdout, TTY_CYAN), line,
           tty_paint(stdout, TTY_RESET), s->column + 1);
    if (s->dimmed) {
        fputs(tty_paint(stdout, TTY_DIM), stdout);
    }
    s->drawn = true;
    s->last = now;
    fflush(stdout);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void count(chat_screen *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            s->column = 0;
        } else if ((c & 0xC0) != 0x80) {
            s->column = s->column + 1 >= s->width ? 0 : s->column + 1;
        }
    }
}

static void dim(chat_screen *s, bool wanted)
{
    if (wanted != s->dimmed) {
        fputs(tty_paint(stdout, wanted ? TTY_DIM : TTY_RESET), stdout);
        if (!wanted) {
            putchar('\n');
            s->column = 0;
        }
    }
    s->dimmed = wanted;
}

void chat_screen_text(chat_screen *s, const char *text, size_t len, bool thought)
{
    if (memchr(text, '\n', len) != NULL || s->column + (int)len >= s->width) {
        erase(s); /* else the bars would stay in the line that comes */
    }
    dim(s, thought);
    s->failed = fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0;
    count(s, text, len);
}

/* Mean, tokens and forecast. Tokens without neutral ones are drawn in their own range. */
static void print_probe(const chat *t, size_t i)
{
    char spark[4 * SPARK + 1];
    const chat_reading *r = &t->readings[i];
    double x[SPARK], low = -Z_SPAN, high = Z_SPAN;
    const size_t n = r->n < SPARK ? r->n : SPARK;
    for (size_t k = 0; k < n; k++) {
        x[k] = chat_token(t, i, k * r->n / n);
        low = fmin(low, x[k]);
        high = fmax(high, x[k]);
    }
    plot_spark(spark, sizeof spark, x, n, low, high);
    const double mean = chat_mean(t, i);
    printf("%s%-14.40s %s%s%s", tty_paint(stdout, TTY_CYAN), t->probes->list[i].name,
           mean > 0 ? "+" : "", cli_number(mean, 2), isfinite(mean) ? unit_of(t, i) : "");
    if (n > 0) {
        printf("  %s", spark);
    }
    if (isfinite(r->forecast)) {
        printf("  (forecast %s)", cli_number(r->forecast, 1));
    }
    printf("%s\n", tty_paint(stdout, TTY_RESET));
}

void chat_screen_end(chat_screen *s)
{
    erase(s);
    dim(s, false);
    if (s->column > 0 || !s->t->interactive) {
        putchar('\n');
    }
    for (size_t i = 0; i < chat_n_probes(s->t); i++) {
        print_probe(s->t, i);
    }
    fflush(stdout);
}
