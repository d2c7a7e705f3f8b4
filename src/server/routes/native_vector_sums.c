/* SPDX-License-Identifier: MIT
 *
 * native_vector_sums.c - several vectors at once: how they agree, and sums of them.
 */
#include <stdio.h>
#include <string.h>

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
    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = i + 1; k < x->n; k++) {
            TRY(vectors_comparable(x->v[i], x->names[i], x->v[k], x->names[k], e));
        }
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

static persona_code combine(call *c, persona_err *e)
{
    const combine_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_vector *sum = NULL;
    opening x = {c, a->model};
    TRY(vector_sum(a->expression, open_term, &x, &sum, e));
    if (a->normalize) {
        TRY(persona_vector_normalize(sum, e));
    }
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
static const field combine_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 127,
     .at = offsetof(combine_args, model),
     .help = "Id of the model whose vectors these are"},
    {.name = "expression",
     .type = FIELD_STRING,
     .required = true,
     .max = 4096,
     .at = offsetof(combine_args, expression),
     .help = "A sum such as \"silly + 0.5*poetic@3-5\"; coefficients multiply the raw values"},
    {.name = "name",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = SHELF_NAME_MAX,
     .at = offsetof(combine_args, name),
     .help = "Of the new vector"},
    {.name = "normalize",
     .type = FIELD_BOOL,
     .at = offsetof(combine_args, normalize),
     .help = "Make every direction one of unit length"},
    {.name = "replace",
     .type = FIELD_BOOL,
     .at = offsetof(combine_args, replace),
     .help = "Also where there is one of that name"},
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
    {.method = NULL},
};
