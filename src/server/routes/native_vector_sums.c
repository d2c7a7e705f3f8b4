/* SPDX-License-Identifier: MIT
 *
 * native_vector_sums.c - several vectors at once: how they agree, and sums of them.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/vector_parts.h"
#include "workbench/vector_json.h"

enum { COMPARE_MAX = 16 };

typedef struct compared {
    persona_vector *v[COMPARE_MAX];
    char names[COMPARE_MAX][SERVED_ID_MAX + SHELF_NAME_MAX + 2]; /* MODEL/NAME */
    size_t n;
} compared;

/* "MODEL/NAME": cut in two at the slash. */
static persona_code open_one(call *c, compared *x, const char *text, size_t len, persona_err *e)
{
    char *name = x->names[x->n];
    if (x->n == COMPARE_MAX || len >= sizeof x->names[0]) {
        return persona_err_set(e, PERSONA_E_USAGE, "vectors: more than %d, or a name too long",
                               COMPARE_MAX);
    }
    snprintf(name, sizeof x->names[0], "%.*s", (int)len, text);
    char model[sizeof x->names[0]];
    const size_t cut = strcspn(name, "/");
    if (name[cut] == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE, "vectors: wants MODEL/NAME,MODEL/NAME,...");
    }
    snprintf(model, sizeof model, "%.*s", (int)cut, name);
    const persona_code rc = read_vector(c, model, name + cut + 1, &x->v[x->n], e);
    x->n += rc == PERSONA_OK;
    return rc;
}

static persona_code open_all(call *c, compared *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *at = http_query(c->request, "vectors");
    while (at != NULL && *at != '\0') {
        const size_t len = strcspn(at, ",");
        TRY(open_one(c, x, at, len, e));
        at += len + (at[len] == ',');
    }
    if (x->n < 2) {
        return persona_err_set(e, PERSONA_E_USAGE, "vectors: wants two or more, MODEL/NAME,...");
    }
    for (size_t k = 1; k < x->n; k++) {
        rc = vectors_comparable(x->v[0], x->names[0], x->v[k], x->names[k], e);
        /* of many, two without a common block have no number, and the others theirs */
        TRY(x->n > 2 && x->v[0]->n_embd == x->v[k]->n_embd ? PERSONA_OK : rc);
    }
out:
    return rc;
}

static void matrix_json(json_out *o, const compared *x, int block)
{
    jo_object(o, NULL);
    jo_int(o, "block", block);
    jo_array(o, "cosines");
    for (size_t i = 0; i < x->n; i++) {
        jo_array(o, NULL);
        for (size_t k = 0; k < x->n; k++) {
            jo_number(o, NULL, persona_vector_cosine(x->v[i], x->v[k], block));
        }
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
}

static bool any_pair(const compared *x, int block)
{
    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = i + 1; k < x->n; k++) {
            if (vectors_share(x->v[i], x->v[k], block)) {
                return true;
            }
        }
    }
    return false;
}

static persona_code compare(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    compared x = {.n = 0};
    int depth = 0;
    TRY(open_all(c, &x, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "vectors");
    for (size_t i = 0; i < x.n; i++) {
        depth = x.v[i]->n_layer > depth ? x.v[i]->n_layer : depth;
        jo_string(&c->out, NULL, x.names[i]);
    }
    jo_end(&c->out);
    jo_array(&c->out, "blocks");
    for (int b = 0; b < depth; b++) {
        if (any_pair(&x, b)) {
            matrix_json(&c->out, &x, b);
        }
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    for (size_t i = 0; i < x.n; i++) {
        persona_vector_free(x.v[i]);
    }
    return rc;
}

typedef struct combine_args {
    const char *model, *expression, *name;
    bool normalize, replace;
} combine_args;

typedef struct opening {
    call *c;
    const char *model;
} opening;

static persona_code open_term(void *ud, const char *name, persona_vector **out, persona_err *e)
{
    const opening *x = ud;
    *out = NULL;
    return shelf_is_name(name)
               ? read_vector(x->c, x->model, name, out, e)
               : persona_err_set(e, PERSONA_E_NOTFOUND,
                                 "'%.60s' is no name of a vector in the library", name);
}

static persona_code add_up(call *c, persona_vector **sum, persona_err *e)
{
    const combine_args *a = c->args;
    persona_code rc = PERSONA_OK;
    opening x = {c, a->model};
    TRY(vector_sum(a->expression, open_term, &x, sum, e));
    if (a->normalize) {
        TRY(persona_vector_normalize(*sum, e));
    }
out:
    return rc;
}

/* The best block; where none is known, that in the middle of those there are. */
static int block_of(const persona_vector *v)
{
    int seen = 0, n = 0;
    if (v->from.best_layer >= 0) {
        return v->from.best_layer;
    }
    for (int b = 0; b < v->n_layer; b++) {
        n += v->layers[b].present;
    }
    for (int b = 0; b < v->n_layer; b++) {
        seen += v->layers[b].present;
        if (v->layers[b].present && seen > n / 2) {
            return b;
        }
    }
    return -1;
}

/* How the sum agrees with every vector of its model that can be read. */
static persona_code agreement_json(call *c, const persona_vector *sum, int block, persona_err *e)
{
    const combine_args *a = c->args;
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], **names = NULL;
    size_t n = 0;
    TRY(call_shelf(c, a->model, shelf, e));
    TRY(shelf_names(shelf, &names, &n, e));
    jo_array(&c->out, "cosines");
    for (size_t i = 0; i < n; i++) {
        persona_vector *v = NULL;
        if (read_vector(c, shelf, names[i], &v, NULL) == PERSONA_OK && v->n_embd == sum->n_embd &&
            block >= 0 && vectors_share(sum, v, block)) {
            jo_object(&c->out, NULL);
            jo_string(&c->out, "name", names[i]);
            jo_number(&c->out, "cosine", persona_vector_cosine(sum, v, block));
            jo_end(&c->out);
        }
        persona_vector_free(v);
    }
    jo_end(&c->out);
out:
    mem_free_list(names, n);
    return rc;
}

static persona_code preview(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *sum = NULL;
    TRY(add_up(c, &sum, e));
    const int block = block_of(sum);
    jo_object(&c->out, NULL);
    jo_int(&c->out, "block", block);
    norms_json(&c->out, sum);
    TRY(agreement_json(c, sum, block, e));
    jo_end(&c->out);
out:
    persona_vector_free(sum);
    return rc;
}

static persona_code combine(call *c, persona_err *e)
{
    const combine_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_vector *sum = NULL;
    TRY(add_up(c, &sum, e));
    TRY(keep_vector(c, a->model, a->name, sum, a->replace, e));
out:
    persona_vector_free(sum);
    return rc;
}

static const field compare_query[] = {
    {.name = "vectors",
     .type = FIELD_STRING,
     .required = true,
     .at = FIELD_NOWHERE,
     .help = "MODEL/NAME,MODEL/NAME,...: 2 to 16"},
    FIELD_LAST,
};
#define SUM_FIELDS                                                                                 \
    {.name = "model",                                                                              \
     .type = FIELD_STRING,                                                                         \
     .required = true,                                                                             \
     .min = 1,                                                                                     \
     .max = 127,                                                                                   \
     .at = offsetof(combine_args, model),                                                          \
     .help = "Id of the model whose vectors these are"},                                           \
        {.name = "expression",                                                                     \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .max = 4096,                                                                              \
         .at = offsetof(combine_args, expression),                                                 \
         .help =                                                                                   \
             "A sum such as \"silly + 0.5*poetic@3-5\"; coefficients multiply the raw values"},    \
    {                                                                                              \
        .name = "normalize", .type = FIELD_BOOL, .at = offsetof(combine_args, normalize),          \
        .help = "Make every direction one of unit length"                                          \
    }

static const field combine_fields[] = {
    SUM_FIELDS,
    {.name = "name",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = SHELF_NAME_MAX,
     .at = offsetof(combine_args, name),
     .help = "Of the new vector"},
    {.name = "replace",
     .type = FIELD_BOOL,
     .at = offsetof(combine_args, replace),
     .help = "Also where there is one of that name"},
    FIELD_LAST,
};

static const field preview_fields[] = {SUM_FIELDS, FIELD_LAST};

static const field cosine_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "cosine", .type = FIELD_NUMBER, .help = "null: a direction of zeros"},
    FIELD_LAST,
};
static const field cosine_element[] = {{.name = "", .type = FIELD_OBJECT, .of = cosine_fields}};
static const field preview_answer[] = {
    {.name = "block",
     .type = FIELD_INT,
     .required = true,
     .help = "Where the cosines are taken: the best block, or one in the middle"},
    {.name = "norms",
     .type = FIELD_ARRAY,
     .required = true,
     .of = norm_element,
     .help = "By block from 0; null where there is no direction"},
    {.name = "cosines",
     .type = FIELD_ARRAY,
     .required = true,
     .of = cosine_element,
     .help = "With every vector of the model that has this block"},
    FIELD_LAST,
};

static const field number_element[] = {{.name = "", .type = FIELD_NUMBER}};
static const field text_element[] = {{.name = "", .type = FIELD_STRING}};
static const field row_element[] = {{.name = "", .type = FIELD_ARRAY, .of = number_element}};
static const field matrix_fields[] = {
    {.name = "block", .type = FIELD_INT, .required = true},
    {.name = "cosines",
     .type = FIELD_ARRAY,
     .required = true,
     .of = row_element,
     .help = "Every one with every one; null where one has no direction"},
    FIELD_LAST,
};
static const field matrix_element[] = {{.name = "", .type = FIELD_OBJECT, .of = matrix_fields}};
static const field compare_fields[] = {
    {.name = "vectors", .type = FIELD_ARRAY, .required = true, .of = text_element},
    {.name = "blocks", .type = FIELD_ARRAY, .required = true, .of = matrix_element},
    FIELD_LAST,
};

const route routes_native_vector_sums[] = {
    {.method = "GET",
     .path = "/api/v1/vectors/compare",
     .errors = ERRORS_OPENAI,
     .query = compare_query,
     .run = compare,
     .tag = "Vectors",
     .summary = "The cosines of several, block by block",
     .answer = compare_fields},
    {.method = "POST",
     .path = "/api/v1/vectors/combine",
     .errors = ERRORS_OPENAI,
     .body = combine_fields,
     .args_size = sizeof(combine_args),
     .run = combine,
     .tag = "Vectors",
     .summary = "Writes a sum of several as a new vector",
     .answer = vector_kept_fields},
    {.method = "POST",
     .path = "/api/v1/vectors/combine-preview",
     .errors = ERRORS_OPENAI,
     .body = preview_fields,
     .args_size = sizeof(combine_args),
     .run = preview,
     .tag = "Vectors",
     .summary = "How such a sum would agree with the model's vectors; nothing is written",
     .answer = preview_answer},
    {.method = NULL},
};
