/* SPDX-License-Identifier: MIT
 *
 * resolve.c - terms of a steering expression to edits of a plan.
 *
 * A term says what in the units of a person: doses, percentiles, z-scores. Here they become numbers
 * in units of h, block by block, from what the vector's file knows of this very model. What it does
 * not know is an error that names the command that finds it out.
 */
#include "pipeline/dose/resolve.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"

#define FREE_LIMIT 0.5 /* ||edit||/||h|| that hold may use where no dose is known */

/* ---- the resolver ---------------------------------------------------------------------------- */

void resolve_begin(resolver *r, persona_model *m, const steering_vectors *from, const steer_expr *x)
{
    *r = (resolver){.m = m, .from = from, .x = x};
    buf_init(&r->note, 1 << 18); /* a remark or two for each of 256 terms */
}

void resolve_end(resolver *r)
{
    for (size_t i = 0; i < r->n_vectors; i++) {
        r->from->release(r->from->ud, r->vectors[i]);
        mem_free(r->names[i]);
    }
    for (size_t i = 0; i < r->n_kept; i++) {
        mem_free(r->kept[i]);
    }
    steering_free_grams(r->grams, r->n_grams);
    mem_free(r->vectors);
    mem_free(r->names);
    mem_free(r->kept);
    mem_free(r->added);
    mem_free(r->ranges);
    mem_free(r->edits);
    buf_free(&r->note);
}

void resolve_note(resolver *r, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *found = strstr(buf_str(&r->note), text);
    const bool whole = found && (found == r->note.p || found[-1] == ' ') &&
                       (found[strlen(text)] == '\0' || found[strlen(text)] == ';');
    if (!whole) {
        buf_printf(&r->note, "%s%s", r->note.len > 0 ? "; " : "", text);
    }
}

void *resolve_keep(resolver *r, size_t n)
{
    void **grown = mem_realloc(r->kept, r->n_kept + 1, sizeof *grown);
    if (!grown) {
        return NULL;
    }
    r->kept = grown;
    grown[r->n_kept] = mem_calloc(n, 1);
    return grown[r->n_kept] ? grown[r->n_kept++] : NULL;
}

persona_code resolve_add(resolver *r, const persona_edit *edit, persona_err *e)
{
    persona_edit *grown = mem_realloc(r->edits, r->n + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "a plan");
    }
    r->edits = grown;
    grown[r->n++] = *edit;
    return PERSONA_OK;
}

persona_code resolve_vector(resolver *r, const char *name, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < r->n_vectors; i++) {
        if (strcmp(r->names[i], name) == 0) {
            *out = r->vectors[i];
            return PERSONA_OK;
        }
    }
    persona_vector **vectors = mem_realloc(r->vectors, r->n_vectors + 1, sizeof *vectors);
    r->vectors = vectors ? vectors : r->vectors;
    char **names = mem_realloc(r->names, r->n_vectors + 1, sizeof *names);
    r->names = names ? names : r->names;
    char *copy = mem_strdup(name);
    persona_vector *v = NULL;
    TRY(vectors && names && copy ? PERSONA_OK : mem_err(e, "a plan"));
    TRY(r->from->find(r->from->ud, r->m, name, &v, e));
    vectors[r->n_vectors] = v;
    names[r->n_vectors++] = copy;
    copy = NULL;
    TRY(persona_vector_addable(v, name, e));
    *out = v;
out:
    mem_free(copy);
    return rc;
}

/* ---- directions ------------------------------------------------------------------------------ */

static const steer_direction *leftmost(const steer_direction *v)
{
    while (v->kind != STEER_NAMED) {
        v = v->a;
    }
    return v;
}

/* row (d) of a direction at a block; *present false: some vector has none there. */
static persona_code make_row(resolver *r, const steer_direction *v, int block, float *row,
                             bool *present, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    float *other = NULL;
    const size_t d = (size_t)persona_model_info_get(r->m)->n_embd;
    if (v->kind == STEER_NAMED) {
        persona_vector *found = NULL;
        TRY(resolve_vector(r, v->name, &found, e));
        *present = *present && block < found->n_layer && found->layers[block].present;
        if (*present) {
            memcpy(row, persona_vector_row(found, block), d * sizeof *row);
        }
        return PERSONA_OK;
    }
    other = mem_calloc(d, sizeof *other);
    TRY(other ? PERSONA_OK : mem_err(e, "a plan"));
    TRY(make_row(r, v->a, block, row, present, e));
    TRY(make_row(r, v->b, block, other, present, e));
    const double length = vec_dot(other, other, d);
    if (!*present || !(length > 0)) {
        *present = false;
        goto out;
    }
    const double along = vec_dot(row, other, d) / length;
    if (v->kind == STEER_ALONG) {
        memcpy(row, other, d * sizeof *row);
        vec_scale(row, along, d);
    } else {
        vec_axpy(row, -along, other, d);
    }
out:
    mem_free(other);
    return rc;
}

/* Rows of along(...) or without(...) at the blocks of the range. */
static persona_code derive_rows(resolver *r, const steer_term *t, resolve_direction *x,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t d = (size_t)persona_model_info_get(r->m)->n_embd;
    for (int b = x->first; b <= x->last && b < x->v->n_layer; b++) {
        float *row = resolve_keep(r, d * sizeof *row);
        bool present = true;
        TRY(row ? PERSONA_OK : mem_err(e, "a plan"));
        TRY(make_row(r, &t->v, b, row, &present, e));
        const double whole = (double)x->v->layers[b].norm;
        if (present && !(vec_norm(row, d) > 1e-6 * whole)) {
            rc = persona_err_set(e, PERSONA_E_NUMERIC,
                                 "at block %d nothing is left of the vector: %s and the other one "
                                 "are %s there",
                                 b, leftmost(&t->v)->name,
                                 t->v.kind == STEER_ALONG ? "at right angles" : "parallel");
            goto out;
        }
        x->rows[b] = present ? row : NULL;
    }
out:
    return rc;
}

persona_code resolve_find_direction(resolver *r, const steer_term *t, resolve_direction *out,
                                    persona_err *e)
{
    const char *name = leftmost(&t->v)->name;
    const int n_layer = persona_model_info_get(r->m)->n_layer;
    persona_code rc = PERSONA_OK;
    *out = (resolve_direction){.derived = t->v.kind != STEER_NAMED};
    TRY(resolve_vector(r, name, &out->v, e));
    persona_vector *v = out->v;
    out->first = t->block_a >= 0 ? t->block_a : v->from.best_layer;
    out->last = t->block_a >= 0 ? t->block_b : out->first;
    if (out->first < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the vector file names no best block; give one: %s@A-B, or find "
                               "it: persona vector calibrate",
                               name, name);
    }
    out->rows = resolve_keep(r, (size_t)v->n_layer * sizeof *out->rows);
    TRY(out->rows ? PERSONA_OK : mem_err(e, "a plan"));
    for (int b = out->first; b <= out->last && b < v->n_layer; b++) {
        out->rows[b] = v->layers[b].present ? persona_vector_row(v, b) : NULL;
    }
    TRY(out->derived ? derive_rows(r, t, out, e) : PERSONA_OK);
    for (int b = out->first; b <= out->last && b < v->n_layer; b++) {
        out->n_present += out->rows[b] != NULL;
    }
    if (out->last >= n_layer || out->n_present == 0) {
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "%s@%d-%d: no direction there (the model has blocks 0..%d, the vector "
                             "%d)",
                             name, out->first, out->last, n_layer - 1, v->n_layer);
    }
out:
    return rc;
}

/* ---- units ----------------------------------------------------------------------------------- */

/* Whether what the file knows of a model is about this one. */
static persona_code is_of(resolver *r, const persona_vector *v, bool *out, persona_err *e)
{
    const char *sha = "";
    const persona_code rc = persona_model_sha256(r->m, &sha, e);
    *out = rc == PERSONA_OK && strcmp(sha, v->from.model_hash) == 0;
    return rc;
}

static persona_code has_dose(resolver *r, const persona_vector *v, bool *out, persona_err *e)
{
    *out = isfinite(v->from.dose) && v->from.dose > 0 && v->from.best_layer >= 0;
    return *out ? is_of(r, v, out, e) : PERSONA_OK;
}

/* Doses of one vector that act together. */
typedef struct resolve_range {
    const persona_vector *v;
    const char *name;
    const steer_term *last; /* counted last: a term counts once, however many blocks it has */
    unsigned phases;
    bool alone; /* has a window or a condition: it is judged by itself */
    double doses;
} resolve_range;

static persona_code add_doses(resolver *r, const steer_term *t, const char *name,
                              const persona_vector *v, double doses, persona_err *e)
{
    const bool alone = t->n_when > 0 || t->first > 0 || t->after > 0 || t->syntax_off;
    for (size_t i = 0; i < r->n_ranges; i++) {
        resolve_range *x = &r->ranges[i];
        if (x->last == t) {
            return PERSONA_OK;
        }
        if (x->v == v && x->phases == t->phases && !x->alone && !alone) {
            x->doses += doses;
            x->last = t;
            return PERSONA_OK;
        }
    }
    resolve_range *grown = mem_realloc(r->ranges, r->n_ranges + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "a receipt");
    }
    r->ranges = grown;
    grown[r->n_ranges++] = (resolve_range){v, name, t, t->phases, alone, doses};
    return PERSONA_OK;
}

/* Where the response curve has been measured: is so much still in it? */
static void note_ranges(resolver *r)
{
    for (size_t i = 0; i < r->n_ranges; i++) {
        const resolve_range *x = &r->ranges[i];
        const double low = (double)x->v->from.safe_low, high = (double)x->v->from.safe_high;
        if (x->doses < low || x->doses > high) {
            resolve_note(r, "%s: %.3g doses are outside of its safe range, %.3g to %.3g", x->name,
                         x->doses, low, high);
        }
    }
}

persona_code resolve_scale(resolver *r, const steer_term *t, const resolve_direction *d, int block,
                           double *out, persona_err *e)
{
    const persona_vector *v = d->v;
    const char *name = leftmost(&t->v)->name;
    const size_t n_embd = (size_t)v->n_embd;
    steer_unit unit = t->unit;
    bool calibrated = false;
    persona_code rc = PERSONA_OK;
    TRY(has_dose(r, v, &calibrated, e));
    if (unit == STEER_DOSE && !calibrated) {
        resolve_note(r, "%s: no calibration for this model, unit is raw", name);
        unit = STEER_RAW;
    }
    r->units |= 1 << (int)unit;
    *out = 1;
    if (unit == STEER_DOSE) {
        *out = (double)v->from.dose / d->n_present;
    } else if (unit == STEER_RATIO) {
        const double norm = vec_norm(d->rows[block], n_embd);
        if (!(v->layers[block].h_median > 0) || !(norm > 0)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "ratio:%s: the vector file does not know ||h|| at block %d (use "
                                   "raw:, or find it: persona vector calibrate)",
                                   name, block);
        }
        *out = (double)v->layers[block].h_median / norm;
    }
    if (calibrated && (unit == STEER_DOSE || block == v->from.best_layer)) {
        TRY(add_doses(
            r, t, name, v,
            unit == STEER_DOSE ? t->coefficient : t->coefficient * *out / (double)v->from.dose, e));
    }
out:
    return rc;
}

/* ---- thresholds ------------------------------------------------------------------------------ */

/* The statistics of neutral tokens of a vector at a block, which must be about this model. */
static persona_code neutral_of(resolver *r, const char *name, const persona_vector *v, int block,
                               const persona_vector_layer **out, persona_err *e)
{
    bool mine = false;
    persona_code rc = PERSONA_OK;
    *out = &v->layers[block];
    TRY(is_of(r, v, &mine, e));
    if (!mine || !((*out)->token_sd > 0) || !isfinite((*out)->token_mean)) {
        const persona_model_info *info = persona_model_info_get(r->m);
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s: nothing is known of neutral traffic at block %d of %s; measure "
                             "it: persona vector calibrate %s --model %s",
                             name, block, info->name, name, info->path);
    }
out:
    return rc;
}

/* x, and for hold band and limit, in units of h. */
static persona_code set_threshold(resolver *r, const steer_term *t, const resolve_direction *d,
                                  int block, persona_edit *edit, persona_err *e)
{
    const persona_vector_layer *l = NULL;
    const char *name = leftmost(&t->v)->name;
    persona_code rc = PERSONA_OK;
    bool calibrated = false;
    if (d->derived) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s wants a vector by name: nothing is known of neutral traffic "
                               "along others",
                               steer_op_name(t->op));
    }
    TRY(neutral_of(r, name, d->v, block, &l, e));
    if (t->op == STEER_CAP || t->op == STEER_FLOOR) {
        const double x = persona_vector_percentile(l, t->arguments[0]);
        if (!isfinite(x)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "%s: percentile %.3g of neutral traffic is not known (expected "
                                   "1 to 99)",
                                   name, t->arguments[0]);
        }
        edit->x = (float)x;
        return PERSONA_OK;
    }
    const double sd = (double)l->token_sd;
    edit->x = (float)((double)l->token_mean + t->arguments[0] * sd);
    if (t->op == STEER_HOLD) {
        TRY(has_dose(r, d->v, &calibrated, e));
        const double most =
            fmax(1, isfinite(d->v->from.safe_high) ? (double)d->v->from.safe_high : 1);
        edit->band = (float)(t->arguments[1] * sd);
        edit->limit = calibrated ? (float)(most * (double)d->v->from.dose * (double)l->norm)
                                 : (float)(FREE_LIMIT * (double)l->h_median);
        TRY(edit->limit > 0 ? PERSONA_OK
                            : persona_err_set(e, PERSONA_E_USAGE,
                                              "%s: neither a dose nor ||h|| is known at block %d, "
                                              "so hold has no limit: persona vector calibrate",
                                              name, block));
    }
out:
    return rc;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static persona_code make_gate(resolver *r, const steer_comparison *c, persona_gate *out,
                              persona_err *e)
{
    persona_vector *v = NULL;
    const persona_vector_layer *l = NULL;
    const int last = persona_model_info_get(r->m)->n_layer - 2;
    persona_code rc = PERSONA_OK;
    TRY(resolve_vector(r, c->probe, &v, e));
    const int block = c->block >= 0 ? c->block : v->from.best_layer;
    if (block < 0 || block > last || block >= v->n_layer || !v->layers[block].present) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "condition on %s: no direction at block %d (expected 0 to %d, of "
                               "those that the vector has)",
                               c->probe, block, last);
    }
    TRY(neutral_of(r, c->probe, v, block, &l, e));
    *out = (persona_gate){.block = block,
                          .v = persona_vector_row(v, block),
                          .mean = l->token_mean,
                          .sd = l->token_sd,
                          .above = c->above,
                          .open = (float)c->open,
                          .close = (float)c->close};
out:
    return rc;
}

/* What the edits of a term have in common. */
static persona_code make_manner(resolver *r, const steer_term *t, persona_edit *out, persona_err *e)
{
    persona_gate *gates = NULL;
    persona_code rc = PERSONA_OK;
    *out = (persona_edit){.phases = t->phases == 0 ? PERSONA_PHASE_RESPONSE : t->phases,
                          .first = (size_t)t->first,
                          .after = (size_t)t->after,
                          .syntax_off = t->syntax_off,
                          .n_gates = t->n_when};
    if (t->n_when > 0) {
        gates = resolve_keep(r, t->n_when * sizeof *gates);
        TRY(gates ? PERSONA_OK : mem_err(e, "a plan"));
    }
    for (size_t i = 0; i < t->n_when; i++) {
        TRY(make_gate(r, &t->when[i], &gates[i], e));
    }
    out->gates = gates;
out:
    return rc;
}

/* ---- terms ----------------------------------------------------------------------------------- */

static persona_op engine_op(steer_op op)
{
    static const persona_op ops[STEER_N_OPS] = {
        [STEER_ADD] = PERSONA_OP_ADD,           [STEER_ABLATE] = PERSONA_OP_ABLATE,
        [STEER_CAP] = PERSONA_OP_CAP,           [STEER_FLOOR] = PERSONA_OP_FLOOR,
        [STEER_CLAMP] = PERSONA_OP_CLAMP,       [STEER_ROTATE] = PERSONA_OP_ROTATE,
        [STEER_KEEPNORM] = PERSONA_OP_KEEPNORM, [STEER_HOLD] = PERSONA_OP_HOLD,
    };
    return ops[op];
}

static persona_code note_added(resolver *r, size_t term, int block, const float *row,
                               persona_err *e)
{
    resolve_added *grown = mem_realloc(r->added, r->n_added + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "a plan");
    }
    r->added = grown;
    grown[r->n_added++] = (resolve_added){term, block, row};
    return PERSONA_OK;
}

static persona_code add_at(resolver *r, size_t i, const resolve_direction *d, int block,
                           persona_edit edit, persona_err *e)
{
    const steer_term *t = &r->x->terms[i];
    double scale = 1;
    persona_code rc = PERSONA_OK;
    edit.op = engine_op(t->op);
    edit.block = block;
    edit.v = d->rows[block];
    edit.alpha = (float)t->coefficient;
    if (t->op == STEER_ADD || t->op == STEER_KEEPNORM) {
        TRY(resolve_scale(r, t, d, block, &scale, e));
        edit.alpha = (float)(t->coefficient * scale);
    } else if (t->op == STEER_ROTATE) {
        edit.alpha = (float)(t->coefficient * t->arguments[0]);
    } else if (t->op != STEER_ABLATE) {
        TRY(set_threshold(r, t, d, block, &edit, e));
    }
    if (t->op == STEER_ADD) {
        r->delta += t->coefficient * scale * vec_norm(edit.v, (size_t)d->v->n_embd);
        TRY(note_added(r, i, block, edit.v, e));
    }
    TRY(resolve_add(r, &edit, e));
out:
    return rc;
}

static persona_code resolve_term(resolver *r, size_t i, persona_edit manner, persona_err *e)
{
    resolve_direction d;
    persona_code rc = PERSONA_OK;
    TRY(resolve_find_direction(r, &r->x->terms[i], &d, e));
    for (int b = d.first; b <= d.last && b < d.v->n_layer; b++) {
        TRY(d.rows[b] ? add_at(r, i, &d, b, manner, e) : PERSONA_OK);
    }
out:
    return rc;
}

/* Terms of the joint group that begins at i; 1: a term by itself. */
static size_t group_length(const steer_expr *x, size_t i)
{
    size_t n = 1;
    while (x->terms[i].joint > 0 && i + n < x->n && x->terms[i + n].joint == x->terms[i].joint) {
        n++;
    }
    return n;
}

static persona_code something_moves(const resolver *r, persona_err *e)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->edits[i].alpha > 0 || r->edits[i].alpha < 0) {
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "steering expression: it can do nothing, since every coefficient is 0 "
                           "(leave --steer out for no steering)");
}

persona_code resolve_terms(resolver *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t i = 0;
    bool at_term = true;
    for (size_t n = 0; i < r->x->n; i += n) {
        const steer_term *t = &r->x->terms[i];
        persona_edit manner;
        n = group_length(r->x, i);
        TRY(make_manner(r, t, &manner, e));
        TRY(t->joint > 0 ? resolve_joint(r, i, n, manner, e) : resolve_term(r, i, manner, e));
    }
    at_term = false;
    note_ranges(r);
    TRY(something_moves(r, e));
    TRY(resolve_conflicts(r, e));
out:
    if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM && at_term) {
        char place[STEER_PLACE];
        steer_place(r->x, i, place);
        persona_err_wrap(e, "%s", place);
    }
    return rc;
}
