/* SPDX-License-Identifier: MIT
 *
 * original_generate.c - the original project's POST /api/vectors/generate: a vector, waited for.
 *
 * Parameters and reply have its names; the work is a job, which goes on where the client does not
 * wait for it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_side.h"
#include "server/routes/call_parts.h"

#define WAIT_S 0.5 /* between looks at the client's socket */

#define MODEL_FIELD(type_of)                                                                       \
    {                                                                                              \
        .name = "model_id", .type = FIELD_STRING, .required = true, .min = 1,                      \
        .max = SERVED_ID_MAX - 1, .at = offsetof(type_of, model_id), .help = "Id of a model"       \
    }
#define TRAIT_FIELD(type_of, text)                                                                 \
    {                                                                                              \
        .name = "trait_id", .type = FIELD_STRING, .required = true, .min = 1, .max = 64,           \
        .at = offsetof(type_of, trait_id), .help = text                                            \
    }

typedef struct generate_args {
    const char *model_id, *trait_id;
    int questions, max_tokens;
} generate_args;

static const field generate_fields[] = {
    MODEL_FIELD(generate_args),
    TRAIT_FIELD(generate_args, "Name of a trait pack"),
    {.name = "questions",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = offsetof(generate_args, questions),
     .help = "At most so many. Default: all"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = offsetof(generate_args, max_tokens),
     .help = "Length of an answer at most. Default 128"},
    FIELD_LAST,
};

static persona_code client_gone(call *c, persona_err *e)
{
    c->status = 499;
    return persona_err_set(e, PERSONA_E_CANCELED, "the client has gone");
}

static persona_code begin_job(call *c, const generate_args *a, char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    buf b;
    buf_init(&b, 4096);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_string(&o, "model", a->model_id);
    jo_string(&o, "trait", a->trait_id);
    if (a->questions > 0) {
        jo_int(&o, "questions", a->questions);
    }
    if (a->max_tokens > 0) {
        jo_int(&o, "max_tokens", a->max_tokens);
    }
    jo_end(&o);
    TRY(buf_ok(&b, "a job", e));
    TRY(jobs_add(c->s->jobs, job_kind_named("extract"), buf_str(&b), id, e));
out:
    buf_free(&b);
    return rc;
}

/* The job goes on where the client does not wait for it. */
static persona_code wait_for(call *c, const char *id, job_status *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *x = (job_status){.version = 0};
    do {
        TRY(jobs_wait(c->s->jobs, id, x->version, WAIT_S, x, e));
        if (x->state < JOB_DONE && http_gone(c->request)) {
            rc = client_gone(c, e);
            goto out;
        }
    } while (x->state < JOB_DONE);
    if (x->state != JOB_DONE) {
        c->status = x->state == JOB_CANCELED ? 409 : 500;
        rc = persona_err_set(e, PERSONA_E_INTERNAL, "%s: %.400s", id,
                             x->error[0] != '\0' ? x->error : "the job was canceled");
    }
out:
    return rc;
}

static void scores_json(json_out *o, const json_val *layers)
{
    char key[24];
    jo_object(o, "effectiveness_scores");
    for (size_t i = 0; i < json_len(layers); i++) {
        const json_val *l = json_at(layers, i);
        snprintf(key, sizeof key, "layer_%d", (int)json_number(json_get(l, "layer"), 0));
        jo_number(o, key, json_number(json_get(l, "auroc"), (double)NAN));
    }
    jo_end(o);
}

static persona_code generated_json(call *c, const generate_args *a, const job_status *x,
                                   persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *asked_for = NULL, *result = NULL;
    json_doc *doc = NULL;
    persona_trait *trait = NULL;
    json_out *o = &c->out;
    TRY(job_trait(a->trait_id, &trait, e));
    TRY(jobs_texts(c->s->jobs, x->id, &asked_for, &result, e));
    TRY(json_parse(result, strlen(result), "result", &doc, e));
    const json_val *r = json_root(doc), *layers = json_get(r, "layers");
    jo_object(o, NULL);
    jo_bool(o, "success", true);
    jo_string(o, "job_id", x->id);
    jo_string(o, "model_id", a->model_id);
    jo_string(o, "trait_id", a->trait_id);
    jo_number(o, "generation_time", json_number(json_get(r, "seconds"), x->seconds));
    jo_int(o, "num_layers", (long long)json_len(layers));
    scores_json(o, layers);
    jo_object(o, "metadata");
    jo_int(o, "num_prompt_pairs", (long long)trait->n_pairs);
    jo_value(o, "generated", json_get(r, "generated"));
    jo_value(o, "kept", json_get(r, "kept"));
    jo_int(o, "num_layers_processed", (long long)json_len(layers));
    jo_value(o, "best_layer", json_get(r, "best_layer"));
    jo_string(o, "effectiveness",
              "auroc: how well a block's direction tells positive answers "
              "from negative ones; 0.5: not at all");
    jo_end(o);
    jo_end(o);
out:
    json_free(doc);
    mem_free(asked_for);
    mem_free(result);
    persona_trait_free(trait);
    return rc;
}

static persona_code generate(call *c, persona_err *e)
{
    const generate_args *a = c->args;
    persona_code rc = PERSONA_OK;
    char id[JOB_ID_MAX];
    job_status x;
    persona_trait *trait = NULL;
    rc = job_trait(a->trait_id, &trait, e);
    persona_trait_free(trait);
    if (rc == PERSONA_E_NOTFOUND) {
        c->status = 400; /* as the original has it */
    }
    TRY(rc);
    TRY(begin_job(c, a, id, e));
    TRY(wait_for(c, id, &x, e));
    TRY(generated_json(c, a, &x, e));
out:
    return rc;
}

static const field generated_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "job_id",
     .type = FIELD_STRING,
     .required = true,
     .help = "The job that did it, which goes on if the client does not wait"},
    {.name = "model_id", .type = FIELD_STRING, .required = true},
    {.name = "trait_id", .type = FIELD_STRING, .required = true},
    {.name = "generation_time", .type = FIELD_NUMBER, .required = true},
    {.name = "num_layers", .type = FIELD_INT, .required = true},
    {.name = "effectiveness_scores",
     .type = FIELD_ANY,
     .required = true,
     .schema = "object",
     .help = "By layer_i: the area under the ROC curve of the block's direction"},
    {.name = "metadata", .type = FIELD_ANY, .required = true, .schema = "object"},
    FIELD_LAST,
};

const route routes_original_generate[] = {
    {.method = "POST",
     .path = "/api/vectors/generate",
     .errors = ERRORS_ORIGINAL,
     .body = generate_fields,
     .args_size = sizeof(generate_args),
     .run = generate,
     .tag = "cross-model-persona-steering",
     .summary = "Extracts a vector and waits for it; the job goes on without the client",
     .answer = generated_fields},
    {.method = NULL},
};
