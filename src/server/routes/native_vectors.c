/* SPDX-License-Identifier: MIT
 *
 * native_vectors.c - /api/v1/vectors: the library of every model, one vector in full, what it
 * promotes, deleting. Their files are native_vector_files.c, several at once native_vector_sums.c.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/recipe.h"
#include "server/routes/trash_parts.h"
#include "server/routes/vector_parts.h"
#include "workbench/vector_json.h"

persona_code read_vector(call *c, const char *model, const char *name, persona_vector **out,
                         persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], *path = NULL;
    *out = NULL;
    TRY(call_shelf(c, model, shelf, e));
    TRY(shelf_find(shelf, name, &path, e));
    TRY(persona_vector_read(path, out, e));
out:
    mem_free(path);
    return rc;
}

/* ---- list ------------------------------------------------------------------------------------ */

/* The id of the model whose shelf it is, "" if no model at hand is known to be that. */
static persona_code model_of(call *c, const char *shelf, char out[SERVED_ID_MAX], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status *all = NULL;
    size_t n = 0;
    out[0] = '\0';
    TRY(registry_list(c->s->models, &all, &n, e));
    for (size_t i = 0; i < n && out[0] == '\0'; i++) {
        if (all[i].hash[0] != '\0' && strncmp(all[i].hash, shelf, SHELF_ID) == 0) {
            memcpy(out, all[i].id, SERVED_ID_MAX);
        }
    }
out:
    mem_free(all);
    return rc;
}

static void counts_json(json_out *o, const char *key, int positive, int negative)
{
    jo_object(o, key);
    jo_int(o, "positive", positive);
    jo_int(o, "negative", negative);
    jo_end(o);
}

/* "norms": by block from 0, null where there is no direction. */
void norms_json(json_out *o, const persona_vector *v)
{
    jo_array(o, "norms");
    for (int b = 0; b < v->n_layer; b++) {
        jo_number(o, NULL, v->layers[b].present ? (double)v->layers[b].norm : (double)NAN);
    }
    jo_end(o);
}

static double best_auroc(const persona_vector *v)
{
    const int best = v->from.best_layer;
    const bool known = best >= 0 && best < v->n_layer && v->layers[best].present;
    return known ? (double)v->layers[best].auroc : (double)NAN;
}

persona_code vector_entry(call *c, const char *shelf, const char *name, const persona_vector *v,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out *o = &c->out;
    char model[SERVED_ID_MAX], *path = NULL;
    struct stat st = {.st_size = 0};
    TRY(model_of(c, shelf, model, e));
    TRY(shelf_place(shelf, name, &path, e));
    (void)stat(path, &st);
    jo_string(o, "model", model[0] != '\0' ? model : NULL);
    jo_string(o, "shelf", shelf);
    jo_string(o, "name", name);
    jo_string(o, "trait", v->from.trait);
    jo_string(o, "method", v->from.method);
    jo_string(o, "model_name", v->from.model_name);
    jo_string(o, "parent_model", v->from.parent_model);
    jo_string(o, "source", v->from.source);
    jo_string(o, "unit", v->from.unit);
    jo_string(o, "verdict", v->from.verdict);
    jo_int(o, "best_layer", v->from.best_layer);
    jo_number(o, "auroc", best_auroc(v));
    norms_json(o, v);
    jo_number(o, "dose", (double)v->from.dose);
    jo_number(o, "safe_low", (double)v->from.safe_low);
    jo_number(o, "safe_high", (double)v->from.safe_high);
    counts_json(o, "generated", v->from.n_generated_pos, v->from.n_generated_neg);
    counts_json(o, "kept", v->from.n_kept_pos, v->from.n_kept_neg);
    jo_int(o, "n_layer", v->n_layer);
    jo_int(o, "n_embd", v->n_embd);
    jo_double(o, "size_bytes", (double)st.st_size);
    jo_int(o, "modified", (long long)st.st_mtime);
out:
    mem_free(path);
    return rc;
}

/* One shelf; what cannot be read goes to `faults`. */
static persona_code list_shelf(call *c, const char *shelf, json_out *faults, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0;
    TRY(shelf_names(shelf, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        persona_vector *v = NULL;
        char *path = NULL;
        persona_err why = {.code = PERSONA_OK};
        TRY(shelf_place(shelf, names[i], &path, e));
        rc = persona_vector_read(path, &v, &why);
        mem_free(path);
        if (rc != PERSONA_OK) {
            damaged_json(faults, names[i], &why);
            rc = PERSONA_OK;
            continue;
        }
        jo_object(&c->out, NULL);
        rc = vector_entry(c, shelf, names[i], v, e);
        jo_end(&c->out);
        persona_vector_free(v);
        TRY(rc);
    }
out:
    mem_free_list(names, n);
    return rc;
}

static persona_code list_all(call *c, json_out *faults, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **shelves = NULL, only[SHELF_ID + 1];
    size_t n = 0;
    const char *model = http_query(c->request, "model");
    if (model != NULL) {
        TRY(call_shelf(c, model, only, e));
        rc = list_shelf(c, only, faults, e);
        goto out;
    }
    TRY(shelf_list(&shelves, &n, e));
    for (size_t i = 0; i < n; i++) {
        TRY(list_shelf(c, shelves[i], faults, e));
    }
out:
    mem_free_list(shelves, n);
    return rc;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out faults;
    json_doc *d = NULL;
    buf bad;
    buf_init(&bad, 1 << 20);
    jo_init(&faults, &bad, false);
    jo_array(&faults, NULL);
    jo_object(&c->out, NULL);
    jo_array(&c->out, "vectors");
    TRY(list_all(c, &faults, e));
    jo_end(&c->out);
    jo_end(&faults);
    TRY(buf_ok(&bad, "a list of vectors", e));
    TRY(json_parse(buf_str(&bad), bad.len, "a list of vectors", &d, e));
    jo_value(&c->out, "damaged", json_root(d));
    jo_end(&c->out);
out:
    json_free(d);
    buf_free(&bad);
    return rc;
}

/* ---- one ------------------------------------------------------------------------------------- */

static persona_code show(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], model[SERVED_ID_MAX];
    persona_vector *v = NULL;
    TRY(call_shelf(c, c->parts[0], shelf, e));
    TRY(read_vector(c, shelf, c->parts[1], &v, e));
    TRY(model_of(c, shelf, model, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", model[0] != '\0' ? model : NULL);
    jo_string(&c->out, "shelf", shelf);
    jo_string(&c->out, "name", c->parts[1]);
    vector_json(&c->out, v);
    jo_end(&c->out);
out:
    persona_vector_free(v);
    return rc;
}

static persona_code explain(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    persona_vector *v = NULL;
    persona_lens *x = NULL;
    int top = 20;
    TRY(call_query_int(c, "top", 1, 1000, top, &top, e));
    TRY(call_model(c, c->parts[0], &m, e));
    TRY(read_vector(c, m->id, c->parts[1], &v, e));
    TRY(persona_vector_explain(m->model, v, (size_t)top, NULL, &x, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "model", m->id);
    jo_string(&c->out, "name", c->parts[1]);
    jo_string(&c->out, "trait", v->from.trait);
    TRY(lens_json(&c->out, m->model, x, v->from.best_layer, e));
    jo_end(&c->out);
out:
    persona_lens_free(x);
    persona_vector_free(v);
    registry_release(c->s->models, m);
    return rc;
}

static persona_code delete (call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1];
    trash_item x;
    TRY(call_shelf(c, c->parts[0], shelf, e));
    TRY(trash_put(TRASH_VECTOR, shelf, c->parts[1], &x, e));
    deleted_json(&c->out, &x);
out:
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const field list_query[] = {
    {.name = "model", .type = FIELD_STRING, .at = FIELD_NOWHERE, .help = "Only of this model"},
    FIELD_LAST,
};
static const field explain_query[] = {
    {.name = "top",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Tokens to tell of either side, 1 to 1000. Default 20"},
    FIELD_LAST,
};
static const field note_element[] = {{.name = "", .type = FIELD_STRING}};
static const field count_fields[] = {
    {.name = "positive", .type = FIELD_INT, .required = true},
    {.name = "negative", .type = FIELD_INT, .required = true},
    FIELD_LAST,
};
const field norm_element[] = {{.name = "", .type = FIELD_NUMBER}};
#define ENTRY_FIELDS                                                                               \
    {.name = "model",                                                                              \
     .type = FIELD_STRING,                                                                         \
     .help = "Id of the model it is for; null: none that is at hand"},                             \
        {.name = "shelf",                                                                          \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .help =                                                                                   \
             "The first 16 digits of that model's sha256; may stand for the model's id in paths"}, \
        {.name = "name", .type = FIELD_STRING, .required = true},                                  \
        {.name = "trait", .type = FIELD_STRING, .required = true},                                 \
        {.name = "method", .type = FIELD_STRING, .required = true},                                \
        {.name = "model_name", .type = FIELD_STRING, .required = true},                            \
        {.name = "parent_model",                                                                   \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .help = "Of a transferred vector: where it was extracted"},                               \
        {.name = "source", .type = FIELD_STRING, .required = true, .help = "Of a foreign file"},   \
        {.name = "unit", .type = FIELD_STRING, .required = true},                                  \
        {.name = "verdict",                                                                        \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .help = "PASS, FAIL or empty"},                                                           \
        {.name = "best_layer", .type = FIELD_INT, .required = true, .help = "-1: not known"},      \
        {.name = "auroc", .type = FIELD_NUMBER, .help = "At the best block; null: not measured"},  \
        {.name = "norms",                                                                          \
         .type = FIELD_ARRAY,                                                                      \
         .required = true,                                                                         \
         .of = norm_element,                                                                       \
         .help = "By block from 0; null where there is no direction"},                             \
        {.name = "dose", .type = FIELD_NUMBER, .help = "null: not calibrated"},                    \
        {.name = "safe_low",                                                                       \
         .type = FIELD_NUMBER,                                                                     \
         .help = "Coefficients between which answers stay"},                                       \
        {.name = "safe_high", .type = FIELD_NUMBER, .help = "coherent; null: not measured"},       \
        {.name = "generated", .type = FIELD_OBJECT, .required = true, .of = count_fields},         \
        {.name = "kept", .type = FIELD_OBJECT, .required = true, .of = count_fields},              \
        {.name = "n_layer", .type = FIELD_INT, .required = true},                                  \
        {.name = "n_embd", .type = FIELD_INT, .required = true},                                   \
        {.name = "size_bytes", .type = FIELD_NUMBER, .required = true},                            \
    {                                                                                              \
        .name = "modified", .type = FIELD_INT, .required = true, .help = "Seconds since 1970"      \
    }

static const field entry_fields[] = {ENTRY_FIELDS, FIELD_LAST};
const field vector_kept_fields[] = {
    ENTRY_FIELDS,
    {.name = "replaced", .type = FIELD_BOOL, .required = true, .help = "There was one"},
    {.name = "notes",
     .type = FIELD_ARRAY,
     .required = true,
     .of = note_element,
     .help = "What was assumed, or left out on the way"},
    FIELD_LAST,
};
static const field entry_element[] = {{.name = "", .type = FIELD_OBJECT, .of = entry_fields}};
static const field list_fields[] = {
    {.name = "vectors", .type = FIELD_ARRAY, .required = true, .of = entry_element},
    {.name = "damaged",
     .type = FIELD_ARRAY,
     .required = true,
     .of = damaged_element,
     .help = "Files that cannot be read"},
    FIELD_LAST,
};

static const field number_element[] = {{.name = "", .type = FIELD_NUMBER}};
static const field layer_fields[] = {
    {.name = "layer", .type = FIELD_INT, .required = true},
    {.name = "norm", .type = FIELD_NUMBER},
    {.name = "h_median", .type = FIELD_NUMBER},
    {.name = "auroc", .type = FIELD_NUMBER},
    {.name = "cohen_d", .type = FIELD_NUMBER},
    {.name = "agreement", .type = FIELD_NUMBER},
    {.name = "split_half_cosine", .type = FIELD_NUMBER},
    {.name = "neutral_mean", .type = FIELD_NUMBER},
    {.name = "neutral_sd", .type = FIELD_NUMBER},
    {.name = "token_mean", .type = FIELD_NUMBER},
    {.name = "token_sd", .type = FIELD_NUMBER},
    {.name = "quantiles",
     .type = FIELD_ARRAY,
     .required = true,
     .of = number_element,
     .help = "At 1, 5, 10, 25, 50, 75, 90, 95 and 99 percent of neutral tokens"},
    FIELD_LAST,
};
static const field layer_element[] = {{.name = "", .type = FIELD_OBJECT, .of = layer_fields}};
static const field show_fields[] = {
    {.name = "id", .type = FIELD_STRING, .help = "Of the model; null: none that is at hand"},
    {.name = "shelf", .type = FIELD_STRING, .required = true},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "n_layer", .type = FIELD_INT, .required = true},
    {.name = "n_embd", .type = FIELD_INT, .required = true},
    {.name = "trait", .type = FIELD_STRING, .required = true},
    {.name = "method", .type = FIELD_STRING, .required = true},
    {.name = "model", .type = FIELD_STRING, .required = true, .help = "As its file names it"},
    {.name = "arch", .type = FIELD_STRING, .required = true},
    {.name = "model_sha256", .type = FIELD_STRING, .required = true},
    {.name = "template_sha256", .type = FIELD_STRING, .required = true},
    {.name = "judge", .type = FIELD_STRING, .required = true},
    {.name = "library", .type = FIELD_STRING, .required = true},
    {.name = "parent_model", .type = FIELD_STRING, .required = true},
    {.name = "parent_sha256", .type = FIELD_STRING, .required = true},
    {.name = "map", .type = FIELD_STRING, .required = true},
    {.name = "sample", .type = FIELD_STRING, .required = true},
    {.name = "verdict", .type = FIELD_STRING, .required = true},
    {.name = "unit", .type = FIELD_STRING, .required = true},
    {.name = "source", .type = FIELD_STRING, .required = true},
    {.name = "note", .type = FIELD_STRING, .required = true},
    {.name = "unapplied",
     .type = FIELD_STRING,
     .required = true,
     .help = "What the file says about its use that is not ours"},
    {.name = "seed", .type = FIELD_NUMBER, .required = true},
    {.name = "generated", .type = FIELD_OBJECT, .required = true, .of = count_fields},
    {.name = "kept", .type = FIELD_OBJECT, .required = true, .of = count_fields},
    {.name = "best_layer", .type = FIELD_INT, .required = true},
    {.name = "dose", .type = FIELD_NUMBER},
    {.name = "dose_kl", .type = FIELD_NUMBER},
    {.name = "layer_from", .type = FIELD_INT, .required = true},
    {.name = "n_texts", .type = FIELD_INT, .required = true},
    {.name = "lambda", .type = FIELD_NUMBER},
    {.name = "r2_heldout", .type = FIELD_NUMBER},
    {.name = "r2_contrast", .type = FIELD_NUMBER},
    {.name = "r2_shuffled", .type = FIELD_NUMBER},
    {.name = "layers", .type = FIELD_ARRAY, .required = true, .of = layer_element},
    FIELD_LAST,
};

static const field text_element[] = {{.name = "", .type = FIELD_STRING}};
static const field id_element[] = {{.name = "", .type = FIELD_INT}};
static const field lens_fields[] = {
    {.name = "layer", .type = FIELD_INT, .required = true},
    {.name = "sd", .type = FIELD_NUMBER, .help = "Over the vocabulary"},
    {.name = "promoted", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "suppressed", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "promoted_ids", .type = FIELD_ARRAY, .required = true, .of = id_element},
    {.name = "promoted_logits", .type = FIELD_ARRAY, .required = true, .of = number_element},
    {.name = "suppressed_ids", .type = FIELD_ARRAY, .required = true, .of = id_element},
    {.name = "suppressed_logits", .type = FIELD_ARRAY, .required = true, .of = number_element},
    FIELD_LAST,
};
static const field lens_element[] = {{.name = "", .type = FIELD_OBJECT, .of = lens_fields}};
static const field explain_fields[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "trait", .type = FIELD_STRING, .required = true},
    {.name = "matrix", .type = FIELD_STRING, .required = true},
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "n_left_out",
     .type = FIELD_INT,
     .required = true,
     .help = "Control, unknown and unused tokens"},
    {.name = "best_layer", .type = FIELD_INT, .required = true},
    {.name = "layers", .type = FIELD_ARRAY, .required = true, .of = lens_element},
    FIELD_LAST,
};
const route routes_native_vectors[] = {
    {.method = "GET",
     .path = "/api/v1/vectors",
     .errors = ERRORS_OPENAI,
     .query = list_query,
     .run = list,
     .tag = "Vectors",
     .summary = "The vectors of all models",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/vectors/{model}/{name}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Vectors",
     .summary = "Everything that is known of one",
     .answer = show_fields},
    {.method = "GET",
     .path = "/api/v1/vectors/{model}/{name}/explain",
     .errors = ERRORS_OPENAI,
     .query = explain_query,
     .run = explain,
     .tag = "Vectors",
     .summary = "The tokens that each block's direction promotes and suppresses",
     .answer = explain_fields},
    {.method = "DELETE",
     .path = "/api/v1/vectors/{model}/{name}",
     .errors = ERRORS_OPENAI,
     .run = delete,
     .tag = "Vectors",
     .summary = "Moves one to the trash",
     .answer = deleted_fields},
    {.method = NULL},
};
