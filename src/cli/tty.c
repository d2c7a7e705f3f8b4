/* SPDX-License-Identifier: MIT
 *
 * tty.c - the terminal: width, colours, UTF-8, and the one progress line.
 *
 * Colours follow, in this order: --color, NO_COLOR (any value), TERM=dumb, whether the stream is a
 * terminal. The progress line lives on stderr and only on a terminal, is drawn at most ten times a
 * second and never wraps: it is cut to the width, because a wrapped line cannot be taken back.
 *
 *   extract silly   ████████▍··········  42%  168/400  1.2k tok/s  0:14 left
 */
#include "cli/tty.h"
#include "base/clock.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/plot.h"

static bool colored[3]; /* by file descriptor */
static bool utf8;

void tty_init(tty_when color)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    const bool dumb = !term || strcmp(term, "dumb") == 0;
    const bool wanted = !(no_color && *no_color) && !dumb;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        colored[fd] = color == TTY_ALWAYS || (color == TTY_AUTO && wanted && isatty(fd) == 1);
    }
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *tty_paint(FILE *f, tty_style style)
{
    static const char *const sequence[TTY_N_STYLES] = {
        [TTY_RESET] = "\033[0m",  [TTY_BOLD] = "\033[1m", [TTY_DIM] = "\033[2m",
        [TTY_GREEN] = "\033[32m", [TTY_RED] = "\033[31m", [TTY_YELLOW] = "\033[33m",
        [TTY_CYAN] = "\033[36m",
    };
    const int fd = f == stdout ? STDOUT_FILENO : f == stderr ? STDERR_FILENO : 0;
    return colored[fd] ? sequence[style] : "";
}

bool tty_utf8(void)
{
    return utf8;
}

int tty_width(FILE *f)
{
    struct winsize w;
    const bool known = ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col >= 20;
    return known ? w.ws_col : 100;
}

size_t tty_columns(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xC0) != 0x80;
    }
    return n;
}

/* ---- progress -------------------------------------------------------------------------------- */

enum { BAR_COLUMNS = 20 };

void tty_progress_init(tty_progress *p, int verbosity)
{
    const char *term = getenv("TERM");
    const bool terminal = isatty(STDERR_FILENO) == 1 && term && strcmp(term, "dumb") != 0;
    *p = (tty_progress){.enabled = verbosity >= 0 && (terminal || verbosity > 0),
                        .lines = !terminal};
}

/* "1.2k", "830" */
static void short_count(char *out, size_t size, double x)
{
    if (x >= 9999.5) {
        snprintf(out, size, "%.0fk", x / 1000);
    } else if (x >= 999.5) {
        snprintf(out, size, "%.1fk", x / 1000);
    } else {
        snprintf(out, size, "%.0f", x);
    }
}

static void draw(tty_progress *p, const persona_progress *now, double elapsed)
{
    char speed[16] = "", line[512], bar[BAR_COLUMNS * 4 + 1] = "";
    size_t n = (size_t)snprintf(line, sizeof line, "%s", p->stage);
    if (now->total > 0) {
        const double part = (double)now->done / (double)now->total;
        plot_bar(bar, sizeof bar, part, BAR_COLUMNS);
        n += (size_t)snprintf(line + n, sizeof line - n, "  %s %3.0f%%  %zu/%zu", bar, part * 100,
                              now->done, now->total);
    }
    if (now->n_tokens > p->stage_tokens && elapsed > 0.5) {
        short_count(speed, sizeof speed, (double)(now->n_tokens - p->stage_tokens) / elapsed);
        n += (size_t)snprintf(line + n, sizeof line - n, "  %s tok/s", speed);
    }
    if (now->done > 0 && now->done < now->total && elapsed > 1) {
        const double left = elapsed * (double)(now->total - now->done) / (double)now->done;
        const long seconds = (long)(left + 0.5);
        snprintf(line + n, sizeof line - n, "  %ld:%02ld left", seconds / 60, seconds % 60);
    }
    size_t columns = (size_t)tty_width(stderr) - 1, end = 0;
    for (; line[end] && (columns > 0 || ((unsigned char)line[end] & 0xC0) == 0x80); end++) {
        columns -= ((unsigned char)line[end] & 0xC0) != 0x80;
    }
    fprintf(stderr, "\r\033[K%.*s", (int)end, line);
    fflush(stderr);
    p->drawn = true;
}

/* -v without a terminal: one line for every stage that has ended. */
static void log_stage(tty_progress *p, double now)
{
    if (p->lines && p->enabled && p->stage[0]) {
        fprintf(stderr, "%-28s %6.1f s", p->stage, now - p->stage_start);
        if (p->n_tokens > p->stage_tokens) {
            fprintf(stderr, "  %zu tokens", p->n_tokens - p->stage_tokens);
        }
        fputc('\n', stderr);
    }
    p->stage[0] = '\0';
}

void tty_progress_update(void *ud, const persona_progress *now)
{
    tty_progress *p = ud;
    if (!p->enabled) {
        return;
    }
    const double t = clock_now();
    const char *stage = now->stage ? now->stage : "working";
    if (strncmp(p->stage, stage, sizeof p->stage - 1) != 0) {
        log_stage(p, t);
        snprintf(p->stage, sizeof p->stage, "%s", stage);
        p->stage_start = t;
        p->last_draw = 0;
        p->stage_tokens = now->n_tokens;
    }
    p->n_tokens = now->n_tokens;
    if (p->lines || t - p->last_draw < 0.1) {
        return;
    }
    p->last_draw = t;
    draw(p, now, t - p->stage_start);
}

void tty_progress_clear(tty_progress *p)
{
    log_stage(p, clock_now());
    if (p->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->drawn = false;
}
