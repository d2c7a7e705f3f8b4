/* SPDX-License-Identifier: MIT
 *
 * steering.c - names to vectors, expressions to plans and receipts (include/persona/steer.h).
 *
 * The library of vectors is one folder per model, named by the file's hash: a vector can only be
 * found for the very file it was made for. A vector given by path may come from anywhere; its width
 * must fit, and its calibration counts only for the file it names.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/resolve.h"

#define HASH_PREFIX 16

void steering_free_grams(persona_receipt_gram *grams, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free_list(grams[i].names, grams[i].names != NULL ? grams[i].n : 0);
        mem_free(grams[i].cosines);
    }
    mem_free(grams);
}

void persona_receipt_free(persona_receipt *r)
{
    if (r != NULL) {
        mem_free(r->expression);
        mem_free(r->unit);
        mem_free(r->layers);
        mem_free(r->note);
        steering_free_grams(r->grams, r->n_grams);
        memset(r, 0, sizeof *r);
    }
}

/* $XDG_DATA_HOME/persona/vectors/HASH */
static persona_code library_dir(persona_model *m, char **out, persona_err *e)
{
    const char *sha;
    char *data = NULL;
    persona_code rc = persona_model_sha256(m, &sha, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    data = path_user_data();
    if (data == NULL) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "neither XDG_DATA_HOME nor HOME is set: name vector files by path");
    }
    *out = mem_printf("%s/vectors/%.*s", data, HASH_PREFIX, sha);
    mem_free(data);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

persona_code persona_vector_place(persona_model *m, const char *trait, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *dir = NULL;
    *path = NULL;
    TRY(library_dir(m, &dir, e));
    *path = mem_printf("%s/%s.gguf", dir, trait);
    TRY(*path != NULL ? PERSONA_OK : mem_err(e, "a path"));
out:
    mem_free(dir);
    return rc;
}

/* "silly, superficial" or "none yet". */
static void list_library(const char *dir, buf *out)
{
    char **paths = NULL;
    size_t n = 0;
    /* Only for a message: what cannot be listed is not there. */
    if (file_list(dir, ".gguf", &paths, &n, NULL) != PERSONA_OK || n == 0) {
        buf_puts(out, "none yet");
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = path_base(paths[i]);
        buf_printf(out, "%s%.*s", i > 0 ? ", " : "", (int)(strlen(name) - strlen(".gguf")), name);
    }
    mem_free_list(paths, n);
}

static bool is_path(const char *name)
{
    return strchr(name, '/') != NULL || persona_vector_format_of(name) != NULL;
}

persona_code steering_path(persona_model *m, const char *name, char **out, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    persona_code rc = PERSONA_OK;
    char *dir = NULL;
    buf known;
    buf_init(&known, 4096);
    *out = NULL;
    if (is_path(name)) {
        *out = mem_strdup(name);
        return *out != NULL ? PERSONA_OK : mem_err(e, "a path");
    }
    TRY(library_dir(m, &dir, e));
    *out = mem_printf("%s/%s.gguf", dir, name);
    TRY(*out != NULL ? PERSONA_OK : mem_err(e, "a path"));
    if (file_exists(*out) && file_exists(name)) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "'%s' is ambiguous: a vector of the library, %s, and a file of this "
                             "folder (write ./%s for the file, the whole path for the other)",
                             name, *out, name);
        goto out;
    }
    if (!file_exists(*out)) {
        list_library(dir, &known);
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "no vector '%s' for %s (there: %s); make one with: persona extract "
                             "--model %s --trait %s",
                             name, info->name, buf_str(&known), info->path, name);
    }
out:
    if (rc != PERSONA_OK) {
        mem_free(*out);
        *out = NULL;
    }
    buf_free(&known);
    mem_free(dir);
    return rc;
}

persona_code steering_read(persona_model *m, const char *path, persona_vector **out, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_read(path, out, e));
    if ((*out)->n_embd != info->n_embd) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE,
            "%s: the vector is %d wide, the model %s is %d wide (a vector of another "
            "model: carry it over with persona transfer)",
            path, (*out)->n_embd, info->name, info->n_embd);
        persona_vector_free(*out);
        *out = NULL;
    }
out:
    return rc;
}

persona_code persona_vector_find(persona_model *m, const char *name, persona_vector **out,
                                 persona_err *e)
{
    char *path = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(steering_path(m, name, &path, e));
    TRY(steering_read(m, path, out, e));
out:
    mem_free(path);
    return rc;
}

/* Vectors read for one expression and freed with it. */
static persona_code find_alone(void *ud, persona_model *m, const char *name, persona_vector **out,
                               persona_err *e)
{
    (void)ud;
    return persona_vector_find(m, name, out, e);
}

static void release_alone(void *ud, persona_vector *v)
{
    (void)ud;
    persona_vector_free(v);
}

static const steering_vectors from_files = {NULL, find_alone, release_alone, true};

/* ---- receipts -------------------------------------------------------------------------------- */

static const char *units_name(int units)
{
    switch (units) {
    case 1 << STEER_DOSE:
        return steer_unit_name(STEER_DOSE);
    case 1 << STEER_RAW:
        return steer_unit_name(STEER_RAW);
    case 1 << STEER_RATIO:
        return steer_unit_name(STEER_RATIO);
    case 0:
        return "none"; /* only operators that have no unit */
    default:
        return "mixed";
    }
}

static persona_code fill_receipt(resolver *b, const char *expression, persona_receipt *r,
                                 persona_err *e)
{
    int n_layer = persona_model_info_get(b->m)->n_layer;
    r->expression = mem_strdup(expression);
    r->unit = mem_strdup(units_name(b->units));
    r->note = mem_strdup(buf_str(&b->note));
    r->layers = mem_calloc((size_t)n_layer, sizeof *r->layers);
    r->delta_projection = b->delta;
    r->grams = b->grams;
    r->n_grams = b->n_grams;
    b->grams = NULL;
    b->n_grams = 0;
    if (r->expression == NULL || r->unit == NULL || r->note == NULL || r->layers == NULL) {
        persona_receipt_free(r);
        return mem_err(e, "a receipt");
    }
    for (int k = 0; k < n_layer; k++) {
        bool used = false;
        for (size_t i = 0; i < b->n; i++) {
            used = used || (b->edits[i].block == k && b->edits[i].alpha != 0.0F);
        }
        if (used) {
            r->layers[r->n_layers++] = k;
        }
    }
    return PERSONA_OK;
}

static persona_code finish(resolver *b, const char *expression, persona_plan **plan,
                           persona_receipt *receipt, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(b->m);
    persona_plan *p = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_plan_new(info->n_layer, info->n_embd, b->edits, b->n, &p, e));
    if (receipt != NULL) {
        memset(receipt, 0, sizeof *receipt);
        TRY(fill_receipt(b, expression, receipt, e));
    }
    *plan = p;
    p = NULL;
out:
    persona_plan_free(p);
    return rc;
}

persona_code persona_steer(persona_model *m, const char *expression, persona_plan **plan,
                           persona_receipt *receipt, persona_err *e)
{
    return steering_build(m, expression, &from_files, plan, receipt, e);
}

persona_code steering_build(persona_model *m, const char *expression, const steering_vectors *from,
                            persona_plan **plan, persona_receipt *receipt, persona_err *e)
{
    steer_expr x = {0};
    resolver r = {0};
    buf text;
    persona_code rc = PERSONA_OK;
    *plan = NULL;
    buf_init(&text, STEER_TEXT_MAX);
    resolve_begin(&r, m, from, &x);
    TRY(steer_parse_any(expression, &x, e));
    TRY(from->recipes ? recipes_expand(m, &x, e) : PERSONA_OK);
    TRY(resolve_terms(&r, e));
    steer_print(&x, &text);
    TRY(buf_ok(&text, "a steering expression", e));
    TRY(finish(&r, buf_str(&text), plan, receipt, e));
out:
    resolve_end(&r);
    buf_free(&text);
    steer_expr_free(&x);
    return rc;
}

persona_code persona_steer_block(persona_model *m, const persona_vector *v, int block, double alpha,
                                 persona_plan **plan, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    *plan = NULL;
    if (v->n_embd != info->n_embd || block < 0 || block >= info->n_layer || block >= v->n_layer ||
        !v->layers[block].present) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "vector '%s' (width %d, block %d) does not fit %s (width %d, %d blocks)", v->from.trait,
            v->n_embd, block, info->name, info->n_embd, info->n_layer);
    }
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_addable(v, v->from.trait, e));
    const persona_edit edit = {.op = PERSONA_OP_ADD,
                               .block = block,
                               .phases = PERSONA_PHASE_RESPONSE,
                               .alpha = (float)alpha,
                               .v = persona_vector_row(v, block)};
    TRY(persona_plan_new(info->n_layer, info->n_embd, &edit, 1, plan, e));
out:
    return rc;
}

persona_code persona_steer_vector(persona_model *m, const persona_vector *v, double coefficient,
                                  persona_plan **plan, persona_err *e)
{
    const double dose = isfinite(v->from.dose) ? (double)v->from.dose : 1.0;
    return persona_steer_block(m, v, v->from.best_layer, coefficient * dose, plan, e);
}

/* Every direction of one file within the range. */
static persona_code add_file(resolver *r, const persona_control_vectors *x, size_t i, int first,
                             int last, persona_err *e)
{
    const char *name = x->paths[i];
    const int n_layer = persona_model_info_get(r->m)->n_layer;
    persona_vector *v = NULL;
    char *path = strchr(name, '/') != NULL ? mem_strdup(name) : path_join(".", name);
    persona_code rc = PERSONA_OK;
    TRY(path == NULL ? mem_err(e, "a path") : resolve_vector(r, path, &v, e));
    for (int k = first; k <= last && k < v->n_layer && k < n_layer; k++) {
        if (v->layers[k].present) {
            const persona_edit edit = {.op = PERSONA_OP_ADD,
                                       .block = k,
                                       .phases = PERSONA_PHASE_ALL,
                                       .alpha = x->scales[i],
                                       .v = persona_vector_row(v, k)};
            r->delta += (double)x->scales[i] * (double)v->layers[k].norm;
            TRY(resolve_add(r, &edit, e));
        }
    }
out:
    mem_free(path);
    return rc;
}

persona_code persona_steer_files(persona_model *m, const persona_control_vectors *x,
                                 persona_plan **plan, persona_receipt *receipt, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    const int first = x->first > 0 ? x->first : 1;
    const int last = x->last > 0 ? x->last : info->n_layer - 1;
    resolver r = {0};
    buf text;
    persona_code rc = PERSONA_OK;
    *plan = NULL;
    buf_init(&text, 1 << 16);
    resolve_begin(&r, m, &from_files, NULL);
    r.units = 1 << STEER_RAW;
    for (size_t i = 0; i < x->n; i++) {
        TRY(add_file(&r, x, i, first, last, e));
        buf_printf(&text, "%s%g*%s", i > 0 ? " + " : "", (double)x->scales[i], x->paths[i]);
    }
    if (r.n == 0) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE,
            "%s: no direction in the layers %d to %d of %s: nothing would be steered",
            buf_str(&text), first, last, info->name);
        goto out;
    }
    TRY(finish(&r, buf_str(&text), plan, receipt, e));
out:
    buf_free(&text);
    resolve_end(&r);
    return rc;
}
