/* SPDX-License-Identifier: MIT
 *
 * output.c - what reaches the user: the JSON document, lines of talk, numbers in words.
 *
 * Data go to stdout, talk goes to stderr. Writing to stdout can fail (a full disk behind `>`), and
 * that must not look like success: cli_flush turns it into an IO error.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/errtext.h"
#include "base/try.h"
#include "cli/cli.h"

enum { JSON_MAX = 64 << 20 };

json_out *cli_json_begin(cli_json *j, const char *command)
{
    char schema[64];
    snprintf(schema, sizeof schema, "persona.%s/1", command);
    buf_init(&j->text, JSON_MAX);
    jo_init(&j->out, &j->text, true);
    jo_object(&j->out, NULL);
    jo_string(&j->out, "schema", schema);
    return &j->out;
}

persona_code cli_json_flush(cli_state *c, cli_json *j, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&j->text, "the JSON document", e));
    tty_progress_clear(&c->progress);
    (void)fwrite(buf_str(&j->text), 1, j->text.len, stdout); /* cli_flush sees failures */
    c->json_printed = true;
    buf_clear(&j->text);
    j->printed = j->out;
    TRY(cli_flush(e));
out:
    return rc;
}

persona_code cli_json_end(cli_state *c, cli_json *j, persona_err *e)
{
    jo_end(&j->out);
    buf_putc(&j->text, '\n');
    const persona_code rc = cli_json_flush(c, j, e);
    buf_free(&j->text);
    return rc;
}

bool cli_json_rewind(const cli_state *c, cli_json *j)
{
    if (!c->json_printed) {
        buf_free(&j->text);
        return false;
    }
    buf_clear(&j->text);
    j->out = j->printed;
    while (j->out.depth > 1) {
        jo_end(&j->out);
    }
    return true;
}

void cli_json_error(json_out *o, persona_code rc, const char *why)
{
    jo_object(o, "error");
    jo_string(o, "code", persona_code_name(rc));
    jo_int(o, "exit", persona_code_exit(rc));
    jo_string(o, "message", why);
    jo_end(o);
}

persona_code cli_flush(persona_err *e)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return PERSONA_OK;
    }
    const char *why = errno != 0 ? errtext(errno) : "write failed";
    clearerr(stdout);
    return persona_err_set(e, PERSONA_E_IO, "cannot write to standard output: %s", why);
}

void cli_say(const cli_state *c, const char *fmt, ...)
{
    if (c->verbosity < 0) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* A few buffers in turn, so that one printf can show several values. */
static char *scratch(void)
{
    static char ring[8][32];
    static size_t at;
    return ring[at++ % 8];
}

const char *cli_duration(double seconds)
{
    char *s = scratch();
    if (!(seconds >= 0)) {
        snprintf(s, 32, "-");
    } else if (seconds < 99.95) {
        snprintf(s, 32, "%.1f s", seconds);
    } else {
        snprintf(s, 32, "%d min %02d s", (int)(seconds / 60), (int)seconds % 60);
    }
    return s;
}

const char *cli_bytes(uint64_t n)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
    double x = (double)n;
    size_t i = 0;
    for (; x >= 999.5 && i + 1 < sizeof unit / sizeof *unit; i++) {
        x /= 1000;
    }
    char *s = scratch();
    snprintf(s, 32, "%.*f %s", i == 0 || x >= 99.95 ? 0 : 1, x, unit[i]);
    return s;
}

const char *cli_number(double x, int decimals)
{
    char *s = scratch();
    if (!isfinite(x)) {
        snprintf(s, 32, "-");
    } else { /* no "-0" */
        snprintf(s, 32, "%.*f", decimals, fabs(x) < 0.5 * pow(10, -decimals) ? 0.0 : x);
    }
    return s;
}
