/* SPDX-License-Identifier: MIT
 *
 * native_traits.c - /api/v1/traits: the packs that there are; the user's own can be written,
 * imported and deleted. What makes a pack is checked by the readers of files, however it comes.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/trait.h"
#include "server/routes/call_parts.h"
#include "server/routes/trash_parts.h"
#include "workbench/tempdir.h"
#include "workbench/trait_json.h"

#define PACK_MAX ((size_t)4 << 20)

/* Whether the pack is the user's own file. */
static bool is_own(const persona_trait *t)
{
    char *place = NULL;
    const bool own = t != NULL && t->path != NULL &&
                     persona_trait_place(t->name, &place, NULL) == PERSONA_OK &&
                     strcmp(place, t->path) == 0;
    mem_free(place);
    return own;
}

static void sampling_json(json_out *o, const persona_trait *t)
{
    jo_object(o, "sampling");
    jo_number(o, "temperature", (double)t->d_temperature);
    jo_number(o, "top_p", (double)t->d_top_p);
    jo_number(o, "repetition_penalty", (double)t->d_repetition_penalty);
    jo_string(o, "about", t->about);
    jo_end(o);
}

static void pack_json(json_out *o, const persona_trait *t, bool full)
{
    trait_json(o, t, false, full);
    jo_bool(o, "own", is_own(t));
    if (full) {
        sampling_json(o, t);
    }
}

/* ---- list, show ------------------------------------------------------------------------------ */

typedef struct pack_names {
    char **p, **more;
    size_t n, n_more;
} pack_names;

static persona_code list_packs(json_out *o, const pack_names *names, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf bad;
    json_out faults;
    json_doc *d = NULL;
    buf_init(&bad, PACK_MAX);
    jo_init(&faults, &bad, false);
    jo_array(&faults, NULL);
    jo_array(o, "traits");
    for (size_t i = 0; i < names->n; i++) {
        persona_trait *t = NULL;
        persona_err why = {.code = PERSONA_OK};
        if (persona_trait_find(names->p[i], &t, &why) != PERSONA_OK) {
            damaged_json(&faults, names->p[i], &why);
            continue;
        }
        jo_object(o, NULL);
        pack_json(o, t, false);
        jo_end(o);
        persona_trait_free(t);
    }
    jo_end(o);
    jo_end(&faults);
    TRY(buf_ok(&bad, "a list of traits", e));
    TRY(json_parse(buf_str(&bad), bad.len, "a list of traits", &d, e));
    jo_value(o, "damaged", json_root(d));
out:
    json_free(d);
    buf_free(&bad);
    return rc;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pack_names names = {.n = 0};
    TRY(persona_trait_names(&names.p, &names.n, e));
    TRY(persona_trait_more_names(&names.more, &names.n_more, e));
    jo_object(&c->out, NULL);
    TRY(list_packs(&c->out, &names, e));
    jo_array(&c->out, "more");
    for (size_t i = 0; i < names.n_more; i++) {
        jo_string(&c->out, NULL, names.more[i]);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    persona_names_free(names.p, names.n);
    persona_names_free(names.more, names.n_more);
    return rc;
}

static persona_code reply_pack(call *c, const persona_trait *t)
{
    jo_object(&c->out, NULL);
    pack_json(&c->out, t, true);
    jo_end(&c->out);
    return PERSONA_OK;
}

/* A name from the path of a request: "x.json" would be a file of the server's folder. */
static persona_code find_pack(const char *name, persona_trait **out, persona_err *e)
{
    *out = NULL;
    return path_ends(name, ".json")
               ? persona_err_set(e, PERSONA_E_NOTFOUND, "no trait '%.80s'", name)
               : persona_trait_find(name, out, e);
}

static persona_code show(call *c, persona_err *e)
{
    persona_trait *t = NULL;
    const persona_code rc = find_pack(c->parts[0], &t, e);
    if (rc == PERSONA_OK) {
        reply_pack(c, t);
    }
    persona_trait_free(t);
    return rc;
}

/* ---- new packs ------------------------------------------------------------------------------- */

/* Saves it as the user's own; t->path becomes its place. */
static persona_code save(call *c, persona_trait *t, bool replace, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *place = NULL;
    TRY(persona_trait_place(t->name, &place, e));
    if (!replace && file_exists(place)) {
        c->status = 409;
        c->reason = "exists";
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "there is a trait '%s' already (\"replace\": true)", t->name);
        goto out;
    }
    TRY(persona_trait_save(t, place, e));
    mem_free(t->path);
    t->path = place;
    place = NULL;
out:
    mem_free(place);
    return rc;
}

typedef struct create_args {
    const json_val *pack;
    bool replace;
} create_args;

static persona_code create(call *c, persona_err *e)
{
    const create_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_trait *t = NULL;
    json_out o;
    buf text;
    buf_init(&text, PACK_MAX);
    jo_init(&o, &text, false);
    jo_value(&o, NULL, a->pack);
    TRY(buf_ok(&text, "pack", e));
    TRY(persona_trait_parse(buf_str(&text), text.len, "pack", &t, e));
    TRY(save(c, t, a->replace, e));
    TRY(reply_pack(c, t));
out:
    persona_trait_free(t);
    buf_free(&text);
    return rc;
}

/* ---- packs of other programs ----------------------------------------------------------------- */

typedef struct import_args {
    const json_val *data, *eval;
    const char *name, *positive, *negative, *description;
    bool replace, dry_run;
} import_args;

/* *path: where the value stands as a file; mem_free it. NULL value: NULL. */
static persona_code as_file(const tempdir *s, const char *name, const json_val *v, char **path,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    buf text;
    *path = NULL;
    if (json_typeof(v) == JSON_NULL) {
        return PERSONA_OK;
    }
    buf_init(&text, PACK_MAX);
    jo_init(&o, &text, false);
    jo_value(&o, NULL, v);
    TRY(buf_ok(&text, name, e));
    TRY(tempdir_path(s, name, path, e));
    TRY(file_write(*path, text.p, text.len, e));
out:
    buf_free(&text);
    return rc;
}

static persona_code read_import(const import_args *a, persona_imported **out, size_t *n,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    tempdir s = {NULL};
    char *data = NULL, *eval = NULL;
    if (json_get(a->data, "instruction") != NULL && a->name == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "name: is missing (trait data of persona_vectors has none)");
    }
    TRY(tempdir_open(&s, e));
    TRY(as_file(&s, "data", a->data, &data, e));
    TRY(as_file(&s, "eval", a->eval, &eval, e));
    const persona_import_opts opts = {.name = a->name,
                                      .positive = a->positive,
                                      .negative = a->negative,
                                      .description = a->description,
                                      .eval_path = eval};
    TRY(persona_trait_import(data, &opts, out, n, e));
out:
    tempdir_close(&s);
    mem_free(data);
    mem_free(eval);
    return rc;
}

static void imported_json(json_out *o, const persona_imported *x)
{
    jo_object(o, NULL);
    pack_json(o, x->trait, true);
    jo_array(o, "changes");
    for (size_t i = 0; i < x->n_notes; i++) {
        char *note = mem_strdup(x->notes[i]);
        if (note != NULL) {
            error_redact(note);
        }
        jo_string(o, NULL, note);
        mem_free(note);
    }
    jo_end(o);
    jo_end(o);
}

static persona_code import(call *c, persona_err *e)
{
    const import_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_imported *x = NULL;
    size_t n = 0;
    TRY(read_import(a, &x, &n, e));
    for (size_t i = 0; !a->dry_run && i < n; i++) {
        TRY(save(c, x[i].trait, a->replace, e));
    }
    jo_object(&c->out, NULL);
    jo_array(&c->out, "traits");
    for (size_t i = 0; i < n; i++) {
        imported_json(&c->out, &x[i]);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    persona_imported_free(x, n);
    return rc;
}

static persona_code delete (call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *t = NULL;
    persona_err why = {.code = PERSONA_OK};
    trash_item x;
    rc = trash_put(TRASH_TRAIT, NULL, c->parts[0], &x, &why);
    if (rc == PERSONA_OK) {
        deleted_json(&c->out, &x);
        return PERSONA_OK;
    }
    if (rc == PERSONA_E_NOTFOUND && find_pack(c->parts[0], &t, NULL) == PERSONA_OK) {
        c->status = 403;
        c->reason = "shipped";
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the trait '%.80s' is shipped with the program; only the user's own "
                             "can be deleted",
                             c->parts[0]);
    } else {
        rc = persona_err_set(e, rc == PERSONA_E_USAGE ? PERSONA_E_NOTFOUND : rc, "%s", why.msg);
    }
    persona_trait_free(t);
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const field text_element[] = {{.name = "", .type = FIELD_STRING}};

/* What is asked for has the names of files (docs/FORMATS.md, "Trait pack"). */
static const field file_pair_fields[] = {
    {.name = "pos", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    {.name = "neg", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    FIELD_LAST,
};
static const field file_pair[] = {{.name = "", .type = FIELD_OBJECT, .of = file_pair_fields}};
static const field file_sampling[] = {
    {.name = "temperature", .type = FIELD_NUMBER, .required = true, .at = FIELD_NOWHERE},
    {.name = "top_p", .type = FIELD_NUMBER, .required = true, .at = FIELD_NOWHERE},
    {.name = "repetition_penalty", .type = FIELD_NUMBER, .required = true, .at = FIELD_NOWHERE},
    {.name = "about", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    FIELD_LAST,
};
static const field file_fields[] = {
    {.name = "schema",
     .type = FIELD_STRING,
     .required = true,
     .at = FIELD_NOWHERE,
     .help = "persona.trait/1"},
    {.name = "name",
     .type = FIELD_STRING,
     .required = true,
     .at = FIELD_NOWHERE,
     .help = "2 to 48 of a-z, 0-9, _ and -"},
    {.name = "positive", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    {.name = "negative", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    {.name = "description", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    {.name = "instruction",
     .type = FIELD_ARRAY,
     .required = true,
     .of = file_pair,
     .at = FIELD_NOWHERE,
     .help = "Five pairs"},
    {.name = "questions",
     .type = FIELD_ARRAY,
     .required = true,
     .of = text_element,
     .at = FIELD_NOWHERE,
     .help = "Forty; the first half extracts, the second evaluates"},
    {.name = "eval_prompt", .type = FIELD_STRING, .required = true, .at = FIELD_NOWHERE},
    {.name = "sampling",
     .type = FIELD_OBJECT,
     .required = true,
     .of = file_sampling,
     .at = FIELD_NOWHERE,
     .help = "Change of the sampling per +1 of the coefficient, in the method sampling"},
    FIELD_LAST,
};
static const field create_fields[] = {
    {.name = "pack",
     .type = FIELD_OBJECT,
     .required = true,
     .of = file_fields,
     .at = offsetof(create_args, pack),
     .help = "As a file of a pack has it"},
    {.name = "replace",
     .type = FIELD_BOOL,
     .at = offsetof(create_args, replace),
     .help = "Also where there is one of that name"},
    FIELD_LAST,
};
static const field import_fields[] = {
    {.name = "data",
     .type = FIELD_OBJECT,
     .required = true,
     .at = offsetof(import_args, data),
     .help =
         "Trait data of persona_vectors, or custom_traits.json of cross-model-persona-steering"},
    {.name = "eval",
     .type = FIELD_OBJECT,
     .at = offsetof(import_args, eval),
     .help = "persona_vectors: the file of the evaluation questions"},
    {.name = "name",
     .type = FIELD_STRING,
     .min = 1,
     .max = 200,
     .at = offsetof(import_args, name),
     .help = "Which one of several, or how to call the only one"},
    {.name = "positive",
     .type = FIELD_STRING,
     .min = 1,
     .max = 200,
     .at = offsetof(import_args, positive),
     .help = "How it is with the trait, where the data do not say"},
    {.name = "negative",
     .type = FIELD_STRING,
     .min = 1,
     .max = 200,
     .at = offsetof(import_args, negative),
     .help = "Its opposite"},
    {.name = "description",
     .type = FIELD_STRING,
     .min = 1,
     .max = 1000,
     .at = offsetof(import_args, description),
     .help = "One sentence"},
    {.name = "replace",
     .type = FIELD_BOOL,
     .at = offsetof(import_args, replace),
     .help = "Also where there is one of that name"},
    {.name = "dry_run",
     .type = FIELD_BOOL,
     .at = offsetof(import_args, dry_run),
     .help = "Only say what would be imported"},
    FIELD_LAST,
};

static const field pair_fields[] = {
    {.name = "positive", .type = FIELD_STRING, .required = true},
    {.name = "negative", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field pair_element[] = {{.name = "", .type = FIELD_OBJECT, .of = pair_fields}};

#define SHORT_FIELDS                                                                               \
    {.name = "name", .type = FIELD_STRING, .required = true},                                      \
        {.name = "positive", .type = FIELD_STRING, .required = true},                              \
        {.name = "negative", .type = FIELD_STRING, .required = true},                              \
        {.name = "description", .type = FIELD_STRING, .required = true},                           \
        {.name = "n_instructions", .type = FIELD_INT, .required = true},                           \
        {.name = "n_questions", .type = FIELD_INT, .required = true},                              \
    {                                                                                              \
        .name = "own", .type = FIELD_BOOL, .required = true,                                       \
        .help = "The user's, which can be deleted"                                                 \
    }
#define LONG_FIELDS                                                                                \
    SHORT_FIELDS,                                                                                  \
        {.name = "instructions", .type = FIELD_ARRAY, .required = true, .of = pair_element},       \
        {.name = "questions", .type = FIELD_ARRAY, .required = true, .of = text_element},          \
        {.name = "eval_prompt", .type = FIELD_STRING, .required = true},                           \
    {                                                                                              \
        .name = "sampling", .type = FIELD_OBJECT, .required = true, .of = file_sampling            \
    }

static const field short_fields[] = {SHORT_FIELDS, FIELD_LAST};
static const field long_fields[] = {LONG_FIELDS, FIELD_LAST};
static const field short_element[] = {{.name = "", .type = FIELD_OBJECT, .of = short_fields}};
static const field list_fields[] = {
    {.name = "traits", .type = FIELD_ARRAY, .required = true, .of = short_element},
    {.name = "more",
     .type = FIELD_ARRAY,
     .required = true,
     .of = text_element,
     .help = "Names of packs that are near to others: found by name only"},
    {.name = "damaged",
     .type = FIELD_ARRAY,
     .required = true,
     .of = damaged_element,
     .help = "Files that cannot be read"},
    FIELD_LAST,
};
static const field imported_fields[] = {
    LONG_FIELDS,
    {.name = "changes",
     .type = FIELD_ARRAY,
     .required = true,
     .of = text_element,
     .help = "What was changed or filled in"},
    FIELD_LAST,
};
static const field imported_element[] = {{.name = "", .type = FIELD_OBJECT, .of = imported_fields}};
static const field import_answer[] = {
    {.name = "traits", .type = FIELD_ARRAY, .required = true, .of = imported_element},
    FIELD_LAST,
};

const route routes_native_traits[] = {
    {.method = "GET",
     .path = "/api/v1/traits",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Traits",
     .summary = "All trait packs, shipped ones and the user's",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/traits/{name}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Traits",
     .summary = "One of them, whole",
     .answer = long_fields},
    {.method = "POST",
     .path = "/api/v1/traits",
     .errors = ERRORS_OPENAI,
     .body = create_fields,
     .args_size = sizeof(create_args),
     .run = create,
     .tag = "Traits",
     .summary = "Writes a pack of the user's; checked by the rules of files",
     .answer = long_fields},
    {.method = "POST",
     .path = "/api/v1/traits/import",
     .errors = ERRORS_OPENAI,
     .body = import_fields,
     .args_size = sizeof(import_args),
     .run = import,
     .tag = "Traits",
     .summary = "Imports trait data of other programs",
     .answer = import_answer},
    {.method = "DELETE",
     .path = "/api/v1/traits/{name}",
     .errors = ERRORS_OPENAI,
     .run = delete,
     .tag = "Traits",
     .summary = "Moves a pack of the user's to the trash",
     .answer = deleted_fields},
    {.method = NULL},
};
