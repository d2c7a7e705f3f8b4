/* SPDX-License-Identifier: MIT
 *
 * native_vector_files.c - /api/v1/vectors/{model}/{name}/file: vectors as files, out and in.
 * Uploads go through the readers that every other file goes through, and must fit the model.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/recipe.h"
#include "server/routes/vector_parts.h"
#include "workbench/tempdir.h"

#define UPLOAD_MAX ((size_t)64 << 20)

/* ---- out ------------------------------------------------------------------------------------- */

static const struct format {
    const char *name, *type;
} FORMATS[] = {{"gguf", "application/octet-stream"},
               {"safetensors", "application/octet-stream"},
               {"json", "application/json"},
               {"pt", "application/octet-stream"}};

static persona_code format_of(const call *c, const struct format **out, persona_err *e)
{
    const char *wanted = http_query(c->request, "format");
    *out = &FORMATS[0];
    for (size_t i = 0; wanted != NULL && i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (strcmp(FORMATS[i].name, wanted) == 0) {
            *out = &FORMATS[i];
            return PERSONA_OK;
        }
    }
    return wanted == NULL ? PERSONA_OK
                          : persona_err_set(e, PERSONA_E_USAGE,
                                            "format: wants one of gguf, safetensors, json, pt");
}

/* *note: what the format cannot hold; mem_free both. */
static persona_code convert(call *c, const char *format, char **bytes, size_t *n, char **note,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *v = NULL;
    tempdir tmp = {NULL};
    char *path = NULL;
    TRY(read_vector(c, c->parts[0], c->parts[1], &v, e));
    TRY(tempdir_open(&tmp, e));
    TRY(tempdir_path(&tmp, "vector", &path, e));
    TRY(persona_vector_write_as(v, path, format, note, e));
    TRY(file_read(path, (size_t)200 << 20, bytes, n, e));
out:
    mem_free(path);
    tempdir_close(&tmp);
    persona_vector_free(v);
    return rc;
}

/* The file of the library as it is. */
static persona_code as_it_is(call *c, char **bytes, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], *path = NULL;
    TRY(call_shelf(c, c->parts[0], shelf, e));
    TRY(shelf_find(shelf, c->parts[1], &path, e));
    TRY(file_read(path, (size_t)200 << 20, bytes, n, e));
out:
    mem_free(path);
    return rc;
}

static persona_code download(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const struct format *f = NULL;
    char *bytes = NULL, *note = NULL, name[224];
    size_t n = 0;
    TRY(format_of(c, &f, e));
    TRY(f == &FORMATS[0] ? as_it_is(c, &bytes, &n, e) : convert(c, f->name, &bytes, &n, &note, e));
    buf_add(&c->reply->body, bytes, n);
    c->reply->type = f->type;
    snprintf(name, sizeof name, "attachment; filename=\"%s.%s\"", c->parts[1], f->name);
    http_reply_header(c->reply, "Content-Disposition", name);
    if (note != NULL && *note != '\0') {
        http_reply_header(c->reply, "X-Persona-Note", note);
    }
out:
    mem_free(bytes);
    mem_free(note);
    return rc;
}

/* ---- in -------------------------------------------------------------------------------------- */

persona_code keep_vector(call *c, const char *model, const char *name, const persona_vector *v,
                         bool replace, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char shelf[SHELF_ID + 1], *path = NULL, *note = NULL;
    TRY(call_shelf(c, model, shelf, e));
    TRY(shelf_place(shelf, name, &path, e));
    const bool there = file_exists(path);
    if (persona_recipe_exists(name) || (there && !replace)) {
        c->status = 409;
        c->reason = "exists";
        rc = persona_err_set(e, PERSONA_E_USAGE, "there is a %s '%.80s' already%s",
                             there ? "vector" : "recipe", name, there ? " (replace=true)" : "");
        goto out;
    }
    TRY(persona_vector_write_as(v, path, "gguf", &note, e));
    jo_object(&c->out, NULL);
    TRY(vector_entry(c, shelf, name, v, e));
    jo_bool(&c->out, "replaced", there);
    jo_array(&c->out, "notes");
    if (*v->from.note != '\0') {
        jo_string(&c->out, NULL, v->from.note);
    }
    if (note != NULL && *note != '\0') {
        jo_string(&c->out, NULL, note);
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(note);
    mem_free(path);
    return rc;
}

static persona_code parse(const call *c, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    tempdir tmp = {NULL};
    char *path = NULL;
    if (c->request->body_len == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "the body is empty: it wants to be the file");
    }
    TRY(tempdir_open(&tmp, e));
    TRY(tempdir_path(&tmp, "upload", &path, e));
    TRY(file_write(path, c->request->body, c->request->body_len, e));
    TRY(persona_vector_read(path, out, e));
out:
    mem_free(path);
    tempdir_close(&tmp);
    return rc;
}

/* The last block has no directions of ours, and no vector has more of them than the model. */
static persona_code check_fit(const persona_vector *v, const model_peek *m, const char *model,
                              persona_err *e)
{
    if (v->n_embd != (int)m->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE, "the vector is %d wide, the model %s is %u",
                               v->n_embd, model, (unsigned)m->n_embd);
    }
    for (int b = (int)m->n_layer; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "the vector has a direction for block %d, the model %s has "
                                   "blocks 0 to %d",
                                   b, model, (int)m->n_layer - 1);
        }
    }
    return PERSONA_OK;
}

static persona_code upload(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *v = NULL;
    model_peek m;
    const char *replace = http_query(c->request, "replace");
    rc = registry_peek(c->s->models, c->parts[0], &m, e);
    if (rc == PERSONA_E_NOTFOUND) {
        c->param = "model";
        c->reason = "model_not_found";
    }
    TRY(rc);
    TRY(parse(c, &v, e));
    TRY(check_fit(v, &m, c->parts[0], e));
    TRY(keep_vector(c, c->parts[0], c->parts[1], v, replace != NULL && strcmp(replace, "true") == 0,
                    e));
out:
    persona_vector_free(v);
    return rc;
}

static const field download_query[] = {
    {.name = "format",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "gguf (default: the file as it is), safetensors, json or pt"},
    FIELD_LAST,
};
static const field upload_query[] = {
    {.name = "replace",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "true: also where there is one of that name"},
    FIELD_LAST,
};

const route routes_native_vector_files[] = {
    {.method = "GET",
     .path = "/api/v1/vectors/{model}/{name}/file",
     .errors = ERRORS_OPENAI,
     .query = download_query,
     .run = download,
     .tag = "Vectors",
     .summary = "One as a file; what its format cannot hold is told in X-Persona-Note"},
    {.method = "PUT",
     .path = "/api/v1/vectors/{model}/{name}/file",
     .errors = ERRORS_OPENAI,
     .bytes_max = UPLOAD_MAX,
     .query = upload_query,
     .run = upload,
     .tag = "Vectors",
     .summary = "Uploads one: any format that is told by its content, at most 64 MiB",
     .answer = vector_kept_fields},
    {.method = NULL},
};
