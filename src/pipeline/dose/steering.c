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
#include "core/steer/expression.h"
#include "pipeline/dose/steering.h"

#define HASH_PREFIX 16

void persona_receipt_free(persona_receipt *r)
{
    if (r != NULL) {
        mem_free(r->expression);
        mem_free(r->unit);
        mem_free(r->layers);
        mem_free(r->note);
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

static const steering_vectors from_files = {NULL, find_alone, release_alone};

/* ---- building ------------------------------------------------------------------------------- */

typedef struct builder {
    persona_model *m;
    const steering_vectors *from;
    persona_edit *edits;
    size_t n, cap;
    persona_vector **vectors; /* keep rows alive until the plan has copied them */
    size_t n_vectors;
    double delta;
    buf note;
    int units; /* bit set of steer_unit */
} builder;

static persona_code add_edit(builder *b, const persona_vector *v, int block, double alpha,
                             unsigned phases, persona_err *e)
{
    if (b->n == b->cap) {
        size_t cap = b->cap == 0 ? 16 : b->cap * 2;
        persona_edit *grown = mem_realloc(b->edits, cap, sizeof *grown);
        if (grown == NULL) {
            return mem_err(e, "a plan");
        }
        b->edits = grown;
        b->cap = cap;
    }
    b->edits[b->n++] = (persona_edit){.op = PERSONA_OP_ADD,
                                      .block = block,
                                      .phases = phases,
                                      .alpha = (float)alpha,
                                      .v = persona_vector_row(v, block)};
    b->delta += alpha * (double)v->layers[block].norm;
    return PERSONA_OK;
}

static persona_code calibrated_for(const persona_vector *v, persona_model *m, bool *out,
                                   persona_err *e)
{
    const char *sha = "";
    persona_code rc = PERSONA_OK;
    *out = isfinite(v->from.dose) && v->from.dose > 0 && v->from.best_layer >= 0;
    if (*out) {
        rc = persona_model_sha256(m, &sha, e);
        *out = strcmp(sha, v->from.model_hash) == 0;
    }
    return rc;
}

/* Multiple of the raw direction at `block` that one coefficient means. */
static persona_code unit_scale(builder *b, const steer_term *t, const persona_vector *v, int block,
                               int n_blocks, double *scale, persona_err *e)
{
    const persona_vector_layer *l = &v->layers[block];
    steer_unit unit = t->unit;
    bool calibrated = false;
    const persona_code rc =
        unit == STEER_DOSE ? calibrated_for(v, b->m, &calibrated, e) : PERSONA_OK;
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (unit == STEER_DOSE && !calibrated) {
        if (strstr(buf_str(&b->note), t->v.name) == NULL) {
            buf_printf(&b->note, "%s%s: no calibration for this model, unit is raw",
                       b->note.len > 0 ? "; " : "", t->v.name);
        }
        unit = STEER_RAW;
    }
    b->units |= 1 << (int)unit;
    *scale = 1.0;
    if (unit == STEER_DOSE) {
        *scale = (double)v->from.dose / n_blocks;
    } else if (unit == STEER_RATIO) {
        if (!(l->h_median > 0) || !(l->norm > 0)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "ratio:%s: the vector file does not know ||h|| at block %d (use "
                                   "raw:)",
                                   t->v.name, block);
        }
        *scale = (double)l->h_median / (double)l->norm;
    }
    return PERSONA_OK;
}

static persona_code add_term(builder *b, const steer_term *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *v = NULL;
    TRY(b->from->find(b->from->ud, b->m, t->v.name, &v, e));
    b->vectors[b->n_vectors++] = v;
    TRY(persona_vector_addable(v, t->v.name, e));
    int n_layer = persona_model_info_get(b->m)->n_layer, n_present = 0;
    int first = t->block_a >= 0 ? t->block_a : v->from.best_layer;
    int last = t->block_a >= 0 ? t->block_b : first;
    if (first < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the vector file names no best block; give one: %s@A-B",
                               t->v.name, t->v.name);
    }
    for (int k = first; k <= last && k < v->n_layer; k++) {
        n_present += v->layers[k].present;
    }
    if (last >= n_layer || n_present == 0) {
        return persona_err_set(
            e, PERSONA_E_SHAPE,
            "%s@%d-%d: no direction there (the model has blocks 0..%d, the vector "
            "%d)",
            t->v.name, first, last, n_layer - 1, v->n_layer);
    }
    for (int k = first; k <= last && k < v->n_layer; k++) {
        double scale;
        if (!v->layers[k].present) {
            continue;
        }
        TRY(unit_scale(b, t, v, k, n_present, &scale, e));
        unsigned phases = t->phases == 0 ? PERSONA_PHASE_RESPONSE : t->phases;
        TRY(add_edit(b, v, k, t->coefficient * scale, phases, e));
    }
out:
    return rc;
}

static const char *units_name(int units)
{
    switch (units) {
    case 1 << STEER_DOSE:
        return steer_unit_name(STEER_DOSE);
    case 1 << STEER_RAW:
        return steer_unit_name(STEER_RAW);
    case 1 << STEER_RATIO:
        return steer_unit_name(STEER_RATIO);
    default:
        return "mixed";
    }
}

static persona_code fill_receipt(const builder *b, const char *expression, persona_receipt *r,
                                 persona_err *e)
{
    int n_layer = persona_model_info_get(b->m)->n_layer;
    r->expression = mem_strdup(expression);
    r->unit = mem_strdup(units_name(b->units));
    r->note = mem_strdup(buf_str(&b->note));
    r->layers = mem_calloc((size_t)n_layer, sizeof *r->layers);
    r->delta_projection = b->delta;
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

static persona_code finish(const builder *b, const char *expression, persona_plan **plan,
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

static void builder_free(builder *b)
{
    for (size_t i = 0; b->vectors != NULL && i < b->n_vectors; i++) {
        b->from->release(b->from->ud, b->vectors[i]);
    }
    mem_free(b->vectors);
    mem_free(b->edits);
    buf_free(&b->note);
}

persona_code persona_steer(persona_model *m, const char *expression, persona_plan **plan,
                           persona_receipt *receipt, persona_err *e)
{
    return steering_build(m, expression, &from_files, plan, receipt, e);
}

/* What the engine cannot do yet. */
static persona_code only_sums(const steer_expr *x, persona_err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        const steer_term *t = &x->terms[i];
        char place[STEER_PLACE];
        steer_place(x, i, place);
        if (t->op != STEER_ADD || t->v.kind != STEER_NAMED || t->joint > 0 || t->first > 0 ||
            t->after > 0 || t->syntax_off || t->n_when > 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "%s: this belongs to the language but not to this version (only "
                                   "sums of vectors do)",
                                   place);
        }
    }
    return PERSONA_OK;
}

persona_code steering_build(persona_model *m, const char *expression, const steering_vectors *from,
                            persona_plan **plan, persona_receipt *receipt, persona_err *e)
{
    steer_expr x = {0};
    builder b = {.m = m, .from = from};
    persona_code rc = PERSONA_OK;
    *plan = NULL;
    buf_init(&b.note, 4096);
    TRY(steer_parse_any(expression, &x, e));
    TRY(only_sums(&x, e));
    b.vectors = mem_calloc(x.n, sizeof(persona_vector *));
    TRY(b.vectors != NULL ? PERSONA_OK : mem_err(e, "a plan"));
    for (size_t i = 0; i < x.n; i++) {
        TRY(add_term(&b, &x.terms[i], e));
    }
    TRY(finish(&b, expression, plan, receipt, e));
out:
    builder_free(&b);
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
static persona_code add_file(builder *b, const persona_control_vectors *x, size_t i, int first,
                             int last, persona_err *e)
{
    const char *name = x->paths[i];
    const int n_layer = persona_model_info_get(b->m)->n_layer;
    persona_vector *v = NULL;
    char *path = strchr(name, '/') != NULL ? mem_strdup(name) : path_join(".", name);
    persona_code rc = PERSONA_OK;
    TRY(path == NULL ? mem_err(e, "a path") : persona_vector_find(b->m, path, &v, e));
    b->vectors[b->n_vectors++] = v;
    TRY(persona_vector_addable(v, name, e));
    for (int k = first; k <= last && k < v->n_layer && k < n_layer; k++) {
        if (v->layers[k].present) {
            TRY(add_edit(b, v, k, (double)x->scales[i], PERSONA_PHASE_ALL, e));
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
    builder b = {.m = m, .from = &from_files, .units = 1 << STEER_RAW};
    buf text;
    persona_code rc = PERSONA_OK;
    *plan = NULL;
    buf_init(&b.note, 4096);
    buf_init(&text, 1 << 16);
    b.vectors = mem_calloc(x->n, sizeof(persona_vector *));
    TRY(b.vectors != NULL ? PERSONA_OK : mem_err(e, "a plan"));
    for (size_t i = 0; i < x->n; i++) {
        TRY(add_file(&b, x, i, first, last, e));
        buf_printf(&text, "%s%g*%s", i > 0 ? " + " : "", (double)x->scales[i], x->paths[i]);
    }
    if (b.n == 0) {
        rc = persona_err_set(
            e, PERSONA_E_SHAPE,
            "%s: no direction in the layers %d to %d of %s: nothing would be steered",
            buf_str(&text), first, last, info->name);
        goto out;
    }
    TRY(finish(&b, buf_str(&text), plan, receipt, e));
out:
    buf_free(&text);
    builder_free(&b);
    return rc;
}
