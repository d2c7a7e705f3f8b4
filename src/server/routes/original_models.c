/* SPDX-License-Identifier: MIT
 *
 * original_models.c - /api/health and /api/models as cross-model-persona-steering has them.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "server/text/messages.h"
#include "server/text/text_stream.h"

static persona_code health(call *c, persona_err *e)
{
    (void)e;
    jo_object(&c->out, NULL);
    jo_string(&c->out, "status", "healthy");
    jo_string(&c->out, "service", "gpt-oss-persona-vector-system");
    jo_string(&c->out, "version", "1.0.0");
    jo_end(&c->out);
    return PERSONA_OK;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    TRY(registry_list(c->s->models, &all, &n, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "models");
    for (size_t i = 0; i < n; i++) {
        jo_object(&c->out, NULL);
        jo_string(&c->out, "id", all[i].id);
        jo_string(&c->out, "name", all[i].id);
        jo_string(&c->out, "type", "gguf");
        jo_end(&c->out);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(all);
    return rc;
}

static persona_code info(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status x;
    model_peek head;
    char text[512];
    TRY(registry_status(c->s->models, c->parts[0], &x, e));
    TRY(registry_peek(c->s->models, c->parts[0], &head, e));
    snprintf(text, sizeof text, "%s (%s, %u blocks of width %u)",
             head.name[0] != '\0' ? head.name : x.id, head.arch, (unsigned)head.n_layer,
             (unsigned)head.n_embd);
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", x.id);
    jo_string(&c->out, "description", text);
    jo_string(&c->out, "model_type", "gguf");
    jo_string(&c->out, "quantization", head.quant);
    jo_int(&c->out, "max_length", x.loaded ? x.facts.n_ctx : (long long)head.n_ctx_train);
    jo_bool(&c->out, "loaded", x.loaded);
    if (x.loaded) {
        jo_double(&c->out, "memory_usage", (double)x.size_bytes);
        const persona_model_opts *o = &c->s->opts.models.model;
        jo_string(&c->out, "device", o->n_gpu_layers != 0 || o->rpc != NULL ? "gpu" : "cpu");
    }
    jo_end(&c->out);
out:
    return rc;
}

static persona_code unload(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool was = false;
    char text[200];
    rc = registry_unload(c->s->models, c->parts[0], &was, e);
    c->status = rc == PERSONA_E_UNAVAILABLE ? 409 : c->status;
    TRY(rc);
    snprintf(text, sizeof text, was ? "Model %s unloaded" : "Model not loaded", c->parts[0]);
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", was);
    jo_string(&c->out, "message", text);
    jo_end(&c->out);
out:
    return rc;
}

/* ---- a model by itself ----------------------------------------------------------------------- */

typedef struct test_args {
    ask ask;
    const char *system;
    const json_val *prompt;
} test_args;

/* Unsteered, as it is there; its sampling. */
static void test_init(void *args)
{
    test_args *a = args;
    ask_init(&a->ask);
    a->ask.temperature = 0.7;
    a->ask.top_p = 0.9;
    a->system = "You are a helpful assistant.";
}

static persona_code test_prompt(const test_args *a, asked *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *d = NULL;
    static const char hello[] = "\"Hello, how are you?\"";
    TRY(json_parse(hello, sizeof hello - 1, "user_prompt", &d, e));
    const json_val *text = json_typeof(a->prompt) == JSON_NULL ? json_root(d) : a->prompt;
    TRY(messages_of_input(x->spec.model, text, a->system, &a->ask, &x->spec.prompt, e));
out:
    json_free(d);
    return rc;
}

static persona_code test(call *c, persona_err *e)
{
    test_args *a = c->args;
    persona_code rc = PERSONA_OK;
    json_doc *none = NULL;
    asked x;
    answer *running = NULL;
    collected got;
    const double begun = clock_now();
    TRY(json_parse("null", 4, "steering", &none, e));
    a->ask.steering = json_root(none);
    TRY(ask_open(c, &a->ask, "test", &x, e));
    rc = test_prompt(a, &x, e);
    if (rc != PERSONA_OK) {
        asked_clear(&x);
        goto out;
    }
    const uint32_t seed = x.seed;
    TRY(ask_start(c, &a->ask, &x, 500, &running, e));
    TRY(collect(c, running, seed, &got, e));
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", true);
    jo_string(&c->out, "model_id", answer_spec_of(got.a)->model->id);
    jo_string(&c->out, "response", buf_str(&got.choices[0].text));
    jo_number(&c->out, "elapsed_time", clock_now() - begun);
    jo_end(&c->out);
    collected_free(&got);
out:
    json_free(none);
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const field test_fields[] = {
    {.name = "model_id",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 127,
     .at = offsetof(ask, model),
     .help = "Id of a model"},
    {.name = "system_prompt",
     .type = FIELD_STRING,
     .at = offsetof(test_args, system),
     .help = "Default: You are a helpful assistant."},
    {.name = "user_prompt",
     .type = FIELD_ANY,
     .at = offsetof(test_args, prompt),
     .schema = "string",
     .help = "Default: Hello, how are you?"},
    FIELD_LAST,
};
static const field health_fields[] = {
    {.name = "status", .type = FIELD_STRING, .required = true},
    {.name = "service", .type = FIELD_STRING, .required = true},
    {.name = "version", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field model_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "type", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field model_element[] = {{.name = "", .type = FIELD_OBJECT, .of = model_fields}};
static const field list_fields[] = {
    {.name = "models", .type = FIELD_ARRAY, .required = true, .of = model_element},
    FIELD_LAST,
};
static const field info_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "description", .type = FIELD_STRING, .required = true},
    {.name = "model_type", .type = FIELD_STRING, .required = true},
    {.name = "quantization", .type = FIELD_STRING},
    {.name = "max_length", .type = FIELD_INT, .required = true, .help = "Tokens"},
    {.name = "loaded", .type = FIELD_BOOL, .required = true},
    {.name = "memory_usage", .type = FIELD_NUMBER, .help = "Bytes of the file, where loaded"},
    {.name = "device", .type = FIELD_STRING, .help = "cpu or gpu, where loaded"},
    FIELD_LAST,
};
static const field done_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "message", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field test_answer[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "model_id", .type = FIELD_STRING, .required = true},
    {.name = "response", .type = FIELD_STRING, .required = true},
    {.name = "elapsed_time", .type = FIELD_NUMBER, .required = true, .help = "Seconds"},
    FIELD_LAST,
};

const route routes_original_models[] = {
    {.method = "GET",
     .path = "/api/health",
     .flags = ROUTE_OPEN,
     .errors = ERRORS_ORIGINAL,
     .run = health,
     .tag = "cross-model-persona-steering",
     .summary = "Whether it is there",
     .answer = health_fields},
    {.method = "GET",
     .path = "/api/models",
     .errors = ERRORS_ORIGINAL,
     .run = list,
     .tag = "cross-model-persona-steering",
     .summary = "The models",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/models/{id}/info",
     .errors = ERRORS_ORIGINAL,
     .run = info,
     .tag = "cross-model-persona-steering",
     .summary = "One model",
     .answer = info_fields},
    {.method = "DELETE",
     .path = "/api/models/{id}/unload",
     .errors = ERRORS_ORIGINAL,
     .run = unload,
     .tag = "cross-model-persona-steering",
     .summary = "Unloads a model; 409 while it is in use",
     .answer = done_fields},
    {.method = "POST",
     .path = "/api/models/test",
     .errors = ERRORS_ORIGINAL,
     .body = test_fields,
     .args_size = sizeof(test_args),
     .init = test_init,
     .run = test,
     .tag = "cross-model-persona-steering",
     .summary = "One unsteered answer of at most 500 tokens",
     .answer = test_answer},
    {.method = NULL},
};
