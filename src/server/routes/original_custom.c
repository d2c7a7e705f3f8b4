/* SPDX-License-Identifier: MIT
 *
 * original_custom.c - the original project's POST /api/traits/generate-custom: a trait pack that a
 * local model writes, as `persona traits new` has it.
 *
 * A model that cannot write one is an error that says so; nothing is ever filled in.
 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "persona/traitwrite.h"
#include "server/routes/call_parts.h"
#include "workbench/trait_set.h"
#include "workbench/trash.h"

typedef struct custom_args {
    const char *trait_name, *positive_trait, *negative_trait, *model_id;
    int num_pairs, tries;
    double temperature;
    uint32_t seed;
} custom_args;

static void custom_init(void *p)
{
    const persona_write_opts o = persona_write_defaults();
    *(custom_args *)p = (custom_args){.num_pairs = 5, .tries = o.n_tries, .temperature = 0.7};
}

#define AT(member) offsetof(custom_args, member)
static const field custom_fields[] = {
    {.name = "trait_name",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 48,
     .at = AT(trait_name),
     .help = "Its id is this in small letters, with _ for spaces"},
    {.name = "positive_trait",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 200,
     .at = AT(positive_trait),
     .help = "An adjective"},
    {.name = "negative_trait",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 200,
     .at = AT(negative_trait),
     .help = "Its opposite"},
    {.name = "num_pairs",
     .type = FIELD_INT,
     .min = 5,
     .max = 5,
     .at = AT(num_pairs),
     .help = "A pack has five"},
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 10,
     .at = AT(temperature),
     .help = "Of the model that writes. Default 0.7"},
    {.name = "model_id",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = AT(model_id),
     .help = "Id of the model that writes. Default: the server's first"},
    {.name = "tries",
     .type = FIELD_INT,
     .min = 1,
     .max = 100,
     .at = AT(tries),
     .help = "Rounds of requests at most. Default 8"},
    {.name = "seed", .type = FIELD_SEED, .at = AT(seed), .help = "Default 0"},
    FIELD_LAST,
};

static void id_of(const char *name, char *out, size_t n)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < n; i++) {
        out[i] = name[i] == ' ' ? '_' : (char)tolower((unsigned char)name[i]);
    }
    out[i] = '\0';
}

/* Where it goes; a pack that is shipped keeps its name. */
static persona_code place_of(call *c, const char *id, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *there = NULL;
    TRY(persona_trait_place(id, path, e));
    if (persona_trait_find(id, &there, NULL) == PERSONA_OK && strcmp(there->path, *path) != 0) {
        c->status = 409;
        rc =
            persona_err_set(e, PERSONA_E_USAGE, "trait_name: '%s' is shipped with the program", id);
    }
out:
    persona_trait_free(there);
    return rc;
}

static persona_code client_gone(call *c, persona_err *e)
{
    c->status = 499;
    return persona_err_set(e, PERSONA_E_CANCELED, "the client has gone");
}

typedef struct writing {
    call *c;
    persona_cancel cancel;
} writing;

static void while_writing(void *ud, const persona_progress *p)
{
    writing *w = ud;
    (void)p;
    if (http_gone(w->c->request)) {
        persona_cancel_set(&w->cancel);
    }
}

static persona_code write_trait(call *c, const char *id, persona_trait **out,
                                persona_write_report *r, persona_err *e)
{
    const custom_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    writing w = {.c = c};
    const persona_hooks hooks = {.ud = &w, .progress = while_writing, .cancel = &w.cancel};
    const persona_trait_words words = {id, a->positive_trait, a->negative_trait, NULL};
    persona_write_opts o = persona_write_defaults();
    o.temperature = (float)a->temperature;
    o.n_tries = a->tries;
    o.seed = a->seed;
    TRY(call_model(c, a->model_id, &m, e));
    rc = persona_trait_write(m->session, &words, &o, &hooks, out, r, e);
    if (rc == PERSONA_E_NEGATIVE) {
        c->status = 422;
        persona_err_wrap(e,
                         "%s could not write this trait; a larger model may, and a pack can be "
                         "written by hand (POST /api/v1/traits)",
                         m->id);
    } else if (rc == PERSONA_E_CANCELED && persona_canceled(&w.cancel)) {
        rc = client_gone(c, e);
    }
out:
    if (m != NULL) {
        registry_release(c->s->models, m);
    }
    return rc;
}

/* What stood there goes into the trash. */
static persona_code save(const persona_trait *t, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trash_item old;
    rc = trash_put(TRASH_TRAIT, NULL, t->name, &old, e);
    TRY(rc == PERSONA_E_NOTFOUND ? PERSONA_OK : rc);
    TRY(persona_trait_save(t, path, e));
out:
    return rc;
}

/* Packs of the user's. */
static persona_code count_custom(size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trait_set all = {.n = 0};
    *n = 0;
    TRY(trait_set_open(NULL, &all, e));
    for (size_t i = 0; i < all.n; i++) {
        char *path = NULL;
        TRY(persona_trait_place(all.p[i]->name, &path, e));
        *n += strcmp(all.p[i]->path, path) == 0;
        mem_free(path);
    }
out:
    trait_set_free(&all);
    return rc;
}

static void custom_json(json_out *o, const custom_args *a, const persona_trait *t, size_t n_custom)
{
    jo_object(o, NULL);
    jo_bool(o, "success", true);
    jo_string(o, "trait_id", t->name);
    jo_string(o, "trait_name", a->trait_name);
    jo_array(o, "prompt_pairs");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(o, NULL);
        jo_string(o, "pos", t->pairs[i].pos);
        jo_string(o, "neg", t->pairs[i].neg);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "evaluation_questions");
    for (size_t i = 0; i < t->n_questions; i++) {
        jo_string(o, NULL, t->questions[i]);
    }
    jo_end(o);
    jo_string(o, "eval_prompt", t->eval_prompt);
    jo_int(o, "num_custom_traits", (long long)n_custom);
    jo_string(o, "methodology",
              "Chen et al. 2025: contrasting instructions and questions, written "
              "by a local model and checked; nothing is filled in");
    jo_end(o);
}

static persona_code custom(call *c, persona_err *e)
{
    const custom_args *a = c->args;
    persona_code rc = PERSONA_OK;
    char id[64];
    char *path = NULL;
    persona_trait *t = NULL;
    persona_write_report r = {.n_tries = 0};
    size_t n = 0;
    id_of(a->trait_name, id, sizeof id);
    TRY(place_of(c, id, &path, e));
    TRY(write_trait(c, id, &t, &r, e));
    TRY(save(t, path, e));
    TRY(count_custom(&n, e));
    custom_json(&c->out, a, t, n);
out:
    persona_trait_free(t);
    mem_free(path);
    return rc;
}

static const field a_text[] = {{.name = "", .type = FIELD_STRING}};
static const field pair_fields[] = {
    {.name = "pos", .type = FIELD_STRING, .required = true},
    {.name = "neg", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field a_pair[] = {{.name = "", .type = FIELD_OBJECT, .of = pair_fields}};
static const field customized_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "trait_id", .type = FIELD_STRING, .required = true},
    {.name = "trait_name", .type = FIELD_STRING, .required = true},
    {.name = "prompt_pairs", .type = FIELD_ARRAY, .required = true, .of = a_pair},
    {.name = "evaluation_questions", .type = FIELD_ARRAY, .required = true, .of = a_text},
    {.name = "eval_prompt", .type = FIELD_STRING, .required = true},
    {.name = "num_custom_traits", .type = FIELD_INT, .required = true},
    {.name = "methodology", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};

const route routes_original_custom[] = {
    {.method = "POST",
     .path = "/api/traits/generate-custom",
     .errors = ERRORS_ORIGINAL,
     .body = custom_fields,
     .args_size = sizeof(custom_args),
     .init = custom_init,
     .run = custom,
     .tag = "cross-model-persona-steering",
     .summary = "Has a local model write a trait pack",
     .answer = customized_fields},
    {.method = NULL},
};
