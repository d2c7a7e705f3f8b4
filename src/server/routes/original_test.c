/* SPDX-License-Identifier: MIT
 *
 * original_test.c - the original project's POST /api/steering/test: an answer that is steered
 * beside one that is not, from the same seed.
 *
 * Parameters and reply have its names. What is applied is told as it is: a vector is edited in at
 * the blocks that are named, and the sampling method is called that.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/trait_sampling.h"
#include "server/jobs/job_side.h"
#include "server/routes/call_parts.h"
#include "server/text/messages.h"
#include "server/text/text_stream.h"

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

typedef struct test_args {
    const char *model_id, *trait_id, *user_prompt, *method;
    double coefficient, temperature;
    int max_tokens;
    uint32_t seed;
} test_args;

static void test_init(void *p)
{
    *(test_args *)p = (test_args){.coefficient = 1, .temperature = 0.7, .max_tokens = 200};
}

static const char *const METHODS[] = {"vector_injection", "sampling", NULL};
static const field test_fields[] = {
    MODEL_FIELD(test_args),
    TRAIT_FIELD(test_args, "Name of a vector in the model's library"),
    {.name = "user_prompt",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 65536,
     .at = offsetof(test_args, user_prompt),
     .help = "What is said to the model"},
    {.name = "coefficient",
     .type = FIELD_NUMBER,
     .min = -100,
     .max = 100,
     .at = offsetof(test_args, coefficient),
     .help = "In doses. Default 1"},
    {.name = "steering_method",
     .type = FIELD_STRING,
     .of_names = METHODS,
     .at = offsetof(test_args, method),
     .help = "sampling: only the sampler is moved, as the trait's pack says; the model is not "
             "touched. Default vector_injection"},
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 100,
     .at = offsetof(test_args, temperature),
     .help = "Default 0.7"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = offsetof(test_args, max_tokens),
     .help = "Default 200"},
    {.name = "seed",
     .type = FIELD_SEED,
     .at = offsetof(test_args, seed),
     .help = "Of both answers. Default 0"},
    FIELD_LAST,
};

/* The two answers: [0] without, [1] with. */
typedef struct testing {
    const test_args *a;
    bool by_sampling, applied;
    json_doc *doc; /* {"messages", "plain", "steered"} */
    int n_vector;  /* blocks that the vector has a direction for */
    ask ask[2];
    collected got[2];
    double seconds; /* of the steered one */
    int *layers;    /* (n_layers) that are edited */
    size_t n_layers;
} testing;

/* What the shared code of text routes takes is JSON. */
static persona_code make_doc(testing *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    buf b;
    buf_init(&b, 1 << 20);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_array(&o, "messages");
    jo_object(&o, NULL);
    jo_string(&o, "role", "user");
    jo_string(&o, "content", t->a->user_prompt);
    jo_end(&o);
    jo_end(&o);
    jo_null(&o, "plain");
    jo_object(&o, "steered");
    jo_array(&o, "terms");
    jo_object(&o, NULL);
    jo_string(&o, "vector", t->a->trait_id);
    jo_number(&o, "coefficient", t->a->coefficient);
    jo_end(&o);
    jo_end(&o);
    jo_end(&o);
    jo_end(&o);
    TRY(buf_ok(&b, "a prompt", e));
    TRY(json_parse(b.p, b.len, "request", &t->doc, e));
out:
    buf_free(&b);
    return rc;
}

/* Counts the vector's blocks; NOTFOUND where there is no such vector of this model. */
static persona_code look_at_vector(call *c, testing *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    persona_vector *v = NULL;
    TRY(call_model(c, t->a->model_id, &m, e));
    TRY(library_vector_named(c->s->library, m->model, t->a->trait_id, &v, e));
    for (int b = 0; b < v->n_layer; b++) {
        t->n_vector += v->layers[b].present;
    }
    library_release(c->s->library, v);
out:
    if (m != NULL) {
        registry_release(c->s->models, m);
    }
    return rc;
}

static persona_code set_asks(testing *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    const test_args *a = t->a;
    for (int i = 0; i < 2; i++) {
        ask_init(&t->ask[i]);
        t->ask[i].model = a->model_id;
        t->ask[i].temperature = a->temperature;
        t->ask[i].max_tokens = a->max_tokens;
        t->ask[i].seed_said = json_get(json_root(t->doc), "seed");
        t->ask[i].steering = json_get(json_root(t->doc), "plain");
    }
    if (t->by_sampling) {
        TRY(job_trait(a->trait_id, &trait, e));
        const trait_sampling s =
            trait_sampling_at(trait, (float)a->coefficient, (float)a->temperature);
        t->ask[1].temperature = (double)s.temperature;
        t->ask[1].top_p = (double)s.top_p;
        t->ask[1].repeat_penalty = (double)s.repetition_penalty;
    } else if (t->applied) {
        t->ask[1].steering = json_get(json_root(t->doc), "steered");
    }
out:
    persona_trait_free(trait);
    return rc;
}

static persona_code answer_one(call *c, testing *t, int i, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const double start = clock_now();
    asked x;
    answer *running = NULL;
    TRY(ask_open(c, &t->ask[i], "steertest", &x, e));
    x.seed = x.spec.sampling.seed = t->a->seed;
    if (i == 1 && x.spec.steering.steered) {
        const persona_receipt *r = &x.spec.steering.receipt;
        t->layers = mem_calloc(r->n_layers + 1, sizeof *t->layers);
        t->n_layers = t->layers != NULL ? r->n_layers : 0;
        for (size_t k = 0; k < t->n_layers; k++) {
            t->layers[k] = r->layers[k];
        }
    }
    rc = messages_tokens(x.spec.model, json_get(json_root(t->doc), "messages"), &t->ask[i],
                         &x.spec.prompt, e);
    if (rc != PERSONA_OK) {
        asked_clear(&x);
        goto out;
    }
    TRY(ask_start(c, &t->ask[i], &x, 0, &running, e));
    TRY(collect(c, running, t->a->seed, &t->got[i], e));
    t->seconds = clock_now() - start;
out:
    return rc;
}

static void tested_json(call *c, testing *t)
{
    const test_args *a = t->a;
    json_out *o = &c->out;
    jo_object(o, NULL);
    jo_bool(o, "success", true);
    jo_bool(o, "steering_applied", t->applied);
    jo_string(o, "steering_method", t->by_sampling ? METHODS[1] : METHODS[0]);
    jo_string(o, "model_id", a->model_id);
    jo_string(o, "trait_id", a->trait_id);
    jo_number(o, "steering_coefficient", a->coefficient);
    jo_string(o, "direction",
              a->coefficient > 0   ? "positive"
              : a->coefficient < 0 ? "negative"
                                   : "neutral");
    jo_int(o, "num_layers_available", t->n_vector);
    jo_string(o, "response", buf_str(&t->got[1].choices[0].text));
    jo_string(o, "baseline_response", buf_str(&t->got[0].choices[0].text));
    jo_number(o, "elapsed_time", t->seconds);
    jo_object(o, "vector_stats");
    jo_int(o, "num_vectors_applied", (long long)t->n_layers);
    jo_array(o, "vector_layers");
    for (size_t i = 0; i < t->n_layers; i++) {
        jo_int(o, NULL, t->layers[i]);
    }
    jo_end(o);
    jo_end(o);
    jo_object(o, "sampling");
    jo_number(o, "temperature", t->ask[1].temperature);
    jo_number(o, "top_p", t->ask[1].top_p);
    jo_number(o, "repetition_penalty", t->ask[1].repeat_penalty);
    jo_int(o, "seed", (long long)a->seed);
    jo_end(o);
    answer_steering_json(t->got[1].a, o, 0);
    jo_end(o);
}

/* The original's shape of a failure, with a status that says so, too. */
static persona_code no_vector(call *c, const char *why)
{
    char message[512];
    snprintf(message, sizeof message, "%s", why);
    error_redact(message);
    c->reply->status = 404;
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", false);
    jo_string(&c->out, "error", message);
    jo_end(&c->out);
    return PERSONA_OK;
}

static persona_code test(call *c, persona_err *e)
{
    const test_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_err why = {.code = PERSONA_OK};
    testing t = {.a = a};
    t.by_sampling = a->method != NULL && strcmp(a->method, METHODS[1]) == 0;
    t.applied = a->coefficient != 0;
    if (!t.by_sampling) {
        rc = look_at_vector(c, &t, &why);
        if (rc == PERSONA_E_NOTFOUND) {
            return no_vector(c, why.msg);
        }
        TRY(rc == PERSONA_OK ? rc : persona_err_set(e, rc, "%s", why.msg));
    }
    TRY(make_doc(&t, e));
    TRY(set_asks(&t, e));
    for (int i = 0; i < 2; i++) {
        TRY(answer_one(c, &t, i, e));
    }
    tested_json(c, &t);
out:
    for (int i = 0; i < 2; i++) {
        if (t.got[i].a != NULL) {
            collected_free(&t.got[i]);
        }
    }
    mem_free(t.layers);
    json_free(t.doc);
    return rc;
}

static const field tested_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "error",
     .type = FIELD_STRING,
     .help = "Where success is false (404), and nothing else"},
    {.name = "steering_applied", .type = FIELD_BOOL, .help = "False: the coefficient is 0"},
    {.name = "steering_method", .type = FIELD_STRING},
    {.name = "model_id", .type = FIELD_STRING},
    {.name = "trait_id", .type = FIELD_STRING},
    {.name = "steering_coefficient", .type = FIELD_NUMBER},
    {.name = "direction", .type = FIELD_STRING, .help = "positive, negative or neutral"},
    {.name = "num_layers_available", .type = FIELD_INT, .help = "Blocks that the vector has"},
    {.name = "response", .type = FIELD_STRING},
    {.name = "baseline_response", .type = FIELD_STRING, .help = "Unsteered, with the same seed"},
    {.name = "elapsed_time", .type = FIELD_NUMBER, .help = "Seconds of the steered answer"},
    {.name = "vector_stats",
     .type = FIELD_ANY,
     .schema = "object",
     .help = "The blocks that were edited: num_vectors_applied, vector_layers"},
    {.name = "sampling", .type = FIELD_ANY, .schema = "object", .help = "Of the steered answer"},
    {.name = "steering",
     .type = FIELD_ANY,
     .schema = "object | null",
     .help = "The receipt, as in chat completions"},
    FIELD_LAST,
};

const route routes_original_test[] = {
    {.method = "POST",
     .path = "/api/steering/test",
     .errors = ERRORS_ORIGINAL,
     .body = test_fields,
     .args_size = sizeof(test_args),
     .init = test_init,
     .run = test,
     .tag = "cross-model-persona-steering",
     .summary = "One answer steered, one not, from the same seed",
     .answer = tested_fields},
    {.method = NULL},
};
