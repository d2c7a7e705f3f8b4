/* SPDX-License-Identifier: MIT
 *
 * original_library.c - /api/traits and /api/vectors as cross-model-persona-steering has them: its
 * fields, and every pack that there is. What is deleted goes to the trash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/trait.h"
#include "server/routes/vector_parts.h"
#include "workbench/tempdir.h"
#include "workbench/trash.h"

/* There is no limit; its pages compare the count with this number. */
enum { CUSTOM_MAX = 1000000 };

static void iso_time(int64_t seconds, char *out, size_t n)
{
    struct tm t;
    const time_t at = (time_t)seconds;
    gmtime_r(&at, &t);
    (void)strftime(out, n, "%Y-%m-%dT%H:%M:%S", &t);
}

static persona_code done(call *c, const char *text, const char *a, const char *b)
{
    char message[400];
    snprintf(message, sizeof message, "%s%s%s%s", text, a, *b != '\0' ? " - " : "", b);
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", true);
    jo_string(&c->out, "message", message);
    jo_end(&c->out);
    return PERSONA_OK;
}

/* ---- traits ---------------------------------------------------------------------------------- */

static bool is_own(const persona_trait *t)
{
    char *place = NULL;
    const bool own = t->path != NULL && persona_trait_place(t->name, &place, NULL) == PERSONA_OK &&
                     strcmp(place, t->path) == 0;
    mem_free(place);
    return own;
}

static void title(json_out *o, const persona_trait *t)
{
    char text[128];
    snprintf(text, sizeof text, "%s vs %s", t->positive, t->negative);
    jo_string(o, "name", text);
}

static void trait_entry(void *ud, const persona_trait *t)
{
    call *c = ud;
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", t->name);
    title(&c->out, t);
    jo_string(&c->out, "description", t->description);
    jo_string(&c->out, "type", is_own(t) ? "custom" : "built-in");
    jo_end(&c->out);
}

/* Every pack that can be read. */
static persona_code each_trait(void (*fn)(void *ud, const persona_trait *t), void *ud,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    TRY(persona_trait_names(&names, &n, e));
    for (size_t i = 0; i < n; i++) {
        persona_trait *t = NULL;
        if (persona_trait_find(names[i], &t, NULL) == PERSONA_OK) {
            fn(ud, t);
        }
        persona_trait_free(t);
    }
out:
    persona_names_free(names, n);
    return rc;
}

static persona_code traits(call *c, persona_err *e)
{
    jo_object(&c->out, NULL);
    jo_array(&c->out, "traits");
    const persona_code rc = each_trait(trait_entry, c, e);
    jo_end(&c->out);
    jo_end(&c->out);
    return rc;
}

typedef struct customs {
    call *c;
    int n;
} customs;

static void pairs_json(json_out *o, const persona_trait *t)
{
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
}

static void custom_entry(void *ud, const persona_trait *t)
{
    customs *x = ud;
    json_out *o = &x->c->out;
    struct stat st = {.st_size = 0};
    char when[40];
    if (!is_own(t)) {
        return;
    }
    (void)stat(t->path, &st);
    iso_time(st.st_mtime, when, sizeof when);
    x->n++;
    jo_object(o, NULL);
    jo_string(o, "id", t->name);
    jo_string(o, "name", t->name);
    jo_string(o, "description", t->description);
    pairs_json(o, t);
    jo_string(o, "created_at", when);
    jo_object(o, "metadata");
    jo_string(o, "positive_trait", t->positive);
    jo_string(o, "negative_trait", t->negative);
    jo_end(o);
    jo_end(o);
}

static persona_code custom(call *c, persona_err *e)
{
    customs x = {c, 0};
    jo_object(&c->out, NULL);
    jo_bool(&c->out, "success", true);
    jo_array(&c->out, "traits");
    const persona_code rc = each_trait(custom_entry, &x, e);
    jo_end(&c->out);
    jo_int(&c->out, "count", x.n);
    jo_int(&c->out, "max_allowed", CUSTOM_MAX);
    jo_end(&c->out);
    return rc;
}

static persona_code delete_custom(call *c, persona_err *e)
{
    trash_item x;
    persona_err why = {.code = PERSONA_OK};
    const persona_code rc = trash_put(TRASH_TRAIT, NULL, c->parts[0], &x, &why);
    if (rc == PERSONA_OK) {
        return done(c, "Deleted custom trait: ", c->parts[0], "");
    }
    return rc == PERSONA_E_NOTFOUND || rc == PERSONA_E_USAGE
               ? persona_err_set(e, PERSONA_E_NOTFOUND, "Custom trait not found")
               : persona_err_set(e, rc, "%s", why.msg);
}

typedef struct emptying {
    persona_code rc;
    persona_err *e;
} emptying;

static void delete_own(void *ud, const persona_trait *t)
{
    emptying *x = ud;
    trash_item item;
    if (x->rc == PERSONA_OK && is_own(t)) {
        x->rc = trash_put(TRASH_TRAIT, NULL, t->name, &item, x->e);
    }
}

static persona_code delete_all_custom(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    emptying x = {PERSONA_OK, e};
    TRY(each_trait(delete_own, &x, e));
    TRY(x.rc);
    done(c, "All custom traits have been reset", "", "");
out:
    return rc;
}

/* ---- vectors --------------------------------------------------------------------------------- */

typedef struct listed {
    char model[SERVED_ID_MAX], name[SHELF_NAME_MAX + 1];
    int64_t modified;
    double size;
} listed;

typedef struct listing {
    listed *list;
    size_t n;
} listing;

static int newest_first(const void *a, const void *b)
{
    const listed *x = a, *y = b;
    return x->modified != y->modified ? (x->modified < y->modified ? 1 : -1)
                                      : strcmp(x->name, y->name);
}

static persona_code add_model(listing *l, const served_status *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], **names = NULL;
    size_t n = 0;
    snprintf(shelf, sizeof shelf, "%.*s", SHELF_ID, m->hash);
    TRY(shelf_names(shelf, &names, &n, e));
    listed *more = mem_realloc(l->list, l->n + n + 1, sizeof *more);
    TRY(more != NULL ? PERSONA_OK : mem_err(e, "a list of vectors"));
    l->list = more;
    for (size_t i = 0; i < n; i++) {
        char *path = NULL;
        struct stat st;
        TRY(shelf_place(shelf, names[i], &path, e));
        if (stat(path, &st) == 0) {
            listed *x = &l->list[l->n++];
            *x = (listed){.modified = st.st_mtime, .size = (double)st.st_size};
            memcpy(x->model, m->id, sizeof x->model);
            snprintf(x->name, sizeof x->name, "%s", names[i]);
        }
        mem_free(path);
    }
out:
    mem_free_list(names, n);
    return rc;
}

static persona_code vectors(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    listing l = {NULL, 0};
    TRY(registry_list(c->s->models, &all, &n, e));
    for (size_t i = 0; i < n; i++) {
        TRY(all[i].hash[0] != '\0' ? add_model(&l, &all[i], e) : PERSONA_OK);
    }
    if (l.n > 0) {
        qsort(l.list, l.n, sizeof *l.list, newest_first);
    }
    jo_object(&c->out, NULL);
    jo_array(&c->out, "vectors");
    for (size_t i = 0; i < l.n; i++) {
        char text[SERVED_ID_MAX + SHELF_NAME_MAX + 32];
        jo_object(&c->out, NULL);
        jo_string(&c->out, "model_id", l.list[i].model);
        jo_string(&c->out, "trait_id", l.list[i].name);
        snprintf(text, sizeof text, "%s_%s.json", l.list[i].model, l.list[i].name);
        jo_string(&c->out, "filename", text);
        jo_double(&c->out, "size", l.list[i].size);
        iso_time(l.list[i].modified, text, sizeof text);
        jo_string(&c->out, "modified", text);
        snprintf(text, sizeof text, "/api/vectors/%s/%s", l.list[i].model, l.list[i].name);
        jo_string(&c->out, "path", text);
        jo_end(&c->out);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(l.list);
    mem_free(all);
    return rc;
}

static persona_code vector(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *v = NULL;
    tempdir tmp = {NULL};
    char *path = NULL, *bytes = NULL;
    size_t n = 0;
    TRY(read_vector(c, c->parts[0], c->parts[1], &v, e));
    TRY(tempdir_open(&tmp, e));
    TRY(tempdir_path(&tmp, "vector", &path, e));
    TRY(persona_vector_write_as(v, path, "json", NULL, e));
    TRY(file_read(path, (size_t)200 << 20, &bytes, &n, e));
    buf_add(&c->reply->body, bytes, n);
out:
    mem_free(bytes);
    mem_free(path);
    tempdir_close(&tmp);
    persona_vector_free(v);
    return rc;
}

static persona_code delete_vector(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1];
    trash_item x;
    TRY(call_shelf(c, c->parts[0], shelf, e));
    TRY(trash_put(TRASH_VECTOR, shelf, c->parts[1], &x, e));
    done(c, "Deleted vectors for ", c->parts[0], c->parts[1]);
out:
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const field done_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "message", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field trait_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "description", .type = FIELD_STRING, .required = true},
    {.name = "type", .type = FIELD_STRING, .required = true, .help = "built-in or custom"},
    FIELD_LAST,
};
static const field trait_element[] = {{.name = "", .type = FIELD_OBJECT, .of = trait_fields}};
static const field traits_fields[] = {
    {.name = "traits", .type = FIELD_ARRAY, .required = true, .of = trait_element},
    FIELD_LAST,
};
static const field text_element[] = {{.name = "", .type = FIELD_STRING}};
static const field pair_fields[] = {
    {.name = "pos", .type = FIELD_STRING, .required = true},
    {.name = "neg", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field pair_element[] = {{.name = "", .type = FIELD_OBJECT, .of = pair_fields}};
static const field metadata_fields[] = {
    {.name = "positive_trait", .type = FIELD_STRING, .required = true},
    {.name = "negative_trait", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field custom_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "description", .type = FIELD_STRING, .required = true},
    {.name = "prompt_pairs", .type = FIELD_ARRAY, .required = true, .of = pair_element},
    {.name = "evaluation_questions", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "eval_prompt", .type = FIELD_STRING, .required = true},
    {.name = "created_at", .type = FIELD_STRING, .required = true},
    {.name = "metadata", .type = FIELD_OBJECT, .required = true, .of = metadata_fields},
    FIELD_LAST,
};
static const field custom_element[] = {{.name = "", .type = FIELD_OBJECT, .of = custom_fields}};
static const field customs_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .required = true},
    {.name = "traits", .type = FIELD_ARRAY, .required = true, .of = custom_element},
    {.name = "count", .type = FIELD_INT, .required = true},
    {.name = "max_allowed", .type = FIELD_INT, .required = true, .help = "There is no limit"},
    FIELD_LAST,
};
static const field listed_fields[] = {
    {.name = "model_id", .type = FIELD_STRING, .required = true},
    {.name = "trait_id", .type = FIELD_STRING, .required = true},
    {.name = "filename", .type = FIELD_STRING, .required = true},
    {.name = "size", .type = FIELD_NUMBER, .required = true},
    {.name = "modified", .type = FIELD_STRING, .required = true, .help = "UTC"},
    {.name = "path", .type = FIELD_STRING, .required = true, .help = "Where this API has it"},
    FIELD_LAST,
};
static const field listed_element[] = {{.name = "", .type = FIELD_OBJECT, .of = listed_fields}};
static const field vectors_fields[] = {
    {.name = "vectors", .type = FIELD_ARRAY, .required = true, .of = listed_element},
    FIELD_LAST,
};
static const field vector_fields[] = {
    {.name = "model_id", .type = FIELD_STRING, .required = true},
    {.name = "trait_id", .type = FIELD_STRING, .required = true},
    {.name = "vectors",
     .type = FIELD_OBJECT,
     .required = true,
     .help = "layer_0, layer_1, ...: what block 0, 1, ... adds; raw lengths"},
    {.name = "effectiveness_scores", .type = FIELD_OBJECT, .required = true},
    {.name = "metadata", .type = FIELD_OBJECT, .required = true},
    {.name = "responses", .type = FIELD_OBJECT, .required = true},
    FIELD_LAST,
};

#define TAG "cross-model-persona-steering"

const route routes_original_library[] = {
    {.method = "GET",
     .path = "/api/traits",
     .errors = ERRORS_ORIGINAL,
     .run = traits,
     .tag = TAG,
     .summary = "All traits, also those without a vector",
     .answer = traits_fields},
    {.method = "GET",
     .path = "/api/traits/custom",
     .errors = ERRORS_ORIGINAL,
     .run = custom,
     .tag = TAG,
     .summary = "The user's own traits, whole",
     .answer = customs_fields},
    {.method = "DELETE",
     .path = "/api/traits/custom/{id}",
     .errors = ERRORS_ORIGINAL,
     .run = delete_custom,
     .tag = TAG,
     .summary = "Moves one of them to the trash",
     .answer = done_fields},
    {.method = "DELETE",
     .path = "/api/traits/custom",
     .errors = ERRORS_ORIGINAL,
     .run = delete_all_custom,
     .tag = TAG,
     .summary = "Moves all of them to the trash",
     .answer = done_fields},
    {.method = "GET",
     .path = "/api/vectors",
     .errors = ERRORS_ORIGINAL,
     .run = vectors,
     .tag = TAG,
     .summary = "The vectors of the models at hand, the newest first",
     .answer = vectors_fields},
    {.method = "GET",
     .path = "/api/vectors/{model}/{trait}",
     .errors = ERRORS_ORIGINAL,
     .run = vector,
     .tag = TAG,
     .summary = "A vector in the JSON of that program",
     .answer = vector_fields},
    {.method = "DELETE",
     .path = "/api/vectors/{model}/{trait}",
     .errors = ERRORS_ORIGINAL,
     .run = delete_vector,
     .tag = TAG,
     .summary = "Moves a vector to the trash",
     .answer = done_fields},
    {.method = NULL},
};
