/* SPDX-License-Identifier: MIT
 *
 * ollama_models.c - Ollama's /api/version, /api/tags, /api/ps and /api/show.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/try.h"
#include "persona/persona.h"
#include "server/routes/ollama_parts.h"

void ollama_model(const char *name, char out[SERVED_ID_MAX])
{
    static const char latest[] = ":latest";
    const size_t n = strlen(name), end = sizeof latest - 1;
    const bool tagged = n > end && strcmp(name + n - end, latest) == 0;
    snprintf(out, SERVED_ID_MAX, "%.*s", (int)(tagged ? n - end : n), name);
}

void ollama_time(int64_t seconds, char out[OLLAMA_TIME])
{
    struct tm t;
    const time_t at = (time_t)seconds;
    gmtime_r(&at, &t);
    (void)strftime(out, OLLAMA_TIME, "%Y-%m-%dT%H:%M:%SZ", &t);
}

static persona_code version(call *c, persona_err *e)
{
    (void)e;
    jo_object(&c->out, NULL);
    jo_string(&c->out, "version", persona_version());
    jo_end(&c->out);
    return PERSONA_OK;
}

static void details(json_out *o, const model_peek *m)
{
    char size[32];
    const double n = (double)m->n_params;
    snprintf(size, sizeof size, n >= 1e9 ? "%.1fB" : "%.2fM", n >= 1e9 ? n / 1e9 : n / 1e6);
    jo_object(o, "details");
    jo_string(o, "parent_model", "");
    jo_string(o, "format", "gguf");
    jo_string(o, "family", m->arch);
    jo_array(o, "families");
    jo_string(o, NULL, m->arch);
    jo_end(o);
    jo_string(o, "parameter_size", size);
    jo_string(o, "quantization_level", m->quant != NULL ? m->quant : "unknown");
    jo_end(o);
}

static persona_code entry(call *c, const served_status *x, bool running, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char name[SERVED_ID_MAX + 8], when[OLLAMA_TIME];
    model_peek head;
    json_out *o = &c->out;
    TRY(registry_peek(c->s->models, x->id, &head, e));
    snprintf(name, sizeof name, "%s:latest", x->id);
    ollama_time(x->created, when);
    jo_object(o, NULL);
    jo_string(o, "name", name);
    jo_string(o, "model", name);
    if (!running) {
        jo_string(o, "modified_at", when);
    }
    jo_double(o, "size", (double)x->size_bytes);
    jo_string(o, "digest", x->hash);
    details(o, &head);
    if (running) {
        jo_string(o, "expires_at", "9999-12-31T23:59:59Z"); /* it stays until room is needed */
        jo_int(o, "size_vram", 0);
    }
    jo_end(o);
out:
    return rc;
}

static persona_code list(call *c, bool running, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    TRY(registry_list(c->s->models, &all, &n, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "models");
    for (size_t i = 0; i < n; i++) {
        if (!running || all[i].loaded) { /* one whose header is damaged is left out */
            const persona_code bad = entry(c, &all[i], running, e);
            TRY(bad == PERSONA_E_FORMAT || bad == PERSONA_E_NOTFOUND ? PERSONA_OK : bad);
        }
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(all);
    return rc;
}

static persona_code tags(call *c, persona_err *e)
{
    return list(c, false, e);
}

static persona_code ps(call *c, persona_err *e)
{
    return list(c, true, e);
}

/* ---- show ------------------------------------------------------------------------------------ */

typedef struct show_args {
    const char *model, *name;
} show_args;

static void model_info(json_out *o, const model_peek *m)
{
    char key[96];
    const struct {
        const char *name;
        uint32_t value;
    } KEYS[] = {{"block_count", m->n_layer},
                {"embedding_length", m->n_embd},
                {"context_length", m->n_ctx_train}};
    jo_object(o, "model_info");
    jo_string(o, "general.architecture", m->arch);
    jo_double(o, "general.parameter_count", (double)m->n_params);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        snprintf(key, sizeof key, "%s.%s", m->arch, KEYS[i].name);
        jo_int(o, key, KEYS[i].value);
    }
    jo_end(o);
}

static persona_code show(call *c, persona_err *e)
{
    const show_args *a = c->args;
    const char *name = a->model != NULL ? a->model : a->name;
    persona_code rc = PERSONA_OK;
    served_status x;
    model_peek head;
    char id[SERVED_ID_MAX], when[OLLAMA_TIME];
    if (name == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE, "model: is missing");
    }
    ollama_model(name, id);
    TRY(registry_status(c->s->models, id, &x, e));
    TRY(registry_peek(c->s->models, id, &head, e));
    ollama_time(x.created, when);
    jo_object(&c->out, NULL);
    details(&c->out, &head);
    model_info(&c->out, &head);
    jo_array(&c->out, "capabilities");
    jo_string(&c->out, NULL, "completion");
    jo_end(&c->out);
    jo_string(&c->out, "modified_at", when);
    jo_end(&c->out);
out:
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const field show_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = 140,
     .at = offsetof(show_args, model),
     .help = "Name of a model, with or without :latest"},
    {.name = "name",
     .type = FIELD_STRING,
     .max = 140,
     .at = offsetof(show_args, name),
     .help = "The same, by its older name"},
    {.name = "verbose", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "system", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "template", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "options", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    FIELD_LAST,
};
static const field version_fields[] = {
    {.name = "version", .type = FIELD_STRING, .required = true, .help = "Of persona"},
    FIELD_LAST,
};
static const field text_element[] = {{.name = "", .type = FIELD_STRING}};
static const field details_fields[] = {
    {.name = "parent_model", .type = FIELD_STRING, .required = true},
    {.name = "format", .type = FIELD_STRING, .required = true},
    {.name = "family", .type = FIELD_STRING, .required = true},
    {.name = "families", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "parameter_size", .type = FIELD_STRING, .required = true},
    {.name = "quantization_level", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field tag_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "modified_at", .type = FIELD_STRING},
    {.name = "size", .type = FIELD_NUMBER, .required = true},
    {.name = "digest", .type = FIELD_STRING, .required = true, .help = "Empty: not known yet"},
    {.name = "details", .type = FIELD_OBJECT, .required = true, .of = details_fields},
    {.name = "expires_at", .type = FIELD_STRING},
    {.name = "size_vram", .type = FIELD_INT},
    FIELD_LAST,
};
static const field tag_element[] = {{.name = "", .type = FIELD_OBJECT, .of = tag_fields}};
static const field list_fields[] = {
    {.name = "models", .type = FIELD_ARRAY, .required = true, .of = tag_element},
    FIELD_LAST,
};
static const field show_answer[] = {
    {.name = "details", .type = FIELD_OBJECT, .required = true, .of = details_fields},
    {.name = "model_info", .type = FIELD_OBJECT, .required = true},
    {.name = "capabilities", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "modified_at", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};

const route routes_ollama_models[] = {
    {.method = "GET",
     .path = "/api/version",
     .errors = ERRORS_OLLAMA,
     .run = version,
     .tag = "Ollama",
     .summary = "The version of this program",
     .answer = version_fields},
    {.method = "GET",
     .path = "/api/tags",
     .errors = ERRORS_OLLAMA,
     .run = tags,
     .tag = "Ollama",
     .summary = "The models",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/ps",
     .errors = ERRORS_OLLAMA,
     .run = ps,
     .tag = "Ollama",
     .summary = "Those that are loaded",
     .answer = list_fields},
    {.method = "POST",
     .path = "/api/show",
     .errors = ERRORS_OLLAMA,
     .body = show_fields,
     .args_size = sizeof(show_args),
     .run = show,
     .tag = "Ollama",
     .summary = "One of them",
     .answer = show_answer},
    {.method = NULL},
};
