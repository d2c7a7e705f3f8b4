/* SPDX-License-Identifier: MIT
 *
 * job_screen.c - the job `screen`: which of the answers sent along would move a served model along
 * vectors of its library if it were trained on them, as `persona screen` finds them.
 *
 * The texts come in the request and lie in the server's database with it. While they are read they
 * are also a file, in a folder that only this user can enter and that goes with the job.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_plan.h"
#include "server/jobs/job_side.h"
#include "workbench/probe_spec.h"
#include "workbench/results.h"
#include "workbench/tempdir.h"

enum { ITEMS_MAX = 20000, VECTORS_MAX = 16, MESSAGES_MAX = 64 };
#define TEXTS_MAX ((size_t)64 << 20)

typedef struct screen_args {
    const char *model;
    const json_val *vectors, *items;
    int block, max_tokens, n_samples;
    double temperature, threshold;
    uint32_t seed;
} screen_args;
_Static_assert(sizeof(screen_args) <= JOB_ARGS_MAX, "JOB_ARGS_MAX");

static void init(void *p)
{
    const persona_screen_opts o = persona_screen_defaults();
    *(screen_args *)p = (screen_args){.block = -1,
                                      .max_tokens = o.max_tokens,
                                      .n_samples = o.n_samples,
                                      .temperature = (double)o.temperature,
                                      .threshold = o.threshold};
}

static const char *const ROLES[] = {"system", "developer", "user", "assistant", NULL};
static const field message_fields[] = {
    {.name = "role",
     .type = FIELD_STRING,
     .required = true,
     .of_names = ROLES,
     .at = FIELD_NOWHERE,
     .help = "Who says it"},
    {.name = "content",
     .type = FIELD_STRING,
     .required = true,
     .at = FIELD_NOWHERE,
     .help = "What is said"},
    FIELD_LAST,
};
static const field a_message[] = {
    {.name = "", .type = FIELD_OBJECT, .of = message_fields, .at = FIELD_NOWHERE}};
static const field item_fields[] = {
    {.name = "messages",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = MESSAGES_MAX,
     .of = a_message,
     .at = FIELD_NOWHERE,
     .help = "The prompt"},
    {.name = "response",
     .type = FIELD_STRING,
     .required = true,
     .at = FIELD_NOWHERE,
     .help = "The answer of the data set"},
    FIELD_LAST,
};
static const field an_item[] = {
    {.name = "", .type = FIELD_OBJECT, .of = item_fields, .at = FIELD_NOWHERE}};
static const field a_vector[] = {
    {.name = "", .type = FIELD_STRING, .min = 1, .max = 127, .at = FIELD_NOWHERE}};

#define AT(member) offsetof(screen_args, member)
const field job_screen_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = AT(model),
     .help = "Id of the model that would be trained; without it the server's first"},
    {.name = "vectors",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = VECTORS_MAX,
     .of = a_vector,
     .at = AT(vectors),
     .help = "Vectors of the library to screen along: NAME or NAME@A-B"},
    {.name = "items",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = ITEMS_MAX,
     .of = an_item,
     .at = AT(items),
     .help = "Prompts with the answers of the data set"},
    {.name = "block",
     .type = FIELD_INT,
     .max = 4095,
     .at = AT(block),
     .help = "Of vectors that name none. Default: each vector's best"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = AT(max_tokens),
     .help = "Length of the model's own answers at most. Default 128"},
    {.name = "samples",
     .type = FIELD_INT,
     .min = 1,
     .max = 1000,
     .at = AT(n_samples),
     .help = "Own answers to each prompt; more than one want a temperature. Default 1"},
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 10,
     .at = AT(temperature),
     .help = "Of them. Default 0"},
    {.name = "threshold",
     .type = FIELD_NUMBER,
     .min = 0.01,
     .max = 1000,
     .at = AT(threshold),
     .help = "So many standard deviations above neutral answers, or the median, are flagged. "
             "Default 3"},
    {.name = "seed", .type = FIELD_SEED, .at = AT(seed), .help = "Default 0"},
    FIELD_LAST,
};

static persona_code check(const void *p, const job_context *c, persona_err *e)
{
    const screen_args *a = p;
    persona_code rc = PERSONA_OK;
    served_status m;
    if (a->model != NULL) {
        TRY(registry_status(c->models, a->model, &m, e));
    }
    if (a->n_samples > 1 && !(a->temperature > 0)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "samples: more than one want a temperature above 0: the likeliest "
                             "answer is always the same");
    }
out:
    return rc;
}

/* The items as a file of texts (FORMATS.md). */
static persona_code write_items(const json_val *items, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, TEXTS_MAX);
    for (size_t i = 0; i < json_len(items); i++) {
        json_out o;
        jo_init(&o, &b, false);
        jo_value(&o, NULL, json_at(items, i));
        buf_putc(&b, '\n');
    }
    TRY(buf_ok(&b, "items", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}

typedef struct screen_work {
    job_side s;
    tempdir dir;
    char *texts;
    persona_probes *probes;
    persona_screening *r;
} screen_work;

static persona_code screen(const screen_args *a, const job_context *c, screen_work *w,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const job_side_opts side = {a->model, "none", 0};
    persona_screen_opts o = persona_screen_defaults();
    char *place = NULL;
    o.max_tokens = a->max_tokens;
    o.n_samples = a->n_samples;
    o.temperature = (float)a->temperature;
    o.threshold = a->threshold;
    o.seed = a->seed;
    TRY(job_side_open(c, &side, NULL, NULL, &w->s, e));
    TRY(persona_probes_new(w->s.x.model, &w->probes, e));
    for (size_t i = 0; i < json_len(a->vectors); i++) {
        TRY(probe_spec_add(w->probes, w->s.x.model, c->library, json_string(json_at(a->vectors, i)),
                           a->block, e));
    }
    TRY(tempdir_open(&w->dir, e));
    TRY(tempdir_path(&w->dir, "items.jsonl", &w->texts, e));
    TRY(write_items(a->items, w->texts, e));
    TRY(persona_screen_place(w->s.x.session, w->texts, w->probes, &o, &place, e));
    o.job = place;
    TRY(persona_screen(w->s.x.session, w->texts, w->probes, &o, &c->hooks, &w->r, e));
out:
    free(place);
    return rc;
}

static persona_code run(const void *p, const job_context *c, json_out *result, persona_err *e)
{
    const screen_args *a = p;
    const double start = clock_now();
    persona_code rc = PERSONA_OK;
    screen_work w = {.texts = NULL};
    TRY(screen(a, c, &w, e));
    model_json(result, "model", w.s.x.info);
    jo_number(result, "threshold", a->threshold);
    jo_int(result, "samples", a->n_samples);
    screen_vectors_json(result, w.probes, w.r);
    jo_array(result, "items");
    for (size_t i = 0; i < w.r->n; i++) {
        screen_item_json(result, w.probes, w.r, i);
    }
    jo_end(result);
    jo_int(result, "unread", (long long)w.r->n_unread);
    jo_int(result, "resumed", (long long)w.r->n_resumed);
    jo_int(result, "seed", (long long)a->seed);
    jo_number(result, "seconds", clock_now() - start);
out:
    persona_screening_free(w.r);
    persona_probes_free(w.probes);
    mem_free(w.texts);
    tempdir_close(&w.dir);
    job_side_close(&w.s);
    return rc;
}

static persona_code plan(const void *p, const job_context *c, job_plan *out, persona_err *e)
{
    const screen_args *a = p;
    (void)c;
    (void)e;
    job_plan_add(out, "own answers", a->model, json_len(a->items) * (size_t)a->n_samples,
                 a->max_tokens);
    return PERSONA_OK;
}

const job_kind job_kind_screen = {
    .name = "screen",
    .fields = job_screen_fields,
    .args_size = sizeof(screen_args),
    .init = init,
    .check = check,
    .run = run,
    .plan = plan,
    .summary = "Finds the answers of a data set that would move a model along vectors",
};
