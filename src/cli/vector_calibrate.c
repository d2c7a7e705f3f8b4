/* SPDX-License-Identifier: MIT
 *
 * vector_calibrate.c - `persona vector calibrate V --model M`: dose, safe range and neutral
 * statistics of a vector of any origin, on this model.
 *
 * The result goes into the user's library for the model, under the name of the vector, where
 * steering finds it; with -o into a file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/vector_cmd.h"

enum { SLOTS = 16, CONTEXT = 768 };
static const char fallback[] = "silly"; /* a pack whose questions are as neutral as any */

typedef struct calibrating {
    const vector_args *a;
    vector_input *in;
    rig *x;
    char *name, *place;
    persona_trait *trait; /* NULL: there is no pack of that name */
    persona_questions *own;
    persona_calibrated done;
} calibrating;

/* The vector's trait, else what its file is called. */
static persona_code name_vector(calibrating *w, persona_err *e)
{
    const persona_vector *v = w->in->v;
    const char *base = path_base(w->in->name), *dot = strrchr(base, '.');
    const size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    persona_code rc = PERSONA_OK;
    w->name = *v->from.trait ? mem_strdup(v->from.trait) : mem_strndup(base, n);
    TRY(w->name ? PERSONA_OK : mem_err(e, "a name"));
    TRY(persona_vector_label(&w->in->v->from.trait, w->name, e));
    if (w->a->output) {
        w->place = mem_strdup(w->a->output);
        TRY(w->place ? PERSONA_OK : mem_err(e, "a path"));
        TRY(output_writable(w->a->output, e));
    } else {
        TRY(persona_vector_place(w->x->model, w->name, &w->place, e));
    }
out:
    return rc;
}

/* Questions: those of the option or of the model, else of the trait's pack, else of any. */
static persona_code find_questions(calibrating *w, const persona_questions **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *any = NULL;
    if (persona_trait_find(w->name, &w->trait, NULL) != PERSONA_OK) {
        w->trait = NULL;
    }
    *out = w->x->questions;
    if (!*out && w->trait && w->trait->n_questions > 0) {
        TRY(persona_questions_of(w->trait, &w->own, e));
        *out = w->own;
    } else if (!*out) {
        TRY(persona_trait_find(fallback, &any, e));
        TRY(persona_questions_of(any, &w->own, e));
        *out = w->own;
    }
out:
    persona_trait_free(any);
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code report_json(const calibrating *w, persona_err *e)
{
    const persona_provenance *f = &w->in->v->from;
    const persona_vector_layer *l = &w->in->v->layers[w->done.block];
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    jo_string(o, "vector", w->in->name);
    jo_string(o, "trait", w->name);
    jo_string(o, "model", w->x->info->path);
    jo_string(o, "output", w->place);
    jo_int(o, "layer", w->done.block);
    jo_bool(o, "layer_chosen", w->done.block_chosen);
    jo_number(o, "dose", (double)f->dose);
    jo_number(o, "dose_kl", (double)f->dose_kl);
    jo_number(o, "ratio", (double)f->dose * (double)l->norm / (double)l->h_median);
    jo_number(o, "safe_low", (double)f->safe_low);
    jo_number(o, "safe_high", (double)f->safe_high);
    jo_string(o, "safe_by", w->done.safe_by);
    jo_number(o, "token_mean", (double)l->token_mean);
    jo_number(o, "token_sd", (double)l->token_sd);
    jo_array(o, "quantiles");
    for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
        jo_number(o, NULL, (double)l->quantiles[i]);
    }
    jo_end(o);
    dose_curve_json(o, &w->done.curve);
    jo_string(o, "note", w->done.note);
    return cli_json_end(w->a->c, &j, e);
}

static persona_code report_text(const calibrating *w, persona_err *e)
{
    const persona_provenance *f = &w->in->v->from;
    const persona_vector_layer *l = &w->in->v->layers[w->done.block];
    if (w->done.block_chosen) {
        cli_say(w->a->c,
                "note: the vector names no best block; %d is chosen by depth alone (--block)",
                w->done.block);
    }
    if (*w->done.note) {
        cli_say(w->a->c, "note: %s", w->done.note);
    }
    printf("%s at block %d of %s\n", w->name, w->done.block, w->x->info->name);
    if (isfinite(f->dose)) {
        printf("  one dose    %s x the vector, ||edit||/||h|| %s, %s nats\n",
               cli_number((double)f->dose, 3),
               cli_number((double)f->dose * (double)l->norm / (double)l->h_median, 2),
               cli_number((double)f->dose_kl, 2));
        printf("  safe range  %s to %s, by %s\n", cli_number((double)f->safe_low, 3),
               cli_number((double)f->safe_high, 3), w->done.safe_by);
    }
    printf("  neutral     mean %s, sd %s, median %s, 5 %% to 95 %%: %s to %s\n",
           cli_number((double)l->token_mean, 2), cli_number((double)l->token_sd, 2),
           cli_number((double)l->quantiles[4], 2), cli_number((double)l->quantiles[1], 2),
           cli_number((double)l->quantiles[7], 2));
    printf("  in          %s\n", w->place);
    return cli_flush(e);
}

persona_code vector_calibrate(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    calibrating w = {.a = a, .in = in, .x = a->engine};
    const persona_questions *questions = NULL;
    (void)n; /* one */
    TRY(name_vector(&w, e));
    TRY(rig_open_judge(&a->c->rig, w.x, e));
    TRY(find_questions(&w, &questions, e));
    TRY(rig_open_session(&a->c->rig, w.x, SLOTS, CONTEXT, e));
    const persona_subject who = {
        .session = w.x->session, .trait = w.trait, .questions = questions, .judge = w.x->judge};
    TRY(persona_calibrate_vector(&who, in->v, a->block, a->c->seed, &a->c->hooks, &w.done, e));
    tty_progress_clear(&a->c->progress);
    TRY(persona_vector_write(in->v, w.place, e));
    TRY(a->c->json ? report_json(&w, e) : report_text(&w, e));
out:
    persona_trait_free(w.trait);
    persona_questions_free(w.own);
    mem_free(w.name);
    free(w.place);
    return rc;
}
