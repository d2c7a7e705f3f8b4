/* SPDX-License-Identifier: MIT
 *
 * cmd_shift.c - `persona shift A B`: how far a model lies from another along vectors, as before and
 * after finetuning (Chen et al. 2025, section 5): the mean over prompts of the difference at the
 * last prompt token, and of that of the answers. Vectors and what is neutral are A's.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/neutral_set.h"
#include "cli/probe.h"
#include "cli/table.h"

typedef struct shift_args {
    cli_state *c;
    const char *texts;
} shift_args;

#define AT(member) offsetof(shift_args, member)

static const opt options[] = {
    {.name = "texts",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(texts),
     .without = "each model answers neutral questions",
     .help = "Both models read these texts (JSON lines) instead"},
    {.name = NULL},
};
static const opt_group shift_options = {NULL, false, options};

enum { TEXTS_LEAST = 3 }; /* answers that are worth comparing when there are no more */

/* Of one model: (n, n_probes). */
typedef struct side {
    double *mean, *forecast;
    size_t *line; /* (n) of the texts; NULL: every row is a prompt of its own */
    size_t n, cap;
} side;

typedef struct shift_work {
    shift_args *a;
    rig x[2];
    neutral_questions questions;
    persona_probes *probes;
    side sides[2];
    double seconds;
    persona_code ended; /* CANCELED: while the second model read texts, and some are compared */
} shift_work;

/* ---- the work -------------------------------------------------------------------------------- */

typedef struct gathering {
    side *s;
    size_t n_probes;
} gathering;

static persona_code gather(void *ud, const persona_projection *x, persona_err *e)
{
    gathering *g = ud;
    side *s = g->s;
    (void)e;
    if (s->n == s->cap) {
        s->cap = s->cap > 0 ? 2 * s->cap : 64;
        s->mean = cli_resize(s->mean, s->cap * g->n_probes, sizeof *s->mean);
        s->forecast = cli_resize(s->forecast, s->cap * g->n_probes, sizeof *s->forecast);
        s->line = cli_resize(s->line, s->cap, sizeof *s->line);
    }
    memcpy(s->mean + s->n * g->n_probes, x->mean, g->n_probes * sizeof *s->mean);
    memcpy(s->forecast + s->n * g->n_probes, x->forecast, g->n_probes * sizeof *s->mean);
    s->line[s->n++] = x->line;
    return PERSONA_OK;
}

static persona_code measure(shift_work *w, int i, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const shift_args *a = w->a;
    side *s = &w->sides[i];
    const size_t k = w->probes->n;
    w->x[i].whole_texts = a->texts != NULL;
    TRY(rig_open_session(&a->c->rig, &w->x[i], a->texts ? 4 : 16,
                         a->texts ? 4096 : 384 + a->c->neutral_tokens, e));
    if (a->texts) {
        gathering g = {s, k};
        const persona_project_sink sink = {&g, gather};
        rc = persona_project(w->x[i].session, a->texts, w->probes, &sink, &a->c->hooks, e);
        if (rc == PERSONA_E_CANCELED && i == 1 && s->n >= TEXTS_LEAST) {
            w->ended =
                persona_err_set(e, rc, "interrupted after %zu of %zu answers", s->n, w->sides[0].n);
            rc = PERSONA_OK;
        }
        goto out;
    }
    s->n = w->questions.n;
    s->mean = cli_alloc(s->n * k, sizeof *s->mean);
    s->forecast = cli_alloc(s->n * k, sizeof *s->forecast);
    const persona_leaning_asks asks = {w->questions.list, s->n, NULL, a->c->neutral_tokens};
    TRY(persona_leanings(w->x[i].session, &asks, w->probes, &a->c->hooks, s->mean, s->forecast, e));
out:
    return rc;
}

static persona_code check_shape(const shift_work *w, persona_err *e)
{
    const persona_model_info *x = w->x[0].info, *y = w->x[1].info;
    if (x->n_embd == y->n_embd && x->n_layer == y->n_layer) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_SHAPE,
                           "%s (%d blocks, %d wide) and %s (%d, %d) are not one model before and "
                           "after training",
                           x->path, x->n_layer, x->n_embd, y->path, y->n_layer, y->n_embd);
}

static persona_code measure_both(shift_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    shift_args *a = w->a;
    TRY(rig_open_model(&a->c->rig, a->c->words[0], true, &w->x[0], e));
    TRY(probe_add_all(w->x[0].model, &a->c->along, a->c->along_block, &w->probes, e));
    TRY(rig_open_model(&a->c->rig, a->c->words[1], true, &w->x[1], e));
    TRY(check_shape(w, e));
    TRY(a->texts ? PERSONA_OK : neutral_open(a->c, &w->x[0], &w->questions, e));
    TRY(measure(w, 0, e));
    TRY(measure(w, 1, e));
out:
    return rc;
}

/* Answers of both. */
static size_t n_compared(const shift_work *w)
{
    return w->sides[0].n < w->sides[1].n ? w->sides[0].n : w->sides[1].n;
}

/* One vector's result: differences prompt by prompt. */
typedef struct moved {
    persona_interval before, after, shift, forecast;
} moved;

static persona_code compare(const shift_work *w, size_t k, moved *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const side *a = &w->sides[0], *b = &w->sides[1];
    const size_t n = n_compared(w), cols = w->probes->n;
    const uint32_t seed = w->a->c->seed;
    double *d = cli_alloc(2 * n, sizeof *d);
    for (size_t i = 0; i < n; i++) {
        d[i] = b->mean[i * cols + k] - a->mean[i * cols + k];
        d[n + i] = b->forecast[i * cols + k] - a->forecast[i * cols + k];
    }
    TRY(neutral_mean(a->mean, a->line, n, cols, k, seed, &out->before, e));
    TRY(neutral_mean(b->mean, b->line, n, cols, k, seed, &out->after, e));
    TRY(neutral_mean(d, a->line, n, 1, 0, seed, &out->shift, e));
    TRY(neutral_mean(d + n, a->line, n, 1, 0, seed, &out->forecast, e));
out:
    mem_free(d);
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code print_json(shift_work *w, const moved *m, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "shift");
    jo_string(o, "from", w->x[0].info->path);
    jo_string(o, "to", w->x[1].info->path);
    jo_string(o, "texts", w->a->texts);
    jo_int(o, "n", (long long)n_compared(w));
    jo_array(o, "vectors");
    for (size_t k = 0; k < w->probes->n; k++) {
        const persona_probe *p = &w->probes->list[k];
        jo_object(o, NULL);
        jo_string(o, "vector", p->name);
        jo_int(o, "block", p->block);
        interval_json(o, "before", &m[k].before);
        interval_json(o, "after", &m[k].after);
        interval_json(o, "shift", &m[k].shift);
        jo_number(o, "z", probe_z(m[k].shift.value, 0, p->sd));
        interval_json(o, "forecast_shift", &m[k].forecast);
        jo_end(o);
    }
    jo_end(o);
    jo_int(o, "seed", (long long)w->a->c->seed);
    jo_number(o, "seconds", w->seconds);
    if (w->ended != PERSONA_OK) {
        cli_json_error(o, w->ended, e->msg);
    }
    return cli_json_end(w->a->c, &j, e);
}

static void interval_cell(table *t, const persona_interval *x)
{
    table_cell(t, "%s [%s, %s]", cli_number(x->value, 2), cli_number(x->low, 2),
               cli_number(x->high, 2));
}

static void print_text(const shift_work *w, const moved *m)
{
    static const table_column columns[] = {{"vector", TABLE_LEFT},
                                           {"block", TABLE_RIGHT},
                                           {"before", TABLE_RIGHT},
                                           {"after", TABLE_RIGHT},
                                           {"shift", TABLE_LEFT},
                                           {"z", TABLE_RIGHT},
                                           {"at the last prompt token", TABLE_LEFT}};
    table t;
    table_init(&t, columns, 7);
    for (size_t k = 0; k < w->probes->n; k++) {
        const persona_probe *p = &w->probes->list[k];
        table_cell(&t, "%s", p->name);
        table_cell(&t, "%d", p->block);
        table_cell(&t, "%s", cli_number(m[k].before.value, 2));
        table_cell(&t, "%s", cli_number(m[k].after.value, 2));
        interval_cell(&t, &m[k].shift);
        table_cell(&t, "%s", cli_number(probe_z(m[k].shift.value, 0, p->sd), 2));
        interval_cell(&t, &m[k].forecast);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static persona_code run(shift_work *w, moved **m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_state *c = w->a->c;
    const double start = clock_now();
    TRY(measure_both(w, e));
    *m = cli_alloc(w->probes->n, sizeof **m);
    for (size_t k = 0; k < w->probes->n; k++) {
        TRY(compare(w, k, &(*m)[k], e));
    }
    w->seconds = clock_now() - start;
    tty_progress_clear(&c->progress);
    if (c->json) {
        TRY(print_json(w, *m, e));
    } else {
        print_text(w, *m);
        cli_say(c, "%zu %s", n_compared(w),
                w->a->texts ? "answers that both have read" : "questions that each has answered");
    }
    rc = w->ended;
out:
    return rc;
}

static persona_code run_shift(void *p, persona_err *e)
{
    shift_work w = {.a = p};
    moved *m = NULL;
    const persona_code rc = run(&w, &m, e);
    mem_free(m);
    for (int i = 0; i < 2; i++) {
        mem_free(w.sides[i].mean);
        mem_free(w.sides[i].forecast);
        mem_free(w.sides[i].line);
    }
    neutral_close(&w.questions);
    persona_probes_free(w.probes);
    rig_close(&w.x[1]);
    rig_close(&w.x[0]);
    return rc;
}

const cli_command command_shift = {
    .name = "shift",
    .summary = "Measure how far a model has moved from another along vectors",
    .usage = "BEFORE.gguf AFTER.gguf --vector NAME",
    .about = "Compares a model before and after training along vectors of the first: the mean "
             "difference of the projection over the answers that each gives to neutral questions, "
             "or over texts that both read, and at the last prompt token.",
    .wants = "two models, before and after",
    .min = 2,
    .max = 2,
    .groups = {{&shift_options, 0},
               {&opt_group_along, 0},
               {&opt_group_neutral, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(shift_args),
    .run = run_shift,
};
