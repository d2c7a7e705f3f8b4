/* SPDX-License-Identifier: MIT
 *
 * models_pull.c - `persona models pull`: a line of progress, and what came of it.
 *
 *   qwen2.5-7b.gguf (1 of 2)  ████████▍·····  42%  1.9 GB of 4.7 GB  35 MB/s  1:20 left
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/try.h"
#include "cli/models_cmd.h"
#include "cli/plot.h"
#include "workbench/model_pull.h"

enum { BAR_COLUMNS = 16, LINE_MAX_BYTES = 512 };

/* Rates are over the last seconds, not since the beginning: lines change. */
#define RATE_WINDOW 5.0

typedef struct pull_line {
    cli_state *c;
    bool on;
    double drawn, since; /* clock of the last drawing, and of the rate's beginning */
    uint64_t from;       /* bytes at that time */
    double rate;
} pull_line;

static void draw(const char *line, size_t n)
{
    size_t columns = (size_t)tty_width(stderr) - 1, end = 0;
    for (; end < n && (columns > 0 || ((unsigned char)line[end] & 0xC0) == 0x80); end++) {
        columns -= ((unsigned char)line[end] & 0xC0) != 0x80;
    }
    fprintf(stderr, "\r\033[K%.*s", (int)end, line);
    fflush(stderr);
}

static void measure(pull_line *l, uint64_t done, double now)
{
    if (l->since <= 0 || done < l->from) {
        l->since = now;
        l->from = done;
        l->rate = 0;
    } else if (now - l->since > 0.5) {
        l->rate = (double)(done - l->from) / (now - l->since);
        if (now - l->since > RATE_WINDOW) {
            l->since = now;
            l->from = done;
        }
    }
}

static void on_progress(void *ud, const model_pull_progress *p)
{
    pull_line *l = ud;
    const double now = clock_now();
    const uint64_t done = p->before + p->now.done;
    const uint64_t total = p->total ? p->total : p->n_parts == 1 ? p->now.total : 0;
    buf b;
    if (!l->on || now - l->drawn < 0.1) {
        return;
    }
    measure(l, done, now);
    l->drawn = now;
    buf_init(&b, LINE_MAX_BYTES);
    buf_printf(&b, "%.100s", p->name);
    if (p->n_parts > 1) {
        buf_printf(&b, " (%zu of %zu)", p->part + 1, p->n_parts);
    }
    if (p->now.stage == DOWNLOAD_WAIT) {
        buf_printf(&b, "  %s; again in %.0f s", p->now.note, p->now.wait);
    } else if (p->now.stage == DOWNLOAD_CHECK) {
        buf_puts(&b, "  checking its SHA-256");
    } else if (total > 0) {
        char bar[BAR_COLUMNS * 4 + 1] = "";
        const double share = (double)done / (double)total;
        plot_bar(bar, sizeof bar, share, BAR_COLUMNS);
        buf_printf(&b, "  %s %3.0f%%  %s of %s", bar, 100 * share, cli_bytes(done),
                   cli_bytes(total));
    } else {
        buf_printf(&b, "  %s", cli_bytes(done));
    }
    if (p->now.stage == DOWNLOAD_FETCH && l->rate > 0) {
        buf_printf(&b, "  %s/s", cli_bytes((uint64_t)l->rate));
        if (total > done) {
            const long left = (long)((double)(total - done) / l->rate + 0.5);
            buf_printf(&b, "  %ld:%02ld left", left / 60, left % 60);
        }
    }
    draw(buf_str(&b), b.len);
    l->c->progress.drawn = true;
    buf_free(&b);
}

static void say_file(const cli_state *c, const pulled_file *f)
{
    const char *sum = f->got.compared    ? "as expected"
                      : f->got.sha256[0] ? "compared with nothing"
                                         : "";
    if (f->got.present) {
        cli_say(c, "%s is there already%s%s", path_base(f->path), *sum ? ", SHA-256 " : "", sum);
    } else {
        cli_say(c, "%s: %s, SHA-256 %s %s", path_base(f->path), cli_bytes(f->got.size),
                f->got.sha256, sum);
    }
}

persona_code models_pull(cli_state *c, const char *what, const models_pull_opts *o, persona_err *e)
{
    model_pull_opts opts = model_pull_defaults();
    pull_line line = {.c = c, .on = c->progress.enabled && !c->progress.lines};
    model_pulled got = {NULL, 0};
    persona_code rc = PERSONA_OK;
    opts.sha256 = o->sha256;
    opts.force = o->force;
    opts.tries = o->tries;
    opts.wait = o->wait;
    opts.ud = &line;
    opts.progress = on_progress;
    opts.cancel = c->hooks.cancel;
    rc = model_pull(what, &opts, &got, e);
    tty_progress_clear(&c->progress);
    for (size_t i = 0; i < got.n; i++) {
        say_file(c, &got.files[i]);
    }
    TRY(rc);
    if (c->json) {
        cli_json j;
        model_pulled_json(cli_json_begin(&j, "models"), &got);
        rc = cli_json_end(c, &j, e);
    } else {
        printf("%s\n", got.files[0].path);
    }
out:
    model_pulled_free(&got);
    return rc;
}
