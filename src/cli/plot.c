/* SPDX-License-Identifier: MIT
 *
 * plot.c - small pictures in one line of text.
 *
 * Block elements U+2581..U+2588 (lower eighths) and U+2589..U+258F (left eighths) give eight steps
 * a character; without UTF-8 a bar has whole columns and a sparkline shows digits 0 to 7.
 */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

#include "cli/tty.h"

static const char *const left_eighths[8] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
static const char *const lower_eighths[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

static void append(char *out, size_t size, const char *piece)
{
    const size_t at = strlen(out), n = strlen(piece);
    if (at + n < size) {
        memcpy(out + at, piece, n + 1);
    }
}

static void bar(char *out, size_t size, double part, int columns, const char *rest)
{
    const double clipped = isfinite(part) ? fmin(fmax(part, 0), 1) : 0;
    const int eighths = (int)lround(clipped * columns * 8);
    out[0] = '\0';
    for (int i = 0; i < columns; i++) {
        const int here = eighths - 8 * i;
        if (here >= 8) {
            append(out, size, tty_utf8() ? "█" : "#");
        } else if (here > 0 && tty_utf8()) {
            append(out, size, left_eighths[here]);
        } else {
            append(out, size, rest);
        }
    }
}

void plot_bar(char *out, size_t size, double part, int columns)
{
    bar(out, size, part, columns, tty_utf8() ? "·" : ".");
}

void plot_bar_open(char *out, size_t size, double part, int columns)
{
    bar(out, size, part, columns, "");
}

void plot_spark(char *out, size_t size, const double *x, size_t n, double low, double high)
{
    static const char digits[8][2] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const double part = high > low ? (x[i] - low) / (high - low) : 0;
        if (!isfinite(part)) {
            append(out, size, " ");
            continue;
        }
        const int step = (int)lround(fmin(fmax(part, 0), 1) * 7);
        append(out, size, tty_utf8() ? lower_eighths[step] : digits[step]);
    }
}
