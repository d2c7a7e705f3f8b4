/* SPDX-License-Identifier: MIT
 *
 * common.c - what every command needs: memory that ends the program when it is out, and opening
 * things with the talk that belongs to it (the work is src/workbench's).
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

/* ---- memory ---------------------------------------------------------------------------------- */

static void *sure(void *p)
{
    if (!p) {
        fputs("persona: out of memory\n", stderr);
        exit(persona_code_exit(PERSONA_E_NOMEM));
    }
    return p;
}

void *cli_alloc(size_t n, size_t size)
{
    return sure(mem_calloc(n, size));
}

void cli_take_receipt(receipt_done *d, const persona_result *r)
{
    (void)sure(receipt_take(d, r, NULL) == PERSONA_OK ? d : NULL);
}

void *cli_resize(void *p, size_t n, size_t size)
{
    return sure(mem_realloc(p, n, size));
}

char *cli_strdup(const char *s)
{
    return sure(mem_strdup(s));
}

void cli_split(const char *list, char ***out, size_t *n)
{
    *n = 0;
    *out = cli_alloc(strlen(list) + 1, sizeof **out);
    for (const char *p = list; *p;) {
        const size_t len = strcspn(p, ",");
        if (len > 0) {
            (*out)[(*n)++] = cli_format("%.*s", (int)len, p);
        }
        p += len + (p[len] == ',');
    }
}

char *cli_format(const char *fmt, ...)
{
    buf b;
    va_list ap;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "");
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return sure(buf_take(&b));
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static persona_code mark_blocks(const char *list, int n_layer, bool *on, persona_err *e)
{
    for (const char *p = list; *p; p += *p == ',') {
        char *end = NULL;
        const long first = strtol(p, &end, 10);
        const char *const after = end;
        const bool range = after != p && *after == '-';
        const long last = range ? strtol(after + 1, &end, 10) : first;
        if (after == p || (range && end == after + 1) || (*end && *end != ',')) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "--blocks wants numbers and ranges, such as 3-5,8, not '%.100s'",
                                   list);
        }
        if (first < 0 || last < first || last > n_layer - 2) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "--blocks %.100s: %ld-%ld is not within 0-%d of this model (its "
                                   "last block is not read)",
                                   list, first, last, n_layer - 2);
        }
        for (long b = first; b <= last; b++) {
            on[b] = true;
        }
        p = end;
    }
    return PERSONA_OK;
}

persona_code cli_blocks(const char *list, int n_layer, int **out, size_t *n, persona_err *e)
{
    bool *on = cli_alloc((size_t)n_layer, sizeof *on);
    const persona_code rc = list ? mark_blocks(list, n_layer, on, e) : PERSONA_OK;
    *out = cli_alloc((size_t)n_layer, sizeof **out);
    *n = 0;
    for (int b = 0; b < n_layer - 1; b++) {
        if (!list || on[b]) {
            (*out)[(*n)++] = b;
        }
    }
    mem_free(on);
    return rc;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* -2:2:9 means 0.5 and not 0.49999999999999994: evaluations look for exactly -1, 0 and 1. */
static double snapped(double x)
{
    const double y = round(x * 1e6) / 1e6;
    return fabs(x - y) < 1e-9 ? y + 0.0 : x;
}

/* False: the text is no range. */
static bool read_range(const char *text, size_t max, double *out, size_t *n)
{
    char *rest = NULL;
    const double low = strtod(text, &rest);
    const double high = *rest == ':' ? strtod(rest + 1, &rest) : low;
    const long count = *rest == ':' ? strtol(rest + 1, &rest, 10) : 0;
    if (*rest || !(low < high) || !isfinite(high - low) || count < 2 || (size_t)count > max) {
        return false;
    }
    for (long i = 0; i < count; i++) {
        out[i] = snapped(low + (high - low) * (double)i / (double)(count - 1));
    }
    *n = (size_t)count;
    return true;
}

static bool read_list(const char *text, size_t max, double *out, size_t *n)
{
    const char *p = text;
    for (*n = 0; *n < max; p++) {
        char *rest = NULL;
        const double x = strtod(p, &rest);
        if (rest == p || !isfinite(x) || (*n > 0 && !(x > out[*n - 1]))) {
            return false;
        }
        out[(*n)++] = x + 0.0;
        p = rest;
        if (*p != ',') {
            break;
        }
    }
    return *p == '\0';
}

persona_code cli_coefficients(const char *typed, const char *text, size_t max, double *out,
                              size_t *n, persona_err *e)
{
    if (strchr(text, ':') ? read_range(text, max, out, n) : read_list(text, max, out, n)) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "%s wants LOW:HIGH:N with N from 2 to %zu, or ascending numbers like "
                           "-1,0,1, not '%.100s'",
                           typed, max, text);
}

/* ---- opening --------------------------------------------------------------------------------- */

static persona_code warned(cli_state *c, const rig *x, persona_code rc)
{
    const talk_sink t = cli_talk(c);
    if (rc == PERSONA_OK) {
        rig_warn(x, &t);
    }
    return rc;
}

persona_code cli_open_judge(cli_state *c, rig *x, persona_err *e)
{
    return warned(c, x, rig_open_judge(&c->rig, x, e));
}

persona_code cli_open_side(cli_state *c, const char *path, const rig *other, rig *x, persona_err *e)
{
    return warned(c, x, rig_open_side(&c->rig, path, other, x, e));
}

/* ---- what tasks of the workbench take -------------------------------------------------------- */

static void say_line(void *ud, const char *line)
{
    cli_say(ud, "%s", line);
}

talk_sink cli_talk(cli_state *c)
{
    return (talk_sink){c, say_line};
}

mapping_opts cli_mapping_opts(const cli_state *c)
{
    const cli_mapping *m = &c->mapping;
    return (mapping_opts){.method = m->method,
                          .cache = m->cache,
                          .texts = m->texts.n > 0 ? m->texts.p : NULL,
                          .n_texts = m->texts.n,
                          .chunks = m->pairing == 1,
                          .no_cache = m->no_cache,
                          .lambda = m->lambda,
                          .rank = m->rank,
                          .n_anchors = m->n_anchors,
                          .n_neutral = m->n_neutral,
                          .n_questions = m->n_questions,
                          .n_candidates = m->n_candidates,
                          .from = m->from,
                          .to = m->to,
                          .seed = c->seed};
}

static void clear_progress(void *ud)
{
    tty_progress_clear(&((cli_state *)ud)->progress);
}

void cli_carry(cli_state *c, carry *x)
{
    x->rig = &c->rig;
    x->mapping = cli_mapping_opts(c);
    x->hooks = c->hooks;
    x->talk = cli_talk(c);
    x->pause = clear_progress;
}
